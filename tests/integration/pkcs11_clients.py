#!/usr/bin/env python3
# labels: clients pkcs11
# timeout: 120
# part pkcs11-tool: Pkcs11Tool
# part openssl: OpenSslEngine OpenSslEngineShipping
# part gnutls: GnuTls GnuTlsShipping
# part curl: Curl CurlShipping
# part reset: TwoPrograms
"""Our own module in Debian's programs: pkcs11-tool, OpenSSL's pkcs11 engine, GnuTLS and curl, on the real pcscd.
Profiles: compatibility, and shipping where the class says so."""
import sys

import harness
from harness import MODULE
from personal import PersonalisedCase, ShippingCase

sys.path.insert(0, str(harness.ROOT / "sim"))
import portal  # noqa: E402  pylint: disable=wrong-import-position

MESSAGE = b"a licence application"


class ModuleCase(PersonalisedCase):
    def setUp(self):
        super().setUp()
        self.pin_file = self.work.write("pin", self.pin)
        self.environment = {"PKCS11_MODULE_PATH": str(MODULE), "GNUTLS_PIN": self.pin}

    def tool(self, *arguments, **how):
        return self.key.run(["pkcs11-tool", "--module", MODULE, *arguments], **how)

    def logged_in(self, *arguments, **how):
        return self.tool("--login", "--pin", self.pin, *arguments, **how)

    def uri(self, identity, pin_file=None):
        return f"pkcs11:manufacturer=sealkey;id=%{identity};type=private;pin-source=file:{pin_file or self.pin_file}"

    def openssl(self, *arguments, **how):
        return self.key.run(["openssl", *arguments], env=self.environment, **how)


class Pkcs11Tool(ModuleCase):
    def test_its_own_test(self):
        self.personalise(("9a", "RSA2048"), ("9d", "RSA2048"), ("82", "ECCP256"))
        out = self.tool("--test", "--login", "--pin", self.pin).out
        self.assertIn("No errors", out)
        self.assertIn("Decryption (currently only for RSA)", out)

    def test_lists_objects_without_a_pin_and_private_keys_with_it(self):
        """Lesson 21."""
        self.personalise(("9a", "RSA2048"), ("9c", "ECCP256"))
        before = self.key.apdu_count()
        out = self.tool("--list-objects").out
        for words in ("Certificate Object", "Public Key Object; RSA 2048 bits", "Public Key Object; EC", "Login",
                      "Signature"):
            self.assertIn(words, out)
        self.assertNotIn("Private Key Object", out)
        self.assertEqual([e for e in self.key.log(before + 1) if e["name"] == "VERIFY"], [])
        self.assertIn("Private Key Object; RSA", self.logged_in("--list-objects").out)

    def test_signatures_of_each_kind_verify(self):
        self.personalise(("9a", "RSA2048"), ("9c", "ECCP256"))
        data = self.work.write("data", MESSAGE)
        signature = self.work / "signature"
        pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"]
        for slot, identity, mechanism, more, check in (
                ("9a", "01", "SHA256-RSA-PKCS", [], []),
                ("9a", "01", "SHA256-RSA-PKCS-PSS", ["--salt-len", "32"], pss),
                ("9c", "02", "ECDSA-SHA256", ["--signature-format", "openssl"], [])):
            with self.subTest(mechanism):
                self.logged_in("--sign", "--id", identity, "-m", mechanism, *more, "-i", data, "-o", signature)
                verify = ["openssl", "dgst", "-sha256", "-verify", self.public_key(slot), *check, "-signature", signature]
                harness.run([*verify, data])
                harness.run([*verify, self.work.write("other", b"another")], ok=False)

    def test_verifies_decrypts_and_derives(self):
        self.personalise(("9d", "RSA2048"), ("82", "ECCP256"))
        data, out = self.work.write("data", MESSAGE), self.work / "out"
        signature = self.work / "signature"
        verify = ["--verify", "--id", "03", "-m", "SHA256-RSA-PKCS", "--signature-file", signature, "-i"]
        self.logged_in("--sign", "--id", "03", "-m", "SHA256-RSA-PKCS", "-i", data, "-o", signature)
        self.assertIn("Signature is valid", self.tool(*verify, data).out)
        self.assertIn("Invalid signature", self.tool(*verify, self.work.write("other", b"another"), ok=None).out)
        # Decryption: both paddings, and a block changed on the way.
        oaep = ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256"]
        for mechanism, options, more in (("RSA-PKCS", [], []),
                                         ("RSA-PKCS-OAEP", oaep, ["--hash-algorithm", "SHA256", "--mgf", "MGF1-SHA256"])):
            with self.subTest(mechanism):
                block = self.work / "block"
                harness.run(["openssl", "pkeyutl", "-encrypt", "-pubin", "-inkey", self.public_key("9d"), *options,
                             "-in", data, "-out", block])
                self.logged_in("--decrypt", "--id", "03", "-m", mechanism, *more, "-i", block, "-o", out)
                self.assertEqual(out.read_bytes(), MESSAGE)
                bad = bytearray(block.read_bytes())
                bad[100] ^= 1
                self.logged_in("--decrypt", "--id", "03", "-m", mechanism, *more, "-i", self.work.write("bad", bytes(bad)),
                               "-o", out, ok=False)
        # A shared secret, against OpenSSL's own.
        other, theirs, secret = self.work / "other.pem", self.work / "theirs.der", self.work / "secret"
        harness.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", other])
        harness.run(["openssl", "pkey", "-in", other, "-pubout", "-outform", "DER", "-out", theirs])
        self.logged_in("--derive", "--id", "05", "-m", "ECDH1-DERIVE", "-i", theirs, "-o", out)
        harness.run(["openssl", "pkeyutl", "-derive", "-inkey", other, "-peerkey", self.public_key("82"), "-out", secret])
        self.assertEqual(out.read_bytes(), secret.read_bytes())

    def test_pin_is_changed_and_a_wrong_one_costs_one_try(self):
        """Lesson 24."""
        self.tool("--change-pin", "--pin", self.pin, "--new-pin", "135791")
        self.tool("--login", "--pin", self.pin, "--list-objects", ok=False)
        self.assertEqual(self.tries(), 5)
        self.tool("--login", "--pin", "135791", "--list-objects")

    def test_foreign_or_no_card_is_no_trouble(self):
        self.key.unplug()
        self.assertIn("(empty)", self.tool("--list-slots").out)
        blank = self.simulator()  # a second reader's place stays empty; this one is blank
        self.assertIn("sealkey", self.tool("--list-slots", env=blank.environment).out)


