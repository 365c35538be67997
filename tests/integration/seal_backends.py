#!/usr/bin/env python3
# labels: clients
# timeout: 120
"""The seal that the bench makes, read and checked by programs that share nothing with it or with each other: OpenSSL's
command line, BouncyCastle and Botan (seal_smcrypto.py: a fourth). Each accepts it and refuses it with one byte changed.
"""
import pathlib

import bench_case
import harness

BOUNCY_CASTLE = pathlib.Path("/usr/share/java/bcprov.jar")
HERE = pathlib.Path(__file__).parent / "backends"
IDENTITY = "1234567812345678"
CHANGED_NAME = bench_case.NAME[:-1] + chr(ord(bench_case.NAME[-1]) + 1)


def parts(der):
    """The elements of a SEQUENCE: (tag, whole, value)."""

    def read(at):
        size, head = der[at + 1], 2
        if size & 0x80:
            head += size & 0x7F
            size = int.from_bytes(der[at + 2:at + head], "big")
        return der[at], der[at:at + head + size], der[at + head:at + head + size], at + head + size

    _, _, _, end = read(0)
    at = len(der) - len(read(0)[2])
    found = []
    while at < end:
        tag, whole, value, at = read(at)
        found.append((tag, whole, value))
    return found


class SealCase(bench_case.BenchCase):
    """A seal from an issued key, in its parts, and one that was changed."""

    def setUp(self):
        super().setUp()
        self.make_ca()
        key = self.simulator()
        self.picture = bench_case.png()
        self.issue(key, seal_image=str(self.work.write("seal.png", self.picture)))
        self.seal = self.work / "seal.der"
        key.run(["sealkey", "seal", "export", "--output", self.seal])
        der = self.seal.read_bytes()
        info, maker, _, signature = parts(der)
        self.info = info[1]
        self.maker = self.work.write("maker.der", maker[2])
        self.signature = signature[2][1:]
        # One byte of the enterprise's name (its first place; the certificates follow): still a seal by its form, and no
        # longer what the maker signed.
        self.changed_info = self.info.replace(bench_case.NAME.encode(), CHANGED_NAME.encode(), 1)
        self.changed = self.work.write("changed.der", der.replace(self.info, self.changed_info))

    def point(self):
        """The maker's public key, 04 x y."""
        text = harness.run(["openssl", "x509", "-inform", "DER", "-in", self.maker, "-noout", "-pubkey"]).raw
        return harness.run(["openssl", "pkey", "-pubin", "-outform", "DER"], stdin=text).raw[-65:]

    def files(self, info):
        return self.work.write("info", info), self.work.write("signature", self.signature)


class Backends(SealCase):
    def test_openssl(self):
        key = self.work / "maker.pub"
        key.write_bytes(harness.run(["openssl", "x509", "-inform", "DER", "-in", self.maker, "-noout", "-pubkey"]).raw)
        for info, good in ((self.info, True), (self.changed_info, False)):
            signed, signature = self.files(info)
            harness.run(["openssl", "dgst", "-sm3", "-sigopt", f"distid:{IDENTITY}", "-verify", key, "-signature",
                         signature, signed], ok=good)

    def test_bouncy_castle(self):
        if not BOUNCY_CASTLE.exists():
            raise harness.Missing("libbcprov-java is missing: run sim/setup.sh --tests")
        java = ["java", "-cp", BOUNCY_CASTLE, HERE / "VerifySeal.java"]
        said = harness.run([*java, self.seal]).out.splitlines()
        self.assertIn("version 4", said)
        self.assertIn(f"name {bench_case.NAME}", said)
        self.assertIn("certificates 1", said)
        self.assertIn(f"picture {len(self.picture)}", said)
        self.assertIn("signature good", said)
        self.assertIn("signature bad", harness.run([*java, self.changed], code=1).out.splitlines())
        harness.run([*java, self.work.write("cut.der", self.seal.read_bytes()[:-1])], code=2)

    def test_botan(self):
        try:
            import botan2  # pylint: disable=import-outside-toplevel
        except ImportError as gone:
            raise harness.Missing("python3-botan is missing: run sim/setup.sh --tests") from gone
        x, y = (botan2.MPI("0x" + half.hex()) for half in (self.point()[1:33], self.point()[33:]))
        key = botan2.PublicKey.load_sm2("sm2p256v1", x, y)
        for info, good in ((self.info, True), (self.changed_info, False)):
            verifier = botan2.PKVerify(key, f"{IDENTITY},SM3", der=True)
            verifier.update(info)
            self.assertIs(verifier.check_signature(self.signature), good)


if __name__ == "__main__":
    harness.main()
