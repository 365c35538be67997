#!/usr/bin/env python3
# labels: clients pkcs11
# timeout: 180
"""Java (SunPKCS11) through our module: keytool, signatures, and a login at nginx. Profile: compatibility; once as the bench
leaves a key."""
import pathlib
import sys

import harness
from harness import MODULE
from personal import PersonalisedCase, ShippingCase

sys.path.insert(0, str(harness.ROOT / "sim"))
import portal  # noqa: E402  pylint: disable=wrong-import-position

PROGRAM = pathlib.Path(__file__).parent / "backends/KeyByPkcs11.java"
QUICK = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]  # short programs: no time for a second compiler
ENTERPRISE = "Example Import"


class Java(PersonalisedCase):
    def setUp(self):
        super().setUp()
        self.configuration = self.work.write("sealkey.cfg", f"name = sealkey\nlibrary = {MODULE}\nslotListIndex = 0\n")

    def java(self, *arguments, pin=None, **how):
        return self.key.run(["java", *QUICK, PROGRAM, self.configuration, pin or self.pin, *arguments], **how)

    def keytool(self, *arguments, pin=None, **how):
        return self.key.run(["keytool", *[f"-J{o}" for o in QUICK], *arguments, "-keystore", "NONE", "-storetype", "PKCS11",
                             "-providerClass", "sun.security.pkcs11.SunPKCS11", "-providerArg", self.configuration,
                             "-storepass", pin or self.pin], **how)

    def test_signs_and_logs_in(self):
        """Lesson 28: TLS 1.3 asks an RSA key for PSS."""
        for algorithm, signatures in (("RSA2048", ("SHA256withRSA", "SHA512withRSA", "SHA256withRSASSA-PSS")),
                                      ("ECCP256", ("SHA256withECDSA", "SHA384withECDSA"))):
            with self.subTest(algorithm):
                self.personalise(("9a", algorithm))
                before = self.key.apdu_count()
                self.assertEqual(self.java("sign").out.splitlines(), [f"verified {s} Login" for s in signatures])
                print(f"Java, {len(signatures)} signatures, {algorithm}: {self.key.apdu_count() - before} APDUs")
                with portal.Portal(self.work / "portal", self.authority) as site:
                    before = self.key.apdu_count()
                    self.assertIn(ENTERPRISE, self.java("get", site.server_ca, site.url).out)
                    print(f"Java, start to page, {algorithm}: {self.key.apdu_count() - before} APDUs")

    def test_keytool_lists_and_requests(self):
        self.personalise(("9a", "ECCP256"), ("9d", "RSA2048"))
        listed = self.keytool("-list").out
        self.assertIn("Login, PrivateKeyEntry", listed)
        self.assertIn("Decryption, PrivateKeyEntry", listed)
        for alias in ("Login", "Decryption"):
            request = self.work / "request"
            self.keytool("-certreq", "-alias", alias, "-file", request)
            done = harness.run(["openssl", "req", "-verify", "-noout", "-in", request])
            self.assertIn("verify OK", done.out + done.err)

    def test_wrong_pin_costs_one_try_and_a_key_taken_out_opens_nothing(self):
        """Lesson 24."""
        self.personalise(("9a", "ECCP256"))
        done = self.keytool("-list", pin="999999", ok=False)
        self.assertIn("CKR_PIN_INCORRECT", done.out + done.err + self.java("sign", pin="9999999", ok=False).err)
        self.assertEqual(self.tries(), 4)
        self.key.unplug()
        done = self.java("sign", ok=False)
        self.assertNotIn("verified", done.out)


class JavaShipping(ShippingCase, Java):
    test_keytool_lists_and_requests = None
    test_wrong_pin_costs_one_try_and_a_key_taken_out_opens_nothing = None


if __name__ == "__main__":
    harness.main()
