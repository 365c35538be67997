#!/usr/bin/env python3
# labels: clients
# timeout: 180
"""OpenSC's tools and its PKCS#11 module against a token of the compatibility profile."""
import re

import harness
from harness import DEFAULT_MANAGEMENT_KEY, DEFAULT_PIN, OPENSC_MODULE
from personal import PersonalisedCase, ShippingCase

AES_MANAGEMENT_KEY = "00112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f0"


def colons(text):
    return ":".join(re.findall("..", text))


class OpenScCase(PersonalisedCase):
    """Profile: compatibility."""

    def pkcs11(self, *arguments, **how):
        return self.key.run(["pkcs11-tool", "--module", OPENSC_MODULE, *arguments], **how)


class PivTool(OpenScCase):
    """Profile: compatibility. Version 0.23 can't print the public key that it had generated (OpenSC issue 3156) and ends
    with the number of bytes written as its exit code, so what it did is read from the token."""

    def administer(self, management_key, algorithm, *arguments):
        key_file = self.work.write("9b.key", colons(management_key))
        self.key.run(["piv-tool", "-A", f"M:9B:{algorithm}", *arguments], env={"PIV_EXT_AUTH_KEY": str(key_file)}, ok=None)

    def key_algorithm(self, slot):
        """From the token's metadata; None where there is no key."""
        with harness.Card() as card:
            card.select()
            data, word = card.transmit(f"00f700{slot}00")
        return data[2] if word == 0x9000 else None

    def check_all(self, management_key, algorithm):
        certificate = self.work / "c.pem"
        harness.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.work / "k",
                     "-subj", "/CN=by piv-tool", "-out", certificate])
        self.administer(management_key, algorithm, "-G", "9A:07", "-o", self.work / "9a.pub")
        self.administer(management_key, algorithm, "-G", "9C:11", "-o", self.work / "9c.pub")
        self.administer(management_key, algorithm, "-C", "9E", "-i", certificate)
        self.assertEqual((self.key_algorithm("9a"), self.key_algorithm("9c")), (0x07, 0x11))
        read = self.key.run(["pkcs15-tool", "--read-certificate", "04"]).out
        self.assertEqual(read[read.index("-----BEGIN"):].strip(), certificate.read_text().strip())

    def test_administers_with_the_3des_key(self):
        self.check_all(DEFAULT_MANAGEMENT_KEY, "03")

    def test_administers_with_an_aes_256_key(self):
        self.set_management_key("0c", AES_MANAGEMENT_KEY)
        self.check_all(AES_MANAGEMENT_KEY, "0C")

    def test_wrong_key_or_algorithm_is_refused(self):
        """Lesson 1."""
        self.set_management_key("0c", AES_MANAGEMENT_KEY)
        for algorithm, text in (("0C", "ff" * 32), ("0C", AES_MANAGEMENT_KEY[:-2] + "00"), ("03", DEFAULT_MANAGEMENT_KEY),
                                ("08", AES_MANAGEMENT_KEY[:32])):
            with self.subTest(algorithm=algorithm, key=text[:8]):
                self.administer(text, algorithm, "-G", "9A:11", "-o", self.work / "none")
                self.assertIsNone(self.key_algorithm("9a"))

    def set_management_key(self, algorithm, text):
        with harness.Card() as card:
            card.select()
            harness.authenticate_management(card)
            new = bytes.fromhex(text)
            _, word = card.transmit(bytes([0, 0xFF, 0xFF, 0xFF, len(new) + 3, int(algorithm, 16), 0x9B, len(new)]) + new)
            self.assertEqual(word, 0x9000)


class Pkcs15(OpenScCase):
    """Profile: compatibility."""

    def test_dump_shows_keys_certificates_and_pin(self):
        self.personalise(("9a", "RSA2048"), ("9c", "ECCP256"))
        dump = self.key.run(["pkcs15-tool", "--dump"]).out
        self.assertIn("Private RSA Key [PIV AUTH key]", dump)
        self.assertIn("Private EC Key [SIGN key]", dump)
        self.assertIn("X.509 Certificate [Certificate for PIV Authentication]", dump)
        self.assertIn("PIN [PIN]", dump)
        self.assertIn("PIN [PIV PUK]", dump)

    def test_pin_is_verified_and_changed(self):
        self.key.run(["pkcs15-tool", "--verify-pin", "--pin", self.pin])
        self.key.run(["pkcs15-tool", "--verify-pin", "--pin", "999999"], ok=False)
        self.key.run(["pkcs15-tool", "--change-pin", "--pin", self.pin, "--new-pin", "135791"])
        self.key.run(["pkcs15-tool", "--verify-pin", "--pin", "135791"])

    def test_pin_is_unblocked(self):
        for _ in range(6):
            self.key.run(["pkcs15-tool", "--verify-pin", "--pin", "999999"], ok=False)
        self.key.run(["pkcs15-tool", "--unblock-pin", "--puk", harness.DEFAULT_PUK, "--new-pin", "135791"])
        self.key.run(["pkcs15-tool", "--verify-pin", "--pin", "135791"])

    def test_token_without_keys_dumps_too(self):
        self.assertIn("PIV", self.key.run(["pkcs15-tool", "--dump"]).out)


