#!/usr/bin/env python3
# labels: docs
# timeout: 60
"""--help of every command, as a clerk or an operator in China sees it: no heading and no name of a value is left in English."""
import re
import unittest

import harness

CHINESE = {"LC_ALL": "zh_CN.UTF-8", "LANGUAGE": ""}


def help_of(program, *words):
    return harness.run([program, *words, "--help"], env=CHINESE).out


def commands(text):
    below = text.split("\n命令:")
    return re.findall(r"^  ([a-z][a-z0-9-]*)(?: {2,}|$)", below[1], re.M) if len(below) > 1 else []


def every_help(program, *words):
    text = help_of(program, *words)
    yield " ".join((program, *words)), text
    for name in commands(text):
        yield from every_help(program, *words, name)


class Help(unittest.TestCase):
    def test_headings_are_chinese(self):
        for program, least in (("sealkey", 12), ("sealkey-bench", 25)):
            seen = list(every_help(program))
            self.assertGreater(len(seen), least)
            for name, text in seen:
                with self.subTest(name):
                    headings = re.findall(r"^(\S[^:：\n]*)[:：] *$", text, re.M)
                    self.assertIn("选项", headings)
                    for heading in headings:
                        self.assertNotRegex(heading, "[A-Za-z]")
                    self.assertRegex(text, r"(?m)^用法: ")
                    self.assertNotRegex(text, r"--[a-z-]+ (NAME|FILE|FOLDER|TEXT|DAYS|SERIAL|REASON)\b")


if __name__ == "__main__":
    harness.main()
