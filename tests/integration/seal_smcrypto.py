#!/usr/bin/env python3
# labels: clients
# timeout: 120
"""As seal_backends.py, by npm's sm-crypto-v2. tests/run.sh fetches it where there is npm and npm's archive can be reached; a
bare Debian can't count on either, and then this is reported as skipped.
"""
import unittest

import harness
import seal_backends

NODE_MODULES = harness.ROOT / "build/node/node_modules"


class SmCrypto(seal_backends.SealCase):
    def setUp(self):
        if not (NODE_MODULES / "sm-crypto-v2").is_dir():
            raise unittest.SkipTest("npm's sm-crypto-v2 couldn't be had")
        super().setUp()

    def test_sm_crypto(self):
        checker = ["node", seal_backends.HERE / "verify_seal.cjs", NODE_MODULES]
        for info, good in ((self.info, True), (self.changed_info, False)):
            done = harness.run([*checker, *self.files(info), self.point().hex()], ok=good)
            self.assertEqual(done.out, "good\n" if good else "bad\n", str(done))


if __name__ == "__main__":
    harness.main()