class Pkcs11(OpenScCase):
    """Profile: compatibility."""

    def test_its_own_test_with_rsa(self):
        self.personalise(("9a", "RSA2048"), ("9d", "RSA2048"))
        out = self.pkcs11("--test", "--login", "--pin", self.pin).out
        self.assertIn("No errors", out)
        self.assertIn("Decryption (currently only for RSA)", out)

    def test_its_own_test_with_ec(self):
        self.personalise(("9a", "ECCP256"))
        self.assertIn("No errors", self.pkcs11("--test", "--login", "--pin", self.pin).out)

    def test_signatures_of_each_kind_verify(self):
        self.personalise(("9a", "RSA2048"), ("9c", "ECCP256"))
        data = self.work.write("data", b"a licence application")
        signature = self.work / "signature"
        pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"]
        for slot, identity, mechanism, more, check in (
                ("9a", "01", "SHA256-RSA-PKCS", [], []),
                ("9a", "01", "SHA256-RSA-PKCS-PSS", ["--salt-len", "32"], pss),
                ("9c", "02", "ECDSA-SHA256", ["--signature-format", "openssl"], [])):
            with self.subTest(mechanism):
                self.pkcs11("--login", "--pin", self.pin, "--sign", "--id", identity, "-m", mechanism, *more,
                            "-i", data, "-o", signature)
                verify = ["openssl", "dgst", "-sha256", "-verify", self.public_key(slot), *check, "-signature", signature, data]
                harness.run(verify)
                self.work.write("data", b"another")
                harness.run(verify, ok=False)
                self.work.write("data", b"a licence application")

    def test_certificates_are_listed_without_a_pin(self):
        """Lesson 21."""
        self.personalise(("9a", "RSA2048"))
        before = self.key.apdu_count()
        out = self.pkcs11("--list-objects", "--type", "cert").out
        self.assertIn("Certificate for PIV Authentication", out)
        self.assertEqual([e for e in self.key.log(before + 1) if e["name"] == "VERIFY" and "bytes]" in e["command"]], [])

    def test_wrong_pin_fails_and_counts_one(self):
        self.personalise(("9a", "RSA2048"))
        self.pkcs11("--login", "--pin", "999999", "--list-objects", ok=False)
        self.assertEqual(self.tries(), 5)


class Pkcs15Shipping(ShippingCase, OpenScCase):
    """Profile: shipping. There is no PUK; a blocked PIN waits for a reset code."""

    def test_dump_shows_keys_and_certificates(self):
        self.personalise(("9a", "RSA2048"), ("9c", "ECCP256"))
        dump = self.key.run(["pkcs15-tool", "--dump"]).out
        self.assertIn("Private RSA Key [PIV AUTH key]", dump)
        self.assertIn("Private EC Key [SIGN key]", dump)

    def test_pin_is_verified_and_changed_and_an_obvious_one_refused(self):
        self.personalise(("9a", "ECCP256"))
        self.key.run(["pkcs15-tool", "--verify-pin", "--pin", self.pin])
        self.key.run(["pkcs15-tool", "--change-pin", "--pin", self.pin, "--new-pin", "111111"], ok=False)
        self.key.run(["pkcs15-tool", "--change-pin", "--pin", self.pin, "--new-pin", "246813"])
        self.key.run(["pkcs15-tool", "--verify-pin", "--pin", "246813"])

    def test_no_puk_unblocks_it(self):
        self.personalise(("9a", "ECCP256"))
        for _ in range(6):
            self.key.run(["pkcs15-tool", "--verify-pin", "--pin", "999999"], ok=False)
        self.key.run(["pkcs15-tool", "--unblock-pin", "--puk", harness.DEFAULT_PUK, "--new-pin", "246813"], ok=False)
        self.assertEqual(self.tries(), 0)


class Pkcs11Shipping(ShippingCase, Pkcs11):
    """Profile: shipping."""


if __name__ == "__main__":
    harness.main()
