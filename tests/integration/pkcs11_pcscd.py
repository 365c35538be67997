#!/usr/bin/env python3
# labels: clients pkcs11
# timeout: 180
"""Our module in a program that lives on, beside other programs on the real pcscd: resets, removal, exclusive holders, fork.
Profile: compatibility."""
import os
import pathlib
import select
import subprocess
import sys
import threading

import cryptoki
import harness
import personalise
from cryptoki import CKM_ECDSA_SHA256, CKM_SHA256_RSA_PKCS, CKR_OK
from harness import DEFAULT_PIN, MODULE
from personal import PersonalisedCase, ShippingCase

MESSAGE = b"a licence application"


class LongLived(PersonalisedCase):
    def setUp(self):
        super().setUp()
        self.personalise(("9a", "RSA2048"), ("9c", "ECCP256"))
        self.before = self.key.apdu_count()
        self.module = cryptoki.Module(MODULE)
        self.assertEqual(self.module.initialize(), CKR_OK)
        self.addCleanup(self.module.finalize)
        self.assertEqual(self.key.apdu_count(), self.before)  # Lesson 30: nothing is sent yet
        self.slot = self.module.slots()[0]

    def open(self):
        code, session = self.module.open(self.slot)
        self.assertEqual(code, CKR_OK)
        return session

    def logged_in(self):
        session = self.open()
        self.assertEqual(self.module.login(session, DEFAULT_PIN), CKR_OK)
        return session

    def verifications(self):
        return len([e for e in self.key.log(self.before + 1) if e["name"] == "VERIFY" and "[" in e["command"]])

    def test_Lesson20_reset_by_another_program_is_told_once_and_costs_one_pin(self):
        session = self.logged_in()
        key = self.module.private_key(session, 1)
        with harness.Card() as other:
            from smartcard.scard import SCARD_RESET_CARD  # pylint: disable=import-outside-toplevel
            other.connection.reconnect(disposition=SCARD_RESET_CARD)
        code, _ = self.module.sign(session, key, CKM_SHA256_RSA_PKCS, MESSAGE)
        self.assertEqual(code, cryptoki.CKR_USER_NOT_LOGGED_IN)
        self.assertEqual(self.module.state(session), (CKR_OK, 2))  # read-write, public
        self.assertEqual(self.verifications(), 1)  # no PIN was replayed
        self.assertEqual(self.module.login(session, DEFAULT_PIN), CKR_OK)
        code, signature = self.module.sign(session, key, CKM_SHA256_RSA_PKCS, MESSAGE)
        self.assertEqual((code, len(signature)), (CKR_OK, 256))
        self.assertEqual(self.verifications(), 2)

    def test_Lesson20_reset_before_the_login_for_one_signature_costs_no_second_pin(self):
        session = self.logged_in()
        key = self.module.private_key(session, 2)
        self.assertEqual(self.module.sign_init(session, key, CKM_ECDSA_SHA256), CKR_OK)
        with harness.Card() as other:
            from smartcard.scard import SCARD_RESET_CARD  # pylint: disable=import-outside-toplevel
            other.connection.reconnect(disposition=SCARD_RESET_CARD)
        self.assertEqual(self.module.login(session, DEFAULT_PIN, cryptoki.CKU_CONTEXT_SPECIFIC), CKR_OK)
        code, signature = self.module.sign_final(session, MESSAGE)
        self.assertEqual((code, len(signature)), (CKR_OK, 64))
        self.assertEqual(self.verifications(), 2)

    def test_Lesson20_reset_that_hides_another_key_in_the_reader_gives_that_one_no_pin(self):
        """pcscd tells a connection of the last thing that happened: of a removal, and then of a reset, the reset."""
        session = self.open()
        self.key.unplug()
        stranger = self.simulator(profile="compatibility")
        with harness.Card() as other:
            from smartcard.scard import SCARD_RESET_CARD  # pylint: disable=import-outside-toplevel
            other.connection.reconnect(disposition=SCARD_RESET_CARD)
        self.assertEqual(self.module.login(session, DEFAULT_PIN), cryptoki.CKR_DEVICE_REMOVED)
        names = [entry["name"] for entry in stranger.log()]
        self.assertIn("TOKEN STATUS", names)  # it was asked who it is, and nothing else
        self.assertNotIn("VERIFY", names)
        again = self.open()
        self.assertEqual(self.module.state(session)[0], cryptoki.CKR_SESSION_HANDLE_INVALID)
        self.assertEqual(self.module.login(again, DEFAULT_PIN), CKR_OK)

    def test_Lesson20_another_programs_plain_use_costs_nothing(self):
        session = self.logged_in()
        key = self.module.private_key(session, 1)
        harness.run(["pkcs11-tool", "--module", MODULE, "--list-objects"])
        self.assertEqual(self.module.sign(session, key, CKM_SHA256_RSA_PKCS, MESSAGE)[0], CKR_OK)
        self.assertEqual(self.verifications(), 1)

    def other_program(self):
        """A program with the card open that selects PIV when it is told to, and says when it has."""
        script = ("import harness, sys\ncard = harness.Card()\nprint('ready', flush=True)\n"
                  "for _ in sys.stdin:\n    card.select()\n    print('done', flush=True)\n")
        # pylint: disable=consider-using-with
        other = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 env={**os.environ, "PYTHONPATH": str(pathlib.Path(__file__).parent)})
        self.addCleanup(other.communicate)
        self.addCleanup(other.kill)
        self.assertEqual(other.stdout.readline(), b"ready\n")
        return other

    def test_Lesson22_nobody_comes_between_the_pin_and_the_signature_it_is_for(self):
        session = self.logged_in()
        key = self.module.private_key(session, 2)
        other = self.other_program()
        for closing in (False, True):
            self.assertEqual(self.module.sign_init(session, key, CKM_ECDSA_SHA256), CKR_OK)
            self.assertEqual(self.module.login(session, DEFAULT_PIN, cryptoki.CKU_CONTEXT_SPECIFIC), CKR_OK)
            other.stdin.write(b"go\n")
            other.stdin.flush()
            self.assertEqual(select.select([other.stdout], [], [], 0.5)[0], [])  # it has to wait
            if closing:  # the signature never comes, and the card is let go all the same
                self.assertEqual(self.module.call("C_CloseSession", cryptoki.c_ulong(session)), CKR_OK)
            else:
                code, signature = self.module.sign_final(session, MESSAGE)
                self.assertEqual((code, len(signature)), (CKR_OK, 64))
            self.assertEqual(other.stdout.readline(), b"done\n")

    def test_Lesson27_removal_wakes_a_blocked_wait_and_ends_sessions(self):
        session = self.logged_in()
        woken = []
        waiter = threading.Thread(target=lambda: woken.append(self.module.wait_for_event(True)))
        waiter.start()
        self.key.unplug()
        waiter.join(20)
        self.assertEqual(woken, [(CKR_OK, self.slot)])
        self.assertEqual(self.module.state(session)[0], cryptoki.CKR_SESSION_HANDLE_INVALID)
        self.assertEqual(self.module.open(self.slot)[0], cryptoki.CKR_TOKEN_NOT_PRESENT)
        self.assertIn(self.slot, self.module.slots(with_token=False))
        self.assertEqual(self.module.wait_for_event(False)[0], cryptoki.CKR_NO_EVENT)
        self.key.plug()
        harness.until(lambda: self.module.wait_for_event(False)[0] == CKR_OK, "the insertion is an event")
        again = self.open()
        self.assertIsNone(self.module.private_key(again, 1))  # logged out
        self.assertEqual(self.module.login(again, DEFAULT_PIN), CKR_OK)
        key = self.module.private_key(again, 1)
        self.assertEqual(self.module.sign(again, key, CKM_SHA256_RSA_PKCS, MESSAGE)[0], CKR_OK)

    def test_Lesson27_finalize_ends_a_wait_at_whatever_moment_it_comes(self):
        """pcsc-lite forgets a cancellation that comes before the wait has quite begun."""
        for i in range(20):
            woken = []
            waiter = threading.Thread(target=lambda: woken.append(self.module.wait_for_event(True)[0]))  # pylint: disable=W0640
            waiter.start()
            for _ in range(i * 5):  # not always the same moment
                self.module.state(0)
            self.assertEqual(self.module.finalize(), CKR_OK)
            waiter.join(20)
            self.assertEqual(woken, [cryptoki.CKR_CRYPTOKI_NOT_INITIALIZED])
            self.assertEqual(self.module.initialize(), CKR_OK)

    def test_exclusive_holder_is_answered_with_a_code_of_its_own(self):
        from smartcard import scard  # pylint: disable=import-outside-toplevel
        _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
        _, names = scard.SCardListReaders(context, [])
        result, card, _ = scard.SCardConnect(context, names[0], scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_ANY)
        self.assertEqual(result, 0)
        self.assertEqual(self.module.open(self.slot)[0], cryptoki.READER_IN_USE)
        scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
        self.assertEqual(self.module.open(self.slot)[0], CKR_OK)
        scard.SCardReleaseContext(context)

    def test_Lesson25_child_has_a_card_of_its_own(self):
        session = self.logged_in()
        key = self.module.private_key(session, 1)
        child = os.fork()
        if child == 0:
            code = 1
            try:
                module = self.module
                stale = module.state(session)[0] == 0x190  # not initialised
                fresh = module.initialize() == CKR_OK
                opened, own = module.open(module.slots()[0])
                good = opened == CKR_OK and module.login(own, DEFAULT_PIN) == CKR_OK
                signed = module.sign(own, module.private_key(own, 1), CKM_SHA256_RSA_PKCS, MESSAGE)[0] == CKR_OK
                code = 0 if stale and fresh and good and signed and module.finalize() == CKR_OK else 2
            finally:
                os._exit(code)
        _, status = os.waitpid(child, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0)
        self.assertEqual(self.module.sign(session, key, CKM_SHA256_RSA_PKCS, MESSAGE)[0], CKR_OK)


