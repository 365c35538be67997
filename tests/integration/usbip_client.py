"""A USB/IP client: takes a device from a server (the emulated board's sim/rp2040/usbip.js, `sealkey-sim --usbip`) and gives its
transfers, many at a time. It knows nothing of what the transfers carry."""
import collections
import socket
import struct
import threading

LIST, IMPORT, SUBMIT, UNLINK, SUBMITTED, UNLINKED = 0x8005, 0x8003, 1, 2, 3, 4
VERSION = 0x0111
HEADER, DEVICE = 48, 312

Device = collections.namedtuple("Device", "vendor product version device_class subclass protocol configuration configurations "
                                          "interfaces speed")


class Transfer:
    """One that was submitted: .done, then .status (0, or a negative errno), .data (IN), .length."""

    def __init__(self, number, is_in):
        self.number = number
        self.is_in = is_in
        self.done = threading.Event()
        self.status = None
        self.data = b""
        self.length = 0


def connect(address):
    if isinstance(address, int):
        return socket.create_connection(("127.0.0.1", address))
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    link.connect(str(address))
    return link


class UsbIpClient:
    """address: path of a unix socket, or a TCP port of 127.0.0.1. index: which of its devices. on_done(transfer) is called from
    the reading thread."""

    def __init__(self, address, index=0, on_done=lambda transfer: None, on_gone=lambda: None):
        self.on_done = on_done
        self.on_gone = on_gone
        bus_id = self._bus_id(address, index)
        self.link = connect(address)
        self.lock = threading.Lock()
        self.transfers = {}
        self.number = 0
        self.device = self._import(bus_id)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _receive(self, size):
        data = b""
        while len(data) < size:
            piece = self.link.recv(size - len(data))
            if not piece:
                raise ConnectionResetError("the USB/IP server has gone")
            data += piece
        return data

    def _bus_id(self, address, index):
        """The device's name in the server's list."""
        self.link = connect(address)
        try:
            self.link.sendall(struct.pack(">HHI", VERSION, LIST, 0))
            _, _, _, count = struct.unpack(">HHII", self._receive(12))
            for at in range(count):
                told = self._receive(DEVICE)
                self._receive(4 * told[311])  # its interfaces
                if at == index:
                    return told[256:288]
        finally:
            self.link.close()
        raise AssertionError(f"the USB/IP server has {count} devices")

    def _import(self, bus_id):
        self.link.sendall(struct.pack(">HHI32s", VERSION, IMPORT, 0, bus_id))
        _, _, status = struct.unpack(">HHI", self._receive(8))
        if status:
            raise AssertionError("the USB/IP server has no device for us")
        told = self._receive(DEVICE)
        speed = struct.unpack(">I", told[296:300])[0]
        return Device(*struct.unpack(">HHH6B", told[300:312]), speed)

    # ---- transfers ----

    def submit(self, endpoint, length=0, data=b"", setup=bytes(8), zero=False):
        """endpoint with bit 7 for IN; a control transfer's direction stands in its setup."""
        is_in = bool((setup[0] if endpoint & 0x7F == 0 else endpoint) & 0x80)
        with self.lock:
            self.number += 1
            transfer = Transfer(self.number, is_in)
            self.transfers[self.number] = transfer
            size = length if is_in else len(data)
            head = struct.pack(">IIIIIIiIII8s", SUBMIT, transfer.number, 0x00010002, int(is_in), endpoint & 0x0F, 0x40 if zero else 0,
                               size, 0, 0xFFFFFFFF, 0, bytes(setup))
            self.link.sendall(head + (b"" if is_in else bytes(data)))
        return transfer

    def cancel(self, transfer):
        with self.lock:
            self.number += 1
            self.link.sendall(struct.pack(">IIIII", UNLINK, self.number, 0x00010002, 0, 0) + struct.pack(">I24x", transfer.number))
            self.transfers[self.number] = transfer

    def control(self, request_type, request, value, index, length=0, data=b"", seconds=20):
        setup = struct.pack("<BBHHH", request_type, request, value, index, length or len(data))
        transfer = self.submit(0, length, data, setup)
        if not transfer.done.wait(seconds):
            raise AssertionError(f"control request {setup.hex()} isn't answered")
        return transfer

    def descriptor(self, kind, index=0, language=0, length=255):
        transfer = self.control(0x80, 6, kind << 8 | index, language, length)
        if transfer.status:
            raise AssertionError(f"descriptor {kind}.{index}: {transfer.status}")
        return transfer.data

    # ---- answers ----

    def _read(self):
        try:
            while True:
                head = self._receive(HEADER)
                command, number = struct.unpack(">II", head[:8])
                status, length = struct.unpack(">iI", head[20:28])
                self._answered(command, number, status, length)
        except OSError:
            self.on_gone()

    def _answered(self, command, number, status, length):
        with self.lock:
            transfer = self.transfers.pop(number)
        if command == SUBMITTED and transfer.is_in:
            transfer.data = self._receive(length)
        if command == UNLINKED and not status:
            return  # it had been answered before
        with self.lock:
            self.transfers.pop(transfer.number, None)
        transfer.status, transfer.length = status, length
        transfer.done.set()
        self.on_done(transfer)

    def close(self):
        try:
            self.link.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.link.close()
