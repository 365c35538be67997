#!/usr/bin/env python3
# labels: clients pkcs11 browser
# timeout: 120
# part pkcs11-tool: Clients.test_pkcs11_tool
# part openssl: Clients.test_openssl
# part p11tool: Clients.test_p11tool
# part certtool: Clients.test_certtool
# part gnutls-cli: Clients.test_gnutls_cli_through_p11_kit
# part curl: Clients.test_curl_through_p11_kit_and_without CurlThroughP11Kit
# part ssh: Clients.test_ssh
# part firefox: Clients.test_firefox
# part chromium: Clients.test_chromium
# part tstclnt: Clients.test_tstclnt
# part java: Clients.test_java
# part document: Document
"""What programs ask our module, by its own call log: each runs through its work, and every answer but CKR_OK has to stand
in the table. An attribute is refused only if PKCS#11 2.40 has none such for the object. The table of
docs/pkcs11-module.md is this one. Profile: compatibility."""
import dataclasses
import os
import re
import sys

import harness
from chromium import Chromium
from harness import MODULE
from marionette import Firefox
from personal import PersonalisedCase
from pkcs11_java import PROGRAM, QUICK
from screen import Screen

sys.path.insert(0, str(harness.ROOT / "sim"))
import portal  # noqa: E402  pylint: disable=wrong-import-position

PROXY = "/usr/lib/x86_64-linux-gnu/p11-kit-proxy.so"
CONFIGURATIONS = "/usr/share/p11-kit/modules"

MECHANISMS = {0x1: "RSA_PKCS", 0x3: "RSA_X_509", 0x5: "MD5_RSA_PKCS", 0x6: "SHA1_RSA_PKCS", 0x8: "RIPEMD160_RSA_PKCS",
              0x9: "RSA_PKCS_OAEP", 0xD: "RSA_PKCS_PSS", 0x40: "SHA256_RSA_PKCS", 0x42: "SHA512_RSA_PKCS",
              0x43: "SHA256_RSA_PKCS_PSS", 0x210: "MD5", 0x220: "SHA_1", 0x240: "RIPEMD160", 0x250: "SHA256",
              0x1041: "ECDSA", 0x1044: "ECDSA_SHA256", 0x1045: "ECDSA_SHA384"}


@dataclasses.dataclass
class Client:
    """Mechanisms that it began something with, and the calls that it may see refused: function, what for, answer. `older`:
    the mechanisms of a version before it that Debian had too."""
    mechanisms: set
    refused: set = dataclasses.field(default_factory=set)
    older: set | None = None


# Why each refusal is right: the token takes no seed (CKF_RNG is set, and 2.40 names this code for it); MD5 and RIPEMD-160
# aren't in C_GetMechanismList; pkcs11-tool's own test gives a buffer too small on purpose; NSS asks for an interface that
# a fork leaves alive and for one of its own before it asks for any.
INTERFACE = ("C_GetInterface", "", "CKR_ARGUMENTS_BAD")
SEED = ("C_SeedRandom", "", "CKR_RANDOM_SEED_NOT_SUPPORTED")
CLIENTS = {
    "pkcs11-tool": Client({"RSA_PKCS", "RSA_X_509", "RSA_PKCS_OAEP", "SHA1_RSA_PKCS", "SHA256_RSA_PKCS", "ECDSA", "SHA_1",
                           "SHA256"},
                          {SEED, ("C_DigestInit", "MD5", "CKR_MECHANISM_INVALID"),
                           ("C_DigestInit", "RIPEMD160", "CKR_MECHANISM_INVALID"),
                           ("C_SignInit", "MD5_RSA_PKCS", "CKR_MECHANISM_INVALID"),
                           ("C_SignInit", "RIPEMD160_RSA_PKCS", "CKR_MECHANISM_INVALID"),
                           ("C_Digest", "", "CKR_BUFFER_TOO_SMALL"), ("C_Sign", "", "CKR_BUFFER_TOO_SMALL")}),
    "openssl": Client({"RSA_PKCS", "RSA_PKCS_PSS", "ECDSA"}),
    "p11tool": Client({"RSA_PKCS", "ECDSA"}),
    "certtool": Client({"RSA_PKCS", "ECDSA"}),
    "gnutls-cli": Client({"RSA_PKCS_PSS", "ECDSA"}),
    "curl": Client({"RSA_PKCS_PSS", "ECDSA"}),
    "ssh": Client({"RSA_PKCS", "ECDSA"}),
    # Firefox 140 hashes for itself, 153 lets the module do it.
    "firefox": Client({"SHA256_RSA_PKCS_PSS", "ECDSA_SHA256"}, {SEED, INTERFACE}, {"RSA_PKCS_PSS", "ECDSA"}),
    "chromium": Client({"RSA_PKCS_PSS", "ECDSA"}, {SEED, INTERFACE}),
    "tstclnt": Client({"RSA_PKCS_PSS", "ECDSA"}, {SEED, INTERFACE}),
    "java": Client({"SHA256_RSA_PKCS", "SHA512_RSA_PKCS", "SHA256_RSA_PKCS_PSS", "RSA_PKCS_PSS", "ECDSA_SHA256",
                    "ECDSA_SHA384"}),
}

