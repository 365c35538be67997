"""A token of the compatibility profile with keys and certificates, made by Debian's yubico-piv-tool. For client tests."""
import harness
from harness import DEFAULT_PIN


class PersonalisedCase(harness.Case):
    """self.key: the simulator; certificates by slot in self.certificates after personalise()."""

    def setUp(self):
        super().setUp()
        self.key = self.simulator(profile="compatibility")
        self.certificates = {}

    def yubico(self, *arguments, **how):
        return self.key.run(["yubico-piv-tool", "-r", "", *arguments], **how)

    def certify(self, slot, public):
        """A certificate over the token's public key, by a CA of the test's own."""
        authority, key, certificate = self.work / "ca.crt", self.work / "ca.key", self.work / f"{slot}.crt"
        if not authority.exists():
            harness.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
                         "-subj", "/CN=Test CA", "-out", authority])
        harness.run(["openssl", "x509", "-new", "-force_pubkey", public, "-subj", f"/O=Example Import/CN=slot {slot}",
                     "-CA", authority, "-CAkey", key, "-days", "30", "-out", certificate])
        self.authority = authority
        self.certificates[slot] = certificate
        return certificate

    def personalise(self, *slots):
        """slots: pairs of slot and algorithm; each gets a generated key and a certificate."""
        for slot, algorithm in slots:
            self.generate(slot, algorithm)

    def generate(self, slot, algorithm, *more):
        public = self.work / f"{slot}.pub"
        self.yubico("-a", "generate", "-s", slot, "-A", algorithm, "-o", public, *more)
        certificate = self.certify(slot, public)
        self.yubico("-a", "import-certificate", "-s", slot, "-i", certificate)
        return public, certificate

    def public_key(self, slot):
        text = harness.run(["openssl", "x509", "-pubkey", "-noout", "-in", self.certificates[slot]]).out
        return self.work.write(f"{slot}.pem", text)
