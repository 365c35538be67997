#!/usr/bin/env python3
# labels: clients
# timeout: 240
"""Revocation lists of seal makers: a seal by a revoked maker is refused by its own name, a stamp with a timestamp of before the
revocation stays good, and a list that can't be relied on is said to be one. The lists are made by hand and signed by openssl."""
import base64
import datetime
import json

import application_pdf
import harness
from personalise import tlv
from seal_maker import SealMaker, entry
from sealed_key import SealedKeyCase
from timestamp_authority import TimestampAuthority

MINUTE = datetime.timedelta(minutes=1)
UNSPECIFIED, COMPROMISE, SUPERSEDED, HOLD = 0, 1, 4, 6


def pem(list_der):
    text = base64.encodebytes(list_der).decode()
    return f"-----BEGIN X509 CRL-----\n{text}-----END X509 CRL-----\n".encode()


def extension(oid, value, critical=True):
    return tlv(0x30, bytes.fromhex(oid) + (b"\x01\x01\xff" if critical else b"") + tlv(0x04, value))


class Lists(harness.Case):
    """A seal in a file."""

    def setUp(self):
        super().setUp()
        self.maker = SealMaker(self.work.path)
        signer = self.work / "signer.pem"
        harness.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                     "/CN=signer", "-keyout", self.work / "signer.key", "-out", signer])
        self.signer = harness.run(["openssl", "x509", "-in", signer, "-outform", "DER"]).raw
        self.seal = self.work.write("seal.der", self.maker.make([self.signer]))
        self.now = datetime.datetime.utcnow()

    def verify(self, *lists, ca=None):
        """The answer with these lists, each in a file of its own."""
        files = [self.work.write(f"{n}.crl", content) for n, content in enumerate(lists)]
        options = [word for path in files for word in ("--seal-crl", path)]
        done = harness.run(["sealkey", "seal", "verify", "--from", self.seal, "--seal-ca", ca or self.maker.root, *options,
                            "--json"], ok=None)
        answer = json.loads(done.out)
        self.assertEqual(answer.get("error", {}).get("code", 0), done.code)
        return answer

    def assert_good(self, *lists, **how):
        answer = self.verify(*lists, **how)
        self.assertIs(answer["ok"], True, answer)

    def assert_revoked(self, *lists):
        error = self.verify(*lists)["error"]
        self.assertEqual((error["name"], error["fault"]), ("not_verified", "maker_revoked"), error)
        self.assertIn("CN=Seal maker", error["message"])

    def assert_no_list(self, words, *lists, **how):
        error = self.verify(*lists, **how)["error"]
        self.assertEqual((error["name"], error["fault"]), ("bad_input", "bad_revocation_list"), error)
        self.assertIn(words, error["message"])

    def test_list_without_the_maker_leaves_the_seal_good(self):
        self.assert_good(self.maker.revocation_list())
        self.assert_good(pem(self.maker.revocation_list(entry(9, self.now))))

    def test_revoked_maker_is_refused_whatever_the_reason_and_the_date(self):
        for reason in (None, UNSPECIFIED, COMPROMISE, SUPERSEDED, HOLD):
            self.assert_revoked(self.maker.revocation_list(entry(SealMaker.SERIAL, self.now - MINUTE, reason)))
        # A seal's date of making is its maker's word, so a later revocation counts too.
        self.assert_revoked(self.maker.revocation_list(entry(SealMaker.SERIAL, self.now + 9 * MINUTE, SUPERSEDED)))
        self.assert_revoked(self.maker.revocation_list(entry(7, self.now), entry(SealMaker.SERIAL, self.now)))

    def test_any_of_several_lists_may_revoke(self):
        clean, other = self.maker.revocation_list(), SealMaker(self.work.path, "other")
        bad = self.maker.revocation_list(entry(SealMaker.SERIAL, self.now))
        self.assert_revoked(clean, bad)
        self.assert_revoked(bad, clean)
        self.assert_revoked(pem(clean) + pem(bad))
        # A former list beside the one of today, and a list by somebody else, do no harm.
        self.assert_good(self.maker.revocation_list(ends=-1), clean)
        self.assert_good(other.revocation_list(entry(SealMaker.SERIAL, self.now)), clean)

    def test_list_out_of_date_or_yet_to_come_is_said(self):
        self.assert_no_list("out of date since", self.maker.revocation_list(made=-9, ends=-1))
        self.assert_no_list("yet to come", self.maker.revocation_list(made=1))
        self.assert_no_list("doesn't say until when", self.maker.revocation_list(ends=None))

    def test_list_by_another_issuer_is_said(self):
        other = SealMaker(self.work.path, "other")
        self.assert_no_list("None of the revocation lists is by CN=Seal root", self.maker.revocation_list(issuer="Another"))
        # The right name, another key: the other root's, and the maker's own.
        self.assert_no_list("isn't signed by its key", other.revocation_list())
        self.assert_no_list("isn't signed by its key", self.maker.revocation_list(key=".key"))
        # The maker's own entry made one of somebody else.
        revoked, nobody = entry(SealMaker.SERIAL, self.now), entry(SealMaker.SERIAL + 1, self.now)
        changed = self.maker.revocation_list(revoked).replace(revoked, nobody)
        self.assertIn(nobody, changed)
        self.assert_no_list("isn't signed by its key", changed)

    def test_authority_that_may_not_sign_lists_has_none(self):
        self.maker = SealMaker(self.work.path, "plain", usage="keyCertSign")
        self.seal.write_bytes(self.maker.make([self.signer]))
        self.assert_good()
        self.assert_no_list("isn't allowed to sign revocation lists", self.maker.revocation_list())

    def test_list_that_isnt_a_whole_one_is_said(self):
        for what in (extension("0603551D1B", b"\2\1\1"),                       # delta CRL indicator
                     extension("0603551D1C", bytes.fromhex("30038101FF")),      # issuing distribution point
                     extension("0603551D1C", bytes.fromhex("30038101FF"), critical=False),
                     extension("06032A0304", b"\5\0")):
            self.assert_no_list("isn't a whole one", self.maker.revocation_list(extensions=what))
        self.assert_good(self.maker.revocation_list(extensions=extension("06032A0304", b"\5\0", critical=False)))

    def test_file_that_is_no_list_is_refused(self):
        good = self.maker.revocation_list()
        for bad in (b"", b"x", good[:-1], good + b"\0", self.maker.root.read_bytes(),
                    pem(good) + pem(good).replace(b"A", b"*", 3)):
            error = self.verify(bad)["error"]
            self.assertEqual((error["name"], error["fault"]), ("bad_input", "bad_authority_file"), error)

    def test_list_without_its_authority_is_a_mistake_of_use(self):
        path = self.work.write("a.crl", self.maker.revocation_list())
        for words in (("seal", "verify", "--from", self.seal), ("verify", self.seal, "--ca", self.maker.root)):
            done = harness.run(["sealkey", *words, "--seal-crl", path, "--json"], ok=False)
            self.assertEqual(json.loads(done.out)["error"]["name"], "usage")

    def test_first_fault_in_the_verifiers_order_is_the_one_that_is_said(self):
        bad = self.maker.revocation_list(entry(SealMaker.SERIAL, self.now))
        other = SealMaker(self.work.path, "other")
        self.assertEqual(self.verify(bad, ca=other.root)["error"]["fault"], "maker_untrusted")
        self.seal.write_bytes(self.maker.make([self.signer], begins=-9, ends=-1))
        self.assert_revoked(bad)


