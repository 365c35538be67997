#!/usr/bin/env python3
# labels: bench clients
# timeout: 400
"""A key is made by `sealkey-bench`, checked by OpenSC, and what must not be in it isn't."""
import json

import channel
import harness
import personalise
from bench_case import CODE, NAME, OLD_CODE, BenchCase, png


class Issue(BenchCase):
    def setUp(self):
        super().setUp()
        self.make_ca()

    def test_N21_Lesson34_nothing_published_or_of_the_factory_opens_a_shipping_key_N22_its_code_is_in_its_file_alone(self):
        key = self.simulator()
        seal = self.work.write("seal.png", png())
        code_file = self.work / "activation"
        done = self.bench(*self.order_options(key, seal_image=str(seal), old_code=OLD_CODE, english_name="Fujian Example",
                                              authorised_user="张三"), "--code-file", str(code_file), "--json")
        made = json.loads(done.out)
        self.assertEqual(made["key_number"], 1)
        for check in ("opensc:9A", "opensc:9C", "opensc:9D", "identity", "certificate:9A", "record", "seal", "blocked",
                      "unlock-key", "management-key", "transport-keys", "bench-pin", "published-secrets"):
            self.assertIn(check, made["checks"])

        # The certificates, by OpenSSL.
        for slot, usage in (("9a", "sslclient"), ("9c", "any"), ("9d", "any")):
            pem = self.certificate(key, slot)
            self.verify(pem, "-purpose", usage)
            text = harness.run(["openssl", "x509", "-noout", "-text", "-nameopt", "utf8,sep_multiline", "-in", pem]).out
            self.assertIn(NAME, text)
            self.assertIn("FJSL", text)
            self.assertIn("1.2.156.10260.4.1.4", text)
            self.assertIn(CODE, text)
            self.assert_addresses(pem)

        # N21: the published secrets, by hand.
        card = harness.Card()
        card.select()
        self.assertEqual(card.transmit("0020008008313233343536FFFF")[1], 0x6983)
        self.assertEqual(card.transmit("002C0080103132333435363738373339313436FFFF")[1], 0x6983)
        card.close()
        for algorithm in ("03", "0A"):
            key_file = self.work.write("default", harness.DEFAULT_MANAGEMENT_KEY)
            harness.run(["piv-tool", "-A", f"M:9B:{algorithm}"], ok=False,
                        env={"PIV_EXT_AUTH_KEY": str(key_file)})
        # Lesson 34: the factory's, by an arithmetic of the test's own.
        card = personalise.Apdus(harness.Card())
        card.select()
        transport = channel.Keys.of_birth_record(json.loads(key.birth_record.read_text()))
        for version, why in ((channel.TRANSPORT, "6A88"), (0, "doesn't know")):
            transport.version = version
            with self.assertRaisesRegex(AssertionError, why):
                card.open_channel(transport)
        card.card.close()

        # N22: the code is in its file, which nobody else can read, and nowhere else.
        code = code_file.read_text().strip()
        self.assertRegex(code, r"^\d{4}-\d{4}-\d{4}-\d{4}$")
        self.assertEqual(code_file.stat().st_mode & 0o777, 0o600)
        for text in (code, code.replace("-", "")):
            self.assertNotIn(text, done.out + done.err)
            self.assertNotIn(text.encode(), self.everything_said())
        self.assertEqual(self.code_of(made["serial"]), code)

        # The enterprise opens it with the code and uses it.
        pin = self.work.write("pin", "739146")
        key.run(["sealkey", "activate", "--code-file", code_file, "--new-pin-file", pin])
        key.run(["sealkey", "check-pin", "--pin-file", pin])
        self.bench("check", env={"SEALKEY_PIN": "739146"})
        self.refused("activation-code", "--serial", "SK000000000X", "--show", code=8, words="no key")

    def test_rsa_key_by_options(self):
        key = self.simulator()
        made = self.bench_json("issue", "--birth-record", str(key.birth_record), "--name", NAME, "--code", CODE,
                               "--login-name", "FJSL", "--valid-days", "30")
        self.assertIn("opensc:9D", made["checks"])
        text = harness.run(["openssl", "x509", "-noout", "-text", "-in", self.certificate(key, "9d")]).out
        self.assertIn("Public-Key: (2048 bit)", text)
        self.assertIn("Key Encipherment", text)
        self.assertIn("finished", self.bench("issue", "--birth-record", str(key.birth_record), "--name", NAME, "--code",
                                             CODE, "--login-name", "FJSL", code=7).err)

    def test_Lesson36_interrupted_at_any_step_it_goes_on_with_the_same_order(self):
        key = self.simulator()
        arguments = self.order_options(key, seal_image=str(self.work.write("seal.png", png())))
        torn = 0
        for operation in (2, 30, 55):
            key.cut(operation)
            done = self.bench(*arguments, ok=None)
            if done.code == 0:
                key.disarm()
                break
            self.assertIn("Stopped at", done.err)
            self.assertIn("same command again", done.err)
            key.wait_for_cut()
            torn += 1
        self.assertGreater(torn, 1)
        if done.code != 0:
            other = self.order_options(key, enterprise_name="另一家公司")
            self.refused(*other, code=7, words="another order")
            made = self.bench_json(*arguments)
            self.assertTrue(made["resumed"])
        keys = self.bench_json("inventory", "list")["keys"]
        self.assertEqual(len(keys), 1)
        self.assertEqual(keys[0]["step"], "done")
        shown = self.bench_json("inventory", "show", "--serial", keys[0]["serial"])
        live = [c["slot"] for c in shown["certificates"] if not c["revoked_at"]]
        self.assertEqual(sorted(live), ["9A", "9C", "9D"])
        self.bench("check")


