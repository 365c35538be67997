"""What the integration tests stand on: a pcscd of their own, simulated keys in its reader, and programs run against them.

A test is a script of unittest cases that ends with

    if __name__ == "__main__":
        harness.main()

main() starts the script again beside a private pcscd (sim/pcscd.sh): its own network, so that ports don't meet and tests run
side by side, and its own processes, so that nothing outlives it. main(reader="Yubico YubiKey") names the reader so;
main(pcscd=False) does without pcscd, and has processes of its own all the same (alone()). Nothing here sleeps to wait: until()
waits for a condition, with a deadline.

    with harness.Simulator(profile="compatibility") as key:      # a new token in the reader
        key.run(["yubico-piv-tool", "-a", "status"])             # fails the test unless the program ends with 0
        key.unplug(); key.plug()
        key.cut(3); ...; key.last_cut()                          # power cut at the 3rd flash operation from now
        key.log()                                                # the APDUs so far, secrets masked
"""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("SEALKEY_BUILD", ROOT / "build/release")).resolve()
SIMULATOR = BUILD / "sim/sealkey-sim"
MODULE = BUILD / "pkcs11-module/libsealkey-pkcs11.so"
OPENSC_MODULE = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"
YKCS11_MODULE = "/usr/lib/x86_64-linux-gnu/libykcs11.so.2"
FIRST_PORT = 35963
SKIPPED = 77  # exit code of a script that couldn't check everything: ctest then names it among those that did not run
# Tests count what is read from a token, and leave nothing in anybody's folder.
os.environ.setdefault("SEALKEY_CACHE", "off")
DEFAULT_PIN = "123456"
DEFAULT_PUK = "12345678"
DEFAULT_MANAGEMENT_KEY = "010203040506070801020304050607080102030405060708"


class Missing(Exception):
    """A program or file that the test needs isn't there."""


def program(name):
    """Path of a program of ours or of the system's; Missing names it."""
    for folder in ("sim", "host/cli", "host/bench", "bin"):
        if (BUILD / folder / name).is_file():
            return str(BUILD / folder / name)
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if found is None:
        raise Missing(f"{name} is missing: run sim/setup.sh --tests")
    return found


