"""A tray of simulated keys at their sockets, and orders in a file. For the tests of `sealkey-bench run`."""
import os
import subprocess

import harness
from bench_case import BenchCase, png

ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
HEAD = "kind,enterprise_name,unified_code,login_name,reason,algorithm,seal_image\n"


def unified_code(number, place="91350100"):
    """A unified social credit code with right check characters. Of one organisation whatever its place."""
    eight = f"{number:08d}"
    rest = 11 - sum(int(c) * w for c, w in zip(eight, (3, 7, 9, 10, 5, 8, 4, 2))) % 11
    code = place + eight + ("X" if rest == 10 else "0" if rest == 11 else str(rest))
    weights = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
    return code + ALPHABET[(31 - sum(ALPHABET.index(c) * w for c, w in zip(code, weights)) % 31) % 31]


class TrayCase(BenchCase):
    def setUp(self):
        super().setUp()
        self.make_ca()
        self.work.write("seal.png", png())

    def orders(self, *lines, name="orders.csv"):
        return str(self.work.write(name, HEAD + "".join(line + "\n" for line in lines)))

    def arguments(self, keys, orders, ports, *options):
        return ["run", "--orders", orders, "--birth-records", str(keys.workspace.path), "--ports", str(ports),
                "--patience", "60", *options]

    def run_tray(self, keys, orders, ports, *options, **how):
        return self.bench(*self.arguments(keys, orders, ports, *options), env=keys.environment, **how)

    def begin(self, keys, orders, ports):
        """The program running, its lines in a file."""
        log = self.work / "run.log"
        with open(log, "wb") as out:
            # pylint: disable=consider-using-with
            process = subprocess.Popen([harness.program("sealkey-bench"), *self.arguments(keys, orders, ports)], stdout=out,
                                       stderr=out, stdin=subprocess.DEVNULL,
                                       env={**os.environ, **self.environment, **keys.environment})
        self.addCleanup(lambda: (process.poll() is None and process.kill(), process.wait()))
        return process, log
