#!/usr/bin/env python3
# labels: browser
# timeout: 120
"""`sealkey browser`: the key made known to the user's browsers by NSS's own modutil, in homes made for the test."""
import hashlib
import json
import os
import pathlib
import subprocess

import harness
from harness import MODULE, OPENSC_MODULE

CHINESE = {"LC_ALL": "zh_CN.UTF-8"}


def entries(folder):
    """Name -> library of the modules that NSS itself lists."""
    text = (pathlib.Path(folder) / "pkcs11.txt").read_text(encoding="utf-8")
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in text.split("\n\n")]
    return {b["name"]: b["library"] for b in blocks if b.get("library")}


def contents(folder):
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() if p.is_file() and not p.is_symlink() else ""
            for p in sorted(pathlib.Path(folder).rglob("*"))}


class BrowserCase(harness.Case):
    def setUp(self):
        super().setUp()
        self.home = self.work / "Home 主目录"
        self.home.mkdir()
        self.environment = {"HOME": str(self.home), "XDG_CONFIG_HOME": "", "XDG_DATA_HOME": ""}
        self.database = self.home / ".pki/nssdb"

    def browser(self, *arguments, code=0, env=None):
        return harness.run(["sealkey", "browser", *arguments], code=code, env={**self.environment, **(env or {})})

    def json(self, *arguments, code=0):
        return {p["folder"]: p for p in json.loads(self.browser(*arguments, "--json", code=code).out)["profiles"]}

    def profile(self, name="abc.默认 default", used=True):
        """A Firefox profile in profiles.ini, as one that Firefox has used before."""
        root = self.home / ".mozilla/firefox"
        folder = root / name
        folder.mkdir(parents=True)
        with open(root / "profiles.ini", "a", encoding="utf-8") as file:
            number = (root / "profiles.ini").read_text(encoding="utf-8").count("[Profile")
            file.write(f"[Profile{number}]\nName={name}\nIsRelative=1\nPath={name}\n\n")
        (folder / "prefs.js").write_text("// nothing\n")
        if used:
            harness.run(["modutil", "-force", "-create", "-dbdir", f"sql:{folder}"])
        return folder

    def registered(self, folder):
        return entries(folder).get("sealkey")


class Profiles(BrowserCase):
    def test_enabled_shown_enabled_again_and_disabled(self):
        firefox = self.profile()
        before = contents(firefox)
        self.assertEqual(self.json("status")[str(firefox)]["module"], "absent")
        self.assertIn("knows the key from its next start", self.browser("enable").out)
        self.assertEqual(self.registered(firefox), str(MODULE))
        self.assertEqual(self.registered(self.database), str(MODULE))  # Chromium's, made
        self.assertEqual(self.database.stat().st_mode & 0o777, 0o700)
        listed = harness.run(["modutil", "-dbdir", f"sql:{firefox}", "-list", "sealkey"], ok=None).out
        self.assertIn(str(MODULE), listed)
        self.assertEqual({p["module"] for p in self.json("status").values()}, {"present"})
        # A second time nothing is written.
        enabled = contents(self.home)
        self.assertIn("Nothing to do", self.browser("enable").out)
        self.assertEqual(contents(self.home), enabled)
        self.browser("disable")
        after = contents(firefox)
        self.assertEqual({n for n in before if before[n] != after.get(n)} | set(after) - set(before), set())
        self.assertNotIn("sealkey", entries(self.database))
        self.assertIn("Nothing to do", self.browser("disable").out)

    def test_every_profile_is_told_and_only_the_list_changes(self):
        used, new = self.profile("used"), self.profile("new", used=False)
        before = contents(used)
        self.browser("enable")
        after = contents(used)
        self.assertEqual({n for n in after if before.get(n) != after[n]}, {"pkcs11.txt"})
        self.assertEqual(self.registered(new), str(MODULE))

    def test_one_profile_alone(self):
        one, other = self.profile("one"), self.profile("other")
        self.browser("enable", "--profile", one)
        self.assertEqual(self.registered(one), str(MODULE))
        self.assertIsNone(self.registered(other))
        self.assertFalse(self.database.exists())

    def test_dry_run_and_status_change_nothing(self):
        self.profile()
        before = contents(self.home)
        self.assertIn("would be told", self.browser("enable", "--dry-run").out)
        self.browser("status")
        self.assertEqual(contents(self.home), before)

    def test_in_chinese(self):
        self.profile()
        self.assertIn("下次启动", self.browser("enable", env=CHINESE).out)

    def test_profile_with_a_primary_password(self):
        folder = self.profile()
        password = self.work.write("password", "correct horse\n")
        harness.run(["certutil", "-N", "-d", f"sql:{folder}", "-f", password, "-@", password], ok=None)
        self.browser("enable", "--profile", folder)
        self.assertEqual(self.registered(folder), str(MODULE))