class Refusals(BenchCase):
    def test_bad_orders_change_nothing(self):
        self.make_ca()
        key = self.simulator()
        cases = (
            (10, "check character", {"unified_code": "91350100M000100Y42"}),        # N7
            (10, "18 characters", {"unified_code": "91350100M000100Y4"}),
            (10, "different organisations", {"old_code": "4403192203821"}),
            (10, "name has 1 to 64", {"enterprise_name": ""}),
            (10, "needs a login name", {"login_name": ""}),
            (10, "login name has at most", {"login_name": "TWO WORDS"}),
            (10, "isn't an algorithm", {"algorithm": "rsa1024"}),
            (10, "isn't a profile", {"profile": "whatever"}),
            (10, "isn't a kind", {"kind": "second"}),
            (10, "isn't known", {"unified_coed": "x"}),
            (7, "needs a reason", {"kind": "additional"}),                           # N2
            (7, "needs a reason", {"kind": "replacement", "replaces": "SK2600000013"}),
            (7, "no key yet", {"kind": "additional", "reason": "second office"}),
            (8, "has no key", {"kind": "replacement", "replaces": "SK2600000013", "reason": "lost",
                               "lost_or_damaged": "lost", "login_name": ""}),
            (13, "can't be read", {"seal_image": "/nonexistent.png"}),
        )
        for code, words, fields in cases:
            with self.subTest(**fields):
                self.issue_refused(key, code=code, words=words, **fields)
        wrong = json.loads(key.birth_record.read_text())
        wrong["chip_id"] = "00" * 8
        path = self.work.write("other.json", json.dumps(wrong))
        self.refused("issue", "--birth-record", str(path), "--name", NAME, "--code", CODE, "--login-name", "FJSL", code=10,
                     words="another key")
        self.refused("issue", "--name", NAME, "--code", CODE, "--login-name", "FJSL", code=10, words="is blank")
        self.refused(*self.order_options(key), code=5, words="passphrase", env={"SEALKEY_CA_PASSPHRASE": "wrong passphrase"})
        self.assertEqual(self.bench_json("inventory", "list")["keys"], [])
        self.assertEqual([row["action"] for row in self.audit()], ["ca-init"])

    def test_passphrase_is_never_an_argument_and_is_asked_for(self):
        self.refused("ca", "init", "--name", "X", "--passphrase", "secret word", code=2, words="isn't known")
        self.refused("ca", "init", "--name", "X", code=5, words="at least 8", env={"SEALKEY_CA_PASSPHRASE": "short"})
        self.assertFalse(self.ca.exists())
        self.make_ca()
        self.refused("ca", "init", "--name", "X", code=7, words="isn't an empty folder")
        self.assertEqual(self.bench_json("ca", "show")["name"], "示例电子钥匙服务商")

    def test_chinese_is_complete_for_the_operator(self):
        self.make_ca()
        said = self.bench("issue", "--name", NAME, "--code", "91350100M000100Y42", "--login-name", "A", code=10,
                          env={"LC_ALL": "zh_CN.UTF-8", "LANGUAGE": "zh_CN"}).err
        self.assertIn("统一社会信用代码", said)


if __name__ == "__main__":
    harness.main()
