#!/usr/bin/env python3
# labels: clients
# timeout: 180
"""N10: the PIN locks after 6 consecutive wrong entries, whoever makes them and whatever happens in between."""
import signal

import harness
import personalise
from harness import DEFAULT_PIN, OPENSC_MODULE
from personal import PersonalisedCase, ShippingCase


class N10(PersonalisedCase):
    """Profile: compatibility."""

    def by_apdu(self, pin="999999"):
        with harness.Card() as card:
            card.select()
            return card.verify(pin)

    def by_yubico_piv_tool(self):
        self.yubico("-a", "verify-pin", "-P", "999999", ok=False)

    def by_pkcs15_tool(self):
        self.key.run(["pkcs15-tool", "--verify-pin", "--pin", "999999"], ok=False)

    def by_pkcs11_tool(self):
        self.key.run(["pkcs11-tool", "--module", OPENSC_MODULE, "--login", "--pin", "999999", "--list-objects"], ok=False)

    def restart_simulator(self, number=signal.SIGTERM):
        if number == signal.SIGKILL:
            self.key.kill()
        else:
            self.key.stop()
        self.key.start()

    def test_six_tries_by_several_programs_over_power_cycles_lock_once(self):
        steps = (self.by_apdu, self.by_yubico_piv_tool, self.by_pkcs15_tool, self.by_pkcs11_tool, self.by_apdu,
                 self.by_yubico_piv_tool)
        between = (self.key.replug, self.restart_simulator, self.key.replug,
                   lambda: self.restart_simulator(signal.SIGKILL), self.key.replug, self.key.replug)
        for left, (wrong, interrupt) in zip((5, 4, 3, 2, 1, 0), zip(steps, between)):
            wrong()
            self.assertEqual(self.tries(), left)
            interrupt()
            self.assertEqual(self.tries(), left)
        self.assertEqual(self.by_apdu(DEFAULT_PIN), 0x6983)
        self.key.run(["pkcs15-tool", "--unblock-pin", "--puk", harness.DEFAULT_PUK, "--new-pin", "246810"])
        self.assertEqual(self.tries(), 6)
        self.assertEqual(self.by_apdu("246810"), 0x9000)

    def test_right_pin_on_the_sixth_opens_and_refills(self):
        for _ in range(5):
            self.by_apdu()
            self.key.replug()
        self.assertEqual(self.tries(), 1)
        self.assertEqual(self.by_apdu(DEFAULT_PIN), 0x9000)
        self.key.replug()
        self.assertEqual(self.tries(), 6)

    def test_wrong_length_or_format_costs_no_try(self):
        """Lesson 6."""
        with harness.Card() as card:
            card.select()
            for body in ("", "313233343536", "31" * 9, "ff" * 8, "31323334ffffffff", "3132ff343536ffff"):
                if body:
                    _, word = card.transmit(bytes([0, 0x20, 0, 0x80, len(body) // 2]) + bytes.fromhex(body))
                    self.assertNotEqual(word, 0x9000)
                self.assertEqual(card.tries(), 6, body)

    def test_power_cut_inside_a_wrong_try_gives_none_back(self):
        """Lesson 5: cutting the power at the flash operation of a try never makes the try free."""
        for kind in ("nothing", "prefix", "subset", "whole"):
            with self.subTest(kind):
                before = self.tries()
                self.key.cut(1, kind)
                try:
                    self.by_apdu()
                except Exception:  # pylint: disable=broad-except  # the card went away under the command
                    pass
                report = self.key.wait_for_cut()
                self.assertEqual(report["command"], "VERIFY")
                after = self.tries()
                # Power may go before the try was spent; the PIN wasn't looked at then.
                self.assertIn(after, (before, before - 1, before - 2) if kind == "nothing" else (before - 1, before - 2))
                self.assertEqual(self.by_apdu(DEFAULT_PIN), 0x9000)


class N10Shipping(ShippingCase):
    """Profile: shipping."""

    def lock_statement(self):
        """Lock counter and salt; None where the token isn't locked."""
        with harness.Card() as card:
            card.select()
            data, word = card.transmit("00cb3fff055c035fff4300")
        if word == 0x6A82:
            return None
        statement = personalise.parse(data)[0x53]
        return statement[14:16], statement[16:20]

    def wrong(self):
        with harness.Card() as card:
            card.select()
            return card.verify("999999")

    def test_six_tries_over_power_cycles_lock_exactly_once(self):
        self.personalise(("9a", "ECCP256"))
        self.assertIsNone(self.lock_statement())
        for attempt in range(6):
            if attempt % 2:
                self.yubico("-a", "verify-pin", "-P", "999999", ok=False)
            else:
                self.assertNotEqual(self.wrong(), 0x9000)
            self.key.replug()
        counter, salt = self.lock_statement()
        self.assertEqual(counter, b"\0\2")  # 1 was the activation
        for _ in range(3):
            self.assertEqual(self.wrong(), 0x6983)
            self.key.replug()
        self.assertEqual(self.lock_statement(), (counter, salt))

    def test_right_pin_on_the_sixth_opens_refills_and_leaves_no_lock(self):
        self.personalise(("9a", "ECCP256"))
        for _ in range(5):
            self.wrong()
            self.key.replug()
        with harness.Card() as card:
            card.select()
            self.assertEqual(card.verify(self.pin), 0x9000)
        self.key.replug()
        self.assertEqual(self.tries(), 6)
        self.assertIsNone(self.lock_statement())


if __name__ == "__main__":
    harness.main()
