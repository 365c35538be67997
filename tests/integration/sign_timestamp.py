#!/usr/bin/env python3
# labels: clients
# timeout: 240
"""Timestamps on signatures and stamps: `openssl ts` is the authority, openssl and pdfsig judge what was made."""
import datetime
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

import application_pdf
import harness
from sealed_key import SealedKeyCase
from timestamp_authority import TimestampAuthority

MINUTE = datetime.timedelta(minutes=1)


class Timestamp(SealedKeyCase):
    def setUp(self):
        super().setUp()
        self.ship()
        self.authority_of_time = TimestampAuthority(self)
        self.file = self.work.write("licence", b"licence" * 100)
        self.signature = self.work / "licence.p7s"

    def sign(self, *more):
        return json.loads(self.sealkey("sign", self.file, "-o", self.signature, "--timestamp", self.authority_of_time.url,
                                       "--force", "--json", *more).out)

    def arguments(self, *more, root=None):
        return ("verify", self.file, "--signature", self.signature, "--ca", self.authority, "--timestamp-ca",
                root or self.authority_of_time.root, *more)

    def verify(self, *more):
        return json.loads(self.sealkey(*self.arguments(*more), "--json").out)["signatures"][0]

    def refused_as(self, fault, *arguments):
        error = self.refused(*arguments)
        self.assertEqual((error["name"], error.get("fault")), ("not_verified", fault), error)
        return error

    def list_with(self, date, reason=None, invalid=None):
        """A revocation list with the signing certificate."""
        authority, now = self.made.authority, datetime.datetime.utcnow()
        serial = x509.load_der_x509_certificate(self.made.certificates[0x9C]).serial_number
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(date)
        if reason is not None:
            entry = entry.add_extension(x509.CRLReason(reason), critical=False)
        if invalid is not None:
            entry = entry.add_extension(x509.InvalidityDate(invalid), critical=False)
        builder = x509.CertificateRevocationListBuilder().issuer_name(authority.name).last_update(now)
        builder = builder.next_update(now + datetime.timedelta(days=9)).add_revoked_certificate(entry.build())
        return self.work.write("list.crl", builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def test_signature_bears_a_timestamp_that_openssl_accepts(self):
        made = self.sign()
        printed = harness.run(["openssl", "cms", "-cmsout", "-print", "-inform", "DER", "-in", self.signature]).out
        self.assertIn("id-smime-aa-timeStampToken", printed)
        self.assertEqual(made["timestamp"]["time"], self.verify()["timestamp"]["time"])
        harness.run(["openssl", "cms", "-verify", "-cades", "-binary", "-inform", "DER", "-in", self.signature, "-content",
                     self.file, "-CAfile", self.authority, "-purpose", "any", "-out", "/dev/null"])
        # The authority's own answer, judged by openssl over the signature's value, which is what it must be for.
        value = self.work.write("value", signature_value(self.signature.read_bytes()))
        answer = self.work.write("last.tsr", self.authority_of_time.last)
        harness.run(["openssl", "ts", "-verify", "-data", value, "-in", answer, "-CAfile", self.authority_of_time.root])
        self.assertEqual(self.authority_of_time.requests, 1)

    def test_without_the_option_nothing_is_asked_and_nothing_added(self):
        self.sealkey("sign", self.file)
        self.assertEqual(self.authority_of_time.requests, 0)
        one = self.verify()
        self.assertEqual((one["timestamp"], one["has_timestamp"]), (None, False))

    def test_pdf_is_accepted_by_pdfsig_and_by_verify(self):
        source, output = self.work.write("a.pdf", application_pdf.make()), self.work / "b.pdf"
        self.sealkey("stamp", source, output, "--at", "20,20", "--timestamp", self.authority_of_time.url)
        self.assertIn("Signature is Valid", harness.run(["pdfsig", "-nocert", output], ok=None).out)
        both = ("verify", output, "--ca", self.authority, "--seal-ca", self.maker.root)
        one = json.loads(self.sealkey(*both, "--timestamp-ca", self.authority_of_time.root, "--json").out)["signatures"][0]
        self.assertEqual(one["signed_at"], one["timestamp"]["time"])
        passed = json.loads(self.sealkey(*both, "--json").out)["signatures"][0]
        self.assertEqual((passed["timestamp"], passed["has_timestamp"]), (None, True))

    def test_revoked_after_the_timestamp_stays_good(self):
        at = datetime.datetime.fromisoformat(self.sign()["timestamp"]["time"].rstrip("Z"))
        later, earlier = at + MINUTE, at - MINUTE
        for reason in (None, x509.ReasonFlags.superseded, x509.ReasonFlags.cessation_of_operation, x509.ReasonFlags.certificate_hold):
            with self.subTest(reason):
                self.verify("--crl", self.list_with(later, reason))
                self.refused_as("revoked", *self.arguments("--crl", self.list_with(earlier, reason)))
                self.refused_as("revoked", *self.arguments("--crl", self.list_with(at, reason)))
        self.refused_as("revoked", *self.arguments("--crl", self.list_with(later, None, earlier)))
        # Without the timestamp's authority the time is the signer's word again.
        crl = self.list_with(later)
        self.refused_as("revoked", "verify", self.file, "--signature", self.signature, "--ca", self.authority, "--crl", crl)

    def test_compromised_key_is_refused_unless_it_is_known_since_when(self):
        at = datetime.datetime.fromisoformat(self.sign()["timestamp"]["time"].rstrip("Z"))
        compromise = x509.ReasonFlags.key_compromise
        self.refused_as("revoked", *self.arguments("--crl", self.list_with(at + MINUTE, compromise)))
        self.refused_as("revoked", *self.arguments("--crl", self.list_with(at + MINUTE, compromise, at - MINUTE)))
        self.verify("--crl", self.list_with(at + 2 * MINUTE, compromise, at + MINUTE))

    def test_another_authority_isnt_trusted(self):
        self.sign()
        other = TimestampAuthority(self, "other")
        self.refused_as("untrusted_timestamp", *self.arguments(root=other.root))
        self.refused_as("untrusted_timestamp", *self.arguments(root=self.authority))
        error = self.refused(*self.arguments(root=self.file))
        self.assertEqual((error["name"], error["fault"]), ("bad_input", "bad_authority_file"))

    def assert_nothing_written(self, fault, answer):
        self.authority_of_time.answer = answer
        self.signature.unlink(missing_ok=True)
        error = self.refused("sign", self.file, "-o", self.signature, "--timestamp", self.authority_of_time.url)
        self.assertEqual((error["name"], error.get("fault")), ("failed", fault), error)
        self.assertFalse(self.signature.exists())
        source, output = self.work.write("a.pdf", application_pdf.make()), self.work / "b.pdf"
        error = self.refused("stamp", source, output, "--at", "20,20", "--timestamp", self.authority_of_time.url)
        self.assertEqual(error.get("fault"), fault)
        self.assertFalse(output.exists())
        return error

    def test_what_is_no_timestamp_leaves_nothing_written(self):
        authority = self.authority_of_time
        genuine = authority.answer
        self.sign()
        earlier = authority.last
        for name, fault, answer in (
                ("an error", "no_timestamp", lambda _: (500, b"")),
                ("elsewhere", "no_timestamp", lambda _: (302, b"")),
                ("too long", "no_timestamp", lambda _: (200, bytes(100000))),
                ("nothing", "bad_timestamp", lambda _: (200, b"")),
                ("a page", "bad_timestamp", lambda _: (200, b"<html>Welcome</html>")),
                ("something behind it", "bad_timestamp", lambda request: (200, genuine(request)[1] + b"\0")),
                ("cut short", "bad_timestamp", lambda request: (200, genuine(request)[1][:-1])),
                ("for another request", "bad_timestamp", lambda _: (200, earlier)),
                ("changed", "bad_timestamp", lambda request: (200, flipped(genuine(request)[1]))),
                ("refusal", "no_timestamp", lambda _: (200, bytes.fromhex("30053003020102")))):
            with self.subTest(name):
                self.assert_nothing_written(fault, answer)

    def test_certificate_for_something_else_is_refused(self):
        server = TimestampAuthority(self, "server", "serverAuth")
        error = self.assert_nothing_written("bad_timestamp", self.authority_of_time.reply_signed_by(server))
        self.assertIn("timeStamping", error["message"])
        # And one that is, made in the same way, is taken: it is the usage that was refused.
        self.authority_of_time.answer = self.authority_of_time.reply_signed_by(TimestampAuthority(self, "second"))
        self.sign()

    def test_authority_that_isnt_there_is_said(self):
        url = self.authority_of_time.url
        self.authority_of_time.close()
        error = self.refused("sign", self.file, "-o", self.signature, "--timestamp", url)
        self.assertEqual((error["name"], error["fault"]), ("failed", "no_timestamp"))
        self.assertIn(url, error["message"])
        self.assertFalse(self.signature.exists())

    def test_bad_address_is_refused_before_the_key_is_used(self):
        for url in ("ftp://127.0.0.1/", "file:///etc/passwd", "example", "-"):
            since = self.key.apdu_count()
            self.assertEqual(self.refused("sign", self.file, f"--timestamp={url}")["name"], "usage")
            self.assertEqual(self.key.apdu_count(), since)


def parts(data):
    """(tag, value) of each element of a piece of DER."""
    out = []
    while data:
        tag, size, at = data[0], data[1], 2
        if size >= 0x80:
            at += size - 0x80
            size = int.from_bytes(data[2:at], "big")
        out.append((tag, data[at:at + size]))
        data = data[at + size:]
    return out


def signature_value(cms):
    """ContentInfo, [0], SignedData, the set of signers, the one signer, its signature."""
    signed_data = parts(parts(parts(cms)[0][1])[1][1])[0][1]
    signer = parts(parts(signed_data)[-1][1])[0][1]
    return next(value for tag, value in parts(signer) if tag == 0x04)


def flipped(data):
    changed = bytearray(data)
    changed[-10] ^= 1  # within the signature
    return bytes(changed)


if __name__ == "__main__":
    harness.main()
