#!/usr/bin/env python3
# labels: pkcs11
# timeout: 60
"""The security officer's calls on a key as the bench leaves it: none of them gets in, changes anything or costs a try, and
each says so by its own code. Profile: shipping."""
from ctypes import byref, c_ulong

import cryptoki
import harness
from cryptoki import CKO_PRIVATE_KEY, CKR_OK, CKU_SO, P256, Template, number
from harness import MODULE
from personal import ShippingCase

CKR_ACTION_PROHIBITED, CKR_PIN_INVALID, CKR_USER_TYPE_INVALID = 0x1B, 0xA1, 0x103
CKR_SESSION_EXISTS, CKR_TOKEN_WRITE_PROTECTED = 0xB6, 0xE2
CKO_CERTIFICATE, CKO_PUBLIC_KEY = 1, 2
MANAGEMENT_KEYS = ["010203040506070801020304050607080102030405060708", "00" * 32, "12345678", ""]


class Officer(ShippingCase):
    def setUp(self):
        super().setUp()
        self.personalise(("9a", "ECCP256"))
        self.module = cryptoki.Module(MODULE)
        self.assertEqual(self.module.initialize(), CKR_OK)
        self.addCleanup(self.module.finalize)
        self.slot = self.module.slots()[0]
        code, self.session = self.module.open(self.slot)
        self.assertEqual(code, CKR_OK)
        self.before = self.key.apdu_count()

    def verifications(self):
        return len([e for e in self.key.log(self.before + 1) if e["name"] == "VERIFY" and "[" in e["command"]])

    def call(self, name, *arguments):
        return self.module.call(name, c_ulong(self.session), *arguments)

    def create(self, template):
        return self.call("C_CreateObject", template.all, c_ulong(len(template)), byref(c_ulong()))

    def generate(self):
        return self.module.generate(self.session, 1)

    def object(self, kind):
        wanted, found, count = Template(CKA_CLASS=number(kind)), c_ulong(), c_ulong()
        self.call("C_FindObjectsInit", wanted.all, c_ulong(len(wanted)))
        self.call("C_FindObjects", byref(found), c_ulong(1), byref(count))
        self.call("C_FindObjectsFinal")
        self.assertEqual(count.value, 1)
        return found.value

    def writes(self):
        """What would write, each with what it answers."""
        der = harness.run(["openssl", "x509", "-in", self.certificates["9a"], "-outform", "DER"]).raw
        certificate = Template(CKA_CLASS=number(CKO_CERTIFICATE), CKA_CERTIFICATE_TYPE=number(0), CKA_TOKEN=b"\1",
                               CKA_VALUE=der, CKA_ID=b"\1")
        private = Template(CKA_CLASS=number(CKO_PRIVATE_KEY), CKA_KEY_TYPE=number(3), CKA_TOKEN=b"\1", CKA_EC_PARAMS=P256,
                           CKA_VALUE=b"\1" * 32, CKA_ID=b"\1")
        return {"a certificate": self.create(certificate), "a key": self.create(private), "a pair": self.generate(),
                "C_InitPIN": self.call("C_InitPIN", b"735813", c_ulong(6))}

    def written(self):
        """Names of the commands since the start that would change the token."""
        reading = {"SELECT", "GET DATA", "VERIFY", "GET RESPONSE", "GET VERSION", "GET METADATA", "GET TOKEN STATUS"}
        return {entry["name"] for entry in self.key.log(self.before + 1)} - reading

    def test_nobody_is_the_officer_whatever_is_given(self):
        for pin in [*MANAGEMENT_KEYS, self.pin]:
            self.assertEqual(self.module.login(self.session, pin, CKU_SO), CKR_USER_TYPE_INVALID, pin)
            self.assertEqual(self.module.state(self.session), (CKR_OK, 2))  # read-write, public
        self.assertEqual(self.written(), set())
        self.assertEqual(self.verifications(), 0)

    def test_what_would_write_is_refused_with_and_without_the_pin(self):
        for logged_in in (False, True):
            if logged_in:
                self.assertEqual(self.module.login(self.session, self.pin), CKR_OK)
            for what, code in self.writes().items():
                self.assertEqual(code, CKR_TOKEN_WRITE_PROTECTED, (what, logged_in))
            kinds = (CKO_CERTIFICATE, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY) if logged_in else (CKO_CERTIFICATE, CKO_PUBLIC_KEY)
            for kind in kinds:  # CKA_DESTROYABLE is false
                self.assertEqual(self.call("C_DestroyObject", c_ulong(self.object(kind))), CKR_ACTION_PROHIBITED)
        self.assertEqual(self.written(), set())
        self.assertEqual(self.verifications(), 1)
        key = self.module.private_key(self.session, 1)
        self.assertEqual(self.module.sign(self.session, key, cryptoki.CKM_ECDSA_SHA256, b"an application")[0], CKR_OK)

    def test_token_is_not_emptied(self):
        label = b"sealkey".ljust(32)
        for pin in (self.pin.encode(), b"12345678"):
            self.assertEqual(self.module.call("C_InitToken", c_ulong(self.slot), pin, c_ulong(len(pin)), label),
                             CKR_SESSION_EXISTS)
        self.assertEqual(self.call("C_CloseSession"), CKR_OK)
        self.assertEqual(self.module.call("C_InitToken", c_ulong(self.slot), b"12345678", c_ulong(8), label),
                         CKR_TOKEN_WRITE_PROTECTED)
        self.assertEqual(self.written(), set())
        self.assertEqual(self.verifications(), 0)

    def test_pin_that_breaks_the_rule_changes_nothing(self):
        for bad in (b"111111", b"123456", b"654321"):
            code = self.call("C_SetPIN", self.pin.encode(), c_ulong(len(self.pin)), bad, c_ulong(len(bad)))
            self.assertEqual(code, CKR_PIN_INVALID, bad)
        self.assertEqual(self.module.login(self.session, self.pin), CKR_OK)


if __name__ == "__main__":
    harness.main()
