#!/usr/bin/env python3
# labels: clients
# timeout: 240
"""The enterprise's seal on a PDF, by `sealkey stamp`: judged by poppler (pdfsig, pdftoppm), qpdf and our own verify."""
import json
import pathlib

import application_pdf
import harness
import personalise
from sealed_key import PIN, SealedKeyCase
from seal_maker import SealMaker, picture


def pixmap(ppm):
    """Width, height and rows of RGB of a binary PPM."""
    head, width, height, depth, data = ppm.split(None, 4)
    if (head, depth) != (b"P6", b"255"):
        raise AssertionError("no PPM")
    return int(width), int(height), data[-int(width) * int(height) * 3:]


class Stamp(SealedKeyCase):
    def setUp(self):
        super().setUp()
        self.ship()
        self.input = self.work.write("application.pdf", application_pdf.make(2))
        self.output = self.work / "stamped.pdf"

    def stamp(self, *arguments, source=None, output=None, **how):
        return self.sealkey("stamp", source or self.input, output or self.output, *arguments, **how)

    def verify(self, *more, path=None, **how):
        return self.sealkey("verify", path or self.output, "--ca", self.authority, "--seal-ca", self.maker.root, *more,
                            **how)

    def changed(self, path, at):
        data = bytearray(path.read_bytes())
        data[at] ^= 1
        return self.work.write("changed.pdf", bytes(data))

    def pdfsig(self, path=None):
        return harness.run(["pdfsig", "-nocert", path or self.output], ok=None).out

    def render(self, path, page=1):
        return pixmap(harness.run(["pdftoppm", "-cropbox", "-r", "72", "-f", page, "-l", page, path]).raw)

    def red_box(self, path, page=1):
        """The smallest box, in points from the upper left corner, that holds all that is the seal's red."""
        width, height, data = self.render(path, page)
        hits = [(i % width, i // width) for i in range(width * height)
                if data[3 * i] > 150 and data[3 * i + 1] < 120 and data[3 * i + 2] < 120]
        if not hits:
            return None
        xs, ys = [x for x, _ in hits], [y for _, y in hits]
        return min(xs), min(ys), max(xs) + 1, max(ys) + 1

    def assert_seal_at(self, path, x_mm, y_mm, page=1, size=40):
        """The ring's edge is 2 % inside the picture on each side."""
        box = self.red_box(path, page)
        self.assertIsNotNone(box, "no seal is seen")
        edge = size * 0.02
        wanted = [v * 72 / 25.4 for v in (x_mm + edge, y_mm + edge, x_mm + size - edge, y_mm + size - edge)]
        for got, want in zip(box, wanted):
            self.assertAlmostEqual(got, want, delta=2.2, msg=f"{box} instead of {wanted}")

    def test_N19_application_is_stamped_with_the_seal_of_the_enterprise(self):
        before = self.input.read_bytes()
        since = self.key.apdu_count()
        said = json.loads(self.stamp("--page", 2, "--at", "120,200", "--json").out)
        self.assertIs(said["ok"], True)
        self.assertEqual(said["seal"]["name"], personalise.NAME)
        self.assertEqual(self.presented(since), (1, 1), "one PIN and one private operation for one stamp")
        self.assertEqual(self.input.read_bytes(), before)
        self.assertEqual(self.output.read_bytes()[:len(before)], before, "the update doesn't stand behind the input")
        self.assertEqual([p.name for p in self.work.path.iterdir() if "stamped" in p.name], ["stamped.pdf"])
        report = self.pdfsig()
        self.assertIn("Signature is Valid", report)
        self.assertIn("Total document signed", report)
        self.assertIn("ETSI.CAdES.detached", report)
        harness.run(["qpdf", "--check", self.output])
        self.assertIsNone(self.red_box(self.output, 1), "the seal is on page 1 too")
        self.assert_seal_at(self.output, 120, 200, page=2)
        verified = json.loads(self.verify("--json").out)
        signature, = verified["signatures"]
        self.assertIs(signature["covers_whole_file"], True)
        self.assertEqual(signature["seal"]["name"], personalise.NAME)

    def test_ground_shows_through_the_seal(self):
        self.stamp("--at", "22,17")  # over the heading
        bare = self.render(self.input)
        width, _, data = self.render(self.output)
        black = [i for i in range(len(data) // 3) if sum(bare[2][3 * i:3 * i + 3]) < 60]
        kept = [i for i in black if sum(data[3 * i:3 * i + 3]) < 60]
        self.assertGreater(len(black), 100)
        self.assertGreater(len(kept), len(black) * 8 // 10)
        self.assertIsNotNone(self.red_box(self.output))

    def test_one_changed_byte_is_refused_by_pdfsig_and_by_us(self):
        self.stamp("--at", "120,200")
        size = len(self.input.read_bytes())
        whole = self.output.read_bytes()
        gap = whole.index(b"/Contents<", size)
        for at in (30, size // 2, size + 40, gap - 30, len(whole) - 30):
            with self.subTest(at):
                path = self.changed(self.output, at)
                self.assertNotIn("Signature is Valid", self.pdfsig(path))
                self.assertIn(self.verify(path=path, ok=None).code, (10, 11))
        longer = self.work.write("longer.pdf", whole + b"\n% more\n")
        error = self.refused("verify", longer, "--ca", self.authority, "--seal-ca", self.maker.root)
        self.assertEqual(error["fault"], "added_data")

    def test_second_seal_keeps_the_first_valid(self):
        self.stamp("--at", "20,200")
        second = self.work / "second.pdf"
        self.stamp("--at", "120,200", source=self.output, output=second)
        self.assertEqual(self.pdfsig(second).count("Signature is Valid"), 2)
        self.assertIn("2 signatures", self.verify(path=second).out)
        # What changes the first one's part is refused, though the second one's author was honest.
        self.assertIn(self.verify(path=self.changed(second, 40), ok=None).code, (10, 11))

    def test_pages_turned_and_cropped_show_it_upright_at_its_place(self):
        for page in ("/MediaBox [0 0 595 842] /Rotate 90", "/MediaBox [0 0 595 842] /Rotate 180",
                     "/MediaBox [0 0 595 842] /Rotate 270", "/MediaBox [-50 -80 545 762]",
                     "/MediaBox [0 0 595 842] /CropBox [60 60 500 700]",
                     "/MediaBox [0 0 595 842] /CropBox [60 60 500 700] /Rotate 270"):
            with self.subTest(page):
                source = self.work.write("turned.pdf", application_pdf.make(page=page))
                self.stamp("--at", "30,80", "--force", source=source)
                self.assert_seal_at(self.output, 30, 80)

    def test_compressed_pdf_keeps_what_it_shows(self):
        compressed = self.work / "compressed.pdf"
        harness.run(["qpdf", "--object-streams=generate", "--linearize", self.input, compressed])
        self.stamp("--at", "120,200", source=compressed)
        self.assertIn("Signature is Valid", self.pdfsig())
        self.assertEqual(self.output.read_bytes()[:compressed.stat().st_size], compressed.read_bytes())
        self.assert_seal_at(self.output, 120, 200)
        self.assertEqual(self.render(compressed, 2), self.render(self.output, 2))

    def test_wrong_pin_leaves_no_output_and_the_right_one_then_stamps(self):
        error = self.refused("stamp", self.input, self.output, "--at", "120,200", pin="999999")
        self.assertEqual((error["name"], error["tries_left"]), ("wrong_secret", 5))
        self.assertEqual(sorted(p.name for p in self.work.path.glob("*.pdf*")), ["application.pdf"])
        self.stamp("--at", "120,200")

    def test_output_is_never_the_input_and_never_overwrites_unasked(self):
        before = self.input.read_bytes()
        since = self.key.apdu_count()
        for force in ((), ("--force",)):
            self.assertEqual(self.refused("stamp", self.input, self.input, "--at", "9,9", *force)["name"], "bad_input")
        there = self.work.write("there.pdf", b"mine")
        self.assertEqual(self.refused("stamp", self.input, there, "--at", "9,9")["name"], "bad_input")
        self.assertEqual((self.input.read_bytes(), there.read_bytes()), (before, b"mine"))
        self.assertEqual(self.key.apdu_count(), since)
        self.stamp("--at", "9,9", "--force", output=there)
        self.assertIn("Signature is Valid", self.pdfsig(there))

    def test_bad_places_and_files_are_refused_before_the_pin(self):
        stamp = ("stamp", self.input, self.output)
        for page in ("0", "3", "-1"):
            self.assert_refused_without_pin("bad_page", *stamp, "--at", "9,9", "--page", page, code=10)
        for at in ("-1,9", "9,-1", "171,9", "9,258", "1e300,9"):
            self.assert_refused_without_pin("bad_page", *stamp, f"--at={at}", code=10)
        for at in ("9", "9;9", "x,y", "9,9,9", ""):
            self.assertEqual(self.refused(*stamp, f"--at={at}")["name"], "usage")
        protected = self.work / "protected.pdf"
        harness.run(["qpdf", "--encrypt", "", "owner", "256", "--", self.input, protected])
        half = self.work.write("half.pdf", self.input.read_bytes()[:300])
        text = self.work.write("letter.txt", b"Dear authority")
        for path, fault in ((protected, "encrypted_pdf"), (half, "not_a_pdf"), (text, "not_a_pdf")):
            self.assert_refused_without_pin(fault, "stamp", path, self.output, "--at", "9,9", code=10)
        self.assertEqual(self.refused("stamp", self.work / "none", self.output, "--at", "9,9")["name"], "file_error")
        self.assertFalse(self.output.exists())

    def test_seal_of_a_maker_whom_the_given_authority_does_not_know_is_refused(self):
        other = SealMaker(self.work.path, "other")
        self.assert_refused_without_pin("maker_untrusted", "stamp", self.input, self.output, "--at", "9,9", "--seal-ca",
                                        other.root, code=7)
        self.stamp("--at", "9,9", "--seal-ca", self.maker.root)
        error = self.refused("verify", self.output, "--ca", self.authority, "--seal-ca", other.root)
        self.assertEqual(error["fault"], "maker_untrusted")
        error = self.refused("verify", self.output, "--ca", self.authority)
        self.assertEqual(error["name"], "usage")

    def test_stamp_is_bound_to_the_given_authority_of_signers(self):
        self.stamp("--at", "9,9")
        with open(self.work / "wrong.pem", "wb") as file:
            file.write(pathlib.Path(self.maker.root).read_bytes())
        error = self.refused("verify", self.output, "--ca", self.work / "wrong.pem", "--seal-ca", self.maker.root)
        self.assertEqual(error["fault"], "untrusted")

    def test_picture_signed_by_somebody_without_a_seal_is_no_stamp(self):
        """The page shows a seal and the signature is good; only the seal itself, which a maker vouches for, isn't there."""
        authority, signer = self.work / "soft-ca.pem", self.work / "signer.pem"
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3"]
        harness.run([*make, "-subj", "/CN=Authority", "-keyout", self.work / "soft-ca.key", "-out", authority])
        harness.run([*make, "-subj", f"/CN={personalise.NAME}", "-CA", authority, "-CAkey", self.work / "soft-ca.key",
                     "-addext", "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,nonRepudiation",
                     "-keyout", self.work / "signer.key", "-out", signer])
        self.stamp("--at", "120,200")
        self.assertNotIn("carries no electronic seal", self.verify().out)
        whole = self.output.read_bytes()
        begin = whole.index(b"/Contents<", len(self.input.read_bytes())) + len(b"/Contents<")
        end = whole.index(b">", begin)
        covered = self.work.write("covered", whole[:begin - 1] + whole[end + 1:])
        harness.run(["openssl", "cms", "-sign", "-binary", "-cades", "-in", covered, "-signer", signer, "-inkey",
                     self.work / "signer.key", "-outform", "DER", "-out", self.work / "cms.der"])
        text = (self.work / "cms.der").read_bytes().hex().encode().ljust(end - begin, b"0")
        plain = self.work.write("plain.pdf", whole[:begin] + text + whole[end:])
        self.assertIn("Signature is Valid", self.pdfsig(plain))
        self.assert_seal_at(plain, 120, 200)
        trusted = ("verify", plain, "--ca", authority, "--seal-ca", self.maker.root)
        self.assertIn("This signature carries no electronic seal.", self.sealkey(*trusted).out)
        signature, = json.loads(self.sealkey(*trusted, "--json").out)["signatures"]
        self.assertIsNone(signature["seal"])
        self.assertEqual(self.refused("verify", plain, "--ca", self.authority)["fault"], "untrusted")


class Refusals(SealedKeyCase):
    """Keys whose seal or certificate doesn't allow a stamp: refused before the PIN is asked."""

    def refuse(self, fault, code=7):
        source = self.work.write("application.pdf", application_pdf.make())
        self.assert_refused_without_pin(fault, "stamp", source, self.work / "out.pdf", "--at", "9,9", code=code)
        self.assertFalse((self.work / "out.pdf").exists())

    def test_key_without_a_seal(self):
        self.ship(seal=None)
        self.refuse("no_seal", 8)
        self.assertEqual(self.refused("seal", "show")["name"], "not_found")

    def test_seal_out_of_date(self):
        self.ship(seal=lambda maker, certificates: maker.make([certificates[0x9C]], begins=-30, ends=-1))
        self.refuse("expired")

    def test_seal_of_the_future(self):
        self.ship(seal=lambda maker, certificates: maker.make([certificates[0x9C]], begins=1, ends=30))
        self.refuse("not_yet_valid")

    def test_certificate_that_is_not_in_the_seals_list(self):
        self.ship(seal=lambda maker, certificates: maker.make([certificates[0x9A]]))
        self.refuse("certificate_not_listed")

    def test_seal_that_was_changed(self):
        def changed(maker, certificates):
            seal = bytearray(maker.make([certificates[0x9C]]))
            seal[seal.index(b"35010012345678")] ^= 1
            return bytes(seal)
        self.ship(seal=changed)
        self.refuse("wrong_signature")

    def test_bytes_that_are_no_seal(self):
        self.ship(seal=lambda maker, certificates: b"no seal at all")
        self.refuse("malformed", 10)

    def test_key_without_a_signing_certificate(self):
        self.ship(seal=lambda maker, certificates: maker.make([certificates[0x9A]]), slots=(0x9A,))
        self.refuse("no_certificate", 8)

    def test_certificate_that_has_expired(self):
        self.ship(days=(-30, -1))
        self.refuse("expired_certificate")

    def test_locked_key(self):
        self.ship()
        for _ in range(6):
            self.sealkey("check-pin", pin="999999", ok=False)
        source = self.work.write("application.pdf", application_pdf.make())
        error = self.refused("stamp", source, self.work / "out.pdf", "--at", "9,9", pin=PIN)
        self.assertEqual(error["name"], "locked")


class Seal(SealedKeyCase):
    def setUp(self):
        super().setUp()
        self.ship()

    def test_show_says_whose_it_is_and_until_when(self):
        seal = json.loads(self.sealkey("seal", "show", "--json").out)
        self.assertEqual(seal["faults"], [])
        self.assertEqual(seal["seal"]["name"], personalise.NAME)
        self.assertEqual((seal["seal"]["picture"]["width_mm"], seal["seal"]["picture"]["height_mm"]), (40, 40))
        self.assertEqual(len(seal["seal"]["certificates"]), 1)
        self.assertIn(personalise.NAME, self.sealkey("seal", "show").out)

    def test_export_gives_seal_and_picture_byte_for_byte(self):
        self.sealkey("seal", "export", "-o", self.work / "seal.der")
        self.assertEqual((self.work / "seal.der").read_bytes(), self.made.seal)
        self.sealkey("seal", "export", "--picture", "-o", self.work / "seal.png")
        self.assertEqual((self.work / "seal.png").read_bytes(), picture())
        self.assertEqual(self.refused("seal", "export", "-o", self.work / "seal.png")["name"], "bad_input")

    def test_verify_needs_the_right_authority(self):
        self.sealkey("seal", "verify", "--seal-ca", self.maker.root)
        other = SealMaker(self.work.path, "other")
        self.assertEqual(self.refused("seal", "verify", "--seal-ca", other.root)["fault"], "maker_untrusted")
        self.assertEqual(self.refused("seal", "verify")["name"], "usage")
        self.assertEqual(self.refused("seal", "verify", "--seal-ca", self.work / "none")["name"], "file_error")
        empty = self.work.write("empty.pem", b"")
        self.assertEqual(self.refused("seal", "verify", "--seal-ca", empty)["fault"], "bad_authority_file")

    def test_file_is_checked_without_a_key(self):
        self.key.unplug()
        right = self.work.write("right.der", self.made.seal)
        self.sealkey("seal", "verify", "--from", right, "--seal-ca", self.maker.root)
        changed = bytearray(self.made.seal)
        changed[len(changed) // 2] ^= 1
        wrong = self.work.write("wrong.der", bytes(changed))
        error = self.refused("seal", "verify", "--from", wrong, "--seal-ca", self.maker.root)
        self.assertEqual(error["name"], "not_verified")
        self.assertEqual(self.refused("seal", "show", "--from", self.work.write("x", b"x"))["fault"], "malformed")


if __name__ == "__main__":
    harness.main()
