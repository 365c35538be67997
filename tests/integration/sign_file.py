#!/usr/bin/env python3
# labels: clients
# timeout: 240
"""Detached CMS signatures by `sealkey sign`, judged by the openssl program and by `sealkey verify`."""
import json

import harness
from personal import PersonalisedCase
from sealed_key import PIN, SealedKeyCase, pem


class Sign(SealedKeyCase):
    def setUp(self):
        super().setUp()
        self.ship(seal=None)
        self.file = self.work.write("application.json", b'{"goods": "paper machine"}\r\n\0\xff')
        self.signature = self.work / "application.json.p7s"

    def openssl(self, file=None, ok=True):
        return harness.run(["openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", self.signature,
                            "-content", file or self.file, "-CAfile", self.authority, "-out", "/dev/null"], ok=ok)

    def changed(self, path):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        return self.work.write("changed", bytes(data))

    def test_openssl_accepts_and_refuses_one_byte_changed(self):
        since = self.key.apdu_count()
        self.sealkey("sign", self.file)
        self.assertEqual(self.presented(since), (1, 1), "one PIN and one private operation for one signature")
        self.openssl()
        self.assertIn("erification failure", self.openssl(self.changed(self.file), ok=False).err)

    def test_verify_accepts_and_refuses(self):
        # Of the right name, and valid at the signature's time; only the key is another.
        other = self.work / "other.pem"
        harness.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                     "-keyout", self.work / "other.key", "-subj", "/CN=Test CA", "-out", other])
        self.sealkey("sign", self.file)
        arguments = ("verify", self.file, "--signature", self.signature, "--ca", self.authority)
        verified = json.loads(self.sealkey(*arguments, "--json").out)
        self.assertEqual(len(verified["signatures"]), 1)
        error = self.refused("verify", self.changed(self.file), "--signature", self.signature, "--ca", self.authority)
        self.assertEqual((error["name"], error["fault"]), ("not_verified", "wrong_signature"))
        error = self.refused("verify", self.file, "--signature", self.file, "--ca", self.authority)
        self.assertEqual((error["name"], error["fault"]), ("not_verified", "malformed"))
        error = self.refused("verify", self.file, "--signature", self.signature, "--ca", other)
        self.assertEqual((error["name"], error["fault"]), ("not_verified", "untrusted"))
        self.assertEqual(self.refused("verify", self.file, "--ca", self.authority)["fault"], "not_a_pdf")

    def test_login_key_signs_no_document_and_its_signature_is_refused(self):
        for slot in ("9A", "9D"):
            since = self.key.apdu_count()
            self.assertEqual(self.refused("sign", self.file, "--slot", slot)["name"], "usage")
            self.assertEqual(self.presented(since), (0, 0))
        # A page that had the clerk log in made it: whole, by the authority's certificate, and openssl has no objection.
        login = self.work.write("login.pem", pem(self.made.certificates[0x9A]))
        self.key.run(["openssl", "cms", "-sign", "-cades", "-binary", "-outform", "DER", "-in", self.file, "-signer",
                      login, "-engine", "pkcs11", "-keyform", "engine",
                      "-inkey", f"pkcs11:id=%01;type=private?pin-value={PIN}",
                      "-out", self.signature], env={"PKCS11_MODULE_PATH": harness.OPENSC_MODULE})
        harness.run(["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", self.signature, "-content", self.file,
                     "-CAfile", self.authority, "-purpose", "any", "-out", "/dev/null"])
        error = self.refused("verify", self.file, "--signature", self.signature, "--ca", self.authority)
        self.assertEqual((error["name"], error["fault"]), ("not_verified", "untrusted"))
        self.assertIn("nonRepudiation", error["message"])

    def test_revoked_certificate_is_refused_with_the_list(self):
        self.sealkey("sign", self.file)
        arguments = ("verify", self.file, "--signature", self.signature, "--ca", self.authority, "--crl")
        empty = self.work.write("empty.crl", self.made.authority.crl([]))
        self.sealkey(*arguments, empty)
        revoked = self.work.write("revoked.crl", self.made.authority.crl([self.made.certificates[0x9C]]))
        error = self.refused(*arguments, revoked)
        self.assertEqual((error["name"], error["fault"]), ("not_verified", "revoked"))

    def test_wrong_pin_leaves_no_output(self):
        error = self.refused("sign", self.file, pin="999999")
        self.assertEqual((error["name"], error["tries_left"]), ("wrong_secret", 5))
        self.assertFalse(self.signature.exists())

    def test_existing_output_is_kept_unless_forced(self):
        self.signature.write_bytes(b"mine")
        since = self.key.apdu_count()
        self.assertEqual(self.refused("sign", self.file)["name"], "bad_input")
        self.assertEqual(self.key.apdu_count(), since)
        self.assertEqual(self.signature.read_bytes(), b"mine")
        self.assertEqual(self.refused("sign", self.file, "-o", self.file, "--force")["name"], "bad_input")
        self.sealkey("sign", self.file, "--force")
        self.openssl()

    def test_output_that_can_not_be_written_is_said(self):
        self.assertEqual(self.refused("sign", self.file, "-o", self.work / "no/where")["name"], "file_error")
        self.assertEqual(self.refused("sign", self.work / "none")["name"], "file_error")
        self.assertEqual(self.refused("sign", self.work.path)["name"], "file_error")

    def test_pin_is_asked_again_for_each_signature(self):
        self.sealkey("sign", self.file)
        error = self.refused("sign", self.file, "--force", pin="")
        self.assertNotEqual(error["code"], 0)
        self.openssl()

    def test_messages_are_in_the_users_language(self):
        said = self.key.run(["sealkey", "sign", self.file], env={"SEALKEY_PIN": PIN, "LC_ALL": "zh_CN.UTF-8", "LANGUAGE": "zh_CN"}).out
        self.assertIn("签名", said)


