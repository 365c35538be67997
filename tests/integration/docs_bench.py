#!/usr/bin/env python3
# labels: docs
# timeout: 60
"""docs/bench.md says what sealkey-bench does: each command that it shows or tells is there and takes the options shown, and
every command that is there is told. (bench_*.py run the commands themselves.)"""
import functools
import re
import shlex
import unittest

import harness

TEXT = (harness.ROOT / "docs/bench.md").read_text(encoding="utf-8")


@functools.cache
def help_of(*words):
    return harness.run(["sealkey-bench", *words, "--help"]).out


def commands(*words):
    """The names below `words`, as its help lists them."""
    text = help_of(*words)
    return set(re.findall(r"^  ([a-z][a-z0-9-]*)(?: {2,}|$)", text.split("\nCommands:")[1], re.M)) if "\nCommands:" in text else set()


def shown():
    """Each line that begins with the program, whole, as words."""
    text = re.sub(r"\\\n +", " ", TEXT)
    return [shlex.split(line, comments=True)[1:] for line in re.findall(r"^    (sealkey-bench .*)$", text, re.M)]


def path_of(words):
    path = []
    while len(path) < len(words) and words[len(path)] in commands(*path):
        path.append(words[len(path)])
    return path


class Shown(unittest.TestCase):
    def test_commands_are_there_and_take_the_options(self):
        self.assertGreater(len(shown()), 8)
        for words in shown():
            path = path_of(words)
            self.assertTrue(path, words)
            self.assertFalse(commands(*path), f"{words}: a part of the command is missing")
            known = "".join(help_of(*path[:n]) for n in range(len(path) + 1))
            for option in (word.split("=")[0] for word in words if word.startswith("--")):
                self.assertIsNotNone(re.search(rf"(?m)[ ,]{option}(?![a-z-])", known), f"{option} of {words}")

    def test_every_command_is_told(self):
        for name in commands():
            for below in commands(name) or {""}:
                told = (f"sealkey-bench {name} {below}".strip(), f"`{name} {below}".strip(), f"`{below or name}` ", f"`{below or name} ")
                self.assertTrue(any(way in " ".join(TEXT.split()) for way in told), f"{name} {below}")


    def test_options_named_in_the_desks_pages_are_there(self):
        """(docs_provider.py runs their commands; this is for those within the text.)"""
        known = "".join(help_of(*path) for name in commands() for path in [(name,), *((name, below) for below in commands(name))])
        known += help_of() + "".join(harness.run(["sealkey", name, "--help"]).out for name in ("verify", "renew"))
        for page in ("operator-guide.md", "ca-ceremony.md"):
            text = (harness.ROOT / "docs" / page).read_text(encoding="utf-8")
            prose = re.sub(r"^```sh\n.*?^```$", "", text, flags=re.M | re.S)
            named = {option for code in re.findall(r"`([^`]+)`", prose) for option in re.findall(r"--[a-z-]+", code)}
            self.assertGreater(len(named), 3, page)
            for option in named:
                self.assertIsNotNone(re.search(rf"(?m)[ ,]{option}(?![a-z-])", known), f"{option} in {page}")


if __name__ == "__main__":
    harness.main()
