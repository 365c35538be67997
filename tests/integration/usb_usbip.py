#!/usr/bin/env python3
# labels: usb
# timeout: 60
"""The simulator as a USB device, by USB/IP: a host that is right and one that is wrong."""
import json
import socket
import struct

import harness
import usbip
from ccid_host import Reader, message, parse
from usbip import Device, Refused, Stalled


class Usb(harness.Case):
    """Profile: compatibility."""

    def key(self, tokens=1, profile="compatibility", options=()):
        key = self.simulator(sockets=True, profile=profile, tokens=tokens, options=["--usbip", "127.0.0.1:0", *options])
        self.port = key.control("status")["usbip_port"]
        return key

    def reader(self):
        reader = Reader(Device(self.port))
        self.addCleanup(reader.close)
        return reader

    def raw(self, data):
        link = usbip.connect(self.port)
        self.addCleanup(link.close)
        link.sendall(data)
        return link


class Chapter9(Usb):
    def test_device_is_listed_and_describes_itself(self):
        key = self.key()
        [listed] = usbip.devices(self.port)
        self.assertEqual((listed.bus_id, listed.speed, listed.interfaces), ("1-1", 2, [b"\x0b\x00\x00"]))
        with Device(self.port) as device:
            self.assertEqual(device.about.bus_id, "1-1")
            raw = device.descriptor(1)
            self.assertEqual(struct.unpack("<HH", raw[8:12]), (listed.vendor, listed.product))
            self.assertEqual(device.descriptor(1, length=8), raw[:8])
            whole = device.descriptor(2)
            self.assertEqual(struct.unpack("<H", whole[2:4])[0], len(whole))
            self.assertEqual((device.string(1), device.string(2)), ("sealkey", "sealkey USB key"))
            bos = device.descriptor(0x0F)
            self.assertEqual(struct.unpack("<H", bos[2:4])[0], len(bos))
            microsoft = device.control(0xC0, bos[31], 0, 7, 255)
            self.assertEqual(struct.unpack("<H", bos[29:31])[0], len(microsoft))
            serial = device.string(3)
        status = harness.SocketCard(key.environment["SEALKEY_SIM_SOCKETS"])
        self.addCleanup(status.close)
        status.select()
        self.assertIn(serial.encode(), status.transmit("8010000000")[0])

    def test_blank_key_has_the_chips_number_for_a_serial(self):
        self.key(profile=None)
        with Device(self.port) as device:
            self.assertRegex(device.string(3), "^[0-9A-F]{12}$")

    def test_requests_that_it_does_not_know_are_stalled(self):
        self.key()
        with Device(self.port) as device:
            for request in ((0x80, 6, 0x0600, 0, 10), (0x80, 6, 0x0304, 0x0409, 255), (0x80, 6, 0x0201, 0, 255),
                            (0xC0, 0x20, 0, 4, 255), (0x00, 9, 2, 0, 0), (0x40, 1, 0, 0, 0), (0x01, 11, 1, 0, 0),
                            (0x21, 1, 0x0100, 0, 0), (0xA1, 2, 0, 0, 4), (0x02, 1, 0, 0x83, 0), (0x80, 99, 0, 0, 1)):
                with self.subTest(request), self.assertRaises(Stalled) as stalled:
                    device.control(*request)
                self.assertEqual(stalled.exception.args[0], usbip.EPIPE)
            with self.assertRaises(Stalled):
                device.write(message(0x62, 1))  # not configured
            device.configure()
            self.assertEqual(device.control(0x80, 8, length=1), b"\x01")
            self.assertEqual(device.control(0xA1, 3, length=4), bytes.fromhex("002a0000"))
            for endpoint in (0x02, 0x83, 0x8F):
                with self.assertRaises(Stalled):
                    device.wait(device.submit(endpoint, b"", length=64))

    def test_halted_endpoint_stalls_until_it_is_cleared(self):
        self.key()
        reader = self.reader()
        device = reader.device
        device.control(0x02, 3, 0, 0x81)
        self.assertEqual(device.control(0x82, 0, 0, 0x81, 2), b"\x01\x00")
        with self.assertRaises(Stalled):
            device.read()
        device.control(0x02, 1, 0, 0x81)
        self.assertEqual(reader.ask(0x65).type, 0x81)

    def test_the_same_configuration_or_setting_again_begins_anew(self):
        """Halts, what is half-way, and the session: as after the first SET_CONFIGURATION."""
        self.key()
        reader = self.reader()
        device = reader.device
        for again in ((0x00, 9, 1), (0x01, 11, 0)):
            with self.subTest(again):
                reader.select()
                self.assertEqual(reader.verify(harness.DEFAULT_PIN), 0x9000)
                device.control(0x02, 3, 0, 0x81)
                device.write(message(0x6F, 1, bytes(300))[:128])
                device.control(*again)
                self.assertEqual(device.control(0x82, 0, 0, 0x81, 2), b"\0\0")
                self.assertEqual(reader.ask(0x65).status, 1, "the card has no power")
                self.assertEqual(reader.ask(0x62).data, reader.atr)
                reader.select()
                self.assertEqual(reader.tries(), 6, "the PIN went with the session")

    def test_slot_change_comes_by_the_interrupt_endpoint(self):
        self.key()
        with Device(self.port) as device:
            device.configure()
            self.assertEqual(device.wait(device.submit(0x82, length=8)), b"\x50\x03")
            waiting = device.submit(0x82, length=8)
            self.assertEqual(device.unlink(waiting), usbip.ECONNRESET)
            self.assertEqual(device.unlink(waiting), 0)


