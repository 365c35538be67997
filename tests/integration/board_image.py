#!/usr/bin/env python3
# labels: board
# timeout: 300
"""The board's image as a file: its size, that nothing of tests is in it, and that another folder gives the same bytes."""
import hashlib
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import harness

ROOT = harness.ROOT
BOARD = ROOT / "firmware/boards/rp2040"
SHIPPING = ROOT / "build/rp2040"
TESTS = ROOT / "build/rp2040-test"
NAME = "sealkey-rp2040"
LONG_COMMAND = "run_long_command"


def symbols(folder):
    return harness.run(["arm-none-eabi-nm", "-C", folder / f"{NAME}.elf"]).out


def cached(folder, name):
    """A value that the image's build was configured with."""
    found = re.search(rf"^{name}:[^=]*=(.*)$", (folder / "CMakeCache.txt").read_text(), re.M)
    return found.group(1) if found else ""


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Image(unittest.TestCase):
    def test_it_meets_the_goals_of_size(self):
        report = subprocess.run([sys.executable, BOARD / "size_report.py", SHIPPING], capture_output=True, text=True, check=False)
        print(report.stdout)
        self.assertEqual(report.returncode, 0, report.stdout + report.stderr)
        self.assertRegex(report.stdout, r"(?m)^stack +0 +8192$")

    def test_no_test_command_is_in_what_ships(self):
        self.assertNotIn(LONG_COMMAND, symbols(SHIPPING))
        self.assertEqual(cached(SHIPPING, "SEALKEY_LONG_COMMAND"), "")
        self.assertEqual(cached(TESTS, "SEALKEY_LONG_COMMAND"), "ON")
        self.assertNotEqual(sha256(SHIPPING / f"{NAME}.bin"), sha256(TESTS / f"{NAME}.bin"))

    def test_no_folder_of_this_machine_is_in_it(self):
        image = (SHIPPING / f"{NAME}.bin").read_bytes()
        for folder in (ROOT, SHIPPING, pathlib.Path(cached(SHIPPING, "PICO_SDK_PATH"))):
            self.assertNotIn(str(folder).encode(), image)

    def test_the_uf2_file_holds_the_image_and_nothing_else(self):
        image = (SHIPPING / f"{NAME}.bin").read_bytes()
        blocks = (SHIPPING / f"{NAME}.uf2").read_bytes()
        self.assertEqual(len(blocks) % 512, 0)
        content = b""
        for number in range(len(blocks) // 512):
            block = blocks[512 * number:512 * (number + 1)]
            magic, again, flags, address, size, index, count, family = struct.unpack("<8I", block[:32])
            self.assertEqual((magic, again, block[-4:]), (0x0A324655, 0x9E5D5157, struct.pack("<I", 0x0AB16F30)))
            self.assertEqual((flags, family, size), (0x2000, 0xE48BFF56, 256))
            self.assertEqual((index, count, address), (number, len(blocks) // 512, 0x10000000 + 256 * number))
            content += block[32:32 + 256]
        self.assertEqual(content[:len(image)], image)
        self.assertEqual(content[len(image):].strip(b"\0"), b"")

    def test_another_folder_gives_the_same_image(self):
        """mbedTLS and the SDK are compiled anew; our own C++ comes from the compiler's cache where that has it."""
        with tempfile.TemporaryDirectory() as place:
            copy = pathlib.Path(place) / "elsewhere"
            shutil.copytree(ROOT / "firmware", copy / "firmware")
            build = pathlib.Path(place) / "b"
            configure = ["cmake", "-G", "Ninja", "-S", copy / "firmware/boards/rp2040", "-B", build, "-DCMAKE_C_COMPILER_LAUNCHER="]
            for name in ("CMAKE_BUILD_TYPE", "SEALKEY_VERSION", "SEALKEY_MBEDTLS_SOURCE", "PICO_SDK_PATH", "PICO_TINYUSB_PATH",
                         "CMAKE_CXX_COMPILER_LAUNCHER"):
                configure.append(f"-D{name}={cached(SHIPPING, name)}")
            environment = {**os.environ, "CCACHE_BASEDIR": place, "CCACHE_NOHASHDIR": "1"}
            for command in (configure, ["cmake", "--build", build]):
                done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
                self.assertEqual(done.returncode, 0, done.stdout[-4000:] + done.stderr[-4000:])
            self.assertEqual(sha256(build / f"{NAME}.bin"), sha256(SHIPPING / f"{NAME}.bin"))
            self.assertEqual(sha256(build / f"{NAME}.uf2"), sha256(SHIPPING / f"{NAME}.uf2"))


if __name__ == "__main__":
    if not (SHIPPING / f"{NAME}.elf").is_file():
        raise harness.Missing(f"{SHIPPING}/{NAME}.elf is missing: cmake --build --preset release --target rp2040_image rp2040_test_image")
    harness.alone()
    unittest.main(verbosity=2)
