#!/usr/bin/env python3
"""Runs clang-tidy with the project's .clang-tidy over every source file of the folders named.

Usage: clang_tidy.py CLANG_TIDY BUILD_DIR FOLDER... (the build folder has the compile commands). Prints what it finds; exit 1
if there is something, or if a folder has no file that is compiled.

What was clean is remembered under $XDG_CACHE_HOME/sealkey/clang-tidy by the hash of all that the verdict rests on: the
preprocessed text, the checks, the tool. SEALKEY_TIDY_CACHE=none reads every file again.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys


ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "sealkey" / "clang-tidy"


def verdict_key(tool, version, checks, entry):
    """A hash that is the same only if clang-tidy would see the same again; None if the file can't be preprocessed."""
    words = shlex.split(entry["command"])
    words = words[words.index(next(w for w in words if re.search(r"(c\+\+|g\+\+|clang\+\+)[-.0-9]*$", w))) + 1:]
    # -C keeps comments, where NOLINT stands; the line markers name the files that the header filter looks at.
    compiler = [str(pathlib.Path(tool).resolve().parent / "clang"), "--driver-mode=g++", *words[:words.index("-o")], "-E", "-C", entry["file"]]
    done = subprocess.run(compiler, capture_output=True, cwd=entry["directory"])
    if done.returncode != 0:
        return None
    text = done.stdout.replace(str(ROOT).encode() + b"/", b"")
    return hashlib.sha256(version + checks + text).hexdigest()


def check(tool, build, version, checks, entry):
    path = entry["file"]
    key = None if os.environ.get("SEALKEY_TIDY_CACHE") == "none" else verdict_key(tool, version, checks, entry)
    if key and (CACHE / key).exists():
        return path, 0, "", "", True
    done = subprocess.run([tool, "-p", build, "--quiet", path], capture_output=True, text=True)
    if key and done.returncode == 0:
        CACHE.mkdir(parents=True, exist_ok=True)
        (CACHE / key).touch()
    return path, done.returncode, done.stdout.strip(), done.stderr.strip(), False


def main():
    tool, build, folders = sys.argv[1], sys.argv[2], sys.argv[3:]
    commands = json.loads((pathlib.Path(build) / "compile_commands.json").read_text(encoding="utf-8"))
    compiled = {entry["file"]: entry for entry in commands}
    version = subprocess.run([tool, "--version"], capture_output=True, check=True).stdout
    checks = (ROOT / ".clang-tidy").read_bytes()
    files = []
    for folder in folders:
        mine = [compiled[f] for f in sorted(compiled) if pathlib.Path(f).is_relative_to(ROOT / folder) and f.endswith(".cpp")]
        if not mine:
            print(f"{folder}: no file of it is compiled")
            return 1
        files += mine
    faults = remembered = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, code, out, err, known in pool.map(lambda entry: check(tool, build, version, checks, entry), files):
            remembered += known
            if code != 0:
                print(f"{os.path.relpath(path, ROOT)}:\n{out or err}")
                faults += 1
    print(f"{len(files)} files, {remembered} of them known to be clean as they are, {faults} with faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
