#!/usr/bin/env python3
# labels: clients
# timeout: 240
"""A key as `sealkey-bench` issues it, seal included, stamps and signs; judged by pdfsig, openssl and `sealkey verify`."""
import json

import application_pdf
import bench_case
import harness

PIN = "853197"


class IssuedKey(bench_case.BenchCase):
    def test_seal_made_by_the_bench_stamps_and_its_certificates_sign(self):
        self.make_ca()
        key = self.simulator()
        picture = self.work.write("seal.png", bench_case.png())
        issued = self.issue(key, seal_image=str(picture))
        self.activate(key, issued["serial"], PIN)
        pin = {"SEALKEY_PIN": PIN}
        authority = self.work.write("ca.pem", (self.ca / "root.pem").read_bytes() + (self.ca / "issuing.pem").read_bytes())
        trust = ["--ca", authority, "--seal-ca", self.ca / "seal-root.pem"]
        key.run(["sealkey", "seal", "verify", "--seal-ca", self.ca / "seal-root.pem"])

        source = self.work.write("application.pdf", application_pdf.make())
        stamped = self.work / "stamped.pdf"
        key.run(["sealkey", "stamp", source, stamped, "--at", "120,200", *trust[2:]], env=pin)
        self.assertIn("Signature is Valid", harness.run(["pdfsig", "-nocert", stamped], ok=None).out)
        signature, = json.loads(key.run(["sealkey", "verify", stamped, *trust, "--json"]).out)["signatures"]
        self.assertEqual(signature["seal"]["name"], bench_case.NAME)
        # The seal's authority is no authority of signers, and the other way round.
        key.run(["sealkey", "verify", stamped, "--ca", trust[3], "--seal-ca", trust[3]], code=11)
        key.run(["sealkey", "verify", stamped, "--ca", authority, "--seal-ca", authority], code=11)

        cms = self.work / "application.p7s"
        key.run(["sealkey", "sign", source, "-o", cms], env=pin)
        changed = self.work.write("changed.pdf", source.read_bytes()[:-1] + b"!")
        for content, ok in ((source, True), (changed, False)):
            harness.run(["openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", cms, "-content",
                         content, "-CAfile", authority, "-purpose", "any", "-out", "/dev/null"], ok=ok)


if __name__ == "__main__":
    harness.main()