class NotActivated(ShippingCase):
    """As a key leaves the bench: there is no PIN yet."""

    def activate(self, apdus, made):
        self.made = made

    def test_N21_key_without_a_pin_says_so_and_shows_what_is_public(self):
        self.personalise(("9a", "ECCP256"))
        out = harness.run(["pkcs11-tool", "--module", MODULE, "--list-slots"]).out
        self.assertNotIn("PIN initialized", out)
        self.assertIn("Certificate Object", harness.run(["pkcs11-tool", "--module", MODULE, "--list-objects"]).out)
        module = cryptoki.Module(MODULE)
        self.assertEqual(module.initialize(), CKR_OK)
        self.addCleanup(module.finalize)
        _, session = module.open(module.slots()[0])
        for pin in (DEFAULT_PIN, "000000", self.pin):
            self.assertEqual(module.login(session, pin), cryptoki.CKR_USER_PIN_NOT_INITIALIZED)
        with harness.Card() as card:
            super().activate(personalise.Apdus(card), self.made)
        self.assertEqual(module.call("C_CloseSession", cryptoki.c_ulong(session)), CKR_OK)
        _, session = module.open(module.slots()[0])
        self.assertEqual(module.login(session, self.pin), CKR_OK)


if __name__ == "__main__":
    harness.main()
