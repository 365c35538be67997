"""A USB device that a USB/IP server lends, for unmodified programs on this machine: a mocked device of umockdev's, whose usbfs
requests are carried to the server. libusb, and what stands on it (libccid in pcscd, our own transport), sees a device in
/dev/bus/usb with its descriptors in /sys.

    with usb_bridge.Bridge(address) as bridge:     # address: see usbip.py
        harness.run([...], env=bridge.environment)
"""
import errno
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import threading

import harness
import usbip

DEVICE = "/devices/sealkey/usb1/1-1"
PRELOAD = "libumockdev-preload.so.0"
# A reap that has nothing to give is answered so late, or libusb would ask again and again: here poll() always says "ready".
REAP_WAIT = 0.002
URB = struct.Struct("<BBxxiI4xQiiiiiIQ")  # struct usbdevfs_urb on a 64-bit machine
URB_BUFFER, URB_STATUS, URB_LENGTH = 16, 4, 28
ZERO_PACKET = 0x40
CONTROL, BULK_CONTINUATION = 2, 0x04
CAPABILITIES = 0x01 | 0x04  # zero packets, no limit on the length of a packet
PORT_RESET = (0x23, 3, 4, 0)  # SET_FEATURE to the hub: USB/IP servers take it for a reset of the device, as Linux's does
ABORT = b"\x21\x01"  # CCID's control request
MESSAGE_HEAD, STATUS_BYTE, MORE_TIME = 10, 7, 2  # of an answer over CCID


def ioctl_number(direction, number, size):
    return direction << 30 | size << 16 | ord("U") << 8 | number


(NONE, WRITE, READ) = (0, 1, 2)
CONTROL_NOW = ioctl_number(READ | WRITE, 0, 24)
RESET_ENDPOINT = ioctl_number(READ, 3, 4)
SET_INTERFACE = ioctl_number(READ, 4, 8)
SET_CONFIGURATION = ioctl_number(READ, 5, 4)
GET_DRIVER = ioctl_number(WRITE, 8, 260)
SUBMIT = ioctl_number(READ, 10, URB.size)
DISCARD = ioctl_number(NONE, 11, 0)
REAP = ioctl_number(WRITE, 12, 8)
REAP_NOW = ioctl_number(WRITE, 13, 8)
CLAIM = ioctl_number(READ, 15, 4)
RELEASE = ioctl_number(READ, 16, 4)
DRIVER_IOCTL = ioctl_number(READ | WRITE, 18, 16)
DISCONNECT_CLAIM = ioctl_number(READ, 27, 264)
RESET = ioctl_number(NONE, 20, 0)
CLEAR_HALT = ioctl_number(READ, 21, 4)
GET_CAPABILITIES = ioctl_number(READ, 26, 4)


def _umockdev():
    try:
        import gi  # pylint: disable=import-outside-toplevel
        gi.require_version("UMockdev", "1.0")
        from gi.repository import UMockdev  # pylint: disable=import-outside-toplevel
    except (ImportError, ValueError) as gone:
        raise harness.Missing("python3-gi or gir1.2-umockdev-1.0 is missing: run sim/setup.sh --tests") from gone
    return UMockdev


def bytes_of(data):
    return bytes(data.retrieve())


class Pending:
    """An URB that was submitted: whose it is, libusb's memory for it, and the transfer at the server."""

    def __init__(self, client, urb, buffer):
        self.client = client
        self.urb = urb
        self.buffer = buffer
        self.offset = 0
        self.transfer = None


