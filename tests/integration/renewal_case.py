"""A key at its enterprise, `sealkey-bench renewals serve`, and `sealkey renew` between them."""
import http.client
import json
import re
import shutil
import signal
import subprocess

import harness
from bench_case import BenchCase, png

PIN = "739146"


class Service:
    """`sealkey-bench renewals serve`, until stopped."""

    def __init__(self, case):
        self.log = case.work / "serve.log"
        with open(self.log, "wb") as log:
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen([harness.program("sealkey-bench"), "renewals", "serve"], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, env={**harness.os.environ, "LC_ALL": "C.UTF-8",
                                                                           **case.environment})
        self.url = harness.until(self._url, "the service answers", 60)

    def _url(self):
        if self.process.poll() is not None:
            raise AssertionError(self.log.read_text())
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self.log.read_text())
        return found and found.group(0)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def post(self, step, body):
        link = http.client.HTTPConnection(self.url.split("//")[1], timeout=20)
        link.request("POST", f"/renewal/v1/{step}", body, {"Content-Type": "application/json"})
        answer = link.getresponse()
        data = answer.read()
        link.close()
        return answer.status, json.loads(data)


class RenewalCase(BenchCase):
    def setUp(self):
        super().setUp()
        self.make_ca()
        self.key = self.simulator()
        self.pin_file = self.work.write("pin", PIN)

    def deliver(self, **fields):
        made = self.issue(self.key, seal_image=str(self.work.write("seal.png", png())), **fields)
        self.activate(self.key, made["serial"], PIN)
        return made["serial"]

    def service(self):
        service = Service(self)
        self.addCleanup(service.stop)
        return service

    def renew(self, url, **how):
        return self.key.run(["sealkey", "renew", "--ca", url, "--pin-file", self.pin_file, "--json"], timeout=120, **how)

    def keep(self, slot, name):
        return shutil.copy(self.certificate(self.key, slot), self.work / name)
