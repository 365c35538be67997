#!/usr/bin/env python3
"""Measures signatures through each door, and login with the first signature through each PKCS#11 module.

Usage: compare.py OUT.json [--seconds S] [--repeat N]. Run by run.sh beside a private pcscd. Prints two tables and writes the
figures as JSON: all of one run, on one token for each algorithm. APDUs are counted by the simulator.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
# pylint: disable=wrong-import-position
import harness  # noqa: E402
from personal import PersonalisedCase  # noqa: E402

BENCH = harness.BUILD / "tests/bench"
MODULES = {"sealkey": str(harness.MODULE), "OpenSC": harness.OPENSC_MODULE}
ALGORITHMS = {"p256": "ECCP256", "rsa2048": "RSA2048"}
DOORS = ("bare_mbedtls", "apdu_in_process", "apdu_pcscd", "module_pcscd")


class OneKey(PersonalisedCase):
    """A token with one key and its certificate in 9A."""

    def runTest(self):  # never run as a test; the preparation is what is wanted
        pass


def signatures(algorithm, seconds, folder):
    out = folder / f"{algorithm}.json"
    environment = {**os.environ, "SEALKEY_BENCH_KEY": algorithm, "SEALKEY_PIN": harness.DEFAULT_PIN,
                   "SEALKEY_BENCH_MODULE": MODULES["sealkey"]}
    done = subprocess.run([BENCH / "bench_signatures", f"--benchmark_min_time={seconds}", f"--benchmark_out={out}",
                           "--benchmark_out_format=json"], env=environment, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    rows = json.loads(out.read_text())["benchmarks"]
    figures = {row["name"].split("/")[0]: round(row["real_time"], 1) for row in rows}
    missing = [door for door in DOORS if door not in figures]
    if missing:
        raise SystemExit(f"no figure for {', '.join(missing)}")
    return figures


def first_signature(key, algorithm, repeat):
    """Each module in turn, so that both meet the same machine; the first run of each is its cold one."""
    runs = {name: [] for name in MODULES}
    for _ in range(repeat):
        for name, path in MODULES.items():
            before = key.apdu_count()
            done = subprocess.run([BENCH / "bench_first_signature", path, algorithm], check=True, capture_output=True,
                                  env={**os.environ, "SEALKEY_PIN": harness.DEFAULT_PIN})
            runs[name].append({**json.loads(done.stdout), "apdus": key.apdu_count() - before})
    return {name: {"first_apdus": rows[0]["apdus"], "apdus": statistics.median(row["apdus"] for row in rows),
                   "median_ms": round(statistics.median(row["total_ms"] for row in rows), 2),
                   "fastest_ms": round(min(row["total_ms"] for row in rows), 2), "runs": rows}
            for name, rows in runs.items()}


def table(title, head, rows):
    print(f"\n{title}")
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        print("  " + "  ".join(str(cell).ljust(w) if i == 0 else str(cell).rjust(w)
                               for i, (cell, w) in enumerate(zip(row, widths))))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--repeat", type=int, default=7)
    args = parser.parse_args()
    figures = {"signature_us": {}, "first_signature": {}}
    for algorithm, name in ALGORITHMS.items():
        case = OneKey()
        try:
            case.setUp()
            case.personalise(("9a", name))
            figures["first_signature"][algorithm] = first_signature(case.key, algorithm, args.repeat)
            figures["signature_us"][algorithm] = signatures(algorithm, args.seconds, case.work.path)
        finally:
            case.doCleanups()
    pathlib.Path(args.out).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")

    table("One signature, microseconds (wall)", ("door", *ALGORITHMS),
          [(door, *(figures["signature_us"][a][door] for a in ALGORITHMS)) for door in DOORS])
    rows = [(f"{module}, {a}", f["first_apdus"], f["apdus"], f["median_ms"], f["fastest_ms"])
            for a in ALGORITHMS for module, f in figures["first_signature"][a].items()]
    table(f"Login and first signature in a fresh process, {args.repeat} runs each, in turn",
          ("module, key in 9A", "APDUs, first run", "APDUs, median", "ms, median", "ms, fastest"), rows)
    print(f"\nwritten to {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
