#!/usr/bin/env python3
# labels: bench clients
# timeout: 300
"""Keys set aside and taken back (suspended, lost with a statement), seen by `openssl ocsp` and by the revocation list."""
import base64
import hashlib
import json
import re
import signal
import subprocess
import urllib.request

import harness
from bench_case import BenchCase, CODE, NAME


class Responder:
    """`sealkey-bench ocsp`, until stopped."""

    def __init__(self, case):
        self.log = case.work / "ocsp.log"
        with open(self.log, "wb") as log:
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen([harness.program("sealkey-bench"), "ocsp"], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env={**harness.os.environ, "LC_ALL": "C.UTF-8",
                                                                           **case.environment})
        self.url = harness.until(self._url, "the responder answers", 60)

    def _url(self):
        if self.process.poll() is not None:
            raise AssertionError(self.log.read_text())
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.log.read_text())
        return found and found.group(0)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


class Hold(BenchCase):
    def setUp(self):
        super().setUp()
        self.make_ca()
        self.key = self.simulator()
        self.serial = self.issue(self.key)["serial"]
        self.pem = self.certificate(self.key, "9a")

    def responder(self):
        responder = Responder(self)
        self.addCleanup(responder.stop)
        return responder

    def ocsp(self, responder, *more, certificate=None, digest="-sha1"):
        done = harness.run(["openssl", "ocsp", digest, "-issuer", self.ca / "issuing.pem", "-cert", certificate or self.pem,
                            "-url", responder.url, "-no_proxy", "*", "-CAfile", self.ca / "root.pem", "-verify_other",
                            self.ca / "issuing.pem", *more], ok=None)
        said = done.out + done.err
        self.assertIn("Response verify OK", said)
        return said

    def assert_status(self, responder, status, reason=None):
        """The same by OCSP and by the list."""
        said = self.ocsp(responder)
        self.assertIn(f": {status}", said)
        self.assertEqual("Reason:" in said, reason is not None, said)
        if reason:
            self.assertIn(f"Reason: {reason}", said)
        listed = self.verify(self.pem, "-crl_check", "-CRLfile", self.ca / "crl.pem", ok=status == "good")
        if status != "good":
            self.assertIn("revoked", listed.err)

    def test_suspended_and_resumed_by_list_and_ocsp(self):
        self.bench("crl")
        responder = self.responder()
        self.assert_status(responder, "good")
        self.refused("suspend", "--serial", self.serial, "--why", " ", code=7, words="reason")
        self.refused("suspend", "--serial", self.serial, "--why", "x", code=5, words="passphrase",
                     env={"SEALKEY_CA_PASSPHRASE": "another one, wrong"})
        self.refused("suspend", "--serial", "SK2699999996", "--why", "x", code=8, words="no key")
        self.refused("resume", "--serial", self.serial, "--why", "x", code=7, words="neither")
        self.assert_status(responder, "good")

        done = self.bench_json("suspend", "--serial", self.serial, "--why", "the fee office asks")
        self.assertEqual((done["state"], done["certificates"]), ("SUSPENDED", 3))
        self.assert_status(responder, "revoked", "certificateHold")
        self.refused("suspend", "--serial", self.serial, "--why", "again", code=7, words="SUSPENDED")
        self.refused("renewals", "approve", "--serial", self.serial, "--request", "R-1", code=7, words="SUSPENDED")
        self.refused("revoke", "--serial", self.serial, "--why", "x", "--reason", "certificateHold", code=10,
                     words="isn't a reason")

        done = self.bench_json("resume", "--serial", self.serial, "--why", "settled")
        self.assertEqual((done["state"], done["certificates"]), ("PERSONALISED", 3))
        self.assert_status(responder, "good")
        self.assertEqual(done["crl"]["entries"], 0)
        self.bench("check")
        # A hold becomes final, from its own date on; nothing brings that back.
        self.bench("suspend", "--serial", self.serial, "--why", "again")
        since = {c["revoked_at"] for c in self.bench_json("inventory", "show", "--serial", self.serial)["certificates"]}
        self.bench("revoke", "--serial", self.serial, "--why", "for good", "--reason", "cessationOfOperation")
        shown = self.bench_json("inventory", "show", "--serial", self.serial)["certificates"]
        self.assertEqual({c["revoked_at"] for c in shown}, since)
        self.assert_status(responder, "revoked", "cessationOfOperation")
        self.refused("resume", "--serial", self.serial, "--why", "x", code=7, words="REVOKED")
        self.assert_status(responder, "revoked", "cessationOfOperation")
        self.assertEqual(responder.stop(), 0)
        actions = [row["action"] for row in self.audit()]
        self.assertEqual((actions.count("hold"), actions.count("release")), (6, 3))

    def test_N3_lost_with_a_statement_then_found_or_replaced(self):
        statement = self.work.write("statement.pdf", b"We lost it on a journey.")
        lost = ["lost", "--serial", self.serial, "--why", "on a journey", "--statement"]
        self.refused(*lost, str(self.work / "none"), code=13, words="none")
        self.refused(*lost, str(self.work.write("empty", b"")), code=10, words="empty")
        self.assertEqual(self.bench_json("inventory", "show", "--serial", self.serial)["state"], "PERSONALISED")
        self.assertEqual(self.bench_json(*lost, str(statement))["state"], "LOST")
        told, = [row["detail"] for row in self.audit() if row["action"] == "lost-statement"]
        self.assertEqual(told["sha256"], hashlib.sha256(statement.read_bytes()).hexdigest())
        responder = self.responder()
        self.assert_status(responder, "revoked", "certificateHold")
        self.bench("resume", "--serial", self.serial, "--why", "found in a coat")
        self.assert_status(responder, "good")

        self.bench(*lost, str(statement))
        self.key.close()
        self.key = self.simulator()
        made = self.bench_json("issue", "--birth-record", self.key.birth_record, "--name", NAME, "--code", CODE, "--algorithm",
                               "p256", "--kind", "replacement", "--replaces", self.serial, "--lost-or-damaged", "lost",
                               "--reason", "lost on a journey")
        self.assertEqual(made["replaced"], self.serial)
        self.assert_status(responder, "revoked", "keyCompromise")
        self.assertIn(": good", self.ocsp(responder, certificate=self.certificate(self.key, "9a")))

    def test_certificate_names_the_responder_that_answers_for_it(self):
        responder = self.responder()
        settings = json.loads((self.ca / "ca.json").read_text())

        def with_address(address):
            (self.ca / "ca.json").write_text(json.dumps({**settings, "ocsp_url": address}))

        # An address that changes is written into ca.json; what could stand for something else in a certificate is refused.
        for bad in ("ocsp.example.cn", "http://", "http://a,URI:http://b", "http://a b", "ftp://a"):
            with_address(bad)
            self.refused("ca", "show", code=10, words="OCSP")
        with_address(responder.url)
        self.key.close()
        self.key = self.simulator()
        self.issue(self.key, kind="additional", reason="a second desk", login_name="FJSL2")
        pem = self.certificate(self.key, "9c")
        self.assert_addresses(pem, responder.url)
        named = harness.run(["openssl", "x509", "-in", pem, "-noout", "-ocsp_uri"]).out.strip()
        self.assertIn(": good", harness.run(["openssl", "ocsp", "-issuer", self.ca / "issuing.pem", "-cert", pem, "-url", named,
                                             "-no_proxy", "*", "-CAfile", self.ca / "root.pem"]).out)
        # A CA of before there were such addresses names none, and its certificates are as they were.
        del settings["ocsp_url"]
        (self.ca / "ca.json").write_text(json.dumps(settings))
        self.assertEqual(self.bench_json("ca", "show")["ocsp_url"], "")
        self.key.close()
        self.key = self.simulator()
        self.issue(self.key, kind="additional", reason="a third desk", login_name="FJSL3")
        pem = self.certificate(self.key, "9c")
        self.assertEqual(harness.run(["openssl", "x509", "-in", pem, "-noout", "-ocsp_uri"]).out, "")

    def test_what_a_responder_is_asked_by_strangers(self):
        responder = self.responder()
        # Another CA's certificate, for which openssl rightly takes no answer of this responder; one that was never made.
        said = harness.run(["openssl", "ocsp", "-issuer", self.ca / "root.pem", "-cert", self.ca / "issuing.pem", "-url",
                            responder.url, "-no_proxy", "*", "-noverify"]).out
        self.assertIn(": unknown", said)
        self.assertIn("0x7B: unknown", self.ocsp(responder, "-serial", "0x7B"))
        self.assertIn(": good", self.ocsp(responder, digest="-sha256"))
        self.assertNotIn("WARNING", self.ocsp(responder))  # the nonce came back
        request = self.work / "request.der"
        harness.run(["openssl", "ocsp", "-issuer", self.ca / "issuing.pem", "-cert", self.pem, "-reqout", request])
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

        def status(data=None, path="/"):
            """responseStatus of the answer (RFC 6960): 0 successful, 1 malformedRequest."""
            der = opener.open(urllib.request.Request(responder.url + path, data=data), timeout=20).read()
            at = der.index(b"\x0a\x01")
            return der[at + 2]

        whole = request.read_bytes()
        self.assertEqual(status(whole), 0)
        self.assertEqual(status(path="/" + base64.b64encode(whole).decode().replace("/", "%2F")), 0)
        for wrong in (b"x", whole[:-1], whole + b"\0", b"\x30\x00", b"\x30\x04\x30\x02\x30\x00"):
            self.assertEqual(status(wrong), 1, wrong)
        self.assertEqual(status(path="/AAAA"), 1)
        self.assertEqual(status(path="/no%20request"), 1)
        self.assertEqual(status(whole), 0)


if __name__ == "__main__":
    harness.main()
