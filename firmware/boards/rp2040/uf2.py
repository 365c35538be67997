#!/usr/bin/env python3
"""Writes a UF2 file (github.com/microsoft/uf2, the format's description) from a flat image.

  uf2.py IMAGE.bin OUT.uf2
"""
import struct
import sys

START = 0x10000000  # where the flash stands
FAMILY = 0xE48BFF56  # RP2040
FLAG_FAMILY = 0x00002000
PAYLOAD = 256


def main(source, target):
    with open(source, 'rb') as f:
        image = f.read()
    count = (len(image) + PAYLOAD - 1) // PAYLOAD
    with open(target, 'wb') as out:
        for i in range(count):
            data = image[i * PAYLOAD:(i + 1) * PAYLOAD].ljust(PAYLOAD, b'\0')
            head = struct.pack('<8I', 0x0A324655, 0x9E5D5157, FLAG_FAMILY, START + i * PAYLOAD, PAYLOAD, i, count, FAMILY)
            out.write(head + data.ljust(476, b'\0') + struct.pack('<I', 0x0AB16F30))


if __name__ == '__main__':
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
