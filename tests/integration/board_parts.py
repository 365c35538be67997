#!/usr/bin/env python3
# labels: board
# timeout: 120
"""The board's LED, button and watchdog, as its image uses them in the emulated chip (sim/rp2040/parts.js)."""
import board_case
import harness

TOUCH_KEY = 0x82
NO_PIN_BUT_TOUCH = bytes.fromhex("AA0101AB0102")


class Parts(board_case.BoardCase):
    @classmethod
    def setUpClass(cls):
        """A key with a key pair that asks for a touch."""
        board_case.need_emulator()
        cls.prepared = harness.Workspace()
        cls.addClassCleanup(cls.prepared.close)
        with board_case.Board(state=cls.prepared / "flash", sockets=True) as key:
            plain = board_case.PlainKey(key)
            plain.make()
            plain.generate(TOUCH_KEY, NO_PIN_BUT_TOUCH)
            plain.card.close()

    def good(self, prefix, number):
        """All of the cases that begin so are there, and good."""
        if not hasattr(Parts, "lines"):
            Parts.lines = board_case.node("parts.js", "--image", board_case.IMAGE, "--flash", self.prepared / "flash", "--stop",
                                          board_case.addresses()["sealkey_stop"], ok=None, timeout=300).out
        mine = [line for line in Parts.lines.splitlines() if line.split()[1].startswith(prefix)]
        self.assertEqual([line.split()[0] for line in mine], ["good"] * number, Parts.lines)

    def test_the_led_shows_idle_busy_locked_and_error(self):
        self.good("led-", 4)

    def test_the_button_is_presence_when_pressed_while_asked_and_only_then(self):
        self.good("button-", 4)

    def test_the_watchdog_restarts_a_program_that_stopped_and_no_other(self):
        self.good("watchdog-", 3)


if __name__ == "__main__":
    harness.main(pcscd=False)
