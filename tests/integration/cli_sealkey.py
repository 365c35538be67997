#!/usr/bin/env python3
# labels: clients
# timeout: 180
"""`sealkey` as an enterprise uses it: activation, PIN, locking and unlocking, reading; its exit codes, JSON and languages."""
import json
import os
import pathlib
import pty
import select
import signal
import subprocess
import time

import harness
import personalise

PIN = "135792"
NEW_PIN = "864209"
CHINESE = {"LC_ALL": "zh_CN.UTF-8", "LANGUAGE": ""}


class Cli(harness.Case):
    def ship(self, **how):
        self.key = self.simulator()
        with harness.Card() as card:
            self.made = personalise.ship(card, self.key.birth_record, **how)

    def sealkey(self, *arguments, code=0, env=None, **secrets):
        """Secrets go by environment: pin=, new_pin=, code_text=, puk=."""
        names = {"pin": "SEALKEY_PIN", "new_pin": "SEALKEY_NEW_PIN", "code_text": "SEALKEY_CODE", "puk": "SEALKEY_PUK"}
        environment = {names[name]: value for name, value in secrets.items()}
        result = self.key.run(["sealkey", *arguments], code=code, ok=None if code is None else True,
                              env={**environment, **(env or {})})
        for value in secrets.values():
            if len(value) >= 6 and value not in personalise.SERIAL:
                self.assertNotIn(value, result.out + result.err)
        return result

    def json(self, *arguments, code=0, **how):
        result = self.sealkey(*arguments, "--json", code=code, **how)
        document = json.loads(result.out)
        self.assertEqual(document["ok"], code == 0)
        if code:
            self.assertEqual(document["error"]["code"], code)
        return document

    def activation_code(self):
        return self.made.code_for_request(self.json("status")["lock"]["request_code"])

    def activate(self, pin=PIN):
        self.sealkey("activate", code_text=self.activation_code(), new_pin=pin)

    def lock(self):
        for _ in range(5):
            self.sealkey("check-pin", code=5, pin="999999")
        return self.sealkey("check-pin", code=6, pin="999999")

    def tries(self):
        return self.json("status")["pin"]["tries_left"]


class Activation(Cli):
    def test_N21_key_ships_with_no_pin_that_opens_it(self):
        self.ship()
        for guess in ("123456", "000000", "12345678", "111111"):
            self.assertIn("sealkey activate", self.sealkey("check-pin", code=7, pin=guess).err)
        status = self.json("status")
        self.assertEqual((status["state"], status["pin"]["never_set"]), ("to_be_activated", True))

    def test_activation_sets_the_first_pin(self):
        self.ship()
        code = self.activation_code()
        self.sealkey("activate", code_text=code, new_pin=PIN)
        self.sealkey("check-pin", pin=PIN)
        self.assertEqual(self.json("status")["state"], "ready")
        self.assertIn("active already", self.sealkey("activate", code=7, code_text=code, new_pin=NEW_PIN).err)
        self.sealkey("check-pin", pin=PIN)

    def test_typing_slip_costs_nothing_and_a_wrong_code_costs_one_try(self):
        self.ship()
        code = self.activation_code()
        slip = code[:-1] + str((int(code[-1]) + 1) % 10)
        before = self.key.apdu_count()
        self.assertIn("typing slip", self.sealkey("activate", code=10, code_text=slip, new_pin=PIN).err)
        names = [e["name"] for e in self.key.log(before + 1)]
        self.assertEqual([n for n in names if n not in ("SELECT", "TOKEN STATUS")], [])
        self.assertEqual(self.json("status")["lock"]["code_tries_left"], 5)
        wrong = self.made.code(1, 999999 if code != self.made.code(1, 999999) else 1)
        error = self.json("activate", code=5, code_text=wrong, new_pin=PIN)["error"]
        self.assertEqual((error["tries_left"], error["name"]), (4, "wrong_secret"))
        self.sealkey("activate", code_text=code.replace("-", " "), new_pin=PIN)

    def test_five_wrong_codes_end_the_event_and_there_is_a_new_request_code(self):
        self.ship()
        first = self.json("status")["lock"]["request_code"]
        code = self.made.code_for_request(first)
        wrong = self.made.code(900, 1)
        for left in (4, 3, 2, 1):
            self.assertEqual(self.json("activate", code=5, code_text=wrong, new_pin=PIN)["error"]["tries_left"], left)
        error = self.json("activate", code=6, code_text=wrong, new_pin=PIN)["error"]
        self.assertNotEqual(error["request_code"], first)
        self.sealkey("activate", code=5, code_text=code, new_pin=PIN)
        self.sealkey("activate", code_text=self.made.code_for_request(error["request_code"]), new_pin=PIN)

    def test_five_burned_events_leave_the_key_readable_and_to_the_bench_alone(self):
        self.ship()
        wrong = self.made.code(900, 1)
        for _ in range(5):
            for _ in range(5):
                self.sealkey("activate", code=None, code_text=wrong, new_pin=PIN)
        self.assertEqual(self.json("status")["state"], "bench_only")
        self.assertIn("no code opens it any more", self.sealkey("status").out)
        # Not even a code that has the right form; nothing is spent or changed by trying.
        changes = self.json("status").get("change_counter")
        for command in ("activate", "unlock"):
            refused = self.sealkey(command, code=6, code_text=wrong, new_pin=PIN)
            self.assertIn("Send it to your provider", refused.err)
        self.assertEqual(self.json("status").get("change_counter"), changes)
        self.assertTrue(self.json("certificates")["certificates"])

    def test_N21_easy_pins_are_refused_and_cost_nothing(self):
        self.ship()
        code = self.activation_code()
        for pin in ("111111", "123456", "87654321", "abcdef", "12345", "123456789", "12345\u00e9"):
            self.sealkey("activate", code=10, code_text=code, new_pin=pin)
        self.assertEqual(self.json("status")["lock"]["code_tries_left"], 5)
        self.sealkey("activate", code_text=code, new_pin=PIN)

    def test_full_width_digits_of_a_chinese_keyboard_are_taken(self):
        self.ship()
        wide = "".join(chr(0xFF10 + int(c)) if c.isdigit() else "\uff0d" for c in self.activation_code())
        self.sealkey("activate", code_text=wide, new_pin=PIN)


