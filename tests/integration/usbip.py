"""USB/IP as a host speaks it, with no kernel in between: what a server lends (`sealkey-sim --usbip`, the emulated board's
sim/rp2040/usbip.js), and one of its devices taken. What transfers carry is others' business (ccid_host.py).

    Device(address)               # transfers one by one: device.write(...), device.read()
    Client(address, on_done=...)  # many at a time; a thread takes their answers

An address is a TCP port of 127.0.0.1 or the path of a unix socket.
"""
import collections
import socket
import struct
import threading

VERSION = 0x0111
LIST, IMPORT = 0x8005, 0x8003
SUBMIT, UNLINK, SUBMITTED, UNLINKED = 1, 2, 3, 4
DEVICE_ID = 0x00010001  # bus and number: any will do, there is one device a connection
ZERO_PACKET = 0x40
EPIPE, ECONNRESET, EOVERFLOW = -32, -104, -75

About = collections.namedtuple("About", "path bus_id speed vendor product interfaces")


class Refused(Exception):
    """The import was refused with this status."""


class Stalled(Exception):
    """A transfer ended with this status."""


# ---- what both sides send --------------------------------------------------------------------------------------------


def connect(address):
    if not isinstance(address, int):
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.settimeout(30)
        link.connect(str(address))
        return link
    link = socket.create_connection(("127.0.0.1", address), timeout=30)
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


def _about(link, with_interfaces):
    raw = exactly(link, 312)
    speed, vendor, product = struct.unpack(">IHH", raw[296:304])
    interfaces = [exactly(link, 4)[:3] for _ in range(raw[311])] if with_interfaces else []
    path, bus_id = (text.rstrip(b"\0").decode() for text in (raw[:256], raw[256:288]))
    return About(path, bus_id, speed, vendor, product, interfaces)


def devices(address):
    """What the server's list shows."""
    with connect(address) as link:
        link.sendall(struct.pack(">HHI", VERSION, LIST, 0))
        version, code, status, count = struct.unpack(">HHII", exactly(link, 12))
        assert (version, code, status) == (VERSION, LIST & 0x7FFF, 0)
        return [_about(link, True) for _ in range(count)]


def import_request(bus_id):
    return struct.pack(">HHI32s", VERSION, IMPORT, 0, bus_id.encode())


class Link:
    """An imported device's connection: .about it, and the messages that go over it."""

    def __init__(self, address, bus_id):
        self.link = connect(address)
        self.sequence = 0
        self.link.sendall(import_request(bus_id))
        version, code, status = struct.unpack(">HHI", exactly(self.link, 8))
        assert (version, code) == (VERSION, IMPORT & 0x7FFF)
        if status:
            self.link.close()
            raise Refused(status)
        self.about = _about(self.link, False)

    @staticmethod
    def is_in(endpoint, setup):
        """Endpoint 81h and the like are towards the host; a control transfer's direction stands in its setup."""
        return bool((setup[0] if endpoint == 0 else endpoint) & 0x80)

    def send_submit(self, endpoint, data, length, setup, flags):
        """The transfer's number."""
        self.sequence += 1
        into_host = self.is_in(endpoint, setup)
        size = length if into_host else len(data)
        head = struct.pack(">10I", SUBMIT, self.sequence, DEVICE_ID, int(into_host), endpoint & 0x7F, flags, size, 0, 0xFFFFFFFF, 0)
        self.link.sendall(head + bytes(setup) + (b"" if into_host else bytes(data)))
        return self.sequence

    def send_unlink(self, number):
        """The request's own number."""
        self.sequence += 1
        self.link.sendall(struct.pack(">6I24x", UNLINK, self.sequence, DEVICE_ID, 0, 0, number))
        return self.sequence

    def receive_answer(self):
        """(kind, number, status, length): data follows where a transfer towards the host was SUBMITTED."""
        head = exactly(self.link, 48)
        return *struct.unpack(">II", head[:8]), *struct.unpack(">iI", head[20:28])

    def close(self):
        try:
            self.link.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.link.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def setup_of(request_type, request, value, index, length):
    return struct.pack("<BBHHH", request_type, request, value, index, length)


# ---- one transfer after the other ------------------------------------------------------------------------------------


class Device(Link):
    """Transfers are submitted and answered in any order; wait() takes one's answer."""

    def __init__(self, address, bus_id="1-1"):
        super().__init__(address, bus_id)
        self.answers = {}
        self.unlinked = {}
        self.directions = {}

    def submit(self, endpoint, data=b"", length=0, setup=bytes(8), flags=0):
        """The transfer's number."""
        number = self.send_submit(endpoint, data, length, setup, flags)
        self.directions[number] = self.is_in(endpoint, setup)
        return number

    def unlink(self, number):
        """Takes a transfer back; the status of the answer."""
        request = self.send_unlink(number)
        while request not in self.unlinked:
            self._one_answer()
        return self.unlinked.pop(request)

    def _one_answer(self):
        kind, number, status, length = self.receive_answer()
        if kind == UNLINKED:
            self.unlinked[number] = status
            return
        assert kind == SUBMITTED, kind
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
        return self.wait(self.submit(0, length=length, setup=setup_of(request_type, request, value, index, length)))

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


# ---- many at a time --------------------------------------------------------------------------------------------------


class Transfer:
    """One that was submitted: .done, then .status (0, or a negative errno), .data (IN), .length."""

    def __init__(self, number, is_in):
        self.number = number
        self.is_in = is_in
        self.done = threading.Event()
        self.status = None
        self.data = b""
        self.length = 0


class Client(Link):
    """index: which device of the server's list. on_done(transfer) and on_gone() are called from the thread that takes answers."""

    def __init__(self, address, index=0, on_done=lambda transfer: None, on_gone=lambda: None):
        super().__init__(address, devices(address)[index].bus_id)
        self.on_done = on_done
        self.on_gone = on_gone
        self.lock = threading.Lock()
        self.transfers = {}
        self.link.settimeout(None)  # an interrupt transfer waits as long as nothing happens
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def submit(self, endpoint, length=0, data=b"", setup=bytes(8), zero=False):
        with self.lock:
            number = self.send_submit(endpoint, data, length, setup, ZERO_PACKET if zero else 0)
            transfer = self.transfers[number] = Transfer(number, self.is_in(endpoint, setup))
        return transfer

    def cancel(self, transfer):
        with self.lock:
            self.transfers[self.send_unlink(transfer.number)] = transfer

    def control(self, request_type, request, value, index, length=0, data=b"", seconds=20):
        setup = setup_of(request_type, request, value, index, length or len(data))
        transfer = self.submit(0, length, data, setup)
        if not transfer.done.wait(seconds):
            raise AssertionError(f"control request {setup.hex()} isn't answered")
        return transfer

    def descriptor(self, kind, index=0, language=0, length=255):
        transfer = self.control(0x80, 6, kind << 8 | index, language, length)
        if transfer.status:
            raise AssertionError(f"descriptor {kind}.{index}: {transfer.status}")
        return transfer.data

    def _read(self):
        try:
            while True:
                self._answered(*self.receive_answer())
        except OSError:
            self.on_gone()

    def _answered(self, kind, number, status, length):
        with self.lock:
            transfer = self.transfers.pop(number)
        if kind == SUBMITTED and transfer.is_in:
            transfer.data = exactly(self.link, length)
        if kind == UNLINKED and not status:
            return  # it had been answered before
        with self.lock:
            self.transfers.pop(transfer.number, None)
        transfer.status, transfer.length = status, length
        transfer.done.set()
        self.on_done(transfer)