class EachAlgorithm(PersonalisedCase):
    """Keys of every kind, in the compatibility profile: openssl accepts, and refuses one byte changed."""

    KINDS = {"RSA2048": ["rsa:2048"], "RSA3072": ["rsa:3072"], "RSA4096": ["rsa:4096"],
             "ECCP256": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
             "ECCP384": ["ec", "-pkeyopt", "ec_paramgen_curve:P-384"]}

    def load(self, name):
        """Made by openssl and brought in by plain APDUs, since Debian's tool knows neither RSA-3072 nor RSA-4096."""
        key, certificate = self.work / "key.pem", self.work / "certificate.pem"
        harness.run(["openssl", "req", "-x509", "-newkey", *self.KINDS[name], "-nodes", "-keyout", key, "-subj",
                     f"/O=Example/CN={name}", "-addext", "keyUsage=critical,digitalSignature,nonRepudiation", "-days", "30", "-out", certificate])
        with harness.Card() as card:
            load_key(card, name, key.read_bytes())
        self.yubico("-a", "import-certificate", "-s", "9c", "-i", certificate)
        return certificate

    def test_signs(self):
        file = self.work.write("file", b"licence" * 1000)
        changed = self.work.write("changed", b"Licence" + b"licence" * 999)
        signature = self.work / "signature"
        for name in self.KINDS:
            with self.subTest(name):
                certificate = self.load(name)
                self.key.run(["sealkey", "sign", file, "-o", signature, "--force"],
                             env={"SEALKEY_PIN": harness.DEFAULT_PIN})
                for content, ok in ((file, True), (changed, False)):
                    harness.run(["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", signature, "-content",
                                 content, "-CAfile", certificate, "-purpose", "any", "-out", "/dev/null"], ok=ok)


def load_key(card, name, key_pem):
    """IMPORT ASYMMETRIC KEY (FE) of the clients' vendor commands, after 9B with their default key."""
    from cryptography.hazmat.primitives import serialization  # pylint: disable=import-outside-toplevel
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # pylint: disable=import-outside-toplevel
    from personalise import Apdus, parse, tlv  # pylint: disable=import-outside-toplevel
    apdus = Apdus(card)
    apdus.select()
    tdes = Cipher(algorithms.TripleDES(bytes.fromhex(harness.DEFAULT_MANAGEMENT_KEY)), modes.ECB())
    challenge = parse(parse(apdus.send(0, 0x87, 0x03, 0x9B, bytes.fromhex("7C028100")))[0x7C])[0x81]
    apdus.send(0, 0x87, 0x03, 0x9B, tlv(0x7C, tlv(0x82, tdes.encryptor().update(challenge))))
    numbers = serialization.load_pem_private_key(key_pem, None).private_numbers()
    if name.startswith("RSA"):
        size = int(name[3:]) // 16
        parts = [(1, numbers.p), (2, numbers.q), (3, numbers.dmp1), (4, numbers.dmq1), (5, numbers.iqmp)]
    else:
        size = int(name[4:]) // 8
        parts = [(6, numbers.private_value)]
    algorithm = {"RSA2048": 0x07, "RSA3072": 0x05, "RSA4096": 0x16, "ECCP256": 0x11, "ECCP384": 0x14}[name]
    apdus.send(0, 0xFE, algorithm, 0x9C, b"".join(tlv(tag, value.to_bytes(size, "big")) for tag, value in parts),
               le=False)


if __name__ == "__main__":
    harness.main()
