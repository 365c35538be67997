#!/usr/bin/env python3
"""A portal that enterprises log in to with their key: a real nginx with TLS 1.3 and ssl_verify_client on.

    sim/portal.py start DIR --client-ca CA.pem [--port N] [--crl CRL.pem] [--tls 1.2]
    sim/portal.py stop DIR

start prints the address once the portal answers. DIR holds all that it needs and leaves: server-ca.pem (what a client
trusts), access.log, error.log. --client-ca is one file with every certificate authority that issues to clients, roots
included. nginx checks the client's certificate; a small program behind it, as a real portal has one, answers with what
the certificate says: GET / in lines of text, GET /json as JSON.

    enterprise: 福建示例进出口有限公司
    code: 91350100M000100Y43
    login: EXAMPLE1

In Python: with Portal(folder, client_ca) as portal: portal.url, portal.server_ca
"""
import argparse
import http.server
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import socketserver
import ssl
import subprocess
import sys
import time
import urllib.parse

CODE_EXTENSION = "1.2.156.10260.4.1.4"  # where certificates commonly carry the unified social credit code

CONFIGURATION = """\
{user}worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
events {{ worker_connections 64; }}
http {{
    access_log {dir}/access.log;
    client_body_temp_path {dir}/tmp;  proxy_temp_path {dir}/tmp;  fastcgi_temp_path {dir}/tmp;
    uwsgi_temp_path {dir}/tmp;  scgi_temp_path {dir}/tmp;
    log_format portal '$ssl_protocol verify=$ssl_client_verify status=$status "$ssl_client_s_dn"';
    server {{
        listen 127.0.0.1:{port} ssl;
        server_name localhost;
        access_log {dir}/access.log portal;
        ssl_certificate {dir}/server.pem;
        ssl_certificate_key {dir}/server.key;
        ssl_protocols TLSv{tls};
        ssl_verify_client on;
        ssl_verify_depth 3;
        ssl_client_certificate {dir}/client-ca.pem;
        {crl}
        location / {{
            proxy_pass http://unix:{dir}/application.sock:;
            proxy_set_header X-Client-Certificate $ssl_client_escaped_cert;
            proxy_set_header X-Protocol $ssl_protocol;
        }}
    }}
}}
"""


class Fault(Exception):
    """What went wrong, in words for people."""


# ---- what a certificate says -----------------------------------------------------------------------------------------


def oid_der(dotted):
    """DER of an object identifier."""
    numbers = [int(n) for n in dotted.split(".")]
    body = b""
    for number in [numbers[0] * 40 + numbers[1], *numbers[2:]]:
        septets = [number & 0x7F]
        while number := number >> 7:
            septets.append(number & 0x7F | 0x80)
        body += bytes(reversed(septets))
    return bytes([6, len(body)]) + body


def extension_text(der, dotted):
    """The text inside a certificate's extension: OID, perhaps BOOLEAN, OCTET STRING with a string in it."""
    match = re.search(re.escape(oid_der(dotted)) + rb"(?:\x01\x01.)?\x04(.)[\x0c\x13\x16](.)", der, re.S)
    if not match:
        return None
    return der[match.end():match.end() + match.group(2)[0]].decode("utf-8", "replace")


def describe(pem):
    """Enterprise, code and login name of a client certificate."""
    named = subprocess.run(["openssl", "x509", "-noout", "-subject", "-serial", "-nameopt",
                            "sep_multiline,utf8,lname,-esc_msb"],
                           input=pem.encode(), capture_output=True, check=True).stdout.decode("utf-8", "replace")
    fields = dict(re.findall(r"^\s*(\w+)=(.*)$", named, re.M))
    return {"enterprise": fields.get("organizationName") or fields.get("commonName", ""),
            "code": extension_text(ssl.PEM_cert_to_DER_cert(pem), CODE_EXTENSION) or "",
            "login": fields.get("userId", ""),
            "certificate": fields.get("serial", "")}


class Application(http.server.BaseHTTPRequestHandler):
    """The program behind nginx. It believes the header since only nginx reaches its socket."""

    def do_GET(self):  # pylint: disable=invalid-name
        pem = urllib.parse.unquote(self.headers.get("X-Client-Certificate", ""))
        said = {**describe(pem), "protocol": self.headers.get("X-Protocol", "")}
        if self.path == "/json":
            kind, text = "application/json", json.dumps(said, ensure_ascii=False) + "\n"
        else:
            kind, text = "text/plain", "".join(f"{name}: {value}\n" for name, value in said.items())
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self):
        return "nginx"

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


# ---- starting and stopping -------------------------------------------------------------------------------------------


def openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=False)
    if done.returncode != 0:
        raise Fault(f"openssl {arguments[0]}: {done.stderr.decode(errors='replace').strip()}")


