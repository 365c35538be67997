#!/usr/bin/env python3
# labels: clients pkcs11
# timeout: 60
"""What our module asks of pcscd, counted message by message on the way to its socket. Profile: compatibility."""
import collections
import os
import socket
import struct
import threading
import time

import cryptoki
import harness
from cryptoki import CKM_ECDSA_SHA256, CKR_OK
from harness import DEFAULT_PIN, MODULE
from personal import PersonalisedCase

PCSCD = "/run/pcscd/pcscd.comm"
# libpcsclite's messages by their numbers.
NAMES = {1: "establish", 2: "release", 4: "connect", 5: "reconnect", 6: "disconnect", 7: "begin", 8: "end", 9: "transmit",
         10: "control", 11: "status", 17: "version", 18: "readers", 19: "watch", 20: "stop watching"}
# Where the length of the bytes stands that follow such a message.
MORE = {9: 12, 10: 8}
LOOK = {"readers": 1, "watch": 1, "stop watching": 1}


class Counter:
    """Passes everything on to pcscd and counts what is asked."""

    def __init__(self, path):
        self.asked = collections.Counter()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            service = socket.socket(socket.AF_UNIX)
            service.connect(PCSCD)
            threading.Thread(target=self.serve, args=(client, service), daemon=True).start()

    def serve(self, client, service):
        with client, service:
            answering = threading.Thread(target=self.answers, args=(client, service), daemon=True)
            answering.start()
            self.requests(client, service)
            answering.join()

    def requests(self, client, service):
        try:
            while len(header := client.recv(8, socket.MSG_WAITALL)) == 8:
                size, command = struct.unpack("=II", header)
                body = client.recv(size, socket.MSG_WAITALL) if size else b""
                if command in MORE:
                    length = struct.unpack_from("=I", body, MORE[command])[0]
                    body += client.recv(length, socket.MSG_WAITALL) if length else b""
                self.asked[NAMES.get(command, command)] += 1
                service.sendall(header + body)
        except OSError:
            pass  # it ended without a word
        finally:
            end(service)

    @staticmethod
    def answers(client, service):
        try:
            while data := service.recv(65536):
                client.sendall(data)
        except OSError:
            pass
        finally:
            end(client)


def end(link):
    """For the other side, and for the thread that waits for it."""
    try:
        link.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass


class Exchanges(PersonalisedCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.folder = harness.Workspace()
        cls.addClassCleanup(cls.folder.close)
        path = cls.folder / "pcscd.comm"
        cls.counter = Counter(path)
        # libpcsclite looks at it once: it is for this process, not for the programs that it starts.
        os.environ["PCSCLITE_CSOCK_NAME"] = str(path)
        harness.card_present()
        del os.environ["PCSCLITE_CSOCK_NAME"]
        assert cls.counter.asked

    def setUp(self):
        super().setUp()
        self.personalise(("9a", "ECCP256"))
        self.module = cryptoki.Module(MODULE)

    def asked(self, action):
        before = collections.Counter(self.counter.asked)
        action()
        return dict(self.counter.asked - before)

    def session(self):
        code, session = self.module.open(self.module.slots()[0])
        self.assertEqual(code, CKR_OK)
        self.assertEqual(self.module.login(session, DEFAULT_PIN), CKR_OK)
        return session

    def test_one_link_to_pcscd_serves_the_looks_and_the_card(self):
        def whole_life():
            self.assertEqual(self.module.initialize(), CKR_OK)
            session = self.session()
            key = self.module.private_key(session, 1)
            self.assertEqual(self.module.sign(session, key, CKM_ECDSA_SHA256, b"a")[0], CKR_OK)
            self.assertEqual(self.module.finalize(), CKR_OK)
        asked = self.asked(whole_life)
        for once in ("version", "establish", "connect", "disconnect", "release"):
            self.assertEqual(asked.get(once), 1, (once, asked))

    def test_signature_is_one_command_and_three_exchanges_around_it(self):
        self.assertEqual(self.module.initialize(), CKR_OK)
        self.addCleanup(self.module.finalize)
        session = self.session()
        key = self.module.private_key(session, 1)
        asked = self.asked(lambda: self.module.sign(session, key, CKM_ECDSA_SHA256, b"a"))
        self.assertEqual(asked, {"control": 1, "begin": 1, "transmit": 1, "end": 1})

    def test_look_at_the_readers_is_three_exchanges_and_calls_in_a_burst_share_one(self):
        self.assertEqual(self.module.initialize(), CKR_OK)
        self.addCleanup(self.module.finalize)
        session = self.session()
        self.assertEqual(self.asked(lambda: self.module.wait_for_event(False)), LOOK)
        begun = time.monotonic()
        asked = self.asked(lambda: [self.module.state(session) for _ in range(1000)])
        looks = (time.monotonic() - begun) / 0.02 + 1
        self.assertLessEqual(set(asked), set(LOOK))
        self.assertLessEqual(max(asked.values(), default=0), looks)
        self.assertLess(looks, 1000)


if __name__ == "__main__":
    harness.main()
