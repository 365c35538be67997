#!/usr/bin/env python3
# labels: packages
# timeout: 120
"""What is installed where; the Debian packages, installed on this system and removed again, in a mount namespace where all
that is written lies in memory; manual pages against the programs."""
import gzip
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

import harness

VERSION = re.search(r"project\(sealkey VERSION ([0-9.]+)", (harness.ROOT / "CMakeLists.txt").read_text())[1]
TRIPLET = harness.run(["dpkg-architecture", "-qDEB_HOST_MULTIARCH"]).out.strip()
MODULE = f"lib/{TRIPLET}/pkcs11/libsealkey-pkcs11.so"
RULE = "lib/udev/rules.d/70-sealkey.rules"
PAGES = harness.BUILD / "host/package"


def documents(package):
    return [f"share/doc/{package}/changelog.gz", f"share/doc/{package}/copyright"]


# Package -> all of its files, below /usr.
FILES = {
    "sealkey-token": ["bin/sealkey", RULE, "share/locale/zh_CN/LC_MESSAGES/sealkey.mo", "share/man/man1/sealkey.1.gz",
                      *documents("sealkey-token")],
    "libsealkey-pkcs11": [MODULE, f"lib/{TRIPLET}/pkgconfig/libsealkey-pkcs11.pc", "share/p11-kit/modules/sealkey.module",
                          "share/sealkey/firefox/policies.json", "share/man/man7/libsealkey-pkcs11.7.gz",
                          *documents("libsealkey-pkcs11")],
    "sealkey-bench": ["bin/sealkey-bench", "bin/sealkey-sim", "share/locale/zh_CN/LC_MESSAGES/sealkey-bench.mo",
                      "share/man/man1/sealkey-bench.1.gz", "share/man/man1/sealkey-sim.1.gz", *documents("sealkey-bench")],
}
# What each must depend on, besides what it links.
RELATIONS = {
    "sealkey-token": {"Depends": ["libpcsclite1", "libssl3"], "Recommends": ["libsealkey-pkcs11", "libnss3-tools", "pcscd"]},
    "libsealkey-pkcs11": {"Depends": ["libpcsclite1"], "Recommends": ["pcscd"]},
    "sealkey-bench": {"Depends": ["sealkey-token", "libsoci-sqlite3-4.0"], "Recommends": ["pcscd"]},
}


class Install(harness.Case):
    """cmake --install, into a place that isn't /usr."""

    def setUp(self):
        super().setUp()
        self.prefix = self.work / "opt"
        harness.run(["cmake", "--install", harness.BUILD, "--prefix", self.prefix])

    def test_what_is_installed_is_complete_and_works_from_there(self):
        there = {str(p.relative_to(self.prefix)) for p in self.prefix.rglob("*") if not p.is_dir()}
        self.assertEqual(there, {f for files in FILES.values() for f in files})
        for name in ("sealkey", "sealkey-bench"):
            self.assertIn(VERSION, harness.run([self.prefix / "bin" / name, "--version"]).out)
            self.assertIn("命令", harness.run([self.prefix / "bin" / name, "--help"], env={"LC_ALL": "zh_CN.UTF-8"}).out)
        # Files that name the module's place name this one.
        module = self.prefix / MODULE
        policy = json.loads((self.prefix / "share/sealkey/firefox/policies.json").read_text())
        self.assertEqual(policy["policies"]["SecurityDevices"]["Add"], {"sealkey": str(module)})
        self.assertIn(f"\nmodule: {module}\n", (self.prefix / "share/p11-kit/modules/sealkey.module").read_text())
        asked = harness.run(["pkg-config", "--variable=p11_module", "libsealkey-pkcs11"],
                            env={"PKG_CONFIG_PATH": str(self.prefix / "lib" / TRIPLET / "pkgconfig")}).out
        self.assertEqual(asked.strip(), str(module))
        key = self.simulator(sockets=True, profile="compatibility")
        self.assertIn("sealkey", key.run(["p11tool", "--provider", module, "--list-tokens"]).out)


