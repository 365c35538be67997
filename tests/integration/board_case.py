"""The board's image, run by the emulated chip (sim/rp2040), in place of a simulated token: the same programs and the same test
cases drive it through its USB driver and CCID class.

    class Something(BoardCase):
        def test(self):
            key = self.board()               # harness.Simulator's interface; the flash chip is kept in key.state
"""
import json
import os
import pathlib
import shutil
import unittest

from cryptography.hazmat.primitives.asymmetric import ec, rsa

import channel
import harness
import personalise

EMULATOR = harness.ROOT / "sim/rp2040"
NODE_MODULES = pathlib.Path(os.environ.get("SEALKEY_RP2040JS", harness.ROOT / "build/rp2040js")) / "node_modules"
TEST_IMAGE = harness.ROOT / "build/rp2040-test/sealkey-rp2040.uf2"  # with a command that takes as long as it is told
IMAGE = pathlib.Path(os.environ.get("SEALKEY_RP2040_IMAGE", harness.ROOT / "build/rp2040/sealkey-rp2040.uf2"))
P256, RSA2048 = 0x11, 0x07


def encoded_point(public_key):
    numbers = public_key.public_numbers()
    return b"\4" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


def need_emulator(image=IMAGE):
    """Skips the test where npm's rp2040js couldn't be had; fails where the image wasn't built."""
    if shutil.which("node") is None:
        raise harness.Missing("node is missing: run sim/setup.sh --tests")
    if not (NODE_MODULES / "rp2040js").is_dir():
        raise unittest.SkipTest("npm's rp2040js couldn't be had")
    if not image.is_file():
        raise harness.Missing(f"{image} is missing: cmake --build --preset release --target rp2040_image rp2040_test_image")


def addresses():
    """Of the image's symbols."""
    places = {}
    for line in harness.run(["arm-none-eabi-nm", "-C", IMAGE.with_suffix(".elf")]).out.splitlines():
        address, _, name = line.split(maxsplit=2) if line[0] != " " else ("0", "", "")
        places[name] = int(address, 16)
    return places


def start_mark():
    """Where the firmware first looks at its part of the flash (BoardKey.reachMark), by the image's own symbols."""
    places = addresses()
    return f"{places['sealkey::applet::FactoryDoor::power_on()']}:{places['__factory_start'] - 0x10000000}"


def node(script, *arguments, **how):
    """Runs a script of the emulator's to its end."""
    need_emulator()
    return harness.run([shutil.which("node"), EMULATOR / script, *arguments], **how)


class Board(harness.Simulator):
    """One key on the emulated board, in the private pcscd's reader or (sockets=True) at a socket. state: its flash chip.
    blank=True: as it was flashed, without transport keys."""

    start_seconds = 120
    stop_seconds = 120  # a command goes to its end first

    def __init__(self, state=None, sockets=False, mark=False, blank=False, options=(), image=IMAGE):
        need_emulator(image)
        super().__init__(state=state, sockets=sockets)
        self._arguments = [shutil.which("node"), str(EMULATOR / "serve.js"), "--image", str(image), "--flash", str(self.state),
                           "--birth-record", str(self.birth_record), "--control", str(self.control_path), *options]
        if mark:
            self._arguments += ["--mark", start_mark()]
        if blank:
            self._arguments += ["--blank"]
        if sockets:
            self._arguments += ["--socket", self.environment["SEALKEY_SIM_SOCKETS"]]
        else:
            self._arguments += ["--vpcd", str(harness.FIRST_PORT)]

    def card(self):
        """The token by plain APDUs, past pcscd."""
        card = harness.SocketCard(self.environment["SEALKEY_SIM_SOCKETS"])
        card.link.settimeout(900)
        return card

    def instructions(self):
        return self.control("status")["instructions"]

    def stack(self):
        """How many bytes of its stack the firmware has used since power came, and how many it has."""
        places = addresses()
        bottom, top = places["__StackBottom"], places["__StackTop"]
        return self.control(f"stack {bottom} {top}")["used"], top - bottom

    def ended(self):
        """What it said, once it has ended by itself (a violation); None while it runs."""
        return self.log_path.read_text() if self._process and self._process.poll() is not None else None


