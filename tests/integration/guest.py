"""A real Linux kernel for tests: Debian's own in QEMU, without hardware support (TCG), with this machine's files under a layer
that is thrown away. Its network reaches this machine's loopback as 10.0.2.2. Its kernel and modules come from Debian's package,
which tests/guest/kernel.sh fetches and unpacks; nothing of this machine's own kernel is used.

    with guest.Guest() as linux:
        linux.run("uname -r")          # in one shell, as root; fails the test unless it ends with 0

Where the test fails, the end of the guest's console and of the logs that it named (linux.logs) is told.
"""
import pathlib
import re
import select
import subprocess
import tempfile
import time

import harness

PLACE = harness.ROOT / "tests/guest"
MODULES = ["virtio_pci", "virtio_net", "9p", "9pnet_virtio", "overlay", "vhci-hcd"]
HOST = "10.0.2.2"


def _cpio(entries):
    """An initramfs of (name, mode, content), in the format that the kernel takes."""
    out = bytearray()
    for number, (name, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], 1):
        raw = name.encode() + b"\0"
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(raw), 0)
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + raw
        out += bytes(-len(out) % 4) + content
        out += bytes(-len(out) % 4)
    return bytes(out)


def _modules(folder):
    """The modules that are wanted, each after those that it depends on."""
    paths = {path.stem.replace("-", "_"): path for path in folder.rglob("*.ko")}
    built_in = {pathlib.Path(line).stem.replace("-", "_") for line in next(folder.rglob("modules.builtin")).read_text().split()}
    order = []

    def add(name):
        name = name.replace("-", "_")
        path = paths.get(name)
        if path is None and name not in built_in:
            raise harness.Missing(f"the kernel in {folder} has no module {name}")
        if path is None or path in order:
            return
        needs = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        for need in filter(None, needs.group(1).decode().split(",") if needs else []):
            add(need)
        order.append(path)

    for name in MODULES:
        add(name)
    return order


def _initramfs(kernel):
    modules = _modules(kernel / "lib/modules")
    directories = ("bin", "proc", "sys", "dev", "host", "layer", "root", "modules")
    entries = [(name, 0o040755, b"") for name in directories]
    entries += [("bin/busybox", 0o100755, pathlib.Path(harness.program("busybox")).read_bytes()),
                ("init", 0o100755, (PLACE / "init").read_bytes()), ("agent", 0o100644, (PLACE / "agent").read_bytes())]
    entries += [(f"modules/{path.name}", 0o100644, path.read_bytes()) for path in modules]
    entries.append(("modules/order", 0o100644, "".join(f"{path.name}\n" for path in modules).encode()))
    return _cpio(entries)


def _kernel():
    """The folder with the kernel's package in it, fetched once for all."""
    found = subprocess.run([PLACE / "kernel.sh", harness.BUILD.parent / "kernel"], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise harness.Missing(found.stderr.strip())
    return pathlib.Path(found.stdout.strip())


def _end(text, size=3000):
    return text[-size:].replace("\r", "")


class Guest:
    """A booted guest and a shell in it."""

    # There to end a hang. An idle machine needs seconds of each; one with eight others waiting for its two processors took 170 to
    # boot, of which it ran for 9.
    boot_seconds = 500
    line_seconds = 200

    def __init__(self):
        qemu = harness.program("qemu-system-x86_64")
        kernel = _kernel()
        [image] = (kernel / "boot").glob("vmlinuz-*")
        self.logs = []
        self._answer = b""
        self._folder = tempfile.TemporaryDirectory(prefix="sealkey-guest-")  # pylint: disable=consider-using-with
        self.console = pathlib.Path(self._folder.name) / "console"
        initramfs = pathlib.Path(self._folder.name) / "initramfs"
        initramfs.write_bytes(_initramfs(kernel))
        # setpriv: it ends with the test, however that ends.
        self._process = subprocess.Popen(  # pylint: disable=consider-using-with
            [harness.program("setpriv"), "--pdeathsig", "KILL", qemu, "-accel", "tcg", "-cpu", "qemu64", "-m", "512", "-display", "none",
             "-no-reboot", "-nodefaults", "-kernel", image, "-initrd", initramfs,
             "-append", "console=ttyS0 quiet panic=-1 mitigations=off nokaslr audit=0",
             "-serial", f"file:{self.console}", "-serial", "stdio",
             "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
             "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            self._until(rb"@ready@\r?\n", self.boot_seconds)
        except BaseException:
            self.close()
            raise

    def cpu_seconds(self):
        """Processor time that it took so far."""
        fields = pathlib.Path(f"/proc/{self._process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def _until(self, mark, seconds):
        """What comes before a match of `mark`, and the match."""
        end = time.monotonic() + seconds
        while not (found := re.search(mark, self._answer)):
            ready = select.select([self._process.stdout], [], [], max(0, end - time.monotonic()))[0]
            piece = self._process.stdout.read1(65536) if ready else b""
            if not piece:
                why = "the guest has ended" if ready else f"the guest doesn't say {mark.decode()} in {seconds} s"
                console = self.console.read_text(errors="replace") if self.console.exists() else ""
                raise AssertionError(f"{why}\nit said: {_end(self._answer.decode(errors='replace'))}\nits console: {_end(console)}")
            self._answer += piece
        before, self._answer = self._answer[:found.start()], self._answer[found.end():]
        return before.decode("utf-8", "replace"), found

    def send(self, line):
        """Begins a line; wait() ends it."""
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def wait(self, seconds=line_seconds):
        """What the line printed, and its exit code."""
        out, found = self._until(rb"@(\d+)@\r?\n", seconds)
        return out, int(found.group(1))

    def run(self, line, code=0, seconds=line_seconds):
        """One line of shell; what it prints. code=None: any exit code will do, and it is returned too."""
        self.send(line)
        out, got = self.wait(seconds)
        if code is None:
            return out, got
        if got != code:
            raise AssertionError(f"in the guest: {line}\nends with {got}:\n{_end(out)}{self._told()}")
        return out

    def _told(self):
        """The ends of its logs."""
        told = f"console: {_end(self.console.read_text(errors='replace'))}"
        for log in self.logs:
            self.send(f"tail -c 3000 {log}")
            told += f"\n{log}: {self.wait()[0]}"
        return told

    def until(self, line, what):
        """Runs the line until it ends with 0."""
        try:
            return harness.until(lambda: self.run(line, code=None)[1] == 0, what, self.line_seconds)
        except AssertionError as late:
            raise AssertionError(f"{late}\n{self._told()}") from late

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._process.stdout.close()
        self._folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
