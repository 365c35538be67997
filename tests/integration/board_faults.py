#!/usr/bin/env python3
# labels: board
# timeout: 90
"""The emulated board's own test: faults of a USB or flash driver, planted one after the other, are each caught by the rule that
they break, and nothing is caught where none is planted (sim/rp2040/faults.js)."""
import board_case
import harness


class Faults(board_case.BoardCase):
    def test_every_planted_fault_is_caught_by_its_rule(self):
        key = self.board(sockets=True)
        plain = board_case.PlainKey(key)
        plain.make()
        plain.put_certificate(700)
        plain.card.close()
        key.stop()
        done = board_case.node("faults.js", "--flash", key.state, ok=None, timeout=240)
        self.assertEqual(done.code, 0, str(done))
        self.assertNotIn("MISS", done.out)
        lines = done.out.splitlines()
        self.assertEqual(lines[0], "good none: nothing")
        self.assertGreater(len(lines), 50)


if __name__ == "__main__":
    harness.main(pcscd=False)
