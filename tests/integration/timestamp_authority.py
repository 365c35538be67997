"""A timestamp authority (RFC 3161) on loopback: `openssl ts -reply` behind a small HTTP server."""
import http.server
import threading

import harness

CONFIG = """
[tsa]
serial = {folder}/tsa-serial
crypto_device = builtin
signer_digest = sha256
default_policy = 1.3.6.1.4.1.99999.1
digests = {digests}
accuracy = secs:1
ess_cert_id_alg = sha256
"""


def der(tag, body):
    size = bytes([len(body)]) if len(body) < 128 else b"\x82" + len(body).to_bytes(2, "big")
    return bytes([tag]) + size + body


class TimestampAuthority:
    def __init__(self, case, name="tsa", usage="critical,timeStamping"):
        self.work = case.work
        self.name = name
        self.answer = self.reply
        self.requests = 0
        self.last = b""
        self.root = self._certificate(f"{name}-root", "critical,CA:TRUE", "keyUsage=critical,keyCertSign")
        self.certificate = self._certificate(name, "critical,CA:FALSE", f"extendedKeyUsage={usage}", self.root)
        # `openssl ts` asks for this usage itself; what it signs is signed again where a test wants another.
        self.work.write("tsa-serial", b"01\n")
        self.config = self.work.write(f"{name}.cnf", CONFIG.format(folder=self.work.path, digests="sha256").encode())
        case.addCleanup(self.close)
        authority = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):  # pylint: disable=invalid-name
                authority.requests += 1
                request = self.rfile.read(int(self.headers["Content-Length"]))
                right = self.headers["Content-Type"] == "application/timestamp-query"
                status, body = authority.answer(request) if right else (415, b"")
                self.send_response(status)
                self.send_header("Content-Type", "application/timestamp-reply")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:  # the client has had enough
                    pass

            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"

    def _certificate(self, name, constraints, extension, issuer=None):
        out, key, request = (self.work / f"{name}.{kind}" for kind in ("pem", "key", "csr"))
        harness.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                     f"/O=Test/CN={name}", "-keyout", key, "-out", request])
        extensions = self.work.write(f"{name}.ext", f"basicConstraints={constraints}\n{extension}\n".encode())
        by = ["-signkey", key] if issuer is None else ["-CA", issuer, "-CAkey", issuer.with_suffix(".key"), "-CAcreateserial"]
        harness.run(["openssl", "x509", "-req", "-in", request, *by, "-days", "30", "-extfile", extensions, "-out", out])
        return out

    def _make(self, request, *more):
        query = self.work.write("query.tsq", request)
        out = self.work / "answer.tsr"
        harness.run(["openssl", "ts", "-reply", "-config", self.config, "-section", "tsa", "-queryfile", query, "-signer",
                     self.certificate, "-inkey", self.work / f"{self.name}.key", "-out", out, *more])
        return out.read_bytes()

    def reply(self, request):
        self.last = self._make(request)
        return 200, self.last

    def reply_signed_by(self, other):
        """The right content, signed by a certificate that isn't for timestamps."""
        def answer(request):
            token = self.work.write("token.der", self._make(request, "-token_out"))
            info, forged = self.work / "info.der", self.work / "forged.der"
            harness.run(["openssl", "cms", "-verify", "-noverify", "-inform", "DER", "-in", token, "-out", info])
            harness.run(["openssl", "cms", "-sign", "-nodetach", "-binary", "-cades", "-econtent_type",
                         "1.2.840.113549.1.9.16.1.4", "-in", info, "-signer", other.certificate, "-inkey",
                         self.work / f"{other.name}.key", "-outform", "DER", "-out", forged])
            return 200, der(0x30, der(0x30, b"\x02\x01\x00") + forged.read_bytes())
        return answer

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
