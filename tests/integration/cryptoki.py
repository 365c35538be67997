"""Just enough of PKCS#11 by ctypes for tests that need a program which lives on: one module, small calls, codes back."""
import ctypes
from ctypes import byref, c_char_p, c_ulong, c_void_p

CKR_OK, CKR_NO_EVENT, CKR_DEVICE_REMOVED = 0x0, 0x8, 0x32
CKR_SESSION_HANDLE_INVALID, CKR_TOKEN_NOT_PRESENT = 0xB3, 0xE0
CKR_CRYPTOKI_NOT_INITIALIZED = 0x190
CKR_USER_NOT_LOGGED_IN, CKR_USER_PIN_NOT_INITIALIZED = 0x101, 0x102
CKF_RW_SESSION, CKF_SERIAL_SESSION, CKF_DONT_BLOCK = 0x2, 0x4, 0x1
CKU_SO, CKU_USER, CKU_CONTEXT_SPECIFIC = 0, 1, 2
CKO_PRIVATE_KEY = 3
CKA_CLASS, CKA_TOKEN, CKA_VALUE, CKA_CERTIFICATE_TYPE = 0x0, 0x1, 0x11, 0x80
CKA_KEY_TYPE, CKA_ID, CKA_EC_PARAMS = 0x100, 0x102, 0x180
CKM_SHA256_RSA_PKCS, CKM_EC_KEY_PAIR_GEN, CKM_ECDSA_SHA256 = 0x40, 0x1040, 0x1044
P256 = bytes.fromhex("06082A8648CE3D030107")
READER_IN_USE = 0x80005EA1


class Attribute(ctypes.Structure):
    _fields_ = [("type", c_ulong), ("value", c_void_p), ("length", c_ulong)]


class Mechanism(ctypes.Structure):
    _fields_ = [("mechanism", c_ulong), ("parameter", c_void_p), ("length", c_ulong)]


class Arguments(ctypes.Structure):
    _fields_ = [("functions", c_void_p * 4), ("flags", c_ulong), ("reserved", c_void_p)]


def number(value):
    return value.to_bytes(ctypes.sizeof(c_ulong), "little")


class Template:
    """CK_ATTRIBUTEs and the memory that they point to."""

    def __init__(self, **values):
        self.kept = [ctypes.create_string_buffer(v, len(v)) for v in values.values()]
        self.all = (Attribute * len(values))(*[
            Attribute(globals()[name], ctypes.cast(kept, c_void_p), len(value))
            for (name, value), kept in zip(values.items(), self.kept)])

    def __len__(self):
        return len(self.all)


class Module:
    """Calls give the return code, or (code, value) where there is one."""

    def __init__(self, path):
        self.library = ctypes.CDLL(str(path))

    def call(self, name, *arguments):
        function = getattr(self.library, name)
        function.restype = c_ulong
        return function(*arguments)

    def initialize(self):
        return self.call("C_Initialize", byref(Arguments(flags=2)))

    def finalize(self):
        return self.call("C_Finalize", None)

    def slots(self, with_token=True):
        count = c_ulong()
        self.call("C_GetSlotList", int(with_token), None, byref(count))
        found = (c_ulong * max(count.value, 1))()
        self.call("C_GetSlotList", int(with_token), found, byref(count))
        return list(found[:count.value])

    def open(self, slot=0):
        session = c_ulong()
        code = self.call("C_OpenSession", c_ulong(slot), c_ulong(CKF_SERIAL_SESSION | CKF_RW_SESSION), None, None,
                         byref(session))
        return code, session.value

    def state(self, session):
        info = (c_ulong * 4)()
        return self.call("C_GetSessionInfo", c_ulong(session), info), info[1]

    def login(self, session, pin, user=CKU_USER):
        return self.call("C_Login", c_ulong(session), c_ulong(user), c_char_p(pin.encode()), c_ulong(len(pin)))

    def private_key(self, session, identity):
        kind, number = c_ulong(CKO_PRIVATE_KEY), ctypes.create_string_buffer(bytes([identity]), 1)
        wanted = (Attribute * 2)(Attribute(CKA_CLASS, ctypes.cast(byref(kind), c_void_p), ctypes.sizeof(kind)),
                                 Attribute(CKA_ID, ctypes.cast(number, c_void_p), 1))
        found, count = c_ulong(), c_ulong()
        self.call("C_FindObjectsInit", c_ulong(session), wanted, c_ulong(2))
        self.call("C_FindObjects", c_ulong(session), byref(found), c_ulong(1), byref(count))
        self.call("C_FindObjectsFinal", c_ulong(session))
        return found.value if count.value else None

    def generate(self, session, identity):
        """A pair of P-256 on the token."""
        publicly, privately = Template(CKA_EC_PARAMS=P256), Template(CKA_TOKEN=b"\1", CKA_ID=bytes([identity]))
        return self.call("C_GenerateKeyPair", c_ulong(session), byref(Mechanism(CKM_EC_KEY_PAIR_GEN)), publicly.all,
                         c_ulong(len(publicly)), privately.all, c_ulong(len(privately)), byref(c_ulong()), byref(c_ulong()))

    def sign_init(self, session, key, mechanism):
        return self.call("C_SignInit", c_ulong(session), byref(Mechanism(mechanism)), c_ulong(key))

    def sign_final(self, session, message):
        out, length = ctypes.create_string_buffer(512), c_ulong(512)
        code = self.call("C_Sign", c_ulong(session), c_char_p(message), c_ulong(len(message)), out, byref(length))
        return code, out.raw[:length.value] if code == 0 else b""

    def sign(self, session, key, mechanism, message):
        code = self.sign_init(session, key, mechanism)
        return self.sign_final(session, message) if code == 0 else (code, b"")

    def wait_for_event(self, block):
        slot = c_ulong()
        return self.call("C_WaitForSlotEvent", c_ulong(0 if block else CKF_DONT_BLOCK), byref(slot), None), slot.value
