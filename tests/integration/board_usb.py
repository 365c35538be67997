#!/usr/bin/env python3
# labels: board usb
# timeout: 120
"""The board's image under the real libusb, libccid, pcscd and OpenSC: the emulated device stands in /dev/bus/usb of a mocked
system (umockdev), and Debian's programs, unchanged, make it a reader."""
import json
import os

import board_case
import harness
import personalise
import usb_bridge

PIN = "739146"


class RealStack(board_case.BoardCase):
    def setUp(self):
        super().setUp()
        lent = self.work / "usbip"
        self.key = self.board(sockets=True, options=["--usbip", lent])
        with self.key.card() as card:
            self.made = personalise.ship(card, self.key.birth_record)
        self.bridge = usb_bridge.Bridge(lent)
        self.addCleanup(self.bridge.close)
        self.pcscd = usb_bridge.Pcscd(self.bridge, self.work)
        self.addCleanup(self.pcscd.stop)

    def pcsc(self, arguments, **how):
        """A program that finds the key by pcscd alone."""
        try:
            return harness.run(arguments, **how)
        except AssertionError as failed:
            raise AssertionError(f"{failed}\npcscd:\n{self.pcscd.log.read_text(errors='replace')[-2000:]}") from failed

    def status(self):
        return json.loads(self.pcsc(["sealkey", "status", "--json"]).out)

    def test_opensc_sees_the_reader_and_signs_on_the_card(self):
        harness.until(lambda: "sealkey" in harness.run(["opensc-tool", "--list-readers"], ok=None).out, "pcscd has the reader", 30)
        self.assertIn("sealkey USB key", self.pcsc(["opensc-tool", "--list-readers"]).out)
        self.assertEqual(self.pcsc(["opensc-tool", "--atr"]).out.strip().replace(":", ""), "3b8d018073c001c0577365616c6b657945")

        # Activated and used: our tool by PC/SC, then OpenSC's module.
        code = self.made.code_for_request(self.status()["lock"]["request_code"])
        self.pcsc(["sealkey", "activate"], env={"SEALKEY_CODE": code, "SEALKEY_NEW_PIN": PIN})
        data = self.work.write("data", os.urandom(32))
        signature = self.work / "signature"
        self.pcsc(["pkcs11-tool", "--module", harness.OPENSC_MODULE, "--login", "--pin", PIN, "--id", "01", "--sign", "--mechanism",
                   "ECDSA", "--signature-format", "openssl", "--input-file", data, "--output-file", signature])
        certificate = self.work.write("9a.der", self.made.certificates[0x9A])
        public = self.work.write("9a.pub", harness.run(["openssl", "x509", "-inform", "DER", "-in", certificate, "-noout", "-pubkey"]).out)
        harness.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", public, "-in", data, "-sigfile", signature])
        # A wrong one is refused, and counted on the card.
        wrong = self.pcsc(["pkcs11-tool", "--module", harness.OPENSC_MODULE, "--login", "--pin", "000000", "--list-objects"], ok=False)
        self.assertIn("CKR_PIN_INCORRECT", wrong.out + wrong.err)
        self.assertEqual(self.status()["pin"]["tries_left"], 5)

        # Long answers in several transfers, and a chained command.
        self.assertEqual(self.pcsc(["sealkey", "export", "certificate", "--der"]).raw, self.made.certificates[0x9A])


if __name__ == "__main__":
    usb_bridge.in_own_namespaces()
    harness.main(pcscd=False)