class LockAndUnlock(Cli):
    def setUp(self):
        super().setUp()
        self.ship()
        self.activate()

    def test_N10_six_wrong_pins_lock_and_each_says_what_is_left(self):
        for left in (5, 4, 3, 2):
            self.assertIn(f"{left} tries left", self.sealkey("check-pin", code=5, pin="999999").err)
        self.assertIn("1 try left", self.sealkey("check-pin", code=5, pin="999999").err)
        last = self.sealkey("check-pin", code=6, pin="999999").err
        request = self.json("status")["lock"]["request_code"]
        self.assertIn(f"Locked. Send request code {request} to your provider", last)
        self.assertIn("nothing on the key is lost", last)

    def test_right_pin_on_the_sixth_opens_and_refills(self):
        for _ in range(5):
            self.sealkey("check-pin", code=5, pin="999999")
        self.sealkey("check-pin", pin=PIN)
        self.assertEqual(self.tries(), 6)

    def test_locked_key_stays_readable(self):
        self.lock()
        slots = [c["slot"] for c in self.json("certificates")["certificates"]]
        self.assertEqual(slots, ["9A", "9C"])
        self.assertEqual(self.json("status")["enterprise"]["unified_code"], personalise.UNIFIED_CODE)
        self.sealkey("check-pin", code=6, pin=PIN)
        self.sealkey("change-pin", code=6, pin=PIN, new_pin=NEW_PIN)

    def test_N11_unlock_by_code_days_later_in_one_command(self):
        self.lock()
        shown = self.sealkey("unlock", "--show").out
        document = self.json("unlock")
        self.assertIn(document["request_code"], shown)
        statement = bytes.fromhex(document["statement"])
        self.assertEqual(statement[2:14].decode(), personalise.SERIAL)
        signed, given = statement[:22], statement[22:]
        self.assertEqual(personalise.mac(self.made.unlock_key, b"LOCK-STMT" + signed), given)
        self.key.replug()
        self.assertEqual(self.json("unlock")["request_code"], document["request_code"])
        code = self.made.code_for_request(document["request_code"])
        done = self.json("unlock", code_text=code, new_pin=NEW_PIN)
        proof = personalise.mac(self.made.unlock_key, b"RESET-DONE" + done["proof"]["counter"].to_bytes(2, "big"))
        self.assertEqual(bytes.fromhex(done["proof"]["cmac"]), proof)
        self.sealkey("check-pin", pin=NEW_PIN)
        self.sealkey("check-pin", code=5, pin=PIN)

    def test_N21_used_code_is_dead(self):
        self.lock()
        code = self.made.code_for_request(self.json("unlock")["request_code"])
        self.sealkey("unlock", code_text=code, new_pin=NEW_PIN)
        self.assertIn("isn't locked", self.sealkey("unlock", code=7, code_text=code, new_pin=PIN).err)
        self.lock()
        self.sealkey("unlock", code=5, code_text=code, new_pin=PIN)
        self.sealkey("check-pin", code=6, pin=NEW_PIN)

    def test_lock_statement_goes_to_a_file(self):
        self.sealkey("export", "statement", code=8)
        self.lock()
        path = self.work / "statement.txt"
        self.sealkey("unlock", "--statement", str(path))
        self.assertEqual(path.read_text().strip(), self.json("unlock")["statement"])
        self.assertEqual(self.sealkey("export", "statement").out, path.read_text())

    def test_unlock_by_puk_is_for_the_compatibility_profile(self):
        self.lock()
        self.assertIn("no PUK", self.sealkey("unlock", "--puk", code=7, puk="12345678", new_pin=NEW_PIN).err)


