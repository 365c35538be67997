"""The board's image, run by the emulated chip (sim/rp2040), in place of a simulated token: the same programs and the same test
cases drive it through its USB driver and CCID class.

    class Something(BoardCase):
        def test(self):
            key = self.board()               # harness.Simulator's interface; the flash chip is kept in key.state
"""
import os
import pathlib
import shutil
import unittest

import harness

EMULATOR = harness.ROOT / "sim/rp2040"
NODE_MODULES = pathlib.Path(os.environ.get("SEALKEY_RP2040JS", harness.ROOT / "build/rp2040js")) / "node_modules"
IMAGE = pathlib.Path(os.environ.get("SEALKEY_RP2040_IMAGE", harness.ROOT / "build/rp2040/sealkey-rp2040.uf2"))


def need_emulator():
    """Skips the test where npm's rp2040js couldn't be had; fails where the image wasn't built."""
    if shutil.which("node") is None:
        raise harness.Missing("node is missing: run sim/setup.sh --tests")
    if not (NODE_MODULES / "rp2040js").is_dir():
        raise unittest.SkipTest("npm's rp2040js couldn't be had")
    if not IMAGE.is_file():
        raise harness.Missing(f"{IMAGE} is missing: cmake --build --preset release --target rp2040_image")


def node(script, *arguments, **how):
    """Runs a script of the emulator's to its end."""
    need_emulator()
    return harness.run([shutil.which("node"), EMULATOR / script, *arguments], **how)


class Board(harness.Simulator):
    """One key on the emulated board, in the private pcscd's reader or (sockets=True) at a socket. state: its flash chip."""

    start_seconds = 120
    stop_seconds = 120  # a command goes to its end first

    def __init__(self, state=None, sockets=False, options=()):
        need_emulator()
        super().__init__(state=state, sockets=sockets)
        self._arguments = [shutil.which("node"), str(EMULATOR / "serve.js"), "--image", str(IMAGE), "--flash", str(self.state),
                           "--birth-record", str(self.birth_record), "--control", str(self.control_path), *options]
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

    def ended(self):
        """What it said, once it has ended by itself (a violation); None while it runs."""
        return self.log_path.read_text() if self._process.poll() is not None else None


class BoardCase(harness.Case):
    def board(self, **options):
        """A board that ends with the test, which fails if the emulator met a violation."""
        key = Board(**options)
        self.addCleanup(key.close)
        self.addCleanup(self.assert_unbroken, key)
        return key.start()

    def assert_unbroken(self, key):
        self.assertIsNone(key.ended(), "the emulated board stopped")

