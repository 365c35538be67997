#!/usr/bin/env python3
"""Checks that every message of the programs is translated, by xgettext and msgcmp, and that %1, %2 ... survive.

Usage: messages.py [ROOT]. Prints what is missing and exits 1 if anything is.
"""
import gettext
import pathlib
import re
import subprocess
import sys
import tempfile

# Domain -> folders of sources whose messages its catalogue must hold. The shared helpers are `sealkey`'s.
DOMAINS = {
    "sealkey": ["host/cli/common", "host/cli/sealkey", "host/seal", "host/sign"],
    "sealkey-bench": ["host/cli/bench", "host/bench", "host/ca"],
}
LANGUAGES = ["zh_CN"]
KEYWORDS = ["-ktr", "-ktrn:1,2", "-kmark"]
PLACEHOLDER = re.compile(r"%[1-9]")


def tool(*arguments):
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


def check(root, domain, folders, language, work):
    sources = sorted(p for folder in folders for p in (root / folder).rglob("*.cpp"))
    if not sources:
        return [], 0
    pot = work / f"{domain}.pot"
    done = tool("xgettext", "--from-code=UTF-8", "-C", *KEYWORDS, "-o", str(pot), *map(str, sources))
    if done.returncode != 0 or not pot.exists():
        return [f"{domain}: xgettext found no messages: {done.stderr}"], 0
    po = root / "host/cli/po" / domain / f"{language}.po"
    if not po.exists():
        return [f"{po.relative_to(root)} is missing"], 0
    faults = []
    done = tool("msgcmp", str(po), str(pot))
    faults += [line for line in done.stderr.splitlines() if line.strip()]
    if done.returncode != 0 and not faults:
        faults.append(f"{po}: msgcmp fails")
    compiled = work / f"{domain}.{language}.mo"
    done = tool("msgfmt", "--check", "-o", str(compiled), str(po))
    if done.returncode != 0:
        return faults + [done.stderr], 0
    with open(compiled, "rb") as file:
        catalogue = gettext.GNUTranslations(file)._catalog  # pylint: disable=protected-access
    count = 0
    for key, text in catalogue.items():
        source = key[0] if isinstance(key, tuple) else key
        if source == "":
            continue
        count += 1
        if sorted(set(PLACEHOLDER.findall(source))) != sorted(set(PLACEHOLDER.findall(text))):
            faults.append(f"{domain} {language}: other placeholders than the English: {source!r} -> {text!r}")
        if source.endswith("\n") != text.endswith("\n"):
            faults.append(f"{domain} {language}: another end of line: {source!r}")
    return faults, count


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2])
    faults = []
    total = 0
    with tempfile.TemporaryDirectory() as folder:
        for domain, folders in DOMAINS.items():
            for language in LANGUAGES:
                found, count = check(root, domain, folders, language, pathlib.Path(folder))
                faults += found
                total += count
                print(f"{domain} {language}: {count} messages, {len(found)} faults")
    for fault in faults:
        print(fault)
    return 1 if faults or total == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
