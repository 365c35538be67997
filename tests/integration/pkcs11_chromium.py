#!/usr/bin/env python3
# labels: browser pkcs11
# timeout: 240
"""Chromium on a virtual screen logs in to a real nginx through our module, the PIN typed into the browser's own dialog.
Profile: compatibility; once as the bench leaves a key.

    SEALKEY_PICTURES=docs/images tests/integration/pkcs11_chromium.py    also writes the pictures that docs/clients.md shows
"""
import os
import pathlib
import sys

import harness
from chromium import PIN_DIALOG, POLICIES, Chromium
from harness import MODULE
from personal import PersonalisedCase, ShippingCase
from screen import Screen

sys.path.insert(0, str(harness.ROOT / "sim"))
import portal  # noqa: E402  pylint: disable=wrong-import-position

PICTURES = os.environ.get("SEALKEY_PICTURES")
ENTERPRISE = "Example Import"
NO_CERTIFICATE = "No required SSL certificate was sent"  # what nginx answers then


class Login(PersonalisedCase):
    def setUp(self):
        if os.environ.get("SEALKEY_PCSCD") == "system":
            self.skipTest("Chromium's policies need a mount namespace, which is forbidden here")
        super().setUp()
        self.screen = self.entered(Screen(self.work / "screen"))

    def entered(self, thing):
        thing.__enter__()
        self.addCleanup(thing.__exit__, None, None, None)
        return thing

    def site(self, name="portal"):
        return self.entered(portal.Portal(self.work / name, self.authority))

    def browser(self, *sites, **how):
        return self.entered(Chromium(self.work / "chromium", self.screen, MODULE, trusted=[s.server_ca for s in sites],
                                     environment=self.key.environment, **how))

    def picture(self, name, window=None):
        if PICTURES:
            self.screen.picture(pathlib.Path(PICTURES) / f"chromium-{name}.png", window)

    def verifications(self, since):
        return [e for e in self.key.log(since + 1) if e["name"] == "VERIFY" and "[" in e["command"]]

    def log_in(self, algorithm):
        self.personalise(("9a", algorithm))
        before = self.key.apdu_count()
        site = self.site()
        browser = self.browser(site)
        browser.visit(site.url)
        browser.enter_pin(self.pin)
        browser.wait_for_text(ENTERPRISE)
        self.assertEqual(len(self.verifications(before)), 1)
        count = self.key.apdu_count() - before
        print(f"Chromium, start to page, {algorithm}: {count} APDUs")
        self.assertLessEqual(count, 8)

    def test_typed_pin_opens_the_page_with_rsa(self):
        """Lesson 21, and Lesson 28: TLS 1.3 asks an RSA key for PSS."""
        self.log_in("RSA2048")

    def test_typed_pin_opens_the_page_with_ec(self):
        self.log_in("ECCP256")

    def test_key_taken_out_and_put_in_again_logs_in_without_a_restart(self):
        """Lesson 27. A portal of its own for each step: Chromium goes back to one it knows as it was there before, with the TLS
        session that it has or, once it had no certificate to show, without one."""
        self.personalise(("9a", "ECCP256"))
        first, second, *others = sites = [self.site(f"portal{i}") for i in range(6)]
        browser = self.browser(*sites)
        browser.visit(first.url)
        browser.enter_pin(self.pin)
        browser.wait_for_text(ENTERPRISE)
        self.key.unplug()
        browser.visit(second.url)
        browser.wait_for_text(NO_CERTIFICATE, "There was a problem using your login certificate")
        self.assertEqual(self.screen.windows(PIN_DIALOG), [])
        before = self.key.apdu_count()
        self.key.plug()
        # NSS looks for a token at most once a second, and nothing tells when it has: a person tries again.
        for site in others:
            browser.visit(site.url)
            harness.until(lambda s=site: self.screen.windows(PIN_DIALOG) or s.log(), "a PIN dialog, or the portal's answer", 90)
            if self.screen.windows(PIN_DIALOG):
                break
        browser.enter_pin(self.pin)
        browser.wait_for_text(ENTERPRISE)
        self.assertEqual(len(self.verifications(before)), 1)

    def test_wrong_pin_costs_one_try_and_is_asked_again(self):
        """Lesson 24: a new dialog is how the browser says it."""
        self.personalise(("9a", "ECCP256"))
        site = self.site()
        browser = self.browser(site)
        before = self.key.apdu_count()
        browser.visit(site.url)
        first = browser.enter_pin("999999")
        harness.until(lambda: self.screen.windows(PIN_DIALOG) not in ([], [first]), "another dialog", 30)
        self.assertEqual(len(self.verifications(before)), 1)
        self.assertEqual(self.tries(), 5)
        browser.enter_pin(self.pin, other_than=first)
        browser.wait_for_text(ENTERPRISE)
        self.assertEqual(len(self.verifications(before)), 2)

    def test_cancelled_pin_shows_that_no_certificate_came(self):
        self.personalise(("9a", "ECCP256"))
        site = self.site()
        browser = self.browser(site)
        before = self.key.apdu_count()
        browser.visit(site.url)
        self.screen.keys(self.screen.wait_for(PIN_DIALOG), "Escape")
        browser.wait_for_text(NO_CERTIFICATE)
        self.assertEqual(self.verifications(before), [])

    def test_locked_key_is_not_asked_for_ever(self):
        self.personalise(("9a", "ECCP256"))
        with harness.Card() as card:
            card.select()
            while card.tries():
                card.verify("999999")
        site = self.site()
        browser = self.browser(site)
        before = self.key.apdu_count()
        browser.visit(site.url)
        browser.enter_pin(self.pin)
        browser.wait_for_text(NO_CERTIFICATE)
        self.assertLessEqual(len(self.verifications(before)), 1)
        self.assertEqual(self.screen.windows(PIN_DIALOG), [])

    def test_person_chooses_the_certificate(self):
        """Without the policy the browser shows the certificates, before any PIN."""
        self.personalise(("9a", "RSA2048"))
        site = self.site()
        browser = self.browser(site, policies={n: v for n, v in POLICIES.items() if n != "AutoSelectCertificateForUrls"})
        before = self.key.apdu_count()
        empty = self.screen.below_the_bar()
        browser.visit(site.url)
        self.screen.wait_for_rest(other_than=empty)
        self.picture("certificate")
        self.assertEqual(self.verifications(before), [])
        dialog = self.screen.press_until("Return", PIN_DIALOG)
        self.screen.wait_for_rest()
        self.picture("pin")
        self.screen.enter(dialog, self.pin)
        browser.wait_for_text(ENTERPRISE)
        self.screen.wait_for_rest()
        self.picture("page")


class LoginShipping(ShippingCase, Login):
    pass


for _name in [n for n in dir(Login) if n.startswith("test_") and n != "test_typed_pin_opens_the_page_with_rsa"]:
    setattr(LoginShipping, _name, None)  # one of them is enough there


if __name__ == "__main__":
    harness.main()
