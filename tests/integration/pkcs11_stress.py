#!/usr/bin/env python3
# labels: clients pkcs11 stress
# timeout: 300
# processors: 4
"""Many programs with many threads sign on one token, with an RSA key, an EC key and the one whose PIN is given for each
signature, while the token is taken out, put in, reset, and pcscd is restarted under them: every signature that was given
verifies, every call answers only what it may then, no PIN try is lost and nothing hangs. Eight programs of four threads each
time: 384 signatures as they are, 64 under valgrind, which takes about half a minute of two cores for both.
Profile: compatibility."""
import os
import signal
import subprocess
import threading

import harness
from harness import DEFAULT_PIN
from personal import PersonalisedCase

THREADS = 4

# The key is gone, and pcscd hasn't looked yet: all that can be known is that the card doesn't answer.
SILENT = {0x30: "CKR_DEVICE_ERROR"}
# Here it is known; once the readers were looked at, the session is gone, too.
GONE = {0x32: "CKR_DEVICE_REMOVED"}
CLOSED = {0xB3: "CKR_SESSION_HANDLE_INVALID"}
LOGGED_OUT = {0x101: "CKR_USER_NOT_LOGGED_IN"}
# Of what sends a command: the other programs had the card, PIN after PIN, for longer than the module waits (a busy machine).
HELD = {0x80005EA1: "80005EA1, in use"}
# What each call may answer when the key, its session or the service goes under it; nothing else, and no call besides.
EXPECTED = {
    "open": {0xE0: "CKR_TOKEN_NOT_PRESENT", 0xE1: "CKR_TOKEN_NOT_RECOGNIZED", **SILENT, **GONE, **HELD},
    "login": {**SILENT, **GONE, **CLOSED, **HELD},
    "pin-for-one": {**SILENT, **GONE, **CLOSED, **HELD},
    "find-init": {**SILENT, **GONE, **CLOSED, **HELD},
    "find": {**CLOSED},
    "certificate": {**SILENT, **GONE, **CLOSED, **HELD},
    "sign-init": {**GONE, **CLOSED, **LOGGED_OUT},
    "sign-update": {**CLOSED},
    "sign": {**SILENT, **GONE, **CLOSED, **LOGGED_OUT, **HELD},
}


