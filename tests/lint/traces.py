#!/usr/bin/env python3
"""Checks that every rule of the users and every known fault that is built so far has a test named after it.

Usage: traces.py BUILD_DIR. The names are those ctest would run, and the test functions inside the integration scripts.
"""
import json
import pathlib
import re
import subprocess
import sys

# Not here yet: N1, N9 and N18 (registration service), N26 (desktop tool).
LESSONS = range(1, 37)
RULES = ["N2", "N3", "N4", "N5", "N7", "N10", "N11", "N12", "N13", "N14", "N15", "N16", "N17", "N19", "N21", "N22", "N23", "N24"]

FUNCTION = re.compile(r"^\s*def test_(\w+)\(", re.M)


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: traces.py BUILD_DIR")
    build = sys.argv[1]
    root = pathlib.Path(__file__).parents[2]
    listing = subprocess.run(["ctest", "--test-dir", build, "--show-only=json-v1"], check=True, capture_output=True, text=True)
    names = [test["name"] for test in json.loads(listing.stdout)["tests"]]
    if not names:
        print("ctest knows no test: wrong build folder?")
        return 1
    for script in (root / "tests" / "integration").glob("*.py"):
        names += [f"{script.name}:{name}" for name in FUNCTION.findall(script.read_text(encoding="utf-8"))]

    missing = 0
    wanted = [(f"lesson {n}", re.compile(rf"(?<![A-Za-z0-9])[Ll]esson ?0*{n}(?![0-9])")) for n in LESSONS]
    wanted += [(f"rule {n}", re.compile(rf"(?<![A-Za-z0-9]){n}(?![0-9])")) for n in RULES]
    for what, pattern in wanted:
        # '_' counts as a letter for \b, so the names are split on it by the lookarounds above.
        found = [name for name in names if pattern.search(name.replace("_", " "))]
        if found:
            print(f"{what}: {len(found)}, {found[0]}")
        else:
            print(f"{what}: NO TEST")
            missing += 1
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
