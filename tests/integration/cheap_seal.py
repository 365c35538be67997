"""A CA's secrets sealed anew at a passphrase stretched next to nothing. Nearly every command of the bench opens some of them, and at
the cost that they are made with (scrypt, host/ca/sealed_file.cpp) that is most of what a test's commands take. The programs read the
cost from the file. CAs that a test makes past bench_case.py keep the usual one (bench_postgresql.py has some)."""
import json
import os

import harness
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

N, R, P = 2, 8, 1
PASSPHRASE_VARIABLE = "SEALKEY_CA_PASSPHRASE"


def _replace(path, content):
    """Whole or not at all, and with the same rights."""
    new = path.with_suffix(".new")
    new.write_bytes(content)
    os.chmod(new, path.stat().st_mode & 0o777)
    new.replace(path)


def _key(passphrase, salt, n, r, p):
    return AESGCM(Scrypt(salt=salt, length=32, n=n, r=r, p=p).derive(passphrase.encode()))


def _seal_again(path, passphrase):
    sealed = json.loads(path.read_text())
    if sealed.get("format") != "sealkey-sealed":
        return
    salt, nonce, data, purpose = (bytes.fromhex(sealed["salt"]), bytes.fromhex(sealed["nonce"]), bytes.fromhex(sealed["data"]),
                                  sealed["purpose"].encode())
    secret = _key(passphrase, salt, sealed["n"], sealed["r"], sealed["p"]).decrypt(nonce, data, purpose)
    sealed.update(n=N, r=R, p=P, data=_key(passphrase, salt, N, R, P).encrypt(nonce, secret, purpose).hex())
    _replace(path, json.dumps(sealed, indent=2).encode() + b"\n")


def _encrypt_again(path, passphrase):
    word = ["-passin", f"env:{PASSPHRASE_VARIABLE}", "-passout", f"env:{PASSPHRASE_VARIABLE}"]
    done = harness.run(["openssl", "pkcs8", "-in", path, "-topk8", "-v2", "aes-256-cbc", "-scrypt", "-scrypt_N", N, "-scrypt_r", R,
                        "-scrypt_p", P, *word], env={PASSPHRASE_VARIABLE: passphrase})
    _replace(path, done.out.encode())


def make_cheap(folder, passphrase):
    for path in sorted(folder.iterdir()):
        if path.suffix == ".json":
            _seal_again(path, passphrase)
        elif path.suffix == ".key":
            _encrypt_again(path, passphrase)
