#!/usr/bin/env python3
# labels: clients
# timeout: 200
"""sim/demo.sh where namespaces are forbidden: it says so, uses the system's pcscd, and leaves nothing behind. The system's is
played by a private pcscd, the refusal by an unshare that fails."""
import os
import pathlib
import signal
import subprocess

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

    def test_interrupted_while_a_program_hangs_it_ends_at_once(self):
        folder = self.work / "forbidden"
        folder.mkdir()
        for name, body in (("unshare", "exit 1"), ("curl", f"echo $$ >{self.work.path}/hanging; exec sleep 600")):
            (folder / name).write_text(f"#!/bin/sh\n{body}\n")
            (folder / name).chmod(0o755)
        # pylint: disable=consider-using-with
        process = subprocess.Popen([ROOT / "sim/demo.sh"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, start_new_session=True, env={
                                       **os.environ, "PATH": f"{folder}:{os.environ['PATH']}",
                                       "TMPDIR": str(self.work.path), "SEALKEY_BUILD": str(harness.BUILD),
                                       "SEALKEY_DEMO_DIR": str(self.work / "demo")})
        harness.until(lambda: (self.work / "hanging").exists() and (self.work / "hanging").read_text(), "the story hangs", 60)
        hanging = int((self.work / "hanging").read_text())
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=20)
        self.assertEqual(process.returncode, 130, output)
        self.assertFalse((self.work / "demo").exists())
        self.assertFalse(pathlib.Path(f"/proc/{hanging}").exists(), "the hanging program goes on")
        self.assertFalse(self.left_running())
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
