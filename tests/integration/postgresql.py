"""A PostgreSQL server of a test's own, from Debian's package: at a socket in a folder that nobody else has, without a
port, gone with the test however that ends.

By itself (the C++ tests start it so) it prints the folder of its socket and runs until its standard input ends.
"""
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time

PROGRAMS = pathlib.Path("/usr/lib/postgresql/15/bin")
USER = "sealkey"  # the server's own superuser, trusted at the socket
SETTINGS = {"listen_addresses": "", "fsync": "off", "full_page_writes": "off", "shared_buffers": "16MB", "autovacuum": "off",
            "max_connections": "60", "wal_level": "minimal", "max_wal_senders": "0", "log_min_messages": "warning"}


class Server:
    """start() and kill() may be called again and again; the data stay until end()."""

    def __init__(self):
        if not (PROGRAMS / "postgres").exists():
            raise RuntimeError(f"{PROGRAMS} has no PostgreSQL: sim/setup.sh --tests installs it")
        self.folder = tempfile.mkdtemp(prefix="sealkey-pg-", dir="/tmp")  # a socket's path has to be short
        self.process = None
        self.schemas = 0
        self.as_user = []
        if os.getuid() == 0:  # PostgreSQL won't run as root
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.as_user = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        try:
            self._run("initdb", "-D", "data", "-U", USER, "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8",
                      "--no-instructions")
            self.start()
        except BaseException:
            self.end()
            raise

    def _command(self, program, *arguments):
        return ["setpriv", *self.as_user, "--pdeathsig", "QUIT", str(PROGRAMS / program), *arguments]

    def _run(self, program, *arguments):
        done = subprocess.run(self._command(program, *arguments), cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stdout}")
        return done.stdout

    def start(self):
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        with open(f"{self.folder}/log", "ab") as log:
            # pylint: disable=consider-using-with
            self.process = subprocess.Popen(self._command("postgres", "-D", "data", "-k", self.folder, *settings),
                                            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        status = pathlib.Path(self.folder, "data/postmaster.pid")
        deadline = time.monotonic() + 60
        while True:  # its eighth line says how far it is
            lines = status.read_text().splitlines() if status.exists() else []
            if len(lines) > 7 and lines[7].strip() == "ready" and int(lines[0]) == self.process.pid:
                return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("PostgreSQL doesn't start: " + pathlib.Path(self.folder, "log").read_text())
            time.sleep(0.01)

    def kill(self):
        """As when the machine stops: what runs is cut off."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(30)
            self.process = None

    def end(self):
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def sql(self, text, schema="public"):
        """The rows of one statement or more, fields by "|"."""
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-U", USER, "-d",
                               "postgres"], input=f"SET search_path TO {schema}; {text}", text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        return done.stdout.splitlines()

    def url(self, schema, user=USER):
        return f"postgresql://{user}@/postgres?host={self.folder}&options=-csearch_path%3D{schema}"

    def new_schema(self):
        self.schemas += 1
        name = f"test{self.schemas}"
        self.sql(f"CREATE SCHEMA {name}")
        return name


def main():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are for who started it, and the end of input follows
    server = Server()
    try:
        print(server.folder, flush=True)
        sys.stdin.buffer.read()
    finally:
        server.end()


if __name__ == "__main__":
    main()
