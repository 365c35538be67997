#!/usr/bin/env python3
# labels: clients
# timeout: 120
"""`sealkey seal verify` of a seal in a file: each step of the verifier refuses by its own name, and the first one is said."""
import json

import harness
from seal_maker import SealMaker


class SealVerify(harness.Case):
    def setUp(self):
        super().setUp()
        self.maker = SealMaker(self.work.path)
        self.signer = self.certificate("signer")
        self.other = self.certificate("other")

    def certificate(self, name):
        """A signer's certificate, PEM, and its DER."""
        path = self.work / f"{name}.pem"
        harness.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                     f"/CN={name}", "-keyout", self.work / f"{name}.key", "-out", path])
        return path

    @staticmethod
    def der(path):
        return harness.run(["openssl", "x509", "-in", path, "-outform", "DER"]).raw

    def make(self, **how):
        return self.maker.make([self.der(self.signer)], **how)

    def verify(self, seal, certificate=None, root=None):
        """"good", or the fault by which it is refused."""
        path = self.work.write("seal.der", seal)
        done = harness.run(["sealkey", "seal", "verify", "--from", path, "--certificate", certificate or self.signer,
                            "--seal-ca", root or self.maker.root, "--json"], ok=None)
        answer = json.loads(done.out)
        if answer["ok"]:
            return "good"
        self.assertEqual(answer["error"]["code"], done.code)
        return (answer["error"]["name"], answer["error"]["fault"])

    def assert_refused(self, fault, seal, **how):
        self.assertEqual(self.verify(seal, **how), ("not_verified", fault))

    def test_good_by_certificate_and_by_digest(self):
        self.assertEqual(self.verify(self.make()), "good")
        self.assertEqual(self.verify(self.make(by_digest=True)), "good")

    def test_step_1_form(self):
        good = self.make()
        for bad in (b"", b"x", good[:-1], good + b"\0", good[:40] + b"\xff" + good[41:]):
            self.assert_refused("malformed", bad)
        for version in (2, 5):
            self.assert_refused("unsupported", self.make(version=version))

    def test_step_2_the_signers_certificate_is_in_the_list(self):
        for by_digest in (False, True):
            self.assert_refused("certificate_not_listed", self.make(by_digest=by_digest), certificate=self.other)

    def test_step_3_the_makers_signature(self):
        good = self.make()
        changed = bytearray(good)
        changed[good.index(b"35010012345678")] ^= 1
        self.assert_refused("wrong_signature", bytes(changed))
        # Another maker's certificate in the place of the one that signed.
        other = SealMaker(self.work.path, "thief")
        self.assert_refused("wrong_signature", self.make(certificate=other.certificate), root=other.root)

    def test_step_4_the_makers_chain(self):
        other = SealMaker(self.work.path, "other")
        self.assert_refused("maker_untrusted", self.make(), root=other.root)
        # The maker's own certificate is no authority, nor is the signer's.
        self.assert_refused("maker_untrusted", self.make(), root=self.maker.certificate)
        self.assert_refused("maker_untrusted", self.make(), root=self.signer)

    def test_step_5_the_makers_time(self):
        self.assert_refused("maker_expired", self.make(created=-40, begins=-40))
        self.assert_refused("maker_expired", self.make(created=60))

    def test_step_6_the_seals_own_period(self):
        self.assert_refused("expired", self.make(begins=-9, ends=-1))
        self.assert_refused("not_yet_valid", self.make(begins=1, ends=9))

    def test_first_fault_in_that_order_is_the_one_that_is_said(self):
        other = SealMaker(self.work.path, "other")
        late = self.make(created=-40, begins=-40, ends=-30)
        changed = bytearray(late)
        changed[late.index(b"35010012345678")] ^= 1
        everything = {"certificate": self.other, "root": other.root}
        self.assert_refused("malformed", bytes(changed) + b"\0", **everything)
        self.assert_refused("certificate_not_listed", bytes(changed), **everything)
        self.assert_refused("wrong_signature", bytes(changed), root=other.root)
        self.assert_refused("maker_untrusted", late, root=other.root)
        self.assert_refused("maker_expired", late)

    def test_certificate_that_cannot_be_asked_about(self):
        seal = self.make()
        self.assertEqual(self.verify(seal, certificate=self.work.write("no.pem", b"no")), ("bad_input", "bad_authority_file"))
        done = harness.run(["sealkey", "seal", "verify", "--certificate", self.signer, "--seal-ca", self.maker.root, "--json"],
                           ok=False)
        self.assertEqual(json.loads(done.out)["error"]["name"], "usage")


if __name__ == "__main__":
    harness.main(pcscd=False)
