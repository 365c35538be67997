"""A headless Firefox that a test drives: Marionette's protocol, and the browser's PIN prompts answered and counted.

    with Firefox(folder, module=..., trusted=[server_ca]) as browser:
        browser.give_pins("123456")            # one for each prompt; a prompt without one is cancelled
        browser.visit(url); browser.text(); browser.prompts()

Given a Screen, it appears there with its own dialogs, which are answered as a person would:

    with Firefox(folder, module=..., screen=screen) as browser:
        browser.open(url)                      # comes back at once
        browser.enter_pin("123456")
        browser.wait_for_text("Example")
"""
import json
import os
import pathlib
import signal
import socket
import subprocess

import harness

PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage": "about:blank",
    "browser.startup.page": 0,
    "browser.aboutwelcome.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "extensions.getAddons.cache.enabled": False,
    "media.gmp-manager.updateEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.dns.disableIPv6": True,
    "network.proxy.type": 0,
    "network.trr.mode": 5,
    "security.default_personal_cert": "Select Automatically",
    "services.settings.server": "data:,#remote-settings-dummy/v1",
    "toolkit.telemetry.server": "data:,",
}

ON_SCREEN = {
    "security.dialog_enable_delay": 0,  # milliseconds in which a dialog takes no answer yet
    "browser.toolbars.bookmarks.visibility": "never",
}
PIN_DIALOG = "Password Required"

# The real dialog would wait for a person. The browser asks this service for it instead; what it was asked and what it
# has to answer stand in two preferences.
PROMPTER = """
const answers = "test.pin.answers", asked = "test.pin.asked";
const read = name => JSON.parse(Services.prefs.getStringPref(name, "[]"));
const write = (name, list) => Services.prefs.setStringPref(name, JSON.stringify(list));
const prompt = {
  QueryInterface: ChromeUtils.generateQI(["nsIPrompt"]),
  promptPassword(title, text, password) {
    write(asked, [...read(asked), String(text)]);
    const [pin, ...rest] = read(answers);
    write(answers, rest);
    if (pin === undefined) return false;
    password.value = pin;
    return true;
  },
};
const factory = {
  QueryInterface: ChromeUtils.generateQI(["nsIFactory", "nsIPromptFactory"]),
  getPrompt() { return prompt; },
  createInstance(iid) { return this.QueryInterface(iid); },
};
Components.manager.QueryInterface(Ci.nsIComponentRegistrar).registerFactory(
  Services.uuid.generateUUID(), "prompts of the test", "@mozilla.org/prompter;1", factory);
"""


class Failed(AssertionError):
    """The browser refused a command; the text says why."""


