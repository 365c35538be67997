#!/usr/bin/env python3
# labels: bench clients
# timeout: 400
"""A key's device certificate and its attestations: made at the bench, taken by common programs, refused with a name."""
import json
import os

import harness
from bench_case import BenchCase


class Attestation(BenchCase):
    def setUp(self):
        super().setUp()
        self.make_ca()

    def yubico(self, key, *arguments, **how):
        return key.run(["yubico-piv-tool", "-r", "", *arguments], **how)

    def evidence(self, key, slot):
        """An attestation as yubico-piv-tool gets it, and the device certificate: PEM files."""
        attestation, device = self.work / f"attestation-{slot}.pem", self.work / "f9.pem"
        self.yubico(key, "-a", "attest", "-s", slot, "-o", attestation)
        self.yubico(key, "-a", "read-certificate", "-s", "f9", "-o", device)
        return attestation, device

    def defect(self, *arguments, defect, code=11, **how):
        done = self.bench("attestation", "check", *arguments, "--json", code=code, **how)
        error = json.loads(done.out or done.err)
        error = error.get("error", error)
        self.assertEqual(error.get("defect"), defect, error)

    def test_each_key_of_the_bench_is_attested_and_common_programs_take_it(self):
        key = self.simulator()
        made = self.issue(key)
        for slot in ("9A", "9C", "9D"):
            self.assertIn(f"attestation:{slot}", made["checks"])
        root = self.ca / "device-root.pem"
        for slot in ("9a", "9c", "9d"):
            with self.subTest(slot):
                attestation, device = self.evidence(key, slot)
                harness.run(["openssl", "verify", "-CAfile", root, device])
                harness.run(["openssl", "verify", "-CAfile", root, "-untrusted", device, attestation])
                harness.run(["openssl", "verify", "-CAfile", root, attestation], ok=False)
                harness.run(["openssl", "verify", "-CAfile", self.ca / "root.pem", "-untrusted", device, attestation],
                            ok=False)
                # The attested key is the certified one.
                certified = self.certificate(key, slot)
                public = [harness.run(["openssl", "x509", "-pubkey", "-noout", "-in", pem]).out
                          for pem in (attestation, certified)]
                self.assertEqual(public[0], public[1])
                said = self.bench_json("attestation", "check", "--slot", slot)
                self.assertEqual((said["serial"], said["slot"], said["generated"]), (made["serial"], slot, True))
                self.assertEqual(said["pin_policy"], 3 if slot == "9c" else 2)
        text = harness.run(["openssl", "x509", "-noout", "-text", "-in", attestation]).out
        self.assertIn("sealkey attestation 9d", text)
        self.assertIn("1.3.6.1.4.1.41482.3.8", text)
        # The evidence is in the audit trail, and each was there before its certificate.
        rows = self.audit()
        attested = [r["id"] for r in rows if r["action"] == "attestation"]
        certified = [r["id"] for r in rows if r["action"] == "certificate"]
        self.assertEqual((len(attested), len(certified)), (3, 4))
        self.assertLess(attested[0], certified[1])
        # F9 is no enterprise's certificate.
        shown = self.bench_json("inventory", "show", "--serial", made["serial"])
        self.assertEqual(sorted(c["slot"] for c in shown["certificates"]), ["9A", "9C", "9D"])
        self.assertEqual(shown["device_certificate"]["revoked_at"], "")
        self.bench("check")

    def test_files_are_judged_with_a_name_for_each_refusal(self):
        key = self.simulator()
        made = self.issue(key)
        attestation, device = self.evidence(key, "9c")
        files = [attestation, "--device", device]
        said = self.bench("attestation", "check", *files)
        self.assertIn("Not compared", said.err + said.out)
        self.bench("attestation", "check", *files, "--serial", made["serial"], "--slot", "9c")
        self.defect(*files, "--slot", "9a", defect="role")
        self.defect(*files, "--nonce", "00" * 32, defect="nonce")
        self.defect(*files, "--imported", defect="imported")
        self.defect(device, "--device", device, defect="chain")
        self.defect(attestation, "--device", attestation, defect="chain")
        self.defect(attestation, "--device", self.ca / "device-root.pem", defect="chain")
        self.defect(self.work.write("empty", ""), "--device", device, defect="malformed")
        other, request = self.work / "other.key", self.work / "other.csr"
        harness.run(["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", other, "-subj", "/CN=x", "-out",
                     request])
        self.defect(*files, "--request", request, defect="key")
        self.bench("attestation", "check", attestation, code=2)
        self.bench("attestation", "check", "--slot", "9e", code=2)
        # Another CA: its own device root isn't that of this key.
        mine = self.ca
        self.environment["SEALKEY_CA_DIR"] = str(self.work / "elsewhere")
        self.make_ca()
        self.defect(*files, defect="chain")
        # A root of others is trusted when it is put there.
        roots = self.work / "elsewhere" / "device-roots"
        roots.mkdir()
        (roots / "other.pem").write_text((mine / "device-root.pem").read_text())
        self.bench("attestation", "check", *files)
        (roots / "other.pem").write_text((mine / "issuing.pem").read_text())
        self.bench("attestation", "check", *files, code=13)

    def test_a_key_of_another_life_is_not_believed(self):
        key = self.simulator()
        made = self.issue(key)
        attestation, device = self.evidence(key, "9c")
        # Its certificate is swapped in the inventory: what is attested isn't what was certified.
        with self.inventory_file() as sql:
            rows = dict(sql.execute("SELECT slot, der FROM certificates"))
            sql.execute("UPDATE certificates SET der = ? WHERE slot = '9C'", (rows["9A"],))
        self.defect("--slot", "9c", defect="key")
        with self.inventory_file() as sql:
            sql.execute("UPDATE certificates SET der = ? WHERE slot = '9C'", (rows["9C"],))
        self.bench("attestation", "check", "--slot", "9c")
        # The key is revoked, and its device certificate with it.
        self.bench("revoke", "--serial", made["serial"], "--why", "lost")
        self.defect(attestation, "--device", device, defect="revoked")
        shown = self.bench_json("inventory", "show", "--serial", made["serial"])
        self.assertNotEqual(shown["device_certificate"]["revoked_at"], "")
        self.assertNotIn(shown["device_certificate"]["serial"],
                         harness.run(["openssl", "crl", "-in", self.ca / "crl.pem", "-noout", "-text"]).out,
                         "device certificates are another issuer's")

    def test_the_bench_certifies_nothing_that_is_not_attested(self):
        settings = self.ca / "ca.json"
        right = settings.read_text()

        def least(version):
            settings.write_text(json.dumps({**json.loads(right), "least_firmware": version}))

        key = self.simulator()
        arguments = self.order_options(key)
        least("9.0.0")
        done = self.refused(*arguments, code=11, words="firmware is 0.1.0: at least 9.0.0")
        self.assertIn("same command again", done.err)
        serial = self.bench_json("inventory", "list")["keys"][0]["serial"]
        shown = self.bench_json("inventory", "show", "--serial", serial)
        self.assertEqual(shown["certificates"], [], "no certificate was made")
        # Its device certificate is revoked meanwhile: it can't be finished.
        settings.write_text(right)
        with self.inventory_file() as sql:
            sql.execute("UPDATE certificates SET revoked_at = '2026-11-21T00:00:00Z' WHERE slot = 'F9'")
        self.refused(*arguments, code=7, words="device certificate")
        # A device certificate that this CA doesn't know of: not its key.
        with self.inventory_file() as sql:
            row = sql.execute("SELECT * FROM certificates WHERE slot = 'F9'").fetchone()
            sql.execute("DELETE FROM certificates WHERE slot = 'F9'")
        self.refused(*arguments, code=11, words="this CA didn't give it")
        # All as it should be: it goes on.
        with self.inventory_file() as sql:
            sql.execute(f"INSERT INTO certificates VALUES ({','.join('?' * len(row))})", row)
            sql.execute("UPDATE certificates SET revoked_at = '' WHERE slot = 'F9'")
        made = self.bench_json(*arguments)
        self.assertTrue(made["resumed"])
        self.assertEqual(made["serial"], serial)

    def test_a_ca_without_a_device_root_makes_no_key(self):
        key = self.simulator()
        for name in ("device-root.pem", "device-root.key"):
            os.rename(self.ca / name, self.work / name)
        self.issue_refused(key, code=8, words="has no device root")
        self.assertEqual(self.bench_json("inventory", "list")["keys"], [])
        self.bench("ca", "device-root")
        self.issue(key)
        self.refused("ca", "device-root", code=7, words="has a device root")


if __name__ == "__main__":
    harness.main()
