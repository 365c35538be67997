#!/usr/bin/env python3
# labels: clients
# timeout: 120
"""Two programs at one reader: short transactions, a reset by the other side, an exclusive holder, a plug pulled."""
import json
import time

import harness
import personalise
from token_probe import begun

PIN = "135792"


class SharedReader(harness.Case):
    def setUp(self):
        super().setUp()
        self.key = self.simulator()
        with harness.Card() as card:
            made = personalise.ship(card, self.key.birth_record)
        status = self.key.run(["sealkey", "status", "--json"]).out
        request = json.loads(status)["lock"]["request_code"]
        self.key.run(["sealkey", "activate"],
                     env={"SEALKEY_CODE": made.code_for_request(request), "SEALKEY_NEW_PIN": PIN})

    def reset_by_another_program(self):
        from smartcard import scard  # pylint: disable=import-outside-toplevel
        context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)[1]
        reader = scard.SCardListReaders(context, [])[1][0]
        result, card, _ = scard.SCardConnect(context, reader, scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T1)
        self.assertEqual(result, 0)
        self.assertEqual(scard.SCardDisconnect(card, scard.SCARD_RESET_CARD), 0)
        scard.SCardReleaseContext(context)

    def test_Lesson20_two_programs_work_side_by_side(self):
        one, two = begun(self), begun(self)
        self.assertEqual(one.ask("verify", PIN), "verified")
        for _ in range(20):
            self.assertEqual(two.ask("status"), personalise.SERIAL)
            self.assertEqual(one.ask("sign"), "signed")
        self.assertEqual(one.ask("lost"), "0")

    def test_Lesson20_leaving_does_not_log_others_out(self):
        one, two = begun(self), begun(self)
        self.assertEqual(one.ask("verify", PIN), "verified")
        self.assertEqual(two.ask("status"), personalise.SERIAL)
        two.close()
        self.key.run(["sealkey", "status"])
        self.key.run(["sealkey", "check-pin"], env={"SEALKEY_PIN": PIN})
        self.assertEqual(one.ask("verified"), "yes")
        self.assertEqual(one.ask("sign"), "signed")

    def test_Lesson20_reset_by_another_program_is_recovered_from_and_no_pin_is_replayed(self):
        one = begun(self)
        self.assertEqual(one.ask("verify", PIN), "verified")
        self.reset_by_another_program()
        after = self.key.apdu_count() + 1
        self.assertEqual(one.ask("status"), personalise.SERIAL)
        self.assertEqual(one.ask("lost"), "1")
        self.assertEqual(one.ask("verified"), "no")
        self.assertEqual(one.ask("sign"), "error 6982")
        self.assertEqual([e for e in self.key.log(after) if e["name"] == "VERIFY" and len(e["command"]) > 10], [])
        self.assertEqual(one.ask("verify", PIN), "verified")
        self.assertEqual(one.ask("sign"), "signed")

    def test_Lesson20_wait_for_a_holder_is_bounded_and_ends_when_it_leaves(self):
        holder, impatient, patient = begun(self), begun(self, patience=200), begun(self, patience=20000)
        self.assertEqual(holder.ask("hold"), "hold")
        start = time.monotonic()
        self.assertEqual(impatient.ask("status"), "in_use")
        self.assertLess(time.monotonic() - start, 10)
        patient.tell("status")
        self.assertEqual(holder.ask("release"), "release")
        self.assertEqual(patient.answer(), personalise.SERIAL)
        self.assertEqual(impatient.ask("status"), personalise.SERIAL)

    def test_exclusive_holder_is_named_by_its_own_exit_code(self):
        from smartcard import scard  # pylint: disable=import-outside-toplevel
        context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)[1]
        reader = scard.SCardListReaders(context, [])[1][0]
        result, card, _ = scard.SCardConnect(context, reader, scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_T1)
        self.assertEqual(result, 0)
        self.addCleanup(scard.SCardReleaseContext, context)
        refused = self.key.run(["sealkey", "status"], code=9)
        self.assertIn("Waiting for the key ...", refused.err)  # a sign of life after two seconds
        self.assertIn("Another program is holding the key", refused.err)
        scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
        self.key.run(["sealkey", "status"])

    def test_plug_pulled_between_two_commands(self):
        one = begun(self)
        self.assertEqual(one.ask("status"), personalise.SERIAL)
        self.key.unplug()
        self.assertIn(one.ask("status"), ("no_card", "no_reader"))
        self.key.plug()
        self.key.run(["sealkey", "status"])


if __name__ == "__main__":
    harness.main()
