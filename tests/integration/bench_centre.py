#!/usr/bin/env python3
# labels: bench clients renewal
# timeout: 300
"""A decryption key that a key centre makes, with the programs as they are: at first issue over the bench's channel, at a
renewal by `sealkey renew` with the plug pulled. The centre is a mock: a program named in the CA's settings."""
import json

import harness
from renewal_case import PIN, RenewalCase

SECRET = b"what the enterprise wrote\n" * 40


class KeyCentre(RenewalCase):
    def make_ca(self, *options):
        self.questions = self.work / "questions"
        mock = harness.BUILD / "tests/integration/key_centre_mock"
        program = self.work.write("centre", f'#!/bin/sh\nKEY_CENTRE_LOG={self.questions} exec {mock}\n')
        program.chmod(0o755)
        return super().make_ca("--key-centre", str(program), *options)

    def asked(self):
        return [json.loads(line) for line in self.questions.read_text().splitlines()] if self.questions.exists() else []

    def openssl(self, *arguments, **how):
        return self.key.run(["openssl", *arguments], env={"PKCS11_MODULE_PATH": str(harness.MODULE)}, **how)

    def encrypted(self, name, certificate):
        self.openssl("cms", "-encrypt", "-binary", "-aes256", "-in", self.work.write("secret", SECRET), "-outform", "DER",
                     "-out", self.work / name, certificate)
        return self.work / name

    def opens(self, file, certificate, identity):
        uri = f"pkcs11:manufacturer=sealkey;id=%{identity};type=private;pin-source=file:{self.pin_file}"
        self.openssl("cms", "-decrypt", "-inform", "DER", "-in", file, "-engine", "pkcs11", "-keyform", "engine", "-inkey",
                     uri, "-recip", certificate, "-out", self.work / "opened")
        return (self.work / "opened").read_bytes() == SECRET

    def public_key(self, pem):
        text = harness.run(["openssl", "x509", "-noout", "-pubkey", "-in", pem]).out
        out = self.work / "spki"
        harness.run(["openssl", "pkey", "-pubin", "-outform", "DER", "-out", out], stdin=text)
        return out.read_bytes().hex()

    def test_from_first_issue_over_a_renewal_with_the_plug_pulled(self):
        serial = self.deliver(algorithm="p256", decryption_key="centre")
        self.assertEqual([(one["serial"], one["algorithm"]) for one in self.asked()], [(serial, "p256")])
        first = self.keep("9d", "first-9d.pem")
        checked = self.bench_json("check", "--serial", serial, env={"SEALKEY_PIN": PIN})
        self.assertIn("attestation:9D", checked["checks"])
        old = self.encrypted("first", first)
        self.assertTrue(self.opens(old, first, "03"))

        self.bench("renewals", "approve", "--serial", serial, "--request", "R-1")
        service = self.service()
        for operation in (30, 9):
            self.key.cut(operation)
            self.renew(service.url, ok=False)
            self.key.wait_for_cut()
        self.assertEqual(json.loads(self.renew(service.url).out)["state"], "renewed")
        self.assertEqual(service.stop(), 0)
        asked = self.asked()
        self.assertEqual(len(asked), 2, "once for each key, however often the plug was pulled")
        self.assertEqual(asked[1]["recipient"], self.public_key(first))
        second = self.keep("9d", "second-9d.pem")
        self.assertNotEqual(self.public_key(second), self.public_key(first))
        self.bench("check", "--serial", serial, env={"SEALKEY_PIN": PIN})
        self.assertTrue(self.opens(self.encrypted("second", second), second, "03"))
        self.assertTrue(self.opens(old, first, "05"), "a file of before, by the former key")

    def test_a_centre_that_errs_stops_the_key_and_the_next_run_goes_on(self):
        cases = (("exit", "exit code 3"), ("silent", "isn't a JSON object"), ("serial", '"serial"'), ("order", '"order"'),
                 ("public_key", "isn't the one that the key centre made"), ("envelope", ""))
        for fault, words in cases:
            options = self.order_options(self.key, decryption_key="centre")
            done = self.bench(*options, ok=False, env={"KEY_CENTRE_FAULT": fault})
            self.assertIn(words, done.err, fault)
            self.assertIn("Stopped at", done.err, fault)
        made = self.issue(self.key, decryption_key="centre")
        self.assertTrue(made["resumed"])
        self.assertIn("attestation:9D", made["checks"])
        self.assertEqual({one["order"] for one in self.asked()}, {self.asked()[0]["order"]}, "one order, asked again")

    def test_without_a_centre_in_the_settings_nothing_is_begun(self):
        settings = json.loads((self.ca / "ca.json").read_text())
        del settings["key_centre"]
        (self.ca / "ca.json").write_text(json.dumps(settings))
        self.issue_refused(self.key, code=7, words="name no key centre", decryption_key="centre")
        self.issue_refused(self.key, code=10, words="token or centre", decryption_key="cellar")
        self.assertEqual(self.bench_json("inventory", "list")["keys"], [])
        orders = self.work.write("orders.json", json.dumps([self.order(decryption_key="centre")]))
        self.assertIn("name no key centre", self.bench("orders", "check", str(orders), ok=False).err)


if __name__ == "__main__":
    harness.main()
