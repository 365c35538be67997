#!/usr/bin/env python3
# labels: clients
# timeout: 180
"""`sealkey doctor`: each trouble of its table, provoked, is found and cured as it says.

The troubles are real ones: a pcscd that is stopped, hidden or full, an exclusive holder, keys in every state. Two are played, since
Debian 12's pcscd is built without polkit: a service that takes the connection and ends it (as one with polkit does) stands for its
refusal, and a card that isn't ours is a few lines of this test at vpcd's port. Profile: shipping, compatibility.
"""
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

import harness
import personalise
from usb_ports import UsbPorts

PIN = "135792"
CHINESE = {"LC_ALL": "zh_CN.UTF-8"}
SOURCE = (harness.ROOT / "host/cli/sealkey/doctor_findings.cpp").read_text(encoding="utf-8")
CONFIG = pathlib.Path("/run/pcscd/conf")
SOCKET = pathlib.Path("/run/pcscd/pcscd.comm")
provoked = set()


@contextlib.contextmanager
def mounted(*arguments):
    """Something laid over a path, for this test's namespace alone."""
    harness.run(["mount", *arguments])
    try:
        yield
    finally:
        harness.run(["umount", arguments[-1]])


def stop_pcscd():
    for pid in harness.run(["pgrep", "-x", "pcscd"], ok=None).out.split():
        if stat_of(pid) not in ("", "Z"):
            os.kill(int(pid), signal.SIGKILL)
            harness.until(lambda pid=pid: stat_of(pid) in ("", "Z"), "pcscd has ended")
    SOCKET.unlink(missing_ok=True)


def stat_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def start_pcscd(config=CONFIG):
    harness.run(["sh", "-c", f"{harness.program('pcscd')} --foreground --config {config} >>/run/pcscd/log 2>&1 &"])
    harness.until(SOCKET.exists, "the new pcscd is up")


@contextlib.contextmanager
def pcscd_with(config=None):
    """None: no pcscd at all."""
    if os.environ.get("SEALKEY_PCSCD") != "private":
        raise unittest.SkipTest("the system's own pcscd isn't stopped for a test")
    stop_pcscd()
    try:
        if config is not None:
            start_pcscd(config)
        yield
    finally:
        stop_pcscd()
        start_pcscd()


class OddCard:
    """A card at vpcd's reader that has an ATR and gives one answer to everything; None: it goes at the first command."""

    def __init__(self, answer):
        self.answer = answer

    def __enter__(self):
        self.link = socket.create_connection(("127.0.0.1", harness.FIRST_PORT))
        threading.Thread(target=self.serve, daemon=True).start()
        harness.until(harness.card_present, "pcscd sees the card")

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                head = self.link.recv(2, socket.MSG_WAITALL)
                if not head:
                    return
                body = self.link.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL)
                if len(body) > 1 and self.answer is None:
                    return self.link.shutdown(socket.SHUT_RDWR)
                out = bytes.fromhex("3B80800101") if body == b"\4" else b"" if len(body) == 1 else self.answer
                if out:
                    self.link.sendall(len(out).to_bytes(2, "big") + out)

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.link.shutdown(socket.SHUT_RDWR)
        self.link.close()
        harness.until(lambda: not harness.card_present(), "pcscd sees the card gone")


