#!/usr/bin/env python3
"""Checks that includes follow the layers: a room includes only itself and the rooms named below.

Usage: layers.py [ROOT]. Prints every include that breaks the rule and exits 1 if there is one.
"""
import pathlib
import re
import sys

# The one table of arrows. A room may include what stands in its row, and nothing else of this tree.
FIRMWARE = {
    "base": [],
    "protocol": ["base"],
    "platform": ["base"],
    "crypto": ["base", "protocol", "platform"],
    "entropy": ["base", "platform", "crypto"],
    "store": ["base", "protocol", "platform", "crypto"],
    "iso7816": ["base", "protocol"],
    "channel": ["base", "protocol", "crypto", "iso7816"],
    "applet": ["base", "protocol", "platform", "crypto", "store", "iso7816", "channel"],
    "usb": ["base", "protocol"],
}
# A board puts together what it likes of the token. Its own headers, beside the source, are named without a folder; so are
# those of its chip, in angle brackets.
BOARDS = list(FIRMWARE)
# The host shares base and protocol with the token, nothing else of it.
HOST = {
    "message": [],
    "owned": [],
    "files": ["base"],
    "transport": ["base", "protocol"],
    "token": ["base", "protocol", "transport"],
    "seal": ["base", "protocol", "message", "owned"],
    "ca": ["base", "protocol", "message", "owned", "files", "transport", "token", "seal"],
    "renew": ["base", "protocol", "message", "transport", "token", "seal", "ca"],
    "sign": ["base", "protocol", "message", "owned", "transport", "token", "seal"],
    "bench": ["base", "protocol", "message", "files", "transport", "token", "seal", "ca"],
    "cli": ["base", "protocol", "message", "files", "transport", "token", "seal", "ca", "renew", "sign", "bench"],
    "package": [],  # installation and packages: no code
}
OTHER = {
    "pkcs11-module": ["base", "protocol", "files", "transport", "token"],
    # The simulator makes a plain token by itself, over the same channel as the bench.
    "sim": list(FIRMWARE) + ["token"],
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def rooms(root):
    for name, allowed in FIRMWARE.items():
        yield root / "firmware" / name, name, allowed
    for board in sorted((root / "firmware/boards").iterdir()):
        yield board, "boards", BOARDS
    for name, allowed in HOST.items():
        yield root / "host" / name, name, allowed
    for name, allowed in OTHER.items():
        yield root / name, name, allowed


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2])
    known = set(FIRMWARE) | {"boards"} | set(HOST) | set(OTHER)
    faults = 0
    files = 0
    for folder, name, allowed in rooms(root):
        for path in sorted(folder.rglob("*")):
            if path.suffix not in (".h", ".cpp", ".c", ".S"):
                continue
            files += 1
            for target in INCLUDE.findall(path.read_text(encoding="utf-8")):
                room = target.split("/")[0] if "/" in target else None
                if ".." in target.split("/"):
                    print(f"{path.relative_to(root)}: includes {target} by a relative path")
                    faults += 1
                elif room in known and room != name and room not in allowed:
                    print(f"{path.relative_to(root)}: {name} must not include {target}")
                    faults += 1
    # Folders that no row names would go unchecked.
    for parent, table in ((root / "firmware", FIRMWARE), (root / "host", HOST)):
        for folder in sorted(p for p in parent.iterdir() if p.is_dir() and p.name != "boards"):
            if folder.name not in table:
                print(f"{folder.relative_to(root)}: a room that the table of layers doesn't know")
                faults += 1
    if files == 0:
        print("no source files found: wrong root?")
        faults += 1
    print(f"{files} files read, {faults} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
