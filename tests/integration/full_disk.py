#!/usr/bin/env python3
# labels: bench clients
# timeout: 300
"""A disk that is full: files are there whole or not at all, the former one stays, no number or code is lost."""
import os
import pathlib
import subprocess

import harness
from bench_case import BenchCase
from cryptography import x509


class FullDisk(BenchCase):
    def setUp(self):
        super().setUp()
        self.make_ca()
        self.small = self.work / "small"

    def mount(self, path, kilobytes=64):
        """A file system of this size at the folder; with what the folder held."""
        path.mkdir(exist_ok=True)
        harness.run(["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k,mode=700", "none", path])
        self.addCleanup(harness.run, ["umount", path], ok=None)
        return path

    def fill(self, folder, leave=0):
        """Takes all room but so many blocks of 4096 bytes; returns the file that takes it."""
        ballast = folder / "ballast"
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        with open(ballast, "r+b") as file:
            file.truncate(max(0, ballast.stat().st_size // 4096 - leave) * 4096)
        return ballast

    @staticmethod
    def names(folder):
        return sorted(p.name for p in folder.iterdir() if p.name != "ballast")

    def crl_number(self, path=None):
        crl = x509.load_pem_x509_crl((path or self.ca / "crl.pem").read_bytes())
        return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number

    def test_code_that_finds_no_room_is_got_later_and_nothing_of_it_stays(self):
        key = self.simulator()
        small = self.mount(self.small)
        ballast = self.fill(small)
        done = self.issue_refused(key, options=("--code-file", small / "code"), code=13, words="No space left")
        serial = self.bench_json("inventory", "list")["keys"][0]["serial"]
        self.assertIn(f"Key {serial} is finished", done.err)
        self.assertIn(f"sealkey-bench activation-code --serial {serial} --code-file", done.err)
        self.assertEqual(self.names(small), [])
        # The two halves: room for one only.
        ballast.unlink()
        self.fill(small, leave=1)
        self.refused("activation-code", "--serial", serial, "--split", "--code-file", small / "half", code=13,
                     words="The code wasn't handed out")
        self.assertEqual(self.names(small), [])
        self.refused("activation-code", "--serial", serial, "--code-file", self.work / "no/where", code=13, words="No such file")
        # To a terminal that is a full device.
        with open("/dev/full", "wb") as full:
            ended = subprocess.run([harness.program("sealkey-bench"), "activation-code", "--serial", serial, "--show"],
                                   env={**os.environ, **self.environment}, stdout=full,
                                   stderr=subprocess.PIPE, check=False)
        self.assertEqual(ended.returncode, 13)
        self.assertIn(b"No space left", ended.stderr)
        # As the advice says.
        self.activate(key, serial, "739146")

    def test_crl_that_finds_no_room_leaves_the_former_and_no_number_is_used_twice(self):
        ca = self.work / "small-ca"
        self.mount(ca, 1024)
        harness.run(["cp", "-a", f"{self.ca}/.", ca])
        self.ca = ca
        self.environment["SEALKEY_CA_DIR"] = str(ca)
        self.bench("crl")
        first = self.crl_number()
        before = {name: (ca / name).read_bytes() for name in ("crl.pem", "crl.der")}
        names = self.names(ca)
        # crl.pem.XXXXXX can't be written, the inventory can: its folder is made unwritable for new files by a full disk
        # whose last blocks the inventory's journal takes and gives back.
        failed = 0
        for leave in range(0, 40):
            ballast = self.fill(ca, leave)
            done = self.bench("crl", ok=None)
            ballast.unlink()
            # The inventory's log stays when it finds no room to go into the file; the next command takes it up.
            left = [name for name in self.names(ca) if name not in ("inventory.sqlite-wal", "inventory.sqlite-shm")]
            self.assertEqual(left, names, "something was left behind")
            if done.code == 0:
                break
            failed += 1
            self.assertEqual(done.code, 13, done)
            for name, content in before.items():
                if (ca / name).read_bytes() != content:
                    self.assertEqual((name, "can't be written" in done.err), ("crl.pem", True))
                    before[name] = (ca / name).read_bytes()
            self.bench("inventory", "audit")
            self.assertEqual(self.names(ca), names, "the inventory isn't in one file again")
        self.assertGreater(failed, 0, "the disk never was full")
        numbers = [int(row["subject"]) for row in self.audit() if row["action"] == "crl"]
        self.assertEqual(numbers, sorted(set(numbers)), "a number was used twice")
        self.assertEqual(self.crl_number(), numbers[-1])
        self.assertGreater(self.crl_number(), first)

    def test_crl_file_that_can_not_be_written_takes_its_number_with_it(self):
        """The crash between the number and the file: the folder of that name is in the way of the renaming."""
        self.bench("crl")
        number = self.crl_number()
        kept = (self.ca / "crl.pem").read_bytes()
        pathlib.Path(self.ca / "crl.pem").unlink()
        (self.ca / "crl.pem").mkdir()
        self.refused("crl", code=13, words="sealkey-bench crl")
        self.assertEqual([p.name for p in self.ca.iterdir() if p.name.startswith("crl.pem")], ["crl.pem"])
        (self.ca / "crl.pem").rmdir()
        (self.ca / "crl.pem").write_bytes(kept)
        self.assertEqual(self.crl_number(self.ca / "crl.pem"), number)
        self.bench("crl")
        self.assertEqual(self.crl_number(), number + 2)
        self.assertEqual([int(row["subject"]) for row in self.audit() if row["action"] == "crl"],
                         [number, number + 1, number + 2])

    def test_users_files_stay_as_they_were(self):
        key = self.simulator()
        self.activate(key, self.issue(key)["serial"], "739146")
        small = self.mount(self.small)
        file = self.work.write("file", b"licence")
        signature = small / "file.p7s"
        arguments = ["sealkey", "sign", file, "-o", signature, "--force"]
        pin = {"SEALKEY_PIN": "739146"}
        key.run(arguments, env=pin)
        former = signature.read_bytes()
        self.fill(small)
        self.assertIn("No space left", key.run(arguments, env=pin, code=13).err)
        self.assertEqual(signature.read_bytes(), former)
        certificate = small / "certificate.pem"
        key.run(["sealkey", "export", "certificate", "--output", certificate], code=13)
        self.assertEqual(self.names(small), ["file.p7s"])


if __name__ == "__main__":
    harness.main()