class Messages(Usb):
    def test_pin_and_signature_by_short_and_extended_apdus(self):
        self.key()
        reader = self.reader()
        self.assertEqual(reader.atr[:1], b"\x3b")
        reader.select()
        self.assertEqual(reader.verify("000000"), 0x63C0 | 5)
        self.assertEqual(reader.verify(harness.DEFAULT_PIN), 0x9000)
        discovery = reader.transmit("00CB3FFF035C017E00")
        self.assertEqual(discovery[1], 0x9000)
        self.assertEqual(reader.transmit("00CB3FFF0000035C017E0000"), discovery)

    def test_Lesson17_parameters_are_seven_bytes_of_T1(self):
        self.key()
        reader = self.reader()
        reader.send(0x6C)
        raw = reader.device.read()
        self.assertEqual((raw[0], raw[1:5], raw[9], len(raw)), (0x82, b"\x07\0\0\0", 1, 17))

    def test_Lesson18_key_generation_asks_for_time_and_is_answered(self):
        """RSA-3072, several times: how long one takes is luck."""
        self.key()
        reader = self.reader()
        reader.select()
        harness.authenticate_management(reader)
        for _ in range(20):
            data, word = reader.transmit("0047009D05AC0380010500")
            self.assertEqual((word, data[:2]), (0x9000, b"\x7f\x49"))
            if reader.extensions:
                return
        self.fail("no command of all took half a second")

    def test_Lesson19_abort_of_a_long_command_leaves_a_working_key(self):
        self.key()
        reader = self.reader()
        reader.select()
        harness.authenticate_management(reader)
        device = reader.device
        for control_first in (True, False):
            reader.send(0x6F, bytes.fromhex("0047009D05AC03800107"))
            abort = message(0x72, 0xA5)
            if control_first:
                device.control(0x21, 1, 0xA500)
                device.write(abort)
            else:
                device.write(abort)
                device.control(0x21, 1, 0xA500)
            answer = parse(device.read())
            while answer.status & 0x80:
                answer = parse(device.read())
            self.assertEqual((answer.type, answer.sequence, answer.status), (0x81, 0xA5, 0))
            self.assertEqual(reader.ask(0x62).data, reader.atr)
            reader.select()
            harness.authenticate_management(reader)

    def test_answers_that_end_with_a_whole_packet(self):
        """Objects whose answers have 64, 128 and 512 bytes, collected by transfers of any length."""
        self.key()
        reader = self.reader()
        reader.select()
        harness.authenticate_management(reader)
        for whole in (63, 64, 65, 128, 511, 512, 513):
            size = whole - 10 - 2
            value = bytes(size - (2 if size - 2 < 128 else 3 if size - 3 < 256 else 4))
            field = bytes([0x53]) + (bytes([len(value)]) if len(value) < 128 else bytes([0x81, len(value)])
                                     if len(value) < 256 else b"\x82" + len(value).to_bytes(2, "big")) + value
            body = bytes.fromhex("5c035fff11") + field
            self.assertEqual(reader.transmit(bytes.fromhex("00db3fff00") + len(body).to_bytes(2, "big") + body)[1], 0x9000)
            get = bytes.fromhex("00cb3fff0000055c035fff110000")
            for collected in (whole, whole + 1, 4096, 65566):
                reader.send(0x6F, get)
                raw = reader.device.read(collected)
                self.assertEqual(len(raw), whole)
                if collected == whole and whole % 64 == 0:
                    self.assertEqual(reader.device.read(), b"", "the empty packet that ends it")

    def test_two_reads_are_answered_one_by_one(self):
        self.key()
        reader = self.reader()
        first, second = (reader.device.submit(0x81, length=65566) for _ in range(2))
        reader.send(0x65)
        self.assertEqual(parse(reader.device.wait(first)).type, 0x81)
        reader.send(0x6C)
        self.assertEqual(parse(reader.device.wait(second)).type, 0x82)

    def test_read_too_short_for_the_packet_overflows(self):
        self.key()
        reader = self.reader()
        reader.send(0x65)
        with self.assertRaises(Stalled) as stalled:
            reader.device.read(5)
        self.assertEqual(stalled.exception.args[0], usbip.EOVERFLOW)
        self.assertEqual(reader.ask(0x65).type, 0x81)

    def test_wrong_messages_are_refused_and_harmless(self):
        self.key()
        reader = self.reader()
        for raw, answer in ((message(0x6F, 1, b"1234")[:12], (0x80, 1)), (message(0x6F, 1, b"1234") + b"5", (0x80, 1)),
                            (message(0x99, 1), (0x81, 0)), (message(0x6B, 1, b"x"), (0x83, 0)),
                            (message(0x65, 1, slot=3), (0x81, 5)), (message(0x6F, 1, b"a", b"\0\x02\0"), (0x80, 8)),
                            (b"\x6f\xff\xff\xff\xff\0\1\0\0\0" + bytes(100), (0x80, 1))):
            with self.subTest(raw[:12]):
                reader.device.write(raw)
                got = parse(reader.device.read())
                self.assertEqual((got.type, got.error, got.status & 0xC0), (*answer, 0x40))
        self.assertEqual(reader.ask(0x65).status, 0)


