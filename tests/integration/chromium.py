"""A Chromium on a Screen that a test drives: the page through the browser's own pipe, the PIN dialog as a person would.

    with Screen(work / "screen") as screen, Chromium(folder, screen, module, trusted=[server_ca]) as browser:
        browser.visit(url)                 # comes back at once: the PIN may have to be typed first
        browser.enter_pin("123456")
        browser.wait_for_text("Example")

--headless hangs at the PIN, so there is a screen. Which certificate is taken says a policy; Chromium reads policies from one
folder of the system's alone, so that the test has its own there, in its own mount namespace.
"""
import json
import os
import pathlib
import select
import signal
import subprocess
import time

import harness

SYSTEM_FOLDER = "/etc/chromium"
POLICIES = {
    "AutoSelectCertificateForUrls": ['{"pattern":"https://localhost","filter":{}}'],
    "BackgroundModeEnabled": False,
    "ComponentUpdatesEnabled": False,
    "MetricsReportingEnabled": False,
    "NetworkPredictionOptions": 2,
    "SafeBrowsingProtectionLevel": 0,
}
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--no-default-browser-check",
           "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
           "--password-store=basic", "--ozone-platform=x11", "--test-type", "--remote-debugging-pipe",
           "--window-position=0,0", "--window-size=1000,660"]
PIN_DIALOG = "Unlock Security Device"


class Chromium:
    def __init__(self, folder, screen, module, trusted=(), environment=None, policies=None):
        self.folder = pathlib.Path(folder)
        self.screen = screen
        self.module = module
        self.trusted = trusted
        self.environment = environment or {}
        self.policies = POLICIES if policies is None else policies
        self._process = self._to = self._from = None
        self._buffer = b""
        self._number = 0
        self._session = None
        self._mounted = False

    # ---- start and end ----

    def __enter__(self):
        try:
            self._make_profile()
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def _make_profile(self):
        nss = self.folder / ".pki/nssdb"
        nss.mkdir(parents=True)
        store = f"sql:{nss}"
        harness.run(["certutil", "-N", "-d", store, "--empty-password"])
        for i, certificate in enumerate(self.trusted):
            harness.run(["certutil", "-A", "-d", store, "-n", f"trusted {i}", "-t", "C,,", "-i", certificate])
        harness.run(["modutil", "-dbdir", store, "-add", "sealkey", "-libfile", self.module, "-force"])
        if os.environ.get("SEALKEY_PCSCD") != "private":
            raise harness.Missing("a mount namespace of one's own, for Chromium's policies")
        harness.run(["mount", "-t", "tmpfs", "sealkey-policies", SYSTEM_FOLDER])
        self._mounted = True
        managed = pathlib.Path(SYSTEM_FOLDER) / "policies/managed"
        managed.mkdir(parents=True)
        (managed / "sealkey.json").write_text(json.dumps(self.policies), encoding="utf-8")

    def _start(self):
        to_browser, self._to = os.pipe()
        self._from, from_browser = os.pipe()
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "en", **self.screen.environment, "HOME": str(self.folder),
                       **self.environment}
        self.log = self.folder / "chromium.log"
        # The browser reads commands at 3 and answers at 4, where the parent's own may be: the shell puts them there.
        command = f"exec 3<&{to_browser} 4>&{from_browser}; exec \"$@\""
        with open(self.log, "wb") as log:
            # pylint: disable=consider-using-with
            self._process = subprocess.Popen(
                ["/bin/bash", "-c", command, "-", harness.program("chromium"), *OPTIONS, f"--user-data-dir={self.folder}/profile",
                 "about:blank"],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                pass_fds=(to_browser, from_browser))
        os.close(to_browser)
        os.close(from_browser)
        self._attach()

    def _attach(self):
        def page():
            targets = self.command("Target.getTargets")["targetInfos"]
            return [t["targetId"] for t in targets if t["type"] == "page"]
        target = harness.until(page, "Chromium has a page", 60)[0]
        self._session = self.command("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]

    def close(self):
        for descriptor in (self._to, self._from):
            if descriptor is not None:
                os.close(descriptor)
        self._to = self._from = None
        if self._process is not None:
            # Its own session: the children go with it.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
        if self._mounted:
            harness.run(["umount", SYSTEM_FOLDER])
            self._mounted = False

    # ---- the pipe: JSON, each message with a zero byte after it ----

    def command(self, name, parameters=None, seconds=60):
        self._number += 1
        message = {"id": self._number, "method": name, "params": parameters or {}}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + seconds
        while True:
            answer = self._receive(end, name)
            if answer.get("id") == self._number:
                break
        if "error" in answer:
            raise AssertionError(f"{name}: {answer['error']['message']}")
        return answer["result"]

    def _receive(self, end, what):
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._from], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"{what}: no answer from Chromium")
            piece = os.read(self._from, 65536)
            if not piece:
                raise AssertionError(f"Chromium has gone: {self.log.read_text(errors='replace')[-2000:]}")
            self._buffer += piece
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    # ---- what a person would do ----

    def visit(self, url):
        """Comes back before the page is there."""
        self.command("Runtime.evaluate", {"expression": f"void setTimeout(() => location.assign({json.dumps(url)}))"})

    def text(self):
        return self.command("Runtime.evaluate", {"expression": "document.body ? document.body.innerText : ''"})["result"]["value"]

    def wait_for_text(self, *words, seconds=90):
        """Until one of these is on the page."""
        try:
            harness.until(lambda: any(w in self.text() for w in words), f"{words} on the page", seconds)
        except AssertionError as missing:
            raise AssertionError(f"{missing}, but:\n{self.text()}") from None

    def enter_pin(self, pin, other_than=None):
        """Waits for the browser's dialog (another one than this) and types into it; returns the window."""
        dialog = harness.until(lambda: [w for w in self.screen.windows(PIN_DIALOG) if w != other_than], "a PIN dialog", 90)[0]
        # A digit typed before the dialog has drawn itself would be lost, and the rest be a wrong PIN.
        self.screen.wait_until_drawn(dialog)
        self.screen.enter(dialog, pin)
        return dialog
