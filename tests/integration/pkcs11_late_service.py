#!/usr/bin/env python3
# labels: clients pkcs11
# timeout: 60
"""Our module in a program that is there before pcscd. A script of its own: it takes pcscd away. Profile: compatibility."""
import os
import signal
import subprocess
import threading
import unittest

import cryptoki
import harness
from cryptoki import CKM_ECDSA_SHA256, CKR_OK
from harness import DEFAULT_PIN, MODULE
from personal import PersonalisedCase

MESSAGE = b"a licence application"


@unittest.skipUnless(os.environ.get("SEALKEY_PCSCD") == "private", "needs a pcscd that may be stopped")
class ServiceComesLate(PersonalisedCase):
    def test_Lesson27_service_that_starts_after_initialize(self):
        self.personalise(("9a", "ECCP256"))
        for pid in harness.run(["pgrep", "-x", "pcscd"]).out.split():
            os.kill(int(pid), signal.SIGTERM)
        harness.until(lambda: not os.path.exists("/run/pcscd/pcscd.comm"), "pcscd has ended")
        module = cryptoki.Module(MODULE)
        self.assertEqual(module.initialize(), CKR_OK)
        self.addCleanup(module.finalize)
        self.assertEqual(module.slots(), [])
        slots = module.slots(with_token=False)
        self.assertEqual(len(slots), 1)  # a browser that looks at the slots once still sees the key
        self.assertEqual(module.open(slots[0])[0], cryptoki.CKR_TOKEN_NOT_PRESENT)
        woken = []
        waiter = threading.Thread(target=lambda: woken.append(module.wait_for_event(True)))
        waiter.start()
        # pylint: disable=consider-using-with
        service = subprocess.Popen([harness.program("pcscd"), "--foreground", "--config", "/run/pcscd/conf"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
        self.addCleanup(service.wait)
        self.addCleanup(service.terminate)
        waiter.join(30)
        self.assertEqual(woken, [(CKR_OK, slots[0])])
        self.assertEqual(module.slots(), slots)
        code, session = module.open(slots[0])
        self.assertEqual(code, CKR_OK)
        self.assertEqual(module.login(session, DEFAULT_PIN), CKR_OK)
        key = module.private_key(session, 1)
        self.assertEqual(module.sign(session, key, CKM_ECDSA_SHA256, MESSAGE)[0], CKR_OK)


if __name__ == "__main__":
    harness.main()