def make_server_certificate(folder):
    """An authority for the server alone, and the server's certificate for localhost and 127.0.0.1.

    Serial numbers are random: a browser that knows two portals refuses certificates that have issuer and number in common."""
    new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
    openssl("req", "-x509", *new_key, "-keyout", folder / "server-ca.key", "-out", folder / "server-ca.pem",
            "-subj", "/CN=Portal server CA", "-addext", "basicConstraints=critical,CA:TRUE",
            "-addext", "keyUsage=critical,keyCertSign")
    openssl("req", *new_key[:-2], "-keyout", folder / "server.key", "-out", folder / "server.csr", "-subj",
            "/CN=localhost")
    (folder / "server.ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"
                                       "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n")
    openssl("x509", "-req", "-in", folder / "server.csr", "-CA", folder / "server-ca.pem", "-CAkey",
            folder / "server-ca.key", "-days", "30", "-extfile", folder / "server.ext", "-out", folder / "server.pem")


def until(condition, what, seconds=15):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise Fault(f"after {seconds} s still not: {what}")
        time.sleep(0.02)


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Portal:
    def __init__(self, folder, client_ca, port=0, crl=None, tls="1.3"):
        self.folder = pathlib.Path(folder).resolve()
        self.client_ca = pathlib.Path(client_ca)
        self.port = port or free_port()
        self.crl = pathlib.Path(crl) if crl else None
        self.tls = tls
        self.url = f"https://localhost:{self.port}"
        self.server_ca = self.folder / "server-ca.pem"

    def start(self):
        nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
        if nginx is None:
            raise Fault("nginx is missing: run sim/setup.sh")
        if answers(self.port):
            raise Fault(f"port {self.port} is taken")
        (self.folder / "tmp").mkdir(parents=True, exist_ok=True)
        (self.folder / "client-ca.pem").write_bytes(self.client_ca.read_bytes())
        if self.crl:
            (self.folder / "crl.pem").write_bytes(self.crl.read_bytes())
        if not self.server_ca.exists():
            make_server_certificate(self.folder)
        me = pwd.getpwuid(os.geteuid()).pw_name
        (self.folder / "nginx.conf").write_text(CONFIGURATION.format(
            dir=self.folder, port=self.port, tls=self.tls, user=f"user {me};\n" if os.geteuid() == 0 else "",
            crl=f"ssl_crl {self.folder}/crl.pem;" if self.crl else ""))
        try:
            self._start_application()
            done = subprocess.run([nginx, "-q", "-e", self.folder / "error.log", "-c", self.folder / "nginx.conf"],
                                  capture_output=True, check=False)
            if done.returncode != 0:
                raise Fault(f"nginx: {done.stderr.decode(errors='replace').strip()}")
            until(lambda: answers(self.port), "nginx answers")
        except BaseException:
            stop(self.folder)
            raise
        return self

    def _start_application(self):
        path = self.folder / "application.sock"
        path.unlink(missing_ok=True)
        # pylint: disable=consider-using-with
        process = subprocess.Popen([sys.executable, __file__, "application", self.folder], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=open(self.folder / "application.log", "ab"),
                                   start_new_session=True)
        (self.folder / "application.pid").write_text(f"{process.pid}\n")
        until(lambda: path.exists() or process.poll() is not None, "the portal's program is ready")
        if process.poll() is not None:
            raise Fault(f"the portal's program ended: {(self.folder / 'application.log').read_text()}")

    def log(self):
        """Lines of the access log: protocol, verification, status, subject."""
        return (self.folder / "access.log").read_text().splitlines()

    def stop(self):
        stop(self.folder)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:  # a child that has ended and that nobody has waited for
        return os.waitpid(pid, os.WNOHANG) == (0, 0)
    except ChildProcessError:
        return True


def stop(folder):
    for name in ("nginx.pid", "application.pid"):
        path = pathlib.Path(folder) / name
        try:
            pid = int(path.read_text())
            os.kill(pid, signal.SIGTERM)
            until(lambda pid=pid: not is_running(pid), f"process {pid} ({name}) ends")
        except (FileNotFoundError, ValueError, ProcessLookupError):
            pass
        path.unlink(missing_ok=True)


def main():
    if sys.argv[1:2] == ["application"]:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        path = pathlib.Path(sys.argv[2]) / "application.sock"
        os.umask(0o077)
        Server(str(path), Application).serve_forever()
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    begin = commands.add_parser("start")
    begin.add_argument("folder")
    begin.add_argument("--client-ca", required=True)
    begin.add_argument("--port", type=int, default=0)
    begin.add_argument("--crl")
    begin.add_argument("--tls", choices=("1.2", "1.3"), default="1.3")
    commands.add_parser("stop").add_argument("folder")
    chosen = parser.parse_args()
    try:
        if chosen.command == "stop":
            stop(chosen.folder)
        else:
            print(Portal(chosen.folder, chosen.client_ca, chosen.port, chosen.crl, chosen.tls).start().url)
    except (Fault, OSError) as fault:
        print(f"sim/portal.py: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
