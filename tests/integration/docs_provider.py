#!/usr/bin/env python3
# labels: docs bench
# timeout: 300
"""Runs every command of docs/ca-ceremony.md and docs/operator-guide.md, in their order, and asks each to end as the page says (`!`: with
a failure)."""
import re

import harness
from bench_case import CODE, NAME, BenchCase, png
from renewal_case import Service

PIN = "739146"


def blocks(page):
    text = (harness.ROOT / "docs" / page).read_text(encoding="utf-8")
    return re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S)


class Pages(BenchCase):
    def run_block(self, block, **environment):
        # `set -e` lets a `!` pass, so those lines get a check of their own.
        script = re.sub(r"^! (.*)$", r'if \1; then echo "should have failed: \1" >&2; exit 1; fi', block, flags=re.M)
        folder = harness.BUILD / "host/cli"
        return harness.run(["bash", "-c", f"set -euo pipefail\nPATH={folder}:$PATH\n{script}"], cwd=self.work.path, timeout=240,
                           env={**self.environment, **environment})

    def test_ceremony(self):
        said = [self.run_block(block) for block in blocks("ca-ceremony.md")]
        self.assertGreaterEqual(len(said), 8)
        self.assertEqual(said[1].out.count("Fingerprint="), 5)
        self.assertFalse((self.ca / "root.key").exists() or (self.ca / "seal-root.key").exists())
        self.assertTrue((self.work / "safe/root.key").exists())
        # What was revoked stands on the list; the maker at the end is neither the first nor the second.
        former = list(self.ca.glob("seal-maker-*.pem"))
        self.assertEqual(len(former), 2)
        harness.run(["openssl", "verify", "-CAfile", self.ca / "root.pem", self.ca / "issuing.pem"])

    def test_operators_day(self):
        self.make_ca()
        key = self.simulator()
        self.work.write("last-head", self.bench_json("audit", "verify")["head"])
        self.work.write("seal.png", png())
        self.work.write("pin", PIN)
        self.work.write("statement.pdf", b"We lost it on a journey.")
        self.work.write("orders.csv", "kind,enterprise_name,unified_code,login_name,algorithm,seal_image\n"
                        f"first,{NAME},{CODE},FJSL,p256,seal.png\n")
        (self.work / "factory").symlink_to(key.birth_record.parent)
        made = blocks("operator-guide.md")
        self.assertGreaterEqual(len(made), 13)
        for block in made:
            if re.search(r"> *(activation|desk-pin|wrong|pin)\b|--new-pin-file|desk-code", block):
                self.assertTrue(block.startswith("umask 077\n"), block)
        for block in made[:2]:
            self.run_block(block)
        serial = self.bench_json("inventory", "list")["keys"][0]["serial"]
        service = Service(self)
        self.addCleanup(service.stop)
        for block in made[2:]:
            self.run_block(block, SERIAL=serial, CA_URL=service.url)
        self.assertEqual(self.bench_json("inventory", "show", "--serial", serial)["state"], "TERMINATED")
        self.assertEqual([one["state"] for one in self.bench_json("renewals", "list")["renewals"]], ["CLOSED", "CLOSED"])
        self.assertFalse((self.work / "desk-pin").exists())
        self.assertEqual((self.work / "wrong").stat().st_mode & 0o077, 0)
        self.assertTrue((self.work / "labels.pdf").read_bytes().startswith(b"%PDF"))
        moved = [row["detail"]["to"] for row in self.audit() if row["action"] == "state" and row["subject"] == serial]
        for state in ("PACKED", "IN_TRANSIT", "AT_AUTHORITY", "DELIVERED", "DAMAGED"):
            self.assertIn(state, moved)


if __name__ == "__main__":
    harness.main()
