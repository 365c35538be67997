#!/usr/bin/env python3
# labels: docs clients
# timeout: 180
"""Runs every command of docs/seal.md, in its order, and asks each to end as the page says (`!`: with a failure)."""
import re

import application_pdf
import harness
from sealed_key import PIN, SealedKeyCase
from timestamp_authority import TimestampAuthority


class SealPage(SealedKeyCase):
    def test_every_command_runs_as_written(self):
        self.ship()
        self.work.write("application.pdf", application_pdf.make())
        self.work.write("seal-root.pem", self.maker.root.read_bytes())
        self.work.write("seal-root.crl", self.maker.revocation_list())
        authority = TimestampAuthority(self)
        self.work.write("tsa-root.pem", authority.root.read_bytes())
        page = (harness.ROOT / "docs/seal.md").read_text(encoding="utf-8")
        blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.M | re.S)
        self.assertGreaterEqual(len(blocks), 5)
        # `set -e` lets a `!` pass, so those lines get a check of their own.
        script = re.sub(r"^! (.*)$", r'if \1; then echo "should have failed: \1" >&2; exit 1; fi', "".join(blocks), flags=re.M)
        folder = harness.BUILD / "host/cli"
        done = self.key.run(["bash", "-c", f"set -euo pipefail\nPATH={folder}:$PATH\n{script}"], cwd=self.work.path,
                            env={"SEALKEY_PIN": PIN, "TSA": authority.url}, timeout=120)
        self.assertIn("Signature is Valid", done.out)
        self.assertIn("Verified OK", done.out)


if __name__ == "__main__":
    harness.main()
