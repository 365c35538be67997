#!/usr/bin/env python3
# labels: board
# timeout: 120
"""`sealkey-bench manufacture` at the board's image as it was flashed, in the emulated chip: transport keys and record come together
whatever happens to the program, the key or the answer; nobody else is sent any. (board_life.py personalises such a key at the
bench, board_libusb.py goes by USB.)"""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import threading

import board_case
import channel
import harness
import personalise

PIV = bytes.fromhex("00A4040005A00000030800")
MANUFACTURE = bytes.fromhex("802e0000")
SEALKEY_ATR = bytes.fromhex("3b8d018073c001c0577365616c6b657945")
OTHER_ATR = bytes.fromhex("3b00")
NO_KEY, SEVERAL_KEYS, NOT_ALLOWED, NO_SERVICE, BAD_INPUT, FILE_ERROR = 3, 4, 7, 9, 10, 13


class Reader:
    """A socket where a program finds a card: answer(body) gives what the card says to a command, or b"" where it is torn out."""

    def __init__(self, path, answer):
        self.path = str(path)
        self.answer = answer
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                link = self.server.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(link,), daemon=True).start()

    def _serve(self, link):
        card = harness.SocketCard.__new__(harness.SocketCard)
        card.link = link
        with card:
            while body := card.receive():
                if len(body) == 1 and body[0] != 4:
                    continue
                answer = self.answer(body)
                if not answer:
                    return
                card.send(answer)

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


def foreign(words, atr=SEALKEY_ATR):
    """A card that answers these words: to the status, to MANUFACTURE without data, to all else. It keeps what it is sent."""
    def answer(body):
        if body == b"\4":
            return atr
        answer.sent.append(body)
        word = words[0] if body[1] == 0x10 else words[1] if body[:4] == MANUFACTURE else words[2]
        return word.to_bytes(2, "big")

    answer.sent = []
    return answer


