#!/usr/bin/env python3
# labels: bench clients
# timeout: 240
"""A finished key's way to its enterprise, and keys that are begun and never come back."""
import json
import signal

import harness
from bench_case import CODE, NAME, OTHER_CODE
from tray_case import HEAD, TrayCase


class Parcel(TrayCase):
    def state(self, serial):
        return self.bench_json("inventory", "show", "--serial", serial)["state"]

    def test_a_tray_is_packed_shipped_and_delivered_by_scanned_labels(self):
        keys = self.simulator(tokens=2, sockets=True)
        orders = self.orders(f"first,{NAME},{CODE},A1,,p256,", f"first,另一家公司,{OTHER_CODE},B1,,p256,")
        done = json.loads(self.run_tray(keys, orders, 2, "--json").out)
        one, two = [order["serial"] for order in done["orders"]]
        label = f"SEALKEY:1:{one}:{CODE}:20281121:1"
        rows = len(self.audit())

        # Refused by naming the state and what is possible, for all keys of the command; nothing is changed.
        for step in ("shipped", "arrived", "delivered", "returned"):
            self.refused("parcel", step, "--key", one, code=7, words=f"Key {one} is PERSONALISED: \"{step}\" isn't possible. "
                         "What may happen to it: packed, activated, locked,")
        self.refused("parcel", "packed", "--key", one, "--key", one, code=10, words="named twice")
        self.refused("parcel", "packed", "--key", one, "--key", "SK2699999996", code=8, words="no key")
        self.refused("parcel", "packed", "--key", "nonsense", code=10, words="neither a serial number")
        self.refused("parcel", "packed", code=2, words="--keys")
        self.refused("parcel", "packed", "--keys", str(self.work / "none"), code=13, words="none")
        self.refused("damaged", "--serial", one, "--why", " ", code=7, words="reason")
        self.assertIn("不能执行", self.bench("parcel", "shipped", "--key", one, code=7, env={"LC_ALL": "zh_CN.UTF-8", "LANGUAGE": "zh_CN"}).err)
        self.assertEqual(len(self.audit()), rows)

        scanned = self.work.write("scanned.txt", f"{label}\r\n\n{two}\n")
        told = self.bench_json("parcel", "packed", "--keys", str(scanned))
        self.assertEqual(told["keys"], [{"serial": one, "state": "PACKED"}, {"serial": two, "state": "PACKED"}])
        self.bench("parcel", "shipped", "--keys", str(scanned), "--note", "consignment 7731")
        self.assertEqual((self.state(one), self.state(two)), ("IN_TRANSIT", "IN_TRANSIT"))
        self.refused("parcel", "packed", "--key", two, code=7, words="IN_TRANSIT")
        self.bench("parcel", "returned", "--key", two, "--note", "refused at the door")
        # The one is at the authority, the other isn't: none is moved.
        self.bench("parcel", "arrived", "--key", one)
        self.refused("parcel", "delivered", "--keys", str(scanned), code=7, words=f"{two} is PERSONALISED")
        self.assertEqual((self.state(one), self.state(two)), ("AT_AUTHORITY", "PERSONALISED"))
        self.bench("parcel", "delivered", "--key", one)
        self.bench("damaged", "--serial", two, "--why", "ran over")
        self.refused("parcel", "packed", "--key", two, code=7, words="DAMAGED")
        self.assertEqual((self.state(one), self.state(two)), ("DELIVERED", "DAMAGED"))
        told = [(row["subject"], row["detail"]["from"], row["detail"]["to"], row["detail"]["why"]) for row in self.audit()[rows:]]
        self.assertEqual(told, [(one, "PERSONALISED", "PACKED", "packed"), (two, "PERSONALISED", "PACKED", "packed"),
                                (one, "PACKED", "IN_TRANSIT", "consignment 7731"),
                                (two, "PACKED", "IN_TRANSIT", "consignment 7731"),
                                (two, "IN_TRANSIT", "PERSONALISED", "refused at the door"),
                                (one, "IN_TRANSIT", "AT_AUTHORITY", "arrived"), (one, "AT_AUTHORITY", "DELIVERED", "delivered"),
                                (two, "PERSONALISED", "DAMAGED", "ran over")])
        self.bench("audit", "verify")

    def begin_and_kill(self, keys, orders):
        process, log = self.begin(keys, orders, 1)
        harness.until(lambda: "Quality check A" in log.read_text() or process.poll() is not None, "certificates are made", 60)
        process.send_signal(signal.SIGKILL)
        process.wait()
        key, = [k for k in self.bench_json("inventory", "list")["keys"] if k["step"] not in ("done", "given-up")]
        return key["serial"]

    def test_N3_N5_a_key_that_never_comes_back_leaves_its_order_to_another(self):
        keys = self.simulator(tokens=1, sockets=True)
        orders = self.orders(f"first,{NAME},{CODE},A1,,p256,")
        gone = self.begin_and_kill(keys, orders)
        give_up = ["orders", "give-up", "--serial", gone, "--why"]
        rows = len(self.audit())
        self.refused(*give_up, "", code=7, words="reason")
        self.refused(*give_up, "x", code=5, words="passphrase", env={"SEALKEY_CA_PASSPHRASE": "another one, wrong"})
        self.refused("orders", "give-up", "--serial", "SK2699999996", "--why", "x", code=8, words="no key")
        early = self.bench("parcel", "packed", "--key", gone, code=7).err  # how far it came until it was killed isn't sure
        self.assertRegex(early, f"{gone} (is INITIALISED|isn't finished)")
        self.assertEqual(len(self.audit()), rows)
        done = self.bench_json(*give_up, "burnt out")
        self.assertEqual((done["state"], done["revoked"], done["crl"]["entries"]), ("REVOKED", 3, 3))
        self.refused(*give_up, "again", code=7, words="given up before")

        # It does come back: it isn't used, and its order goes to another key with the same login name.
        text = self.bench(*self.arguments(keys, orders, 1)[:-1], "2", env=keys.environment, code=14).out
        self.assertIn(f"{gone} was given up", text)
        keys.close()
        other = self.simulator(tokens=1, sockets=True)
        made, = json.loads(self.run_tray(other, orders, 1, "--json").out)["orders"]
        self.assertEqual((made["state"], made["login_name"]), ("done", "A1"))
        self.assertNotEqual(made["serial"], gone)
        self.refused("orders", "give-up", "--serial", made["serial"], "--why", "x", code=7, words="is finished")
        other.close()

        # The same with a replacement, whose old key is revoked already.
        third = self.simulator(tokens=1, sockets=True)
        head = HEAD.strip() + ",replaces,lost_or_damaged\n"
        orders = str(self.work.write("replace.csv", f"{head}replacement,{NAME},{CODE},,burnt,p256,,{made['serial']},damaged\n"))
        gone = self.begin_and_kill(third, orders)
        again = self.simulator(tokens=1, sockets=True)
        self.bench("orders", "give-up", "--serial", gone, "--why", "burnt too")
        made, = json.loads(self.run_tray(again, orders, 1, "--json").out)["orders"]
        self.assertEqual((made["state"], made["login_name"]), ("done", "A1"))
        live = [k for k in self.bench_json("inventory", "list")["keys"] if k["state"] == "PERSONALISED"]
        self.assertEqual([(k["serial"], k["key_number"]) for k in live], [(made["serial"], 1)])
        # Once it is made there is nothing to replace any more.
        twice = str(self.work.write("twice.csv", (self.work / "replace.csv").read_text().replace("burnt", "burnt again")))
        self.refused("orders", "check", twice, code=10, words="nothing to replace")
        self.bench("audit", "verify")


if __name__ == "__main__":
    harness.main()