class ChangePin(Cli):
    def setUp(self):
        super().setUp()
        self.ship()
        self.activate()

    def test_change(self):
        self.sealkey("change-pin", pin=PIN, new_pin=NEW_PIN)
        self.sealkey("check-pin", pin=NEW_PIN)

    def test_wrong_old_pin_costs_a_try_and_changes_nothing(self):
        error = self.json("change-pin", code=5, pin="999999", new_pin=NEW_PIN)["error"]
        self.assertEqual(error["tries_left"], 5)
        self.sealkey("check-pin", pin=PIN)

    def test_Lesson06_refused_new_pin_costs_nothing(self):
        for pin in ("123456", "222222", "1234", "123456789", ""):
            self.sealkey("change-pin", code=10, pin=PIN, new_pin=pin)
        self.sealkey("check-pin", code=10, pin="12345")
        self.assertEqual(self.tries(), 6)
        self.sealkey("check-pin", pin=PIN)

    def test_pins_from_files(self):
        old = self.work.write("old", PIN + "\r\n")
        new = self.work.write("new", NEW_PIN + "\n")
        self.sealkey("change-pin", "--pin-file", str(old), "--new-pin-file", str(new))
        self.key.run(["sealkey", "check-pin", "--pin-file", "-"], stdin=NEW_PIN + "\n")
        self.sealkey("check-pin", "--pin-file", str(self.work / "absent"), code=13)
        self.assertEqual(self.tries(), 6)


class CompatibilityProfile(Cli):
    def test_puk_and_published_values(self):
        self.key = self.simulator(profile="compatibility")
        status = self.json("status")
        self.assertEqual((status["profile"], status["pin"]["default"]), ("compatibility", True))
        self.assertIn("not an enterprise's key", self.sealkey("status").out)
        self.sealkey("check-pin", pin=harness.DEFAULT_PIN)
        for _ in range(6):
            self.sealkey("check-pin", code=None, pin="999999")
        self.assertEqual(self.json("status")["state"], "locked")
        error = self.json("unlock", "--puk", code=5, puk="87654321", new_pin=PIN)["error"]
        self.assertEqual(error["tries_left"], 5)
        self.sealkey("unlock", "--puk", puk=harness.DEFAULT_PUK, new_pin=PIN)
        self.sealkey("check-pin", pin=PIN)
        self.sealkey("activate", code=7, code_text="1691-4157-9270-3943", new_pin=PIN)


