#!/usr/bin/env python3
# labels: usb
# timeout: 150
"""Our programs at USB keys without a smart-card service: the real libusb, and umockdev in place of the kernel."""
import json
import os
import subprocess

import harness
import token_probe
from bench_case import CODE, NAME
from tray_case import TrayCase
from usb_ports import UsbPorts


SELECT = "00a4040005a00000030800"


class Usb(TrayCase):
    """(make_ca() of the tray's set-up is only done where a test asks for it.)"""

    def make_ca(self, *options):
        pass

    def ports(self, serials=("A1",), plugged=True, **how):
        self.key = harness.Simulator(sockets=True, **how)
        self.addCleanup(self.key.close)
        self.key.start()
        ports = UsbPorts(self.key, serials, plugged)
        self.addCleanup(ports.close)
        return ports

    def sealkey(self, ports, *arguments, **how):
        return harness.run(["sealkey", *arguments], env=ports.environment, **how)

    def begin(self, ports, *arguments):
        """`sealkey` running beside the test."""
        # pylint: disable=consider-using-with
        process = subprocess.Popen([harness.program("sealkey"), *arguments], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   env={**os.environ, "LC_ALL": "C.UTF-8", **ports.environment})
        self.addCleanup(lambda: (process.poll() is None and process.kill(), process.wait(), process.stdout.close()))
        return process

    def begin_in_mid_command(self, ports):
        ports.do("mute")
        process = self.begin(ports, "status")
        harness.until(lambda: ports.do("waiting") == "yes", "the program waits for an answer")
        return process

    def test_a_key_shows_the_same_as_at_its_socket(self):
        ports = self.ports(profile="compatibility")
        shown = json.loads(self.sealkey(ports, "status", "--json").out)
        at_socket = json.loads(self.key.run(["sealkey", "status", "--json"]).out)
        self.assertEqual({**shown, "reader": at_socket["reader"]}, at_socket)
        listed = json.loads(self.sealkey(ports, "list", "--json").out)
        self.assertEqual([k["reader"] for k in listed["keys"]], ["USB 1-1 A1"])
        self.sealkey(ports, "status", "--reader", "1-1")
        self.sealkey(ports, "status", "--reader", "1-2", code=3)

    def test_Lesson19_a_program_sees_keys_come_and_go(self):
        ports = self.ports(plugged=False)
        self.sealkey(ports, "status", code=3)
        waiting = self.begin(ports, "wait", "--timeout", "60")
        self.assertIsNone(waiting.poll())
        ports.do("plug")
        self.assertEqual(waiting.wait(20), 0)
        leaving = self.begin(ports, "wait", "--removal", "--timeout", "60")
        harness.until(lambda: ports.do("claimed") == "yes", "the program has the key")
        ports.do("unplug")
        self.assertEqual(leaving.wait(20), 0)
        self.sealkey(ports, "status", code=3)
        ports.do("plug")
        self.sealkey(ports, "status")

    def test_a_key_that_another_program_has_is_told_so(self):
        ports = self.ports()
        ports.do("hold")
        said = self.sealkey(ports, "status", code=9)
        self.assertIn("Another program is holding the key, perhaps the smart-card service.", said.err)
        told = json.loads(self.sealkey(ports, "doctor", "--json", ok=None).out)["findings"]
        held = [f for f in told if f["finding"] == "reader_held"]
        self.assertEqual(len(held), 1)
        self.assertEqual([f["health"] for f in told if f["finding"] == "service_passed_over"], ["skipped"])
        ports.do("release")
        self.sealkey(ports, "status")

    def test_Lesson19_unplugged_in_mid_command(self):
        ports = self.ports()
        process = self.begin_in_mid_command(ports)
        ports.do("unplug")
        self.assertEqual(process.wait(20), 9)
        self.assertIn("The key was taken out", process.stdout.read())
        ports.do("speak")
        ports.do("plug")
        self.sealkey(ports, "status")

    def test_Lesson19_a_program_killed_in_mid_command_leaves_a_working_key(self):
        ports = self.ports()
        process = self.begin_in_mid_command(ports)
        process.kill()
        process.wait()
        ports.do("ended")
        ports.do("speak")
        self.sealkey(ports, "status")

    def test_a_child_after_fork_leaves_the_key_to_its_parent(self):
        """It ends its copies of a connection, a provider and the bus, and looks for itself."""
        ports = self.ports(("A1", "A2"), tokens=2)
        probe = token_probe.begun(self, "USB 1-1", 1000, ports.environment)
        self.assertEqual(probe.ask("apdu", SELECT)[-4:], "9000")
        probe.tell("fork")
        self.assertEqual(probe.answer(), "inherited: communication, readers: USB 1-1 A1 USB 1-2 A2, cancelled wait: 0, change: 0, "
                                         "anew: in_use, PLUG")
        ports.do("unplug", 2)
        self.assertEqual(probe.answer(), "changed: 1, ended 0")
        self.assertEqual(ports.do("claimed"), "yes")
        self.assertEqual(probe.ask("apdu", SELECT)[-4:], "9000")
        self.sealkey(ports, "status", code=9)
        probe.close()
        self.sealkey(ports, "status")

    def test_a_stalled_endpoint_is_cleared(self):
        ports = self.ports()
        ports.do("stall")
        self.sealkey(ports, "status")

    def test_a_key_that_never_answers_is_given_up_after_aborts_and_a_reset(self):
        ports = self.ports()
        ports.do("mute")
        said = self.sealkey(ports, "status", code=9)
        self.assertIn("The connection to the key failed.", said.err)
        self.assertGreaterEqual(int(ports.do("aborts")), 6)
        ports.do("speak")
        self.sealkey(ports, "status")

    def test_a_choice_that_isnt_one_is_refused(self):
        ports = self.ports()
        said = harness.run(["sealkey", "status"], env={**ports.environment, "SEALKEY_USB": "yes"}, code=2)
        self.assertIn("SEALKEY_USB must be 1", said.err)

    def test_Lesson18_a_bench_makes_keys_that_ask_for_time_while_they_generate(self):
        TrayCase.make_ca(self)
        # The chip's own pace, so that an RSA key takes longer than a card's waiting time.
        ports = self.ports(("B1", "B2"), tokens=2, options=("--chip", "rp2040", "--time-scale", "0.02"))
        orders = self.orders(f"first,{NAME},{CODE},A1,,rsa2048,seal.png", f"additional,{NAME},{CODE},A2,office,p256,")
        done = json.loads(self.run_tray(ports, orders, 2, "--json").out)
        self.assertEqual([o["state"] for o in done["orders"]], ["done", "done"])
        self.assertGreater(int(ports.do("extensions", 1)) + int(ports.do("extensions", 2)), 0)
        listed = json.loads(self.sealkey(ports, "list", "--json").out)
        self.assertEqual(len(listed["keys"]), 2)


if __name__ == "__main__":
    harness.main(pcscd=False)
