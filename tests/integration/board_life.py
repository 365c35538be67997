#!/usr/bin/env python3
# labels: board clients
# timeout: 300
"""A key's life on the board's image in the emulated chip, by the programs that people use: given its transport keys,
made at the bench, activated, signing, locked, opened again, renewed with the power cut in the middle."""
import json
import os
import re
import sys

import harness
from bench_case import png
from board_case import BoardCase
from renewal_case import PIN, RenewalCase

NEW_PIN = "864213"


def large_seal():
    """A picture that doesn't compress, for a seal of some 20 KiB."""
    return png(width=78, height=74, noise=os.urandom)


STACK_SPARE = 1024  # bytes of the stack that nothing may reach


class Life(RenewalCase, BoardCase):
    def simulator(self, **options):
        """A board that was just flashed; the factory's command gives it its transport keys."""
        key = self.board(blank=True, **options)
        factory = self.work / "factory"
        factory.mkdir()
        done = json.loads(key.run(["sealkey-bench", "manufacture", "--birth-records", factory, "--json"]).out)
        self.assertEqual(done["how"], "made")
        key.birth_record = done["record"]
        return key

    def sealkey(self, *arguments, **how):
        return self.key.run(["sealkey", *arguments], timeout=120, **how)

    def sign_and_verify(self, pin):
        document = self.work.write("document", os.urandom(1000))
        signature = self.work / "document.p7s"
        self.sealkey("sign", document, "--output", signature, "--force", "--pin-file", self.work.write("pin", pin))
        self.bench("crl", "--root")
        harness.run(["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", signature, "-content", document,
                     "-CAfile", self.ca / "root.pem", "-certfile", self.ca / "issuing.pem", "-purpose", "any", "-out",
                     self.work / "verified"])
        self.assertEqual((self.work / "verified").read_bytes(), document.read_bytes())

    def test_made_used_locked_opened_renewed(self):
        picture = large_seal()
        made = self.issue(self.key, seal_image=str(self.work.write("seal.png", picture)))
        serial = made["serial"]
        # What takes long says so meanwhile, also while flash is being erased.
        self.assertGreater(sum(entry["time_extensions"] for entry in self.key.log()), 0)
        self.activate(self.key, serial, PIN)
        self.sign_and_verify(PIN)
        self.sealkey("export", "seal", "--der", "--output", self.work / "seal.der")
        seal = (self.work / "seal.der").read_bytes()
        self.assertIn(picture, seal)
        self.assertGreater(len(seal), 20 * 1024)

        # Six wrong ones lock it, and the right one doesn't open it then.
        wrong = self.work.write("wrong", "271828")
        for left in range(5, -1, -1):
            self.sealkey("check-pin", "--pin-file", wrong, code=5 if left else 6)
        self.sealkey("check-pin", "--pin-file", self.work.write("right", PIN), code=6)
        statement = self.work / "statement"
        self.sealkey("unlock", "--statement", statement)
        statement.write_bytes(bytes.fromhex(statement.read_text()))
        code = self.work / "code"
        self.bench("reset-code", "--approval", "R-1", "--code-file", str(code), "--statement", str(statement))
        self.sealkey("unlock", "--code-file", code, "--new-pin-file", self.work.write("new-pin", NEW_PIN))
        self.sign_and_verify(NEW_PIN)

        self.check_stack()

        # The power goes in the middle of the renewal, twice; the flash is what is left, and the chip starts anew.
        self.pin_file.write_text(NEW_PIN)
        service = self.service()
        self.bench("renewals", "approve", "--serial", serial, "--request", "R-2", "--algorithm", "p256")
        for operation in (4, 40):
            self.key.cut(operation)
            self.renew(service.url, ok=False)
            self.key.wait_for_cut()
        self.assertRegex(self.renew(service.url).out, r'"state": *"renewed"')
        self.assertEqual(service.stop(), 0)
        self.sign_and_verify(NEW_PIN)
        self.bench("check", "--serial", serial, env={"SEALKEY_PIN": NEW_PIN})
        self.check_stack()

    def check_stack(self):
        used, size = self.key.stack()
        print(f"stack: {used} of {size} bytes used", file=sys.stderr)
        self.assertLessEqual(used, size - STACK_SPARE)


if __name__ == "__main__":
    harness.main()