def until(condition, what, seconds=20):
    """Calls condition() until it gives something true, which is returned; fails naming `what` after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(0.02)


class Run:
    """A finished program: .code .out .err (text) .raw (bytes of stdout)."""

    def __init__(self, arguments, code, out, err):
        self.arguments = [str(a) for a in arguments]
        self.code = code
        self.raw = out
        self.out = out.decode("utf-8", "replace")
        self.err = err.decode("utf-8", "replace")

    def __str__(self):
        return f"$ {' '.join(self.arguments)}\nexit code {self.code}\n{self.out}{self.err}"


def run(arguments, *, ok=True, code=None, stdin=None, env=None, cwd=None, timeout=60):
    """Runs a program to its end. ok=True: exit code 0 is asked for; ok=False: any but 0; ok=None: whichever.
    code=N asks for that one. The test fails otherwise, with all that the program said."""
    arguments = [program(str(arguments[0])) if "/" not in str(arguments[0]) else str(arguments[0]),
                 *[str(a) for a in arguments[1:]]]
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "", **(env or {})}
    if isinstance(stdin, str):
        stdin = stdin.encode()
    try:
        done = subprocess.run(arguments, input=stdin if stdin is not None else b"", capture_output=True,
                              env=environment, cwd=cwd, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as late:
        raise AssertionError(f"$ {' '.join(arguments)}\nno end after {timeout} s\n{late.stdout}{late.stderr}") from late
    result = Run(arguments, done.returncode, done.stdout, done.stderr)
    if code is not None:
        if result.code != code:
            raise AssertionError(f"exit code {code} was expected:\n{result}")
    elif ok is not None and (result.code == 0) != ok:
        raise AssertionError(f"{'success' if ok else 'a failure'} was expected:\n{result}")
    return result


class Workspace:
    """A folder that goes with the test."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="sealkey-test-")
        self.path = pathlib.Path(self._folder.name)

    def __truediv__(self, name):
        return self.path / name

    def write(self, name, content):
        path = self.path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def close(self):
        self._folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Simulator:
    """sealkey-sim with one token (or several, tokens=N), in the reader of the private pcscd or at sockets.

    state: a file to use (kept), otherwise a new one that goes with the test. profile: "compatibility" or None (blank).
    sockets=True: served at unix sockets instead of the reader; .environment makes our own programs use them.
    """

    start_seconds = 30
    stop_seconds = 10

    def __init__(self, profile=None, state=None, tokens=1, sockets=False, options=(), plugged=True):
        self.workspace = Workspace()
        self.states = [pathlib.Path(state)] if state else [self.workspace / f"token{i}.state" for i in range(tokens)]
        self.state = self.states[0]
        self.birth_record = pathlib.Path(str(self.state) + ".birth.json")
        self.control_path = self.workspace / "control"
        self.environment = {}
        self._arguments = [program("sealkey-sim"), "--control", str(self.control_path), *options]
        for path in self.states:
            self._arguments += ["--state", str(path)]
        if sockets:
            paths = [str(self.workspace / f"socket{i}") for i in range(len(self.states))]
            for path in paths:
                self._arguments += ["--socket", path]
            self.environment["SEALKEY_SIM_SOCKETS"] = ":".join(paths)
        if profile:
            self._arguments += ["--profile", profile]
        self._sockets = sockets
        self._plugged = plugged
        self.log_path = self.workspace / "sim.log"
        self._process = None

    def start(self):
        with open(self.log_path, "ab") as log:
            # pylint: disable=consider-using-with
            self._process = subprocess.Popen(self._arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until(self._is_up, "the key is ready", self.start_seconds)
        for index in range(len(self.states)):
            if self._plugged:
                self._wait_in_reader(index)
        return self

    def _is_up(self):
        if self._process.poll() is not None:
            raise AssertionError(f"sealkey-sim ended with {self._process.returncode}:\n{self.log_path.read_text()}")
        try:
            return self.control("status")
        except OSError:
            return None

    def _wait_in_reader(self, index=0):
        if self._sockets:
            return
        until(lambda: card_present(index), "pcscd sees the card")

    def _wait_out_of_reader(self):
        """pcscd looks now and then; a card that comes back before it looked would be taken for the old one."""
        if not self._sockets:
            for index in range(len(self.states)):
                until(lambda index=index: not card_present(index), "pcscd sees the card gone")

    @property
    def pid(self):
        return self._process.pid

    def stop(self, number=signal.SIGTERM):
        """Ends it by a signal; returns its exit code."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.send_signal(number)
        try:
            code = self._process.wait(self.stop_seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise AssertionError("sealkey-sim doesn't end when asked to") from None
        self._process = None
        self._wait_out_of_reader()
        return code

    def kill(self):
        """Ends it with no chance to do anything."""
        self._process.kill()
        self._process.wait()
        self._process = None
        self._wait_out_of_reader()

    def close(self):
        try:
            self.stop()
        finally:
            self.workspace.close()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    # ---- programs ----

    def run(self, arguments, **how):
        how["env"] = {**self.environment, **(how.get("env") or {})}
        return run(arguments, **how)

    # ---- the control socket ----

    def control(self, command, index=0):
        """One command of the control socket (sim/control.h), as a dictionary."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(30)
            link.connect(str(self.control_path))
            link.sendall(f"{index} {command}\n".encode())
            answer = b""
            while not answer.endswith(b"\n"):
                piece = link.recv(65536)
                if not piece:
                    raise ConnectionResetError("the control socket closed")
                answer += piece
        answer = json.loads(answer)
        if "error" in answer:
            raise AssertionError(f"{command}: {answer['error']}")
        return answer

    def unplug(self, index=0):
        """Takes the token out, and waits until pcscd has seen it."""
        self.control("remove", index)
        if not self._sockets:
            until(lambda: not card_present(index), "pcscd sees the card gone")

    def plug(self, index=0):
        self.control("insert", index)
        self._wait_in_reader(index)

    def replug(self, index=0):
        self.unplug(index)
        self.plug(index)

    def cut(self, operation, kind="subset", index=0):
        """Power goes at this flash operation, 1 being the next; kind: nothing, prefix, subset, whole."""
        self.control(f"cut {operation} {kind}", index)

    def disarm(self, index=0):
        self.control("disarm", index)

    def last_cut(self, index=0):
        return self.control("last-cut", index)

    def wait_for_cut(self, index=0):
        """Until an armed cut has struck and the token is in the reader again; its report."""
        until(lambda: not self.control("status", index)["cut_armed"], "the power cut strikes")
        if not self._sockets and not self.control("status", index)["plugged"]:
            until(lambda: not card_present(index), "pcscd sees the card gone")
        until(lambda: self.control("status", index)["plugged"], "the token is plugged in again")
        self._wait_in_reader(index)
        return self.last_cut(index)

    def apdu_count(self, index=0):
        return self.control("status", index)["apdus"]

    def log(self, since=0, index=0):
        """The APDUs from number `since` on: dictionaries with name, command, response."""
        return self.control(f"log {since}", index)["log"]


# ---- pcscd as a program sees it --------------------------------------------------------------------------------------


def _smartcard():
    try:
        import smartcard.System  # pylint: disable=import-outside-toplevel
    except ImportError as gone:
        raise Missing("python3-pyscard is missing: run sim/setup.sh --tests") from gone
    return smartcard


def readers():
    """Names of the readers that pcscd has."""
    return [str(r) for r in _smartcard().System.readers()]


def card_present(index=0):
    """Whether pcscd says that there is a card in this reader."""
    _smartcard()
    from smartcard import scard  # pylint: disable=import-outside-toplevel
    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    if result != 0:
        return False
    try:
        result, names = scard.SCardListReaders(context, [])
        if result != 0 or index >= len(names):
            return False
        result, states = scard.SCardGetStatusChange(context, 0, [(names[index], scard.SCARD_STATE_UNAWARE)])
        return result == 0 and bool(states[0][1] & scard.SCARD_STATE_PRESENT) and not states[0][1] & scard.SCARD_STATE_MUTE
    finally:
        scard.SCardReleaseContext(context)


class CardCommands:
    """Single APDUs in tests; exchange(command) of the subclass gives the whole answer."""

    def transmit(self, apdu):
        """An APDU (bytes or hexadecimal) and what belongs to its answer: (data, status word)."""
        answer = self.exchange(bytes.fromhex(apdu) if isinstance(apdu, str) else bytes(apdu))
        data = answer[:-2]
        while answer[-2] == 0x61:
            answer = self.exchange(bytes([0x00, 0xC0, 0x00, 0x00, answer[-1]]))
            data += answer[:-2]
        return data, answer[-2] << 8 | answer[-1]

    def select(self):
        data, word = self.transmit("00A4040005A00000030800")
        if word != 0x9000:
            raise AssertionError(f"SELECT answered {word:04X}")
        return data

    def tries(self):
        """PIN tries left by VERIFY with an empty body; None when verified."""
        _, word = self.transmit("00200080")
        if word == 0x9000:
            return None
        return 0 if word == 0x6983 else word & 0x0F

    def verify(self, pin):
        """The status word of VERIFY."""
        return self.transmit(bytes([0x00, 0x20, 0x00, 0x80, 0x08]) + pin.encode().ljust(8, b"\xff"))[1]

    def change_pin(self, old, new):
        """The status word of CHANGE REFERENCE DATA."""
        body = old.encode().ljust(8, b"\xff") + new.encode().ljust(8, b"\xff")
        return self.transmit(bytes([0x00, 0x24, 0x00, 0x80, 0x10]) + body)[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Card(CardCommands):
    """A plain PC/SC connection."""

    def __init__(self, index=0):
        _smartcard()
        from smartcard.System import readers as all_readers  # pylint: disable=import-outside-toplevel
        self.connection = all_readers()[index].createConnection()
        self.connection.connect()

    def exchange(self, command):
        data, sw1, sw2 = self.connection.transmit(list(command))
        return bytes([*data, sw1, sw2])

    def close(self):
        self.connection.disconnect()


class SocketCard(CardCommands):
    """A connection to a simulator's unix socket, without pcscd."""

    def __init__(self, path):
        self.link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.link.settimeout(60)
        self.link.connect(str(path))

    def send(self, body):
        self.link.sendall(len(body).to_bytes(2, "big") + body)

    def receive(self):
        """The next answer; b"" when the token has gone."""
        data = b""
        while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
            piece = self.link.recv(65536)
            if not piece:
                return b""
            data += piece
        return data[2:]

    def exchange(self, command):
        self.send(command)
        answer = self.receive()
        if not answer:
            raise ConnectionResetError("the token has gone")
        return answer

    def close(self):
        self.link.close()


def tdes(data, key=DEFAULT_MANAGEMENT_KEY, decrypt=False):
    """Single blocks under 3DES, by OpenSSL."""
    return run(["openssl", "enc", "-des-ede3", "-K", key, "-nopad", "-provider", "default", "-provider", "legacy",
                *(["-d"] if decrypt else [])], stdin=data).raw


def authenticate_management(card, key=DEFAULT_MANAGEMENT_KEY):
    """Mutual authentication with a 3DES management key (SP 800-73-4 part 2, 3.2.4)."""
    data, word = card.transmit("0087039b047c02800000")
    if word != 0x9000:
        raise AssertionError(f"the witness is refused: {word:04X}")
    challenge = os.urandom(8)
    command = bytes.fromhex("0087039b167c148008") + tdes(data[-8:], key, True) + b"\x81\x08" + challenge + b"\0"
    data, word = card.transmit(command)
    if word != 0x9000 or data[-8:] != tdes(challenge, key):
        raise AssertionError(f"the management key is refused: {word:04X}")


class Case(unittest.TestCase):
    """A test case with a workspace."""

    maxDiff = None

    def setUp(self):
        self.work = Workspace()
        self.addCleanup(self.work.close)

    def simulator(self, **options):
        """A started simulator that ends with the test."""
        key = Simulator(**options)
        self.addCleanup(key.close)
        return key.start()


def alone():
    """Starts the script again with processes of its own, which end with it however it ends: by Ctrl-C, or when ctest's time is up,
    from whichever thread it had started them. Returns where it has them already, and where they can't be had."""
    if os.environ.get("SEALKEY_HARNESS"):
        return
    os.environ["SEALKEY_HARNESS"] = "alone"
    if options := options_of_own_processes():
        # The shell is the first process there, which takes care of those whose parents have ended.
        os.execv(program("unshare"), ["unshare", *options, "sh", "-c", '"$@"; exit $?', "sh", sys.executable, *sys.argv])


def options_of_own_processes():
    """Of unshare(1) for this user; none where it is forbidden."""
    options = ["--pid", "--fork", "--mount-proc", "--kill-child=KILL"]
    if os.geteuid() != 0:
        options.insert(0, "--map-current-user")
    return options if run(["unshare", *options, "true"], ok=None).code == 0 else []


def main(reader="Sealkey Virtual", pcscd=True, pairs=1):
    """Runs the script's cases, beside a private pcscd unless it is there already."""
    if pcscd and os.environ.get("SEALKEY_HARNESS") != reader:
        os.environ["SEALKEY_HARNESS"] = reader
        script = str(ROOT / "sim/pcscd.sh")
        os.execv(script, [script, "run", "--reader", reader, "--pairs", str(pairs), "--", sys.executable, *sys.argv])
    alone()
    require_every_test_in_a_part(sys.argv[0])
    result = unittest.main(verbosity=2, exit=False).result
    for case, reason in result.skipped:
        print(f"SKIPPED {case.id()}: {reason}", file=sys.stderr)
    if not result.wasSuccessful():
        sys.exit(1)
    if result.skipped:
        exit_skipped()
    sys.exit(0)


def exit_skipped():
    """Ends a script that couldn't check everything: not a pass, and a failure where SEALKEY_NO_SKIPS=1 asks for everything."""
    if os.environ.get("SEALKEY_NO_SKIPS") == "1":
        sys.exit("SEALKEY_NO_SKIPS=1: what was skipped counts as failed")
    sys.exit(SKIPPED)


def require_every_test_in_a_part(script):
    """A head that names parts (CMakeLists.txt) must name each test in one: ctest runs no others."""
    named = " ".join(re.findall(r"^# part \S+: (.+)$", pathlib.Path(script).read_text(encoding="utf-8"), re.M)).split()
    if not named:
        return
    cases = [case for suite in unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"]) for case in suite]
    tests = {case.id().removeprefix("__main__.") for case in cases}
    if left := sorted(t for t in tests if t not in named and t.partition(".")[0] not in named):
        sys.exit(f"{script}: no part of its head has {', '.join(left)}")
