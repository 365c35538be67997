"""The host's side of the secure channel (SCP03, level 33) in arithmetic of its own, for keys that tests make.

    channel = Channel(transmit, keys)      # transmit(cla, ins, p1, p2, data) -> (data, word); opened at once
    data, word = channel.send(0x80, 0x10, 0, 0)
    channel.put_keys(other_keys)
"""
import os

from cryptography.hazmat.primitives import cmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

TRANSPORT = 0xFF


def mac(key, data):
    worker = cmac.CMAC(algorithms.AES(key))
    worker.update(data)
    return worker.finalize()


def derive(key, constant, context, size):
    out = b""
    for i in range(1, 3):
        out += mac(key, bytes(11) + bytes([constant, 0]) + (size * 8).to_bytes(2, "big") + bytes([i]) + context)
    return out[:size]


def cbc(key, vector, data, encrypt):
    cipher = Cipher(algorithms.AES(key), modes.CBC(vector))
    worker = cipher.encryptor() if encrypt else cipher.decryptor()
    return worker.update(data) + worker.finalize()


def diversified(master, version, kdd):
    """A token's keys as the CA makes them from its master."""
    return Keys(version, *(derive(master, constant, kdd, len(master)) for constant in (1, 2, 3)))


class Keys:
    def __init__(self, version, enc, mac_key, dek):
        self.version = version
        self.all = (enc, mac_key, dek)

    @classmethod
    def of_birth_record(cls, record):
        keys = record["transport_keys"]
        return cls(TRANSPORT, *(bytes.fromhex(keys[name]) for name in ("enc", "mac", "dek")))

    @classmethod
    def fresh(cls, version=1):
        return cls(version, *(os.urandom(32) for _ in range(3)))


class Channel:
    def __init__(self, transmit, keys):
        self._transmit = transmit
        self.keys = keys
        challenge = os.urandom(8)
        answer, word = transmit(0x80, 0x50, keys.version, 0, challenge)
        if word != 0x9000:
            raise AssertionError(f"INITIALIZE UPDATE answered {word:04X}")
        self.kdd, context = answer[:10], challenge + answer[13:21]
        enc, mac_key, _ = keys.all
        self._enc = derive(enc, 4, context, len(enc))
        self._mac = derive(mac_key, 6, context, len(mac_key))
        self._answer_mac = derive(mac_key, 7, context, len(mac_key))
        if answer[21:29] != derive(self._mac, 0, context, 8):
            raise AssertionError("the token doesn't know these channel keys")
        self._chaining = bytes(16)
        self._counter = 0
        command = self._with_mac(0x84, 0x82, 0x33, 0, derive(self._mac, 1, context, 8))
        word = transmit(*command)[1]
        if word != 0x9000:
            raise AssertionError(f"EXTERNAL AUTHENTICATE answered {word:04X}")

    def _with_mac(self, cla, ins, p1, p2, data):
        size = len(data) + 8
        head = bytes([cla, ins, p1, p2]) + (bytes([size]) if size < 256 else b"\0" + size.to_bytes(2, "big"))
        self._chaining = mac(self._mac, self._chaining + head + data)
        return cla, ins, p1, p2, data + self._chaining[:8]

    def _vector(self, first):
        return cbc(self._enc, bytes(16), bytes([first]) + bytes(11) + self._counter.to_bytes(4, "big"), True)

    def wrap(self, cla, ins, p1, p2, data=b""):
        self._counter += 1
        if data:
            data = cbc(self._enc, self._vector(0), data + b"\x80" + bytes(-(len(data) + 1) % 16), True)
        return self._with_mac(cla | 4, ins, p1, p2, data)

    def unwrap(self, data, word):
        if word != 0x9000 and word >> 8 not in (0x62, 0x63):
            return data, word
        body, given = data[:-8], data[-8:]
        if given != mac(self._answer_mac, self._chaining + body + word.to_bytes(2, "big"))[:8]:
            raise AssertionError("the answer's MAC is wrong")
        if body:
            body = cbc(self._enc, self._vector(0x80), body, False).rstrip(b"\0")
            if body[-1:] != b"\x80":
                raise AssertionError("the answer is padded wrongly")
            body = body[:-1]
        return body, word

    def send(self, cla, ins, p1, p2, data=b""):
        return self.unwrap(*self._transmit(*self.wrap(cla, ins, p1, p2, data)))

    def put_keys(self, keys):
        """PUT KEY: the whole set, under the DEK in use."""
        body = bytes([keys.version])
        expected = bytes([keys.version])
        for key in keys.all:
            value = cbc(key, bytes(16), b"\1" * 16, True)[:3]
            sealed = cbc(self.keys.all[2], bytes(16), key + bytes(-len(key) % 16), True)
            body += bytes([0x88, len(sealed) + 1, len(key)]) + sealed + b"\3" + value
            expected += value
        answer = self.send(0x80, 0xD8, self.keys.version, 0x81, body)
        if answer != (expected, 0x9000):
            raise AssertionError(f"PUT KEY answered {answer[1]:04X}")
