#!/usr/bin/env python3
# labels: bench renewal
# timeout: 300
"""A renewal that is PROVEN at the CA, with somebody between enterprise and CA, or a program with the PIN at the enterprise's PC:
nobody can bring it into a state from which it has no way out. `sealkey-bench renewals end` at the desk, by the key's own word."""
import http.server
import json
import re
import threading
import urllib.error
import urllib.request

import harness
from bench_case import CODE, NAME
from renewal_case import PIN, RenewalCase
from tray_case import TrayCase


class Between(http.server.ThreadingHTTPServer):
    """Passes questions on, but for those of the step `unreachable`. `bend`: step -> what becomes of the answer; None: it is lost."""
    daemon_threads = True

    def __init__(self, case, url):
        server = self
        self.url_behind, self.bend, self.unreachable = url, {}, None

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):  # pylint: disable=arguments-differ
                pass

            def do_POST(self):  # pylint: disable=invalid-name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, answer = server.ask(self.path, body)
                bend = server.bend.get(self.path.rsplit("/", 1)[1], lambda whole: whole)
                answer = bend(json.loads(answer))
                if answer is None:
                    self.close_connection = True
                    return
                answer = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()
        case.addCleanup(lambda: (self.shutdown(), self.server_close()))

    def ask(self, path, body):
        if self.unreachable and path.endswith(self.unreachable):
            return 502, b"{}"
        request = urllib.request.Request(self.url_behind + path, data=body, headers={"Content-Type": "application/json"})
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read()


def lost(_):
    return None


