"""A real Linux kernel for tests: Debian's own in QEMU, without hardware support (TCG), with this machine's files under a layer
that is thrown away. Its network reaches this machine's loopback as 10.0.2.2.

    with guest.Guest() as linux:
        linux.run("uname -r")          # in one shell, as root; fails the test unless it ends with 0
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
    order = []

    def add(name):
        path = paths.get(name.replace("-", "_"))
        if path is None or path in order:
            return  # built in, or there already
        needs = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        for need in needs.group(1).decode().split(",") if needs else []:
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


class Guest:
    """A booted guest and a shell in it."""

    boot_seconds = 600  # 20 on an idle machine

    def __init__(self):
        qemu = harness.program("qemu-system-x86_64")
        harness.program("busybox")
        found = subprocess.run([PLACE / "kernel.sh", harness.BUILD.parent / "kernel"], capture_output=True, text=True, check=False)
        if found.returncode != 0:
            raise harness.Missing(found.stderr.strip())
        kernel = pathlib.Path(found.stdout.strip())
        self._folder = tempfile.TemporaryDirectory()  # pylint: disable=consider-using-with
        folder = pathlib.Path(self._folder.name)
        (folder / "initramfs").write_bytes(_initramfs(kernel))
        self.console = folder / "console"
        [image] = (kernel / "boot").glob("vmlinuz-*")
        self._process = subprocess.Popen(  # pylint: disable=consider-using-with
            [qemu, "-accel", "tcg", "-cpu", "max", "-m", "768", "-display", "none", "-no-reboot", "-nodefaults",
             "-kernel", image, "-initrd", folder / "initramfs", "-append", "console=ttyS0 quiet panic=-1 mitigations=off",
             "-serial", f"file:{self.console}", "-serial", "stdio",
             "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap",
             "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile="],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self._answer = b""
        try:
            self._until(b"@ready@", self.boot_seconds)
        except BaseException:
            self.close()
            raise

    def _until(self, mark, seconds):
        """What comes before a match of `mark`, and the match."""
        end = time.monotonic() + seconds
        while not (found := re.search(mark, self._answer)):
            left = end - time.monotonic()
            ready = select.select([self._process.stdout], [], [], max(0, left))[0]
            piece = self._process.stdout.read1(65536) if ready else b""
            if not piece:
                console = self.console.read_text(errors="replace")[-3000:] if self.console.exists() else ""
                raise AssertionError(f"the guest says no {mark!r} in {seconds} s\n{self._answer.decode()}\nconsole: {console}")
            self._answer += piece
        before, self._answer = self._answer[:found.start()], self._answer[found.end():].lstrip(b"\r\n")
        return before.decode("utf-8", "replace"), found

    def send(self, line):
        """Begins a line; wait() ends it."""
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def wait(self, seconds=300):
        """What the line printed, and its exit code."""
        out, found = self._until(rb"@(\d+)@", seconds)
        return out, int(found.group(1))

    def run(self, line, code=0, seconds=300):
        """One line of shell; what it prints. code=None: any exit code will do, and it is returned too."""
        self.send(line)
        out, got = self.wait(seconds)
        if code is None:
            return out, got
        if got != code:
            raise AssertionError(f"in the guest: {line}\nends with {got}:\n{out}")
        return out

    def until(self, line, what, seconds=200):
        """Runs the line until it ends with 0."""
        return harness.until(lambda: self.run(line, code=None)[1] == 0, what, seconds)

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
