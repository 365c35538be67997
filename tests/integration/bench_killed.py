#!/usr/bin/env python3
# labels: bench
# timeout: 240
"""`sealkey-bench run` as a whole process, killed before every commit of a key's making, which are the borders of its steps, and after
the first and the last: one more run completes each key. The same with replacements, whose old key has to be on the list first."""
import json
import os
import pathlib
import re
import shutil
import signal

import harness
from bench_case import BenchCase
from tray_case import unified_code

PRELOADED = pathlib.Path(os.environ["SEALKEY_BUILD"]) / "tests/integration/libkill_at_commit.so"


class Killed(BenchCase):
    def setUp(self):
        super().setUp()
        self.make_ca()

    def run_at(self, key, sockets, orders, extra, ports=1, code=0, patience=60):
        return self.bench("run", "--orders", str(orders), "--birth-records", str(key.workspace.path), "--ports", str(ports),
                          "--patience", str(patience), "--json", env={"SEALKEY_SIM_SOCKETS": sockets, **extra}, code=code)

    def orders(self, name, count):
        return self.work.write(name, json.dumps([
            {"enterprise_name": f"企业{i}", "unified_code": unified_code(i), "login_name": f"KEY{i}", "algorithm": "p256"}
            for i in range(1, count + 1)]))

    def begin_batch(self, key, orders):
        """Takes the orders into the inventory, without a key, so that every later run has the same commits."""
        self.run_at(key, str(self.work / "nobody"), orders, {}, code=14, patience=1)

    def count_commits(self, orders):
        """Of a run that makes the one key of these orders; in a copy of the CA."""
        here, self.environment = self.environment, {**self.environment, "SEALKEY_CA_DIR": str(self.work / "ca-count")}
        shutil.copytree(self.ca, self.work / "ca-count")
        key = self.simulator(sockets=True)
        count = self.work / "count"
        self.begin_batch(key, orders)
        self.run_at(key, key.environment["SEALKEY_SIM_SOCKETS"], orders,
                    {"LD_PRELOAD": str(PRELOADED), "SEALKEY_KILL_COUNT": str(count)})
        key.close()
        self.environment = here
        return int(count.read_text())

    def state(self, serials):
        """The keys that the inventory has now; none that was there before is lost."""
        now = {key["serial"] for key in self.bench_json("inventory", "list")["keys"]}
        self.assertLessEqual(serials, now)
        return now

    def test_Lesson36_kill_9_at_every_commit_and_one_more_run(self):
        commits = self.count_commits(self.orders("one.json", 1))
        self.assertGreater(commits, 10)
        # Before each: the key is ahead of the inventory. After one, the key is where it was at its last APDU, which the sweep of
        # pull-outs (test_bench_sweep) meets at every one: here the first and the last, where nothing of the key is left to do.
        moments = [f"{n}b" for n in range(1, commits + 1)] + ["1a", f"{commits}a"]
        # A key and an order for each moment: the run sees that key alone, and the last run all of them.
        keys = self.simulator(tokens=len(moments), sockets=True)
        sockets = keys.environment["SEALKEY_SIM_SOCKETS"].split(":")
        orders = self.orders("orders.json", len(moments))
        self.begin_batch(keys, orders)
        serials = set()
        for socket, moment in zip(sockets, moments):
            with self.subTest(moment=moment):
                self.run_at(keys, socket, orders, {"LD_PRELOAD": str(PRELOADED), "SEALKEY_KILL_AT": moment}, code=-signal.SIGKILL)
                serials = self.state(serials)
        done = json.loads(self.run_at(keys, ":".join(sockets), orders, {}, ports=16).out)
        self.assertEqual((done["done"], done["open"]), (len(moments), 0), done)
        made = self.bench_json("inventory", "list")["keys"]
        self.assertEqual(len(made), len(moments))
        self.assertLessEqual(serials, {key["serial"] for key in made})
        for key in made:
            self.assertEqual((key["step"], key["state"]), ("done", "PERSONALISED"))
            shown = self.bench_json("inventory", "show", "--serial", key["serial"])
            self.assertEqual(sorted(c["slot"] for c in shown["certificates"] if not c["revoked_at"]), ["9A", "9C", "9D"])
        self.bench("audit", "verify")
        # Each passed the check in its run; here the first, by a process that knows nothing of it.
        self.bench("check", "--serial", made[0]["serial"], env=keys.environment)
        print(f"bench killed at every commit of a key's making: {len(moments)} runs, {done['done']} completed")

    def replacements(self, name, old):
        return self.work.write(name, json.dumps([
            {"kind": "replacement", "replaces": key["serial"], "reason": "lost on a journey", "lost_or_damaged": "lost",
             "enterprise_name": "企业", "unified_code": key["unified_code"], "algorithm": "p256"} for key in old]))

    def listed(self):
        """The serial numbers on the list that everybody reads; none where there is no list yet."""
        if not (self.ca / "crl.pem").exists():
            return set()
        text = harness.run(["openssl", "crl", "-in", self.ca / "crl.pem", "-noout", "-text"]).out
        return set(re.findall(r"Serial Number: ([0-9A-F]+)", text))

    def rows_of(self):
        """For each key what its certificates are, revoked or not, and the key that it replaced."""
        with self.inventory_file() as database:
            certificates = database.execute("SELECT token, serial FROM certificates WHERE slot IN ('9A', '9C', '9D')").fetchall()
            orders = database.execute("SELECT serial, order_text FROM tokens").fetchall()
        made = {}
        for token, serial in certificates:
            made.setdefault(token, set()).add(serial)
        return made, {serial: json.loads(text).get("replaces", "") for serial, text in orders}

    def assert_old_before_new(self):
        """N3: where a new key has a certificate, those of the key that it replaces are on the list."""
        made, replaced = self.rows_of()
        listed, begun = self.listed(), 0
        for new, old in replaced.items():
            if old and made.get(new):
                self.assertTrue(made[old] <= listed, f"{new} has certificates, but {old}'s aren't on the list")
                begun += 1
        return begun

    def test_N3_Lesson36_kill_9_at_every_commit_of_a_replacement(self):
        # One enterprise more than there are moments at most, with its key each.
        most = 16
        first = self.simulator(tokens=most, sockets=True)
        self.run_at(first, first.environment["SEALKEY_SIM_SOCKETS"], self.orders("orders.json", most), {}, ports=most)
        old = self.bench_json("inventory", "list")["keys"]
        first.close()
        commits = self.count_commits(self.replacements("one.json", old[:1]))
        moments = [f"{n}b" for n in range(1, commits + 1)]
        # After a commit something may still have to be done outside of the inventory: the list is written after its number is.
        moments += [f"{n}a" for n in (1, 2)]
        self.assertLessEqual(len(moments), most)
        old = old[:len(moments)]
        keys = self.simulator(tokens=len(moments), sockets=True)
        sockets = keys.environment["SEALKEY_SIM_SOCKETS"].split(":")
        orders = self.replacements("replacements.json", old)
        self.begin_batch(keys, orders)
        begun = []
        for socket, moment in zip(sockets, moments):
            with self.subTest(moment=moment):
                self.run_at(keys, socket, orders, {"LD_PRELOAD": str(PRELOADED), "SEALKEY_KILL_AT": moment}, code=-signal.SIGKILL)
                begun.append(self.assert_old_before_new())
        self.assertEqual(begun[0], 0)
        self.assertGreater(begun[-1], 3, "some were killed with certificates made, some without")
        done = json.loads(self.run_at(keys, ":".join(sockets), orders, {}, ports=16).out)
        self.assertEqual((done["done"], done["open"]), (len(moments), 0), done)
        self.assertEqual(self.assert_old_before_new(), len(moments))
        states = {key["serial"]: key["state"] for key in self.bench_json("inventory", "list")["keys"]}
        made, replaced = self.rows_of()
        rows = self.audit()
        for new, gone in replaced.items():
            if not gone:
                continue
            self.assertEqual((states[gone], states[new]), ("REPLACED", "PERSONALISED"))
            shown = self.bench_json("inventory", "show", "--serial", new)
            self.assertEqual(sorted(c["slot"] for c in shown["certificates"] if not c["revoked_at"]), ["9A", "9C", "9D"])
            # And in the audit trail: revoked, then a list, then the first new certificate, also where the bench went on.
            revoked = max(r["id"] for r in rows if r["action"] == "revoke" and r["subject"] == gone)
            certified = min(r["id"] for r in rows if r["action"] == "certificate" and r["subject"] == new
                            and r["detail"]["slot"] != "F9")
            self.assertTrue(any(revoked < r["id"] < certified for r in rows if r["action"] == "crl"), new)
        self.bench("audit", "verify")
        print(f"bench killed at every commit of a replacement: {len(moments)} runs, {done['done']} completed")


if __name__ == "__main__":
    if not PRELOADED.exists():
        harness.exit_skipped()
    harness.main(pcscd=False)