class End(RenewalCase, TrayCase):
    def setUp(self):
        TrayCase.setUp(self)
        self.key = self.simulator(sockets=True)
        self.environment.update(self.key.environment)
        self.pin_file = self.work.write("pin", PIN)
        self.run_tray(self.key, self.orders(f"first,{NAME},{CODE},FJSL,,p256,seal.png"), 1)
        self.serial = self.bench_json("inventory", "list")["keys"][0]["serial"]
        self.activate(self.key, self.serial, PIN)
        self.url = self.service().url
        self.between = Between(self, self.url)

    def make_ca(self, *options):
        program = self.work.write("centre", f"#!/bin/sh\nexec {harness.BUILD}/tests/integration/key_centre_mock\n")
        program.chmod(0o755)
        return super().make_ca("--key-centre", str(program), *options)

    def approve(self, *options):
        self.bench("renewals", "approve", "--serial", self.serial, "--request", "R-1", *options)
        return self.renewals()[-1]["rid"]

    def renewals(self):
        return self.bench_json("renewals", "list", "--serial", self.serial)["renewals"]

    def prove(self, *options):
        """A renewal as far as PROVEN: the manifest has left the CA and didn't arrive."""
        rid = self.approve(*options)
        self.between.bend = {"prove": lost}
        self.renew(self.between.url, code=9)
        self.between.bend = {}
        self.assertEqual(self.renewals()[-1]["state"], "PROVEN")
        return rid

    def staged(self):
        """The RID of what the key holds beside its keys in use; None where it holds nothing."""
        with harness.SocketCard(self.key.environment["SEALKEY_SIM_SOCKETS"]) as card:
            card.select()
            data, word = card.transmit("8041000000")
            self.assertEqual(word, 0x9000)
        return data[5:21].hex() if data[3:5] == b"\x81\x10" else None

    def abort(self, rid):
        """What a program at the PC with the PIN can do."""
        with harness.SocketCard(self.key.environment["SEALKEY_SIM_SOCKETS"]) as card:
            card.select()
            self.assertEqual(card.verify(PIN), 0x9000)
            self.assertEqual(card.transmit("804A000010" + rid)[1], 0x9000)
        self.assertIsNone(self.staged())

    def certificates(self):
        return self.bench_json("inventory", "show", "--serial", self.serial)["certificates"]

    def live(self):
        return sorted(one["slot"] for one in self.certificates() if not one["revoked_at"])

    def listed(self):
        text = harness.run(["openssl", "crl", "-in", self.ca / "crl.pem", "-noout", "-text"]).out
        return set(re.findall(r"Serial Number: ([0-9A-F]+)", text))

    def state_of_all(self):
        """What must not change by anything that is refused."""
        with self.inventory_file() as database:
            rows = [database.execute(f"SELECT * FROM {table}").fetchall()  # nosec: constants
                    for table in ("tokens", "certificates", "renewals", "renewal_keys", "audit")]
        return rows, self.staged()

    def end_refused(self, *, code=7, words, **how):
        before = self.state_of_all()
        self.refused("renewals", "end", "--remark", "lost", code=code, words=words, **how)
        self.assertEqual(self.state_of_all(), before, words)

    def assert_renewed(self):
        self.assertEqual(json.loads(self.renew(self.url).out)["state"], "renewed")
        self.assertEqual(self.renewals()[-1]["state"], "CLOSED")
        self.assertEqual(self.live(), ["9A", "9C", "9D"])
        self.bench("check", "--serial", self.serial)
        self.bench("audit", "verify")

    def test_a_false_refusal_in_between_drops_nothing_that_is_ready(self):
        rid = self.prove()
        answers = [("REFUSED", rid, 7), ("APPROVED", "11" * 16, 11), ("REFUSED", "11" * 16, 7)]
        for state, named, code in answers:
            for word in (None, "", "00" * 70, "30"):
                false = {"state": state, "rid": named, "remark": "no"} | ({} if word is None else {"over": word})
                self.between.bend = {"look": lambda whole, false=false: whole | false}
                done = self.renew(self.between.url, ok=None)
                self.assertEqual(done.code, code, done)
                self.assertEqual(self.staged(), rid)
        # Signed, but about another renewal.
        other = json.loads(self.between.ask("/renewal/v1/look", json.dumps(
            {"serial": self.serial, "staged": "22" * 16}).encode())[1])["over"]
        self.assertGreater(len(other), 100)
        self.between.bend = {"look": lambda whole: whole | {"state": "REFUSED", "over": other}}
        self.renew(self.between.url, code=7)
        self.assertEqual(self.staged(), rid)
        self.assert_renewed()

    def test_a_renewal_that_was_refused_makes_room_by_the_cas_signed_word(self):
        rid = self.approve()
        self.between.unreachable = "prove"
        self.renew(self.between.url, code=9)
        self.assertEqual((self.renewals()[-1]["state"], self.staged()), ("ISSUED", rid))
        self.bench("renewals", "refuse", "--serial", self.serial, "--remark", "a mistake")
        self.approve()
        self.assert_renewed()

    def test_a_set_dropped_by_a_program_with_the_pin_is_ended_at_the_desk_and_another_renewal_completes(self):
        self.approve()
        self.end_refused(words="PROVEN")  # APPROVED: refuse() is for that
        self.bench("renewals", "refuse", "--serial", self.serial, "--remark", "again")
        self.end_refused(words="no renewal")
        rid = self.prove()
        self.end_refused(words="`sealkey renew` finishes it")  # it is staged
        self.refused("renewals", "refuse", "--serial", self.serial, "--remark", "x", code=7, words="renewals end")
        self.abort(rid)
        said = json.loads(self.renew(self.url, code=7).out)
        self.assertIn("at the provider's desk", said["error"]["message"])
        self.assertEqual(self.staged(), rid, "begun anew with other keys")
        self.refused("renewals", "end", "--remark", " ", code=10, words="says why")
        new = [one for one in self.certificates() if one["slot"].endswith(".next")]
        self.assertEqual(len(new), 3)
        done = self.bench_json("renewals", "end", "--remark", "the PC dropped it")
        self.assertEqual((done["rid"], done["state"], done["remark"]), (rid, "REFUSED", "the PC dropped it"))
        self.assertEqual(self.live(), ["9A", "9C", "9D"])
        self.assertTrue({one["serial"] for one in new} <= self.listed())
        self.end_refused(words="no renewal")
        row = next(one for one in self.audit() if one["action"] == "renewal" and "key_says" in one["detail"].get("detail", {}))
        self.assertEqual(row["detail"]["detail"]["key_says"]["staged"], rid)
        # The enterprise reads the remark, and the keys of the second attempt go.
        said = json.loads(self.renew(self.url, code=7).out)["error"]
        self.assertEqual((said["state"], said["remark"]), ("refused", "the PC dropped it"))
        self.assertIsNone(self.staged())
        self.approve("--algorithm", "p384")
        self.assert_renewed()

    def test_what_the_key_has_committed_isnt_ended(self):
        rid = self.approve()
        self.between.unreachable = "confirm"
        self.renew(self.between.url, code=9)
        self.assertEqual((self.renewals()[-1]["state"], self.staged()), ("PROVEN", None))
        self.end_refused(words=f"has committed renewal {rid}")
        self.assert_renewed()

    def test_a_key_that_can_come_again_isnt_ended(self):
        # Its envelope and its manifest may still be somewhere: with both the key could commit after the end.
        rid = self.prove("--slots", "9D", "--decryption-key", "centre")
        self.abort(rid)
        self.end_refused(words="can come again")
        self.assert_renewed()

    def test_only_by_the_keys_own_word(self):
        rid = self.prove()
        self.abort(rid)
        with self.subTest("nobody in the reader"):
            self.end_refused(code=3, words="", env={"SEALKEY_SIM_SOCKETS": str(self.work / "nobody")})
        with self.subTest("another key"):
            other = self.simulator(sockets=True)
            before = self.renewals()
            self.bench("renewals", "end", "--remark", "x", "--serial", self.serial, ok=False, env=other.environment)
            self.bench("renewals", "end", "--remark", "x", ok=False, env=other.environment)
            self.assertEqual(self.renewals(), before)
        with self.subTest("a key that is on hold"):
            self.bench("suspend", "--serial", self.serial, "--why", "unpaid")
            self.end_refused(words="SUSPENDED")
            self.bench("resume", "--serial", self.serial, "--why", "paid")
        self.bench("renewals", "end", "--remark", "x")
        self.approve()
        self.assert_renewed()


if __name__ == "__main__":
    harness.main(pcscd=False)