class Export(Cli):
    def setUp(self):
        super().setUp()
        self.seal = os.urandom(32 * 1024)
        self.ship(seal=self.seal)

    def longest_command(self, first):
        return max(int(e["command"].split("[")[1].split()[0]) if "[" in e["command"] else len(e["command"]) // 2
                   for e in self.key.log(first))

    def test_Lesson32_seal_of_32_KiB_with_short_and_with_extended_apdus(self):
        for mode in ("short", "extended"):
            path = self.work / mode
            first = self.key.apdu_count() + 1
            self.sealkey("export", "seal", "-o", str(path), env={"SEALKEY_APDU": mode})
            self.assertEqual(path.read_bytes(), self.seal)
            self.assertLessEqual(self.longest_command(first), 261)
            count = self.key.apdu_count() - first + 1
            (self.assertGreater if mode == "short" else self.assertLess)(count, 100)

    def test_certificates_chain_and_record(self):
        der = self.sealkey("export", "certificate", "--slot", "9c", "--der").raw
        self.assertEqual(der, self.made.certificates[0x9C])
        pem = self.work.write("leaf.pem", self.sealkey("export", "certificate").raw)
        chain = self.sealkey("export", "chain").out
        self.assertEqual(chain.count("BEGIN CERTIFICATE"), 2)
        self.assertTrue(chain.startswith(pem.read_text()))
        issuer = self.work.write("ca.pem", chain[chain.rindex("-----BEGIN"):])
        harness.run(["openssl", "verify", "-CAfile", str(issuer), str(pem)])
        record = json.loads(self.sealkey("export", "record").out)
        self.assertEqual(record["enterprise_name"], personalise.NAME)
        self.assertEqual(self.sealkey("export", "record", "--der").raw, personalise.record())

    def test_what_is_not_there_and_what_cannot_be_written(self):
        self.assertIn("9D", self.sealkey("export", "certificate", "--slot", "9D", code=8).err)
        self.sealkey("export", "certificate", "--slot", "9B", code=2)
        self.sealkey("export", "certificate", "--slot", "hello", code=2)
        self.sealkey("export", "everything", code=2)
        self.sealkey("export", "seal", "--json", code=2)
        self.sealkey("export", "seal", "-o", str(self.work / "nowhere/seal"), code=13)
        self.sealkey("export", "seal", "-o", "/dev/full", code=13)

    def test_interrupted_write_leaves_the_old_file(self):
        path = self.work.write("seal", "old")
        path.chmod(0o400)
        os.chmod(self.work.path, 0o500)
        try:
            if os.access(self.work.path, os.W_OK):  # root writes anywhere: the rename is still whole
                self.sealkey("export", "seal", "-o", str(path))
                self.assertEqual(path.read_bytes(), self.seal)
            else:
                self.sealkey("export", "seal", "-o", str(path), code=13)
                self.assertEqual(path.read_text(), "old")
        finally:
            os.chmod(self.work.path, 0o700)
        self.assertEqual([p.name for p in self.work.path.iterdir()], ["seal"])


class ExitCodes(Cli):
    """Every exit code that docs/cli.md promises and that isn't met above."""

    def test_usage(self):
        self.ship()
        for arguments in ((), ("frobnicate",), ("status", "--frob"), ("export",), ("wait", "--timeout", "soon"),
                          ("status", "--serial")):
            result = self.sealkey(*arguments, code=2)
            self.assertEqual(result.out, "")
            self.assertIn("Nothing was done", result.err)
        self.assertIn("frobnicate", self.sealkey("frobnicate", code=2).err)

    def test_no_secret_is_taken_as_an_argument(self):
        self.ship()
        for arguments in (("check-pin", "--pin", "111222"), ("check-pin", "111222"), ("activate", "--code", "111222"),
                          ("unlock", "--new-pin", "111222"), ("change-pin", "--new-pin=111222",)):
            self.sealkey(*arguments, code=2)

    def test_no_key_and_several_keys(self):
        self.key = self.simulator(tokens=2)
        error = self.json("status", code=4)["error"]
        self.assertEqual(len(error["serials"]), 2)
        for serial in error["serials"]:
            self.assertEqual(self.json("status", "--serial", serial)["serial"], serial)
        self.assertEqual(len(self.json("list")["keys"]), 2)
        self.assertEqual(self.json("--reader", "00 01", "status")["reader"][-5:], "00 01")
        self.json("status", "--serial", "ZZZZZZZZZZZZ", code=3)
        self.key.unplug(0)
        self.key.unplug(1)
        self.assertIn("No key is plugged in", self.sealkey("status", code=3).err)
        self.assertEqual(self.json("list")["keys"], [])

    def test_service_that_is_not_there(self):
        self.ship()
        error = self.json("status", code=9, env={"PCSCLITE_CSOCK_NAME": str(self.work / "none")})["error"]
        self.assertEqual(error["name"], "no_service")

    def test_wait_for_plug_and_removal(self):
        self.ship()
        self.assertEqual(self.json("wait")["serial"], personalise.SERIAL)
        self.sealkey("wait", "--removal", "--timeout", "0.2", code=14)
        self.sealkey("wait", "--serial", "ZZZZZZZZZZZZ", "--timeout", "0.2", code=14)
        waiting = subprocess.Popen([harness.program("sealkey"), "wait", "--removal"])  # pylint: disable=consider-using-with
        self.key.unplug()
        self.assertEqual(waiting.wait(20), 0)
        waiting = subprocess.Popen([harness.program("sealkey"), "wait"],  # pylint: disable=consider-using-with
                                   stdout=subprocess.DEVNULL)
        self.key.plug()
        self.assertEqual(waiting.wait(20), 0)

    def test_nobody_to_ask_is_cancelled_and_nothing_spent(self):
        self.ship()
        self.activate()
        result = subprocess.run([harness.program("sealkey"), "check-pin"], capture_output=True, text=True,
                                stdin=subprocess.DEVNULL, start_new_session=True, check=False, timeout=20)
        self.assertEqual(result.returncode, 12, result.stderr)
        self.assertEqual(self.tries(), 6)


