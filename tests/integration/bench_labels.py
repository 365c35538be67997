#!/usr/bin/env python3
# labels: bench clients
# timeout: 240
"""Labels: read back from the PDF by pdftotext, their QR codes by zbarimg from a picture that pdftoppm makes."""
import json
import re

import harness
from bench_case import CODE, NAME, OTHER_CODE
from tray_case import HEAD, TrayCase

LONG = "福建省对外经济贸易发展集团机电设备成套进出口股份有限公司厦门自由贸易试验区第二分公司暨东南亚非洲业务综合服务中心（筹备组）办公室"
WIDE = "W" * 64
HOLDER = "Chen Min 陈敏"
SIZE = (70 / 25.4 * 72, 37 / 25.4 * 72)  # of a label, in points


class Labels(TrayCase):
    def setUp(self):
        super().setUp()
        keys = self.simulator(tokens=3, sockets=True)
        head = HEAD.strip() + ",authorised_user\n"
        self.file = str(self.work.write("orders.csv", head + f"first,{LONG},{CODE},A1,,p256,,{HOLDER}\n"
                                        f"first,{NAME},{OTHER_CODE},B1,,p256,,\nadditional,{WIDE},{OTHER_CODE},B2,x,p256,,\n"))
        letter = self.work.write("letter", "Dear customer")
        self.refused(*self.arguments(keys, self.file, 3), "--labels", str(letter), code=13, words="exists already", env=keys.environment)
        self.assertEqual(letter.read_text(), "Dear customer")
        self.assertEqual(self.bench_json("inventory", "list")["keys"], [])
        self.pdf = self.work / "tray.pdf"
        done = json.loads(self.run_tray(keys, self.file, 3, "--labels", str(self.pdf), "--json").out)
        self.keys = keys
        self.batch = done["batch"]
        self.serials = [order["serial"] for order in done["orders"]]
        self.assertEqual((done["labels"]["count"], done["labels"]["reprinted"], done["labels"]["serials"]), (3, 0, self.serials))

    def words(self, pdf):
        """(page, xMin, yMin, xMax, yMax, text) of each word."""
        text = harness.run(["pdftotext", "-bbox", pdf, "-"]).out
        found = []
        for number, page in enumerate(text.split("<page ")[1:]):
            for match in re.finditer(r'<word xMin="([\d.-]+)" yMin="([\d.-]+)" xMax="([\d.-]+)" yMax="([\d.-]+)">(.*?)</word>', page):
                found.append((number, *map(float, match.groups()[:4]), match.group(5)))
        return found

    def codes(self, pdf):
        harness.run(["pdftoppm", "-r", "300", "-gray", pdf, self.work / "page"])
        codes = []
        for picture in sorted(self.work.path.glob("page*.pgm")):
            codes += harness.run(["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", picture]).out.split()
            picture.unlink()
        return codes

    def code_of_key(self, serial):
        shown = self.bench_json("inventory", "show", "--serial", serial)
        until, = {c["not_after"][:10].replace("-", "") for c in shown["certificates"] if c["slot"] == "9C"}
        return f"SEALKEY:1:{serial}:{shown['unified_code']}:{until}:{shown['key_number']}"

    def rows(self):
        return [(row["subject"], row["detail"]) for row in self.audit() if row["action"] == "label"]

    def assert_in_places(self, pdf, places, across):
        """Each label's words stand in their own place, none beyond it, and are what they should be."""
        by_place = {}
        for page, left, top, right, bottom, text in self.words(pdf):
            column, row = int(left // SIZE[0]), int((top - 1) // SIZE[1])
            self.assertLessEqual(right, (column + 1) * SIZE[0] - 25 / 25.4 * 72, text)  # nor in the QR code
            self.assertLessEqual(bottom, (row + 1) * SIZE[1] + 2, text)
            by_place.setdefault((page, row * across + column), []).append(text)
        self.assertEqual(sorted(by_place), places)
        names = dict(zip(self.serials, (LONG, NAME, WIDE)))
        for text in map("".join, by_place.values()):
            serial = re.search(r"SK\d{10}", text).group(0)
            self.assertIn(names.pop(serial), text)
            self.assertRegex(text, r"Validuntil20\d\d-\d\d-\d\d")
            self.assertEqual("HolderChenMin陈敏" in text, serial == self.serials[0])
        self.assertEqual(names, {})

    def test_N22_labels_read_back_and_reprints_are_noted(self):
        expected = sorted(self.code_of_key(serial) for serial in self.serials)
        self.assertEqual(sorted(self.codes(self.pdf)), expected)
        self.assert_in_places(self.pdf, [(0, 0), (0, 1), (0, 2)], 3)
        fonts = harness.run(["pdffonts", self.pdf]).out.splitlines()[2:]
        self.assertTrue(fonts)
        for line in fonts:  # ... emb sub uni object ID
            self.assertEqual(line.split()[-5:-2], ["yes", "yes", "yes"], line)
        self.assertEqual(self.rows(), [(serial, {"number": 1, "reprint": False}) for serial in self.serials])
        # Nothing on it but what is documented: no activation code, no key, whole or in halves.
        text = harness.run(["pdftotext", self.pdf, "-"]).out + "".join(expected)
        for serial in self.serials:
            code = self.code_of(serial)
            for part in re.findall(r"\d{4,}", code):
                self.assertNotIn(part, re.sub(r"SK\d+|9135\w+|9144\w+", "", text))

        # Again, to other files: the same bytes, and noted.
        first, second = self.work / "again.pdf", self.work / "single.pdf"
        done = self.bench_json("labels", "--batch", self.batch, "--out", str(first))["labels"]
        self.assertEqual((done["count"], done["reprinted"]), (3, 3))
        self.assertEqual(first.read_bytes(), self.pdf.read_bytes())
        self.assertEqual(self.rows()[3:], [(serial, {"number": 2, "reprint": True}) for serial in self.serials])
        self.bench("labels", "--unpacked", "--layout", "single", "--out", str(second))
        self.assert_in_places(second, [(0, 0), (1, 0), (2, 0)], 1)
        self.assertEqual(sorted(self.codes(second)), expected)
        third = self.work / "skip.pdf"
        self.bench("labels", *(f"--key={serial}" for serial in self.serials), "--skip", "23", "--out", str(third))
        self.assert_in_places(third, [(0, 23), (1, 0), (1, 1)], 3)
        # A scanned code names its key; one that is packed isn't among the unpacked.
        self.bench("parcel", "packed", "--key", self.codes(self.pdf)[0])
        chinese = self.work / "chinese.pdf"
        self.assertEqual(self.bench_json("labels", "--unpacked", "--out", str(chinese),
                                         env={"LC_ALL": "zh_CN.UTF-8", "LANGUAGE": "zh_CN"})["labels"]["count"], 2)
        self.assertIn("有效期至", harness.run(["pdftotext", chinese, "-"]).out)
        self.bench("audit", "verify")

    def test_what_gets_no_label(self):
        one, two, _ = self.serials
        rows = len(self.audit())
        out = self.work / "none.pdf"
        self.refused("labels", "--key", one, "--out", str(self.pdf), code=13, words="exists already")
        self.refused("labels", "--key", one, "--out", str(self.work / "no" / "x.pdf"), code=13, words="can't be written")
        rows += 1  # noted before the file was to be there
        self.refused("labels", "--out", str(out), code=2, words="--unpacked")
        self.refused("labels", "--key", one, "--unpacked", "--out", str(out), code=2, words="one of them")
        self.refused("labels", "--key", one, "--skip", "3", "--layout", "single", "--out", str(out), code=2, words="sheets")
        self.refused("labels", "--key", one, "--key", one, "--out", str(out), code=10, words="named twice")
        self.refused("labels", "--key", "SK2699999996", "--out", str(out), code=8, words="no key")
        self.refused("labels", "--batch", "00", "--out", str(out), code=8, words="no tray")
        # A font that has no Chinese: told by the characters, not printed as boxes.
        config = self.work.write("fonts.conf", '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
                                 f'<dir>/usr/share/fonts/truetype/dejavu</dir><cachedir>{self.work.path}/fc</cachedir></fontconfig>')
        told = self.refused("labels", "--key", two, "--out", str(out), code=10, words="No font of this machine has 福建",
                            env={"FONTCONFIG_FILE": str(config)})
        self.assertIn(NAME, told.err)
        self.assertFalse(out.exists())
        self.assertEqual(len(self.audit()), rows)
        self.bench("revoke", "--serial", one, "--why", "x")
        self.refused("labels", "--key", one, "--out", str(out), code=7, words="REVOKED")
        self.bench("damaged", "--serial", two, "--why", "x")
        self.refused("labels", "--key", two, "--out", str(out), code=7, words="DAMAGED")
        # Begun, but not finished.
        keys = self.simulator(tokens=1, sockets=True)
        other = self.orders("first,Example Ltd,91350100M000100Y43,C1,,p256,", name="other.csv")
        process, log = self.begin(keys, other, 1)
        harness.until(lambda: "Making three keys" in log.read_text() or process.poll() is not None, "it is begun", 60)
        process.kill()
        process.wait()
        begun, = [k["serial"] for k in self.bench_json("inventory", "list")["keys"] if k["step"] != "done"]
        self.refused("labels", "--key", begun, "--out", str(out), code=7, words="isn't finished")
        self.assertFalse(out.exists())


if __name__ == "__main__":
    harness.main()