class OpenSslEngine(ModuleCase):
    def each_algorithm(self):
        for algorithm in ("RSA2048", "ECCP256"):
            with self.subTest(algorithm):
                self.personalise(("9a", algorithm))
                yield algorithm

    def test_request_and_cms(self):
        for _ in self.each_algorithm():
            engine = ["-engine", "pkcs11", "-keyform", "engine"]
            request, signature = self.work / "9a.csr", self.work / "document.p7s"
            self.openssl("req", "-new", *engine, "-key", self.uri("01"), "-subj", "/CN=Example", "-out", request)
            done = harness.run(["openssl", "req", "-verify", "-noout", "-in", request])
            self.assertIn("verify OK", done.out + done.err)
            document = self.work.write("document", MESSAGE)
            self.openssl("cms", "-sign", "-binary", *engine, "-inkey", self.uri("01"), "-signer", self.certificates["9a"],
                         "-in", document, "-outform", "DER", "-out", signature)
            check = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", signature, "-content", document,
                     "-CAfile", self.authority, "-purpose", "any", "-out", self.work / "out"]
            harness.run(check)
            self.work.write("document", b"another")
            harness.run(check, ok=False)

    def test_Lesson28_tls_13_login_needs_pss_from_the_token(self):
        for _ in self.each_algorithm():
            with portal.Portal(self.work / "portal", self.authority) as site:
                client = ["s_client", "-connect", site.url.removeprefix("https://"), "-tls1_3", "-quiet", "-no_ign_eof",
                          "-CAfile", site.server_ca, "-verify_return_error", "-servername", "localhost"]
                ask = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
                done = self.openssl(*client, "-ign_eof", "-engine", "pkcs11", "-keyform", "engine", "-key", self.uri("01"),
                                    "-cert", self.certificates["9a"], stdin=ask)
                self.assertIn("200 OK", done.out)
                self.assertIn("Example Import", done.out)
                refused = self.openssl(*client, "-ign_eof", stdin=ask, ok=None)
                self.assertNotIn("200 OK", refused.out)

    def test_wrong_pin_signs_nothing_and_costs_one_try(self):
        """Lesson 24."""
        self.personalise(("9a", "RSA2048"))
        self.openssl("req", "-new", "-engine", "pkcs11", "-keyform", "engine",
                     "-key", self.uri("01", self.work.write("wrong", "999999")), "-subj", "/CN=Example",
                     "-out", self.work / "none", ok=False)
        self.assertEqual(self.tries(), 5)


