#!/usr/bin/env python3
# labels: clients pkcs11
# timeout: 120
"""NSS's own tools through our module: modutil, certutil, and a login at nginx by tstclnt. Profile: compatibility; once as the
bench leaves a key."""
import sys

import harness
from harness import MODULE
from personal import PersonalisedCase, ShippingCase

sys.path.insert(0, str(harness.ROOT / "sim"))
import portal  # noqa: E402  pylint: disable=wrong-import-position

ENTERPRISE = "Example Import"


class Nss(PersonalisedCase):
    def setUp(self):
        super().setUp()
        self.store = f"sql:{self.work.path}"
        self.pins = self.work.write("pins", self.pin)
        harness.run(["certutil", "-N", "-d", self.store, "--empty-password"])
        self.key.run(["modutil", "-dbdir", self.store, "-add", "sealkey", "-libfile", MODULE, "-force"])

    def token(self):
        # Of a slot without a token it says that it is an error.
        listed = self.key.run(["modutil", "-dbdir", self.store, "-list", "sealkey"], ok=None).out
        names = [line.partition("Token Name:")[2].strip() for line in listed.splitlines() if "Token Name:" in line]
        return [n for n in names if n.startswith("sealkey")][0]

    def certutil(self, *arguments, **how):
        return self.key.run(["certutil", *arguments, "-d", self.store, "-h", self.token(), "-f", self.pins], **how)

    def login(self, site, certificate, **how):
        """tstclnt never ends once its standard input has; from a file it does."""
        ask = self.work.write("ask", "GET / HTTP/1.0\r\n\r\n")
        harness.run(["certutil", "-A", "-d", self.store, "-n", f"portal {site.port}", "-t", "C,,", "-i", site.server_ca])
        return self.key.run(["tstclnt", "-4", "-h", "localhost", "-p", site.port, "-d", self.store, "-V", "tls1.3:tls1.3",
                             "-n", certificate, "-A", ask, "-W", self.pins], ok=None, **how)

    def test_lists_and_logs_in(self):
        """Lesson 28: TLS 1.3 asks an RSA key for PSS."""
        for algorithm, kind in (("RSA2048", "rsa"), ("ECCP256", "ec")):
            with self.subTest(algorithm):
                self.personalise(("9a", algorithm))
                self.assertIn(f"{self.token()}:Login", self.certutil("-L").out)
                keys = self.certutil("-K").out
                self.assertIn(kind, keys)
                self.assertIn(" Login\n", keys)
                with portal.Portal(self.work / f"portal-{algorithm}", self.authority) as site:
                    token = self.token()
                    before = self.key.apdu_count()
                    self.assertIn(ENTERPRISE, self.login(site, f"{token}:Login").out)
                    print(f"tstclnt, {algorithm}: {self.key.apdu_count() - before} APDUs")

    def test_wrong_pin_costs_one_try_and_a_key_taken_out_opens_nothing(self):
        """Lesson 24."""
        self.personalise(("9a", "ECCP256"))
        token = self.token()
        self.pins.write_text("999999", encoding="utf-8")
        with portal.Portal(self.work / "portal", self.authority) as site:
            self.assertNotIn(ENTERPRISE, self.login(site, f"{token}:Login").out)
            self.assertEqual(self.tries(), 5)
            self.key.unplug()
            self.assertNotIn(ENTERPRISE, self.login(site, f"{token}:Login").out)


class NssShipping(ShippingCase, Nss):
    test_wrong_pin_costs_one_try_and_a_key_taken_out_opens_nothing = None


if __name__ == "__main__":
    harness.main()
