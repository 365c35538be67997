#!/usr/bin/env python3
# labels: clients
# timeout: 200
"""sim/demo.sh where namespaces are forbidden: it says so, uses the system's pcscd, and leaves nothing behind. The system's is
played by a private pcscd, the refusal by an unshare that fails."""
import os
import pathlib

import harness
from harness import ROOT


class Forbidden(harness.Case):
    def test_story_is_told_beside_the_systems_pcscd(self):
        folder = self.work / "forbidden"
        folder.mkdir()
        fake = folder / "unshare"
        fake.write_text("#!/bin/sh\nexit 1\n")
        fake.chmod(0o755)
        done = harness.run([ROOT / "sim/demo.sh"], timeout=180, env={
            "PATH": f"{folder}:{os.environ['PATH']}", "TMPDIR": str(self.work.path),
            "SEALKEY_BUILD": str(harness.BUILD), "SEALKEY_DEMO_DIR": str(self.work / "demo")})
        self.assertIn("namespaces are forbidden", done.err)
        self.assertRegex(done.out, r"\d+ things shown")
        self.assertFalse((self.work / "demo").exists())
        harness.until(lambda: not self.left_running(), "the demo's programs have ended", 10)
        self.assertTrue(harness.readers(), "the system's pcscd goes on")

    def left_running(self):
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/comm"):
            try:
                if path.read_text().strip() in ("sealkey-sim", "nginx"):
                    found.append(path)
            except OSError:
                pass
        return found


if __name__ == "__main__":
    harness.main()
