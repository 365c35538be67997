#!/usr/bin/env python3
"""Makes a manual page out of what is said elsewhere already: a program's --help and tables of docs/*.md.

Usage: man_page.py [--program PATH] --version VERSION --docs FOLDER TEMPLATE OUTPUT

The template is man(7) source. These lines in it are replaced:
    @title@                 the heading (.TH)
    @name@                  the section NAME, of the program's own summary
    @synopsis@              the section SYNOPSIS, of its usage line
    @commands@              the section COMMANDS: every command with its options; nothing for a program without
    @options@               the section OPTIONS: those that stand before a command
    @table FILE HEADING@    the first table below that heading of docs/FILE
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys

ENTRY = re.compile(r"^  (\S.*?)(?:  +(\S.*))?$")
CONTINUED = re.compile(r"^ {20,}(\S.*)$")


def roff(text):
    """Plain text as man(7) source."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    return "\\&" + text if text.startswith(".") else text


class Help:
    """What a program says with --help: .summary, .usage, .groups (heading -> [(name, text)])."""

    def __init__(self, program, *words):
        self.words = words
        done = subprocess.run([program, *words, "--help"], capture_output=True, text=True, check=True,
                              env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": ""})
        lines = done.stdout.splitlines()
        self.summary = lines[0].strip()
        usage = next(line for line in lines if line.startswith("Usage: "))
        self.usage = usage.removeprefix("Usage: ")
        self.groups = {}
        self.footer = []
        entries = None
        for line in lines[lines.index(usage) + 1:]:
            if re.fullmatch(r"\S[^:]*:\s*", line):
                entries = self.groups.setdefault(line.strip().rstrip(":"), [])
            elif entries and CONTINUED.match(line):
                entries[-1][1].append(CONTINUED.match(line)[1])
            elif entries is not None and ENTRY.match(line):
                name, text = ENTRY.match(line).groups()
                entries.append((name, [text] if text else []))
            elif line.strip():
                self.footer.append(line.strip())

    def commands(self):
        return self.groups.get("Commands", [])

    def options(self):
        return [entry for heading, entries in self.groups.items() if heading != "Commands" for entry in entries]


def entries_source(entries):
    return "".join(f".TP\n.B {roff(name)}\n{roff(' '.join(text))}\n" for name, text in entries)


def commands_source(program, *words):
    """Every command below, and below those."""
    source = ""
    for name, _ in Help(program, *words).commands():
        told = Help(program, *words, name)
        source += f".SS {roff(' '.join((*words, name)))}\n{roff(told.summary)}\n"
        options = [e for e in told.options() if not e[0].startswith("-h,")]
        source += entries_source(options) + commands_source(program, *words, name)
    return source


def table_source(docs, file, heading):
    text = (docs / file).read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\|(.*)\|$", text, re.M)[2:]
    if not rows:
        sys.exit(f"man_page.py: no table below '{heading}' of {file}")
    source = ""
    for row in rows:
        cells = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", c.strip()).replace("`", "") for c in row.split(" | ")]
        source += f".TP\n.B {roff(' '.join(cells[:-1]))}\n{roff(cells[-1])}\n"
    return source


def page(arguments):
    name, section = arguments.template.name.removesuffix(".in").rsplit(".", 1)
    told = Help(arguments.program) if arguments.program else None

    def replaced(match):
        what, *words = match[1].split(" ", 2)
        if what == "title":
            return f'.TH {name.upper()} {section} "" "sealkey {arguments.version}" ""\n'
        if what == "name":
            return f".SH NAME\n{name} \\- {roff(told.summary.rstrip('.'))}\n"
        if what == "synopsis":
            return f".SH SYNOPSIS\n.B {roff(told.usage)}\n"
        if what == "commands":
            return ".SH COMMANDS\n" + commands_source(arguments.program)
        if what == "options":
            footer = "".join(f".PP\n{roff(' '.join(told.footer))}\n") if told.footer else ""
            return ".SH OPTIONS\n" + entries_source(told.options()) + footer
        if what == "table":
            return table_source(arguments.docs, *words)
        sys.exit(f"man_page.py: {arguments.template}: @{match[1]}@ isn't known")

    return re.sub(r"^@(.+)@\n", replaced, arguments.template.read_text(encoding="utf-8"), flags=re.M)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--program")
    parser.add_argument("--version", required=True)
    parser.add_argument("--docs", required=True, type=pathlib.Path)
    parser.add_argument("template", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    arguments = parser.parse_args()
    arguments.output.write_text(page(arguments), encoding="utf-8")


if __name__ == "__main__":
    main()