class Manufacture(board_case.BoardCase):
    @classmethod
    def setUpClass(cls):
        """One board for all: recording MANUFACTURE once lets each test go back to the flash as it was before."""
        cls.key = board_case.Board(sockets=True, mark=True, blank=True)
        cls.addClassCleanup(cls.key.close)
        cls.key.start()
        cls.key.control("record")
        with cls.key.card() as card:
            word = card.transmit(MANUFACTURE + b"\x60" + os.urandom(96) + b"\0")[1]
        if word != 0x9000 or cls.key.control("recorded")["recorded"] < 2:
            raise AssertionError(f"MANUFACTURE is answered {word:04X}")

    def setUp(self):
        super().setUp()
        self.key.disarm()
        self.key.control("leave 1 nothing")
        self.factory = self.work / "factory"
        self.factory.mkdir()
        self.board_socket = self.key.environment["SEALKEY_SIM_SOCKETS"]
        self.begun = self.key.apdu_count()
        self.addCleanup(self.assert_unbroken, self.key)

    # ---- the program ----

    def arguments(self, *options, folder=None):
        return ["sealkey-bench", "manufacture", "--birth-records", folder or self.factory, "--json", *options]

    def run_it(self, *options, folder=None, sockets=None, code=0, prefix=()):
        done = harness.run([*prefix, *self.arguments(*options, folder=folder)], code=code,
                           env={"SEALKEY_SIM_SOCKETS": sockets or self.board_socket})
        document = json.loads(done.out)
        self.assertEqual(document["ok"], code == 0)
        return document if code == 0 else document["error"]

    def refused(self, *options, code, words, **how):
        error = self.run_it(*options, code=code, **how)
        self.assertIn(words, error["message"])
        return error

    def reader(self, answer):
        reader = Reader(self.work / f"reader{len(list(self.work.path.iterdir()))}", answer)
        self.addCleanup(reader.close)
        return reader.path

    def gate(self, meet, command=MANUFACTURE):
        """The board's socket with meet(command, exchange) between: what it gives goes to the program in place of the key's answer."""
        card = self.key.card()
        self.addCleanup(card.close)
        lock = threading.Lock()

        def answer(body):
            with lock:
                if body.startswith(command) and len(body) > 4:
                    return meet(body, card.exchange)
                card.send(body)
                return card.receive()

        return self.reader(answer)

    # ---- what there is ----

    def keys_sent(self):
        """How often the board was sent keys."""
        return sum(entry["command"].startswith(MANUFACTURE.hex()) and entry["bytes"] > 4 for entry in self.key.log(self.begun + 1))

    def names(self, folder=None):
        return sorted(path.name for path in (folder or self.factory).iterdir())

    def unfinished(self):
        return sorted(self.factory.glob("*.unfinished"))

    def assert_record(self, done, how):
        """The record opens the key, is its owner's alone, and has the chip's number as name and content."""
        path = pathlib.Path(done["record"])
        record = json.loads(path.read_text())
        self.assertEqual((done["how"], path.name), (how, done["chip_id"] + ".birth.json"))
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)
        with self.key.card() as card:
            apdus = personalise.Apdus(card)
            apdus.select()
            apdus.open_channel(channel.Keys.of_birth_record(record))
            self.assertEqual(apdus.channel.kdd[2:].hex(), record["chip_id"])
        self.assertEqual(record["chip_id"], done["chip_id"])
        return record

    def assert_untouched(self):
        self.assertEqual(self.keys_sent(), 0)
        with self.key.card() as card:
            self.assertEqual(card.transmit(PIV)[1], 0x6985)

    # ---- made ----

    def test_made_and_again(self):
        done = self.run_it()
        record = self.assert_record(done, "made")
        self.assertEqual(self.names(), [done["chip_id"] + ".birth.json"])
        self.assertEqual(done["serial"], done["chip_id"][-12:].upper())
        for part in record["transport_keys"].values():
            self.assertEqual(len(part), 64)
            self.assertNotIn(part, json.dumps(done))
        self.assertEqual(len(set(record["transport_keys"].values())), 3)
        again = self.run_it()
        self.assertEqual(self.assert_record(again, "again"), record)
        self.assertEqual(self.keys_sent(), 1)
        # Where its record isn't, the key says nothing new.
        empty = self.work / "empty"
        empty.mkdir()
        self.refused(code=NOT_ALLOWED, words="no record in", folder=empty)
        self.assertEqual((self.names(empty), self.keys_sent()), ([], 1))

    def test_boards_that_tell_the_same_number(self):
        """As a board whose flash was erased does, and one whose flash chip is a copy: what was there before stays, and is found."""
        self.key.control("record")
        first = self.run_it()
        last = self.key.control("recorded")["recorded"]
        former = pathlib.Path(first["record"]).read_bytes()
        # That of a chip whose number merely ends so isn't in the way.
        alike = json.loads(former)
        alike["chip_id"] = ("ffff" if alike["chip_id"][:4] != "ffff" else "0000") + alike["chip_id"][4:]
        (self.factory / "alike.birth.json").write_text(json.dumps(alike))

        self.key.control("leave 1 nothing")
        done = self.run_it()
        self.assert_record(done, "made")
        aside = pathlib.Path(done["set_aside"])
        self.assertEqual(aside.read_bytes(), former)
        there = self.names()
        self.assertEqual(there, sorted(["alike.birth.json", done["chip_id"] + ".birth.json", aside.name]))
        (self.factory / "alike.birth.json").unlink()

        self.key.control(f"leave {last} whole")  # the first board again
        error = self.refused(code=NOT_ALLOWED, words="another board tells the same number")
        self.assertIn(str(aside), error["message"])
        own = self.work / "own"
        own.mkdir()
        shutil.copy(aside, own / "first.birth.json")
        self.assertEqual(self.run_it(folder=own)["how"], "again")
        aside.unlink()
        error = self.refused(code=NOT_ALLOWED, words="has other transport keys than")
        self.assertIn(done["record"], error["message"])
        self.assertEqual(self.names(), [done["chip_id"] + ".birth.json"])

    def test_key_that_the_bench_has_begun_to_make(self):
        """Cut off between PUT KEY and INITIALISE: it is blank, and its transport keys are dead."""
        done = self.run_it()
        with self.key.card() as card:
            apdus = personalise.Apdus(card)
            apdus.select()
            apdus.open_channel(channel.Keys.of_birth_record(json.loads(pathlib.Path(done["record"]).read_text())))
            apdus.channel.put_keys(channel.Keys.fresh())
        error = self.refused(code=NOT_ALLOWED, words="the bench has begun to make it")
        self.assertIn(done["record"], error["message"])
        empty = self.work / "empty"
        empty.mkdir()
        self.refused(code=NOT_ALLOWED, words=f"which isn't in {empty}", folder=empty)
        self.assertEqual((self.names(), self.names(empty)), ([done["chip_id"] + ".birth.json"], []))

    def test_one_run_at_a_time_in_a_folder(self):
        errors = []

        def second(body, exchange):
            errors.append(self.run_it(code=NOT_ALLOWED, sockets=str(self.work / "nobody")))
            return exchange(body)

        self.assert_record(self.run_it(sockets=self.gate(second)), "made")
        self.assertEqual(["Another run of this command" in error["message"] for error in errors], [True])
        self.assertEqual(len(self.names()), 1)

    # ---- cut off ----

    def killed(self, with_answer):
        """The program, killed when it has sent the keys: before the key gets them, or before it gets the answer."""
        program = []
        started = threading.Event()
        seen = []

        def meet(body, exchange):
            started.wait()
            seen.append((body, [(path.stat().st_mode & 0o777, path.read_text()) for path in self.unfinished()]))
            if with_answer:
                exchange(body)
            program[0].kill()
            return b""

        # pylint: disable=consider-using-with
        program.append(subprocess.Popen([harness.program("sealkey-bench"), *self.arguments()[1:]], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL,
                                        env={**os.environ, "SEALKEY_SIM_SOCKETS": self.gate(meet)}))
        started.set()
        program[0].wait(60)
        ((body, files),) = seen
        # On the disk before they were sent.
        ((mode, text),) = files
        keys = json.loads(text)["transport_keys"]
        self.assertEqual(mode, 0o600)
        self.assertIn("".join(keys[name] for name in ("enc", "mac", "dek")), body.hex())
        return keys

    def test_killed_before_the_key_has_them(self):
        lost = self.killed(with_answer=False)
        self.assert_untouched()
        done = self.run_it()
        # They may be another chip's, so they aren't this one's, and stay.
        self.assertNotEqual(self.assert_record(done, "made")["transport_keys"], lost)
        self.assertEqual((done["unfinished"], len(self.unfinished())), (1, 1))

    def test_killed_before_the_answer(self):
        keys = self.killed(with_answer=True)
        done = self.run_it()
        self.assertEqual(self.assert_record(done, "completed")["transport_keys"], keys)
        self.assertEqual(self.names(), [done["chip_id"] + ".birth.json"])
        self.assertEqual(self.keys_sent(), 1)

    def test_answer_lost(self):
        def lose(body, exchange):
            exchange(body)
            return b""

        error = self.refused(code=NO_KEY, words="Nothing is lost", sockets=self.gate(lose))
        self.assertEqual([pathlib.Path(error["unfinished"])], self.unfinished())
        self.assertIn(error["unfinished"], error["message"])
        self.assertNotIn("sealkey status", error["message"])  # which knows nothing of such a key
        # Beside the record of a key that the answer of was lost, too, and which isn't here.
        shutil.copy(error["unfinished"], self.factory / "0.unfinished")
        other = json.loads((self.factory / "0.unfinished").read_text())
        other["transport_keys"]["mac"] = os.urandom(32).hex()
        (self.factory / "0.unfinished").write_text(json.dumps(other))
        done = self.run_it()
        self.assert_record(done, "completed")
        self.assertEqual((done["unfinished"], self.names()), (1, ["0.unfinished", done["chip_id"] + ".birth.json"]))

    def test_refusal_is_told_with_one_advice(self):
        for word, words in ((0x6985, "The key refuses this. Nothing is lost"), (0x6F00, "The key reports a fault. Nothing is lost")):
            with self.subTest(word=word):
                error = self.refused(code=NOT_ALLOWED if word == 0x6985 else 1, words=words,
                                     sockets=self.gate(lambda body, exchange, word=word: word.to_bytes(2, "big")))
                for advice in ("Nothing was changed", "sealkey status", "repeat the command"):
                    self.assertNotIn(advice, error["message"])
        self.assert_untouched()

    def test_torn_out_before_anything_was_sent(self):
        self.run_it()
        error = self.refused(code=NO_KEY, words="Nothing was changed: plug the key in again",
                             sockets=self.gate(lambda body, exchange: b"", command=b"\x80\x50"))
        self.assertNotIn("Nothing is lost", error["message"])
        self.assertNotIn("unfinished", error)

    def test_lying_answer_makes_no_record(self):
        def lie(body, exchange):
            return bytes(8) + exchange(body)[8:]

        self.refused(code=11, words="by another number (0000000000000000)", sockets=self.gate(lie))
        self.assertEqual(len(self.unfinished()), 1)
        self.assert_record(self.run_it(), "completed")

    def test_other_keys_on_the_way_make_no_record(self):
        def exchange_keys(body, exchange):
            at = 5 if body[4] != 0 else 7  # behind a short length, or an extended one
            return exchange(body[:at] + os.urandom(96) + body[at + 96:])

        self.refused(code=11, words="don't open it", sockets=self.gate(exchange_keys))
        self.assertEqual(self.names(), [path.name for path in self.unfinished()])

    def test_finished_but_for_the_unfinished_record(self):
        keys = self.killed(with_answer=True)
        shutil.copy(self.unfinished()[0], self.work / "kept")
        done = self.run_it()
        shutil.copy(self.work / "kept", self.factory / "kept.unfinished")
        again = self.run_it()
        self.assertEqual(self.assert_record(again, "again")["transport_keys"], keys)
        self.assertEqual(self.names(), [done["chip_id"] + ".birth.json"])

    def test_power_cut_at_a_flash_operation(self):
        """The key begins anew with what is left in its flash; one more call makes it or finds that it was made. Most of the
        operations erase one sector after the other: the cuts are at a few of them, and at those of the end."""
        self.key.control("record")
        self.refused(code=NO_KEY, words="Nothing is lost", sockets=self.gate(lambda body, exchange: exchange(body) and b""))
        operations = self.key.control("recorded")["recorded"]
        seen = {"made": 0, "completed": 0}
        cuts = [(number, "subset") for number in (1, operations // 2, *range(operations - 5, operations + 1))]
        for number, kind in [*cuts, (operations, "whole")]:
            with self.subTest(number=number, kind=kind):
                self.key.control(f"leave {number} {kind}")
                folder = self.work / f"factory-{number}-{kind}"
                shutil.copytree(self.factory, folder)
                done = self.run_it(folder=folder)
                self.assert_record(done, done["how"])
                seen[done["how"]] += 1
                self.assertEqual(len(self.names(folder)), 2 if done["how"] == "made" else 1)
        self.assertGreater(min(seen.values()), 0, seen)

    def test_power_cut(self):
        self.key.cut(1)
        self.refused(code=NO_KEY, words="Nothing is lost")
        self.key.wait_for_cut()
        done = self.run_it()
        self.assert_record(done, "made")

    # ---- refused before anything is sent ----

    def test_wrong_folder(self):
        self.refused(code=FILE_ERROR, words="can't be read", folder=self.work / "absent")
        self.refused(code=FILE_ERROR, words="can't be read", folder=self.work.write("file", ""))
        for name, content in (("other.json", "{}"), ("torn.unfinished", '{"chip_id": "'),
                              ("named.unfinished", json.dumps({"chip_id": "00" * 8, "transport_keys": {}}))):
            (self.factory / name).write_text(content)
            self.refused(code=BAD_INPUT, words=f"{name} isn't a factory's record")
            (self.factory / name).unlink()
        harness.run(["sealkey-bench", "manufacture"], env=self.key.environment, code=2)
        self.assert_untouched()

    def test_folder_that_takes_no_file(self):
        self.refused(code=FILE_ERROR, words="Nothing was sent", folder="/proc/self/task")
        self.assert_untouched()

    def test_folder_without_room(self):
        mounted = 'mount -t tmpfs -o size=4k none "$1" && : > "$1/taken" && head -c 65536 /dev/zero > "$1/taken"; shift; exec "$@"'
        unshare = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]
        if harness.run([*unshare, "true"], ok=None).code != 0:
            self.skipTest("mount namespaces are forbidden here")
        program = harness.program("sealkey-bench")
        done = harness.run([*unshare, "sh", "-c", mounted, "sh", self.factory, program, *self.arguments()[1:]], code=FILE_ERROR,
                           env=self.key.environment)
        self.assertIn("No space left", json.loads(done.out)["error"]["message"])
        self.assert_untouched()

    def test_room_that_is_gone_when_the_key_answers(self):
        """The record can't be written any more: its keys stay where they are."""
        def fill(body, exchange):
            answer = exchange(body)
            number = answer[:8].hex()
            (self.factory / f"{number}.birth.json").mkdir()
            return answer

        error = self.refused(code=FILE_ERROR, words="Nothing is lost", sockets=self.gate(fill))
        self.assertEqual([pathlib.Path(error["unfinished"])], self.unfinished())
        for path in self.factory.glob("*.json"):
            path.rmdir()
        self.assert_record(self.run_it(), "completed")

    def test_foreign_cards_are_sent_nothing(self):
        for words, atr in (((0x6D00, 0x6D00, 0x6A82), OTHER_ATR), ((0x6985, 0x6985, 0x6985), OTHER_ATR),
                           ((0x6985, 0x6985, 0x6985), SEALKEY_ATR), ((0x6D00, 0x6700, 0x9000), SEALKEY_ATR)):
            with self.subTest(words=words):
                card = foreign(words, atr)
                self.refused(code=NO_KEY, words="isn't a sealkey", sockets=self.reader(card))
                self.assertLess(max(map(len, card.sent)), 64)
        self.refused(code=NO_SERVICE, words="reports a fault", sockets=self.reader(foreign((0x6F01, 0x6F01, 0x6F01))))
        self.refused(code=NO_KEY, words="No key is plugged in", sockets=str(self.work / "nobody"))
        self.assertEqual(self.names(), [])

    def test_keys_of_the_simulator(self):
        """Its records have the same form; its tokens have their keys."""
        blank = self.simulator(sockets=True)
        there = blank.environment["SEALKEY_SIM_SOCKETS"]
        self.refused(code=NOT_ALLOWED, words="no record in", sockets=there)
        shutil.copy(blank.birth_record, self.factory)
        self.assertEqual(self.run_it(sockets=there)["how"], "again")
        born = self.simulator(sockets=True, profile="compatibility")
        self.refused(code=NOT_ALLOWED, words="has left the factory", sockets=born.environment["SEALKEY_SIM_SOCKETS"])

        # Two keys: the one that is meant has to be named, and one that waits has no serial number yet.
        both = f"{there}:{self.board_socket}"
        error = self.refused(code=SEVERAL_KEYS, words="--reader", sockets=both)
        self.assertEqual(error["readers"], [there, self.board_socket])
        self.assert_untouched()
        self.refused("--reader", "nowhere", code=NO_KEY, words="", sockets=both)
        error = self.refused("--serial", "000000000000", code=NO_KEY, words="has no serial number yet", sockets=both)
        self.assertIn(f"--reader ({self.board_socket})", error["message"])
        # Two that wait.
        waiting = self.reader(foreign((0x6985, 0x6700, 0x6985)))
        error = self.refused(code=SEVERAL_KEYS, words="--reader", sockets=f"{waiting}:{self.board_socket}")
        self.assertEqual((error["readers"], error["serials"]), ([waiting, self.board_socket], []))
        self.assert_untouched()
        self.assert_record(self.run_it("--reader", self.board_socket, sockets=both), "made")


if __name__ == "__main__":
    harness.main(pcscd=False)
