#!/usr/bin/env python3
"""How many keys a tray makes: `sealkey-bench run` at simulators, each a process of its own, with 1, 4, 8 and 16 ports.

Usage: tray.py [--ports N,N...] [--algorithms p256,rsa2048]

Prints, for each, keys an hour, seconds a key takes at its port, and the CPU time that the bench itself used for a key, start
and the CA's secrets included. The simulated chips compute on the same processors as the bench and at their speed: with more ports
than processors the figures say what this machine simulates, not what a tray of real chips makes.
"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "integration"))

import harness  # pylint: disable=wrong-import-position

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
PASSPHRASE = "correct horse battery"


def unified_code(number):
    """A unified social credit code with right check characters."""
    eight = f"{number:08d}"
    rest = 11 - sum(int(c) * w for c, w in zip(eight, (3, 7, 9, 10, 5, 8, 4, 2))) % 11
    code = "91350100" + eight + ("X" if rest == 10 else "0" if rest == 11 else str(rest))
    weights = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
    return code + ALPHABET[(31 - sum(ALPHABET.index(c) * w for c, w in zip(code, weights)) % 31) % 31]


def measure(work, ports, algorithm):
    """One tray: each port makes one key."""
    keys = [harness.Simulator(sockets=True) for _ in range(ports)]
    births = work / f"births-{algorithm}-{ports}"
    births.mkdir()
    environment = {"SEALKEY_CA_DIR": str(work / f"ca-{algorithm}-{ports}"), "SEALKEY_CA_PASSPHRASE": PASSPHRASE,
                   "SEALKEY_OPERATOR": "bench"}
    try:
        for index, key in enumerate(keys):
            key.start()
            shutil.copy(key.birth_record, births / f"{index}.json")
        environment["SEALKEY_SIM_SOCKETS"] = ":".join(key.environment["SEALKEY_SIM_SOCKETS"] for key in keys)
        harness.run(["sealkey-bench", "ca", "init", "--name", "CA"], env=environment)
        orders = [{"enterprise_name": f"Enterprise {i}", "unified_code": unified_code(i), "login_name": f"KEY{i}",
                   "algorithm": algorithm} for i in range(1, ports + 1)]
        path = work.write(f"orders-{algorithm}-{ports}.json", json.dumps(orders))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        begin = time.monotonic()
        result = json.loads(harness.run(["sealkey-bench", "run", "--orders", path, "--birth-records", births, "--ports", str(ports),
                                         "--patience", "120", "--json"], env=environment, timeout=1800).out)
        seconds = time.monotonic() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    finally:
        for key in keys:
            key.close()
    assert result["done"] == ports, result
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{algorithm:8} {ports:3} ports  {3600 * ports / seconds:8.0f} keys/h  {seconds:6.2f} s a key at its port  "
          f"{1000 * cpu / ports:6.0f} ms CPU of the bench a key", flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--ports", default="1,4,8,16")
    options.add_argument("--algorithms", default="p256,rsa2048")
    arguments = options.parse_args()
    print(f"{os.cpu_count()} processors")
    with harness.Workspace() as work:
        for algorithm in arguments.algorithms.split(","):
            for ports in arguments.ports.split(","):
                measure(work, int(ports), algorithm)


if __name__ == "__main__":
    main()
