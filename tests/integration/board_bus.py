#!/usr/bin/env python3
# labels: board
# timeout: 120
"""The board's image on the strict USB host of the emulator: bus events that no ordinary test brings about (sim/rp2040/bus.js). And the
emulator's own test: faults of a USB or flash driver, planted one after the other, are each caught by the rule that they break, and
nothing is caught where none is planted (sim/rp2040/faults.js)."""
import board_case
import harness


class Bus(board_case.BoardCase):
    @classmethod
    def setUpClass(cls):
        """A key with an object to read and a key that asks for no PIN."""
        board_case.need_emulator()
        cls.prepared = harness.Workspace()
        cls.addClassCleanup(cls.prepared.close)
        with board_case.Board(state=cls.prepared / "flash", sockets=True) as key:
            plain = board_case.PlainKey(key)
            plain.make()
            plain.generate(0x9E)
            plain.put_certificate(700)
            plain.card.close()

    def run_script(self, script, *options):
        done = board_case.node(script, "--flash", self.prepared / "flash", *options, ok=None, timeout=300)
        self.assertEqual(done.code, 0, str(done))
        return done.out.splitlines()

    def test_every_planted_fault_is_caught_by_its_rule(self):
        lines = self.run_script("faults.js")
        self.assertEqual(lines[0], "good none: nothing")
        self.assertGreater(len(lines), 50)

    def test_the_bus_sleeps_resets_aborts_and_stops_half_way(self):
        lines = self.run_script("bus.js", "--image", board_case.IMAGE)
        self.assertGreaterEqual(len(lines), 12)
        self.assertTrue(all(line.startswith("good ") for line in lines))


if __name__ == "__main__":
    harness.main(pcscd=False)
