#!/usr/bin/env python3
"""Draws the demo's seal: a red ring with a five-pointed star on a transparent ground, as a PNG.

Usage: draw_seal.py OUT.png [PIXELS]
"""
import math
import struct
import sys
import zlib

RED = (0xD0, 0x18, 0x18)
SAMPLES = 3  # a side; softens the edges


def inside_star(x, y, radius):
    """Whether a point (from the centre, y upwards) lies in a star with one tip on top."""
    corners = []
    for i in range(10):
        r = radius if i % 2 == 0 else radius * 0.382
        angle = math.pi / 2 + i * math.pi / 5
        corners.append((r * math.cos(angle), r * math.sin(angle)))
    within = False
    for (x1, y1), (x2, y2) in zip(corners, corners[1:] + corners[:1]):
        if (y1 > y) != (y2 > y) and x < (x2 - x1) * (y - y1) / (y2 - y1) + x1:
            within = not within
    return within


def inked(x, y, size):
    distance = math.hypot(x, y)
    return size * 0.44 <= distance <= size * 0.49 or inside_star(x, y, size * 0.2)


def draw(size):
    rows = bytearray()
    for row in range(size):
        rows.append(0)
        for column in range(size):
            hits = 0
            for sub in range(SAMPLES * SAMPLES):
                x = column + (sub % SAMPLES + 0.5) / SAMPLES - size / 2
                y = size / 2 - row - (sub // SAMPLES + 0.5) / SAMPLES
                hits += inked(x, y, size)
            rows += bytes((*RED, hits * 255 // (SAMPLES * SAMPLES)))
    return bytes(rows)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def main():
    size = int(sys.argv[2]) if len(sys.argv) > 2 else 160
    header = struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0)
    with open(sys.argv[1], "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(draw(size), 9))
                  + chunk(b"IEND", b""))


if __name__ == "__main__":
    main()