class Firefox:
    def __init__(self, folder, module, trusted=(), environment=None, screen=None, preferences=None):
        self.folder = pathlib.Path(folder)
        self.profile = self.folder / "profile"
        self.module = module
        self.trusted = trusted
        self.screen = screen
        self.environment = {**(screen.environment if screen else {}), **(environment or {})}
        self.preferences = {**PREFERENCES, **(ON_SCREEN if screen else {}), **(preferences or {})}
        self._process = self._link = self._reader = None
        self._number = 0

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
        self.profile.mkdir(parents=True)
        store = f"sql:{self.profile}"
        harness.run(["certutil", "-N", "-d", store, "--empty-password"])
        for i, certificate in enumerate(self.trusted):
            harness.run(["certutil", "-A", "-d", store, "-n", f"trusted {i}", "-t", "C,,", "-i", certificate])
        with open(self.profile / "pkcs11.txt", "a", encoding="utf-8") as modules:
            modules.write(f"\nlibrary={self.module}\nname=sealkey\n")
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in self.preferences.items()]
        lines.append(f'user_pref("marionette.port", {self._free_port()});')
        (self.profile / "user.js").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _free_port(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        return self.port

    def _start(self):
        environment = {**os.environ, **self.environment, "HOME": str(self.folder), "MOZ_CRASHREPORTER_DISABLE": "1",
                       "LC_ALL": "C.UTF-8"}
        self.log = self.folder / "firefox.log"
        with open(self.log, "wb") as log:
            # pylint: disable=consider-using-with
            self._process = subprocess.Popen(
                [harness.program("firefox-esr"), *([] if self.screen else ["--headless"]), "--marionette",
                 "--remote-allow-system-access", "--no-remote", "--profile", str(self.profile)],
                env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self._link = harness.until(self._connect, "Firefox answers", 90)
        self._link.settimeout(150)
        self._reader = self._link.makefile("rb")
        self._receive()  # its greeting
        self.command("WebDriver:NewSession", {"pageLoadStrategy": "normal", "acceptInsecureCerts": False,
                                              "unhandledPromptBehavior": "ignore"})
        self.command("WebDriver:SetTimeouts", {"script": 30000, "pageLoad": 45000})
        if not self.screen:
            self.chrome(PROMPTER)

    def _connect(self):
        if self._process.poll() is not None:
            raise AssertionError(f"Firefox ended: {self.log.read_text(errors='replace')}")
        try:
            return socket.create_connection(("127.0.0.1", self.port), 5)
        except OSError:
            return None

    def close(self):
        if self._link is not None:
            self._reader.close()
            self._link.close()
            self._link = None
        if self._process is not None:
            # Its own session: the children go with it.
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    # ---- Marionette: "length:[type, number, error or name, value]" ----

    def _receive(self):
        size = b""
        while not size.endswith(b":"):
            byte = self._reader.read(1)
            if not byte:
                raise AssertionError(f"Firefox has gone: {self.log.read_text(errors='replace')[-2000:]}")
            size += byte
        return json.loads(self._reader.read(int(size[:-1])))

    def command(self, name, parameters=None):
        self._number += 1
        body = json.dumps([0, self._number, name, parameters or {}]).encode()
        self._link.sendall(str(len(body)).encode() + b":" + body)
        while True:
            kind, number, error, value = self._receive()
            if kind == 1 and number == self._number:
                break
        if error:
            raise Failed(f"{name}: {error.get('error')}: {error.get('message')}")
        return value

    def chrome(self, script, *arguments):
        """Runs a script with the browser's own rights; returns what it returns."""
        self.command("Marionette:SetContext", {"value": "chrome"})
        try:
            value = self.command("WebDriver:ExecuteScript", {"script": script, "args": list(arguments), "sandbox": "system"})
            return value.get("value") if isinstance(value, dict) else value
        finally:
            self.command("Marionette:SetContext", {"value": "content"})

    # ---- what a person would do ----

    def visit(self, url):
        self.command("WebDriver:Navigate", {"url": url})

    def sees_key(self):
        """Whether there is a token in the module's first slot, as the page of security devices tells it; asked at most once a
        second from the module."""
        return self.chrome("""
            return (async () => {
              const modules = await Cc["@mozilla.org/security/pkcs11moduledb;1"].getService(Ci.nsIPKCS11ModuleDB).listModules();
              for (const module of modules) {
                if (module.name != "sealkey") continue;
                for (const slot of module.slots) return slot.status != Ci.nsIPKCS11Slot.SLOT_NOT_PRESENT;
              }
              return null;
            })()""")

    def text(self):
        value = self.command("WebDriver:ExecuteScript", {"script": "return document.body.innerText", "args": []})
        return value["value"] or ""

    def open(self, url):
        """Comes back before the page is there."""
        self.command("WebDriver:ExecuteScript", {"script": "setTimeout(() => location.assign(arguments[0]), 0)", "args": [url]})

    def enter_pin(self, pin, other_than=None):
        """Waits for the browser's dialog (another one than this) and types into it; returns the window."""
        dialog = harness.until(lambda: [w for w in self.screen.windows(PIN_DIALOG) if w != other_than], "a PIN dialog", 90)[0]
        self.screen.enter(dialog, pin)
        return dialog

    def wait_for_text(self, words, seconds=90):
        def shown():
            try:
                return words in self.text()
            except Failed:
                return False  # a dialog is about to go, or a page to come
        harness.until(shown, f"“{words}” on the page", seconds)

    def give_pins(self, *pins):
        self.chrome('Services.prefs.setStringPref("test.pin.answers", arguments[0])', json.dumps(pins))

    def prompts(self):
        """What the browser asked for so far."""
        return json.loads(self.chrome('return Services.prefs.getStringPref("test.pin.asked", "[]")'))
