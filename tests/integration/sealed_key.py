"""A key as an enterprise has it: certificates, seal, its PIN set. And what a test wants to know of how it was used."""
import json

import harness
import personalise
from seal_maker import SealMaker

PIN = "135792"


def pem(der):
    from cryptography import x509  # pylint: disable=import-outside-toplevel
    from cryptography.hazmat.primitives import serialization  # pylint: disable=import-outside-toplevel
    return x509.load_der_x509_certificate(der).public_bytes(serialization.Encoding.PEM)


class SealedKeyCase(harness.Case):
    def ship(self, seal=lambda maker, certificates: maker.make([certificates[0x9C]]), **how):
        """A key in the reader, activated. seal(maker, certificates) makes its seal; None: no seal."""
        self.key = self.simulator()
        self.maker = SealMaker(self.work.path)
        with harness.Card() as card:
            self.made = personalise.ship(
                card, self.key.birth_record,
                seal=(lambda certificates: seal(self.maker, certificates)) if seal else b"", **how)
        request = json.loads(self.key.run(["sealkey", "status", "--json"]).out)["lock"]["request_code"]
        self.key.run(["sealkey", "activate"],
                     env={"SEALKEY_CODE": self.made.code_for_request(request), "SEALKEY_NEW_PIN": PIN})
        self.authority = self.work.write("ca.pem", pem(self.made.authority.certificate_der()))

    def sealkey(self, *arguments, pin=PIN, **how):
        return self.key.run(["sealkey", *arguments], env={"SEALKEY_PIN": pin}, **how)

    def refused(self, *arguments, **how):
        """A refusal with --json: its error. ok is False and the exit code is the one that it names."""
        done = self.sealkey(*arguments, "--json", ok=False, **how)
        answer = json.loads(done.out)
        self.assertIs(answer["ok"], False)
        self.assertEqual(answer["error"]["code"], done.code)
        return answer["error"]

    def presented(self, since):
        """How often a PIN was presented, and the private key used, after APDU number `since`."""
        commands = [entry["command"] for entry in self.key.log(since + 1)]  # secrets in them are masked
        return (sum(1 for c in commands if c.startswith("0020") and len(c) > 10),
                sum(1 for c in commands if c[1:4] == "087" and not int(c[:2], 16) & 0x10))

    def assert_refused_without_pin(self, fault, *arguments, code=None):
        since = self.key.apdu_count()
        error = self.refused(*arguments)
        self.assertEqual(error.get("fault"), fault, error)
        self.assertEqual(self.presented(since), (0, 0), "PIN or private key were used")
        if code is not None:
            self.assertEqual(error["code"], code)
        return error
