"""A CA of one's own, and keys made by `sealkey-bench` in the reader of the private pcscd. For the tests of the bench."""
import contextlib
import json
import pathlib
import re
import shutil
import sqlite3
import struct
import tempfile
import zlib

import cheap_seal
import harness

PASSPHRASE = "correct horse battery"
NAME = "福建示例进出口有限公司"
CODE = "91350100M000100Y43"
OLD_CODE = "3501M000100Y4"
OTHER_CODE = "914403001922038216"
usual_ca = []  # the folder, what making it said


def png(width=60, height=60, colour=(200, 20, 20), noise=None):
    """A ring on a transparent ground. noise(n) gives n bytes for the colours, where the picture must not compress."""
    rows = b""
    for y in range(height):
        rows += b"\0"
        for x in range(width):
            r2 = (x - width / 2) ** 2 + (y - height / 2) ** 2
            rows += bytes((*(noise(3) if noise else colour), 255 if (width * 0.4) ** 2 < r2 < (width * 0.48) ** 2 else 0))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


class BenchCase(harness.Case):
    """self.bench(...) runs sealkey-bench with this test's CA, which is made by make_ca()."""

    def setUp(self):
        super().setUp()
        self.ca = self.work / "ca"
        self.environment = {"SEALKEY_CA_DIR": str(self.ca), "SEALKEY_CA_PASSPHRASE": PASSPHRASE,
                            "SEALKEY_OPERATOR": "tester"}
        self.made = 0
        self.authorities = 0

    def make_ca(self, *options):
        """A test's first one without options is a copy of one that the script made once: its keys take seconds to make."""
        self.authorities += 1
        if options or self.authorities > 1:
            return self.new_ca(*options)
        if not usual_ca:
            usual_ca.append(tempfile.TemporaryDirectory(prefix="sealkey-ca-"))  # pylint: disable=consider-using-with
            own = self.environment["SEALKEY_CA_DIR"]
            self.environment["SEALKEY_CA_DIR"] = usual_ca[0].name
            usual_ca.append(self.new_ca())
            self.environment["SEALKEY_CA_DIR"] = own
        shutil.copytree(usual_ca[0].name, self.environment["SEALKEY_CA_DIR"])
        return usual_ca[1]

    def new_ca(self, *options):
        made = self.bench_json("ca", "init", "--name", "示例电子钥匙服务商", "--crl-url", "http://crl.example.cn/keys.crl",
                               "--ocsp-url", "http://ocsp.example.cn/", *options)
        cheap_seal.make_cheap(pathlib.Path(self.environment["SEALKEY_CA_DIR"]), self.environment[cheap_seal.PASSPHRASE_VARIABLE])
        return made

    def bench(self, *arguments, env=None, **how):
        return harness.run(["sealkey-bench", *arguments], env={**self.environment, **(env or {})},
                           timeout=how.pop("timeout", 240), **how)

    def bench_json(self, *arguments, **how):
        return json.loads(self.bench(*arguments, "--json", **how).out)

    @contextlib.contextmanager
    def inventory_file(self):
        """The inventory as SQLite sees it, past the program. Closed at the end, so that all of it is in the one file again."""
        database = sqlite3.connect(self.ca / "inventory.sqlite")
        try:
            with database:
                yield database
        finally:
            database.close()

    def order(self, **fields):
        return {"enterprise_name": NAME, "unified_code": CODE, "login_name": "FJSL", "algorithm": "p256", **fields}

    def order_options(self, key, **fields):
        self.made += 1
        path = self.work.write(f"order{self.made}.json", json.dumps(self.order(**fields)))
        return ["issue", "--birth-record", str(key.birth_record), "--order", str(path)]

    def issue(self, key, *options, **fields):
        return self.bench_json(*self.order_options(key, **fields), *options)

    def refused(self, *arguments, code, words, **how):
        """Fails with this exit code and these words, and says so in JSON too."""
        done = self.bench(*arguments, code=code, **how)
        self.assertIn(words, done.err)
        return done

    def issue_refused(self, key, *, code, words, options=(), **fields):
        return self.refused(*self.order_options(key, **fields), *options, code=code, words=words)

    def code_of(self, serial, name="code"):
        path = self.work / f"{name}-{serial}"
        self.bench("activation-code", "--serial", serial, "--code-file", str(path))
        return path.read_text().strip()

    def certificate(self, key, slot):
        """The certificate in a slot as OpenSC's pkcs11-tool reads it, a PEM file."""
        ident = {"9a": "01", "9c": "02", "9d": "03"}[slot]
        der = self.work / f"{slot}.der"
        key.run(["pkcs11-tool", "--read-object", "--type", "cert", "--id", ident, "-o", der])
        pem = self.work / f"{slot}.pem"
        harness.run(["openssl", "x509", "-inform", "DER", "-in", der, "-out", pem])
        return pem

    def assert_addresses(self, pem, ocsp="http://ocsp.example.cn/"):
        """Where the certificate says that its status is found: the CA's addresses, and nothing else."""
        self.assertEqual(harness.run(["openssl", "x509", "-in", pem, "-noout", "-ocsp_uri"]).out.split(), [ocsp])
        named = harness.run(["openssl", "x509", "-in", pem, "-noout", "-ext", "crlDistributionPoints,authorityInfoAccess"]).out
        self.assertEqual(re.findall(r"URI:(\S+)", named), ["http://crl.example.cn/keys.crl", ocsp])

    def verify(self, pem, *options, ok=True):
        return harness.run(["openssl", "verify", "-CAfile", self.ca / "root.pem", "-untrusted", self.ca / "issuing.pem",
                            *options, pem], ok=ok)

    def activate(self, key, serial, pin):
        code = self.work.write(f"activation-{serial}", self.code_of(serial, f"take{self.made}{pin}"))
        new = self.work.write(f"pin-{pin}", pin)
        key.run(["sealkey", "activate", "--code-file", code, "--new-pin-file", new])

    def audit(self):
        return self.bench_json("inventory", "audit")["rows"]

    def everything_said(self):
        """Every byte that the CA's folder holds."""
        return b"".join(path.read_bytes() for path in self.ca.rglob("*") if path.is_file())
