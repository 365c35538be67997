#!/usr/bin/env python3
# labels: bench clients
# timeout: 400
"""The CA's rules (N2 to N5), revocation, and the quality check against planted swaps."""
import os
import re
import shlex
import sqlite3

import harness
from bench_case import CODE, NAME, BenchCase, png


class Policy(BenchCase):
    def setUp(self):
        super().setUp()
        self.make_ca()

    def key_for(self, **fields):
        """Makes a key and takes it out of the reader."""
        key = self.simulator()
        made = self.issue(key, **fields)
        key.close()
        return made

    def test_N2_fourth_key_is_refused_N5_login_names_are_new_N3_N4_replacement(self):
        first = self.key_for()
        blank = self.simulator()
        # N2: a second first key; N5: a login name that was issued.
        self.issue_refused(blank, code=7, words="has a key already", login_name="NEWNAME")
        self.issue_refused(blank, code=7, words="issued before", kind="additional", reason="second office")
        self.issue_refused(blank, code=7, words="issued before", kind="additional", reason="second office", login_name="fjsl")
        blank.close()
        second = self.key_for(kind="additional", reason="second office", login_name="FJSLB")
        third = self.key_for(kind="additional", reason="third office", login_name="FJSLC")
        self.assertEqual([k["key_number"] for k in (first, second, third)], [1, 2, 3])
        blank = self.simulator()
        self.issue_refused(blank, code=7, words="3 keys already", kind="additional", reason="fourth office", login_name="FJSLD")
        # The name of the refused order isn't used up, and nothing of it is in the inventory.
        self.assertEqual(len(self.bench_json("inventory", "list")["keys"]), 3)

        # N4: another login name; another enterprise's key.
        replacement = {"kind": "replacement", "replaces": second["serial"], "reason": "lost on a journey", "lost_or_damaged": "lost"}
        self.issue_refused(blank, code=7, words="keeps the login name", login_name="OTHER", **replacement)
        self.issue_refused(blank, code=7, words="another enterprise", unified_code="914403001922038216", login_name="",
                           **replacement)
        made = self.issue(blank, login_name="", **replacement)
        self.assertEqual((made["login_name"], made["key_number"], made["replaced"]), ("FJSLB", 2, second["serial"]))
        old = self.bench_json("inventory", "show", "--serial", second["serial"])
        self.assertEqual(old["state"], "REPLACED")
        self.assertEqual({c["reason"] for c in old["certificates"]}, {"keyCompromise"})
        # N3: in the audit trail the old certificates go before the new key's first certificate is made.
        rows = self.audit()
        revoked = max(r["id"] for r in rows if r["action"] == "revoke" and r["subject"] == second["serial"])
        certified = min(r["id"] for r in rows if r["action"] == "certificate" and r["subject"] == made["serial"])
        self.assertLess(revoked, certified)
        serials = {c["serial"] for c in old["certificates"]}
        text = harness.run(["openssl", "crl", "-in", self.ca / "crl.pem", "-noout", "-text"]).out
        for serial in serials:
            self.assertIn(serial, text)
        # A replaced key can't be replaced again.
        blank.close()
        blank = self.simulator()
        self.issue_refused(blank, code=7, words="nothing to replace", login_name="", **replacement)

    def failing_check(self):
        """A bench on which quality check A always fails: OpenSC's tool does."""
        folder = self.work / "failing"
        folder.mkdir(exist_ok=True)
        tool = folder / "pkcs11-tool"
        tool.write_text("#!/bin/sh\nexit 1\n")
        tool.chmod(0o755)
        return {"PATH": f"{folder}:{os.environ['PATH']}"}

    @staticmethod
    def ordered(key, *options):
        return ["issue", "--birth-record", key.birth_record, "--name", NAME, "--code", CODE, "--algorithm", "p256", *options]

    def test_N4_N5_the_advice_after_a_failed_first_key_leads_to_a_working_one(self):
        bad = self.simulator()
        done = self.refused(*self.ordered(bad, "--login-name", "FJSL"), code=11, words="Don't deliver key", env=self.failing_check())
        advice = shlex.split(re.search(r"\((--kind [^)]*), or these fields in the order's file\)", done.err).group(1))
        # Repeated, as it says first: the same.
        self.refused(*self.ordered(bad, "--login-name", "FJSL"), code=11, words="Don't deliver key", env=self.failing_check())
        bad.close()
        good = self.simulator()
        made = self.bench_json(*self.ordered(good, *advice))
        self.assertEqual((made["login_name"], made["key_number"]), ("FJSL", 1))
        self.activate(good, made["serial"], "739146")
        self.assertEqual(self.bench_json("inventory", "show", "--serial", made["replaced"])["state"], "REPLACED")

    def test_N5_a_failed_first_key_revoked_by_hand_takes_its_login_name_along(self):
        bad = self.simulator()
        self.refused(*self.ordered(bad, "--login-name", "FJSL"), code=11, words="then its login name is used up",
                     env=self.failing_check())
        bad.close()
        serial = self.bench_json("inventory", "list")["keys"][0]["serial"]
        self.bench("revoke", "--serial", serial, "--why", "failed its check")
        good = self.simulator()
        self.refused(*self.ordered(good, "--login-name", "FJSL"), code=7, words="choose one that no key ever had")
        self.refused(*self.ordered(good, "--kind", "replacement", "--replaces", serial, "--lost-or-damaged", "damaged",
                                   "--reason", "failed its check"), code=7, words="under a login name that no key ever had")
        made = self.bench_json(*self.ordered(good, "--login-name", "FJSL2"))
        self.activate(good, made["serial"], "739146")

    def test_N13_revoked_certificate_is_refused_by_openssl_and_the_others_are_not(self):
        key = self.simulator()
        made = self.issue(key)
        pem = self.certificate(key, "9a")
        self.bench("crl")
        crl = ["-crl_check", "-CRLfile", self.ca / "crl.pem"]
        self.verify(pem, *crl)
        # A program that checks the whole chain wants the root's list too.
        self.assertIn("CRL", self.verify(pem, "-crl_check_all", "-CRLfile", self.ca / "crl.pem", ok=False).err)
        self.bench("crl", "--root")
        self.verify(pem, "-crl_check_all", "-CRLfile", self.ca / "crl.pem", "-CRLfile", self.ca / "root-crl.pem")
        kept = (self.ca / "root-crl.pem").read_bytes()
        (self.ca / "root.key").rename(self.work / "root.key")  # as it should be, in its safe
        self.refused("crl", "--root", code=13, words="root.key")
        self.assertEqual((self.ca / "root-crl.pem").read_bytes(), kept)
        self.refused("revoke", "--serial", made["serial"], "--why", "x", "--reason", "because", code=10, words="isn't a reason")
        self.refused("revoke", "--serial", made["serial"], "--why", "x", code=5, words="passphrase",
                     env={"SEALKEY_CA_PASSPHRASE": "wrong passphrase"})
        self.refused("revoke", "--serial", "SK2699999996", "--why", "x", code=8, words="no key")
        self.verify(pem, *crl)
        done = self.bench_json("revoke", "--serial", made["serial"], "--why", "key lost", "--reason", "keyCompromise")
        self.assertEqual(done["revoked"], 3)
        self.assertIn("revoked", self.verify(pem, *crl, ok=False).err)
        text = harness.run(["openssl", "crl", "-in", self.ca / "crl.pem", "-noout", "-text"]).out
        self.assertIn("Key Compromise", text)
        self.refused("activation-code", "--serial", made["serial"], "--show", code=7, words="REVOKED")
        # The enterprise may have a first key again, under a new login name.
        key.close()
        self.issue_refused(self.simulator(), code=7, words="issued before")

    def test_audit_trail_shows_every_change_of_itself(self):
        self.bench("inventory", "audit")
        with self.inventory_file() as database:
            with self.assertRaises(sqlite3.DatabaseError):
                database.execute("UPDATE audit SET operator = 'nobody'")
            with self.assertRaises(sqlite3.DatabaseError):
                database.execute("DELETE FROM audit")
        self.bench("orders", "check", str(self.work / "none.csv"), code=13)
        for _ in range(3):
            self.bench("crl")
        # The last row is noted on paper; more follows, and it is still there.
        head = self.bench_json("audit", "verify")["head"]
        rows = int(head.split(":")[0])
        self.bench("crl")
        self.assertEqual(self.bench_json("audit", "verify", "--head", head)["rows"], rows + 1)
        self.refused("audit", "verify", "--head", f"{rows}:{'0' * 64}", code=13, words="was written anew")
        self.refused("audit", "verify", "--head", f"{rows + 9}:{'0' * 64}", code=13, words="noted elsewhere, isn't there")
        self.refused("audit", "verify", "--head", "42", code=10, words="isn't the end of an audit trail")
        # Each by itself, by someone who writes to the file without the program.
        whole = (self.ca / "inventory.sqlite").read_bytes()
        for statement, words in (
                ("UPDATE audit SET operator = 'nobody' WHERE id = 1", "row 1 doesn't fit"),
                ("DELETE FROM audit WHERE id = 2", "row 2 is missing"),
                ("UPDATE audit SET id = CASE id WHEN 1 THEN -2 ELSE -1 END WHERE id < 3;"
                 "UPDATE audit SET id = -id WHERE id < 0", "row 1 doesn't fit"),
                (f"DELETE FROM audit WHERE id = {rows + 1}", f"was cut off, and row {rows + 1} is missing")):
            with self.subTest(statement=statement):
                (self.ca / "inventory.sqlite").write_bytes(whole)
                with self.inventory_file() as database:
                    database.execute("DROP TRIGGER audit_stays_1")
                    database.execute("DROP TRIGGER audit_stays_2")
                    database.executescript(statement)
                self.refused("audit", "verify", code=13, words=words)
                self.refused("inventory", "audit", code=13, words=words)


