#!/usr/bin/env python3
# labels: board
# timeout: 120
"""The board's image on the strict USB host of the emulator: bus events that no ordinary test brings about (sim/rp2040/bus.js). And the
emulator's own test: faults of a USB or flash driver, planted one after the other, are each caught by the rule that they break, and
nothing is caught where none is planted (sim/rp2040/faults.js)."""
import board_case
import harness


class Bus(board_case.NodeCase):
    @classmethod
    def furnish(cls, plain):
        """An object to read, and a key that asks for no PIN."""
        plain.generate(0x9E)
        plain.put_certificate(700)

    def test_every_planted_fault_is_caught_by_its_rule(self):
        lines = self.lines("faults.js")
        self.assertEqual(lines[0], "good none: nothing")
        self.assertGreater(len(lines), 50)

    def test_the_bus_sleeps_resets_aborts_and_stops_half_way(self):
        self.assertEqual(len(self.good_cases("bus.js")), 18)


if __name__ == "__main__":
    harness.main(pcscd=False)
