#!/usr/bin/env python3
# labels: bench clients
# timeout: 300
"""Reset codes over the counter: N11, N22, N24, with a real key that locks and opens."""
import harness
from bench_case import BenchCase


class Codes(BenchCase):
    def setUp(self):
        super().setUp()
        self.make_ca()
        self.key = self.simulator()
        self.serial = self.issue(self.key)["serial"]

    def lock(self):
        wrong = self.work.write("wrong", "271828")
        for _ in range(6):
            self.key.run(["sealkey", "check-pin", "--pin-file", wrong], ok=False)

    def open_with(self, code_file, pin, **how):
        new = self.work.write("new-pin", pin)
        return self.key.run(["sealkey", "unlock", "--code-file", code_file, "--new-pin-file", new], **how)

    def statement(self, name):
        """The statement as `sealkey` writes it (hexadecimal), as bytes in a file."""
        path = self.work / name
        self.key.run(["sealkey", "unlock", "--statement", path])
        path.write_bytes(bytes.fromhex(path.read_text()))
        return path

    def reset(self, *arguments, name="code", **how):
        path = self.work / name
        self.bench("reset-code", "--approval", "R-2026-0001", "--code-file", str(path), *arguments, **how)
        return path

    def test_N24_lock_statement_code_and_proof(self):
        # Delivered, not activated: the statement says so.
        self.assertEqual(self.bench_json("lock-statement", "check", "--from-key")["waits_for"], "activation")
        self.activate(self.key, self.serial, "739146")
        self.refused("lock-statement", "check", "--from-key", code=7, words="isn't locked")
        self.bench("reset-done", "--from-key")
        self.refused("activation-code", "--serial", self.serial, "--show", code=11, words="was activated before")

        self.lock()
        checked = self.bench_json("lock-statement", "check", "--from-key")
        self.assertEqual((checked["counter"], checked["waits_for"]), (2, "reset"))
        old = self.statement("statement-2")
        # Every byte of it counts.
        content = bytearray(old.read_bytes())
        for at in (0, 1, 5, 15, 19, 20, 21, 22, 37):
            changed = bytearray(content)
            changed[at] ^= 1
            path = self.work.write("changed", bytes(changed))
            done = self.bench("reset-code", "--approval", "R", "--show", "--statement", str(path), ok=False)
            self.assertNotRegex(done.out + done.err, r"\d{4}-\d{4}-\d{4}-\d{4}")
        self.refused("reset-code", "--approval", " ", "--show", "--statement", str(old), code=7, words="approved request")
        self.refused("reset-code", "--show", "--statement", str(old), code=2, words="isn't right")
        self.refused("reset-code", "--approval", "R", "--statement", str(old), code=2, words="where the code goes")
        self.refused("reset-code", "--approval", "R", "--show", "--statement", str(old), "--serial", "SK2600000025", code=10,
                     words="not of")

        code = self.reset("--statement", str(old))
        self.assertEqual(code.stat().st_mode & 0o777, 0o600)
        # N24: the same event, the same code; from the statement in hexadecimal too; never over an old file.
        text = self.work.write("statement.hex", content.hex())
        again = self.reset("--statement", str(text), name="again")
        self.assertEqual(code.read_text(), again.read_text())
        self.refused("reset-code", "--approval", "R", "--code-file", str(code), "--statement", str(old), code=13, words="exists already")
        # N22: in two halves.
        self.bench("reset-code", "--approval", "R", "--split", "--code-file", str(self.work / "half"), "--statement", str(old))
        halves = [(self.work / f"half.{n}").read_text().strip() for n in (1, 2)]
        self.assertEqual("-".join(halves), code.read_text().strip())
        rows = [r for r in self.audit() if r["action"] == "code" and r["detail"]["counter"] == 2]
        self.assertEqual(len(rows), 3)
        self.assertEqual(rows[0]["detail"]["request"], "R-2026-0001")
        self.assertNotIn(code.read_text().strip().encode(), self.everything_said())
        self.assertNotIn(code.read_text().strip().replace("-", "").encode(), self.everything_said())

        self.open_with(code, "518273")
        self.key.run(["sealkey", "check-pin", "--pin-file", self.work / "new-pin"])
        self.assertEqual(self.bench_json("inventory", "show", "--serial", self.serial)["state"], "LOCKED")
        self.bench("reset-done", "--from-key")
        self.assertEqual(self.bench_json("inventory", "show", "--serial", self.serial)["state"], "ACTIVE")
        # The old statement is worth nothing now.
        self.refused("reset-code", "--approval", "R", "--show", "--statement", str(old), code=11, words="is over")
        self.refused("lock-statement", "check", "--statement", str(old), code=11, words="is over")
        self.refused("reset-done", "--serial", self.serial, "--lock", "3", "--proof", "00" * 16, code=11, words="is wrong")
        self.bench("inventory", "audit")

    def test_N24_by_telephone_a_second_operator_confirms(self):
        self.activate(self.key, self.serial, "739146")
        self.lock()
        status = self.key.run(["sealkey", "unlock", "--show", "--json"]).out
        checked = self.bench_json("lock-statement", "check", "--from-key")
        request = checked["request_code"]
        self.assertIn(request.replace(" ", ""), status.replace(" ", ""))
        telephone = ["reset-code", "--approval", "R-7", "--request-code", request, "--serial", self.serial]
        self.refused(*telephone, "--show", code=7, words="second operator has to confirm")
        self.refused(*telephone, "--show", "--second-operator", "tester", code=7, words="another person")
        slip = request[:-1] + str((int(request[-1]) + 1) % 10)
        self.refused("reset-code", "--approval", "R-7", "--request-code", slip, "--serial", self.serial, "--show",
                     "--second-operator", "colleague", code=10, words="slip")
        self.refused("reset-code", "--approval", "R-7", "--request-code", request, "--serial", "SK2600000025", "--show",
                     "--second-operator", "colleague", code=10, words="mistyped")
        self.assertEqual([r for r in self.audit() if r["action"] == "code" and r["detail"]["counter"] == 2], [])
        path = self.work / "code"
        self.bench(*telephone, "--second-operator", "colleague", "--code-file", str(path))
        row = [r for r in self.audit() if r["action"] == "code"][-1]
        self.assertEqual((row["operator"], row["detail"]["second_operator"]), ("tester", "colleague"))
        self.assertEqual(self.reset("--from-key", name="by-statement").read_text(), path.read_text())
        self.open_with(path, "518273")
        self.key.run(["sealkey", "check-pin", "--pin-file", self.work / "new-pin"])


if __name__ == "__main__":
    harness.main()
