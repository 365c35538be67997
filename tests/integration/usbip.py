"""A USB/IP host for tests: asks for devices, imports one and speaks to it, with no kernel in between."""
import collections
import socket
import struct

import harness

ALL = collections.namedtuple("All", "path bus_id speed vendor product interface")
EPIPE, ECONNRESET, EOVERFLOW = -32, -104, -75


def connect(port):
    link = socket.create_connection(("127.0.0.1", port), timeout=30)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def exactly(link, size):
    data = b""
    while len(data) < size:
        piece = link.recv(size - len(data))
        if not piece:
            raise ConnectionResetError("the device has gone")
        data += piece
    return data


def ended(link):
    """The other side has closed the connection."""
    try:
        return link.recv(1) == b""
    except ConnectionResetError:
        return True


def _device(raw):
    numbers = struct.unpack(">IIIHHH", raw[288:306])
    return ALL(raw[:256].rstrip(b"\0").decode(), raw[256:288].rstrip(b"\0").decode(), numbers[2], numbers[3], numbers[4],
               None)


def devices(port):
    """What OP_REQ_DEVLIST shows."""
    with connect(port) as link:
        link.sendall(struct.pack(">HHI", 0x0111, 0x8005, 0))
        version, code, status, count = struct.unpack(">HHII", exactly(link, 12))
        assert (version, code, status) == (0x0111, 0x0005, 0)
        return [_device(exactly(link, 312))._replace(interface=exactly(link, 4)[:3]) for _ in range(count)]


def import_request(bus_id):
    return struct.pack(">HHI32s", 0x0111, 0x8003, 0, bus_id.encode())


class Refused(Exception):
    """The import was refused with this status."""


class Stalled(Exception):
    """A transfer ended with this status."""


class Device:
    """An imported device. Transfers are submitted and answered in any order; wait() takes one's answer."""

    def __init__(self, port, bus_id="1-1"):
        self.link = connect(port)
        self.link.sendall(import_request(bus_id))
        version, code, status = struct.unpack(">HHI", exactly(self.link, 8))
        assert (version, code) == (0x0111, 0x0003)
        if status:
            self.link.close()
            raise Refused(status)
        self.about = _device(exactly(self.link, 312))
        self.sequence = 0
        self.answers = {}
        self.unlinked = {}
        self.directions = {}

    def submit(self, endpoint, data=b"", length=0, setup=bytes(8), flags=0):
        """Endpoint 81h and the like are towards the host. Returns the transfer's number."""
        self.sequence += 1
        into_host = endpoint >= 0x80 or (endpoint == 0 and setup[0] >= 0x80)
        self.directions[self.sequence] = into_host
        size = length if into_host else len(data)
        head = struct.pack(">IIIIIIIIII", 1, self.sequence, 0x10001, int(into_host), endpoint & 0x7F, flags, size, 0,
                           0xFFFFFFFF, 0)
        self.link.sendall(head + setup + (b"" if into_host else data))
        return self.sequence

    def unlink(self, number):
        """Takes a transfer back; the status of the answer."""
        self.sequence += 1
        self.link.sendall(struct.pack(">IIIIII", 2, self.sequence, 0x10001, 0, 0, number) + bytes(24))
        while self.sequence not in self.unlinked:
            self._one_answer()
        return self.unlinked.pop(self.sequence)

    def _one_answer(self):
        head = exactly(self.link, 48)
        code, number = struct.unpack(">II", head[:8])
        status, length = struct.unpack(">iI", head[20:28])
        if code == 4:
            self.unlinked[number] = status
            return
        assert code == 3, code
        data = exactly(self.link, length) if self.directions[number] else b""
        self.answers[number] = (status, length, data)

    def wait(self, number):
        while number not in self.answers:
            self._one_answer()
        status, length, data = self.answers.pop(number)
        if status:
            raise Stalled(status)
        return data if self.directions[number] else length

    def control(self, request_type, request, value=0, index=0, length=0):
        setup = struct.pack("<BBHHH", request_type, request, value, index, length)
        return self.wait(self.submit(0, length=length, setup=setup))

    def descriptor(self, kind, index=0, length=255):
        return self.control(0x80, 6, kind << 8 | index, 0x0409 if kind == 3 else 0, length)

    def string(self, index):
        raw = self.descriptor(3, index)
        assert raw[0] == len(raw) and raw[1] == 3
        return raw[2:].decode("utf-16-le")

    def configure(self):
        self.control(0x00, 9, 1)

    def write(self, data, **how):
        return self.wait(self.submit(0x01, data, **how))

    def read(self, length=65566):
        return self.wait(self.submit(0x81, length=length))

    def close(self):
        self.link.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


Answer = collections.namedtuple("Answer", "type sequence status error last data")


def message(kind, sequence, data=b"", parameters=bytes(3), slot=0):
    return struct.pack("<BIBB", kind, len(data), slot, sequence) + parameters + data


def parse(raw):
    kind, length, _, sequence, status, error, last = struct.unpack("<BIBBBBB", raw[:10])
    assert len(raw) == 10 + length, raw
    return Answer(kind, sequence, status, error, last, raw[10:])


class Reader(harness.CardCommands):
    """The card behind an imported device, by CCID messages."""

    def __init__(self, device):
        self.device = device
        self.sequence = 0
        self.extensions = 0
        device.configure()
        self.atr = self.ask(0x62).data

    def send(self, kind, data=b"", **how):
        self.sequence = (self.sequence + 1) % 256
        self.device.write(message(kind, self.sequence, data, **how))

    def receive(self):
        """The answer; requests for more time are counted."""
        while True:
            answer = parse(self.device.read())
            assert answer.sequence == self.sequence, answer
            if answer.status & 0xC0 != 0x80:
                return answer
            self.extensions += 1

    def ask(self, kind, data=b"", **how):
        self.send(kind, data, **how)
        return self.receive()

    def exchange(self, command):
        answer = self.ask(0x6F, bytes(command))
        assert answer.status == 0, answer
        return answer.data

    def close(self):
        self.device.close()
