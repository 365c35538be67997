#!/usr/bin/env python3
"""Carries APDUs between vpcd's reader and a simulated token, writes everything down and, when told to, tampers.

Usage: relay.py LISTEN_PORT READER_PORT LOG PLAN

The simulator connects to LISTEN_PORT; READER_PORT is vpcd's. LOG gets one line an APDU: ">" or "<" and hexadecimal digits.
PLAN is a file that may hold "AT WAY": the AT-th command of the secure channel from then on (0 the first) is tampered with
that way, once. The file is emptied when it has happened.
"""
import pathlib
import socket
import sys


def frame(connection):
    head = exactly(connection, 2)
    return exactly(connection, int.from_bytes(head, "big"))


def exactly(connection, size):
    data = b""
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def send(connection, body):
    connection.sendall(len(body).to_bytes(2, "big") + body)


class Relay:
    def __init__(self, log, plan):
        self.log = open(log, "a", encoding="ascii", buffering=1)  # pylint: disable=consider-using-with
        self.plan = pathlib.Path(plan)
        self.seen = 0
        self.last_plan = ""
        self.earlier = b""

    def way(self, command):
        """How to tamper with this command; None: not at all."""
        if len(command) < 5 or command[0] & 0x0C != 0x04:
            return None
        text = self.plan.read_text(encoding="ascii").strip() if self.plan.exists() else ""
        if text != self.last_plan:
            self.last_plan, self.seen = text, 0
        self.seen += 1
        if not text or self.seen != int(text.split()[0]) + 1:
            return None
        self.plan.write_text("", encoding="ascii")
        return text.split()[1]

    def exchange(self, token, command):
        self.log.write("> " + command.hex() + "\n")
        way = self.way(command)
        sent = bytearray(command)
        if way == "header":
            sent[2] ^= 1
        elif way == "data":
            sent[5] ^= 1
        elif way == "mac":
            sent[5 + command[4] - 1] ^= 1
        elif way == "replay":
            sent = bytearray(self.earlier or command[:5])
        if way == "drop":
            answer = b"\x90\x00"
        else:
            send(token, bytes(sent))
            answer = frame(token)
        if way == "answer":
            answer = bytes([answer[0] ^ 1]) + answer[1:]
        if command[0] & 0x0C == 0x04:
            self.earlier = command
        self.log.write("< " + answer.hex() + "\n")
        return answer

    def serve(self, token, reader):
        while True:
            body = frame(reader)
            if len(body) == 1:
                send(token, body)
                if body == b"\x04":
                    send(reader, frame(token))
            else:
                send(reader, self.exchange(token, body))


def main():
    listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
    relay = Relay(sys.argv[3], sys.argv[4])
    print("ready", flush=True)
    while True:
        token, _ = listener.accept()
        reader = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
        try:
            relay.serve(token, reader)
        except (EOFError, OSError):
            pass
        token.close()
        reader.close()


if __name__ == "__main__":
    main()
