#!/usr/bin/env python3
# labels: clients
# timeout: 180
"""Debian's yubico-piv-tool against a token of the compatibility profile: all that it does, and what must be refused it."""
import os
import re

import harness
from harness import DEFAULT_MANAGEMENT_KEY, DEFAULT_PIN, DEFAULT_PUK
from personal import PersonalisedCase, ShippingCase

NEW_MANAGEMENT_KEY = "a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60719"


class YubicoPivTool(PersonalisedCase):
    """Profile: compatibility."""

    def tool(self, *arguments, **how):
        return self.yubico(*arguments, **how)

    def test_status_of_a_new_token(self):
        out = self.tool("-a", "status").out
        self.assertRegex(out, r"Version:\s+5\.")
        self.assertRegex(out, r"Serial Number:\s+\d+")
        self.assertRegex(out, r"CHUID:\s+[0-9a-f]{20}")
        self.assertRegex(out, r"PIN tries left:\s+6")
        self.assertNotRegex(out, r"Slot 9a")

    def test_rsa_key_is_generated_certified_and_signs(self):
        public, certificate = self.generate("9a", "RSA2048")
        self.assertIn("Public-Key: (2048 bit)", harness.run(["openssl", "pkey", "-pubin", "-in", public, "-text"]).out)
        harness.run(["openssl", "verify", "-CAfile", self.authority, certificate])
        self.tool("-a", "verify-pin", "-P", DEFAULT_PIN, "-a", "test-signature", "-s", "9a", "-i", certificate)
        self.assertEqual(self.tool("-a", "read-certificate", "-s", "9a").out.strip(), certificate.read_text().strip())
        status = self.tool("-a", "status").out
        self.assertIn("Slot 9a", status)
        self.assertRegex(status, "CN ?= ?slot 9a")

    def test_p256_and_p384_keys_are_generated_certified_and_sign(self):
        for slot, algorithm in (("9a", "ECCP256"), ("9e", "ECCP384")):
            with self.subTest(algorithm):
                _, certificate = self.generate(slot, algorithm)
                harness.run(["openssl", "verify", "-CAfile", self.authority, certificate])
                self.tool("-a", "verify-pin", "-P", DEFAULT_PIN, "-a", "test-signature", "-s", slot, "-i", certificate)

    def test_signature_slot_asks_for_the_pin_each_time(self):
        _, certificate = self.generate("9c", "RSA2048")
        self.tool("-a", "verify-pin", "-P", DEFAULT_PIN, "-a", "test-signature", "-s", "9c", "-i", certificate)
        self.tool("-a", "test-signature", "-s", "9c", "-i", certificate, ok=False)
        self.tool("-a", "verify-pin", "-P", DEFAULT_PIN, "-a", "test-signature", "-a", "test-signature", "-s", "9c",
                  "-i", certificate, ok=False)

    def test_decryption_rsa_and_ecdh(self):
        for slot, algorithm in (("9d", "RSA2048"), ("82", "ECCP256")):
            with self.subTest(algorithm):
                _, certificate = self.generate(slot, algorithm)
                self.tool("-a", "verify-pin", "-P", DEFAULT_PIN, "-a", "test-decipher", "-s", slot, "-i", certificate)
                self.tool("-a", "test-decipher", "-s", slot, "-i", certificate, ok=False)

    def test_requests_of_debians_version_fail_before_they_reach_the_token(self):
        """Version 2.2.0 can't sign requests and certificates with OpenSSL 3 (its issue 388), with no token at all: what
        fails is not ours. client_openssl.py makes the requests."""
        public = self.work / "9a.pub"
        self.tool("-a", "generate", "-s", "9a", "-A", "ECCP256", "-o", public)
        before = self.key.apdu_count()
        for action in ("request-certificate", "selfsign-certificate"):
            self.tool("-a", "verify-pin", "-P", DEFAULT_PIN, "-a", action, "-s", "9a", "-S", "/CN=x/", "-i", public,
                      "-o", self.work / "out", ok=False)
        self.assertNotIn("GENERAL AUTHENTICATE", [entry["name"] for entry in self.key.log(before + 1)])

    def test_imported_keys_sign_and_decrypt(self):
        cases = (("9a", ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]),
                 ("9c", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]),
                 ("9d", ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"]))
        for slot, how in cases:
            with self.subTest(slot):
                key, certificate = self.work / "k.pem", self.work / "k.crt"
                harness.run(["openssl", "genpkey", *how, "-out", key])
                harness.run(["openssl", "req", "-x509", "-key", key, "-subj", "/CN=imported", "-out", certificate])
                self.tool("-a", "import-key", "-s", slot, "-i", key)
                self.tool("-a", "import-certificate", "-s", slot, "-i", certificate)
                test = "test-decipher" if slot == "9d" else "test-signature"
                self.tool("-a", "verify-pin", "-P", DEFAULT_PIN, "-a", test, "-s", slot, "-i", certificate)

    def test_pin_policy_of_a_key_is_kept(self):
        _, always = self.generate("9a", "ECCP256", "--pin-policy=always")
        self.tool("-a", "verify-pin", "-P", DEFAULT_PIN, "-a", "test-signature", "-a", "test-signature", "-s", "9a",
                  "-i", always, ok=False)
        _, never = self.generate("9c", "ECCP256", "--pin-policy=never")
        self.tool("-a", "test-signature", "-s", "9c", "-i", never)

    def test_pin_is_changed(self):
        self.tool("-a", "change-pin", "-P", DEFAULT_PIN, "-N", "867530")
        self.tool("-a", "verify-pin", "-P", DEFAULT_PIN, ok=False)
        self.tool("-a", "verify-pin", "-P", "867530")
        self.tool("-a", "change-pin", "-P", DEFAULT_PIN, "-N", "111222", ok=False)
        self.tool("-a", "verify-pin", "-P", "867530")

    def test_pin_is_unblocked_by_the_puk(self):
        for _ in range(6):
            self.tool("-a", "verify-pin", "-P", "999999", ok=False)
        blocked = self.tool("-a", "verify-pin", "-P", DEFAULT_PIN, ok=False)
        self.assertIn("blocked", (blocked.out + blocked.err).lower())
        self.tool("-a", "unblock-pin", "-P", "87654321", "-N", "246810", ok=False)
        self.tool("-a", "unblock-pin", "-P", DEFAULT_PUK, "-N", "246810")
        self.tool("-a", "verify-pin", "-P", "246810")
        self.assertRegex(self.tool("-a", "status").out, r"PIN tries left:\s+6")

    def test_puk_is_changed(self):
        self.tool("-a", "change-puk", "-P", DEFAULT_PUK, "-N", "11223344")
        self.tool("-a", "unblock-pin", "-P", DEFAULT_PUK, "-N", "246810", ok=False)
        self.tool("-a", "unblock-pin", "-P", "11223344", "-N", "246810")
        self.tool("-a", "verify-pin", "-P", "246810")

    def test_management_key_is_changed(self):
        self.tool("-a", "set-mgm-key", "-n", NEW_MANAGEMENT_KEY)
        self.tool("-a", "set-chuid", ok=False)
        self.tool(f"-k{DEFAULT_MANAGEMENT_KEY}", "-a", "set-chuid", ok=False)
        self.tool(f"-k{NEW_MANAGEMENT_KEY}", "-a", "set-chuid")

    def test_wrong_management_key_changes_nothing(self):
        before = self.tool("-a", "status").out
        wrong = "f" * 48
        for action in (["set-chuid"], ["set-ccc"], ["generate", "-s", "9a"], ["pin-retries", "--pin-retries=3",
                                                                             "--puk-retries=3"]):
            with self.subTest(action[0]):
                self.tool(f"-k{wrong}", "-a", *action, ok=False)
        self.assertEqual(self.tool("-a", "status").out, before)

    def test_chuid_and_ccc_are_set(self):
        chuid = re.search(r"CHUID:\s+(\S+)", self.tool("-a", "status").out).group(1)
        self.tool("-a", "set-chuid")
        self.tool("-a", "set-ccc")
        status = self.tool("-a", "status").out
        self.assertNotEqual(re.search(r"CHUID:\s+(\S+)", status).group(1), chuid)
        self.assertRegex(status, r"CCC:\s+f0")

    def test_objects_are_written_and_read_back(self):
        for size in (1, 127, 128, 255, 256, 2000, 3000):
            with self.subTest(size):
                content = os.urandom(size)
                path = self.work.write("object", content)
                # 5FFF12, one of those that clients keep for themselves
                self.tool("-a", "write-object", "--id", str(0x5FFF12), "-f", "binary", "-i", path)
                out = self.work / "out"
                self.tool("-a", "read-object", "--id", str(0x5FFF12), "-f", "binary", "-o", out)
                self.assertEqual(out.read_bytes(), content)
        self.tool("-a", "read-object", "--id", str(0x5FFF13), "-o", self.work / "none", ok=False)

    def test_certificate_is_deleted(self):
        self.generate("9a", "ECCP256")
        self.tool("-a", "delete-certificate", "-s", "9a")
        self.tool("-a", "read-certificate", "-s", "9a", ok=False)

    def test_compressed_certificate_reads_as_such(self):
        """Lesson 16."""
        key, certificate = self.work / "k.pem", self.work / "k.der"
        harness.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-subj", "/CN=packed",
                     "-outform", "DER", "-out", certificate])
        harness.run(["gzip", "-9", certificate])
        self.tool("-a", "import-key", "-s", "9a", "-i", key)
        self.tool("-a", "import-certificate", "-s", "9a", "-K", "GZIP", "-i", f"{certificate}.gz")
        shown = self.key.run(["pkcs15-tool", "--read-certificate", "01"]).out
        self.assertIn("BEGIN CERTIFICATE", shown)
        text = harness.run(["openssl", "x509", "-noout", "-subject"], stdin=shown).out
        self.assertIn("packed", text)

    def test_generated_keys_are_attested_and_openssl_verifies_the_chain(self):
        root, root_key = self.work / "device-root.crt", self.work / "device-root.key"
        harness.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", root_key, "-subj",
                     "/CN=Device Root", "-addext", "keyUsage=critical,keyCertSign", "-out", root])
        self.generate("9a", "ECCP256")
        self.tool("-a", "attest", "-s", "9a", ok=False)
        for f9, slot, algorithm in (("ECCP256", "9a", "RSA2048"), ("RSA2048", "9c", "ECCP384"), ("ECCP384", "9d", "ECCP256")):
            with self.subTest(f"{slot} by {f9}"):
                public, device = self.work / "f9.pub", self.work / "f9.crt"
                self.tool("-a", "generate", "-s", "f9", "-A", f9, "-o", public)
                extensions = self.work.write("device.cnf", "basicConstraints=critical,CA:TRUE,pathlen:0\n")
                harness.run(["openssl", "x509", "-new", "-force_pubkey", public, "-subj", "/CN=This token", "-CA", root,
                             "-CAkey", root_key, "-days", "30", "-extfile", extensions, "-out", device])
                self.tool("-a", "import-certificate", "-s", "f9", "-i", device)
                _, certificate = self.generate(slot, algorithm)
                attestation = self.work / "attestation.pem"
                self.tool("-a", "attest", "-s", slot, "-o", attestation)
                harness.run(["openssl", "verify", "-CAfile", root, "-untrusted", device, attestation])
                harness.run(["openssl", "verify", "-CAfile", root, attestation], ok=False)
                attested, certified = (harness.run(["openssl", "x509", "-noout", "-pubkey", "-in", one]).out
                                       for one in (attestation, certificate))
                self.assertEqual(attested, certified)
        key = self.work / "k.pem"
        harness.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key])
        self.tool("-a", "import-key", "-s", "9a", "-i", key)
        self.tool("-a", "attest", "-s", "9a", ok=False)
        self.tool("-a", "attest", "-s", "9e", ok=False)

    def test_set_retries_counts_anew(self):
        self.tool("-a", "verify-pin", "-P", DEFAULT_PIN, "-a", "pin-retries", "--pin-retries=3", "--puk-retries=4")
        self.assertRegex(self.tool("-a", "status").out, r"PIN tries left:\s+3")
        for _ in range(3):
            self.tool("-a", "verify-pin", "-P", "999999", ok=False)
        self.tool("-a", "verify-pin", "-P", DEFAULT_PIN, ok=False)
        self.assertRegex(self.tool("-a", "status").out, r"PIN tries left:\s+0")

    def test_reset_only_with_both_blocked(self):
        self.generate("9a", "ECCP256")
        self.tool("-a", "reset", ok=False)
        for _ in range(6):
            self.tool("-a", "verify-pin", "-P", "999999", ok=False)
        self.tool("-a", "reset", ok=False)
        self.assertIn("Slot 9a", self.tool("-a", "status").out)
        for _ in range(6):
            self.tool("-a", "change-puk", "-P", "99999999", "-N", "88888888", ok=False)
        self.tool("-a", "reset")
        self.assertNotIn("Slot 9a", self.tool("-a", "status").out)
        self.tool("-a", "verify-pin", "-P", DEFAULT_PIN)


