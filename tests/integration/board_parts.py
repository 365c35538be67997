#!/usr/bin/env python3
# labels: board
# timeout: 120
"""The board's LED, button and watchdog, as its image uses them in the emulated chip (sim/rp2040/parts.js)."""
import collections

import board_case
import harness

TOUCH_KEY = 0x82
NO_PIN_BUT_TOUCH = bytes.fromhex("AA0101AB0102")
KEYS, OBJECT = range(0x83, 0x8F), 3000  # a key and an object fill a sector or two: a wipe has much to erase


class Parts(board_case.NodeCase):
    @classmethod
    def furnish(cls, plain):
        """A key pair that asks for a touch, and sectors with something in them."""
        plain.generate(TOUCH_KEY, NO_PIN_BUT_TOUCH)
        for slot in KEYS:
            plain.import_p256(slot)
            plain.put_certificate(OBJECT)

    def test_led_button_and_watchdog(self):
        names = self.good_cases("parts.js", "--stop", board_case.addresses()["sealkey_stop"])
        self.assertEqual(collections.Counter(name.split("-")[0] for name in names), {"led": 4, "error": 1, "button": 4, "watchdog": 4})


if __name__ == "__main__":
    harness.main(pcscd=False)
