#!/usr/bin/env python3
"""Checks that every C++ file is laid out as .clang-format says.

Usage: clang_format.py CLANG_FORMAT [ROOT]. Names the files that aren't, with the command that puts them right; exit 1 then.
"""
import pathlib
import re
import subprocess
import sys

FOLDERS = ("firmware", "host", "pkcs11-module", "sim", "tests")


def main():
    tool = sys.argv[1]
    root = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parents[2])
    files = sorted(
        path.relative_to(root)
        for folder in FOLDERS
        for path in (root / folder).rglob("*")
        if path.suffix in (".h", ".cpp") and path.is_file()
    )
    if not files:
        print("no source files found: wrong root?")
        return 1
    done = subprocess.run([tool, "--dry-run", "-Werror", *files], cwd=root, capture_output=True, text=True)
    wrong = sorted(set(re.findall(r"^(\S+?):\d+:\d+: error", done.stderr, re.M)))
    if done.returncode and not wrong:
        print(done.stderr)
        return 1
    for name in wrong:
        print(f"{name}: not formatted")
    if wrong:
        print(f"put right by: {tool} -i {' '.join(wrong)}")
    print(f"{len(files)} files read, {len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
