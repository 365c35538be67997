#!/usr/bin/env python3
# labels: board sweep
# timeout: 240
"""Power cuts at every flash operation of VERIFY, CHANGE, the reset by code and COMMIT, on the board's image in the emulated chip,
with its own flash driver. The emulator goes back to the state before the command each time, and after each cut the chip starts
with what is left in its flash: nothing is lost, and no try is gained."""
import os
import shutil
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID

import board_case
import harness
import personalise
from personalise import parse, tlv

PIN, OTHER_PIN, WRONG_PIN = "739146", "577215", "271828"
LOCK_STATEMENT, CHUID = 0x5FFF43, 0x5FC102
CERTIFICATES = {0x9A: 0x5FC105, 0x9C: 0x5FC10A, 0x9D: 0x5FC10B}
RID = bytes(range(16))
TRIES = 6


def pin_block(pin):
    return pin.encode().ljust(8, b"\xff")


def fail_unless(condition, complaint):
    if not condition:
        raise AssertionError(complaint)


def get_data(card, tag):
    data, word = card.transmit(bytes.fromhex("00CB3FFF055C03") + tag.to_bytes(3, "big") + b"\0")
    fail_unless(word == 0x9000, f"object {tag:06X} answers {word:04X}")
    return bytes(parse(data)[0x53])


def code_digits(card, made):
    statement = get_data(card, LOCK_STATEMENT)
    counter, salt = int.from_bytes(statement[14:16], "big"), int.from_bytes(statement[16:20], "big")
    return made.code(counter, salt).replace("-", "")[:15].encode()


def redeem_command(digits, pin):
    return bytes.fromhex("8020008017") + digits + pin_block(pin) + b"\0"


