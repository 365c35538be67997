"""A token with keys and certificates, in either profile, for the tests of other programs.

A case class names its profile; a subclass with the other one runs the same tests there:

    class OpenSsl(PersonalisedCase): ...                        # compatibility: administered by Debian's yubico-piv-tool
    class OpenSslShipping(ShippingCase, OpenSsl): ...           # as the bench leaves it, activated, PIN self.pin
"""
import json
import os

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

import harness
import personalise
from harness import DEFAULT_PIN

OBJECTS = {"9a": 0x5FC105, "9c": 0x5FC10A, "9d": 0x5FC10B}
ALGORITHMS = {"RSA2048": 0x07, "ECCP256": 0x11, "ECCP384": 0x14}


class PersonalisedCase(harness.Case):
    """Profile: compatibility. self.key: the simulator; certificates by slot in self.certificates after personalise()."""

    pin = DEFAULT_PIN

    def setUp(self):
        super().setUp()
        self.key = self.new_key()
        self.certificates = {}
        self.authority = None

    def new_key(self):
        return self.simulator(profile="compatibility")

    def yubico(self, *arguments, **how):
        return self.key.run(["yubico-piv-tool", "-r", "", *arguments], **how)

    def certify(self, slot, public):
        """A certificate over the token's public key, by a CA of the test's own."""
        self.authority, key, certificate = self.work / "ca.crt", self.work / "ca.key", self.work / f"{slot}.crt"
        if not self.authority.exists():
            harness.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
                         "-subj", "/CN=Test CA", "-out", self.authority])
        harness.run(["openssl", "x509", "-new", "-force_pubkey", public, "-subj", f"/O=Example Import/CN=slot {slot}",
                     "-CA", self.authority, "-CAkey", key, "-days", "30", "-out", certificate])
        self.certificates[slot] = certificate
        return certificate

    def personalise(self, *slots):
        """slots: pairs of slot and algorithm; each gets a generated key and a certificate."""
        for slot, algorithm in slots:
            self.generate(slot, algorithm)

    def generate(self, slot, algorithm, *more):
        public = self.work / f"{slot}.pub"
        self.yubico("-a", "generate", "-s", slot, "-A", algorithm, "-o", public, *more)
        certificate = self.certify(slot, public)
        self.yubico("-a", "import-certificate", "-s", slot, "-i", certificate)
        return public, certificate

    def public_key(self, slot):
        text = harness.run(["openssl", "x509", "-pubkey", "-noout", "-in", self.certificates[slot]]).out
        return self.work.write(f"{slot}.pem", text)

    def tries(self):
        """PIN tries left, as the token says."""
        with harness.Card() as card:
            card.select()
            return card.tries()


class ShippingCase(PersonalisedCase):
    """Profile: shipping. The bench's commands as plain APDUs, then the activation code."""

    pin = "735812"

    def new_key(self):
        return self.simulator()

    def personalise(self, *slots):
        if self.certificates:  # such a key is made once: the next one is another
            self.key.close()
            self.key = self.new_key()
        with harness.Card() as card:
            apdus = personalise.Apdus(card)
            made = self.born(apdus)
            for slot, algorithm in slots:
                answer = apdus.send(0, 0x47, 0, int(slot, 16), bytes([0xAC, 3, 0x80, 1, ALGORITHMS[algorithm]]))
                public = self.work.write(f"{slot}.pub", public_pem(personalise.parse(answer)[0x7F49]))
                der = harness.run(["openssl", "x509", "-in", self.certify(slot, public), "-outform", "DER"]).raw
                apdus.put(OBJECTS[slot], personalise.tlv(0x70, der) + personalise.tlv(0x71, b"\0") + b"\xfe\0")
            apdus.send(0x80, 0x34, 2, 0, le=False)
            apdus.close_channel()
            self.activate(apdus, made)

    def born(self, apdus):
        """INITIALISE in the shipping profile; everything then goes through the key's own channel."""
        unlock, management = os.urandom(32), os.urandom(32)
        values = [(0x81, personalise.SERIAL.encode()), (0x83, b"\1"), (0x89, (7).to_bytes(4, "big")), (0x8B, b"\1"),
                  (0x8C, unlock), (0x8D, b"\x0C" + management), (0x8E, os.urandom(16))]
        apdus.be_born(self.key.birth_record, values)
        return personalise.Made(unlock, management, personalise.SERIAL, {}, b"", None)

    def activate(self, apdus, made):
        statement = personalise.parse(apdus.send(0, 0xCB, 0x3F, 0xFF, bytes.fromhex("5C035FFF43")))[0x53]
        code = made.code(int.from_bytes(statement[14:16], "big"), int.from_bytes(statement[16:20], "big"))
        digits = code.replace("-", "")[:15]
        apdus.send(0x80, 0x20, 0, 0x80, digits.encode() + self.pin.encode().ljust(8, b"\xff"))


def public_pem(template):
    fields = personalise.parse(template)
    if 0x86 in fields:
        curve = ec.SECP256R1() if len(fields[0x86]) == 65 else ec.SECP384R1()
        key = ec.EllipticCurvePublicKey.from_encoded_point(curve, bytes(fields[0x86]))
    else:
        numbers = (int.from_bytes(fields[0x82], "big"), int.from_bytes(fields[0x81], "big"))
        key = rsa.RSAPublicNumbers(*numbers).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
