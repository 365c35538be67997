#!/usr/bin/env python3
"""Runs every fuzz target on its seeds, once each, and checks what part of the branches of the files it aims at they reach.

Usage: coverage.py FUZZ_BUILD_DIR [--seeds DIR] (run.sh --coverage builds first). Targets, files and floors are those of
tests/fuzz/CMakeLists.txt. Prints each file's branches; exit 1 if a target is under its floor or a file isn't counted.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]


def tool(*arguments, **options):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        raise RuntimeError(f"{arguments[0]} ends with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def measure(build, seeds, name, files):
    """Branches of each file, as (reached, all)."""
    program = build / "tests/fuzz" / f"fuzz_{name}"
    with tempfile.TemporaryDirectory() as folder:
        raw, profile = pathlib.Path(folder) / "raw", pathlib.Path(folder) / "profile"
        tool(program, "-runs=0", "-timeout=60", seeds / name, env={**os.environ, "LLVM_PROFILE_FILE": str(raw)})
        tool("llvm-profdata-14", "merge", raw, "-o", profile)
        # A file that ccache has from another clone names its source by a relative path.
        out = tool("llvm-cov-14", "export", "-summary-only", f"-compilation-dir={build.resolve()}", f"-instr-profile={profile}",
                   program, *(ROOT / f for f in files))
    found = {}
    for entry in json.loads(out)["data"][0]["files"]:
        branches = entry["summary"]["branches"]
        found[os.path.relpath(entry["filename"], ROOT)] = (branches["covered"], branches["count"])
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--seeds", type=pathlib.Path, default=ROOT / "tests/fuzz/corpus")
    args = parser.parse_args()
    lines = (args.build / "tests/fuzz/floors.txt").read_text(encoding="utf-8").splitlines()
    table = [(name, float(floor), files) for name, floor, *files in (line.split() for line in lines)]
    faults = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = [pool.submit(measure, args.build.resolve(), args.seeds, name, files) for name, _, files in table]
        for (name, floor, files), run in zip(table, runs):
            found = run.result()
            reached = sum(found.get(file, (0, 0))[0] for file in files)
            everything = sum(found.get(file, (0, 0))[1] for file in files)
            percent = 100 * reached / everything if everything else 0
            missing = [file for file in files if file not in found]
            bad = percent < floor or missing
            faults += bool(bad)
            print(f"{name}: {percent:.1f} % of {everything} branches, floor {floor:g}{'  TOO FEW' if percent < floor else ''}")
            for file in files:
                print(f"    {file}: " + ("{} of {}".format(*found[file]) if file in found else "NOT COUNTED"))
    print(f"{len(table)} targets, {faults} faults")
    return 1 if faults or not table else 0


if __name__ == "__main__":
    sys.exit(main())
