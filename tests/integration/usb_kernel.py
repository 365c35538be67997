#!/usr/bin/env python3
# labels: usb
# timeout: 400
"""The simulated key under a real Linux kernel (Debian's, in QEMU): vhci-hcd plugs it in by USB/IP, and the system's own
pcscd, libccid, OpenSC, yubico-piv-tool and our module use it; the plug is pulled and put back, also in mid-command."""
import pathlib
import time

import guest
import harness

MODULE = harness.MODULE
OPENSC = harness.OPENSC_MODULE
PIV = "yubico-piv-tool --reader sealkey"


class RealKernel(harness.Case):
    """Profile: compatibility. One guest serves all steps, since it takes long to start."""

    # An RSA key takes the chip half a minute at least: 5 s and more here, longer than libccid waits without being told.
    scale = "0.17"

    def start_pcscd(self, linux):
        """The system's pcscd, with no reader but those on the bus; libccid is told our number (docs/usb.md)."""
        bundle = "/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist"
        for field, value in (("ifdVendorID", "0x1209"), ("ifdProductID", "0x0001"), ("ifdFriendlyName", "sealkey USB key")):
            linux.run(f"sed -i '/<key>{field}</,/<array>/s|<array>|<array><string>{value}</string>|' {bundle}")
        linux.run("mkdir /run/pcscd/readers; pcscd --foreground --config /run/pcscd/readers >/run/pcscd/log 2>&1 &")

    def attach(self, linux):
        port = self.key.control("status")["usbip_port"]
        linux.run(f"usbip --tcp-port {port} attach -r {guest.HOST} -b 1-1")
        linux.until("opensc-tool --list-readers | grep -q sealkey.USB.key", "pcscd has the reader")

    def detached(self, linux):
        linux.until("! grep -lq 1209 /sys/bus/usb/devices/*/idVendor", "the kernel has seen it go")
        linux.until("! opensc-tool --list-readers | grep -q sealkey", "pcscd has seen it go")

    def signature(self, linux, module):
        sign = f"pkcs11-tool --module {module} --login --pin {harness.DEFAULT_PIN} --sign --id 01 -m ECDSA-SHA256 " \
               "--signature-format openssl -i text -o signature"
        linux.run(f"rm -f signature; {sign} && openssl dgst -sha256 -verify key.pem -signature signature text")

    def generation_seconds(self):
        """What the making of keys took so far, as waited."""
        return self.key.control("chip")["seconds"]["key_generation"] * float(self.scale)

    def computed(self):
        """Processor time of the simulator, in ticks of 10 ms."""
        fields = pathlib.Path(f"/proc/{self.key.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def generation_begins(self, linux):
        """The command that makes an RSA key is under way, and lasts seconds yet."""
        before = self.key.apdu_count()
        linux.send(f"{PIV} -a generate -s 9d -A RSA2048 -o rsa.pem")
        # The tool authenticates with the management key first, by two commands; the next one is it.
        harness.until(lambda: [e["name"] for e in self.key.log(before + 1)].count("GENERAL AUTHENTICATE") == 2,
                      "the tool has authenticated", 200)
        ticks = self.computed()
        harness.until(lambda: self.computed() - ticks >= 3, "the key computes", 200)

    def test_Lesson18_Lesson19_key_on_the_bus_of_a_real_kernel(self):
        self.key = self.simulator(sockets=True, profile="compatibility", options=["--usbip", "127.0.0.1:0", "--chip", "rp2040",
                                                                                  "--time-scale", self.scale])
        begin = time.monotonic()
        with guest.Guest() as linux:
            print(f"guest up after {time.monotonic() - begin:.1f} s: {linux.run('uname -r').strip()}", flush=True)
            self.start_pcscd(linux)
            self.attach(linux)
            print(f"reader there after {time.monotonic() - begin:.1f} s", flush=True)
            with self.subTest("what the kernel and the driver made of it"):
                device = "$(dirname $(grep -l 1209 /sys/bus/usb/devices/*/idVendor))"
                self.assertEqual(linux.run(f"cat {device}/manufacturer {device}/product {device}/speed").split("\n")[:3],
                                 ["sealkey", "sealkey USB key", "12"])
                self.assertIn("3b:8d:01:80:73:c0", linux.run("opensc-tool --atr"))

            with self.subTest("a key, a certificate, and signatures by OpenSC's module and ours"):
                linux.run(f"echo over the bus > text; {PIV} -a generate -s 9a -A ECCP256 -o key.pem")
                # Debian's tool can't sign with EC keys, so somebody else does.
                linux.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout ca.key -subj /CN=CA -out ca.pem")
                linux.run("openssl x509 -new -force_pubkey key.pem -subj /CN=Bus -CA ca.pem -CAkey ca.key -set_serial 5 -days 30 -out c.pem")
                linux.run(f"{PIV} -a import-certificate -s 9a -i c.pem")
                for module in (OPENSC, MODULE):
                    self.signature(linux, module)

            with self.subTest("a command that takes longer than the driver waits by itself"):
                before = self.generation_seconds()
                linux.run(f"{PIV} -a generate -s 9d -A RSA2048 -o rsa.pem")
                self.assertGreater(self.generation_seconds() - before, 4, "libccid's own patience is 3 s")

            with self.subTest("the plug is pulled in the middle of a command"):
                self.generation_begins(linux)
                self.key.control("remove")
                self.assertNotEqual(linux.wait()[1], 0, "the tool can't have got its key")
                self.detached(linux)

            with self.subTest("and put back"):
                self.key.control("insert")
                self.assertIn("taken out during GENERATE", self.key.log_path.read_text())
                self.attach(linux)
                self.signature(linux, MODULE)

            with self.subTest("pulled and put back at once"):
                self.generation_begins(linux)
                self.key.control("remove")
                self.key.control("insert")
                self.assertNotEqual(linux.wait()[1], 0)
                self.detached(linux)
                self.attach(linux)
                self.signature(linux, OPENSC)
        print(f"all of it {time.monotonic() - begin:.1f} s", flush=True)


if __name__ == "__main__":
    harness.main(pcscd=False)