# Attributes that PKCS#11 2.40 gives each class (4.4-4.9 and the mechanisms' 2.1.2-2.3.4): we have them all. Those of a
# type of key are only missed in a key of the other type.
STORED = {0x0, 0x1, 0x2, 0x3, 0x170, 0x171, 0x172}
KEY = STORED | {0x100, 0x102, 0x110, 0x111, 0x10C, 0x163, 0x166, 0x101, 0x129, 0x40000600}
STANDARD = {
    0: STORED | {0x10, 0x11, 0x12},
    1: STORED | {0x11, 0x80, 0x81, 0x82, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8B, 0x90, 0x101, 0x102, 0x110, 0x111, 0x129},
    2: KEY | {0x104, 0x10A, 0x10B, 0x106, 0x86},
    3: KEY | {0x103, 0x105, 0x108, 0x109, 0x107, 0x162, 0x165, 0x164, 0x210, 0x202},
}
SENSITIVE = {0x11, 0x123, 0x124, 0x125, 0x126, 0x127, 0x128}


class Log:
    """The call log of one client's programs: calls (function, mechanism or "", answer) and attributes not given."""

    LINE = re.compile(r" (C_\w+)\((.*)\) = ([^,]+), \d+ us$")
    ATTRIBUTE = re.compile(r" attribute (\w+) of class (\w+): (\w+)$")

    def __init__(self, text):
        self.calls, self.missing = [], set()
        for line in text.splitlines():
            if found := self.LINE.search(line):
                mechanism = re.search(r"mechanism (\w+)", found[2])
                number = int(mechanism[1], 16) if mechanism else None
                self.calls.append((found[1], MECHANISMS.get(number, hex(number)) if mechanism else "", found[3]))
            elif found := self.ATTRIBUTE.search(line):
                self.missing.add((int(found[2], 16), int(found[1], 16), found[3]))

    def mechanisms(self):
        return {mechanism for _, mechanism, answer in self.calls if mechanism and answer == "CKR_OK"}

    def refused(self):
        """Without those of C_GetAttributeValue that `missing` tells one by one."""
        told = {(f, m, a) for f, m, a in self.calls if a != "CKR_OK"}
        return {(f, m, a) for f, m, a in told if f != "C_GetAttributeValue" or a not in {b for *_, b in self.missing}}

    def wrongly_missing(self):
        bad = set()
        for kind, attribute, answer in self.missing:
            right = (attribute not in STANDARD.get(kind, STORED) if answer == "CKR_ATTRIBUTE_TYPE_INVALID" else
                     answer == "CKR_ATTRIBUTE_SENSITIVE" and kind == 3 and attribute in SENSITIVE)
            if not right:
                bad.add((kind, hex(attribute), answer))
        return bad


