#!/usr/bin/env python3
"""Runs clang-tidy with the project's .clang-tidy over every source file of the folders named.

Usage: clang_tidy.py CLANG_TIDY BUILD_DIR FOLDER... (the build folder has the compile commands). Prints what it finds; exit 1
if there is something, or if a folder has no file that is compiled.
"""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys


def check(tool, build, path):
    done = subprocess.run([tool, "-p", build, "--quiet", path], capture_output=True, text=True)
    return path, done.returncode, done.stdout.strip(), done.stderr.strip()


def main():
    tool, build, folders = sys.argv[1], sys.argv[2], sys.argv[3:]
    root = pathlib.Path(__file__).parents[2]
    commands = json.loads((pathlib.Path(build) / "compile_commands.json").read_text(encoding="utf-8"))
    compiled = sorted({entry["file"] for entry in commands})
    files = []
    for folder in folders:
        mine = [f for f in compiled if pathlib.Path(f).is_relative_to(root / folder) and f.endswith(".cpp")]
        if not mine:
            print(f"{folder}: no file of it is compiled")
            return 1
        files += mine
    faults = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for path, code, out, err in pool.map(lambda f: check(tool, build, f), files):
            if code != 0:
                print(f"{os.path.relpath(path, root)}:\n{out or err}")
                faults += 1
    print(f"{len(files)} files read, {faults} with faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
