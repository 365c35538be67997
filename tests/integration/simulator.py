#!/usr/bin/env python3
# labels: clients
# timeout: 120
"""The simulator itself, in a real pcscd: its plug, its state file, its end."""
import os
import pathlib
import signal
import subprocess

import harness


class Plug(harness.Case):
    def test_card_comes_and_goes_as_it_is_plugged_and_unplugged(self):
        key = self.simulator()
        self.assertTrue(harness.card_present())
        key.unplug()
        self.assertFalse(harness.card_present())
        key.plug()
        self.assertTrue(harness.card_present())

    def test_two_tokens_in_one_process_are_two_cards(self):
        key = self.simulator(tokens=2)
        key.unplug(1)
        self.assertTrue(harness.card_present(0))
        self.assertFalse(harness.card_present(1))


    def test_comes_back_when_pcscd_restarts(self):
        self.simulator()
        self.assertEqual(os.environ["SEALKEY_PCSCD"], "private")
        old = int(harness.run(["pgrep", "-x", "pcscd"]).out)  # of this process namespace: there is no other
        os.kill(old, signal.SIGKILL)
        harness.until(lambda: not os.path.exists(f"/proc/{old}") or self.is_zombie(old), "pcscd has ended")
        os.unlink("/run/pcscd/pcscd.comm")
        # Left running for the cases after this one; it goes with the namespace.
        pcscd = f"{harness.program('pcscd')} --foreground --config /run/pcscd/conf"
        harness.run(["sh", "-c", f"{pcscd} >>/run/pcscd/log 2>&1 &"])
        harness.until(lambda: os.path.exists("/run/pcscd/pcscd.comm"), "the new pcscd is up")
        harness.until(harness.card_present, "the new pcscd sees the card")

    def is_zombie(self, pid):
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"


class PowerCut(harness.Case):
    """Profile: compatibility."""

    def test_cut_given_at_the_start_strikes_once_and_the_token_comes_back(self):
        key = self.simulator(profile="compatibility", options=["--cut-at", "1", "--tear", "prefix"])
        with self.assertRaises(Exception), harness.Card() as card:
            card.select()
            card.verify("999999")
        report = key.wait_for_cut()
        self.assertEqual((report["command"], report["operation"], report["kind"]), ("VERIFY", "program", "prefix"))
        self.assertGreater(report["torn"], 0)
        with harness.Card() as card:
            card.select()
            self.assertEqual(card.verify(harness.DEFAULT_PIN), 0x9000)

    def test_nothing_is_reported_before_a_cut(self):
        self.assertEqual(self.simulator(sockets=True).last_cut(), {"cut": False})

    def test_bad_control_commands_are_refused_with_words(self):
        key = self.simulator(sockets=True)
        for command in ("cut", "cut 0", "cut x", "cut 1 half", "cut 1 prefix more", "explode", "log x", ""):
            with self.subTest(command), self.assertRaises(AssertionError):
                key.control(command)
        with self.assertRaises(AssertionError):
            key.control("status", index=3)
        self.assertFalse(key.control("status")["cut_armed"])


class Log(harness.Case):
    """Profile: compatibility."""

    def test_apdus_are_counted_and_secrets_masked(self):
        key = self.simulator(sockets=True, profile="compatibility")
        before = key.apdu_count()
        with harness.SocketCard(key.environment["SEALKEY_SIM_SOCKETS"]) as card:
            card.select()
            card.verify("735198")
            card.change_pin(harness.DEFAULT_PIN, "735198")
        self.assertEqual(key.apdu_count(), before + 3)
        self.assertEqual([entry["name"] for entry in key.log(before + 1)], ["SELECT", "VERIFY", "CHANGE REFERENCE DATA"])
        self.assertNotIn("735198".encode().hex(), str(key.log()))
        self.assertNotIn("735198".encode().hex(), key.log_path.read_text())


class StateFile(harness.Case):
    def refused(self, *arguments):
        return harness.run(["sealkey-sim", "--socket", self.work / "s", *arguments], code=1, timeout=20).err

    def test_one_file_is_one_token_in_one_process(self):
        key = self.simulator()
        self.assertIn("in use by another", self.refused("--state", key.state))

    def test_file_that_is_no_state_file_is_refused_and_untouched(self):
        path = self.work.write("letter.txt", "Dear customer, " * 1000)
        before = path.read_bytes()
        self.assertIn("not a sealkey-sim state file", self.refused("--state", path))
        self.assertEqual(path.read_bytes(), before)

    def test_unknown_format_version_is_refused_and_untouched(self):
        key = self.simulator(sockets=True, state=self.work / "token")
        key.stop()
        content = bytearray(key.state.read_bytes())
        content[23] = 9
        key.state.write_bytes(content)
        self.assertIn("format version 9", self.refused("--state", key.state))
        self.assertEqual(key.state.read_bytes(), bytes(content))

    def test_truncated_or_damaged_file_is_refused_and_untouched(self):
        key = self.simulator(sockets=True, state=self.work / "token")
        key.stop()
        whole = key.state.read_bytes()
        damaged = whole[:40] + bytes([whole[40] ^ 1]) + whole[41:]
        for content, words in ((whole[:100], "not a sealkey-sim state file"), (whole[:100000], "shorter than it says"),
                               (damaged, "damaged header")):
            key.state.write_bytes(content)
            self.assertIn(words, self.refused("--state", key.state))
            self.assertEqual(key.state.read_bytes(), content)

    def test_birth_record_is_the_owners_alone(self):
        key = self.simulator(sockets=True)
        self.assertEqual(key.birth_record.stat().st_mode & 0o777, 0o600)
        self.assertEqual(key.state.stat().st_mode & 0o777, 0o600)

    def test_folder_that_does_not_exist_is_named(self):
        self.assertIn("can't be created", self.refused("--state", self.work / "nowhere/token"))


class End(harness.Case):
    def test_signals_end_it_cleanly_and_remove_its_sockets(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            key = self.simulator(sockets=True)
            self.assertEqual(key.stop(number), 0)
            self.assertEqual([p.name for p in key.workspace.path.iterdir() if p.is_socket()], [])

    def test_second_socket_at_the_same_path_is_refused(self):
        key = self.simulator(sockets=True)
        path = key.environment["SEALKEY_SIM_SOCKETS"]
        error = harness.run(["sealkey-sim", "--socket", path, "--state", self.work / "b"], code=1, timeout=20).err
        self.assertIn("another program listens", error)

    def test_killed_simulators_socket_is_taken_over(self):
        key = self.simulator(sockets=True)
        key.kill()
        key.start()
        self.assertTrue(key.control("status")["plugged"])


class Arguments(harness.Case):
    def test_bad_ones_are_refused_with_words(self):
        for arguments, words in (([], "--state is required"),
                                 (["--state", "a", "--cut-at", "0"], "--cut-at"),
                                 (["--state", "a", "--tear", "half"], "--tear"),
                                 (["--state", "a", "--profile", "shipping"], "--profile")):
            with self.subTest(arguments):
                done = subprocess.run([harness.SIMULATOR, *arguments], cwd=self.work.path, capture_output=True,
                                      check=False, timeout=20)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn(words, (done.stdout + done.stderr).decode())
        self.assertEqual(list(pathlib.Path(self.work.path).iterdir()), [])


if __name__ == "__main__":
    harness.main()
