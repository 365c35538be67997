#!/usr/bin/env python3
# labels: pkcs11
# timeout: 90
"""Six keys in six readers of one pcscd, in one program: each has its own slot, login and removal. Profile: compatibility."""
import cryptoki
import harness
from cryptoki import CKM_ECDSA_SHA256, CKR_OK, CKR_SESSION_HANDLE_INVALID, CKU_SO
from harness import DEFAULT_PIN, MODULE

MANAGEMENT_KEY = "010203040506070801020304050607080102030405060708"
MESSAGE = b"a licence application"
COUNT = 6


class SixReaders(harness.Case):
    def setUp(self):
        if len(harness.readers()) < COUNT:
            self.skipTest("the system's pcscd has other readers")
        self.keys = self.simulator(profile="compatibility", tokens=COUNT)
        self.module = cryptoki.Module(MODULE)
        self.assertEqual(self.module.initialize(), CKR_OK)
        self.addCleanup(self.module.finalize)
        self.slots = self.module.slots()
        self.assertEqual(len(self.slots), COUNT)
        self.sessions = []
        for slot in self.slots:
            code, session = self.module.open(slot)
            self.assertEqual(code, CKR_OK)
            self.sessions.append(session)
            self.assertEqual(self.module.login(session, MANAGEMENT_KEY, CKU_SO), CKR_OK)
            self.assertEqual(self.module.generate(session, 1), CKR_OK)
            self.assertEqual(self.module.call("C_Logout", cryptoki.c_ulong(session)), CKR_OK)

    def sign(self, session):
        key = self.module.private_key(session, 1)
        return self.module.sign(session, key, CKM_ECDSA_SHA256, MESSAGE)[0] if key else None

    def test_login_is_one_keys_alone(self):
        for done, session in enumerate(self.sessions):
            self.assertEqual(self.module.login(session, DEFAULT_PIN), CKR_OK)
            for other, theirs in enumerate(self.sessions):
                self.assertEqual(self.sign(theirs), CKR_OK if other <= done else None, (other, done))

    def test_Lesson27_one_taken_out_and_put_in_again_is_no_trouble_to_the_others(self):
        for session in self.sessions:
            self.assertEqual(self.module.login(session, DEFAULT_PIN), CKR_OK)
        while self.module.wait_for_event(block=False)[0] == CKR_OK:
            pass
        self.keys.unplug(4)
        code, slot = self.module.wait_for_event(block=False)
        self.assertEqual((code, slot in self.slots), (CKR_OK, True))
        gone = self.slots.index(slot)
        for index, session in enumerate(self.sessions):
            if index == gone:
                self.assertEqual(self.module.state(session)[0], CKR_SESSION_HANDLE_INVALID)
            else:
                self.assertEqual(self.sign(session), CKR_OK)
        self.assertEqual(self.module.slots(), [s for s in self.slots if s != slot])
        self.keys.plug(4)
        self.assertEqual(self.module.slots(), self.slots)
        code, session = self.module.open(slot)
        self.assertEqual(code, CKR_OK)
        self.assertEqual(self.sign(session), None)
        self.assertEqual(self.module.login(session, DEFAULT_PIN), CKR_OK)
        self.assertEqual(self.sign(session), CKR_OK)


if __name__ == "__main__":
    harness.main(pairs=COUNT // 2)