class DoctorCase(harness.Case):
    def setUp(self):
        super().setUp()
        self.home = self.work / "home"
        self.home.mkdir()
        self.environment = {"HOME": str(self.home), "XDG_CONFIG_HOME": "", "XDG_DATA_HOME": ""}

    def doctor(self, env=None, before=(), code=None):
        """Finding -> its entry; the exit code must be what they add up to."""
        done = harness.run([*before, harness.program("sealkey"), "doctor", "--json"], ok=None,
                           env={**self.environment, **(env or {})})
        document = json.loads(done.out)
        found = {f["finding"]: f for f in document["findings"]}
        troubles = [f for f in found.values() if f["health"] == "trouble"]
        self.assertEqual(done.code, 11 if troubles else 0)
        self.assertEqual(document["ok"], not troubles)
        for trouble in troubles:
            self.assertTrue(trouble["cure"])
        provoked.update(found)
        return found

    def finds(self, name, *words, **how):
        """This finding is among them, and says these words."""
        found = self.doctor(**how)
        self.assertIn(name, found)
        for word in words:
            self.assertIn(word, found[name]["text"] + " " + found[name]["cure"])
        return found

    def ship(self, **how):
        key = self.simulator()
        with harness.Card() as card:
            self.made = personalise.ship(card, key.birth_record, **how)
        return key

    def activate(self):
        code = json.loads(harness.run(["sealkey", "status", "--json"]).out)["lock"]["request_code"]
        harness.run(["sealkey", "activate"], env={"SEALKEY_CODE": self.made.code_for_request(code), "SEALKEY_NEW_PIN": PIN})

    def wrong_pins(self, count):
        for _ in range(count):
            harness.run(["sealkey", "check-pin"], ok=False, env={"SEALKEY_PIN": "999999"})


class Service(DoctorCase):
    def test_pcscd_stopped(self):
        with pcscd_with():
            found = self.finds("pcscd_not_running", "systemctl enable --now pcscd.socket")
            self.assertNotIn("no_reader", found)  # nothing is said of what couldn't be looked at
            self.assertNotIn("no_key", found)

    def test_pcscd_dead_with_its_socket_left(self):
        with pcscd_with():
            with socket.socket(socket.AF_UNIX) as left:
                left.bind(str(SOCKET))
            self.finds("pcscd_not_running")

    def test_pcscd_not_installed(self):
        with pcscd_with(), mounted("--bind", "/dev/null", harness.program("pcscd")):
            self.finds("pcscd_not_installed", "apt install pcscd")

    def test_socket_closed_to_this_user(self):
        other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        if harness.run([*other, "true"], ok=None).code != 0:
            self.skipTest("there is no second user in this namespace")
        os.chmod(SOCKET, 0o600)
        try:
            self.finds("pcscd_forbidden", "administrator", before=other)
        finally:
            os.chmod(SOCKET, 0o666)
        self.assertIn("service_good", self.doctor(before=other))

    def test_service_that_refuses_this_login(self):
        """A stand-in for polkit's refusal."""
        with pcscd_with(), socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(SOCKET))
            listener.listen()

            def refuse():
                with contextlib.suppress(OSError):
                    while True:
                        listener.accept()[0].close()

            threading.Thread(target=refuse, daemon=True).start()
            self.finds("pcscd_refuses", "polkit", env={"SSH_CONNECTION": ""} if "SSH_CONNECTION" in os.environ else None)
            self.finds("pcscd_refuses_remote", "SSH", env={"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"})
            listener.shutdown(socket.SHUT_RDWR)

    def test_simulators_in_its_place(self):
        key = self.simulator(sockets=True, profile="compatibility")
        self.assertIn("service_not_asked", self.doctor(env=key.environment))


