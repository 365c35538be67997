#!/usr/bin/env python3
# labels: clients pkcs11
# timeout: 120
"""Our module behind p11-kit: its proxy, a module in a process of its own (`remote:`), and its server at a socket.
Profile: compatibility."""
import os
import signal
import subprocess

import harness
import pkcs11_calls
from harness import MODULE

CLIENT = "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so"
REMOTE = f"remote: |p11-kit remote {MODULE}\n"


class P11Kit(pkcs11_calls.CallsCase):
    def check(self, run, module):
        """Signs with the login key over this module, and the signature is the key's; a wrong PIN costs one try."""
        tool = ["pkcs11-tool", "--module", module, "--token-label", self.label, "--login"]
        sign = ["--sign", "--id", "01", "-m", "SHA256-RSA-PKCS", "-i", self.data, "-o", self.work / "signature"]
        (self.work / "signature").unlink(missing_ok=True)
        run(*tool, "--pin", self.pin, *sign)
        harness.run(["openssl", "dgst", "-sha256", "-verify", self.public_key("9a"), "-signature", self.work / "signature",
                     self.data])
        before = self.key.apdu_count()
        run(*tool, "--pin", "999999", *sign, ok=False)
        self.assertEqual(len([e for e in self.key.log(before + 1) if e["name"] == "VERIFY" and "[" in e["command"]]), 1)

    def setUp(self):
        super().setUp()
        self.personalise(("9a", "RSA2048"))
        listed = self.key.run(["pkcs11-tool", "--module", MODULE, "--list-token-slots"]).out
        self.label = [line.partition(":")[2].strip() for line in listed.splitlines() if "token label" in line][0]

    def test_proxy(self):
        self.assertIn(self.label, self.with_p11_kit("p11-kit", "list-modules").out)
        self.check(self.with_p11_kit, pkcs11_calls.PROXY)

    def test_remoting(self):
        """The module runs in another process; p11-kit carries the calls through a pipe."""
        def run(*arguments, **how):
            return self.with_p11_kit(*arguments, text=REMOTE, **how)
        self.assertIn(self.label, run("p11-kit", "list-modules").out)
        self.check(run, pkcs11_calls.PROXY)

    def test_server(self):
        path = self.work / "server.sock"
        with open(self.work / "server.log", "wb") as log:
            # pylint: disable=consider-using-with
            server = subprocess.Popen(
                ["p11-kit", "server", "-f", "-n", path, "--provider", MODULE, "pkcs11:manufacturer=sealkey"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, **self.key.environment})

        def end():
            os.killpg(server.pid, signal.SIGKILL)
            server.wait()
        self.addCleanup(end)
        harness.until(path.exists, "p11-kit's server listens")

        def run(*arguments, **how):
            return self.run_it(*arguments, env={"P11_KIT_SERVER_ADDRESS": f"unix:path={path}"}, **how)
        self.check(run, CLIENT)


if __name__ == "__main__":
    harness.main()
