#!/usr/bin/env python3
"""Instructions of the board's processor (Cortex-M0+) for what the key does most, counted in the emulated chip (sim/rp2040) on the
image as it is flashed, whole commands with their USB traffic; the time by its cycles at 125 MHz; and the goals.

    cmake --build --preset release --target rp2040_image && tests/bench/board.py [OUT.json] [--no-rsa]

Exit code 1 where a goal isn't met. RSA takes a minute. SEALKEY_RP2040_IMAGE names another image (.uf2 or .bin).
"""
import argparse
import json
import pathlib
import sys
import unittest

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
import board_case  # noqa: E402  pylint: disable=wrong-import-position
import harness  # noqa: E402  pylint: disable=wrong-import-position

HERTZ = 125e6
MILLION = 1e6
GOALS = {"P-256 signature": 9, "RSA-2048 signature": 220, "certificate of 2 KiB": 1}


def met(row):
    return row["goal"] is None or row["instructions"] <= row["goal"] * MILLION


class Bench(board_case.PlainKey):
    def __init__(self, key):
        super().__init__(key)
        self.rows = []

    def measure(self, name, action):
        """Runs it and notes what its commands cost on the chip."""
        before = self.key.apdu_count()
        result = action()
        entries = self.key.log(before + 1)
        row = {"name": name, "goal": GOALS.get(name), "commands": len(entries),
               "instructions": sum(e["instructions"] for e in entries), "seconds": sum(e["cycles"] for e in entries) / HERTZ}
        self.rows.append(row)
        millions = row["instructions"] / MILLION
        goal = "" if row["goal"] is None else f"  goal {row['goal']} M: {'met' if met(row) else 'NOT met'}"
        print(f"{name:28} {row['commands']:2} commands {millions:9.2f} M instructions {row['seconds']:7.3f} s{goal}", flush=True)
        return result

    def run(self, with_rsa):
        self.make()
        self.card.select()
        harness.authenticate_management(self.card)
        signer = self.measure("P-256 key generation", lambda: self.generate(0x9A))
        decipherer = self.generate(0x9D)
        self.put_certificate(2048)
        self.card.select()
        self.measure("VERIFY", lambda: self.check(self.card.verify(harness.DEFAULT_PIN) == 0x9000, "the PIN is refused"))
        digest = hashes.Hash(hashes.SHA256())
        digest.update(b"a document")
        digest = digest.finalize()
        signature = self.measure("P-256 signature", lambda: self.authenticate(board_case.P256, 0x9A, 0x81, digest))
        signer.verify(bytes(signature), digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        self.agree(decipherer)
        self.start_again()
        self.measure("P-256, the first one", lambda: self.authenticate(board_case.P256, 0x9A, 0x81, digest))
        self.measure("certificate of 2 KiB", lambda: self.command(bytes.fromhex("00CB3FFF0000055C035FC1050000")))
        if with_rsa:
            harness.authenticate_management(self.card)
            rsa_key = self.import_rsa(0x9C)
            self.sign_rsa(rsa_key, digest, "RSA-2048, the first one")
            self.sign_rsa(rsa_key, digest, "RSA-2048 signature")

    def start_again(self):
        """Power off and on: what the chip had worked out before is gone."""
        self.card.close()
        self.key.unplug()
        self.key.plug()
        self.card = self.key.card()
        self.card.select()
        self.check(self.card.verify(harness.DEFAULT_PIN) == 0x9000, "the PIN is refused")

    def agree(self, public_key):
        own = ec.generate_private_key(ec.SECP256R1())
        point = board_case.encoded_point(own.public_key())
        secret = self.measure("P-256 ECDH", lambda: self.authenticate(board_case.P256, 0x9D, 0x85, point))
        self.check(bytes(secret) == own.exchange(ec.ECDH(), public_key), "another secret was agreed on")

    def sign_rsa(self, public_key, digest, name):
        block = b"\0\1" + b"\xff" * 202 + b"\0" + bytes.fromhex("3031300d060960864801650304020105000420") + digest
        if self.card.verify(harness.DEFAULT_PIN) != 0x9000:  # 9C asks for it before each signature
            raise AssertionError("the PIN is refused")
        signature = self.measure(name, lambda: self.authenticate(board_case.RSA2048, 0x9C, 0x81, block))
        public_key.verify(bytes(signature), digest, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))

    @staticmethod
    def check(condition, complaint):
        if not condition:
            raise AssertionError(complaint)


def main():
    harness.alone()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", help="the figures as JSON")
    parser.add_argument("--no-rsa", action="store_true", help="P-256 alone")
    arguments = parser.parse_args()
    try:
        board_case.need_emulator()
    except unittest.SkipTest as missing:
        print(missing)
        harness.exit_skipped()
    with board_case.Board(sockets=True) as key:
        print(f"{'from power on to the first command':37} {key.instructions() / MILLION:12.2f} M instructions, MANUFACTURE included")
        bench = Bench(key)
        bench.run(not arguments.no_rsa)
        used, size = key.stack()
        print(f"stack: {used} of {size} bytes used since the chip was started again")
        bench.card.close()
    if arguments.out:
        pathlib.Path(arguments.out).write_text(json.dumps(bench.rows, indent=2) + "\n", encoding="utf-8")
    missed = [row["name"] for row in bench.rows if not met(row)]
    if missed:
        sys.exit(f"the goal is missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()
