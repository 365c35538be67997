#!/usr/bin/env python3
# labels: clients pkcs11
# timeout: 120
"""OpenSSH logs in to an sshd of its own with the key, by ssh-agent and by `ssh -I`. Profile: compatibility."""
import getpass
import os
import signal
import socket
import subprocess

import harness
from harness import MODULE
from personal import PersonalisedCase


class Login(PersonalisedCase):
    def setUp(self):
        super().setUp()
        answer = self.work.write("answer", '#!/bin/sh\ncat "$SEALKEY_TEST_PIN"\n')
        answer.chmod(0o700)
        self.pin_file = self.work.write("pin", self.pin + "\n")
        self.environment = {"SSH_ASKPASS": str(answer), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":",
                            "SEALKEY_TEST_PIN": str(self.pin_file)}

    def server(self):
        """An sshd that lets the login key in and nobody else; returns its port."""
        listed = self.key.run(["ssh-keygen", "-D", MODULE]).out.splitlines()
        login = [line for line in listed if line.endswith(" Login")]
        self.assertEqual(len(login), 1, listed)
        keys = self.work.write("authorized_keys", login[0] + "\n")
        host_key = self.work / "host_key"
        if not host_key.exists():
            harness.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", host_key])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        public = host_key.with_suffix(".pub").read_text().split()
        self.work.write("known_hosts", f"[127.0.0.1]:{port} {public[0]} {public[1]}\n")
        configuration = self.work.write("sshd_config", f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {host_key}\n"
                                        f"AuthorizedKeysFile {keys}\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
                                        f"KbdInteractiveAuthentication no\nPermitRootLogin prohibit-password\nPidFile none\n")
        os.makedirs("/run/sshd", exist_ok=True)
        with open(self.work / "sshd.log", "ab") as log:
            # pylint: disable=consider-using-with
            process = subprocess.Popen([harness.program("sshd"), "-D", "-e", "-f", configuration], stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, start_new_session=True)

        def end():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.addCleanup(end)

        def answers():
            self.assertIsNone(process.poll(), (self.work / "sshd.log").read_text())
            try:
                socket.create_connection(("127.0.0.1", port), 5).close()
                return True
            except OSError:
                return False
        harness.until(answers, "sshd answers")
        return port

    def ssh(self, port):
        return ["ssh", "-F", "none", "-p", port, "-o", f"UserKnownHostsFile={self.work / 'known_hosts'}",
                "-o", "StrictHostKeyChecking=yes", "-o", "PreferredAuthentications=publickey"]

    def command(self):
        return [f"{getpass.getuser()}@127.0.0.1", "echo", "inside"]

    def by_module(self, port, **how):
        return self.key.run([*self.ssh(port), "-I", MODULE, "-o", "IdentityAgent=none", *self.command()],
                            env=self.environment, **how)

    def by_agent(self, port, **how):
        """The agent's helper process loads the module."""
        script = 'module=$0; ssh-add -q -s "$module" && "$@"; code=$?; ssh-add -q -e "$module"; exit $code'
        return self.key.run(["ssh-agent", "-P", MODULE, "sh", "-c", script, MODULE, *self.ssh(port), *self.command()],
                            env=self.environment, **how)

    def test_logs_in_by_module_and_by_agent(self):
        for algorithm in ("RSA2048", "ECCP256"):
            with self.subTest(algorithm):
                self.personalise(("9a", algorithm))
                port = self.server()
                before = self.key.apdu_count()
                self.assertEqual(self.by_module(port).out, "inside\n")
                print(f"ssh -I, {algorithm}: {self.key.apdu_count() - before} APDUs")
                before = self.key.apdu_count()
                self.assertEqual(self.by_agent(port).out, "inside\n")
                print(f"ssh-add -s and ssh, {algorithm}: {self.key.apdu_count() - before} APDUs")

    def test_wrong_pin_another_key_and_a_key_taken_out_are_refused(self):
        """Lesson 24."""
        self.personalise(("9a", "ECCP256"))
        port = self.server()
        self.pin_file.write_text("999999\n", encoding="utf-8")
        self.assertNotIn("inside", self.by_module(port, ok=False).out)
        self.assertEqual(self.tries(), 5)
        self.assertNotIn("inside", self.by_agent(port, ok=False).out)
        self.assertEqual(self.tries(), 4)
        self.pin_file.write_text(self.pin + "\n", encoding="utf-8")
        self.personalise(("9a", "ECCP256"))  # sshd knows the one before
        self.assertNotIn("inside", self.by_module(port, ok=False).out)
        self.key.unplug()
        self.assertNotIn("inside", self.by_module(port, ok=False).out)


if __name__ == "__main__":
    harness.main()