class CallsCase(PersonalisedCase):
    def setUp(self):
        super().setUp()
        self.pin_file = self.work.write("pin", self.pin)
        self.data = self.work.write("data", b"a licence application")
        self.call_log = self.work / "calls"
        self.environment = {"PKCS11_MODULE_PATH": str(MODULE), "GNUTLS_PIN": self.pin, "SEALKEY_LOG": str(self.call_log)}

    def uri(self, identity="01", kind="private", pin=True):
        source = f";pin-source=file:{self.pin_file}" if pin else ""
        return f"pkcs11:manufacturer=sealkey;id=%{identity};type={kind}{source}"

    def run_it(self, *arguments, env=None, **how):
        return self.key.run(arguments, env={**self.environment, **(env or {})}, **how)

    def each_algorithm(self):
        for login, signature in (("RSA2048", "ECCP256"), ("ECCP256", "RSA2048")):
            self.personalise(("9a", login), ("9c", signature), ("9d", "RSA2048"))
            yield login

    def site(self):
        return portal.Portal(self.work / "portal", self.authority)

    # p11-kit reads a user's own configuration, but not root's: there its folder is replaced, in a namespace.
    def with_p11_kit(self, *arguments, text=f"module: {MODULE}\n", **how):
        if os.getuid() == 0:
            folder = self.work / "modules"
            if os.environ.get("SEALKEY_PCSCD") != "private":
                self.fail("root's p11-kit reads the system's configuration alone, and namespaces are forbidden here")
            arguments = ["unshare", "--mount", "sh", "-c", f'mount --bind "$0" {CONFIGURATIONS} && exec "$@"', folder,
                         *arguments]
        else:
            folder = self.work / "home/.config/pkcs11/modules"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "sealkey.module").write_text(text, encoding="utf-8")
        environment = {"HOME": str(self.work / "home"), "XDG_CONFIG_HOME": str(self.work / "home/.config"),
                       "PKCS11_MODULE_PATH": PROXY}
        return self.run_it(*arguments, env=environment, **how)

    def curl(self, site):
        return ["curl", "--silent", "--show-error", "--fail", "--noproxy", "*", "--tlsv1.3", "--cacert", site.server_ca,
                site.url]


