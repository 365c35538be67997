#!/usr/bin/env python3
# labels: clients
# timeout: 180
"""OpenSSL 3.0 with Debian's pkcs11 engine over OpenSC's module: requests, CMS and a TLS 1.3 login with the key in 9A.
Profiles: both."""
import subprocess

import harness
from harness import OPENSC_MODULE
from personal import PersonalisedCase, ShippingCase


class OpenSsl(PersonalisedCase):
    """Profile: compatibility."""

    def setUp(self):
        super().setUp()
        self.environment = {"PKCS11_MODULE_PATH": OPENSC_MODULE}

    def uri(self, identity="%01", pin=None):
        path = self.work.write("pin", pin or self.pin)
        return f"pkcs11:id={identity};type=private;pin-source=file:{path}"

    def openssl(self, *arguments, **how):
        return self.key.run(["openssl", *arguments], env=self.environment, **how)

    def each_algorithm(self):
        for algorithm in ("RSA2048", "ECCP256"):
            with self.subTest(algorithm):
                self.personalise(("9a", algorithm))
                yield algorithm

    def test_certificate_request(self):
        for _ in self.each_algorithm():
            request = self.work / "9a.csr"
            self.openssl("req", "-new", "-engine", "pkcs11", "-keyform", "engine", "-key", self.uri(),
                         "-subj", "/CN=Example Import", "-out", request)
            done = harness.run(["openssl", "req", "-verify", "-noout", "-subject", "-in", request])
            self.assertIn("verify OK", done.out + done.err)

    def test_cms_signature_verifies_and_one_changed_byte_does_not(self):
        for _ in self.each_algorithm():
            document = self.work.write("document", b"licence application 2024-001")
            signature = self.work / "document.p7s"
            self.openssl("cms", "-sign", "-binary", "-engine", "pkcs11", "-keyform", "engine", "-inkey", self.uri(),
                         "-signer", self.certificates["9a"], "-in", document, "-outform", "DER", "-out", signature)
            check = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", signature, "-content", document,
                     "-CAfile", self.authority, "-purpose", "any", "-out", self.work / "out"]
            harness.run(check)
            self.work.write("document", b"licence application 2024-002")
            harness.run(check, ok=False)

    def test_cmp_request_and_confirmation_are_protected_by_the_key(self):
        """p10cr and certConf (RFC 4210) by 9A, to OpenSSL's own CMP server, which runs within the client's process. What this
        doesn't show, a renewal of the key's own by CMP, docs/renewal.md tells why not."""
        new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        server, stranger = self.work / "server.pem", self.work / "stranger.pem"
        for path in (server, stranger):
            harness.run(["openssl", "req", "-x509", *new, "-keyout", path.with_suffix(".key"), "-subj", f"/CN={path.stem}", "-out", path])
        request, made = self.work / "new.csr", self.work / "new.pem"
        harness.run(["openssl", "req", *new, "-keyout", self.work / "new.key", "-subj", "/CN=new", "-out", request])
        harness.run(["openssl", "x509", "-req", "-in", request, "-CA", server, "-CAkey", server.with_suffix(".key"), "-set_serial",
                     "5", "-out", made])
        got = self.work / "got.pem"

        def enrol(trusted=None, pin=None, ok=True, answers_for=server):
            got.unlink(missing_ok=True)
            return self.openssl(
                "cmp", "-cmd", "p10cr", "-use_mock_srv", "-srv_cert", server, "-srv_key", server.with_suffix(".key"), "-srv_trusted",
                trusted or self.authority, "-rsp_cert", made, "-recipient", "/CN=server", "-csr", request, "-cert", self.certificates["9a"], "-engine",
                "pkcs11", "-keyform", "engine", "-key", self.uri(pin=pin), "-trusted", answers_for, "-certout", got, ok=ok)

        for _ in self.each_algorithm():
            said = enrol()
            self.assertIn("sending CERTCONF", said.out + said.err)
            self.assertIn("received PKICONF", said.out + said.err)
            self.assertEqual(got.read_bytes(), made.read_bytes())
            enrol(trusted=stranger, ok=False)       # the server doesn't know who issued 9A's certificate
            self.assertFalse(got.exists())
            enrol(answers_for=stranger, ok=False)   # the client doesn't know the server
            self.assertFalse(got.exists())
            since = self.key.apdu_count()
            enrol(pin="000000", ok=False)
            self.assertGreater(self.key.apdu_count(), since)
            self.assertFalse(got.exists())

    def test_tls_13_login(self):
        """Lesson 28: RSA-PSS is made from the key's raw RSA."""
        for _ in self.each_algorithm():
            server_key, server_certificate = self.work / "server.key", self.work / "server.crt"
            harness.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", server_key,
                         "-subj", "/CN=localhost", "-out", server_certificate])
            # pylint: disable=consider-using-with
            server = subprocess.Popen(["openssl", "s_server", "-accept", "4433", "-key", server_key,
                                       "-cert", server_certificate, "-Verify", "1", "-verify_return_error",
                                       "-CAfile", self.authority, "-tls1_3", "-www"],
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            try:
                self.assertIn(b"ACCEPT", self.read_until(server, b"ACCEPT"))
                client = ["s_client", "-connect", "localhost:4433", "-tls1_3", "-CAfile", server_certificate, "-ign_eof"]
                answer = self.openssl(*client, "-engine", "pkcs11", "-keyform", "engine", "-key", self.uri(),
                                      "-cert", self.certificates["9a"], stdin="GET / HTTP/1.0\r\n\r\n").out
                self.assertIn("HTTP/1.0 200 ok", answer)
                self.assertIn("slot 9a", answer)
                refused = self.openssl(*client, stdin="GET / HTTP/1.0\r\n\r\n", ok=None).out
                self.assertNotIn("HTTP/1.0 200 ok", refused)
            finally:
                server.kill()
                server.communicate()

    def read_until(self, process, words):
        seen = b""
        for line in process.stdout:
            seen += line
            if words in seen:
                break
        return seen

    def test_wrong_pin_gives_no_signature_and_costs_one_try(self):
        """Lesson 24: nothing repeats a PIN that failed."""
        self.personalise(("9a", "RSA2048"))
        self.openssl("req", "-new", "-engine", "pkcs11", "-keyform", "engine", "-key", self.uri(pin="999999"),
                     "-subj", "/CN=Example Import", "-out", self.work / "none", ok=False)
        self.assertFalse((self.work / "none").exists() and (self.work / "none").stat().st_size)
        self.assertEqual(self.tries(), 5)


class OpenSslShipping(ShippingCase, OpenSsl):
    """Profile: shipping."""


if __name__ == "__main__":
    harness.main()