class GnuTls(ModuleCase):
    def gnutls(self, program, *arguments, **how):
        return self.key.run([program, "--provider", MODULE, *arguments], env=self.environment, **how)

    def test_p11tool_and_certtool_with_9a_and_9c(self):
        """Lesson 22: the key that asks every time."""
        for algorithm in ("RSA2048", "ECCP256"):
            self.personalise(("9a", algorithm), ("9c", algorithm))
            listed = self.gnutls("p11tool", "--list-all-certs", "pkcs11:manufacturer=sealkey").out
            self.assertIn("Label: Login", listed)
            self.assertIn("Label: Signature", listed)
            template = self.work.write("template", 'cn = "Example Import"\n')
            for identity in ("01", "02"):
                with self.subTest(f"{algorithm} {identity}"):
                    request = self.work / "request"
                    self.gnutls("certtool", "--generate-request", "--template", template, "--outfile", request,
                                "--load-privkey", f"pkcs11:manufacturer=sealkey;id=%{identity};type=private")
                    done = harness.run(["openssl", "req", "-verify", "-noout", "-in", request])
                    self.assertIn("verify OK", done.out + done.err)

    def test_wrong_pin_costs_one_try(self):
        """Lesson 24: what GnuTLS has in its environment is sent once."""
        self.personalise(("9a", "RSA2048"))
        self.environment["GNUTLS_PIN"] = "999999"
        self.gnutls("p11tool", "--test-sign", "--login", "pkcs11:manufacturer=sealkey;id=%01;type=private", ok=False)
        self.assertEqual(self.tries(), 5)


class Curl(ModuleCase):
    def test_logs_in_to_nginx_by_engine(self):
        for algorithm in ("RSA2048", "ECCP256"):
            with self.subTest(algorithm):
                self.personalise(("9a", algorithm))
                with portal.Portal(self.work / "portal", self.authority) as site:
                    curl = ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--tlsv1.3",
                            "--cacert", site.server_ca, site.url]
                    by_key = ["--engine", "pkcs11", "--key-type", "ENG", "--key", self.uri("01"),
                              "--cert", self.certificates["9a"]]
                    before = self.key.apdu_count()
                    done = self.key.run([*curl, *by_key], env=self.environment)
                    self.assertIn("Example Import", done.out)
                    verified = [e for e in self.key.log(before + 1) if e["name"] == "VERIFY"]
                    self.assertEqual(len(verified), 1)
                    harness.run(curl, ok=False)


class TwoPrograms(ModuleCase):
    def test_Lesson20_reset_by_another_program_in_pcscd_costs_nothing_but_the_login(self):
        """p11tool in one process while another resets the card: the next program works as if nothing had been."""
        self.personalise(("9a", "RSA2048"))
        self.logged_in("--list-objects")
        with harness.Card() as card:
            from smartcard.scard import SCARD_RESET_CARD  # pylint: disable=import-outside-toplevel
            card.connection.reconnect(disposition=SCARD_RESET_CARD)
        data = self.work.write("data", MESSAGE)
        self.logged_in("--sign", "--id", "01", "-m", "SHA256-RSA-PKCS", "-i", data, "-o", self.work / "signature")
        self.assertIsNone(self.tries())  # and it left the card as it was: verified


class OpenSslEngineShipping(ShippingCase, OpenSslEngine):
    pass


class GnuTlsShipping(ShippingCase, GnuTls):
    pass


class CurlShipping(ShippingCase, Curl):
    pass


if __name__ == "__main__":
    harness.main()
