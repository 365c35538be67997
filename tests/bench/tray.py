#!/usr/bin/env python3
"""How many keys a tray makes: `sealkey-bench run` at simulators, each a process of its own, with 1, 4, 8 and 16 ports.

Usage: tray.py [--ports N,N...] [--algorithms p256,rsa2048] [--time-scale X] [--full]

Each simulator waits as long as a real chip would take for the same (sealkey-sim --chip rp2040: chip, flash and USB), times
the scale: with a scale below 1 everything but the host is quicker than it is, so that the host weighs more. What this
machine needs to compute a chip's work counts as part of the chip's time as long as it is less; where it was more, "late" says so.

chips alone   the tray's time if the host and the simulators took none: the longest of its ports' waits
reached       chips alone, of the time that the tray took (from the first look for keys to the last key's end)
CPU           of the bench's process, by getrusage; reading the CA's secrets, once a run and slow on purpose, apart
shares        of the time that the ports were at work

--full: the figures of the chip, then 1, 4, 8 and 16 ports with both algorithms, P-256 in full time and RSA-2048 in a tenth.
"""
import argparse
import json
import os
import pathlib
import shutil
import sys

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


def births_of(work, name, keys):
    """A folder with the factory's records of these keys."""
    folder = work / name
    folder.mkdir()
    for index, key in enumerate(keys):
        shutil.copy(key.birth_record, folder / f"{index}.json")
    return folder


def run_tray(work, name, keys, algorithm):
    """One tray, each port makes one key: what `sealkey-bench run` says of it."""
    environment = {"SEALKEY_CA_DIR": str(work / f"ca-{name}"), "SEALKEY_CA_PASSPHRASE": PASSPHRASE, "SEALKEY_OPERATOR": "bench",
                   "SEALKEY_SIM_SOCKETS": ":".join(key.environment["SEALKEY_SIM_SOCKETS"] for key in keys)}
    harness.run(["sealkey-bench", "ca", "init", "--name", "CA"], env=environment)
    orders = [{"enterprise_name": f"Enterprise {i}", "unified_code": unified_code(i), "login_name": f"KEY{i}",
               "algorithm": algorithm} for i in range(1, len(keys) + 1)]
    path = work.write(f"orders-{name}.json", json.dumps(orders))
    result = json.loads(harness.run(["sealkey-bench", "run", "--orders", path, "--birth-records", births_of(work, f"births-{name}", keys),
                                     "--ports", str(len(keys)), "--patience", "120", "--json"], env=environment, timeout=3600).out)
    assert result["done"] == len(keys), result
    return result["usage"]


def measure(work, ports, algorithm, scale):
    """One tray, printed."""
    keys = [harness.Simulator(sockets=True, options=["--chip", "rp2040", "--time-scale", str(scale), "--chip-seed", str(i + 1)])
            for i in range(ports)]
    try:
        for key in keys:
            key.start()
        usage = run_tray(work, f"{algorithm}-{ports}", keys, algorithm)
        chips = [key.control("chip") for key in keys]
    finally:
        for key in keys:
            key.close()
    for chip in chips:
        # Each part of the chip's work was met, or the figures would say nothing: keys for F9, 9A, 9C, 9D; the token verifies nothing.
        counts = chip["counts"]
        assert counts["key_generation"] == 4 and not counts["public_key"], chip
        assert min(counts[part] for part in ("private_key", "symmetric", "flash", "usb")) >= 10, chip
    waits = [sum(chip["seconds"].values()) * scale for chip in chips]
    shares = {name: part["seconds"] for name, part in usage["ports"].items()}
    whole = sum(shares.values())
    print(f"{algorithm:8} {ports:3} ports, time x {scale:g}: {3600 * ports / usage['seconds'] * scale:7.0f} keys/h of a real tray; "
          f"{usage['seconds']:6.2f} s, chips alone {max(waits):6.2f} s: reached {100 * max(waits) / usage['seconds']:5.1f} %; "
          f"CPU {1000 * usage['cpu'] / ports:4.0f} ms a key (and {usage['cpu_before']:.2f} s once); "
          f"simulators: CPU {sum(chip['cpu'] for chip in chips) / ports:.2f} s a key, late {sum(chip['late'] for chip in chips) / ports:.2f} s a key")
    print("         shares: " + ", ".join(f"{name.replace('_', ' ')} {100 * seconds / whole:.2f} %" for name, seconds in shares.items()))
    print("         CPU a key, ms: " + ", ".join(f"{name.replace('_', ' ')} {1000 * part['cpu'] / ports:.1f}"
                                               for name, part in usage["ports"].items()))
    mean = {name: sum(chip["seconds"][name] for chip in chips) / ports for name in chips[0]["seconds"]}
    print("         a chip's time for a key, unscaled, s: " + ", ".join(f"{name.replace('_', ' ')} {seconds:.2f}" for name, seconds in mean.items())
          + f", together {sum(mean.values()):.2f}", flush=True)
    return chips[0]["figures"]


def main():
    harness.alone()
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--ports", default="1,4,8,16")
    options.add_argument("--algorithms", default="p256,rsa2048")
    options.add_argument("--time-scale", type=float, default=1)
    options.add_argument("--full", action="store_true")
    arguments = options.parse_args()
    scales = {"p256": 1.0, "rsa2048": 0.1} if arguments.full else {}
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} at the start")
    figures = []
    with harness.Workspace() as work:
        for algorithm in arguments.algorithms.split(","):
            for ports in arguments.ports.split(","):
                figures = measure(work, int(ports), algorithm, scales.get(algorithm, arguments.time_scale))
    if arguments.full:
        for figure in figures:
            print(f"{figure['name']:36} {figure['microseconds']:14.2f} us  {figure['source']}")


if __name__ == "__main__":
    main()
