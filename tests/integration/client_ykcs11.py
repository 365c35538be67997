#!/usr/bin/env python3
# labels: clients
# timeout: 180
"""Debian's libykcs11, which wants a reader called Yubico. Profiles: both."""
import harness
from harness import YKCS11_MODULE
from personal import PersonalisedCase, ShippingCase


class Ykcs11(PersonalisedCase):
    """Profile: compatibility."""

    def pkcs11(self, *arguments, **how):
        return self.key.run(["pkcs11-tool", "--module", YKCS11_MODULE, *arguments], **how)

    def test_reader_has_the_name(self):
        self.assertTrue(harness.readers()[0].startswith("Yubico"))

    def test_lists_slot_token_and_certificates(self):
        self.personalise(("9a", "RSA2048"), ("9c", "ECCP256"))
        self.assertIn("YubiKey PIV", self.pkcs11("--list-token-slots").out)
        out = self.pkcs11("--list-objects", "--type", "cert").out
        self.assertIn("X.509 Certificate for PIV Authentication", out)
        self.assertIn("X.509 Certificate for Digital Signature", out)

    def test_signs_with_the_login_and_the_signature_key(self):
        self.personalise(("9a", "RSA2048"), ("9c", "ECCP256"))
        data = self.work.write("data", b"a licence application")
        signature = self.work / "signature"
        for slot, identity, mechanism, more in (("9a", "01", "SHA256-RSA-PKCS", []),
                                                ("9c", "02", "ECDSA-SHA256", ["--signature-format", "openssl"])):
            with self.subTest(slot):
                self.pkcs11("--login", "--pin", self.pin, "--sign", "--id", identity, "-m", mechanism, *more,
                            "-i", data, "-o", signature)
                harness.run(["openssl", "dgst", "-sha256", "-verify", self.public_key(slot), "-signature", signature, data])

    def test_wrong_pin_costs_one_try(self):
        self.personalise(("9a", "RSA2048"))
        self.pkcs11("--login", "--pin", "999999", "--list-objects", ok=False)
        self.assertEqual(self.tries(), 5)


class Ykcs11Shipping(ShippingCase, Ykcs11):
    """Profile: shipping."""


if __name__ == "__main__":
    harness.main(reader="Yubico YubiKey CCID")
