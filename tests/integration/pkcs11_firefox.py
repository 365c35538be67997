#!/usr/bin/env python3
# labels: browser pkcs11
# timeout: 240
"""Firefox ESR logs in to a real nginx through our module: one PIN prompt; a wrong PIN costs one try. Headless, and once on a
virtual screen with its own dialogs. Profile: compatibility; once as the bench leaves a key.

    SEALKEY_PICTURES=docs/images tests/integration/pkcs11_firefox.py    also writes the pictures that docs/clients.md shows
"""
import os
import pathlib
import sys

import harness
from harness import MODULE
from marionette import PIN_DIALOG, Failed, Firefox
from personal import PersonalisedCase, ShippingCase
from screen import Screen

sys.path.insert(0, str(harness.ROOT / "sim"))
import portal  # noqa: E402  pylint: disable=wrong-import-position

PICTURES = os.environ.get("SEALKEY_PICTURES")
ENTERPRISE = "Example Import"


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
            count = self.key.apdu_count() - start
            print(f"Firefox, start to page, {algorithm}: {count} APDUs")
            self.assertLessEqual(count, 8)

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


    def test_key_taken_out_and_put_in_again_logs_in_without_a_restart(self):
        """Lesson 27. Firefox binds a portal's TLS session to the key that was in: the first try after that may be an error page
        of its own (with any module), and loading the page again asks for the PIN."""
        self.personalise(("9a", "ECCP256"))
        with portal.Portal(self.work / "one", self.authority) as first, \
                portal.Portal(self.work / "two", self.authority) as second, \
                Firefox(self.work / "firefox", MODULE, trusted=[first.server_ca, second.server_ca]) as firefox:
            firefox.give_pins(self.pin)
            firefox.visit(first.url)
            self.assertIn(ENTERPRISE, firefox.text())
            self.key.unplug()
            harness.until(lambda: not firefox.sees_key(), "Firefox sees the key gone")
            self.assertNotIn(ENTERPRISE, self.page(firefox, second))
            self.assertEqual(len(firefox.prompts()), 1)
            self.key.plug()
            harness.until(firefox.sees_key, "Firefox sees the key")
            before = self.key.apdu_count()
            firefox.give_pins(self.pin)
            harness.until(lambda: ENTERPRISE in self.page(firefox, first), "the page again")
            self.assertEqual(len(firefox.prompts()), 2)
            self.assertEqual(len(self.verifications(before)), 1)

    @staticmethod
    def page(firefox, site):
        """What there is to read: nothing on the browser's own error page."""
        try:
            firefox.visit(site.url)
        except Failed:
            return ""
        return firefox.text()

    def test_person_types_into_the_browsers_own_dialogs(self):
        """Lesson 24: after a wrong PIN the dialog comes again, and one try is gone."""
        self.personalise(("9a", "RSA2048"))
        asking = {"security.default_personal_cert": "Ask Every Time"}
        with portal.Portal(self.work / "portal", self.authority) as site, Screen(self.work / "screen") as screen, \
                Firefox(self.work / "firefox", MODULE, trusted=[site.server_ca], screen=screen, preferences=asking) as firefox:
            before = self.key.apdu_count()
            empty = screen.below_the_bar()
            firefox.open(site.url)
            screen.wait_for_rest(other_than=empty)
            self.picture(screen, "certificate")
            self.assertEqual(self.verifications(before), [])
            screen.press_until("Return", PIN_DIALOG)
            screen.wait_for_rest()
            self.picture(screen, "pin")
            first = firefox.enter_pin("999999")
            harness.until(lambda: screen.windows(PIN_DIALOG) not in ([], [first]), "another dialog", 30)
            self.assertEqual(len(self.verifications(before)), 1)
            self.assertEqual(self.tries(), 5)
            firefox.enter_pin(self.pin, other_than=first)
            firefox.wait_for_text(ENTERPRISE)
            self.assertEqual(len(self.verifications(before)), 2)
            screen.wait_for_rest()
            self.picture(screen, "page")

    def picture(self, screen, name):
        if PICTURES:
            screen.picture(pathlib.Path(PICTURES) / f"firefox-{name}.png")


class LoginShipping(ShippingCase, Login):
    test_one_prompt_opens_the_page_with_ec = None
    test_wrong_pin_costs_one_try_and_is_asked_again = None
    test_key_taken_out_and_put_in_again_logs_in_without_a_restart = None
    test_person_types_into_the_browsers_own_dialogs = None


if __name__ == "__main__":
    harness.main()
