#!/usr/bin/env python3
"""What programs do with a PKCS#11 module, through ours, OpenSC's and ykcs11, on one token, in one run.

Usage: modules.py OUT.json [--repeat N] [--docs]. Run by run.sh beside a private pcscd whose reader is called Yubico, since
libykcs11 looks at no other. Prints commands, bytes and wall times (medians) of each step, the ratios, and whether each goal
is met; writes all figures as JSON. --docs: writes the table into docs/pkcs11-module.md too. Times are never asserted; the
commands are, by tests/unit/pkcs11/budget_test.cpp.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))
# pylint: disable=wrong-import-position
import harness  # noqa: E402
from personal import PersonalisedCase  # noqa: E402

PROGRAM = harness.BUILD / "tests/bench/bench_steps"
DOCUMENT = harness.ROOT / "docs/pkcs11-module.md"
OTHERS = ("OpenSC", "ykcs11")
# cold: an empty folder of certificates; warm: another program has read them before.
OURS = {"cold, short": ("short", False), "cold, extended": ("extended", False),
        "warm, short": ("short", True), "warm, extended": ("extended", True)}
MODULES = {**{way: str(harness.MODULE) for way in OURS}, "OpenSC": harness.OPENSC_MODULE, "ykcs11": harness.YKCS11_MODULE}
# Two programs, and what each of their steps is called in the tables.
LOGIN = ("load", "initialize", "slots", "open", "certificate", "login", "sign")
LIFE = ("load", "initialize", "slots", "open", "certificates", "finds", "attributes", "polling", "login", "sign", "sign100",
        "finalize")
NAMES = {"load": "dlopen", "initialize": "C_Initialize", "slots": "first C_GetSlotList and C_GetTokenInfo",
         "open": "C_OpenSession", "certificates": "4 certificates listed and read", "finds": "100 searches by issuer",
         "attributes": "160 attributes read again", "polling": "150 calls of polling", "login": "C_Login",
         "sign": "first signature", "sign100": "100 signatures", "finalize": "C_Finalize"}
FIRST = "from dlopen to login and first signature, its certificate read"
TLS = "TLS 1.3 handshake by OpenSSL's engine, whole program"
KEYS = (("9a", "RSA2048"), ("9c", "RSA2048"), ("9d", "ECCP256"), ("9e", "ECCP256"))
WALL_GOAL = 0.5
OFTENER = 6  # the runs that wall times are judged by are short, and a busy machine troubles each


class FourKeys(PersonalisedCase):
    """A token with four keys and certificates; 9A is RSA-2048."""

    def runTest(self):  # never run as a test; the preparation is what is wanted
        pass


class Bench:
    def __init__(self, case):
        self.case = case
        self.warm = tempfile.mkdtemp(dir=case.work.path)

    def environment(self, way):
        environment = {**os.environ, "SEALKEY_PIN": harness.DEFAULT_PIN, "PKCS11_MODULE_PATH": MODULES.get(way, "")}
        if way in OURS:
            apdu, warm = OURS[way]
            folder = self.warm if warm else tempfile.mkdtemp(dir=self.case.work.path)
            environment.update(SEALKEY_APDU=apdu, SEALKEY_CACHE=folder)
        return environment

    def sent(self):
        status = self.case.key.control("status")
        return status["apdus"], status["apdu_bytes"]

    def steps(self, way, names):
        """One process: by step, commands, bytes and milliseconds; "memory" in kilobytes."""
        before = self.sent()
        found = {}
        with subprocess.Popen([PROGRAM, MODULES[way], *names], env=self.environment(way), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout:
                row = json.loads(line)
                if row["step"] == "memory":
                    found["memory"] = row["peak_kb"]
                    break
                now = self.sent()
                found[row["step"]] = (now[0] - before[0], now[1] - before[1], row["ms"])
                before = now
                process.stdin.write("\n")
                process.stdin.flush()
        if process.returncode != 0 or "memory" not in found:
            raise SystemExit(f"{way}: bench_steps ended with {process.returncode} after {', '.join(found) or 'nothing'}")
        return found

    def handshake(self, way):
        """One s_client: commands, bytes, milliseconds, kilobytes. way "no module": the key in a file."""
        before = self.sent()
        key = ["-key", self.case.work / "file.key", "-cert", self.case.work / "file.crt"]
        if way in MODULES:
            pin = self.case.work.write("pin", harness.DEFAULT_PIN)
            key = ["-engine", "pkcs11", "-keyform", "engine", "-key", f"pkcs11:id=%01;type=private;pin-source=file:{pin}",
                   "-cert", self.case.certificates["9a"]]
        done = subprocess.run([PROGRAM, "run", "openssl", "s_client", "-connect", "localhost:4433", "-tls1_3", "-CAfile",
                               self.case.work / "server.crt", "-ign_eof", *key], env=self.environment(way), text=True,
                              input="GET / HTTP/1.0\r\n\r\n", capture_output=True, check=False)
        if done.returncode != 0 or "HTTP/1.0 200 ok" not in done.stdout:
            raise SystemExit(f"{way}: no handshake:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        row = json.loads(done.stderr.strip().splitlines()[-1])
        now = self.sent()
        return now[0] - before[0], now[1] - before[1], row["ms"], row["peak_kb"]

    def serve(self):
        """A server that wants a client certificate; also the certificate for the key in a file."""
        work = self.case.work
        harness.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", work / "server.key",
                     "-subj", "/CN=localhost", "-out", work / "server.crt"])
        harness.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", work / "file.key",
                     "-subj", "/CN=a key in a file", "-out", work / "file.crt"])
        trusted = work.write("trusted.pem", self.case.authority.read_bytes() + (work / "file.crt").read_bytes())
        # pylint: disable=consider-using-with
        server = subprocess.Popen(["openssl", "s_server", "-accept", "4433", "-key", work / "server.key", "-cert",
                                   work / "server.crt", "-Verify", "1", "-verify_return_error", "-CAfile", trusted,
                                   "-tls1_3", "-www"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for line in server.stdout:
            if b"ACCEPT" in line:
                break
        self.case.addCleanup(server.communicate)
        self.case.addCleanup(server.kill)


def in_turn(ways, repeat, measure):
    """All ways one after another, another one first each time: they meet the same machine, and each comes after each other
    (one that resets the card leaves work to the next)."""
    ways = list(ways)
    runs = {way: [] for way in ways}
    for i in range(repeat):
        for way in ways[i % len(ways):] + ways[:i % len(ways)]:
            runs[way].append(measure(way))
    return runs


def medians(rows):
    """Commands, bytes and milliseconds; then the milliseconds of the fastest run, which a busy machine troubles least."""
    return (*(round(statistics.median(column), 2) for column in zip(*rows)), round(min(row[2] for row in rows), 2))


def measure(repeat):
    """{row: {way: (commands, bytes, ms, ms of the fastest)}}, and {way: kilobytes} of both programs."""
    case = FourKeys()
    try:
        case.setUp()
        case.personalise(*KEYS)
        bench = Bench(case)
        bench.steps("warm, short", LIFE)
        life = in_turn(MODULES, repeat, lambda way: bench.steps(way, LIFE))
        rows = {NAMES[step]: {way: medians([run[step] for run in life[way]]) for way in MODULES} for step in LIFE}
        first = in_turn(MODULES, OFTENER * repeat, lambda way: bench.steps(way, LOGIN))
        rows[FIRST] = {way: medians([[sum(run[s][i] for s in LOGIN) for i in range(3)] for run in first[way]])
                       for way in MODULES}
        bench.serve()
        tls = in_turn([*MODULES, "no module"], repeat, bench.handshake)
        rows[TLS] = {way: medians([run[:3] for run in runs]) for way, runs in tls.items()}
        memory = {way: statistics.median(run["memory"] for run in life[way]) for way in MODULES}
        memory_tls = {way: statistics.median(run[3] for run in runs) for way, runs in tls.items()}
        return rows, memory, memory_tls
    finally:
        case.doCleanups()


def goals(rows):
    """(what, figure, at most) of each goal."""
    def commands(name, ways=OURS):
        return max(int(rows[name][way][0]) for way in ways)
    first = rows[FIRST]
    out = [(f"APDUs to login and first signature, {way}", commands(FIRST, [way]), limit)
           for way, limit in (("cold, short", 10), ("cold, extended", 6), ("warm, short", 5), ("warm, extended", 3))]
    out += [(f"APDUs, {NAMES[step]}", commands(NAMES[step]), limit)
            for step, limit in (("initialize", 0), ("finds", 0), ("attributes", 0), ("polling", 0), ("slots", 3))]
    for what, column in (("median", 2), ("fastest run", 3)):
        better = min(OTHERS, key=lambda other: first[other][column])
        out += [(f"{what} of the wall time to login and first signature, {way} / {better}",
                 round(first[way][column] / first[better][column], 2), WALL_GOAL) for way in OURS]
    # What a handshake costs beside the program's own work, which the one with the key in a file shows.
    tls = rows[TLS]
    beside = {way: figures[2] - tls["no module"][2] for way, figures in tls.items()}
    better = min(OTHERS, key=beside.get)
    out += [(f"median of the wall time of a TLS 1.3 handshake beside that with the key in a file, {way} / {better}",
             round(beside[way] / beside[better], 2), WALL_GOAL) for way in OURS]
    return out


def tables(rows, memory, memory_tls, repeat):
    """Markdown: everything that was measured."""
    ways = list(MODULES)

    def line(cells):
        return "| " + " | ".join(str(cell) for cell in cells) + " |"

    def ratio(name, figures):
        if name not in (FIRST, TLS, NAMES["sign100"]):  # modules do their work at different calls: a step alone says little
            return "-"
        return "; ".join(f"{figures['cold, short'][i] / min(figures[other][i] for other in OTHERS):.2f}" for i in (2, 3))

    def cell(name, figures):
        fastest = f" (fastest {figures[3]:.2f})" if name in (FIRST, TLS) else ""
        return f"{figures[0]:.0f}, {figures[1]:.0f} B, {figures[2]:.2f} ms{fastest}"

    out = [line(["step", *ways, "cold, short / better of the others: median; fastest run"]), line(["---"] * (len(ways) + 2))]
    for name, figures in rows.items():
        out.append(line([name, *(cell(name, figures[way]) for way in ways),
                         ratio(name, figures)]))
    out.append(line(["peak memory of that program, kB", *(f"{memory[w]:.0f}" for w in ways), "-"]))
    out.append(line(["peak memory of OpenSSL, kB", *(f"{memory_tls[w]:.0f}" for w in ways), "-"]))
    alone = rows[TLS]["no module"]
    out += ["", f"Medians of {repeat} runs each, in turn; of {OFTENER * repeat} to login and first signature. The same handshake with the key in a file: {alone[2]:.2f} ms, "
            f"{memory_tls['no module']:.0f} kB.", "", line(["goal", "figure", "at most", "met"]), line(["---"] * 4)]
    out += [line([what, figure, limit, "yes" if figure <= limit else "no"]) for what, figure, limit in goals(rows)]
    return "\n".join(out)


def write_document(text):
    begin, end = "<!-- table: modules -->\n", "<!-- end: modules -->"
    before, mark, rest = DOCUMENT.read_text(encoding="utf-8").partition(begin)
    if not mark or end not in rest:
        raise SystemExit(f"{DOCUMENT} has no place for the table")
    DOCUMENT.write_text(before + begin + text + "\n" + end + rest.partition(end)[2], encoding="utf-8")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out")
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--docs", action="store_true")
    args = parser.parse_args()
    if args.repeat < 1:
        parser.error("--repeat: at least 1")
    rows, memory, memory_tls = measure(args.repeat)
    pathlib.Path(args.out).write_text(json.dumps({"rows": rows, "memory_kb": memory, "memory_tls_kb": memory_tls}, indent=2)
                                      + "\n", encoding="utf-8")
    text = tables(rows, memory, memory_tls, args.repeat)
    print(text)
    if args.docs:
        write_document(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