class Worker:
    """A stress_worker; .signatures counts what it has so far."""

    def __init__(self, key, build, signatures, wrapper=(), environment=()):
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen(
            [*wrapper, build / "tests/integration/stress_worker", build / "pkcs11-module/libsealkey-pkcs11.so",
             str(THREADS), str(signatures)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
            text=True, env={**os.environ, **key.environment, "SEALKEY_PIN": DEFAULT_PIN, **dict(environment)})
        self.signatures = 0
        self.lines = []
        self.errors = ""
        self._readers = [threading.Thread(target=self._read), threading.Thread(target=self._read_errors)]
        for reader in self._readers:
            reader.start()

    def _read(self):
        for line in self.process.stdout:
            if line == ".\n":
                self.signatures += 1
            else:
                self.lines.append(line.strip())

    def _read_errors(self):
        self.errors = self.process.stderr.read()

    def end(self, seconds):
        code = self.process.wait(seconds)
        for reader in self._readers:
            reader.join()
        return code

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.end(10)
        self.process.stdout.close()
        self.process.stderr.close()


class FreshCard(harness.CardCommands):
    """A card over a context of its own: pyscard's lasts as long as the program, and pcscd doesn't here."""

    def __init__(self):
        from smartcard import scard  # pylint: disable=import-outside-toplevel
        self.scard = scard
        _, self.context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
        _, names = scard.SCardListReaders(self.context, [])
        self.result, self.card, self.protocol = scard.SCardConnect(self.context, names[0], scard.SCARD_SHARE_SHARED,
                                                                   scard.SCARD_PROTOCOL_T1)

    def exchange(self, command):
        _, answer = self.scard.SCardTransmit(self.card, self.scard.SCARD_PCI_T1, list(command))
        return bytes(answer)

    def reset(self):
        result, _ = self.scard.SCardReconnect(self.card, self.scard.SCARD_SHARE_SHARED, self.scard.SCARD_PROTOCOL_T1,
                                              self.scard.SCARD_RESET_CARD)
        return result

    def close(self):
        self.scard.SCardDisconnect(self.card, self.scard.SCARD_LEAVE_CARD)
        self.scard.SCardReleaseContext(self.context)


# The one that was started last; the first is a child of the namespace's first process.
service = None


class Stress(PersonalisedCase):
    def setUp(self):
        super().setUp()
        self.personalise(("9a", "RSA2048"), ("9c", "ECCP256"), ("9d", "ECCP256"))

    def reset(self):
        """As another program does that wants the card for itself: it waits for its turn among the workers."""
        with FreshCard() as card:
            harness.until(lambda: card.reset() == 0, "the card is reset")

    def restart_pcscd(self):
        """In the test's own namespace there is one. Without a chance to say goodbye the first time."""
        global service  # pylint: disable=global-statement
        for pid in harness.run(["pgrep", "-x", "pcscd"]).out.split():
            os.kill(int(pid), signal.SIGKILL if service is None else signal.SIGTERM)
        if service is not None:
            service.wait(20)
        harness.until(lambda: harness.run(["pgrep", "-x", "pcscd"], ok=None).out.strip() == "", "pcscd has ended")
        if os.path.exists("/run/pcscd/pcscd.comm"):
            os.unlink("/run/pcscd/pcscd.comm")
        # pylint: disable=consider-using-with
        service = subprocess.Popen([harness.program("pcscd"), "--foreground", "--config", "/run/pcscd/conf"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        harness.until(harness.card_present, "pcscd is back with the card")

    def disturb(self, workers, steps, between):
        """Does one step after another, each after so many more signatures (progress decides, not the clock), as long as
        somebody is at work."""
        mark, done = 0, []

        def at_work():
            return any(w.process.poll() is None for w in workers)

        while at_work():
            step = steps[len(done) % len(steps)]
            harness.until(lambda: sum(w.signatures for w in workers) >= mark + between or not at_work(),
                          f"signatures go on after {done[-1:]}", 240)
            if at_work():
                mark = sum(w.signatures for w in workers)
                step()
                done.append(step.__name__)
        return done

    def stress(self, programs, signatures, between, build=harness.BUILD, **how):
        """All signatures come and verify; what else was answered is expected; every kind of step was done."""
        workers = [Worker(self.key, build, signatures, **how) for _ in range(programs)]
        try:
            done = self.disturb(workers, (self.key.replug, self.reset, self.restart_pcscd, self.reset), between)
            self.check(workers, signatures * THREADS)
        finally:
            for worker in workers:
                worker.kill()
        print(f"{programs * THREADS * signatures} signatures; meanwhile: {', '.join(done)}")
        self.assertGreaterEqual(set(done), {"reset", "replug", "restart_pcscd"})

    def check(self, workers, signatures):
        codes = {}
        for worker in workers:
            self.assertEqual(worker.end(330), 0, worker.lines + [worker.errors])
            self.assertEqual(worker.signatures, signatures)
            for line in worker.lines:
                call, code, count = line.split()
                codes[call, int(code, 16)] = codes.get((call, int(code, 16)), 0) + int(count)
        for (call, code), count in sorted(codes.items()):
            print(f"{call}: {EXPECTED.get(call, {}).get(code, hex(code))} {count} times")
        self.assertEqual([(call, hex(code)) for call, code in codes if code not in EXPECTED.get(call, {})], [])
        with FreshCard() as card:
            self.assertIn(card.tries(), (None, 6))  # nobody's PIN went wrong


class Plain(Stress):
    def test_many_programs_on_one_key_that_comes_and_goes(self):
        self.stress(programs=8, signatures=12, between=30)

    def test_under_valgrind(self):
        self.stress(programs=8, signatures=2, between=12,
                    wrapper=("valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full", "--show-leak-kinds=definite",
                             "--errors-for-leak-kinds=definite"))


if __name__ == "__main__":
    harness.main()
