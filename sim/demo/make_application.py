#!/usr/bin/env python3
"""Writes the demo's licence application: a one-page PDF.

Usage: make_application.py OUT.pdf "Enterprise name" CODE
"""
import sys


def escaped(text):
    return text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")


def page(enterprise, code):
    lines = [(20, 72, 760, "Application for an import licence"),
             (11, 72, 715, f"Applicant: {enterprise}"),
             (11, 72, 697, f"Unified social credit code: {code}"),
             (11, 72, 679, "Goods: machinery for the making of paper, 2 sets"),
             (11, 72, 661, "Customs heading: 8439.20    Country of origin: Finland"),
             (11, 72, 643, "Value: EUR 184 000    Port of entry: Fuzhou"),
             (11, 72, 600, "The applicant declares that the above is true."),
             (11, 340, 200, "Seal of the enterprise:")]
    text = "".join(f"BT /F1 {size} Tf {x} {y} Td ({escaped(line)}) Tj ET\n" for size, x, y, line in lines)
    return text.encode("latin-1", "replace")


def pdf_of(objects):
    """A PDF of these objects, numbered from 1; the first is its catalogue."""
    pdf = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(pdf))
        pdf += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    table = len(pdf)
    pdf += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    pdf += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return bytes(pdf + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, table))


def main():
    out, enterprise, code = sys.argv[1:4]
    content = page(enterprise, code)
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n" % len(content) + content + b"endstream",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    with open(out, "wb") as file:
        file.write(pdf_of(objects))


if __name__ == "__main__":
    main()