class Others(BrowserCase):
    """What isn't ours stays."""

    def test_foreign_module_is_untouched(self):
        folder = self.profile()
        harness.run(["modutil", "-force", "-dbdir", f"sql:{folder}", "-add", "国 家 card", "-libfile", OPENSC_MODULE])
        before = entries(folder)
        self.browser("enable")
        self.assertEqual(entries(folder), {**before, "sealkey": str(MODULE)})
        self.browser("disable")
        self.assertEqual(entries(folder), before)

    def test_foreign_module_under_our_name_is_left_and_said(self):
        folder = self.profile()
        harness.run(["modutil", "-force", "-dbdir", f"sql:{folder}", "-add", "sealkey", "-libfile", OPENSC_MODULE])
        before = contents(folder)
        self.assertIn("another module under the name", self.browser("enable", "--profile", folder, code=7).err)
        self.browser("disable", "--profile", folder)
        self.assertEqual(contents(folder), before)
        self.assertEqual(self.json("status", "--profile", folder)[str(folder)]["module"], "name_taken")

    def test_an_earlier_place_of_ours_is_replaced(self):
        """The old file is gone, as after a package has moved it."""
        folder = self.profile()
        old = self.work / "old place"
        old.mkdir()
        old_module = old / "libsealkey-pkcs11.so"
        old_module.write_bytes(MODULE.read_bytes())
        harness.run(["modutil", "-force", "-dbdir", f"sql:{folder}", "-add", "电子钥匙", "-libfile", old_module])
        self.assertEqual(self.json("status", "--profile", folder)[str(folder)]["module"], "elsewhere")
        old_module.unlink()
        self.assertEqual(self.json("status", "--profile", folder)[str(folder)]["module"], "dangling")
        self.browser("enable", "--profile", folder)
        self.assertEqual(entries(folder), {"sealkey": str(MODULE)})

    def test_where_the_new_module_cannot_be_told_the_earlier_one_stays(self):
        """NSS loads what it is told of, and refuses what it can't load."""
        folder = self.profile()
        old_module = self.told_of_a_copy(folder)
        broken = self.work.write("broken.so", "no library")
        for gone in (False, True):
            if gone:
                old_module.unlink()
            before = contents(folder)
            said = self.browser("enable", "--profile", folder, "--module", broken, code=1).err
            self.assertIn("modutil says", said)
            self.assertIn("list of modules is as it was", said)
            self.assertEqual(contents(folder), before)
            self.assertEqual(self.registered(folder), str(old_module))

    def told_of_a_copy(self, folder):
        """The profile knows a module of the key in another place, by the command itself."""
        place = self.work / "installed 安装"
        place.mkdir()
        module = place / "libsealkey-pkcs11.so"
        module.write_bytes(MODULE.read_bytes())
        self.browser("enable", "--profile", folder, "--module", module)
        self.assertEqual(self.registered(folder), str(module))
        return module

    def test_module_uninstalled_under_a_profile(self):
        """As after `apt purge` without `sealkey browser disable` before it: NSS goes on, the doctor names the profile, and it
        can be cleaned afterwards."""
        folder = self.profile()
        before = contents(folder)
        self.told_of_a_copy(folder).unlink()
        self.assertEqual(harness.run(["certutil", "-L", "-d", f"sql:{folder}"]).code, 0)
        self.assertIn("sealkey", harness.run(["modutil", "-dbdir", f"sql:{folder}", "-list"]).out)
        self.assertIn("isn't there any more", self.browser("status", "--profile", folder).out)
        found = json.loads(harness.run(["sealkey", "doctor", "--json"], ok=None, env=self.environment).out)["findings"]
        self.assertEqual([f["health"] for f in found if f["finding"] == "browser_dangling" and str(folder) in f["text"]],
                         ["trouble"])
        self.assertIn("no longer knows", self.browser("disable", "--profile", folder).out)
        self.assertEqual(entries(folder), {})
        after = contents(folder)
        self.assertEqual({n for n in before if before[n] != after.get(n)} | set(after) - set(before), set())

    def test_browsers_from_snap_and_flatpak_are_named_and_left(self):
        snap = self.home / "snap/firefox/common/.mozilla/firefox/abc.default"
        flatpak = self.home / ".var/app/org.chromium.Chromium"
        snap.mkdir(parents=True)
        flatpak.mkdir(parents=True)
        before = contents(self.home / "snap")
        told = self.browser("enable")
        self.assertIn("comes from a snap", told.out)
        self.assertIn("comes from a flatpak", told.out)
        self.assertIn("apt install", told.out)
        self.assertEqual(contents(self.home / "snap"), before)
        self.assertIn("comes from a snap", self.browser("enable", "--profile", snap, code=7).err)


