"""A key as the bench leaves it, made with plain APDUs and an arithmetic of its own: what the tests of the enterprise's
tool stand on, independent of the bench and of the host's libraries.

    key = harness.Simulator(); key.start()
    made = personalise.ship(harness.Card(), key.birth_record)   # over any object with transmit(apdu) -> (data, word)
    made.code(lock_counter, salt)                               # "dddd-dddd-dddd-dddd"
"""
import datetime
import json
import os

from cryptography import x509
from cryptography.hazmat.primitives import cmac, hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.x509.oid import NameOID

import channel

SERIAL = "0123456789AB"
NAME = "福建示例进出口有限公司"
UNIFIED_CODE = "91350100M000100Y43"
DAMM = ("0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
        "3674209581", "5869720134", "8945362017", "9438617205", "2581436790")


def tlv(tag, value):
    head = tag.to_bytes((tag.bit_length() + 7) // 8, "big")
    n = len(value)
    size = bytes([n]) if n < 0x80 else bytes([0x81, n]) if n < 0x100 else bytes([0x82, n >> 8, n & 255])
    return head + size + value


def parse(data):
    """Tag -> value of a flat list with one- and two-byte tags."""
    out = {}
    i = 0
    while i < len(data):
        tag = data[i]
        i += 1
        if tag & 0x1F == 0x1F:
            tag = tag << 8 | data[i]
            i += 1
        n = data[i]
        i += 1
        if n >= 0x80:
            count = n & 0x7F
            n = int.from_bytes(data[i:i + count], "big")
            i += count
        out[tag] = data[i:i + n]
        i += n
    return out


def mac(key, data):
    c = cmac.CMAC(algorithms.AES(key))
    c.update(data)
    return c.finalize()


def kdf(key, label, context, bits):
    """SP 800-108 counter mode with AES-CMAC, input i(1) || label || 00 || context || L(4, bits)."""
    out = b""
    i = 1
    while len(out) * 8 < bits:
        out += mac(key, bytes([i]) + label + b"\0" + context + bits.to_bytes(4, "big"))
        i += 1
    return out[:bits // 8]


def damm(digits):
    interim = 0
    for digit in digits:
        interim = int(DAMM[interim][int(digit)])
    return str(interim)


class Apdus:
    """Commands over transmit(), with chaining in short blocks; through a secure channel once one is open."""

    def __init__(self, card):
        self.card = card
        self.channel = None

    def exchange(self, cla, ins, p1, p2, data=b"", le=True):
        blocks = [data[i:i + 255] for i in range(0, len(data), 255)] or [b""]
        for i, block in enumerate(blocks):
            last = i == len(blocks) - 1
            apdu = bytes([cla | (0 if last else 0x10), ins, p1, p2])
            if block:
                apdu += bytes([len(block)]) + block
            if last and le:
                apdu += b"\0"
            answer, word = self.card.transmit(apdu)
            if word != 0x9000:
                break
        return answer, word

    def send(self, cla, ins, p1, p2, data=b"", le=True):
        if self.channel:
            answer, word = self.channel.send(cla, ins, p1, p2, data)
        else:
            answer, word = self.exchange(cla, ins, p1, p2, data, le)
        if word != 0x9000:
            raise AssertionError(f"command {ins:02X} answered {word:04X}")
        return answer

    def select(self):
        self.channel = None
        self.send(0, 0xA4, 4, 0, bytes.fromhex("A000000308"))

    def open_channel(self, keys):
        self.channel = None
        self.channel = channel.Channel(self.exchange, keys)

    def close_channel(self):
        self.channel = None

    def be_born(self, birth_record, values):
        """The factory's channel keys replaced by new ones, and INITIALISE under those; the channel stays open."""
        self.select()
        self.open_channel(channel.Keys.of_birth_record(json.loads(birth_record.read_text())))
        keys = channel.Keys.fresh()
        self.channel.put_keys(keys)
        self.open_channel(keys)
        self.send(0x80, 0x30, 0, 0, b"".join(tlv(tag, value) for tag, value in [*values, (0x8F, b"0123456789")]))
        return keys

    def put(self, tag, value):
        if len(value) < 2048 or not self.channel:
            self.send(0, 0xDB, 0x3F, 0xFF, tlv(0x5C, tag.to_bytes(3, "big")) + tlv(0x53, value), le=False)
            return
        for at in range(0, len(value), 2048):
            head = tag.to_bytes(3, "big") + len(value).to_bytes(4, "big") + at.to_bytes(4, "big")
            self.send(0x80, 0x14, 0, 0, head + value[at:at + 2048])


class Authority:
    """A certificate authority of one afternoon."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test CA")])
        self.certificate = self.sign(self.name, self.key.public_key(), days=(-100, 300), ca=True)

    # Key usage by slot, as the bench gives it.
    USAGE = {0x9A: ("digital_signature",), 0x9C: ("digital_signature", "content_commitment"),
             0x9D: ("key_agreement",)}
    ALL_USAGES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
                  "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")

    def sign(self, subject, public_key, days=(-1, 300), ca=False, slot=0x9C):
        now = datetime.datetime.utcnow()
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name).public_key(public_key)
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(now + datetime.timedelta(days=days[0]))
        builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        usage = ("key_cert_sign", "crl_sign") if ca else self.USAGE[slot]
        builder = builder.add_extension(x509.KeyUsage(**{name: name in usage for name in self.ALL_USAGES}), critical=True)
        return builder.not_valid_after(now + datetime.timedelta(days=days[1])).sign(self.key, hashes.SHA256())

    def certificate_der(self):
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def crl(self, revoked):
        """A revocation list (PEM) with these certificates (DER)."""
        now = datetime.datetime.utcnow()
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.name)
        builder = builder.last_update(now).next_update(now + datetime.timedelta(days=9))
        for der in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(x509.load_der_x509_certificate(der).serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(now).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class Made:
    """What the bench knows of the key it made."""

    def __init__(self, unlock_key, management_key, serial, certificates, seal, authority, channel_keys=None):
        self.channel_keys = channel_keys
        self.unlock_key = unlock_key
        self.management_key = management_key
        self.serial = serial
        self.certificates = certificates  # slot -> DER
        self.seal = seal
        self.authority = authority

    def code(self, counter, salt):
        context = b"\1" + self.serial.encode() + counter.to_bytes(2, "big") + salt.to_bytes(4, "big") + b"\x80"
        value = int.from_bytes(kdf(self.unlock_key, b"PIN-RESET-CODE", context, 128), "big") % 10**15
        digits = f"{value:015d}"
        digits += damm(digits)
        return "-".join(digits[i:i + 4] for i in range(0, 16, 4))

    def code_for_request(self, request):
        """The code for a request code as the key's owner reads it out; its lock counter is below 1000 in tests."""
        digits = request.replace(" ", "")
        if damm(digits) != "0":
            raise AssertionError(f"the request code {request} has a wrong check digit")
        return self.code(int(digits[:3]), int(digits[3:9]))


def record():
    values = [(0x80, b"\1"), (0x81, UNIFIED_CODE.encode()), (0x83, b"FJTEST01"), (0x84, NAME.encode()),
              (0x85, bytes([1, 3])), (0x86, b"20261121"), (0x87, b"20271120")]
    return b"".join(tlv(tag, value) for tag, value in values)


def ship(card, birth_record, serial=SERIAL, slots=(0x9A, 0x9C), seal=b"", days=(-1, 300)):
    """Birth, keys, certificates, record, seal; then secured: the PIN is blocked and waits for its activation code.

    seal: bytes, or a function of the certificates (slot -> DER). days: validity of the certificates, from now.
    """
    apdus = Apdus(card)
    unlock_key, management_key = os.urandom(32), os.urandom(32)
    initial = [(0x81, serial.encode()), (0x83, b"\1"), (0x89, (7).to_bytes(4, "big")), (0x8B, b"\1"), (0x8C, unlock_key),
               (0x8D, b"\x0C" + management_key), (0x8E, os.urandom(16))]
    channel_keys = apdus.be_born(birth_record, initial)
    authority = Authority()
    certificates = {}
    for slot in slots:
        answer = parse(parse(apdus.send(0, 0x47, 0, slot, bytes.fromhex("AC03800111")))[0x7F49])
        point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), bytes(answer[0x86]))
        subject = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, NAME),
                             x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
        der = authority.sign(subject, point, days, slot=slot).public_bytes(serialization.Encoding.DER)
        certificates[slot] = der
        tag = {0x9A: 0x5FC105, 0x9C: 0x5FC10A, 0x9D: 0x5FC10B}[slot]
        apdus.put(tag, tlv(0x70, der) + tlv(0x71, b"\0") + tlv(0xFE, b""))
    apdus.put(0x5FFF41, record())
    apdus.put(0x5FFF44, authority.certificate.public_bytes(serialization.Encoding.DER))
    if callable(seal):
        seal = seal(certificates)
    if seal:
        apdus.put(0x5FFF40, seal)
    apdus.send(0x80, 0x34, 2, 0, le=False)
    apdus.select()
    return Made(unlock_key, management_key, serial, certificates, seal, authority, channel_keys)