class Plug(Usb):
    def test_unplugged_key_detaches_and_comes_back(self):
        key = self.key()
        reader = self.reader()
        reader.select()
        self.assertEqual(reader.verify(harness.DEFAULT_PIN), 0x9000)
        self.assertTrue(key.control("status")["attached"])
        key.control("remove")
        self.assertTrue(usbip.ended(reader.device.link))
        self.assertEqual(usbip.devices(self.port), [])
        with self.assertRaises(Refused):
            Device(self.port)
        key.control("insert")
        self.assertEqual(self.reader().tries(), 6, "the PIN went with the power")

    def test_unplugged_in_the_middle_of_a_command(self):
        key = self.key()
        reader = self.reader()
        reader.select()
        harness.authenticate_management(reader)
        for _ in range(3):
            reader.send(0x6F, bytes.fromhex("0047009D05AC03800107"))
            key.control("remove")
            self.assertTrue(usbip.ended(reader.device.link))
            key.control("insert")
            reader = self.reader()
            reader.select()
            harness.authenticate_management(reader)
        self.assertEqual(reader.transmit("0047009D05AC03800111")[1], 0x9000)

    def test_power_cut_in_a_command_detaches_it(self):
        key = self.key()
        reader = self.reader()
        reader.select()
        key.cut(1)
        reader.send(0x6F, bytes.fromhex("002000800830303030303030ff"))
        self.assertTrue(usbip.ended(reader.device.link))
        harness.until(lambda: key.control("status")["plugged"], "it is plugged in again")
        self.assertEqual(key.last_cut()["command"], "VERIFY")
        self.assertEqual(self.reader().verify(harness.DEFAULT_PIN), 0x9000)

    def test_host_that_goes_ends_the_session(self):
        key = self.key()
        reader = self.reader()
        reader.select()
        self.assertEqual(reader.verify(harness.DEFAULT_PIN), 0x9000)
        reader.device.submit(0x01, message(0x6F, 9, bytes(3000))[:2000])
        reader.close()
        harness.until(lambda: not key.control("status")["attached"], "the host has gone")
        self.assertEqual(self.reader().tries(), 6)

    def test_key_has_one_host_at_a_time(self):
        self.key(tokens=2)
        self.assertEqual([d.bus_id for d in usbip.devices(self.port)], ["1-1", "1-2"])
        first, second = Reader(Device(self.port, "1-1")), Reader(Device(self.port, "1-2"))
        for bus_id, status in (("1-1", 2), ("1-2", 2), ("1-3", 1), ("", 1), ("x" * 31, 1)):
            with self.assertRaises(Refused) as refused:
                Device(self.port, bus_id)
            self.assertEqual(refused.exception.args[0], status)
        self.assertEqual(usbip.devices(self.port), [])
        first.select()
        second.select()
        first.close()
        second.close()

    def two_keys_one_at_work(self):
        """The first has begun with a command of three seconds or more, and has asked for time."""
        key = self.key(tokens=2, options=("--chip", "rp2040", "--time-scale", "0.1"))
        first = self.reader()
        first.select()
        harness.authenticate_management(first)
        first.send(0x6F, bytes.fromhex("0047009D05AC03800107"))  # an RSA key
        self.assert_more_time(first)
        return key, first

    def assert_more_time(self, reader):
        self.assertEqual(parse(reader.device.read()).status & 0xC0, 0x80)

    def test_attaching_one_key_waits_for_no_command_of_another(self):
        """Time extensions go on, too."""
        _, first = self.two_keys_one_at_work()
        with Device(self.port, "1-2") as second:
            self.assertEqual(len(second.string(3)), 12)
            for _ in range(3):
                self.assert_more_time(first)
            self.assertEqual(first.receive().status, 0)

    def test_plugging_one_key_in_lets_the_command_of_another_go_on(self):
        """It is in once that has ended; the simulator does everything else meanwhile."""
        key, first = self.two_keys_one_at_work()
        key.control("remove", 1)
        with self.control_line(key, "1 insert\n1 status\n") as waiting, self.control_line(key, "1 insert\n") as given_up:
            given_up.close()
            for _ in range(3):
                self.assert_more_time(first)
            self.assertFalse(key.control("status", 1)["plugged"])
            self.assertEqual(key.control("chip")["commands"], 3, "those before")
            self.assertEqual([d.bus_id for d in usbip.devices(self.port)], [])
            self.assertEqual(first.receive().status, 0)
            answers = waiting.makefile()
            for _ in range(2):
                self.assertTrue(json.loads(answers.readline())["plugged"])
        with Device(self.port, "1-2") as second:
            self.assertEqual(len(second.string(3)), 12)

    def test_a_key_that_is_to_be_plugged_in_can_be_taken_back(self):
        key, first = self.two_keys_one_at_work()
        key.control("remove", 1)
        with self.control_line(key, "1 insert\n") as waiting:
            self.assert_more_time(first)
            key.control("remove", 1)
            self.assertFalse(json.loads(waiting.makefile().readline())["plugged"])
            self.assert_more_time(first)
        self.assertEqual(first.receive().status, 0)
        self.assertFalse(key.control("status", 1)["plugged"])

    def control_line(self, key, text):
        """A connection to the control socket that has asked this."""
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.connect(str(key.control_path))
        link.sendall(text.encode())
        return link


