#!/usr/bin/env python3
# labels: clients pkcs11
# timeout: 120
"""What a portal refuses though the key signs well: an expired certificate, a revoked one, another authority's; and that no
program gets in with a key that is locked or taken out. Profile: compatibility; curl by OpenSSL's engine."""
import datetime
import sys

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import harness
from harness import MODULE
from personal import PersonalisedCase

sys.path.insert(0, str(harness.ROOT / "sim"))
import portal  # noqa: E402  pylint: disable=wrong-import-position

ENTERPRISE = "Example Import"
REFUSED = "The SSL certificate error"  # nginx's page


class Refused(PersonalisedCase):
    def setUp(self):
        super().setUp()
        self.personalise(("9a", "ECCP256"))

    def page(self, **how):
        source = self.work.write("pin", self.pin)
        key = f"pkcs11:manufacturer=sealkey;id=%01;type=private;pin-source=file:{source}"
        certificate = "pkcs11:manufacturer=sealkey;id=%01;type=cert"
        with portal.Portal(self.work / "portal", self.authority, **how) as site:
            done = self.key.run(["curl", "--silent", "--show-error", "--noproxy", "*", "--tlsv1.3",
                                 "--cacert", site.server_ca, site.url, "--engine", "pkcs11",
                                 "--key-type", "ENG", "--key", key, "--cert-type", "ENG", "--cert", certificate], env={"PKCS11_MODULE_PATH": str(MODULE)}, ok=None)
        return done.out, (site.log() or [""])[-1]  # nginx has ended: all that it had to say is there

    def issuer(self):
        key = serialization.load_pem_private_key((self.work / "ca.key").read_bytes(), None)
        return key, x509.load_pem_x509_certificate(self.authority.read_bytes()).subject

    def own(self):
        return x509.load_pem_x509_certificate(self.certificates["9a"].read_bytes())

    def replace_certificate(self, days, key=None, issuer=None):
        """The certificate over the same key again, with other dates or by another authority."""
        old, now = self.own(), datetime.datetime.utcnow()
        own_key, name = self.issuer()
        made = x509.CertificateBuilder().subject_name(old.subject).issuer_name(issuer or name).public_key(old.public_key())
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now + datetime.timedelta(days=days[0]))
        made = made.not_valid_after(now + datetime.timedelta(days=days[1])).sign(key or own_key, hashes.SHA256())
        path = self.work.write("other.crt", made.public_bytes(serialization.Encoding.PEM))
        self.yubico("-a", "import-certificate", "-s", "9a", "-i", path)

    def revocations(self, *serials):
        key, name = self.issuer()
        now = datetime.datetime.utcnow()
        made = x509.CertificateRevocationListBuilder().issuer_name(name).last_update(now)
        made = made.next_update(now + datetime.timedelta(days=9))
        for serial in serials:
            revoked = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now)
            made = made.add_revoked_certificate(revoked.build())
        return self.work.write("crl.pem", made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def test_good_certificate_opens_the_page_where_others_are_revoked(self):
        page, _ = self.page(crl=self.revocations(12345))
        self.assertIn(ENTERPRISE, page)

    def test_revoked_certificate_is_refused(self):
        page, logged = self.page(crl=self.revocations(self.own().serial_number))
        self.assertIn(REFUSED, page)
        self.assertNotIn(ENTERPRISE, page)
        self.assertIn("certificate revoked", logged)

    def test_expired_certificate_is_refused(self):
        self.replace_certificate((-9, -1))
        page, logged = self.page()
        self.assertIn(REFUSED, page)
        self.assertIn("certificate has expired", logged)

    def test_certificate_by_another_authority_is_refused(self):
        stranger = x509.Name.from_rfc4514_string("CN=Test CA")  # by its name the right one
        self.replace_certificate((-1, 9), key=ec.generate_private_key(ec.SECP256R1()), issuer=stranger)
        page, _ = self.page()
        self.assertIn(REFUSED, page)
        self.assertNotIn(ENTERPRISE, page)

    def test_locked_key_opens_nothing_with_any_program(self):
        with harness.Card() as card:
            card.select()
            while card.tries():
                card.verify("999999")
        page, _ = self.page()
        self.assertNotIn(ENTERPRISE, page)
        uri = "pkcs11:manufacturer=sealkey;id=%01;type=private"
        self.key.run(["p11tool", "--provider", MODULE, "--login", "--test-sign", uri], env={"GNUTLS_PIN": self.pin}, ok=False)
        done = self.key.run(["pkcs11-tool", "--module", MODULE, "--login", "--pin", self.pin, "--list-objects"], ok=False)
        self.assertIn("CKR_PIN_LOCKED", done.err)
        self.assertEqual(self.tries(), 0)

    def test_key_taken_out_opens_nothing(self):
        self.key.unplug()
        page, _ = self.page()
        self.assertNotIn(ENTERPRISE, page)


if __name__ == "__main__":
    harness.main()