class PlainKey:
    """A key of the compatibility profile on a board at a socket, by single APDUs: what no profile's rules stand in the way of."""

    def __init__(self, key):
        self.key = key
        self.card = key.card()

    def command(self, apdu):
        data, word = self.card.transmit(apdu)
        if word != 0x9000:
            raise AssertionError(f"{bytes(apdu[:5]).hex()}.. answered {word:04X}")
        return data

    def make(self):
        """A key of the compatibility profile, as its factory record lets one."""
        apdus = personalise.Apdus(self.card)
        apdus.select()
        apdus.open_channel(channel.Keys.of_birth_record(json.loads(self.key.birth_record.read_text())))
        values = [(0x81, b"SIM000000001"), (0x83, b"\2"), (0x89, (7).to_bytes(4, "big")), (0x8E, os.urandom(16))]
        apdus.send(0x80, 0x30, 0, 0, b"".join(personalise.tlv(tag, value) for tag, value in values))
        apdus.select()
        harness.authenticate_management(self.card)

    def generate(self, slot, policies=b""):
        """policies: of PIN and touch, as GENERATE has them."""
        body = personalise.tlv(0xAC, personalise.tlv(0x80, bytes([P256])) + policies)
        answer = self.command(bytes([0, 0x47, 0, slot, len(body)]) + body + b"\0")
        point = personalise.parse(personalise.parse(answer)[0x7F49])[0x86]
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes(point))

    def authenticate(self, algorithm, slot, tag, value):
        body = personalise.tlv(0x7C, b"\x82\0" + personalise.tlv(tag, value))
        size = len(body).to_bytes(1, "big") if len(body) < 256 else b"\0" + len(body).to_bytes(2, "big")
        answer = self.command(bytes([0, 0x87, algorithm, slot]) + size + body + (b"\0" if len(body) < 256 else b"\0\0"))
        return personalise.parse(personalise.parse(answer)[0x7C])[0x82]

    def import_p256(self, slot):
        secret = ec.generate_private_key(ec.SECP256R1()).private_numbers().private_value
        body = personalise.tlv(6, secret.to_bytes(32, "big"))
        self.command(bytes([0, 0xFE, P256, slot, len(body)]) + body)

    def import_rsa(self, slot):
        private = rsa.generate_private_key(65537, 2048)
        numbers = private.private_numbers()
        parts = [numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp]
        body = b"".join(personalise.tlv(1 + i, part.to_bytes(128, "big")) for i, part in enumerate(parts))
        self.command(bytes([0, 0xFE, RSA2048, slot, 0]) + len(body).to_bytes(2, "big") + body)
        return private.public_key()

    def put_certificate(self, size):
        body = personalise.tlv(0x5C, bytes.fromhex("5FC105")) + personalise.tlv(0x53, os.urandom(size))
        self.command(bytes([0, 0xDB, 0x3F, 0xFF, 0]) + len(body).to_bytes(2, "big") + body)


class BoardCase(harness.Case):
    def board(self, **options):
        """A board that ends with the test, which fails if the emulator met a violation."""
        key = Board(**options)
        self.addCleanup(key.close)
        self.addCleanup(self.assert_unbroken, key)
        return key.start()

    def assert_unbroken(self, key):
        self.assertIsNone(key.ended(), "the emulated board stopped")


class NodeCase(BoardCase):
    """What scripts of the emulator's do with one key, made once: of the compatibility profile, and with what furnish() adds."""

    @classmethod
    def furnish(cls, plain):
        raise NotImplementedError

    @classmethod
    def setUpClass(cls):
        need_emulator()
        cls.prepared = harness.Workspace()
        cls.addClassCleanup(cls.prepared.close)
        with Board(state=cls.prepared / "flash", sockets=True) as key:
            plain = PlainKey(key)
            plain.make()
            cls.furnish(plain)
            plain.card.close()

    def lines(self, script, *options):
        """What the script says, a line a case, with exit code 0."""
        done = node(script, "--flash", self.prepared / "flash", *options, ok=None, timeout=300)
        self.assertEqual(done.code, 0, str(done))
        return done.out.splitlines()

    def good_cases(self, script, *options):
        """The names of the script's cases, which were all good."""
        lines = [line.split(maxsplit=1) for line in self.lines(script, "--image", IMAGE, *options)]
        self.assertEqual([rest for result, rest in lines if result != "good"], [])
        return [name for _, name in lines]