class Refused(BrowserCase):
    """Nothing is changed where it can't be, or mustn't."""

    def refused(self, folder, words, *arguments, code, env=None):
        before = contents(self.home)
        said = self.browser(*(arguments or ("enable", "--profile", folder)), code=code, env=env).err
        self.assertIn(words, said)
        self.assertEqual(contents(self.home), before)
        return said

    def test_profile_that_firefox_has_open(self):
        folder = self.profile()
        log = open(self.work / "log", "wb")
        self.addCleanup(log.close)
        # pylint: disable=consider-using-with
        firefox = subprocess.Popen(["firefox-esr", "--headless", "--no-remote", "--profile", str(folder)], stdout=log, stderr=log,
                                   stdin=subprocess.DEVNULL, env={**os.environ, **self.environment})
        try:
            harness.until(lambda: "in use by" in harness.run(
                ["sealkey", "browser", "enable", "--dry-run", "--profile", folder], ok=None, env=self.environment).err,
                "Firefox has the profile open", 60)
            said = self.browser("enable", "--profile", folder, code=7).err
            self.assertIn(f"firefox-esr (process {firefox.pid})", said)
            self.assertIn("Close it", said)
            self.assertIsNone(self.registered(folder))
            # Reading is free.
            self.assertEqual(self.json("status", "--profile", folder)[str(folder)]["module"], "absent")
        finally:
            firefox.kill()
            firefox.wait()
        # A crash leaves a link with the process's number: it hinders nobody.
        self.assertTrue((folder / "lock").is_symlink())
        self.browser("enable", "--profile", folder)
        self.assertEqual(self.registered(folder), str(MODULE))

    def test_database_that_any_program_has_open(self):
        self.browser("enable")
        self.browser("disable")
        with open(self.database / "cert9.db", "rb"):
            said = self.refused(self.database, "in use by python3", code=7)
        self.assertIn(f"process {os.getpid()}", said)

    def test_chromium_that_runs(self):
        """Its own link stands for it: the browser itself is run by another test."""
        self.browser("enable")
        self.browser("disable")
        lock = self.home / ".config/chromium/SingletonLock"
        lock.parent.mkdir(parents=True)
        lock.symlink_to(f"some-host-{os.getpid()}")
        self.refused(self.database, "in use by", "enable", code=7)
        gone = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True).stdout.strip()
        lock.unlink()
        lock.symlink_to(f"some-host-{gone}")
        self.browser("enable")

    def test_read_only_profile(self):
        if os.environ.get("SEALKEY_PCSCD") != "private":
            self.skipTest("nothing is mounted outside of a namespace")
        folder = self.profile()
        harness.run(["mount", "--bind", folder, folder])
        self.addCleanup(harness.run, ["umount", folder])
        harness.run(["mount", "-o", "remount,bind,ro", folder])
        self.refused(folder, "Read-only file system", code=13)

    def test_modutil_missing(self):
        folder = self.profile()
        said = self.refused(folder, "apt install libnss3-tools", code=1, env={"PATH": "/nonexistent"})
        self.assertIn("modutil", said)

    def test_module_that_nss_cannot_load(self):
        folder = self.profile()
        broken = self.work.write("broken.so", "no library")
        self.refused(folder, "modutil says", "enable", "--profile", folder, "--module", broken, code=1)

    def test_folders_that_are_no_profiles(self):
        (self.home / "empty").mkdir()
        self.refused(None, "isn't a browser's profile", "enable", "--profile", self.home / "empty", code=10)
        self.refused(None, "isn't there", "enable", "--profile", self.home / "none", code=10)
        self.refused(None, "isn't a file", "enable", "--module", self.home / "none.so", code=10)
        self.refused(None, "Nothing was done", "improve", code=2)
        self.refused(None, "HOME isn't set", "enable", code=2, env={"HOME": ""})


if __name__ == "__main__":
    harness.main()
