#!/usr/bin/env python3
# labels: bench clients
# timeout: 240
"""`sealkey-bench run`: a tray of keys from a file of orders; keys pulled out or moved and a bench that is killed lose nothing."""
import json
import os
import pathlib
import pty
import shutil
import signal
import subprocess

import harness
from bench_case import CODE, NAME, OTHER_CODE, BenchCase
from tray_case import TrayCase, unified_code


class Run(TrayCase):
    def four(self):
        """Two enterprises, two keys each; the second is refused as long as the first isn't there."""
        return self.orders(f"first,{NAME},{CODE},A1,,p256,seal.png", f"additional,{NAME},{CODE},A2,office,p256,",
                           f"first,另一家公司,{OTHER_CODE},B1,,p256,", f"additional,另一家公司,{OTHER_CODE},B2,office,p256,")

    def finished(self, count):
        """Every key of the inventory is whole, has three live certificates, and there are no more than ordered."""
        keys = self.bench_json("inventory", "list")["keys"]
        self.assertEqual(len(keys), count)
        for key in keys:
            self.assertEqual((key["step"], key["state"]), ("done", "PERSONALISED"))
            shown = self.bench_json("inventory", "show", "--serial", key["serial"])
            live = sorted(c["slot"] for c in shown["certificates"] if not c["revoked_at"])
            self.assertEqual(live, ["9A", "9C", "9D"])
        self.bench("audit", "verify")
        return keys

    def test_Lesson36_a_tray_at_sockets_with_a_report_by_order(self):
        keys = self.simulator(tokens=4, sockets=True)
        orders = self.four()
        done = json.loads(self.run_tray(keys, orders, 4, "--json").out)
        self.assertEqual([(o["login_name"], o["state"], o["line"]) for o in done["orders"]],
                         [("A1", "done", 2), ("A2", "done", 3), ("B1", "done", 4), ("B2", "done", 5)])
        self.assertEqual((done["done"], done["failed"], done["refused"], done["open"]), (4, 0, 0, 0))
        made = self.finished(4)
        self.assertEqual({o["serial"] for o in done["orders"]}, {k["serial"] for k in made})
        self.assertEqual({k["login_name"]: k["key_number"] for k in made}, {"A1": 1, "A2": 2, "B1": 1, "B2": 2})
        for key in made:
            self.bench("check", "--serial", key["serial"], env=keys.environment)
        # Again: there is nothing left to do, and nothing is done.
        rows = len(self.audit())
        self.assertEqual(json.loads(self.run_tray(keys, orders, 4, "--json").out)["batch"], done["batch"])
        self.assertEqual(len(self.audit()), rows)

    def enterprises(self, count):
        return self.orders(*[f"first,企业{i},{unified_code(i)},KEY{i},,p256," for i in range(count)])

    def test_N2_an_enterprise_that_moved_is_the_same_one(self):
        """Positions 1-8 of its code are others then: its keys are counted together, and its second waits for its first."""
        keys = self.simulator(tokens=2, sockets=True)
        here, there = unified_code(7), unified_code(7, "91440300")
        wrong = self.orders(f"first,企业,{here},A1,,p256,", f"first,企业,{there},A2,,p256,")
        refused = json.loads(self.run_tray(keys, wrong, 2, "--json", code=10).out)["error"]["problems"]
        self.assertEqual([one["line"] for one in refused], [3])
        self.assertIn("has a key already", refused[0]["message"])
        right = self.orders(f"first,企业,{here},A1,,p256,", f"additional,企业,{there},A2,office,p256,")
        self.run_tray(keys, right, 2)
        self.assertEqual({k["unified_code"]: k["key_number"] for k in self.finished(2)}, {here: 1, there: 2})

    def test_Lesson33_more_keys_at_once_than_pcsc_has_slots(self):
        """pcsc-lite has 16; sockets and ports have no such limit."""
        keys = self.simulator(tokens=18, sockets=True)
        done = json.loads(self.run_tray(keys, self.enterprises(18), 18, "--json").out)
        self.assertEqual((done["done"], done["failed"], done["refused"], done["open"]), (18, 0, 0, 0))
        self.finished(18)

    def test_Lesson35_a_slow_key_holds_no_other_port_up(self):
        """One key that takes seconds for what the others do at once: its port has that one, and the other port all the rest."""
        slow = self.simulator(sockets=True, options=("--chip", "rp2040", "--time-scale", "3"))
        keys = self.simulator(tokens=5, sockets=True)
        shutil.copy(slow.birth_record, keys.workspace.path / "slow.birth.json")
        paths = [k.environment["SEALKEY_SIM_SOCKETS"] for k in (slow, keys)]
        done = json.loads(self.bench(*self.arguments(keys, self.enterprises(6), 2, "--json"),
                                     env={"SEALKEY_SIM_SOCKETS": ":".join(paths)}).out)
        self.assertEqual((done["done"], done["open"]), (6, 0))
        self.finished(6)
        chip = json.loads(slow.birth_record.read_text())["chip_id"]
        made = [row["subject"] for row in self.audit() if row["action"] == "step" and row["detail"].get("step") == "done"]
        last = self.bench_json("inventory", "show", "--serial", made[-1])
        self.assertEqual((len(made), last["chip_id"].lower()), (6, chip.lower()))

    def test_Lesson36_killed_and_pulled_out_it_goes_on_with_the_same_keys_in_other_ports(self):
        keys = self.simulator(tokens=2, sockets=True)
        orders = self.orders(f"first,{NAME},{CODE},A1,,p256,seal.png", f"first,另一家公司,{OTHER_CODE},B1,,p256,")
        serials = None
        for text in ("Giving the key", "Making three keys", "Quality check A", "Closing the key"):
            process, log = self.begin(keys, orders, 2)
            harness.until(lambda: text in log.read_text() or process.poll() is not None, f"the bench is at \"{text}\"", 60)
            process.send_signal(signal.SIGKILL)
            process.wait()
            now = {k["serial"] for k in self.bench_json("inventory", "list")["keys"]}
            self.assertLessEqual(serials or set(), now)
            serials = now
        # The two change places, by their sockets.
        keys.environment["SEALKEY_SIM_SOCKETS"] = ":".join(reversed(keys.environment["SEALKEY_SIM_SOCKETS"].split(":")))
        process, log = self.begin(keys, orders, 2)
        harness.until(lambda: "port 1  " in log.read_text() or process.poll() is not None, "the first port works", 60)
        for index in (0, 1):
            keys.unplug(index)
        harness.until(lambda: log.read_text().count("stopped: ") + log.read_text().count("finished") >= 2
                      or process.poll() is not None, "both ports have stopped", 60)
        for index in (1, 0):
            keys.plug(index)
        self.assertEqual(process.wait(120), 0, log.read_text())
        self.assertLessEqual(serials, {k["serial"] for k in self.finished(2)})

    def test_Lesson34_a_key_that_goes_on_has_its_transport_keys_tried_again(self):
        keys = self.simulator(tokens=2, sockets=True)
        keys.environment["SEALKEY_SIM_SOCKETS"] = keys.environment["SEALKEY_SIM_SOCKETS"].split(":")[0]
        orders = self.orders(f"first,{NAME},{CODE},A1,,p256,")
        process, log = self.begin(keys, orders, 1)
        harness.until(lambda: "Making three keys" in log.read_text() or process.poll() is not None, "the keys are made", 60)
        process.kill()
        process.wait()
        # Without the factory's record they can't be tried: the key isn't finished, nothing is written.
        record, away = keys.workspace.path / "token0.state.birth.json", self.work / "away"
        record.rename(away)
        rows = len(self.audit())
        done = self.bench(*self.arguments(keys, orders, 1)[:-1], "1", env=keys.environment, code=14)
        self.assertIn("The factory's record of key", done.out)
        self.assertIn("0 done, 0 failed, 0 refused, 1 open", done.out)
        self.assertEqual(len(self.audit()), rows)
        away.rename(record)
        self.run_tray(keys, orders, 1)
        # A later check has neither these keys nor the bench's PIN, and doesn't claim to have tried them.
        checks = self.bench_json("check", "--serial", self.finished(1)[0]["serial"], env=keys.environment)["checks"]
        self.assertIn("published-secrets", checks)
        self.assertEqual([c for c in checks if c in ("transport-keys", "bench-pin", "dead-secrets")], [])

    def test_on_a_terminal_each_port_has_a_bar_and_ctrl_c_loses_nothing(self):
        keys = self.simulator(tokens=2, sockets=True)
        orders = self.orders(f"first,{NAME},{CODE},A1,,p256,", f"first,另一家公司,{OTHER_CODE},B1,,p256,",
                             "first,第三家公司,91350100M000100Y43,C1,,p256,")
        self.bench(*self.arguments(keys, orders, 2), env=keys.environment, code=10)  # the third is the first's enterprise
        orders = self.orders(f"first,{NAME},{CODE},A1,,p256,", f"additional,{NAME},{CODE},A2,office,p256,",
                             f"first,另一家公司,{OTHER_CODE},B1,,p256,")
        master, slave = pty.openpty()
        # pylint: disable=consider-using-with
        process = subprocess.Popen([harness.program("sealkey-bench"), *self.arguments(keys, orders, 2)], stdin=slave,
                                   stdout=slave, stderr=slave, start_new_session=True,
                                   env={**os.environ, **self.environment, **keys.environment})
        os.close(slave)
        shown = b""
        try:
            # Two keys for three orders: it waits for a third key until somebody stops it.
            while shown.rsplit(b"\033[2A", 1)[-1].count(b"finished: take it out") < 2 or not shown.endswith(b"\n"):
                shown += os.read(master, 65536)
            process.send_signal(signal.SIGINT)
            while True:
                shown += os.read(master, 65536)
        except OSError:  # the terminal is closed with the program
            pass
        finally:
            os.close(master)
        self.assertEqual(process.wait(60), 12, shown)
        text = shown.decode()
        self.assertIn("[################]", text)
        self.assertIn("\033[2A", text)
        self.assertIn("2 done, 0 failed, 0 refused, 1 open", text)
        self.finished(2)

    def test_what_can_not_be_done_is_told_and_the_rest_is_done(self):
        keys = self.simulator(tokens=2, sockets=True)
        (keys.workspace / "token1.state.birth.json").unlink()
        orders = self.orders(f"first,{NAME},{CODE},A1,,p256,", f"first,另一家公司,{OTHER_CODE},B1,,p256,")
        done = self.bench(*self.arguments(keys, orders, 2)[:-1], "2", env=keys.environment, code=14)
        self.assertIn("no factory's record of the blank key", done.out)
        self.assertIn("1 done, 0 failed, 0 refused, 1 open", done.out)
        self.assertEqual(len(self.bench_json("inventory", "list")["keys"]), 1)

    def test_bad_orders_and_secrets_are_told_before_any_key_is_touched(self):
        keys = self.simulator(sockets=True)
        bad = self.orders(f"first,{NAME},{CODE},A B,,p256,", f"first,{NAME},{OTHER_CODE},B1,,p25,")
        self.assertIn("orders.csv:3: algorithm", self.run_tray(keys, bad, 1, code=10).err)
        twice = self.orders(f"first,{NAME},{CODE},A1,,p256,", f"first,{NAME},{CODE},B1,,p256,")
        self.assertIn("has a key already", self.run_tray(keys, twice, 1, code=10).err)
        good = self.orders(f"first,{NAME},{CODE},A1,,p256,")
        self.bench(*self.arguments(keys, good, 1), env={**keys.environment, "SEALKEY_CA_PASSPHRASE": "wrong passphrase"},
                   code=5)
        self.bench("run", "--orders", good, "--birth-records", str(self.work / "none"), env=keys.environment, code=13)
        empty = pathlib.Path(self.work / "empty")
        empty.mkdir()
        self.bench("run", "--orders", good, "--birth-records", str(empty), env=keys.environment, code=10)
        self.assertEqual(self.bench_json("inventory", "list")["keys"], [])
        self.assertEqual([row["action"] for row in self.audit()], ["ca-init"])


class RunInReader(BenchCase):
    def test_in_a_pcsc_reader_opensc_checks_the_key(self):
        self.make_ca()
        key = self.simulator()
        path = self.work.write("orders.json", json.dumps([self.order()]))
        done = self.bench("run", "--orders", str(path), "--birth-records", str(key.birth_record), "--patience", "60")
        self.assertIn("1 done, 0 failed, 0 refused, 0 open", done.out)
        self.bench("check")


if __name__ == "__main__":
    harness.main()