class WrongHosts(Usb):
    def test_nonsense_ends_the_connection_and_no_other(self):
        self.key()
        reader = self.reader()
        for nonsense in (b"\x01\x10\x80\x05\0\0\0\0", b"\x01\x11\x80\x04\0\0\0\0", b"GET / HTTP/1.1\r\n\r\n", bytes(8),
                         b"\xff" * 300):
            with self.subTest(nonsense[:8]):
                self.assertTrue(usbip.ended(self.raw(nonsense)))
        self.raw(b"\x01\x11\x80")  # half a request, kept open
        self.assertEqual(reader.ask(0x65).type, 0x81)

    def test_nonsense_after_the_import_detaches(self):
        self.key()
        for words in ((3, 1, 0, 0, 0, 0, 0, 0, 0, 0), (1, 1, 0, 2, 1, 0, 0, 0, 0, 0), (1, 1, 0, 0, 16, 0, 0, 0, 0, 0),
                      (1, 1, 0, 0, 1, 0, 0xFFFFFFFF, 0, 0, 0), (1, 1, 0, 1, 1, 0, 0x7FFFFFFF, 0, 0, 0),
                      (1, 1, 0, 0, 1, 0, 0, 0, 4, 0)):
            with self.subTest(words):
                device = Device(self.port)
                device.link.sendall(struct.pack(">10I", *words) + bytes(8))
                self.assertTrue(usbip.ended(device.link))
                device.close()
        self.assertEqual(self.reader().ask(0x65).type, 0x81)

    def test_requests_in_pieces_of_one_byte(self):
        self.key()
        link = usbip.connect(self.port)
        self.addCleanup(link.close)
        for byte in usbip.import_request("1-1"):
            link.sendall(bytes([byte]))
        self.assertEqual(usbip.exactly(link, 8)[7], 0)

    def test_it_listens_on_the_loopback_alone_unless_told(self):
        key = self.key()
        listening = harness.run(["ss", "-tlnHp"]).out
        mine = [line.split()[3] for line in listening.splitlines() if f"pid={key.pid}," in line]
        self.assertEqual(mine, [f"127.0.0.1:{self.port}"])
        for wrong in ("127.0.0.1", "host:1", "127.0.0.1:70000", "127.0.0.1:", ":3240", "127.0.0.1:1x"):
            with self.subTest(wrong):
                error = harness.run([harness.SIMULATOR, "--state", self.work / "x", "--usbip", wrong], code=1).err
                self.assertIn("IPv4 address", error)
        error = harness.run([harness.SIMULATOR, "--state", self.work / "x", "--usbip", f"127.0.0.1:{self.port}"], code=1).err
        self.assertIn("in use", error)


if __name__ == "__main__":
    socket.setdefaulttimeout(60)
    harness.main(pcscd=False)
