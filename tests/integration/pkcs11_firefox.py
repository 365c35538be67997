#!/usr/bin/env python3
# labels: browser pkcs11
# timeout: 240
"""Firefox ESR, headless, logs in to a real nginx through our module: one PIN prompt; a wrong PIN costs one try.
Profile: compatibility; once as the bench leaves a key."""
import sys

import harness
from harness import MODULE
from marionette import Failed, Firefox
from personal import PersonalisedCase, ShippingCase

sys.path.insert(0, str(harness.ROOT / "sim"))
import portal  # noqa: E402  pylint: disable=wrong-import-position


class Login(PersonalisedCase):
    def browser(self, site, name):
        return Firefox(self.work / name, MODULE, trusted=[site.server_ca], environment=self.key.environment)

    def verifications(self, since):
        return [e for e in self.key.log(since + 1) if e["name"] == "VERIFY" and "[" in e["command"]]

    def log_in(self, algorithm):
        self.personalise(("9a", algorithm))
        start = self.key.apdu_count()
        with portal.Portal(self.work / "portal", self.authority) as site, self.browser(site, "firefox") as firefox:
            before = self.key.apdu_count()
            firefox.give_pins(self.pin)
            firefox.visit(site.url)
            self.assertIn("Example Import", firefox.text())
            self.assertEqual(len(firefox.prompts()), 1)
            self.assertIn("sealkey", firefox.prompts()[0])
            self.assertEqual(len(self.verifications(before)), 1)
            print(f"Firefox, start to page, {algorithm}: {self.key.apdu_count() - start} APDUs")

    def test_one_prompt_opens_the_page_with_rsa(self):
        """Lesson 21, and Lesson 28: TLS 1.3 asks an RSA key for PSS."""
        self.log_in("RSA2048")

    def test_one_prompt_opens_the_page_with_ec(self):
        self.log_in("ECCP256")

    def test_wrong_pin_costs_one_try_and_is_asked_again(self):
        """Lesson 24: the second prompt is how the browser says it; nobody answers it."""
        self.personalise(("9a", "ECCP256"))
        with portal.Portal(self.work / "portal", self.authority) as site, self.browser(site, "firefox") as firefox:
            before = self.key.apdu_count()
            firefox.give_pins("999999")
            try:
                firefox.visit(site.url)
                self.assertNotIn("Example Import", firefox.text())
            except Failed:
                pass  # the browser's own error page
            self.assertEqual(len(firefox.prompts()), 2)
            self.assertEqual(len(self.verifications(before)), 1)
            self.assertEqual(self.tries(), 5)


class LoginShipping(ShippingCase, Login):
    test_one_prompt_opens_the_page_with_ec = None
    test_wrong_pin_costs_one_try_and_is_asked_again = None


if __name__ == "__main__":
    harness.main()