class YubicoPivToolShipping(ShippingCase):
    """Profile: shipping. What reads, verifies, signs or decrypts works; what administers is refused."""

    def test_status_verify_sign_and_decrypt(self):
        self.personalise(("9a", "RSA2048"), ("9c", "ECCP256"), ("9d", "RSA2048"))
        status = self.yubico("-a", "status").out
        for slot in ("9a", "9c", "9d"):
            self.assertIn(f"Slot {slot}", status)
        for slot, test in (("9a", "test-signature"), ("9c", "test-signature"), ("9d", "test-decipher")):
            with self.subTest(slot):
                self.yubico("-a", "verify-pin", "-P", self.pin, "-a", test, "-s", slot, "-i", self.certificates[slot])
                self.assertEqual(self.yubico("-a", "read-certificate", "-s", slot).out.strip(),
                                 self.certificates[slot].read_text().strip())

    def test_pin_is_changed(self):
        self.personalise(("9a", "ECCP256"))
        self.yubico("-a", "change-pin", "-P", self.pin, "-N", "867530")
        self.yubico("-a", "verify-pin", "-P", "867530")

    def test_administration_is_refused(self):
        """Lesson 8 and N21: no default key, no PUK, no reset by locking."""
        self.personalise(("9a", "ECCP256"))
        before = self.yubico("-a", "status").out
        for action in (["generate", "-s", "9a"], ["set-chuid"], ["set-ccc"],
                       ["import-certificate", "-s", "9a", "-i", self.certificates["9a"]],
                       ["unblock-pin", "-P", DEFAULT_PUK, "-N", "867530"], ["set-mgm-key", "-n", NEW_MANAGEMENT_KEY]):
            with self.subTest(action[0]):
                self.yubico("-a", *action, ok=False)
        self.assertEqual(self.yubico("-a", "status").out, before)
        for _ in range(6):
            self.yubico("-a", "verify-pin", "-P", "999999", ok=False)
            self.yubico("-a", "change-puk", "-P", "99999999", "-N", "88888888", ok=False)
        self.yubico("-a", "reset", ok=False)
        self.assertIn("Slot 9a", self.yubico("-a", "status").out)


if __name__ == "__main__":
    harness.main()