class Usbfs:
    """The requests of one opened node. answer(client) is umockdev's door: it has to complete each, then or later. One program
    at a time has the interface: who claims it after another finds nothing of that one's, as after a close of its file."""

    def __init__(self):
        self.usb = None
        self.lock = threading.Condition()
        self.owner = None
        self.pending = {}   # address of the URB in the program -> Pending
        self.finished = []
        self.seen = set()
        self.extensions = 0  # requests for more time that the device made
        self.aborts = 0

    def plugged(self, usb):
        with self.lock:
            self.usb = usb
        usb.on_done = self._done
        usb.on_gone = lambda: self.unplugged(usb)

    def unplugged(self, usb):
        """What is under way ends as a kernel ends it, and what comes later finds no device."""
        with self.lock:
            if self.usb is not usb:
                return
            self.usb = None
            for pending in self.pending.values():
                if not pending.transfer.done.is_set():
                    pending.transfer.status = -errno.ESHUTDOWN
                self._finish(pending)
            self.lock.notify_all()

    def answer(self, client):
        request = client.get_request() & 0xFFFFFFFF
        self.seen.add(request)
        try:
            if request in (REAP, REAP_NOW):
                # Not in umockdev's own thread: another request may have to come in between.
                threading.Thread(target=self._reap, args=(client, request == REAP), daemon=True).start()
                return True
            client.complete(*(self._carry(client, request) if self.usb else (-1, errno.ENODEV)))
        except Exception as error:  # pylint: disable=broad-except
            print(f"usb_bridge: {error!r}", file=sys.stderr, flush=True)
            client.complete(-1, errno.EIO if self.usb else errno.ENODEV)
        return True

    def _carry(self, client, request):
        if request == GET_CAPABILITIES:
            client.get_arg().resolve(0, 4).update(0, struct.pack("<I", CAPABILITIES))
            return 0, 0
        if request in (CLAIM, DISCONNECT_CLAIM):
            self._claimed(client)
            return 0, 0
        if request in (RELEASE, SET_INTERFACE):
            return 0, 0
        if request == RESET:
            return self._control(*PORT_RESET)
        if request in (GET_DRIVER, DRIVER_IOCTL):  # no driver of the kernel's has it
            return -1, errno.ENODATA
        if request == SET_CONFIGURATION:
            return self._control(0x00, 9, self._number(client), 0)
        if request in (CLEAR_HALT, RESET_ENDPOINT):
            return self._control(0x02, 1, 0, self._number(client))
        if request == SUBMIT:
            return self._submit(client)
        if request == DISCARD:
            return self._discard(client)
        print(f"usb_bridge: request {request:#x} isn't known", file=sys.stderr, flush=True)
        return -1, errno.ENOTTY

    @staticmethod
    def _number(client):
        return struct.unpack("<I", bytes_of(client.get_arg().resolve(0, 4)))[0]

    def _control(self, *setup):
        status = self.usb.control(*setup).status
        return (0, 0) if status == 0 else (-1, -status)

    def _claimed(self, client):
        with self.lock:
            if self.owner is client:
                return
            self.owner = client
            left = [p for p in self.pending.values() if p.client is not client]
            for pending in left:
                del self.pending[pending.urb.client_addr]
            self.finished = [p for p in self.finished if p.client is client]
        for pending in left:
            if not pending.transfer.done.is_set():
                self.usb.cancel(pending.transfer)

    # ---- URBs ----

    def _submit(self, client):
        urb = client.get_arg().resolve(0, URB.size)
        kind, endpoint, _, flags, _, size, *_ = URB.unpack(bytes_of(urb))
        buffer = urb.resolve(URB_BUFFER, size) if size else None
        content = bytes_of(buffer) if buffer else b""
        pending = Pending(client, urb, buffer)
        with self.lock:
            if not self.usb:
                return -1, errno.ENODEV
            self.pending[urb.client_addr] = pending
            if kind == CONTROL:
                setup, data = content[:8], content[8:]
                self.aborts += setup[:2] == ABORT
                pending.transfer = self.usb.submit(0, len(data), b"" if setup[0] & 0x80 else data, setup)
                pending.offset = 8
            else:
                is_in = endpoint & 0x80
                pending.transfer = self.usb.submit(endpoint, size, b"" if is_in else content, zero=bool(flags & ZERO_PACKET))
            if pending.transfer.done.is_set():
                self._finish(pending)
        return 0, 0

    def _discard(self, client):
        address = struct.unpack("<Q", bytes_of(client.get_arg()))[0]
        with self.lock:
            pending = self.pending.get(address)
        if pending is None:
            return -1, errno.EINVAL
        self.usb.cancel(pending.transfer)
        return 0, 0

    def _done(self, transfer):
        with self.lock:
            self.extensions += len(transfer.data) == MESSAGE_HEAD and transfer.data[STATUS_BYTE] >> 6 == MORE_TIME
            for pending in self.pending.values():
                if pending.transfer is transfer:
                    self._finish(pending)
                    break

    def _finish(self, pending):
        if pending not in self.finished:
            self.finished.append(pending)
            self.lock.notify_all()

    def _reap(self, client, wait):
        def ready():
            return next((p for p in self.finished if p.client is client), None)

        with self.lock:
            self.lock.wait_for(lambda: ready() or (wait and not self.usb), None if wait else REAP_WAIT)
            gone = not self.usb
            if pending := ready():
                self.finished.remove(pending)
                self.pending.pop(pending.urb.client_addr, None)
        if pending is None:
            client.complete(-1, errno.ENODEV if gone else errno.EAGAIN)
            return
        transfer = pending.transfer
        if transfer.data:
            pending.buffer.update(pending.offset, transfer.data)
        pending.urb.update(URB_STATUS, struct.pack("<i", self._status(transfer.status)))
        pending.urb.update(URB_LENGTH, struct.pack("<i", len(transfer.data) if transfer.is_in else transfer.length))
        client.get_arg().resolve(0, 8).set_ptr(0, pending.urb)
        client.complete(0, 0)

    @staticmethod
    def _status(status):
        return -errno.ENOENT if status == -errno.ECONNRESET else status  # as usbfs says that it was discarded


