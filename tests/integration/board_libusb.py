#!/usr/bin/env python3
# labels: board usb
# timeout: 120
"""Our programs at the board's image over USB without a smart-card service: the real libusb, umockdev in place of the kernel, and
the emulated chip. The tests' image has a command, 80 F0 SECONDS 00, that takes as long as it is told."""
import json
import sys

import board_case
import harness
import token_probe
import usb_bridge

DONE = "9000"


def long_command(seconds):
    return f"80f0{seconds:02x}00"


class UsbCase(board_case.BoardCase):
    blank = False

    def setUp(self):
        super().setUp()
        lent = self.work / "usbip"
        self.key = self.board(sockets=True, blank=self.blank, options=["--usbip", lent], image=board_case.TEST_IMAGE)
        self.bridge = usb_bridge.Bridge(lent)
        self.addCleanup(self.bridge.close)
        self.environment = {**self.bridge.environment, "SEALKEY_USB": "1", "SEALKEY_SIM_SOCKETS": ""}


class OurPrograms(UsbCase):
    def probe(self):
        return token_probe.begun(self, "USB 1-1", 1000, self.environment)

    def probe_in_mid_command(self, seconds):
        """The command runs on the chip: the key has asked for more time."""
        probe = self.probe()
        before = self.bridge.usbfs.extensions
        probe.tell("apdu " + long_command(seconds))
        harness.until(lambda: self.bridge.usbfs.extensions > before, "the key asks for more time")
        return probe

    def assert_works(self):
        """A program of ours finds the key and reads it."""
        status = json.loads(harness.run(["sealkey", "status", "--json"], env=self.environment).out)
        self.assertRegex(status["reader"], "^USB 1-1 ")
        self.assertEqual(self.probe().ask("apdu 00a4040005a00000030800")[-4:], DONE)

    def test_a_long_command_asks_for_time_until_it_ends(self):
        probe = self.probe()
        before = self.bridge.usbfs.extensions
        self.assertEqual(probe.ask("apdu " + long_command(3)), DONE)
        self.assertGreaterEqual(self.bridge.usbfs.extensions - before, 4)
        self.assertEqual(probe.ask("apdu " + long_command(0)), DONE)
        self.assertEqual(self.bridge.usbfs.aborts, 1, "none but that of the beginning")

    def test_Lesson19_a_program_killed_in_mid_command_leaves_a_working_key(self):
        probe = self.probe_in_mid_command(5)
        probe.kill()
        aborts, before = self.bridge.usbfs.aborts, self.bridge.usbfs.extensions
        self.assert_works()
        # The next one had the command aborted, and waited for it as the key asked.
        self.assertGreater(self.bridge.usbfs.aborts, aborts)
        self.assertGreater(self.bridge.usbfs.extensions, before)

    def test_Lesson19_unplugged_in_mid_command(self):
        probe = self.probe_in_mid_command(60)
        self.key.unplug()
        self.bridge.unplug()
        self.assertEqual(probe.answer(), "no_reader")
        self.assertRegex(probe.said.read_text(), "taken out|gone")
        self.assertEqual(probe.ask("apdu " + long_command(0)), "no_reader")
        harness.run(["sealkey", "status"], env=self.environment, code=3)
        self.key.plug()
        self.bridge.plug()
        self.assert_works()

    def test_a_bus_reset_in_mid_command_leaves_a_working_key(self):
        probe = self.probe_in_mid_command(5)
        probe.kill()
        reset = f"import fcntl, os; fcntl.ioctl(os.open({self.bridge.node!r}, os.O_RDWR), {usb_bridge.RESET})"
        harness.run([sys.executable, "-c", reset], env=self.environment)
        self.assertIn(usb_bridge.RESET, self.bridge.usbfs.seen)
        self.assert_works()


class Factory(UsbCase):
    blank = True

    def test_flashed_board_gets_its_transport_keys(self):
        factory = self.work / "factory"
        factory.mkdir()
        made, again = (json.loads(harness.run(["sealkey-bench", "manufacture", "--birth-records", factory, "--json"],
                                              env=self.environment).out) for _ in range(2))
        self.assertEqual((made["how"], again["how"], again["record"]), ("made", "again", made["record"]))
        status = json.loads(harness.run(["sealkey", "status", "--json"], env=self.environment).out)
        self.assertEqual(status["serial"], made["serial"])


if __name__ == "__main__":
    usb_bridge.in_own_namespaces()
    harness.main(pcscd=False)
