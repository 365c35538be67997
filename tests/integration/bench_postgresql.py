#!/usr/bin/env python3
# labels: bench
# timeout: 360
"""The bench with its inventory at a PostgreSQL server: a tray of keys, two benches at once, the server stopped in the middle."""
import json
import os
import pathlib
import shutil
import subprocess

import harness
import postgresql
from bench_case import CODE, NAME, OTHER_CODE, BenchCase

PASSWORD = "a-password-of-the-server"


class Postgresql(BenchCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = postgresql.Server()
        cls.addClassCleanup(cls.server.end)

    def setUp(self):
        super().setUp()
        self.schema = self.server.new_schema()
        self.url = self.server.url(self.schema)

    def begin(self, keys, ca, ports):
        """A tray with two enterprises' orders, running; its lines in a file."""
        orders = self.work.write("orders.csv", "enterprise_name,unified_code,login_name,algorithm\n"
                                 f"{NAME},{CODE},A1,p256\n另一家公司,{OTHER_CODE},B1,p256\n")
        log = pathlib.Path(f"{ca}.log")
        with open(log, "wb") as out:
            # pylint: disable=consider-using-with
            process = subprocess.Popen(
                [harness.program("sealkey-bench"), "run", "--ca", str(ca), "--orders", str(orders), "--birth-records",
                 str(keys.workspace.path), "--ports", str(ports), "--patience", "90"], stdout=out, stderr=out,
                stdin=subprocess.DEVNULL, env={**os.environ, **self.environment, **keys.environment})
        self.addCleanup(lambda: (process.poll() is None and process.kill(), process.wait()))
        return process, log

    def finished(self):
        keys = self.bench_json("inventory", "list")["keys"]
        self.assertEqual(sorted((k["login_name"], k["step"], k["state"]) for k in keys),
                         [("A1", "done", "PERSONALISED"), ("B1", "done", "PERSONALISED")])
        for key in keys:
            shown = self.bench_json("inventory", "show", "--serial", key["serial"])
            self.assertEqual(sorted(c["slot"] for c in shown["certificates"] if not c["revoked_at"]), ["9A", "9C", "9D"])
        self.bench("audit", "verify")
        return [key["serial"] for key in keys]

    def test_a_tray_goes_on_when_the_server_is_back(self):
        self.make_ca("--inventory", self.url)
        self.assertEqual(list(self.ca.glob("inventory*")), [])
        keys = self.simulator(tokens=2, sockets=True)
        process, log = self.begin(keys, self.ca, 2)
        harness.until(lambda: "Making three keys" in log.read_text() or process.poll() is not None, "keys are made", 90)
        self.server.kill()
        self.assertEqual(process.wait(90), 13, log.read_text())
        self.assertIn("inventory", log.read_text().splitlines()[-1])
        self.refused("inventory", "list", code=13, words="The inventory's server can't be used")
        self.server.start()
        process, log = self.begin(keys, self.ca, 2)
        self.assertEqual(process.wait(120), 0, log.read_text())
        serials = self.finished()
        # States of a renewal, and the trail of all of it.
        self.bench("renewals", "approve", "--serial", serials[0], "--request", "R-1")
        self.assertEqual([r["serial"] for r in self.bench_json("renewals", "list")["renewals"]], [serials[0]])
        self.bench("renewals", "refuse", "--serial", serials[0], "--remark", "not now")
        self.bench("revoke", "--serial", serials[1], "--reason", "keyCompromise", "--why", "lost")
        self.bench("audit", "verify")
        # A row changed by hand.
        rows = len(self.audit())
        changes = (f"UPDATE audit SET operator = 'another' WHERE id = {rows // 2}", f"DELETE FROM audit WHERE id = {rows}",
                   "TRUNCATE audit")
        for change in changes:
            with self.assertRaisesRegex(RuntimeError, "audit rows stay"):
                self.server.sql(change, self.schema)
        self.bench("audit", "verify")
        self.server.sql("ALTER TABLE audit DISABLE TRIGGER audit_stays; " + changes[0], self.schema)
        self.refused("audit", "verify", code=13, words=f"row {rows // 2} doesn't fit")

    def test_two_benches_share_the_orders_of_one_batch(self):
        self.make_ca("--inventory", self.url)
        other = pathlib.Path(f"{self.ca}-2")
        shutil.copytree(self.ca, other)
        benches = [(self.simulator(sockets=True), self.ca), (self.simulator(sockets=True), other)]
        runs = [self.begin(keys, ca, 1) for keys, ca in benches]
        # A bench that ends before the other has begun reports the other's order as open (14), as does one that had to wait for the
        # database for too long; the same command goes on then. Each makes one key.
        for (keys, ca), (process, log) in zip(benches, runs):
            code = process.wait(180)
            self.assertIn(code, (0, 14), log.read_text())
            if "finished: take it out" not in log.read_text():
                print(f"goes on after:\n{log.read_text()}")
                process, log = self.begin(keys, ca, 1)
                self.assertIn(process.wait(180), (0, 14), log.read_text())
            self.assertEqual(log.read_text().count("finished: take it out"), 1, log.read_text())
        self.finished()

    def test_passwords_come_from_a_file_and_what_is_refused_changes_nothing(self):
        server = self.server
        server.sql(f"CREATE ROLE clerk LOGIN PASSWORD '{PASSWORD}'; CREATE SCHEMA clerks AUTHORIZATION clerk")
        hba = pathlib.Path(server.folder, "data/pg_hba.conf")
        hba.write_text("local all clerk scram-sha-256\n" + hba.read_text())
        server.kill()
        server.start()
        init = ["ca", "init", "--name", NAME, "--inventory"]
        url = server.url("clerks", user="clerk")
        done = self.refused(*init, url.replace("clerk@", f"clerk:{PASSWORD}@"), code=10, words="PGPASSFILE")
        self.assertNotIn(PASSWORD, done.out + done.err)
        self.refused(*init, url, code=13, words="no password supplied", env={"PGPASSFILE": str(self.work / "none")})
        for name, password in (("wrong", "another"), ("right", PASSWORD)):
            self.work.write(name, f"*:*:*:clerk:{password}\n").chmod(0o600)
        self.refused(*init, url, code=13, words="password authentication failed", env={"PGPASSFILE": str(self.work / "wrong")})
        self.refused(*init, server.url("public", user="clerk"), code=13, words="permission denied",
                     env={"PGPASSFILE": str(self.work / "right")})
        self.refused(*init, "postgresql:///keys?host=/nonexistent", code=13, words="/nonexistent")
        self.refused(*init, "keys.sqlite", code=10, words="isn't a URL")
        self.assertFalse(self.ca.exists())
        self.environment["PGPASSFILE"] = str(self.work / "right")
        self.bench(*init, url)
        self.bench("audit", "verify")
        self.assertNotIn(PASSWORD.encode(), self.everything_said())
        # Another CA's, an empty one, and one of a later program.
        self.refused(*init, url, "--ca", str(self.work / "second"), code=7, words="another CA")
        self.assertFalse((self.work / "second").exists())
        settings = json.loads((self.ca / "ca.json").read_text())
        for wrong, words, code in ((self.url, "no inventory in this database", 13),
                                   (url.replace("clerk@", f"clerk:{PASSWORD}@"), "has a password in it", 10)):
            (self.ca / "ca.json").write_text(json.dumps({**settings, "inventory": wrong}))
            self.refused("audit", "verify", code=code, words=words)
        self.assertEqual(server.sql("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()", self.schema), ["0"])
        (self.ca / "ca.json").write_text(json.dumps(settings))
        self.bench("ca", "init", "--name", NAME, "--inventory", self.url, "--ca", str(self.work / "third"))
        third = json.loads((self.work / "third/ca.json").read_text())
        (self.ca / "ca.json").write_text(json.dumps({**settings, "inventory": third["inventory"]}))
        self.refused("audit", "verify", code=7, words="another CA's")
        (self.ca / "ca.json").write_text(json.dumps(settings))
        server.sql("UPDATE meta SET value = '99' WHERE name = 'schema_version'", "clerks")
        self.refused("audit", "verify", code=13, words="version 99")


if __name__ == "__main__":
    harness.main(pcscd=False)
