#!/usr/bin/env python3
# labels: bench clients renewal
# timeout: 500
"""A renewal from end to end with the programs as they are: `sealkey-bench renewals serve` on one side, `sealkey renew` on
the other, the plug pulled between, and afterwards the world outside: OpenSSL, nginx, an old file."""
import json
import shutil
import sys

import harness
from bench_case import CODE
from renewal_case import PIN, RenewalCase

sys.path.insert(0, str(harness.ROOT / "sim"))
import portal  # noqa: E402  pylint: disable=wrong-import-position

SECRET = b"the tender's price\n" * 50


class Renewal(RenewalCase):
    def openssl(self, *arguments, **how):
        return self.key.run(["openssl", *arguments], env={"PKCS11_MODULE_PATH": str(harness.MODULE)}, **how)

    def uri(self, identity):
        return f"pkcs11:manufacturer=sealkey;id=%{identity};type=private;pin-source=file:{self.pin_file}"

    def lists(self):
        """The issuing CA's list as published, and the root's: nginx wants one for each."""
        self.bench("crl", "--root")
        return self.work.write("lists.pem", (self.ca / "root-crl.pem").read_bytes() + (self.ca / "crl.pem").read_bytes())

    def log_in(self, site, certificate, **how):
        return self.key.run(["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--tlsv1.3", "--cacert",
                             site.server_ca, "--engine", "pkcs11", "--key-type", "ENG", "--key", self.uri("01"), "--cert",
                             certificate, site.url], env={"PKCS11_MODULE_PATH": str(harness.MODULE)}, **how)

    def test_N14_with_the_plug_pulled_twice_Lesson14_the_old_certificate_is_refused_and_an_old_file_opens(self):
        serial = self.deliver(algorithm="rsa2048")
        old_login, old_decryption = self.keep("9a", "old-9a.pem"), self.keep("9d", "old-9d.pem")
        secret = self.work.write("secret", SECRET)
        self.openssl("cms", "-encrypt", "-binary", "-aes256", "-in", secret, "-outform", "DER", "-out", self.work / "file",
                     old_decryption)
        backup = shutil.copy(self.key.state, self.work / "backup.state")

        service = self.service()
        done = self.renew(service.url, code=7)
        self.assertEqual(json.loads(done.out)["error"]["state"], "not_approved")
        self.bench("renewals", "approve", "--serial", serial, "--request", "R-1", "--algorithm", "p256")
        for operation in (4, 40):
            self.key.cut(operation)
            self.renew(service.url, ok=False)
            self.key.wait_for_cut()
        self.assertEqual(service.stop(), 0)
        gone = json.loads(self.renew(service.url, code=9).out)
        self.assertIn("Nothing is lost", gone["error"]["message"])
        service = self.service()
        result = json.loads(self.renew(service.url).out)
        self.assertEqual((result["state"], result["resumed"], result["slots"]), ("renewed", True, ["9A", "9C", "9D"]))
        self.assertEqual(json.loads(self.renew(service.url).out)["state"], "already_renewed")
        self.assertEqual(service.stop(), 0)
        listed = self.bench_json("renewals", "list", "--serial", serial)["renewals"]
        self.assertEqual([one["state"] for one in listed], ["CLOSED"])

        # The key is what the inventory says, by its own check and by OpenSSL; its new keys are EC.
        self.bench("check", "--serial", serial, env={"SEALKEY_PIN": PIN})
        new_login = self.keep("9a", "new-9a.pem")
        self.assert_addresses(new_login)
        self.assertIn("prime256v1", harness.run(["openssl", "x509", "-noout", "-text", "-in", new_login]).out)
        lists = self.lists()
        self.verify(new_login, "-crl_check", "-CRLfile", lists)
        self.assertIn("revoked", self.verify(old_login, "-crl_check", "-CRLfile", lists, ok=False).err)
        self.assertIn("Superseded", harness.run(["openssl", "crl", "-noout", "-text", "-in", self.ca / "crl.pem"]).out)

        # A file of before, with the key that is former now (82, PKCS#11's id 05).
        self.openssl("cms", "-decrypt", "-inform", "DER", "-in", self.work / "file", "-engine", "pkcs11", "-keyform",
                     "engine", "-inkey", self.uri("05"), "-recip", old_decryption, "-out", self.work / "opened")
        self.assertEqual((self.work / "opened").read_bytes(), SECRET)

        # nginx with the list takes the new certificate. The old key is gone from the token; a copy of its flash from before
        # the renewal still has it, and gets nowhere.
        authorities = self.work.write("authorities.pem", (self.ca / "issuing.pem").read_bytes() +
                                      (self.ca / "root.pem").read_bytes())
        with portal.Portal(self.work / "with-list", authorities, crl=lists) as site:
            self.log_in(site, new_login)
            self.log_in(site, old_login, ok=False)
            self.key.stop()
            self.key = self.simulator(state=backup)
            self.log_in(site, old_login, ok=False)
        with portal.Portal(self.work / "without-list", authorities) as site:
            self.log_in(site, old_login)

    def test_N7_N16_change_of_information_and_refusals_told_to_the_enterprise(self):
        serial = self.deliver()
        service = self.service()
        # As the operator's guide has it: refused with a remark, then corrected.
        self.bench("renewals", "refuse", "--serial", serial, "--remark", "营业执照不清楚")
        refusal = json.loads(self.renew(service.url, code=7).out)["error"]
        self.assertEqual((refusal["state"], refusal["remark"]), ("refused", "营业执照不清楚"))
        self.refused("renewals", "approve", "--serial", serial, "--request", "R-2", "--code", "914403001922038216", code=10,
                     words="another organisation")
        self.refused("renewals", "approve", "--serial", serial, "--request", "R-2", "--name", "新", "--slots", "9A", code=7,
                     words="all three")
        self.bench("renewals", "approve", "--serial", serial, "--request", "R-2", "--name", "福建新名称有限公司")
        self.refused("renewals", "approve", "--serial", serial, "--request", "R-3", code=7, words="already")
        wrong = self.work.write("wrong", "864213")
        # Told before the PIN is asked for, and nobody promises that such a key can be used as it is.
        self.bench("suspend", "--serial", serial, "--why", "the office asks")
        refusal = json.loads(self.key.run(["sealkey", "renew", "--ca", service.url, "--pin-file", wrong, "--json"], code=7).out)
        self.assertIn("SUSPENDED", refusal["error"]["message"])
        self.assertNotIn("Nothing is lost", refusal["error"]["message"])
        self.assertIn("ask your provider", refusal["error"]["message"])
        self.bench("resume", "--serial", serial, "--why", "paid")
        self.key.run(["sealkey", "renew", "--ca", service.url, "--pin-file", wrong], code=5)
        said = self.key.run(["sealkey", "renew", "--ca", service.url, "--pin-file", self.pin_file], timeout=120,
                            env={"LC_ALL": "zh_CN.UTF-8"}).out
        self.assertIn("已更新", said)
        self.assertEqual(said.count("正在生成新密钥"), 1, "once, also where the PIN is asked for in between")
        status = json.loads(self.key.run(["sealkey", "status", "--json"]).out)
        self.assertEqual(status["enterprise"]["name"], "福建新名称有限公司")
        self.assertEqual(status["enterprise"]["unified_code"], CODE)
        subject = harness.run(["openssl", "x509", "-noout", "-subject", "-nameopt", "utf8", "-in", self.keep("9c", "n")]).out
        self.assertIn("福建新名称有限公司", subject)
        self.bench("check", "--serial", serial, env={"SEALKEY_PIN": PIN})
        # A renewal that ends with its key: told in the enterprise's language, with nothing promised.
        self.bench("renewals", "approve", "--serial", serial, "--request", "R-4")
        self.bench("revoke", "--serial", serial, "--why", "the company closes", "--reason", "cessationOfOperation")
        said = self.key.run(["sealkey", "renew", "--ca", service.url, "--pin-file", wrong], code=7,
                            env={"LC_ALL": "zh_CN.UTF-8"}).err
        self.assertIn("服务商已撤销这把电子钥匙", said)
        self.assertNotIn("REVOKED", said)
        refusal = json.loads(self.renew(service.url, code=7).out)["error"]
        self.assertEqual((refusal["state"], refusal["remark"]), ("refused", "The key is REVOKED."))
        self.assertIn("has revoked this key", refusal["message"])
        self.bench("inventory", "audit")

    def test_the_service_refuses_what_it_doesnt_understand_and_goes_on(self):
        service = self.service()
        for step, body, status in (("look", "{", 400), ("look", "[]", 400), ("look", "{}", 400), ("look", '{"serial": 5}', 400),
                                   ("format", "{}", 404), ("request", '{"rid": "00", "keys": []}', 404),
                                   ("look", '{"serial": "' + "x" * 70000 + '"}', 413)):
            with self.subTest(step=step, body=body[:40]):
                code, answer = service.post(step, body)
                self.assertEqual(code, status, answer)
                self.assertIn("fault", answer)
        self.assertEqual(service.post("look", '{"serial": "SK0000000000"}'), (200, {"state": "NONE"}))
        for url, code in (("ftp://x", 2), ("127.0.0.1", 2), ("http://127.0.0.1:9.", 2), ("http://127.0.0.1:", 2), ("http://127.0.0.1:70000", 2), ("http://127.0.0.1:9", 9)):
            with self.subTest(url):
                blank = self.key.run(["sealkey", "renew", "--ca", url, "--pin-file", self.pin_file, "--json"], ok=None)
                self.assertIn(blank.code, (code, 7), blank)
        self.assertEqual(service.stop(), 0)

    def test_plain_http_goes_no_further_than_this_machine(self):
        # Refused before anything is looked up or connected to: 192.0.2.1 and .example lead nowhere (RFC 5737, 6761).
        for url in ("http://192.0.2.1", "http://ca.example:8080/x", "http://127.0.0.1.example", "http://localhost.example",
                    "http://127.example", "http://[2001:db8::1]", "http://0x7f.1.2.3.4", "http://[::ffff:192.0.2.1]:80"):
            with self.subTest(url):
                done = self.key.run(["sealkey", "renew", "--ca", url, "--pin-file", self.pin_file], code=2)
                self.assertIn("--insecure-http", done.err)
        said = self.key.run(["sealkey", "renew", "--ca", "http://192.0.2.1", "--pin-file", self.pin_file], code=2,
                            env={"LC_ALL": "zh_CN.UTF-8"}).err
        self.assertIn("未加密", said)
        # Nobody listens at port 9; the blank key is found wanting first or afterwards.
        for url, options in (("http://localhost:9", ()), ("http://127.3.2.1:9", ()), ("http://[::1]:9", ()),
                             ("http://ca.invalid", ("--insecure-http",)), ("https://127.0.0.1:9", ())):
            with self.subTest(url):
                done = self.key.run(["sealkey", "renew", "--ca", url, "--pin-file", self.pin_file, *options], ok=None)
                self.assertIn(done.code, (9, 7), done)


if __name__ == "__main__":
    harness.main()
