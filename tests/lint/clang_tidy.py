#!/usr/bin/env python3
"""Runs clang-tidy with the project's .clang-tidy over every source file of the folders named.

Usage: clang_tidy.py CLANG_TIDY BUILD_DIR FOLDER... (the build folder has the compile commands). Prints what it finds; exit 1
if there is something, or if a folder has no file that is compiled.

What was clean is remembered under $XDG_CACHE_HOME/sealkey/clang-tidy by the hash of all that the verdict rests on: the
preprocessed text, the checks, the tool. SEALKEY_TIDY_CACHE=none reads every file again.
"""
import collections
import concurrent.futures
import functools
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
BATCH = 8


COMPILER = re.compile(r"(?:^|/)(?:([a-z0-9_]+-none-eabi)-)?(?:c\+\+|g\+\+|clang\+\+)[-.0-9]*$")


@functools.lru_cache
def foreign(compiler):
    """What clang has to be told for a board's compiler: its target, and where its headers are. Nothing for this machine's own."""
    target = COMPILER.search(compiler).group(1)
    if target is None:
        return []
    told = subprocess.run([compiler, "-E", "-v", "-x", "c++", os.devnull], capture_output=True, text=True, check=True).stderr
    folders = told.split("#include <...> search starts here:")[1].split("End of search list.")[0].split()
    # The compiler's own headers are clang's affair.
    return [f"--target={target}", *(f"-isystem{os.path.normpath(f)}" for f in folders if "/lib/gcc/" not in os.path.normpath(f))]


def flags_of(entry):
    """What clang is told, without the file and its object."""
    words = shlex.split(entry["command"])
    at = next(number for number, word in enumerate(words) if COMPILER.search(word))
    return tuple([w for w in words[at + 1:words.index("-o")] if w != "-c"] + foreign(words[at]))


class Reader:
    def __init__(self, tool, build):
        self.tool, self.batches = tool, pathlib.Path(build).resolve() / "clang-tidy"
        self.batches.mkdir(exist_ok=True)
        self.version = subprocess.run([tool, "--version"], capture_output=True, check=True).stdout
        self.checks = (ROOT / ".clang-tidy").read_bytes()
        self.known = 0

    def preprocessed(self, flags, folder, files):
        """The text of these files as one; None if they can't be: two have a helper of one name."""
        batch = self.batches / (hashlib.sha256("\n".join(files).encode()).hexdigest()[:16] + ".cpp")
        batch.write_text("".join(f'#include "{file}"  // NOLINT(bugprone-suspicious-include)\n' for file in files), encoding="utf-8")
        # -C keeps comments, where NOLINT stands; the line markers name the files that the header filter looks at.
        compiler = [str(pathlib.Path(self.tool).resolve().parent / "clang"), "--driver-mode=g++", *flags, str(batch)]
        if len(files) > 1 and subprocess.run([*compiler, "-w", "-fsyntax-only"], capture_output=True, cwd=folder).returncode != 0:
            return batch, None
        done = subprocess.run([*compiler, "-E", "-C"], capture_output=True, cwd=folder)
        return batch, done.stdout if done.returncode == 0 else b""

    def check(self, flags, folder, files):
        """[(files, what was found)], empty where there is nothing."""
        batch, text = self.preprocessed(flags, folder, files)
        if text is None:
            half = len(files) // 2
            return self.check(flags, folder, files[:half]) + self.check(flags, folder, files[half:])
        text = text.replace(str(ROOT).encode() + b"/", b"")
        known = CACHE / hashlib.sha256(self.version + self.checks + text).hexdigest()
        remember = text and os.environ.get("SEALKEY_TIDY_CACHE") != "none"
        if remember and known.exists():
            self.known += len(files)
            return []
        done = subprocess.run([self.tool, "--quiet", str(batch), "--config-file", str(ROOT / ".clang-tidy"), "--", *flags],
                              capture_output=True, text=True, cwd=folder)
        if done.returncode != 0:
            return [(files, done.stdout.strip() or done.stderr.strip())]
        if remember:
            CACHE.mkdir(parents=True, exist_ok=True)
            known.touch()
        return []


def batches(entries):
    """Files that are compiled in the same way, a few at a time: what they include is then read once."""
    alike = collections.defaultdict(list)
    for entry in entries:
        alike[flags_of(entry), entry["directory"]].append(entry["file"])
    for (flags, folder), files in alike.items():
        for i in range(0, len(files), BATCH):
            yield flags, folder, files[i:i + BATCH]


def main():
    tool, build, folders = sys.argv[1], sys.argv[2], sys.argv[3:]
    commands = json.loads((pathlib.Path(build) / "compile_commands.json").read_text(encoding="utf-8"))
    compiled = {entry["file"]: entry for entry in commands}
    files = []
    for folder in folders:
        mine = [compiled[f] for f in sorted(compiled) if pathlib.Path(f).is_relative_to(ROOT / folder) and f.endswith(".cpp")]
        if not mine:
            print(f"{folder}: no file of it is compiled")
            return 1
        files += mine
    reader = Reader(tool, build)
    faults = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(lambda batch: reader.check(*batch), batches(files)):
            for paths, said in found:
                print(f"{', '.join(os.path.relpath(path, ROOT) for path in paths)}:\n{said}")
                faults += 1
    print(f"{len(files)} files, {reader.known} of them known to be clean as they are; {faults} times something was found")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