class UdevRule(unittest.TestCase):
    """What udev makes of it under a real kernel: usb_kernel.py."""

    def test_it_names_the_keys_own_numbers_and_gives_the_device_to_the_seat(self):
        numbers = dict(re.findall(r"(kVendorId|kProductId) = 0x([0-9a-f]{4});", (harness.ROOT / "firmware/protocol/usb.h").read_text()))
        lines = (harness.ROOT / "host/package/70-sealkey.rules").read_text().splitlines()
        [rule] = [line for line in lines if not line.startswith("#")]
        for part in (f'ATTR{{idVendor}}=="{numbers["kVendorId"]}"', f'ATTR{{idProduct}}=="{numbers["kProductId"]}"',
                     'ATTR{manufacturer}=="sealkey"', 'TAG+="uaccess"'):
            self.assertIn(part, rule.split(", "))
        # systemd's own 73-seat-late.rules is what grants it: the tag has to be there by then.
        self.assertLess(pathlib.Path(RULE).name, "73")


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = harness.Workspace()
        cls.addClassCleanup(cls.work.close)
        harness.run(["cpack", "--config", harness.BUILD / "CPackConfig.cmake", "-B", cls.work / "built"], cwd=cls.work.path,
                    timeout=240)
        cls.debs = {p.name.split("_")[0]: p for p in (cls.work / "built").glob("*.deb")}

    def field(self, package, name):
        return harness.run(["dpkg-deb", "-f", self.debs[package], name]).out.strip()

    def test_each_holds_its_files_and_nothing_besides(self):
        self.assertEqual(set(self.debs), set(FILES))
        for package, files in FILES.items():
            with self.subTest(package):
                listing = harness.run(["dpkg-deb", "-c", self.debs[package]]).out.splitlines()
                self.assertEqual({line.split()[5] for line in listing if not line.startswith("d")}, {f"./usr/{f}" for f in files})
                for line in listing:
                    self.assertIn(" root/root ", line)
                    self.assertIn(line.split()[0], ("drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--"))
                # Nothing that is run at installation, no configuration file that outlives a removal.
                control = self.work / package
                harness.run(["dpkg-deb", "-e", self.debs[package], control])
                self.assertEqual({p.name for p in control.iterdir()}, {"control", "md5sums"})

    def test_relations_are_those_that_are_needed(self):
        for package, relations in RELATIONS.items():
            self.assertEqual(self.field(package, "Version"), VERSION)
            for name, wanted in relations.items():
                self.assertLessEqual(set(wanted), set(re.findall(r"(?:^|, )([a-z0-9.+-]+)", self.field(package, name))))

    def test_lintian_finds_nothing(self):
        found = harness.run(["lintian", "--allow-root", "--fail-on", "error,warning", *self.debs.values()], ok=None, timeout=240)
        self.assertEqual((found.code, found.out), (0, ""), found.err)

    def test_installed_and_removed_the_system_is_as_it_was(self):
        root = Copy(self)
        with harness.Simulator(profile="compatibility", sockets=True) as key:
            told = root.run(f"""
                dpkg -i {" ".join(map(str, self.debs.values()))} >&2
                echo "== version"; sealkey --version; sealkey-bench --version
                echo "== help"; LC_ALL=zh_CN.UTF-8 sealkey --help
                echo "== key"; sealkey list
                echo "== tokens"; p11tool --list-tokens
                echo "== policy"; grep -o '"/usr.*so"' /usr/share/sealkey/firefox/policies.json
                echo "== page"; man -w sealkey
                cd {root.path}; find upper/usr upper/etc -type f | sort
                dpkg -P {" ".join(self.debs)} >&2
                """, env={**key.environment, "SEALKEY_CACHE": "off"})
        part = dict(re.findall(r"^== (\w+)\n(.*?)(?=^== |\Z)", told, re.M | re.S))
        self.assertEqual(part["version"].split(), [VERSION, VERSION])
        self.assertIn("命令", part["help"])
        self.assertIn("Ready", part["key"])
        self.assertIn("sealkey", part["tokens"])
        self.assertEqual(part["policy"].strip(), f'"/usr/{MODULE}"')
        page, *files = part["page"].split()
        self.assertEqual(page, "/usr/share/man/man1/sealkey.1.gz")
        self.assertEqual(files, sorted(f"upper/usr/{f}" for each in FILES.values() for f in each))
        self.assertEqual(root.left(), [])