class SimulatorSockets(Cli):
    """Simulators without any smart-card service: the tool finds them by the environment."""

    def test_plug_removal_and_several_simulators(self):
        self.key = self.simulator(profile="compatibility", sockets=True)
        self.assertEqual(self.json("status")["profile"], "compatibility")
        self.sealkey("check-pin", pin=harness.DEFAULT_PIN)
        self.sealkey("wait", "--removal", "--timeout", "0.2", code=14)
        self.key.unplug()
        self.sealkey("wait", "--removal")
        self.sealkey("status", code=3)
        self.key.plug()
        self.sealkey("wait", "--timeout", "10")
        both = self.key.environment["SEALKEY_SIM_SOCKETS"] + ":" + str(self.work / "nothing")
        readers = self.json("list", env={"SEALKEY_SIM_SOCKETS": both})
        self.assertEqual((len(readers["keys"]), len(readers["other_readers"])), (1, 1))
        self.sealkey("status", code=3, env={"SEALKEY_SIM_SOCKETS": str(self.work / "nothing")})

    def test_power_cut_inside_a_pin_change_leaves_the_old_pin_or_the_new(self):
        self.key = self.simulator(profile="compatibility", sockets=True)
        self.key.cut(3)
        self.sealkey("change-pin", code=3, pin=harness.DEFAULT_PIN, new_pin=NEW_PIN)
        self.key.wait_for_cut()
        results = [self.sealkey("check-pin", code=None, pin=pin).code for pin in (harness.DEFAULT_PIN, NEW_PIN)]
        self.assertEqual(sorted(results), [0, 5])


