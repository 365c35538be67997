#!/usr/bin/env python3
"""One command to sealkey-sim's control socket (sim/control.h), or one field of its answer.

Usage: control.py SOCKET "command" [FIELD]
"""
import json
import socket
import sys


def main():
    path, command = sys.argv[1:3]
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(30)
        link.connect(path)
        link.sendall(command.encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            piece = link.recv(65536)
            if not piece:
                break
            answer += piece
    fields = json.loads(answer)
    if "error" in fields:
        sys.exit(f"control.py: {fields['error']}")
    if len(sys.argv) > 3:
        value = fields[sys.argv[3]]
        print(str(value).lower() if isinstance(value, bool) else value)
    else:
        print(json.dumps(fields))


if __name__ == "__main__":
    main()
