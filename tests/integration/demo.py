#!/usr/bin/env python3
# labels: clients docs
# timeout: 300
"""The demo tells its story; what it keeps, and what docs/clients.md says to do with it, works as printed."""
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import unittest

import harness
from harness import ROOT

PAGE = ROOT / "docs/clients.md"


def demo(folder, *arguments):
    # pylint: disable=consider-using-with
    return subprocess.Popen([ROOT / "sim/demo.sh", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True, start_new_session=True,
                            env={**os.environ, "SEALKEY_DEMO_DIR": str(folder), "SEALKEY_BUILD": str(harness.BUILD)})


def processes_with(text):
    """Command lines of the running processes that name this."""
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue
        if text in line and "demo.py" not in line:
            found.append(line)
    return found


class KeptDemo(unittest.TestCase):
    """sim/demo.sh --keep, once for all cases."""

    @classmethod
    def setUpClass(cls):
        cls.parent = tempfile.TemporaryDirectory(prefix="sealkey-test-")
        cls.folder = pathlib.Path(cls.parent.name) / "demo"
        process = demo(cls.folder, "--keep")
        cls.output, _ = process.communicate(timeout=250)
        cls.code = process.returncode

    @classmethod
    def tearDownClass(cls):
        subprocess.run([ROOT / "sim/demo.sh", "--stop"], env={**os.environ, "SEALKEY_DEMO_DIR": str(cls.folder)},
                       check=False, capture_output=True)
        cls.parent.cleanup()

    def setUp(self):
        self.assertEqual(self.code, 0, self.output)

    def shell(self, commands):
        return subprocess.run([ROOT / "sim/shell.sh", "-c", f"set -euo pipefail\n{commands}"], check=False, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                              env={**os.environ, "SEALKEY_DEMO_DIR": str(self.folder)})

    def works(self, commands):
        done = self.shell(commands)
        self.assertEqual(done.returncode, 0, f"{commands}\n{done.stdout}{done.stderr}")
        return done.stdout

    def test_story_has_its_steps_and_a_summary(self):
        for number in range(1, 10):
            self.assertRegex(self.output, rf"(?m)^{number}  ")
            self.assertRegex(self.output, rf"step {number}: [\d.]+ s")
        self.assertRegex(self.output, r"\d+ things shown in [\d.]+ s")

    def test_story_shows_what_tore(self):
        torn = re.findall(r"bytes torn:\s+(\d+) of (\d+)", self.output)
        self.assertEqual(len(torn), 2)
        for count, of in torn:
            self.assertGreater(int(count), 0)
            self.assertGreaterEqual(int(of), int(count))

    def test_story_names_the_enterprise_that_the_portal_saw(self):
        self.assertIn("enterprise: 福建示例进出口有限公司", self.output)

    def test_Lesson14_the_portal_with_the_list_takes_the_new_certificate_and_refuses_the_old_one(self):
        log = (self.folder / "strict-portal/access.log").read_text().splitlines()
        self.assertIn("verify=SUCCESS status=200", log[0])
        self.assertIn("verify=FAILED:certificate revoked status=400", log[-1])
        self.assertIn("isn't let in", self.output)

    def test_story_shows_no_secret(self):
        for name in ("pin", "activation.code", "ca.pass"):
            self.assertNotIn((self.folder / name).read_text().strip(), self.output)

    def test_each_command_printed_to_go_on_by_hand_works(self):
        commands = [line.strip() for line in (self.folder / "by-hand").read_text().splitlines() if line.startswith("    ")]
        self.assertGreater(len(commands), 4)
        for command in commands:
            with self.subTest(command):
                self.assertIn(command, self.output)
                if not command.startswith("sim/"):
                    self.works(command)

    def test_shell_gives_the_exit_code_of_its_command(self):
        self.assertEqual(self.shell("exit 9").returncode, 9)

    def test_each_line_of_the_clients_page_works(self):
        blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.M | re.S)
        self.assertGreater(len(blocks), 8)
        for block in blocks:
            with self.subTest(block.splitlines()[0]):
                self.works(block)


class Interrupted(harness.Case):
    """Ctrl-C and its kin at several moments: nothing is left."""

    def test_nothing_is_left_running_and_no_folder(self):
        for number, words in ((signal.SIGINT, "1  "), (signal.SIGTERM, "is plugged in"), (signal.SIGINT, "2  ")):
            with self.subTest(words):
                folder = self.work / "demo"
                process = demo(folder)
                seen = ""
                while words not in seen:
                    line = process.stdout.readline()
                    self.assertTrue(line, seen)
                    seen += line
                os.killpg(process.pid, number)
                rest, _ = process.communicate(timeout=30)
                self.assertEqual(process.returncode, 128 + number, seen + rest)
                self.assertFalse(folder.exists())
                harness.until(lambda: not processes_with(str(self.work.path)), "all processes have ended", 10)

    def test_folder_that_others_can_write_or_linked_to_is_neither_used_nor_run_nor_removed(self):
        bait = self.work / "bait"
        bait.mkdir()
        (bait / "sealkey-demo").write_text("")
        (bait / "environment").write_text(f"touch {self.work.path}/was-run\n")
        (bait / "by-hand").write_text("")
        link = self.work / "link"
        link.symlink_to(bait)
        bait.chmod(0o700)
        places = [link]
        for mode in (0o777, 0o750):
            place = self.work / f"mode-{mode:o}"
            subprocess.run(["cp", "-a", bait, place], check=True)
            place.chmod(mode)
            places.append(place)
        if os.getuid() == 0:
            place = self.work / "strangers"
            subprocess.run(["cp", "-a", bait, place], check=True)
            os.chown(place, 65534, 65534)
            places.append(place)
        for place in places:
            for command in (["sim/demo.sh"], ["sim/demo.sh", "--stop"], ["sim/shell.sh", "-c", "true"]):
                with self.subTest(place=place.name, command=command):
                    done = subprocess.run([ROOT / command[0], *command[1:]], check=False, capture_output=True, text=True,
                                          timeout=60, env={**os.environ, "SEALKEY_DEMO_DIR": str(place),
                                                           "SEALKEY_BUILD": str(harness.BUILD)})
                    self.assertEqual(done.returncode, 2, done)
                    self.assertIn("isn't a demo's folder of yours", done.stderr)
                    self.assertTrue((place / "sealkey-demo").exists())
        self.assertFalse((self.work / "was-run").exists())

    def test_folder_that_is_not_a_demos_is_left_alone(self):
        self.work.path.chmod(0o700)
        letter = self.work.write("letter", "Dear customer")
        process = demo(self.work.path)
        output, _ = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 2)
        self.assertIn("isn't a demo's folder", output)
        self.assertEqual(letter.read_text(), "Dear customer")

    def test_shell_without_a_kept_key_says_what_to_do(self):
        done = subprocess.run([ROOT / "sim/shell.sh", "-c", "true"], check=False, capture_output=True, text=True,
                              env={**os.environ, "SEALKEY_DEMO_DIR": str(self.work / "none")})
        self.assertEqual(done.returncode, 2)
        self.assertIn("sim/demo.sh --keep", done.stderr)


if __name__ == "__main__":
    harness.main(pcscd=False)