class Bridge:
    def __init__(self, address):
        umockdev = _umockdev()
        self.address = address
        self.usb = None
        self.testbed = umockdev.Testbed.new()
        self.usbfs = usbfs = Usbfs()

        class Handler(umockdev.IoctlBase):
            def do_handle_ioctl(self, client):
                return usbfs.answer(client)

        self.handler_of_node = Handler
        self.handlers = {}  # node -> its handler
        self.number = 1
        self.node = None
        self.plug()
        self.environment = {"LD_PRELOAD": PRELOAD, "UMOCKDEV_DIR": self.testbed.get_root_dir()}

    def _text(self, index):
        return self.usb.descriptor(3, index, 0x0409)[2:].decode("utf-16-le")

    def plug(self):
        """The device with its descriptors, as Linux shows one."""
        self.usb = usbip.Client(self.address)
        self.usbfs.plugged(self.usb)
        self.number += 1  # a device that is plugged in again is another one
        self.node = f"/dev/bus/usb/001/{self.number:03}"
        device = self.usb.descriptor(1, length=18)
        configuration = self.usb.descriptor(2)
        vendor, product, version = struct.unpack("<HHH", device[8:14])
        interface = configuration[9:18]
        attributes = {
            "busnum": 1, "devnum": self.number, "speed": 12, "version": " 2.01", "bMaxPacketSize0": device[7],
            "bNumConfigurations": device[17], "bConfigurationValue": configuration[5], "bNumInterfaces": f" {configuration[4]}", "idVendor": f"{vendor:04x}",
            "idProduct": f"{product:04x}", "bcdDevice": f"{version:04x}", "bDeviceClass": f"{device[4]:02x}",
            "bDeviceSubClass": f"{device[5]:02x}", "bDeviceProtocol": f"{device[6]:02x}", "manufacturer": self._text(device[14]),
            "product": self._text(device[15]), "serial": self._text(device[16])}
        lines = [f"P: {DEVICE}", f"N: {self.node[5:]}={(device + configuration).hex().upper()}", "E: SUBSYSTEM=usb",
                 "E: DEVTYPE=usb_device", f"E: DEVNAME={self.node}", "E: MAJOR=189", f"E: MINOR={self.number - 1}", "E: BUSNUM=001",
                 f"E: DEVNUM={self.number:03}",
                 f"E: PRODUCT={vendor:x}/{product:x}/{version:x}", *(f"A: {name}={value}\\n" for name, value in attributes.items()),
                 f"H: descriptors={(device + configuration).hex().upper()}", "",
                 f"P: {DEVICE}/1-1:1.0", "E: SUBSYSTEM=usb", "E: DEVTYPE=usb_interface",
                 f"E: INTERFACE={interface[5]}/{interface[6]}/{interface[7]}", f"E: PRODUCT={vendor:x}/{product:x}/{version:x}",
                 "A: bInterfaceNumber=00\\n", "A: bAlternateSetting= 0\\n", f"A: bNumEndpoints={interface[4]:02x}\\n",
                 f"A: bInterfaceClass={interface[5]:02x}\\n", f"A: bInterfaceSubClass={interface[6]:02x}\\n",
                 f"A: bInterfaceProtocol={interface[7]:02x}\\n", ""]
        handler = self.handlers[self.node] = self.handler_of_node()
        self.testbed.attach_ioctl(self.node, handler)  # the node answers before anybody can see it
        self.testbed.add_from_string("\n".join(lines) + "\n")
        self.testbed.uevent(f"/sys{DEVICE}", "add")

    def unplug(self):
        """The device goes: what is under way ends, then udev tells of it. (Where the server has ended the loan, the first is
        done.)"""
        self.usbfs.unplugged(self.usb)
        self.usb.close()
        self.testbed.uevent(f"/sys{DEVICE}", "remove")
        # Not by umockdev's remove_device(), which would leave programs that have the node open without an answer.
        root = pathlib.Path(self.testbed.get_root_dir())
        for link in (root / "sys/bus/usb/devices").iterdir():
            link.unlink()
        (root / self.node[1:]).unlink()
        shutil.rmtree(root / "sys" / DEVICE[1:])

    def close(self):
        for node in self.handlers:
            self.testbed.detach_ioctl(node)
        self.usb.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def in_own_namespaces():
    """Runs the script again in mount and process namespaces of its own, with an empty /run/pcscd; all that it starts ends with it."""
    if os.environ.get("SEALKEY_USB_BRIDGE") == "inside":
        # It is in this process by now. Programs that need it are given it: in others it can stand still, since its read() waits for
        # the loader, which OpenSC's module keeps while it waits for a thread of its own.
        os.environ.pop("LD_PRELOAD", None)
        if os.path.isdir("/run/pcscd"):
            harness.run(["mount", "-t", "tmpfs", "-o", "mode=755", "sealkey-usb", "/run/pcscd"])
        else:
            harness.run(["mount", "-t", "tmpfs", "-o", "mode=755", "sealkey-usb", "/run"])
            os.mkdir("/run/pcscd")
        return
    options = ["--mount", "--pid", "--fork", "--mount-proc", "--kill-child=KILL"]
    if os.geteuid() != 0:
        options.insert(0, "--map-root-user")
    unshare = harness.program("unshare")
    if harness.run([unshare, *options, "true"], ok=None).code != 0:
        print("namespaces are forbidden here: skipped", file=sys.stderr)
        harness.exit_skipped()
    os.environ["SEALKEY_USB_BRIDGE"] = os.environ["SEALKEY_HARNESS"] = "inside"
    os.environ["LD_PRELOAD"] = PRELOAD  # the testbed itself finds its devices so when udev is to tell of one
    os.execv(unshare, [unshare, *options, sys.executable, *sys.argv])