class Readers(DoctorCase):
    def config(self, count):
        folder = self.work / f"conf{count}"
        folder.mkdir()
        port = harness.FIRST_PORT
        (folder / "reader.conf").write_text("".join(
            f'FRIENDLYNAME "Many {i}"\nDEVICENAME /dev/null:{port + 2 * i:#x}\n'
            f'LIBPATH /usr/lib/pcsc/drivers/serial/libifdvpcd.so\nCHANNELID {port + 2 * i:#x}\n' for i in range(count)))
        return folder

    def readers(self):
        """pyscard keeps to the pcscd that it found first."""
        return len(json.loads(harness.run(["sealkey", "list", "--json"]).out)["other_readers"])

    def test_no_reader_with_and_without_the_driver(self):
        with pcscd_with(self.config(0)):
            self.finds("no_reader", "another port")
            with mounted("-t", "tmpfs", "none", "/usr/lib/pcsc/drivers"):
                self.finds("no_reader_driver", "apt install libccid")

    def test_more_readers_than_places(self):
        with pcscd_with(self.config(9)):
            harness.until(lambda: self.readers() == 16, "all places are taken")
            self.finds("readers_full", "16")
        with pcscd_with(self.config(7)):
            harness.until(lambda: self.readers() == 14, "the readers are there")
            self.assertNotIn("readers_full", self.doctor())

    def test_exclusive_holder_is_named(self):
        self.simulator(profile="compatibility")
        holder = """if True:
            import sys
            from smartcard import scard
            context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)[1]
            reader = scard.SCardListReaders(context, [])[1][0]
            print(scard.SCardConnect(context, reader, scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_ANY)[0], flush=True)
            sys.stdin.read()"""
        with subprocess.Popen([sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            self.assertEqual(process.stdout.readline().strip(), "0")
            found = self.finds("reader_held", f"python3 (process {process.pid})")
            self.assertNotIn("no_key", found)
            process.stdin.close()
        self.assertNotIn("reader_held", self.doctor())

    def test_no_key_and_a_card_that_is_another(self):
        self.finds("no_key", "Plug the key in")
        with OddCard(bytes.fromhex("6D00")):
            found = self.finds("other_card", "isn't a sealkey")
            self.assertIn("no_key", found)

    def test_card_that_falls_silent_or_answers_nonsense(self):
        for answer in (None, b"\x90", bytes.fromhex("9000")):
            with self.subTest(answer), OddCard(answer):
                self.finds("reader_fails", "another port")


class Keys(DoctorCase):
    def test_key_that_works(self):
        self.ship()
        self.activate()
        harness.run(["sealkey", "browser", "enable"], env=self.environment)
        found = self.doctor()
        self.assertEqual({f["health"] for f in found.values()}, {"good"})
        self.assertEqual(set(found), {"service_good", "readers_good", "key_good", "certificate_good", "module_good", "browser_good"})
        told = harness.run(["sealkey", "doctor"], env=self.environment).out
        self.assertIn("Nothing is wrong", told)
        self.assertIn("没有发现问题", harness.run(["sealkey", "doctor"], env={**self.environment, **CHINESE}).out)

    def test_new_key_and_one_that_nobody_made(self):
        self.simulator()
        self.finds("key_not_made")

    def test_key_not_activated_then_low_then_locked(self):
        self.ship()
        self.finds("key_not_activated", "sealkey activate")
        self.activate()
        self.wrong_pins(3)
        self.assertNotIn("pin_low", self.doctor())
        self.wrong_pins(1)
        self.finds("pin_low", "2 tries left")
        self.wrong_pins(2)
        found = self.finds("key_locked", "sealkey unlock", personalise.SERIAL)
        self.assertNotIn("key_good", found)

    def test_key_that_no_code_opens(self):
        self.ship()
        for _ in range(25):
            harness.run(["sealkey", "activate"], ok=None,
                        env={"SEALKEY_CODE": self.made.code(900, 1), "SEALKEY_NEW_PIN": PIN})
        self.finds("key_bench_only", "provider")

    def test_key_withdrawn(self):
        self.simulator(profile="compatibility")
        with harness.Card() as card:
            card.select()
            harness.authenticate_management(card)
            self.assertEqual(card.transmit("80340F00")[1], 0x9000)
        self.finds("key_withdrawn", "provider")

    def test_published_pin_and_no_certificate(self):
        self.simulator(profile="compatibility")
        self.finds("pin_default", "change-pin")
        self.finds("no_certificate", "provider")

    def test_asking_spends_no_try(self):
        self.ship()
        self.activate()
        self.wrong_pins(1)
        for _ in range(2):
            self.doctor()
        self.assertEqual(json.loads(harness.run(["sealkey", "status", "--json"]).out)["pin"]["tries_left"], 5)


class Certificates(DoctorCase):
    def test_expired(self):
        self.ship(days=(-20, -2))
        self.finds("certificate_expired", "renewal", time.strftime("%Y-%m-%d", time.gmtime(time.time() - 2 * 86400)))

    def test_soon_to_expire(self):
        self.ship(days=(-20, 29))
        self.finds("certificate_soon", "in good time")

    def test_clock_before_the_certificates_begin(self):
        self.ship(days=(3, 300))
        self.finds("clock_behind", time.strftime("%Y-%m-%d", time.gmtime(time.time() + 3 * 86400)), "timedatectl")

    def test_object_that_is_no_certificate(self):
        key = self.simulator(profile="compatibility")
        with harness.Card() as card:
            apdus = personalise.Apdus(card)
            apdus.select()
            harness.authenticate_management(card)
            value = personalise.tlv(0x70, b"no certificate") + personalise.tlv(0x71, b"\0") + personalise.tlv(0xFE, b"")
            apdus.put(0x5FC105, value)
        self.assertTrue(key)
        self.finds("certificate_unreadable", "9A")


class Usb(DoctorCase):
    def test_key_that_this_user_may_not_open(self):
        other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        if harness.run([*other, "true"], ok=None).code != 0:
            self.skipTest("there is no second user in this namespace")
        key = harness.Simulator(sockets=True)
        self.addCleanup(key.close)
        key.start()
        ports = UsbPorts(key, ["A1"])
        self.addCleanup(ports.close)
        folder = pathlib.Path(ports.environment["UMOCKDEV_DIR"])
        harness.run(["chmod", "-R", "a+rwX", str(folder)])
        node = sorted(folder.glob("dev/bus/usb/001/*"))[-1]  # the first is the root hub
        node.chmod(0o600)
        found = self.finds("usb_forbidden", "A1", "administrator", env=ports.environment, before=other)
        self.assertEqual(found["service_passed_over"]["health"], "skipped")
        node.chmod(0o666)
        self.assertNotIn("usb_forbidden", self.doctor(env=ports.environment, before=other))


class Programs(DoctorCase):
    def test_no_browser_yet(self):
        self.assertIn("no_browser", self.doctor())

    def test_profile_that_does_not_know_the_key(self):
        database = self.home / ".pki/nssdb"
        harness.run(["sealkey", "browser", "enable"], env=self.environment)
        self.assertIn("browser_good", self.doctor())
        harness.run(["sealkey", "browser", "disable"], env=self.environment)
        self.finds("browser_absent", "sealkey browser enable", str(database))

    def test_profile_with_an_earlier_module_or_another_one(self):
        folder = self.home / ".pki/nssdb"
        folder.mkdir(parents=True)
        old = self.work / "old"
        old.mkdir()
        (old / "libsealkey-pkcs11.so").write_bytes(harness.MODULE.read_bytes())
        (folder / "pkcs11.txt").write_text(f"library={old}/libsealkey-pkcs11.so\nname=sealkey\n")
        self.finds("browser_elsewhere", "sealkey browser enable")
        (folder / "pkcs11.txt").write_text("library=/usr/lib/other.so\nname=sealkey\n")
        self.finds("browser_name_taken", "settings")

    def test_profile_that_names_a_module_that_has_gone(self):
        folder = self.home / ".pki/nssdb"
        folder.mkdir(parents=True)
        (folder / "pkcs11.txt").write_text("library=/old/libsealkey-pkcs11.so\nname=sealkey\n")
        self.finds("browser_dangling", "sealkey browser enable", "sealkey browser disable", "libsealkey-pkcs11",
                   str(folder))

    def test_browser_in_a_snap(self):
        (self.home / "snap/firefox").mkdir(parents=True)
        self.finds("browser_sandboxed", "snap", "apt install firefox-esr")

    def test_module_not_installed(self):
        alone = self.work / "bin"
        alone.mkdir()
        (alone / "sealkey").write_bytes(pathlib.Path(harness.program("sealkey")).read_bytes())
        (alone / "sealkey").chmod(0o755)
        done = harness.run([alone / "sealkey", "doctor", "--json"], ok=None, env=self.environment)
        found = {f["finding"] for f in json.loads(done.out)["findings"]}
        provoked.update(found)
        self.assertIn("module_missing", found)


class ZEveryFinding(harness.Case):
    """Runs last, by its name."""

    def test_each_row_of_the_table_was_provoked(self):
        if len(provoked) < 10 or os.environ.get("SEALKEY_PCSCD") != "private":
            self.skipTest("not every case was run")
        rows = set(re.findall(r'^    \{"(\w+)", Health::', SOURCE, re.M))
        self.assertGreater(len(rows), 30)
        self.assertEqual(rows - provoked, set())


if __name__ == "__main__":
    harness.main()