# What dpkg keeps about itself, and the manual's index.
OF_THE_SYSTEM = ("var/lib/dpkg", "var/log", "var/cache/man", "var/cache/debconf")


class Copy:
    """This system once more, in a mount namespace: what is written there lies in memory and goes with the test."""

    def __init__(self, case):
        folder = tempfile.TemporaryDirectory(prefix="sealkey-root-")
        case.addCleanup(folder.cleanup)
        self.path = pathlib.Path(folder.name)
        self.unshare = ["unshare", "--mount"] + ([] if os.getuid() == 0 else ["--map-root-user"])
        made = subprocess.run([*self.unshare, "sh", "-ec", self._mounts()], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            case.skipTest(f"mount namespaces or overlays are forbidden here: {made.stderr.strip()}")
        self._left = None

    def _mounts(self):
        tmp = tempfile.gettempdir()
        return f"""
            mount -t tmpfs memory {self.path}; cd {self.path}; mkdir upper work root
            mount -t overlay overlay -o lowerdir=/,upperdir=upper,workdir=work root
            mount --rbind /proc root/proc; mount --rbind /dev root/dev; mount --rbind {tmp} root{tmp}
            """

    def run(self, script, env):
        inside = pathlib.Path(f"{self.path}.inside")  # the folder itself has the copy mounted over it
        inside.write_text("set -e\n" + script)
        try:
            out = harness.run([*self.unshare, "sh", "-ec", self._mounts() + f"""
                chroot root sh {inside}
                echo '== left'; cd upper; find . -mindepth 1 -printf '%y %P\\n'"""], env=env, timeout=240).out
        finally:
            inside.unlink()
        out, left = out.split("== left\n")
        self._left = [line.split(" ", 1) for line in left.splitlines()]
        return out

    def left(self):
        """What differs from the system as it was: files written or deleted, folders that weren't there."""
        return [name for kind, name in self._left
                if not name.startswith(OF_THE_SYSTEM) and not (kind == "d" and os.path.isdir("/" + name))]


class ManualPages(unittest.TestCase):
    def page(self, name):
        return gzip.decompress((PAGES / (name + ".gz")).read_bytes()).decode()

    def options_of(self, program, *words):
        """Every option, and every command as its words, that --help shows."""
        text = harness.run([program, *words, "--help"]).out
        yield from re.findall(r"^  (?:-\w,)?(--[a-z][a-z0-9-]*)", text, re.M)
        below = text.split("\nCommands:")
        for name in re.findall(r"^  ([a-z][a-z0-9-]*)(?: {2,}|$)", below[1], re.M) if len(below) > 1 else []:
            yield " ".join((*words, name))
            yield from self.options_of(program, *words, name)

    def test_each_tells_every_command_and_option_and_none_besides(self):
        for program, least in (("sealkey", 40), ("sealkey-bench", 80), ("sealkey-sim", 10)):
            with self.subTest(program):
                text = self.page(program + ".1").replace("\\-", "-")
                told = set(re.findall(r"^\.B (?:-\w,)?(--[a-z][a-z0-9-]*)", text, re.M)) | set(re.findall(r"^\.SS (.*)", text, re.M))
                shown = set(self.options_of(program))
                self.assertGreater(len(shown), least)
                self.assertEqual(told, shown)

    def test_the_modules_tells_every_variable_that_it_reads(self):
        sources = [p for folder in ("pkcs11-module", "host/transport") for p in (harness.ROOT / folder).glob("*.cpp")]
        read = {name for p in sources for name in re.findall(r'getenv\("(\w+)"\)', p.read_text())}
        told = set(re.findall(r"^\.B (SEALKEY_\w+)", self.page("libsealkey-pkcs11.7"), re.M))
        self.assertGreater(len(read), 1)
        self.assertEqual(told, {name for name in read if name.startswith("SEALKEY_")})

    def test_man_shows_them_without_complaint(self):
        pages = sorted(PAGES.glob("*.[1-8].gz"))
        self.assertEqual(len(pages), 4)
        for page in pages:
            done = harness.run(["man", "--warnings", "-l", page], env={"MANWIDTH": "80"})
            self.assertIn("NAME", done.out)
            self.assertEqual(done.err, "", page)


if __name__ == "__main__":
    harness.main(pcscd=False)
