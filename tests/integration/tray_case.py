"""A tray of simulated keys at their sockets, and orders in a file. For the tests of `sealkey-bench run`."""
import os
import subprocess

import harness
from bench_case import BenchCase, png

HEAD = "kind,enterprise_name,unified_code,login_name,reason,algorithm,seal_image\n"


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
