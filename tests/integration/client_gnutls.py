#!/usr/bin/env python3
# labels: clients
# timeout: 180
"""GnuTLS: p11tool and certtool over OpenSC's module, with the keys in 9A and 9C (gnutls-cli: pkcs11_calls.py). Profiles: both."""
import harness
from harness import OPENSC_MODULE
from personal import PersonalisedCase, ShippingCase


class GnuTls(PersonalisedCase):
    """Profile: compatibility."""

    def gnutls(self, *arguments, pin=None, **how):
        arguments = [arguments[0], "--provider", OPENSC_MODULE, *arguments[1:]]
        return self.key.run(arguments, env={"GNUTLS_PIN": pin or self.pin}, **how)

    def uri(self, identity):
        return f"pkcs11:manufacturer=piv_II;id=%{identity};type=private"

    def request(self, identity, **how):
        template = self.work.write("template", 'cn = "Example Import"\norganization = "Example"\n')
        request = self.work / "request"
        self.gnutls("certtool", "--generate-request", "--template", template, "--load-privkey", self.uri(identity),
                    "--outfile", request, **how)
        return request

    def test_requests_by_the_login_key_and_by_the_signature_key(self):
        for algorithm in ("RSA2048", "ECCP256"):
            self.personalise(("9a", algorithm), ("9c", algorithm))
            for identity in ("01", "02"):
                with self.subTest(f"{algorithm} {identity}"):
                    done = harness.run(["openssl", "req", "-verify", "-noout", "-in", self.request(identity)])
                    self.assertIn("verify OK", done.out + done.err)

    def test_wrong_pin_signs_nothing(self):
        self.personalise(("9a", "RSA2048"))
        self.request("01", pin="999999", ok=False)
        self.assertIn(self.tries(), (4, 5))

    def test_lists_tokens_and_certificates(self):
        self.personalise(("9a", "RSA2048"))
        out = self.gnutls("p11tool", "--list-all-certs", "pkcs11:manufacturer=piv_II").out
        self.assertIn("Certificate for PIV Authentication", out)


class GnuTlsShipping(ShippingCase, GnuTls):
    """Profile: shipping."""


if __name__ == "__main__":
    harness.main()
