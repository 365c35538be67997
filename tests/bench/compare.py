#!/usr/bin/env python3
"""Measures signatures through each door, and login with the first signature through each PKCS#11 module.

Usage: compare.py OUT.json [--seconds S] [--repeat N]. Run by run.sh beside a private pcscd whose reader is called Yubico,
since libykcs11 looks at no other. Prints tables and writes the figures as JSON: all of one run, on one token for each
algorithm. APDUs are counted by the simulator.
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
MODULES = {"sealkey": str(harness.MODULE), "OpenSC": harness.OPENSC_MODULE, "ykcs11": harness.YKCS11_MODULE}
# No module: SELECT, VERIFY and the signature through PC/SC, the least that any program could do.
FLOOR = "no module"
WAYS = {FLOOR: "-", **MODULES}
GOAL = 0.5  # design section 11: of the wall time of the better of the others
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


def sign_once(key, path, algorithm):
    """A fresh process: the milliseconds of each step, and the commands that the token saw."""
    before = key.apdu_count()
    done = subprocess.run([BENCH / "bench_first_signature", path, algorithm], check=True, capture_output=True,
                          env={**os.environ, "SEALKEY_PIN": harness.DEFAULT_PIN})
    return {**json.loads(done.stdout), "apdus": key.apdu_count() - before}


def first_signature(key, algorithm, repeat):
    """All ways in turn, another one first each time, so that they meet the same machine and each comes after each other
    (one that resets the card leaves work to the next). The first run of each is its cold one: it is told apart and not
    among the quartiles."""
    names = list(WAYS)
    cold = {name: sign_once(key, WAYS[name], algorithm) for name in names}
    runs = {name: [] for name in names}
    for i in range(repeat):
        for name in names[i % len(names):] + names[:i % len(names)]:
            runs[name].append(sign_once(key, WAYS[name], algorithm))
    return {name: {"first_apdus": cold[name]["apdus"], "first_ms": cold[name]["total_ms"], **summary(rows), "runs": rows}
            for name, rows in runs.items()}


def summary(rows):
    times = [row["total_ms"] for row in rows]
    low, middle, high = statistics.quantiles(times, n=4, method="inclusive") if len(times) > 1 else times * 3
    return {"apdus": statistics.median(row["apdus"] for row in rows), "quartile_1_ms": round(low, 2),
            "median_ms": round(middle, 2), "quartile_3_ms": round(high, 2),
            "sign_ms": round(statistics.median(row["sign_ms"] for row in rows), 2)}


def ratio(ways):
    """Ours against the better of the others: by the medians, and the quartiles of the ratio within each round."""
    others = [name for name in MODULES if name != "sealkey"]
    rounds = [ours["total_ms"] / min(ways[name]["runs"][i]["total_ms"] for name in others)
              for i, ours in enumerate(ways["sealkey"]["runs"])]
    low, _, high = statistics.quantiles(rounds, n=4, method="inclusive") if len(rounds) > 1 else rounds * 3
    better = min(others, key=lambda name: ways[name]["median_ms"])
    return {"better": better, "of_medians": round(ways["sealkey"]["median_ms"] / ways[better]["median_ms"], 3),
            "quartile_1": round(low, 3), "quartile_3": round(high, 3), "goal": GOAL}


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
    parser.add_argument("--repeat", type=int, default=21)
    args = parser.parse_args()
    if args.repeat < 1:
        parser.error("--repeat: at least 1")
    figures = {"signature_us": {}, "first_signature": {}, "ratio": {}}
    for algorithm, name in ALGORITHMS.items():
        case = OneKey()
        try:
            case.setUp()
            case.personalise(("9a", name))
            figures["first_signature"][algorithm] = first_signature(case.key, algorithm, args.repeat)
            figures["ratio"][algorithm] = ratio(figures["first_signature"][algorithm])
            figures["signature_us"][algorithm] = signatures(algorithm, args.seconds, case.work.path)
        finally:
            case.doCleanups()
    pathlib.Path(args.out).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")

    table("One signature, microseconds (wall)", ("door", *ALGORITHMS),
          [(door, *(figures["signature_us"][a][door] for a in ALGORITHMS)) for door in DOORS])
    rows = [(f"{way}, {a}", f["first_apdus"], f["apdus"], f["first_ms"], f["quartile_1_ms"], f["median_ms"],
             f["quartile_3_ms"], f["sign_ms"])
            for a in ALGORITHMS for way, f in figures["first_signature"][a].items()]
    table(f"Login and first signature in a fresh process, milliseconds; {args.repeat} runs each, in turn",
          ("way, key in 9A", "APDUs, first", "APDUs", "first", "quartile 1", "median", "quartile 3", "signature"), rows)
    table("Ours / the better of the other modules",
          ("key in 9A", "better", "of medians", "quartile 1", "quartile 3", "goal"),
          [(a, *(r[k] for k in ("better", "of_medians", "quartile_1", "quartile_3", "goal")))
           for a, r in figures["ratio"].items()])
    print(f"\nwritten to {args.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