class Stamps(SealedKeyCase):
    """A stamp on a page, whose time a timestamp vouches for."""

    def setUp(self):
        super().setUp()
        self.ship()
        self.clock = TimestampAuthority(self)
        self.source, self.stamped = self.work.write("a.pdf", application_pdf.make()), self.work / "b.pdf"

    def list_with(self, *how, **more):
        return self.work.write("maker.crl", self.maker.revocation_list(entry(SealMaker.SERIAL, *how, **more)))

    def arguments(self, crl, timestamp=True):
        vouched = ("--timestamp-ca", self.clock.root) if timestamp else ()
        return ("verify", self.stamped, "--ca", self.authority, "--seal-ca", self.maker.root, "--seal-crl", crl, *vouched)

    def test_stamped_before_the_revocation_stays_good_by_its_timestamp_alone(self):
        self.sealkey("stamp", self.source, self.stamped, "--at", "20,20", "--timestamp", self.clock.url)
        clean = self.work.write("clean.crl", self.maker.revocation_list())
        signed = json.loads(self.sealkey(*self.arguments(clean), "--json").out)["signatures"][0]
        at = datetime.datetime.fromisoformat(signed["timestamp"]["time"].rstrip("Z"))
        later, earlier = at + MINUTE, at - MINUTE
        for reason in (None, SUPERSEDED, HOLD):
            self.sealkey(*self.arguments(self.list_with(later, reason)))
            for when in (at, earlier):
                self.assertEqual(self.refused(*self.arguments(self.list_with(when, reason)))["fault"], "maker_revoked")
        # A key in other hands: the date says when it was noticed, unless it is known since when.
        self.assertEqual(self.refused(*self.arguments(self.list_with(later, COMPROMISE)))["fault"], "maker_revoked")
        self.assertEqual(self.refused(*self.arguments(self.list_with(later, COMPROMISE, earlier)))["fault"], "maker_revoked")
        self.sealkey(*self.arguments(self.list_with(later + MINUTE, COMPROMISE, later)))
        # What nobody can read counts for every time, and so does every entry where no authority vouches for the time.
        strange = self.list_with(later, critical=b"\x2a\x03\x04")
        self.assertEqual(self.refused(*self.arguments(strange))["fault"], "maker_revoked")
        crl = self.list_with(later)
        self.assertEqual(self.refused(*self.arguments(crl, timestamp=False))["fault"], "maker_revoked")
        # The list is today's, whatever the timestamp says.
        old = self.work.write("old.crl", self.maker.revocation_list(made=-3, ends=-1))
        self.assertEqual(self.refused(*self.arguments(old))["fault"], "bad_revocation_list")

    def test_key_with_a_revoked_makers_seal_stamps_nothing_and_keeps_its_pin(self):
        crl = self.list_with(datetime.datetime.utcnow())
        since = self.key.apdu_count()
        error = self.refused("stamp", self.source, self.stamped, "--at", "20,20", "--seal-ca", self.maker.root, "--seal-crl", crl)
        self.assertEqual((error["name"], error["fault"]), ("not_allowed", "maker_revoked"))
        self.assertEqual(self.presented(since), (0, 0))
        self.assertFalse(self.stamped.exists())
        self.assertEqual(self.refused("seal", "verify", "--seal-ca", self.maker.root, "--seal-crl", crl)["fault"], "maker_revoked")


if __name__ == "__main__":
    harness.main()
