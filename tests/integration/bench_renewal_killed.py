#!/usr/bin/env python3
# labels: bench renewal
# timeout: 300
"""`sealkey-bench renewals serve` killed at every commit within a renewal: the service is started again, `sealkey renew` run once
more, and key and CA agree. So also where it stood between a request and its certificates, and between a confirmation and its list."""
import re
import signal

import harness
from bench_killed import PRELOADED
from renewal_case import PIN, Service
from tray_case import TrayCase, unified_code


class Killed(TrayCase):
    def setUp(self):
        super().setUp()
        self.pin_file = self.work.write("pin", PIN)

    def serve(self, **environment):
        here, self.environment = self.environment, {**self.environment, **environment}
        service = Service(self)
        self.environment = here
        self.addCleanup(service.stop)
        return service

    def renew(self, socket, url, **how):
        return harness.run(["sealkey", "renew", "--ca", url, "--pin-file", self.pin_file, "--json"], timeout=120,
                           env={"SEALKEY_SIM_SOCKETS": socket}, **how)

    def deliver(self, keys):
        """Each key at its enterprise: made, and its PIN set. Returns serial numbers in the sockets' order."""
        count = len(keys.states)
        orders = self.orders(*(f"first,企业{i},{unified_code(i)},KEY{i},,p256," for i in range(1, count + 1)))
        self.run_tray(keys, orders, count)
        serials = []
        for socket in keys.environment["SEALKEY_SIM_SOCKETS"].split(":"):
            env = {"SEALKEY_SIM_SOCKETS": socket}
            serial = re.search(r"SK\d{10}", harness.run(["sealkey", "status"], env=env).out).group(0)
            code = self.work.write(f"activation-{serial}", self.code_of(serial))
            harness.run(["sealkey", "activate", "--code-file", code, "--new-pin-file", self.pin_file], env=env)
            serials.append(serial)
        return serials

    def approve(self, serial):
        self.bench("renewals", "approve", "--serial", serial, "--request", f"R-{serial}")

    def commits_of(self, serial, socket):
        """Of the service, from its start on, in one renewal."""
        self.approve(serial)
        count = self.work / "count"
        service = self.serve(LD_PRELOAD=str(PRELOADED), SEALKEY_KILL_COUNT=str(count))
        self.renew(socket, service.url)
        self.assertEqual(service.stop(), 0)
        return int(count.read_text())

    def state(self, serial):
        return self.bench_json("renewals", "list", "--serial", serial)["renewals"][-1]["state"]

    def assert_renewed(self, serial, before):
        """N14: closed, one live certificate a slot, the old ones on the list that everybody reads."""
        self.assertEqual(self.state(serial), "CLOSED")
        certificates = self.bench_json("inventory", "show", "--serial", serial)["certificates"]
        live = [one for one in certificates if not one["revoked_at"] and one["slot"] != "F9"]
        self.assertEqual(sorted(one["slot"] for one in live), ["9A", "9C", "9D"])
        self.assertFalse(before & {one["serial"] for one in live})
        text = harness.run(["openssl", "crl", "-in", self.ca / "crl.pem", "-noout", "-text"]).out
        listed = set(re.findall(r"Serial Number: ([0-9A-F]+)", text))
        self.assertTrue(before <= listed, "an old certificate isn't on the list")
        self.assertFalse(listed & {one["serial"] for one in live})

    def live(self, serial):
        shown = self.bench_json("inventory", "show", "--serial", serial)["certificates"]
        return {one["serial"] for one in shown if not one["revoked_at"] and one["slot"] in ("9A", "9C", "9D")}

    def test_Lesson36_N14_kill_9_at_every_commit_of_a_renewal(self):
        keys = self.simulator(tokens=10, sockets=True)
        sockets = keys.environment["SEALKEY_SIM_SOCKETS"].split(":")
        serials = self.deliver(keys)
        commits = self.commits_of(serials.pop(0), sockets.pop(0))
        self.assertGreater(commits, 5)
        # Before each: what was done for it is lost. After the last, nothing of the CA's own is left to do, but its answer is lost.
        moments = [f"{n}b" for n in range(1, commits + 1)] + [f"{commits}a"]
        self.assertLessEqual(len(moments), len(serials))
        seen = []
        for serial, socket, moment in zip(serials, sockets, moments):
            with self.subTest(moment=moment):
                before = self.live(serial)
                self.assertEqual(len(before), 3)
                self.approve(serial)
                service = self.serve(LD_PRELOAD=str(PRELOADED), SEALKEY_KILL_AT=moment)
                self.renew(socket, service.url, code=9)
                self.assertEqual(service.process.wait(20), -signal.SIGKILL)
                seen.append(self.state(serial))
                service = self.serve()
                self.renew(socket, service.url)
                self.assert_renewed(serial, before)
                self.bench("check", "--serial", serial, env={"SEALKEY_SIM_SOCKETS": socket})
                self.assertEqual(service.stop(), 0)
        # Each border was met.
        for state in ("APPROVED", "REQUESTED", "ISSUED", "PROVEN", "CONFIRMED", "CLOSED"):
            self.assertIn(state, seen)
        self.bench("audit", "verify")
        print(f"the service killed at every commit of a renewal: {len(moments)} runs, left at {', '.join(seen)}; all completed")


if __name__ == "__main__":
    if not PRELOADED.exists():
        harness.exit_skipped()
    harness.main(pcscd=False)
