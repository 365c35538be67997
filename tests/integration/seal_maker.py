"""A maker of electronic seals of its own: GB/T 38540 by hand, signed by the openssl program. What our code reads in tests
was made by another one.

    maker = SealMaker(folder)
    maker.make([certificate_der], picture_png, days=365) -> DER
    maker.root                                            PEM of the authority for seals
    maker.revocation_list(revoked=[(maker.SERIAL, time)]) DER, by that authority
"""
import datetime
import hashlib
import itertools
import math
import struct
import zlib

import harness
from personalise import tlv

IDENTITY = "distid:1234567812345678"
NAME = "福建示例进出口有限公司"


def number(value):
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def time(value):
    return tlv(0x18, value.strftime("%Y%m%d%H%M%SZ").encode())


def entry(serial, when, reason=None, invalid=None, critical=None):
    """One of a revocation list. critical: the OID of an extension that nobody knows."""
    extensions = b""
    if reason is not None:
        extensions += tlv(0x30, bytes.fromhex("0603551D15") + tlv(0x04, bytes((0x0A, 1, reason))))
    if invalid is not None:
        extensions += tlv(0x30, bytes.fromhex("0603551D18") + tlv(0x04, time(invalid)))
    if critical is not None:
        extensions += tlv(0x30, tlv(0x06, critical) + bytes.fromhex("0101FF") + tlv(0x04, b"\5\0"))
    return tlv(0x30, number(serial) + time(when) + (tlv(0x30, extensions) if extensions else b""))


def picture(size=120):
    """A red ring on a transparent ground, as a PNG."""
    rows = bytearray()
    for y, x in itertools.product(range(size), range(size)):
        if x == 0:
            rows.append(0)
        distance = math.hypot(x + 0.5 - size / 2, y + 0.5 - size / 2)
        rows += bytes((0xD0, 0x18, 0x18, 255 if size * 0.40 <= distance <= size * 0.48 else 0))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(bytes(rows), 9)) + chunk(b"IEND", b""))


class SealMaker:
    SERIAL = 2

    def __init__(self, folder, name="maker", usage="keyCertSign,cRLSign"):
        self.usage = usage
        self.folder = folder
        self.name = name
        self.root = folder / f"{name}-root.pem"
        self.certificate = folder / f"{name}.pem"
        self._certify()

    def _path(self, ending):
        return self.folder / f"{self.name}{ending}"

    def _certify(self):
        for who in ("-root", ""):
            harness.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-out",
                         self._path(f"{who}.key")])
        harness.run(["openssl", "req", "-x509", "-sm3", "-sigopt", IDENTITY, "-key", self._path("-root.key"), "-subj",
                     "/CN=Seal root", "-days", "30", "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
                     f"keyUsage=critical,{self.usage}", "-out", self.root])
        harness.run(["openssl", "req", "-new", "-sm3", "-sigopt", IDENTITY, "-key", self._path(".key"), "-subj",
                     "/CN=Seal maker", "-out", self._path(".csr")])
        extensions = self.folder / f"{self.name}.ext"
        extensions.write_text("basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n")
        harness.run(["openssl", "x509", "-req", "-sm3", "-sigopt", IDENTITY, "-vfyopt", IDENTITY, "-in",
                     self._path(".csr"), "-CA", self.root, "-CAkey", self._path("-root.key"), "-set_serial", str(self.SERIAL),
                     "-days", "20", "-extfile", extensions, "-out", self.certificate])

    def _listed(self, certificates, by_digest):
        if not by_digest:
            return number(1) + tlv(0x30, b"".join(tlv(0x04, c) for c in certificates))
        digests = (hashlib.new("sm3", c).digest() for c in certificates)
        return number(2) + tlv(0x30, b"".join(tlv(0x30, tlv(0x13, b"SM3") + tlv(0x04, d)) for d in digests))

    def make(self, certificates, png=None, begins=-1, ends=365, width=40, height=40, created=0, by_digest=False, version=4,
             certificate=None):
        """begins, ends, created: days from now. by_digest: the certificates are listed by their SM3 digests. certificate: said to
        be the maker's."""
        now = datetime.datetime.utcnow()
        png = png or picture()
        info = tlv(0x30, b"".join([
            tlv(0x30, tlv(0x16, b"ES") + number(version) + tlv(0x16, b"test")),
            tlv(0x16, b"35010012345678"),
            tlv(0x30, number(1) + tlv(0x0C, NAME.encode()) + self._listed(certificates, by_digest)
                + b"".join(time(now + datetime.timedelta(days=days)) for days in (created, begins, ends))),
            tlv(0x30, tlv(0x16, b"PNG") + tlv(0x04, png) + number(width) + number(height))]))
        signature = self._signature(info, ".key")
        maker = harness.run(["openssl", "x509", "-in", certificate or self.certificate, "-outform", "DER"]).raw
        return tlv(0x30, info + tlv(0x04, maker) + bytes.fromhex("06082A811CCF55018375")
                   + tlv(0x03, b"\0" + signature))

    def _signature(self, message, key):
        self._path(".tbs").write_bytes(message)
        harness.run(["openssl", "dgst", "-sm3", "-sigopt", IDENTITY, "-sign", self._path(key), "-out", self._path(".sig"),
                     self._path(".tbs")])
        return self._path(".sig").read_bytes()

    def revocation_list(self, *entries, made=-1, ends=9, issuer="Seal root", extensions=b"", key="-root.key"):
        """DER; made, ends: days from now, ends None: not said."""
        now = datetime.datetime.utcnow()
        algorithm = tlv(0x30, bytes.fromhex("06082A811CCF55018375"))
        name = tlv(0x30, tlv(0x31, tlv(0x30, bytes.fromhex("0603550403") + tlv(0x0C, issuer.encode()))))
        days = [time(now + datetime.timedelta(days=d)) for d in (made, ends) if d is not None]
        content = tlv(0x30, number(1) + algorithm + name + b"".join(days)
                      + (tlv(0x30, b"".join(entries)) if entries else b"")
                      + (tlv(0xA0, tlv(0x30, extensions)) if extensions else b""))
        return tlv(0x30, content + algorithm + tlv(0x03, b"\0" + self._signature(content, key)))