class Sweep(board_case.BoardCase):
    @classmethod
    def setUpClass(cls):
        """A key as its owner has it, made once: its flash, and what the bench knows of it."""
        cls.prepared = harness.Workspace()
        cls.addClassCleanup(cls.prepared.close)
        with board_case.Board(state=cls.prepared / "flash", sockets=True) as key, key.card() as card:
            cls.made = personalise.ship(card, key.birth_record, slots=tuple(CERTIFICATES))
            word = card.transmit(redeem_command(code_digits(card, cls.made), PIN))[1]
            fail_unless(word == 0x9000, f"the code is answered {word:04X}")

    def setUp(self):
        super().setUp()
        self.key = self.board(state=shutil.copy(self.prepared / "flash", self.work / "flash"), sockets=True, mark=True)
        self.card = None
        self.connect()
        self.addCleanup(lambda: self.card.close())  # whichever it is then

    # ---- the key, by single APDUs ----

    def connect(self):
        """Anew after a cut, which ends the connection."""
        if self.card:
            self.card.close()
        self.card = self.key.card()
        self.card.select()

    def send(self, apdu):
        return self.card.transmit(apdu)

    def get(self, tag):
        return get_data(self.card, tag)

    def verify(self, pin):
        return self.card.verify(pin)

    def tries(self):
        return self.card.tries()

    def sign(self, slot=0x9A):
        """A signature that the certificate in the slot verifies."""
        certificate = x509.load_der_x509_certificate(parse(self.get(CERTIFICATES[slot]))[0x70])
        digest = os.urandom(32)
        body = tlv(0x7C, b"\x82\0" + tlv(0x81, digest))
        if slot == 0x9C:  # its PIN is for the next command
            fail_unless(self.verify(PIN) == 0x9000, "the PIN is refused")
        data, word = self.send(bytes([0, 0x87, 0x11, slot, len(body)]) + body + b"\0")
        fail_unless(word == 0x9000, f"no signature: {word:04X}")
        certificate.public_key().verify(bytes(parse(parse(data)[0x7C])[0x82]), digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))

    # ---- the sweep ----

    def sweep(self, name, commands, judge, kinds=("nothing", "subset")):
        """The last of these commands runs once; then judge(answer, where, operation) looks at the key as each cut in it leaves it: at
        every flash operation, before it or in the middle of it. answer: the command's status word where there was no cut; operation
        is None then, otherwise the number of the one that was cut, from 1."""
        for command in commands[:-1]:
            fail_unless(self.send(command)[1] == 0x9000, f"{name}: the way there")
        self.key.control("record")
        answer = self.send(commands[-1])[1]
        operations = self.key.control("recorded")["recorded"]
        judge(answer, f"{name}, no cut", None)
        torn = 0
        for operation in range(1, operations + 1):
            for kind in kinds:
                cut = self.key.control(f"leave {operation} {kind}")["cut"]
                torn += cut["between"]
                self.connect()
                judge(None, f"{name}, operation {operation} ({cut['operation']}), {kind}", operation)
        fail_unless(operations > 0 and torn > 0, f"{name}: {operations} operations, {torn} torn")
        print(f"{name}: {operations} flash operations, {torn} cuts tore one", file=sys.stderr)

    # ---- VERIFY, CHANGE ----

    def spend_tries(self, left):
        while self.tries() != left:
            self.verify(WRONG_PIN)

    def judge_tries(self, where, least, most):
        now = self.tries()
        self.assertGreaterEqual(now, least, where + ": too many tries lost")
        self.assertLessEqual(now, most, where + ": a try gained")

    def test_Lesson05_verify_and_change(self):
        self.spend_tries(4)

        # The first operation spends the try: from the second on it is gone, whatever comes after.
        def wrong(answer, where, operation):
            self.judge_tries(where, 3, 4 if operation == 1 else 3)
            if answer is not None:
                self.assertEqual((answer, self.tries()), (0x63C3, 3), where)
            self.assertEqual(self.verify(PIN), 0x9000, where)

        def right(answer, where, operation):
            if answer is None and self.tries() != TRIES:  # a torn entry of success counts as another try that was spent
                self.judge_tries(where, *(3, 4) if operation == 1 else (2, 3))
            self.assertEqual(self.verify(PIN), 0x9000, where)

        def changed(answer, where, _):
            # One of the two is the PIN, and it isn't the other.
            old = self.verify(PIN)
            self.assertIn(old, (0x9000, *(0x63C0 + left for left in range(TRIES))), where)
            self.assertEqual(self.verify(OTHER_PIN) == 0x9000, old != 0x9000, where)
            if answer is not None:
                self.assertEqual((answer, old == 0x9000), (0x9000, False), where)
            self.assertEqual(self.verify(PIN if old == 0x9000 else OTHER_PIN), 0x9000, where)

        block = bytes([0, 0x20, 0, 0x80, 8])
        self.sweep("VERIFY, wrong", [block + pin_block(WRONG_PIN)], wrong)
        self.spend_tries(4)
        self.sweep("VERIFY, right", [block + pin_block(PIN)], right)
        self.spend_tries(4)
        self.sweep("CHANGE", [bytes([0, 0x24, 0, 0x80, 16]) + pin_block(PIN) + pin_block(OTHER_PIN)], changed)

    # ---- the reset by code ----

    def test_Lesson06_reset_by_code(self):
        for _ in range(TRIES):
            self.verify(WRONG_PIN)
        self.assertEqual(self.verify(PIN), 0x6983)
        digits = code_digits(self.card, self.made)

        def judge(answer, where, _):
            opened = self.verify(OTHER_PIN)
            if opened != 0x9000:
                self.assertEqual((answer, opened), (None, 0x6983), where)
                self.assertEqual(self.verify(PIN), 0x6983, where)
                self.assertEqual(self.send(redeem_command(digits, OTHER_PIN))[1], 0x9000, where)
                self.assertEqual(self.verify(OTHER_PIN), 0x9000, where)
            self.assertEqual(self.send(redeem_command(digits, PIN))[1], 0x6985, where + ": a used code")

        self.sweep("reset by code", [redeem_command(digits, OTHER_PIN)], judge)

    # ---- COMMIT ----

    def staged(self):
        """Three new keys with their certificates, staged; gives the manifest that publishes them."""
        self.assertEqual(self.verify(PIN), 0x9000)
        begin = bytes([0x80, 0x40, 0, 0, 20]) + RID + b"\7\x11\x11\x11\0"
        while self.send(begin)[0] != b"\0":
            pass
        hashed = b""
        for slot, new in self.certificates():
            for at in range(0, len(new), 200):
                part = len(new).to_bytes(4, "big") + at.to_bytes(4, "big") + new[at:at + 200]
                self.assertEqual(self.send(bytes([0x80, 0x45, slot, 0, len(part)]) + part)[1], 0x9000)
            digest = hashes.Hash(hashes.SHA256())
            digest.update(new)
            hashed += digest.finalize()
        signed = (tlv(0x80, b"\1") + tlv(0x81, self.made.serial.encode()) + tlv(0x82, RID) + tlv(0x83, b"\7") + tlv(0x84, hashed) +
                  tlv(0x88, os.urandom(16)))
        return signed + tlv(0x9E, self.made.authority.key.sign(signed, ec.ECDSA(hashes.SHA256())))

    def certificates(self):
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, personalise.NAME)])
        for slot in CERTIFICATES:
            data = self.send(bytes([0x80, 0x41, slot, 0, 0]))[0]
            point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes(parse(parse(data)[0x7F49])[0x86]))
            der = self.made.authority.sign(subject, point, (-1, 300), slot=slot).public_bytes(serialization.Encoding.DER)
            yield slot, tlv(0x70, der) + tlv(0x71, b"\0") + tlv(0xFE, b"")

    def published(self):
        """What names the set in use: the CHUID, and each certificate with its key."""
        for slot, tag in CERTIFICATES.items():
            data, word = self.send(bytes([0, 0xF7, 0, slot, 0]))
            fail_unless(word == 0x9000, f"no key in {slot:02X}: {word:04X}")
            point = board_case.encoded_point(x509.load_der_x509_certificate(parse(self.get(tag))[0x70]).public_key())
            fail_unless(point in data, f"key and certificate in {slot:02X} don't belong together")
        return self.get(CHUID), *(self.get(tag) for tag in CERTIFICATES.values())

    def test_N14_Lesson12_commit(self):
        manifest = self.staged()
        before = self.published()
        commit = bytes([0x80, 0x49, 0, 0, 0]) + len(manifest).to_bytes(2, "big") + manifest
        seen = {True: 0, False: 0}

        def judge(answer, where, _):
            self.assertEqual(self.verify(PIN), 0x9000, where)
            now = self.published()
            is_old = now == before
            if not is_old:
                self.assertTrue(all(a != b for a, b in zip(now, before)), where + ": old and new together")
            if answer is not None:
                self.assertEqual((answer, is_old), (0x9000, False), where)
            if seen[is_old] == 0:  # of each, one that is used and goes on: the rest are the same by what was read
                self.sign()
                self.verify(PIN)
                self.assertEqual(self.send(commit)[1], 0x9000, where)
                self.sign(0x9C)
            seen[is_old] += 1

        self.sweep("COMMIT", [bytes([0, 0x20, 0, 0x80, 8]) + pin_block(PIN), commit], judge)
        self.assertGreater(min(seen.values()), 0, "no cut before, or none after it took effect")


if __name__ == "__main__":
    harness.main(pcscd=False)
