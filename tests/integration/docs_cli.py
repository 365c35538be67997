#!/usr/bin/env python3
# labels: docs
# timeout: 60
"""docs/cli.md says what the program does: its exit codes, commands, options and JSON fields."""
import json
import re
import unittest

import harness
import personalise

TEXT = (harness.ROOT / "docs/cli.md").read_text(encoding="utf-8")


def section(title):
    return TEXT.split(f"\n## {title}\n")[1].split("\n## ")[0]


def words(text):
    return set(re.findall(r"`([a-z0-9_]+)`", text))


class ExitCodes(unittest.TestCase):
    def test_table_is_the_one_in_the_source(self):
        header = (harness.ROOT / "host/cli/common/failure.h").read_text(encoding="utf-8")
        body = header.split("enum class Exit : int {")[1].split("};")[0]
        in_source = {int(number): name for name, number in re.findall(r"^\s*(\w+) = (\d+),", body, re.M)}
        in_docs = {int(number): name for number, name in re.findall(r"^\| (\d+) \| (\w+) \|", section("Exit codes"), re.M)}
        self.assertGreater(len(in_source), 10)
        self.assertEqual(in_docs, in_source)


class Commands(unittest.TestCase):
    def test_every_command_is_told_and_every_told_command_is_there(self):
        shown = set(re.findall(r"^  ([a-z][a-z-]*) {2,}", harness.run(["sealkey", "--help"]).out, re.M))
        told = set(re.findall(r"^\| `([a-z-]+)[ `]", section("Commands"), re.M))
        told |= words(re.search(r"^(`sign`.*) are told", section("Commands"), re.M).group(1)) & shown
        self.assertEqual(told, shown)

    def test_options_named_in_the_page_are_taken(self):
        help_text = "".join(harness.run(["sealkey", name, "--help"]).out
                            for name in ("wait", "activate", "change-pin", "unlock", "export", "renew", "browser"))
        help_text += harness.run(["sealkey", "--help"]).out
        for option in set(re.findall(r"`[a-z ]*(--[a-z-]+)", TEXT)):
            self.assertIn(option + " ", help_text.replace("\n", " "), option)

    def test_variables_named_in_the_page_are_read(self):
        source = "".join(p.read_text(encoding="utf-8") for folder in ("host/cli", "host/transport")
                         for p in (harness.ROOT / folder).rglob("*.cpp"))
        named = set(re.findall(r"SEALKEY_[A-Z_]+", TEXT))
        self.assertGreater(len(named), 5)
        for name in named:
            self.assertIn(f'"{name}"', source)


class Doctor(unittest.TestCase):
    LITERAL = r'"(?:[^"\\]|\\.)*"'
    ROW = re.compile(r'\{"(\w+)", Health::(\w+),\s*mark\(((?:\s*%s)+)\),\s*(?:mark\(((?:\s*%s)+)\)|"")\}' % (LITERAL, LITERAL))

    def test_findings_are_those_of_the_source(self):
        """Those that say that something isn't as it should be."""
        source = (harness.ROOT / "host/cli/sealkey/doctor_findings.cpp").read_text(encoding="utf-8")

        def joined(literals):
            return "".join(part[1:-1] for part in re.findall(self.LITERAL, literals or "")) or "-"

        rows = [(name, health, joined(text), joined(cure)) for name, health, text, cure in self.ROW.findall(source)]
        self.assertEqual(len(rows), len(re.findall(r'^    \{"', source, re.M)))
        told = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*) \|$", section("What the doctor finds"), re.M)
        self.assertEqual(told, [row for row in rows if row[1] in ("notice", "trouble")])


class Json(harness.Case):
    def test_fields_are_the_ones_told(self):
        key = self.simulator(sockets=True)
        told = words(section("JSON")) | {"ok", "error", "message", "name", "code"}
        card = SocketCard(key.environment["SEALKEY_SIM_SOCKETS"])
        personalise.ship(card, key.birth_record, seal=b"x" * 300)
        card.close()

        def names(value):
            if isinstance(value, dict):
                return set(value) | {n for v in value.values() for n in names(v)}
            return {n for v in value for n in names(v)} if isinstance(value, list) else set()

        for command in (["list"], ["status"], ["certificates"], ["wait"], ["unlock"], ["doctor"], ["browser", "status"], ["export", "seal", "-o", str(self.work / "s")]):
            document = json.loads(key.run(["sealkey", *command, "--json"], ok=None).out)
            self.assertEqual(names(document) - told, set(), command)


class SocketCard:
    """A simulator's socket as personalise.ship() wants a card."""

    def __init__(self, path):
        import socket  # pylint: disable=import-outside-toplevel
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)

    def _receive(self, n):
        data = b""
        while len(data) < n:
            piece = self.socket.recv(n - len(data))
            if not piece:
                raise ConnectionResetError
            data += piece
        return data

    def transmit(self, apdu):
        data = b""
        while True:
            self.socket.sendall(len(apdu).to_bytes(2, "big") + bytes(apdu))
            answer = self._receive(int.from_bytes(self._receive(2), "big"))
            data += answer[:-2]
            if answer[-2] != 0x61:
                return data, int.from_bytes(answer[-2:], "big")
            apdu = bytes([0, 0xC0, 0, 0, answer[-1]])

    def close(self):
        self.socket.close()


if __name__ == "__main__":
    harness.main(pcscd=False)
