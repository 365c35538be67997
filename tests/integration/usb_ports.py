"""Keys in USB ports for the real libusb in our programs: usb_ports.cpp, which umockdev helps to stand where the kernel does."""
import itertools
import os
import pathlib
import subprocess

import harness

PRELOAD = "libumockdev-preload.so.0"


class UsbPorts:
    """Keys of a simulator, key N in port N of bus 1. .environment lets our programs see these ports and nothing else."""

    def __init__(self, key, serials, plugged=True):
        sockets = itertools.cycle(key.environment["SEALKEY_SIM_SOCKETS"].split(":"))
        mark = "=" if plugged else "-"
        program = pathlib.Path(harness.BUILD) / "tests" / "integration" / "usb_ports"
        # pylint: disable=consider-using-with
        self.process = subprocess.Popen([program, *[s + mark + path for s, path in zip(serials, sockets)]], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env={**os.environ, "LD_PRELOAD": PRELOAD})
        word, folder = self.process.stdout.readline().split()
        assert word == "ready", word
        self.environment = {"SEALKEY_USB": "1", "SEALKEY_SIM_SOCKETS": "", "UMOCKDEV_DIR": folder,
                            "LD_PRELOAD": PRELOAD}
        self.workspace = key.workspace

    def do(self, word, port=1):
        self.process.stdin.write(f"{word} {port}\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
