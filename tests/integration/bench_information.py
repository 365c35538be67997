#!/usr/bin/env python3
# labels: bench clients renewal
# timeout: 400
"""What a renewal changes and what it leaves: the enterprise's code, certificates near and past their end, old documents."""
import datetime
import json

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

import application_pdf
import harness
from bench_case import CODE, OLD_CODE, OTHER_CODE, PASSPHRASE
from renewal_case import PIN, RenewalCase
from timestamp_authority import TimestampAuthority

DAY = datetime.timedelta(days=1)


class Information(RenewalCase):
    def inventory(self, statement, *values):
        with self.inventory_file() as database:
            return database.execute(statement, values).fetchall()

    def status(self):
        return json.loads(self.key.run(["sealkey", "status", "--json"]).out)

    def make_old_code(self, serial):
        """The inventory as a provider has it from before the unified code: the bench makes no such key any more."""
        (order,), = self.inventory("SELECT order_text FROM tokens WHERE serial = ?", serial)
        order = {**json.loads(order), "unified_code": OLD_CODE}
        self.inventory("UPDATE tokens SET unified_code = ?, order_text = ? WHERE serial = ?", OLD_CODE, json.dumps(order), serial)

    def make_end(self, serial, end):
        """The issuing CA's own certificates for this key, but with this end."""
        key = serialization.load_pem_private_key((self.ca / "issuing.key").read_bytes(), PASSPHRASE.encode())
        for number, der in self.inventory("SELECT serial, der FROM certificates WHERE token = ? AND slot <> 'F9'", serial):
            old = x509.load_der_x509_certificate(bytes.fromhex(der))
            builder = x509.CertificateBuilder(old.issuer, old.subject, old.public_key(), old.serial_number, end - 900 * DAY, end)
            for extension in old.extensions:
                builder = builder.add_extension(extension.value, extension.critical)
            new = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
            self.inventory("UPDATE certificates SET der = ?, not_after = ? WHERE serial = ?", new.hex(),
                           end.strftime("%Y-%m-%dT%H:%M:%SZ"), number)

    def test_N7_N16_from_13_to_18_characters_through_the_whole_renewal(self):
        serial = self.deliver()
        self.make_old_code(serial)
        service = self.service()
        approve = ("renewals", "approve", "--serial", serial, "--request", "R-5", "--code")
        # Characters 5-13 of the old code are positions 9-17 of the new one; and the new one's own check character.
        self.refused(*approve, OTHER_CODE, code=10, words=OLD_CODE)
        self.refused(*approve, CODE[:-1] + "4", code=10, words="check character")
        self.refused(*approve, CODE[:-1], code=10, words="18")
        self.assertEqual(json.loads(self.renew(service.url, code=7).out)["error"]["state"], "not_approved")
        self.bench(*approve, CODE)
        self.assertEqual(json.loads(self.renew(service.url).out)["state"], "renewed")
        enterprise = self.status()["enterprise"]
        self.assertEqual((enterprise["unified_code"], enterprise["old_code"]), (CODE, OLD_CODE))
        shown = self.bench_json("inventory", "show", "--serial", serial)
        self.assertEqual(shown["unified_code"], CODE)
        self.bench("check", "--serial", serial, env={"SEALKEY_PIN": PIN})
        # From now on it is a unified code: another organisation's isn't taken, the old one neither.
        self.refused(*approve, OTHER_CODE, code=10, words="another organisation")
        self.refused(*approve, OLD_CODE, code=10, words="18")

    def test_N14_renewed_until_thirty_days_after_the_end_and_not_later(self):
        serial = self.deliver()
        service = self.service()
        approve = ("renewals", "approve", "--serial", serial, "--request", "R-6")
        now = datetime.datetime.utcnow().replace(microsecond=0)
        self.make_end(serial, now - 31 * DAY)
        self.refused(*approve, code=7, words="30 days")
        # Approved in time, and asked for too late.
        self.make_end(serial, now - 29 * DAY)
        self.bench(*approve)
        self.make_end(serial, now - 31 * DAY)
        error = json.loads(self.renew(service.url, code=7).out)["error"]
        self.assertEqual(error["fault"], "expired")
        self.make_end(serial, now - 29 * DAY)
        result = json.loads(self.renew(service.url).out)
        self.assertEqual((result["state"], result["resumed"]), ("renewed", True))
        self.bench("check", "--serial", serial, env={"SEALKEY_PIN": PIN})

    def test_a_document_stamped_before_a_renewal_verifies_after_it_by_its_timestamp(self):
        serial = self.deliver()
        time = TimestampAuthority(self)
        source = self.work.write("application.pdf", application_pdf.make())
        timed, untimed = self.work / "timed.pdf", self.work / "untimed.pdf"
        seal = ["--seal-ca", self.ca / "seal-root.pem"]
        pin = {"SEALKEY_PIN": PIN}
        stamp = ["sealkey", "stamp", source]
        self.key.run([*stamp, timed, "--at", "120,200", *seal, "--timestamp", time.url], env=pin)
        self.key.run([*stamp, untimed, "--at", "120,200", *seal], env=pin)
        stamped = datetime.datetime.utcnow()
        authority = self.work.write("ca.pem", (self.ca / "root.pem").read_bytes() + (self.ca / "issuing.pem").read_bytes())
        service = self.service()
        self.bench("renewals", "approve", "--serial", serial, "--request", "R-7")
        # The renewal revokes. Lists tell seconds, and what was signed in the very second counts as signed too late.
        harness.until(lambda: datetime.datetime.utcnow().replace(microsecond=0) > stamped, "the second is over", 5)
        self.assertEqual(json.loads(self.renew(service.url).out)["state"], "renewed")
        verify = ["--ca", authority, *seal, "--crl", self.ca / "crl.pem", "--timestamp-ca", time.root, "--json"]
        one, = json.loads(self.key.run(["sealkey", "verify", timed, *verify]).out)["signatures"]
        self.assertEqual(one["signed_at"], one["timestamp"]["time"])
        error = json.loads(self.key.run(["sealkey", "verify", untimed, *verify], ok=False).out)["error"]
        self.assertEqual((error["name"], error["fault"]), ("not_verified", "revoked"))
        # What is stamped now is by the new certificate, with the reissued seal.
        after = self.work / "after.pdf"
        self.key.run([*stamp, after, "--at", "120,200", *seal], env=pin)
        self.key.run(["sealkey", "verify", after, *verify])


if __name__ == "__main__":
    harness.main()
