#!/usr/bin/env python3
# labels: bench
# timeout: 180
"""A key that comes back: wiped, proven empty and TERMINATED, also after power cuts in the middle."""
import json

import harness
from bench_case import CODE, NAME, OTHER_CODE
from tray_case import HEAD, TrayCase

PROOFS = ["terminated", "no-objects", "no-keys", "no-management-key", "no-channel-keys", "no-pin"]


class Terminate(TrayCase):
    def setUp(self):
        super().setUp()
        self.keys = self.simulator(tokens=3, sockets=True)
        self.sockets = self.keys.environment["SEALKEY_SIM_SOCKETS"].split(":")
        orders = self.orders(f"first,{NAME},{CODE},A1,,p256,seal.png", f"first,另一家公司,{OTHER_CODE},B1,,p256,")
        made = json.loads(self.run_tray(self.keys, orders, 1, "--json").out)["orders"]
        self.one, self.two = [order["serial"] for order in made]

    def alone(self, serial):
        """Only this key is plugged in."""
        return {"SEALKEY_SIM_SOCKETS": self.sockets[self.index(serial)]}

    def index(self, serial):
        for index, path in enumerate(self.sockets):
            told = json.loads(self.keys.run(["sealkey", "status", "--json"], env={"SEALKEY_SIM_SOCKETS": path}).out)
            if told["serial"] == serial:
                return index
        raise AssertionError(f"{serial} isn't there")

    def state(self, serial):
        return self.bench_json("inventory", "show", "--serial", serial)["state"]

    def cut(self, serial, operation):
        """The power goes at this flash operation of the wipe; the key is there again afterwards."""
        index = self.index(serial)
        self.keys.cut(operation, "prefix", index)
        done = self.bench("terminate", "--serial", serial, "--why", "handed in", env=self.alone(serial), code=None, ok=False)
        self.assertNotIn("is terminated", done.out)
        self.assertIn("LIFECYCLE", self.keys.wait_for_cut(index)["command"])

    def test_N13_N23_a_key_that_comes_back_is_wiped_proven_empty_and_terminated(self):
        terminate = ["terminate", "--serial", self.one, "--why"]
        here = self.alone(self.one)
        rows = len(self.audit())
        self.refused(*terminate, "x", code=7, words="PERSONALISED", env=here)
        for how in (["suspend", "--serial", self.one, "--why", "x"], ["damaged", "--serial", self.one, "--why", "x"]):
            self.bench(*how)
            self.refused(*terminate, "x", code=7, words="only a key that was revoked or replaced", env=here)
        self.assertNotIn("terminate", [row["action"] for row in self.audit()[rows:]])
        self.bench("revoke", "--serial", self.one, "--reason", "cessationOfOperation", "--why", "closed")

        rows = len(self.audit())
        self.refused(*terminate, " ", code=7, words="reason", env=here)
        self.refused(*terminate, "x", code=5, words="passphrase", env={**here, "SEALKEY_CA_PASSPHRASE": "another one, wrong"})
        self.refused(*terminate, "x", code=3, words=self.one, env=self.alone(self.two))
        self.refused("terminate", "--serial", "SK2699999996", "--why", "x", code=8, words="no key", env=here)
        self.assertEqual(len(self.audit()), rows)

        # Before the wipe's first commit, and in the middle of it: nobody says that it is done.
        for operation in (1, 9):
            self.cut(self.one, operation)
            self.assertEqual(self.state(self.one), "REVOKED")
        done = self.bench_json(*terminate, "handed in", env=here)
        self.assertEqual((done["state"], done["checks"]), ("TERMINATED", PROOFS))
        told = [(row["action"], row["subject"]) for row in self.audit()[rows:]]
        self.assertEqual(told, [("terminate", self.one)] * 3 + [("state", self.one), ("proven-empty", self.one)])

        status = json.loads(self.keys.run(["sealkey", "status", "--json"], env=here).out)
        self.assertEqual((status["serial"], status["state"]), (self.one, "terminated"))
        self.keys.run(["sealkey", "check-pin", "--pin-file", self.work.write("pin", "739146")], env=here, ok=False)
        self.refused(*terminate, "again", code=7, words="TERMINATED", env=here)
        self.refused("revoke", "--serial", self.one, "--why", "x", code=7, words="TERMINATED")
        self.assertEqual(self.state(self.two), "PERSONALISED")
        self.bench("check", env=self.alone(self.two))

    def test_N23_a_replaced_key_and_one_whose_channel_is_anothers(self):
        head = HEAD.strip() + ",replaces,lost_or_damaged\n"
        orders = str(self.work.write("replace.csv", f"{head}replacement,另一家公司,{OTHER_CODE},,worn,p256,,{self.two},damaged\n"))
        self.run_tray(self.keys, orders, 1)
        self.assertEqual(self.state(self.two), "REPLACED")
        # With another master the bench can't open the key: nothing is wiped, and it isn't called so.
        master = self.ca / "channel.json"
        kept = master.read_bytes()
        master.unlink()
        self.bench("ca", "channel-master")
        self.bench("terminate", "--serial", self.two, "--why", "worn", env=self.alone(self.two), ok=False)
        self.assertEqual(self.state(self.two), "REPLACED")
        master.write_bytes(kept)
        self.assertEqual(self.bench_json("terminate", "--serial", self.two, "--why", "worn", env=self.alone(self.two))["state"],
                         "TERMINATED")
        self.bench("audit", "verify")


if __name__ == "__main__":
    harness.main()
