#!/usr/bin/env python3
"""Prints what the board's image takes of flash and RAM, part by part, from the linker's map, and holds it to the goals.

  size_report.py BUILD_FOLDER [--objects]

--objects lists every object file as well. Exit 1: a goal isn't met.
"""
import collections
import os
import re
import sys

KIB = 1024
CODE_GOAL = 160 * KIB  # the image in flash
RAM_GOAL = 96 * KIB  # static data, mbedTLS's arena for RSA-4096 and the stack

COPIED = ('.data', '.tdata', '.scratch_x', '.scratch_y')  # to RAM, from flash, at the start
SECTION = re.compile(r'^ (\.\S+|\*fill\*|COMMON)?\s*(0x[0-9a-f]+)\s+(0x[0-9a-f]+)(?:\s+(\S.*))?$')
OUTPUT = re.compile(r'^(\.[\w.]+)(?:\s+(0x[0-9a-f]+)\s+(0x[0-9a-f]+)(?:\s+load address\s+(0x[0-9a-f]+))?)?\s*$')


def part_of(path):
    """Whose an object file is."""
    for pattern, name in (
            (r'libmbedtls_token', 'mbedTLS'),
            (r'libsealkey_(\w+)\.a', 'sealkey: {}'),
            (r'/tinyusb/', 'TinyUSB'),
            (r'/pico-sdk/|bs2_default|boot2', 'pico-sdk'),
            (r'libgcc|libc\.a|libg\.a|libnosys|libstdc|crt\w*\.o|lib_a-', 'C library'),
            (r'sealkey-rp2040\.dir/[^/]*$', 'sealkey: boards/rp2040')):
        found = re.search(pattern, path)
        if found:
            return name.format(*found.groups())
    return 'other'


def in_flash(address):
    return 0x10000000 <= address < 0x11000000


def in_ram(address):
    return 0x20000000 <= address < 0x20042000


def joined(lines):
    """The map breaks a line behind a long section name."""
    name = None
    for line in lines:
        line = line.rstrip('\n')
        if name is not None:
            line, name = name + ' ' + line.strip(), None
        if re.match(r'^ ?\.\S+$', line):
            name = line
            continue
        yield line
    if name is not None:
        yield name


def read_map(path):
    """-> {(part, object): [flash, ram]}"""
    sizes = collections.defaultdict(lambda: [0, 0])
    loaded = False  # the output section's bytes lie in flash as well
    started = False
    owner = 'other'
    for line in joined(open(path)):
        started = started or line.startswith('Linker script and memory map')
        if not started:
            continue
        found = OUTPUT.match(line)
        if found:
            loaded = found.group(1) in COPIED
            if found.group(1) == '.stack':
                sizes['stack', ''][1] = int(found.group(3), 16)
            continue
        found = SECTION.match(line)
        if not found:
            continue
        address, size = int(found.group(2), 16), int(found.group(3), 16)
        if size == 0 or not (in_flash(address) or in_ram(address)):
            continue
        if found.group(1) != '*fill*':
            if found.group(4) is None:
                continue
            owner = found.group(4)
        row = sizes[part_of(owner), os.path.basename(owner)]
        if in_flash(address) or loaded:
            row[0] += size
        if in_ram(address):
            row[1] += size
    return sizes


def main(folder, objects):
    sizes = read_map(os.path.join(folder, 'sealkey-rp2040.map'))
    parts = collections.defaultdict(lambda: [0, 0])
    for (part, _), (flash, ram) in sizes.items():
        parts[part][0] += flash
        parts[part][1] += ram
    print(f'{"part":<28}{"flash":>10}{"RAM":>10}')
    for part in sorted(parts, key=lambda p: (not p.startswith('sealkey'), p)):
        flash, ram = parts[part]
        print(f'{part:<28}{flash:>10}{ram:>10}')
        if objects:
            for (whose, name), row in sorted(sizes.items(), key=lambda item: -item[1][0]):
                if whose == part:
                    print(f'    {name:<40}{row[0]:>10}{row[1]:>10}')
    ram = sum(row[1] for row in parts.values())
    flash = sum(row[0] for row in parts.values())
    image = os.path.getsize(os.path.join(folder, 'sealkey-rp2040.bin'))
    print(f'{"sum":<28}{flash:>10}{ram:>10}')
    print(f'{"image, with gaps":<28}{image:>10}')
    print(f'{"goal, at most":<28}{CODE_GOAL:>10}{RAM_GOAL:>10}')
    if abs(image - flash) > 1024:
        sys.exit(f'the parts add up to {flash} bytes of flash, but the image has {image}: the map was misread')
    if image > CODE_GOAL or ram > RAM_GOAL:
        sys.exit('a goal is not met')


if __name__ == '__main__':
    arguments = [a for a in sys.argv[1:] if a != '--objects']
    if len(arguments) != 1:
        sys.exit(__doc__)
    main(arguments[0], '--objects' in sys.argv)