class Clients(CallsCase):
    def judge(self, name):
        log = Log(self.call_log.read_text(encoding="utf-8"))
        self.assertGreater(len(log.calls), 10, "the call log is empty")
        expected = CLIENTS[name]
        self.assertEqual(log.refused() - expected.refused, set(), f"{name} was refused something")
        self.assertEqual(expected.refused - log.refused(), set(), f"{name} doesn't ask this any more")
        self.assertEqual(log.wrongly_missing(), set(), f"{name}: attributes of the standard that we don't give")
        self.assertIn(log.mechanisms(), (expected.mechanisms, expected.older or expected.mechanisms), name)

    def test_pkcs11_tool(self):
        tool = ["pkcs11-tool", "--module", MODULE]
        login = [*tool, "--login", "--pin", self.pin]
        for algorithm in self.each_algorithm():
            for what in ("--list-slots", "--show-info", "--list-mechanisms", "--list-token-slots", "--list-objects"):
                self.run_it(*tool, what)
            self.run_it(*tool, "--generate-random", "16")
            self.run_it(*login, "--list-objects")
            self.run_it(*login, "--test")
            self.run_it(*login, "--sign", "--id", "03", "-m", "SHA256-RSA-PKCS", "-i", self.data, "-o", self.work / "out")
            digest = harness.run(["openssl", "dgst", "-sha256", "-binary", self.data]).raw
            ec = "01" if algorithm == "ECCP256" else "02"
            self.run_it(*login, "--sign", "--id", ec, "-m", "ECDSA", "-i", self.work.write("digest", digest),
                        "-o", self.work / "out")
        self.judge("pkcs11-tool")

    def test_openssl(self):
        engine = ["-engine", "pkcs11", "-keyform", "engine"]
        for _ in self.each_algorithm():
            self.run_it("openssl", "req", "-new", *engine, "-key", self.uri(), "-subj", "/CN=x", "-out", self.work / "out")
            self.run_it("openssl", "cms", "-sign", "-binary", *engine, "-inkey", self.uri(),
                        "-signer", self.certificates["9a"], "-in", self.data, "-outform", "DER", "-out", self.work / "out")
            with self.site() as site:
                done = self.run_it("openssl", "s_client", "-connect", site.url.removeprefix("https://"), "-tls1_3", "-quiet",
                                   "-ign_eof", "-CAfile", site.server_ca, *engine, "-key", self.uri(),
                                   "-cert", self.certificates["9a"],
                                   stdin="GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                self.assertIn("Example Import", done.out)
        self.judge("openssl")

    def test_p11tool(self):
        tool = ["p11tool", "--provider", MODULE]
        token = "pkcs11:manufacturer=sealkey"
        for _ in self.each_algorithm():
            for what in (["--list-tokens"], ["--login", "--list-all", token], ["--list-all-certs", token],
                         ["--list-mechanisms", token], ["--export", self.uri(kind="cert", pin=False)],
                         ["--export-chain", self.uri(kind="cert", pin=False)],
                         ["--login", "--test-sign", self.uri(pin=False)],
                         ["--login", "--test-sign", self.uri("02", pin=False)]):
                self.run_it(*tool, *what)
        self.judge("p11tool")

    def test_certtool(self):
        template = self.work.write("template", 'cn = "Example Import"\n')
        for _ in self.each_algorithm():
            for identity in ("01", "02"):
                self.run_it("certtool", "--provider", MODULE, "--generate-request", "--template", template, "--load-privkey",
                            self.uri(identity, pin=False), "--outfile", self.work / "out")
        self.judge("certtool")

    def test_gnutls_cli_through_p11_kit(self):
        for _ in self.each_algorithm():
            with self.site() as site:
                host, port = site.url.removeprefix("https://").rstrip("/").split(":")
                done = self.with_p11_kit("gnutls-cli", "--x509cafile", site.server_ca, "--x509keyfile", self.uri(pin=False),
                                         "--x509certfile", self.uri(kind="cert", pin=False), "--port", port, host,
                                         stdin="GET / HTTP/1.0\r\n\r\n", ok=None)
                self.assertIn("Example Import", done.out)
        self.judge("gnutls-cli")

    def test_curl_through_p11_kit_and_without(self):
        for _ in self.each_algorithm():
            with self.site() as site:
                by_key = ["--key-type", "ENG", "--key", self.uri(), "--cert-type", "ENG",
                          "--cert", self.uri(kind="cert", pin=False)]
                self.assertIn("Example Import", self.run_it(*self.curl(site), "--engine", "pkcs11", *by_key).out)
                self.assertIn("Example Import", self.with_p11_kit(*self.curl(site), "--engine", "pkcs11", *by_key).out)
        self.judge("curl")

    def test_ssh(self):
        """The agent's helper process loads the module; ssh-keygen signs by the agent."""
        answer = self.work.write("answer", f"#!/bin/sh\necho {self.pin}\n")
        answer.chmod(0o700)
        environment = {"SSH_ASKPASS": str(answer), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":"}
        for algorithm in self.each_algorithm():
            listed = self.run_it("ssh-keygen", "-D", MODULE).out.splitlines()
            wanted = "ssh-rsa" if algorithm == "RSA2048" else "ecdsa-sha2-nistp256"
            login = [line for line in listed if line.startswith(wanted) and line.endswith("Login")]
            self.assertEqual(len(login), 1, listed)
            public = self.work.write("login.pub", login[0] + "\n")
            work = 'ssh-add -q -s "$0" && ssh-keygen -q -Y sign -n file -f "$1" "$2"'
            (self.work / "data.sig").unlink(missing_ok=True)
            self.run_it("ssh-agent", "-P", MODULE, "sh", "-c", work, MODULE, public, self.data, env=environment)
            allowed = self.work.write("allowed", "clerk " + login[0] + "\n")
            check = ["ssh-keygen", "-q", "-Y", "verify", "-n", "file", "-f", allowed, "-I", "clerk",
                     "-s", self.work / "data.sig"]
            harness.run(check, stdin=self.data.read_bytes())
            harness.run(check, stdin=b"another", ok=False)
        self.judge("ssh")

    def test_firefox(self):
        for algorithm in self.each_algorithm():
            environment = {**self.key.environment, "SEALKEY_LOG": str(self.call_log)}
            with self.site() as site, Firefox(self.work / algorithm, MODULE, trusted=[site.server_ca],
                                              environment=environment) as browser:
                browser.give_pins(self.pin)
                browser.visit(site.url)
                self.assertIn("Example Import", browser.text())
        self.judge("firefox")

    def test_chromium(self):
        if os.environ.get("SEALKEY_PCSCD") == "system":
            self.skipTest("Chromium's policies need a mount namespace, which is forbidden here")
        environment = {**self.key.environment, "SEALKEY_LOG": str(self.call_log)}
        with Screen(self.work / "screen") as screen:
            for algorithm in ("RSA2048", "ECCP256"):  # of several certificates its policy takes any
                self.personalise(("9a", algorithm))
                with self.site() as site, Chromium(self.work / algorithm, screen, MODULE, trusted=[site.server_ca],
                                                   environment=environment) as browser:
                    browser.visit(site.url)
                    browser.enter_pin(self.pin)
                    browser.wait_for_text("Example Import")
        self.judge("chromium")

    def test_tstclnt(self):
        store = f"sql:{self.work.path}"
        pins = self.work.write("pins", self.pin)
        harness.run(["certutil", "-N", "-d", store, "--empty-password"])
        self.run_it("modutil", "-dbdir", store, "-add", "sealkey", "-libfile", MODULE, "-force")
        ask = self.work.write("ask", "GET / HTTP/1.0\r\n\r\n")
        for _ in self.each_algorithm():
            listed = harness.run(["pkcs11-tool", "--module", MODULE, "--list-token-slots"]).out
            token = re.search(r"token label\s+: (sealkey \S+)", listed)[1]
            with self.site() as site:
                harness.run(["certutil", "-A", "-d", store, "-n", f"portal {site.port}", "-t", "C,,", "-i", site.server_ca])
                done = self.run_it("tstclnt", "-4", "-h", "localhost", "-p", site.port, "-d", store, "-V", "tls1.3:tls1.3",
                                   "-n", f"{token}:Login", "-A", ask, "-W", pins, ok=None)
                self.assertIn("Example Import", done.out)
        self.judge("tstclnt")

    def test_java(self):
        settings = self.work.write("sealkey.cfg", f"name = sealkey\nlibrary = {MODULE}\nslotListIndex = 0\n")
        for algorithm in ("RSA2048", "ECCP256"):  # it signs with every key, and never logs in for one signature
            self.personalise(("9a", algorithm))
            program = ["java", *QUICK, PROGRAM, settings, self.pin]
            self.run_it(*program, "sign")
            with self.site() as site:
                self.assertIn("Example Import", self.run_it(*program, "get", site.server_ca, site.url).out)
        self.judge("java")


class CurlThroughP11Kit(CallsCase):
    def test_wrong_pin_and_no_key_open_nothing(self):
        self.personalise(("9a", "ECCP256"))
        self.pin_file.write_text("999999", encoding="utf-8")
        with self.site() as site:
            by_key = ["--engine", "pkcs11", "--key-type", "ENG", "--key", self.uri(), "--cert", self.certificates["9a"]]
            done = self.with_p11_kit(*self.curl(site), *by_key, ok=False)
            self.assertNotIn("Example Import", done.out)
            self.assertEqual(self.tries(), 5)
            self.with_p11_kit(*self.curl(site), ok=False)
            self.key.unplug()
            self.with_p11_kit(*self.curl(site), *by_key, ok=False)


class Document(harness.Case):
    def test_table_in_the_documentation_is_this_one(self):
        text = (harness.ROOT / "docs/pkcs11-module.md").read_text(encoding="utf-8")
        table = text.partition("<!-- table: calls -->")[2].partition("\n\n")[0]
        rows = re.findall(r"^\| (\S+) \| (.*) \| (.*) \|$", table, re.M)
        written = {row[0]: (row[1], row[2]) for row in rows if row[0] in CLIENTS}
        wanted = {name: (", ".join(sorted(client.mechanisms)), "; ".join(sorted(
            f"{function}{' ' + what if what else ''}: {answer.removeprefix('CKR_')}"
            for function, what, answer in client.refused)) or "nothing") for name, client in CLIENTS.items()}
        self.assertEqual(written, wanted)


if __name__ == "__main__":
    harness.main()
