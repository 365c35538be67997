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

    def personalise(self, *slots):
        """slots: pairs of slot and algorithm; each gets a generated key and a self-signed certificate."""
        for slot, algorithm in slots:
            public, certificate = self.work / f"{slot}.pub", self.work / f"{slot}.crt"
            self.yubico("-a", "generate", "-s", slot, "-A", algorithm, "-o", public)
            self.yubico("-a", "verify-pin", "-P", DEFAULT_PIN, "-a", "selfsign-certificate", "-s", slot,
                        "-S", f"/CN=slot {slot}/O=Example Import/", "-i", public, "-o", certificate)
            self.yubico("-a", "import-certificate", "-s", slot, "-i", certificate)
            self.certificates[slot] = certificate

    def public_key(self, slot):
        text = harness.run(["openssl", "x509", "-pubkey", "-noout", "-in", self.certificates[slot]]).out
        return self.work.write(f"{slot}.pem", text)
