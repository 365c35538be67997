"""Licence applications as PDF, for tests: pages of any size, turned or not."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "sim/demo"))
from make_application import pdf_of  # noqa: E402  pylint: disable=wrong-import-position


def make(pages=1, page="/MediaBox [0 0 595 842]"):
    content = b"BT /F1 20 Tf 72 760 Td (Application for an import licence) Tj ET\n"
    kids = " ".join(f"{5 + i} 0 R" for i in range(pages))
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>",
               b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids.encode(), pages),
               b"<< /Length %d >>\nstream\n" % len(content) + content + b"endstream",
               b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    objects += [b"<< /Type /Page /Parent 2 0 R %s /Contents 3 0 R /Resources << /Font << /F1 4 0 R >> >> >>"
                % page.encode()] * pages
    return pdf_of(objects)
