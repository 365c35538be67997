#!/usr/bin/env python3
# labels: bench clients
# timeout: 600
"""The bench's secure channel from outside: a CA of before it, a key unlocked through it, a line that tampers."""
import json
import pathlib
import subprocess
import sys

import harness
from bench_case import BenchCase

RELAY_PORT = 35990


class Channel(BenchCase):
    def setUp(self):
        super().setUp()
        self.make_ca()

    def test_a_CA_of_before_the_channel_is_told_what_to_do(self):
        key = self.simulator()
        (self.ca / "channel.json").unlink()
        self.issue_refused(key, code=8, words="sealkey-bench ca channel-master")
        self.assertEqual(self.bench_json("inventory", "list")["keys"], [])
        self.refused("ca", "channel-master", code=5, words="passphrase", env={"SEALKEY_CA_PASSPHRASE": "another one, wrong"})
        self.assertFalse((self.ca / "channel.json").exists())
        self.bench("ca", "channel-master")
        self.assertEqual((self.ca / "channel.json").stat().st_mode & 0o777, 0o600)
        before = (self.ca / "channel.json").read_bytes()
        self.refused("ca", "channel-master", code=7, words="nothing was changed")
        self.assertEqual((self.ca / "channel.json").read_bytes(), before)
        self.assertIn("channel-master", [row["action"] for row in self.audit()])
        made = self.issue(key)
        self.assertIn("channel-keys", made["checks"])
        # With another master, the bench doesn't know this key any more.
        (self.ca / "channel.json").unlink()
        self.bench("ca", "channel-master")
        self.refused("check", code=11, words="its own channel keys")

    def test_N12_a_key_is_unlocked_at_the_bench(self):
        key = self.simulator()
        made = self.issue(key)
        self.refused("unlock", "--approval", " ", "--show", code=7, words="approved request")
        self.activate(key, made["serial"], "739146")
        before = self.certificate(key, "9a").read_bytes()
        wrong = self.work.write("wrong", "271828")
        for _ in range(6):
            key.run(["sealkey", "check-pin", "--pin-file", wrong], ok=False)
        code = self.work / "code"
        done = self.bench("unlock", "--approval", "R-2026-0002", "--code-file", str(code))
        self.assertNotIn(code.read_text().strip(), done.out + done.err)
        self.assertIn("bench-unlock", [row["action"] for row in self.audit()])
        old = self.work.write("old", "739146")
        key.run(["sealkey", "check-pin", "--pin-file", old], ok=False)
        new = self.work.write("new", "518273")
        key.run(["sealkey", "activate", "--code-file", code, "--new-pin-file", new])
        key.run(["sealkey", "check-pin", "--pin-file", new])
        self.assertEqual(self.certificate(key, "9a").read_bytes(), before)
        self.bench("check", env={"SEALKEY_PIN": "518273"})
        # The same for a key that isn't locked: its holder has forgotten the PIN.
        again = self.work / "again"
        self.bench("unlock", "--approval", "R-2026-0003", "--code-file", str(again))
        self.assertNotEqual(again.read_text(), code.read_text())
        key.run(["sealkey", "activate", "--code-file", code, "--new-pin-file", old], ok=False)
        key.run(["sealkey", "activate", "--code-file", again, "--new-pin-file", old])

    def test_N21_a_relay_that_tampers_changes_nothing_and_learns_nothing(self):
        log, plan = self.work / "relay.log", self.work.write("plan", "")
        relay = subprocess.Popen([sys.executable, str(pathlib.Path(__file__).parent / "relay.py"), str(RELAY_PORT),
                                  str(harness.FIRST_PORT), str(log), str(plan)], stdout=subprocess.PIPE, text=True)
        self.addCleanup(relay.wait)
        self.addCleanup(relay.kill)
        self.assertEqual(relay.stdout.readline().strip(), "ready")
        key = self.simulator(options=("--reader-port", str(RELAY_PORT)))
        ways = ("mac", "data", "header", "replay", "drop", "answer")
        order = self.order_options(key)
        happened = 0
        for at in range(1, 40, 3):
            pathlib.Path(plan).write_text(f"{at} {ways[at // 3 % len(ways)]}", encoding="ascii")
            done = self.bench(*order, ok=None)
            if pathlib.Path(plan).read_text(encoding="ascii"):
                break  # the job came to its end before that command
            happened += 1
            self.assertNotEqual(done.code, 0, f"tampered at {at}, and nobody noticed")
        else:
            self.fail("the job never ended")
        self.assertEqual(done.code, 0, done.err)
        self.assertGreater(happened, 3)
        serial = self.bench_json("inventory", "list")["keys"][0]["serial"]
        self.bench("check", "--serial", serial)

        commands = [bytes.fromhex(line[2:]) for line in log.read_text().splitlines() if line.startswith("> ")]
        self.assertGreater(len(commands), 100)
        # What makes or changes something, or carries a secret of the CA, never goes plain.
        kept = {(0x00, ins) for ins in (0x24, 0x2C, 0x47, 0xDB, 0xFE, 0xF6, 0xFF)}
        kept |= {(0x80, ins) for ins in (0x14, 0x30, 0x32, 0x34, 0xD8)}
        plain = {(command[0] & 0xEF, command[1]) for command in commands if command[0] & 0x0C == 0}
        self.assertEqual({pair for pair in plain & kept if pair != (0x00, 0x2C)}, set())
        text = log.read_text()
        for name, value in json.loads(key.birth_record.read_text())["transport_keys"].items():
            self.assertNotIn(value[:24], text, name)


if __name__ == "__main__":
    harness.main()