class PlantedSwaps(BenchCase):
    """On a key of the compatibility profile, whose published management key lets anyone plant what they like."""

    def setUp(self):
        super().setUp()
        self.make_ca()
        self.key = self.simulator()
        self.made = 0
        seal = self.work.write("seal.png", png())
        made = self.issue(self.key, profile="compatibility", seal_image=str(seal))
        self.serial = made["serial"]

    def check(self, words, pin=None):
        self.refused("check", code=11, words=words, env={"SEALKEY_PIN": pin} if pin else None)

    def object_of(self, tag):
        return self.key.run(["yubico-piv-tool", "-r", "", "-a", "read-object", "--id", tag, "-f", "binary"]).raw

    def write_object(self, tag, content):
        path = self.work.write("object", content)
        self.key.run(["yubico-piv-tool", "-r", "", "-a", "write-object", "--id", tag, "-f", "binary", "-i", path])

    def test_swaps_are_found(self):
        self.bench("check")
        self.bench("check", env={"SEALKEY_PIN": harness.DEFAULT_PIN})
        login, signing = self.object_of("0x5fc105"), self.object_of("0x5fc10a")
        self.write_object("0x5fc105", signing)
        self.check("certificate in slot 9A")
        self.write_object("0x5fc105", login)
        self.bench("check")

        seal = self.object_of("0x5fff40")
        self.write_object("0x5fff40", seal[:-1] + bytes([seal[-1] ^ 1]))
        self.check("seal isn't the one")
        self.write_object("0x5fff40", seal)
        record = self.object_of("0x5fff41")
        self.write_object("0x5fff41", record.replace(b"FJSL", b"LJSF"))
        self.check("enterprise record")
        self.write_object("0x5fff41", record)
        self.bench("check")

        # Another key in the slot, by one who has no PIN: found without it.
        self.key.run(["yubico-piv-tool", "-r", "", "-a", "generate", "-s", "9a", "-A", "ECCP256", "-o", self.work / "pub"])
        self.check("slot 9A")

    def test_serial_number_of_another_key_is_found(self):
        with self.inventory_file() as database:
            database.execute("UPDATE tokens SET numeric_serial = numeric_serial + 1")
        self.check("numeric serial")
        with self.inventory_file() as database:
            database.execute("UPDATE tokens SET numeric_serial = numeric_serial - 1, guid = '" + "ab" * 16 + "'")
        self.check("GUID")

    def test_key_of_another_bench_is_unknown(self):
        self.key.close()
        stranger = self.simulator(profile="compatibility")
        self.refused("check", code=8, words="no key")
        self.refused("issue", "--name", "X", "--code", CODE, "--login-name", "A", code=8, words="doesn't know it")
        stranger.close()


if __name__ == "__main__":
    harness.main()