class Pcscd:
    """Debian's pcscd and libccid on the bridge's device, which libccid's list of readers doesn't have."""

    LIST = "/etc/libccid_Info.plist"

    def __init__(self, bridge, workspace):
        self.log = workspace / "pcscd.log"
        self._name_device(bridge, workspace)
        configuration = workspace / "reader.conf.d"
        configuration.mkdir(exist_ok=True)
        with open(self.log, "wb") as log:
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen([harness.program("pcscd"), "--foreground", "--debug", "--config", configuration],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**os.environ, **bridge.environment})
        harness.until(lambda: os.path.exists("/run/pcscd/pcscd.comm"), "pcscd answers", 20)

    def _name_device(self, bridge, workspace):
        """This mount namespace's list: our vendor, product and name put in front."""
        text = pathlib.Path(self.LIST).read_text(encoding="utf-8")
        device = bridge.usb.about
        for key, value in (("ifdVendorID", f"0x{device.vendor:04X}"), ("ifdProductID", f"0x{device.product:04X}"),
                           ("ifdFriendlyName", "sealkey USB key")):
            text, done = re.subn(rf"(<key>{key}</key>\s*<array>)", rf"\1\n\t\t<string>{value}</string>", text)
            if done != 1:
                raise AssertionError(f"{self.LIST} has no list of {key}")
        harness.run(["mount", "--bind", workspace.write("Info.plist", text), self.LIST])

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(20)
        harness.run(["umount", self.LIST])