class Prompt(Cli):
    """On a terminal: prompts don't show what is typed, and the terminal is left as it was."""

    def terminal(self, arguments, typed, send_signal=None, env=None):
        """Runs sealkey on a terminal of its own; `typed` is sent line by line, one at each prompt. -> code, screen"""
        pid, master = pty.fork()
        if pid == 0:
            path = harness.program("sealkey")
            os.execve(path, [path, *arguments], {**os.environ, "LC_ALL": "C.UTF-8", **(env or {})})
        screen = b""
        pending = list(typed)
        seen = 0
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if not select.select([master], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(master, 4096)
            except OSError:
                break
            if not piece:
                break
            screen += piece
            if pending and screen[seen:].rstrip(b" ").endswith(b":"):
                seen = len(screen)
                os.write(master, pending.pop(0).encode() + b"\n")
            elif send_signal and screen[seen:].rstrip(b" ").endswith(b":"):
                seen = len(screen)
                os.kill(pid, send_signal)
        os.close(master)  # ends what still asks after all this time
        return harness.until(lambda: self.ended(pid), "sealkey has ended")[0], screen.decode("utf-8", "replace")

    def test_typed_pins_are_not_shown(self):
        self.ship()
        self.activate()
        code, screen = self.terminal(["change-pin"], [PIN, NEW_PIN, NEW_PIN])
        self.assertEqual(code, 0, screen)
        self.assertIn("New PIN", screen)
        for secret in (PIN, NEW_PIN):
            self.assertNotIn(secret, screen)
        self.sealkey("check-pin", pin=NEW_PIN)

    def test_new_pins_that_differ_are_asked_for_again_and_never_sent(self):
        self.ship()
        self.activate()
        code, screen = self.terminal(["change-pin"], [PIN, NEW_PIN, "111222", NEW_PIN, "111223", NEW_PIN, "111224"])
        self.assertEqual(code, 10, screen)
        self.assertIn("differ", screen)
        self.sealkey("check-pin", pin=PIN)

    def test_prompt_says_how_many_tries_are_left(self):
        self.ship()
        self.activate()
        self.sealkey("check-pin", code=5, pin="999999")
        code, screen = self.terminal(["check-pin"], [PIN])
        self.assertEqual(code, 0, screen)
        self.assertIn("5 tries left", screen)

    def test_ctrl_c_at_the_prompt_changes_nothing(self):
        self.ship()
        self.activate()
        for number in (signal.SIGINT, signal.SIGTERM):
            code, screen = self.terminal(["change-pin"], [], send_signal=number)
            self.assertEqual(code, 12, screen)
            self.assertIn("Nothing was changed", screen)
        self.assertEqual(self.tries(), 6)

    def test_ctrl_c_between_the_prompt_and_the_reading_is_not_forgotten(self):
        self.ship()
        self.activate()
        # strace holds the program for a second after each prompt, which is when the signal comes.
        pid, master = pty.fork()
        if pid == 0:
            strace = harness.program("strace")
            os.execve(strace, [strace, "-o", "/dev/null", "-e", "trace=write", "-P", "/dev/tty",
                                  "-e", "inject=write:delay_exit=1000000", harness.program("sealkey"), "change-pin"],
                       {**os.environ, "LC_ALL": "C.UTF-8"})
        screen = b""
        try:
            while not screen.rstrip(b" ").endswith(b":"):
                screen += os.read(master, 4096)
            traced = int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
            os.kill(traced, signal.SIGINT)
            code = harness.until(lambda: self.ended(pid), "sealkey has ended")[0]
            screen += os.read(master, 4096)
        finally:
            os.close(master)
        self.assertEqual(code, 12, screen)
        self.assertIn(b"Nothing was changed", screen)

    @staticmethod
    def ended(pid):
        done, status = os.waitpid(pid, os.WNOHANG)
        return [os.waitstatus_to_exitcode(status)] if done else None

    def test_secret_in_the_environment_is_gone_once_read(self):
        self.ship()
        self.activate()
        # While the new PIN is asked for, the process's own copy of the old one in its environment is wiped.
        pid, master = pty.fork()
        if pid == 0:
            path = harness.program("sealkey")
            os.execve(path, [path, "change-pin"], {**os.environ, "LC_ALL": "C.UTF-8", "SEALKEY_PIN": PIN})
        screen = b""
        while b"New PIN" not in screen:
            screen += os.read(master, 4096)
        environment = pathlib.Path(f"/proc/{pid}/environ").read_bytes()
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        os.kill(pid, signal.SIGINT)
        while True:
            try:
                if not os.read(master, 4096):
                    break
            except OSError:
                break
        os.waitpid(pid, 0)
        os.close(master)
        self.assertNotIn(PIN.encode(), environment)
        self.assertNotIn(PIN.encode(), command)


class Languages(Cli):
    def test_commands_speak_chinese_where_the_locale_does(self):
        self.ship()
        self.assertIn("激活码", self.sealkey("status", env=CHINESE).out)
        self.activate()
        self.assertIn("可以使用", self.sealkey("status", env=CHINESE).out)
        self.assertIn("还可尝试 5 次", self.sealkey("check-pin", code=5, pin="999999", env=CHINESE).err)
        self.assertIn("用法", self.sealkey("--help", env=CHINESE).out)
        self.assertIn("命令行不正确", self.sealkey("frob", code=2, env=CHINESE).err)
        for _ in range(5):
            last = self.sealkey("check-pin", code=None, pin="999999", env=CHINESE)
        request = self.json("status")["lock"]["request_code"]
        self.assertIn(f"已锁定。请把申请码 {request} 交给服务商", last.err)

    def test_names_and_numbers_in_json_stay_the_same(self):
        self.ship()
        english, chinese = self.json("status"), self.json("status", env=CHINESE)
        self.assertEqual(english, chinese)
        error = self.json("check-pin", code=7, pin=PIN, env=CHINESE)["error"]
        self.assertEqual(error["name"], "not_allowed")
        self.assertIn("激活码", error["message"])

    def test_other_locales_get_english(self):
        self.ship()
        for locale in ("C", "C.UTF-8", "de_DE.UTF-8"):
            self.assertIn("Serial number", self.sealkey("status", env={"LC_ALL": locale, "LANGUAGE": ""}).out)


if __name__ == "__main__":
    harness.main()
