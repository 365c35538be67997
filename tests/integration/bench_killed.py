#!/usr/bin/env python3
# labels: bench
# timeout: 180
"""`sealkey-bench run` as a whole process, killed before every commit of a key's making, which are the borders of its steps, and after
the first and the last: one more run completes each key."""
import json
import os
import pathlib
import shutil
import signal
import sys

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

    def count_commits(self):
        """Of a run that makes one key; in a copy of the CA."""
        here, self.environment = self.environment, {**self.environment, "SEALKEY_CA_DIR": str(self.work / "ca-count")}
        shutil.copytree(self.ca, self.work / "ca-count")
        key = self.simulator(sockets=True)
        orders, count = self.orders("one.json", 1), self.work / "count"
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
        commits = self.count_commits()
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


if __name__ == "__main__":
    if not PRELOADED.exists():
        sys.exit(harness.SKIPPED)
    harness.main(pcscd=False)
