#!/usr/bin/env python3
# labels: usb
# timeout: 300
"""The simulated key under a real Linux kernel (Debian's, in QEMU): vhci-hcd plugs it in by USB/IP; our own driver uses it, and
then the system's pcscd, libccid, OpenSC, yubico-piv-tool and our module; the plug is pulled and put back, also in mid-command."""
import base64
import pathlib
import time

import guest
import harness

MODULE = harness.MODULE
OPENSC = harness.OPENSC_MODULE
PIV = "yubico-piv-tool --reader sealkey"
DEVICE = "$(dirname $(grep -l 1209 /sys/bus/usb/devices/*/idVendor))"


class RealKernel(harness.Case):
    """Profile: compatibility. One guest serves all steps, since it takes long to start."""

    # An RSA key takes the chip half a minute at least: 5 s and more here.
    scale = "0.17"

    def step(self, what):
        took = f"{time.monotonic() - self.begin:6.1f} s, {self.linux.cpu_seconds():5.1f} s of processor time"
        print(f"{took}: {what}", flush=True)

    def attach(self):
        port = self.key.control("status")["usbip_port"]
        self.linux.run(f"usbip --tcp-port {port} attach -r {guest.HOST} -b 1-1")
        self.linux.until("grep -lq 1209 /sys/bus/usb/devices/*/idVendor", "the kernel has read what it is")
        self.linux.run("udevadm settle")

    def has_reader(self):
        self.linux.until("opensc-tool --list-readers | grep -q sealkey.USB.key", "pcscd has the reader")

    def has_gone(self):
        self.linux.until("! grep -lq 1209 /sys/bus/usb/devices/*/idVendor", "the kernel has seen it go")
        self.linux.until("! opensc-tool --list-readers | grep -q sealkey", "pcscd has seen it go")

    def start_pcscd(self):
        """The system's pcscd, with no reader but those on the bus; libccid is told our number (docs/usb.md), and to log messages."""
        bundle = "/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist"
        for field, value in (("ifdVendorID", "0x1209"), ("ifdProductID", "0x0001"), ("ifdFriendlyName", "sealkey USB key")):
            self.linux.run(f"sed -i '/<key>{field}</,/<array>/s|<array>|<array><string>{value}</string>|' {bundle}")
        self.linux.run("mkdir /run/pcscd/readers; LIBCCID_ifdLogLevel=7 pcscd --foreground --debug --config /run/pcscd/readers >/run/pcscd/log 2>&1 &")
        self.linux.logs.append("/run/pcscd/log")
        self.has_reader()

    def get(self, name):
        """A file of the guest's, in the workspace."""
        return self.work.write(name, base64.b64decode(self.linux.run(f"base64 -w0 {name}")))

    def put(self, name):
        self.linux.run(f"echo {base64.b64encode((self.work / name).read_bytes()).decode()} | base64 -d > {name}")

    def make_key(self):
        """A key pair in 9A and a certificate, whose CA isn't in the guest."""
        self.linux.run(f"{PIV} -a generate -s 9a -A ECCP256 -o key.pem")
        public = self.get("key.pem")
        ca = [self.work / "ca.key", self.work / "ca.pem"]
        harness.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-subj", "/CN=CA",
                     "-keyout", ca[0], "-out", ca[1]])
        harness.run(["openssl", "x509", "-new", "-force_pubkey", public, "-subj", "/CN=Bus", "-CA", ca[1], "-CAkey", ca[0],
                     "-set_serial", "5", "-days", "30", "-out", self.work / "certificate.pem"])
        self.put("certificate.pem")
        self.linux.run(f"{PIV} -a import-certificate -s 9a -i certificate.pem")

    def sign(self, module):
        text = self.work.write("text", str(time.monotonic()))
        self.put("text")
        self.linux.run(f"pkcs11-tool --module {module} --login --pin {harness.DEFAULT_PIN} --sign --id 01 -m ECDSA-SHA256 "
                       "--signature-format openssl -i text -o signature")
        harness.run(["openssl", "dgst", "-sha256", "-verify", self.work / "key.pem", "-signature", self.get("signature"), text])

    def extensions(self):
        """Requests for more time that libccid has taken so far. It would wait 200 s without them: that is for other drivers."""
        return int(self.linux.run("grep -c 'Time extension requested' /run/pcscd/log", code=None)[0])

    def generation_seconds(self):
        """What the making of keys took so far, as waited."""
        return self.key.control("chip")["seconds"]["key_generation"] * float(self.scale)

    def computed(self):
        """Processor time of the simulator, in ticks of 10 ms."""
        fields = pathlib.Path(f"/proc/{self.key.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def generation_begins(self):
        """The command that makes an RSA key is under way, and lasts seconds yet."""
        before, idle = self.key.apdu_count(), self.computed()
        self.linux.send(f"{PIV} -a generate -s 9d -A RSA2048 -o rsa.pem")
        # The tool authenticates with the management key first, by two commands; the next one is it.
        harness.until(lambda: [e["name"] for e in self.key.log(before + 1)].count("GENERAL AUTHENTICATE") == 2,
                      "the tool has authenticated", self.linux.line_seconds)
        # All before takes it next to no time; and on a busy machine it may have computed by now, and only wait as long as the chip would.
        harness.until(lambda: self.computed() - idle >= 4, "the key computes", self.linux.line_seconds)

    def test_Lesson18_Lesson19_key_on_the_bus_of_a_real_kernel(self):
        self.key = self.simulator(sockets=True, profile="compatibility", options=["--usbip", "127.0.0.1:0", "--chip", "rp2040",
                                                                                  "--time-scale", self.scale])
        self.begin = time.monotonic()
        with guest.Guest() as self.linux:
            self.story()

    def story(self):
        linux = self.linux
        self.step(f"{linux.run('uname -r').strip()} is up")
        # udev reads its rules after it has gone to the background. It would take a half-copied file for good: it looks again only
        # where the folder has changed.
        linux.run(f"udevadm control --ping && cp {harness.ROOT}/host/package/70-sealkey.rules /lib/udev/rules.d && udevadm control --reload")
        self.attach()
        self.assertEqual(linux.run(f"cat {DEVICE}/manufacturer {DEVICE}/product {DEVICE}/speed").split("\n")[:3],
                         ["sealkey", "sealkey USB key", "12"])
        harness.until(lambda: ":uaccess:" in linux.run(f"udevadm info --query=property {DEVICE}"), "udev gives it to the seat",
                      linux.line_seconds)
        self.step("the kernel has it on the bus, and udev gives it to the seat")

        self.assertIn("USB ", linux.run(f"SEALKEY_USB=1 {harness.program('sealkey')} list"))
        self.step("our own driver lists it")

        self.start_pcscd()
        self.assertIn("3b:8d:01:80:73:c0", linux.run("opensc-tool --atr"))
        self.make_key()
        for module in (OPENSC, MODULE):
            self.sign(module)
        self.step("pcscd has it: a key, a certificate, and signatures by OpenSC's module and ours")

        before, extensions = self.generation_seconds(), self.extensions()
        linux.run(f"{PIV} -a generate -s 9d -A RSA2048 -o rsa.pem")
        self.assertGreater(self.generation_seconds() - before, 4)
        self.assertGreater(self.extensions() - extensions, 4, "one each half second")
        self.step("a command of some seconds, and the driver took the requests for more time")

        self.generation_begins()
        self.key.control("remove")
        self.assertNotEqual(linux.wait()[1], 0, "the tool can't have got its key")
        self.has_gone()
        harness.until(lambda: "taken out during GENERATE" in self.key.log_path.read_text(), "the key has ended its command", 60)
        self.step("the plug was pulled in the middle of a command")

        self.key.control("insert")
        self.attach()
        self.has_reader()
        self.sign(MODULE)
        self.step("and put back")

        self.generation_begins()
        self.key.control("remove")
        self.key.control("insert")
        self.assertNotEqual(linux.wait()[1], 0)
        self.has_gone()
        self.attach()
        self.has_reader()
        self.sign(OPENSC)
        self.step("pulled and put back at once")


if __name__ == "__main__":
    harness.main(pcscd=False)
