#!/usr/bin/env python3
# labels: clients
# timeout: 180
"""sealkey-sim ends cleanly on SIGTERM at any moment, and the token it leaves is whole. Profile: compatibility."""
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import harness
from harness import DEFAULT_PIN

NEW_PIN = "867530"


SCRIPT = """
import sys
sys.path.insert(0, {place!r})
import harness

class Waits(harness.Case):
    def test_it(self):
        self.simulator(sockets=True)
        print("up", flush=True)
        sys.stdin.read()

if __name__ == "__main__":
    harness.main(pcscd=False)
"""


class WithItsTest(harness.Case):
    def left(self):
        """Command lines of simulators that have their files in this test's folder."""
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_text(errors="replace").split("\0")
            except OSError:
                continue
            if words[0].endswith("sealkey-sim") and any(str(self.work.path) in word for word in words):
                found.append(words)
        return found

    def test_a_test_that_is_killed_leaves_no_simulator(self):
        if not harness.options_of_own_processes():
            self.skipTest("namespaces are forbidden here")
        script = self.work.write("script.py", SCRIPT.format(place=str(harness.ROOT / "tests/integration")))
        environment = {**os.environ, "TMPDIR": str(self.work.path)}
        environment.pop("SEALKEY_HARNESS")  # as ctest starts it
        for number in (signal.SIGKILL, signal.SIGINT):
            with self.subTest(number), subprocess.Popen([sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                                        stderr=subprocess.DEVNULL, env=environment, start_new_session=True) as test:
                self.assertEqual(test.stdout.readline(), b"up\n")
                self.assertEqual(len(self.left()), 1)
                if number == signal.SIGINT:
                    os.killpg(test.pid, number)  # as Ctrl-C does
                else:
                    test.kill()
                harness.until(lambda: not self.left(), "the simulator ends")
                self.assertNotEqual(test.wait(20), 0)


class AtAnyMoment(harness.Case):
    def arguments(self, state):
        return [harness.program("sealkey-sim"), "--state", str(state), "--socket", str(self.work / "socket"),
                "--profile", "compatibility"]

    def check_token(self, state, pins=(DEFAULT_PIN,)):
        """The token starts, and one of these PINs opens it with no try lost to the others than was asked."""
        key = self.simulator(state=state, sockets=True, profile="compatibility")
        with harness.SocketCard(key.environment["SEALKEY_SIM_SOCKETS"]) as card:
            card.select()
            self.assertIn(0x9000, [card.verify(pin) for pin in pins])
        self.assertEqual(key.stop(), 0)

    def test_during_birth(self):
        """From the creation of the file to the end of the personalisation; the next start goes on."""
        state = self.work / "token.state"
        finished = 0
        for moment in range(60):
            before = state.read_bytes() if state.exists() else None
            # pylint: disable=consider-using-with
            process = subprocess.Popen(self.arguments(state), stderr=subprocess.DEVNULL)
            time.sleep(moment * 0.002)  # not to wait for something: the moment is what is tried out
            process.send_signal(signal.SIGTERM)
            code = process.wait(20)
            # Before main() has run, nobody can catch a signal; the file is as it was then.
            after = state.read_bytes() if state.exists() else None
            self.assertTrue(code == 0 or (code == -signal.SIGTERM and after == before), code)
            finished += code == 0
        self.assertGreater(finished, 5)
        self.check_token(state)
        self.assertEqual([p.name for p in self.work.path.iterdir() if p.is_socket()], [])

    def test_during_pin_changes(self):
        state = self.work / "token.state"
        for moment in range(12):
            key = self.simulator(state=state, sockets=True, profile="compatibility")
            changes = threading.Thread(target=self.keep_changing, args=(key.environment["SEALKEY_SIM_SOCKETS"],))
            changes.start()
            harness.until(lambda key=key: key.apdu_count() > 3, "PIN changes are under way")
            time.sleep(moment * 0.003)
            self.assertEqual(key.stop(), 0)
            changes.join(20)
            self.assertFalse(changes.is_alive())
            self.check_token(state, (DEFAULT_PIN, NEW_PIN))

    def keep_changing(self, path):
        try:
            with harness.SocketCard(path) as card:
                card.select()
                old, new = (DEFAULT_PIN, NEW_PIN) if card.verify(DEFAULT_PIN) == 0x9000 else (NEW_PIN, DEFAULT_PIN)
                while card.change_pin(old, new) == 0x9000:
                    old, new = new, old
        except OSError:
            pass  # the simulator has ended

    def test_during_a_long_key_generation(self):
        key = self.simulator(state=self.work / "token.state", sockets=True, profile="compatibility")
        with harness.SocketCard(key.environment["SEALKEY_SIM_SOCKETS"]) as card:
            self.authenticate(card)
            card.send(bytes.fromhex("0047009a05ac0380011600"))
            start = time.monotonic()
            self.assertEqual(key.stop(), 0)
            self.assertLess(time.monotonic() - start, 9)
            # Rarely the primes are found before the end: then the whole key is answered, and nothing less.
            answer = card.receive()
            if answer:
                self.assertEqual((answer[:2], answer[-2]), (b"\x7f\x49", 0x61))
        self.check_token(key.state)

    def authenticate(self, card):
        card.select()
        harness.authenticate_management(card)

    def test_reader_of_socket_that_leaves_in_the_middle_does_no_harm(self):
        """SIGPIPE, half a frame, an answer nobody takes."""
        key = self.simulator(sockets=True, profile="compatibility")
        path = key.environment["SEALKEY_SIM_SOCKETS"]
        for piece in (b"", b"\x00", b"\x00\x05\x00\xa4", b"\x00\x05\x00\xa4\x04\x00\x00" * 200, b"\xff\xff" + b"A" * 70000):
            card = harness.SocketCard(path)
            try:
                card.link.sendall(piece)
            except OSError:
                pass
            card.close()
        with harness.SocketCard(path) as card:
            card.select()
            self.assertEqual(card.verify(DEFAULT_PIN), 0x9000)


if __name__ == "__main__":
    harness.main(pcscd=False)
