// A seal on a PDF: what is refused before the key is asked, and what a reader of the file refuses.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>

#include "sign/pdf_stamp.h"
#include "sign/pdf_verify.h"
#include "unit/sign/soft_key.h"

namespace sealkey::sign::test {
namespace {

using std::chrono::days;

ByteVector bytes(const std::string& text) { return {text.begin(), text.end()}; }

// One A4 page (or what `page` says) with a line of text.
ByteVector pdf(const std::string& page = "/MediaBox [0 0 595 842]", const std::string& catalog = "",
               const std::string& more = "") {
    const std::vector<std::string> objects = {
        "<< /Type /Catalog /Pages 2 0 R " + catalog + " >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R " + page + " /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        "<< /Length 44 >>\nstream\nBT /F1 20 Tf 72 760 Td (Application  ) Tj ET \nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"};
    std::string out = "%PDF-1.7\n";
    std::vector<std::size_t> offsets;
    for (std::size_t i = 0; i < objects.size(); ++i) {
        offsets.push_back(out.size());
        out += std::to_string(i + 1) + " 0 obj\n" + objects[i] + "\nendobj\n";
    }
    const std::size_t table = out.size();
    out += "xref\n0 6\n0000000000 65535 f \n";
    for (const std::size_t offset : offsets) {
        char line[32];
        std::snprintf(line, sizeof line, "%010zu 00000 n \n", offset);
        out += line;
    }
    return bytes(out + "trailer\n<< /Size 6 /Root 1 0 R " + more + ">>\nstartxref\n" + std::to_string(table) +
                 "\n%%EOF\n");
}

class Stamp : public testing::Test {
protected:
    SoftKey authority_{"P-256", {.name = "authority", .authority = true}};
    SoftKey key_{"P-256", {.name = "signer"}, &authority_};
    seal::test::Maker maker_;
    Trust trust_ = trust_in(authority_.certificate());
    bool seal_authorities_ = true;
    StampOptions at_{1, 120, 200, ""};

    seal::SealInfo order() {
        seal::SealInfo info = maker_.order();
        info.certificates = {key_.certificate()};
        return info;
    }
    seal::Seal seal_of(const seal::SealInfo& info) {
        return seal::parse_seal(seal::make_seal(info, maker_.key.get(), maker_.certificate.get()));
    }
    ByteVector stamped(const ByteVector& file) { return stamp_pdf(file, key_, seal_of(order()), at_, kNow); }
    std::string fault(const ByteVector& file, const StampOptions& at) {
        const std::string what = fault_of([&] { (void)stamp_pdf(file, key_, seal_of(order()), at, kNow); });
        EXPECT_EQ(key_.asked, 0) << "the key was asked before the refusal";
        return what;
    }
    std::string fault(const ByteVector& file) { return fault(file, at_); }
    std::string fault_with(const seal::Seal& seal, Time now = kNow) {
        const std::string what = fault_of([&] { (void)stamp_pdf(pdf(), key_, seal, at_, now); });
        EXPECT_EQ(key_.asked, 0) << "the key was asked before the refusal";
        return what;
    }
    // A stamped file whose signature is put in by hand, past all that our own tool checks.
    ByteVector resigned(SoftKey& key, const seal::Seal& seal) {
        ByteVector out = stamped(pdf());
        const PdfSignature place = read_pdf_signatures(out)[0];
        const ByteVector cms = sign_detached(key, place.signed_pieces(out), {std::nullopt, seal.der});
        EXPECT_LE(cms.size(), place.cms.size());
        for (std::size_t i = 0; i < place.cms.size(); ++i) {
            char digits[3];
            std::snprintf(digits, sizeof digits, "%02X", i < cms.size() ? cms[i] : 0);
            out[place.gap_begin + 1 + 2 * i] = static_cast<std::uint8_t>(digits[0]);
            out[place.gap_begin + 2 + 2 * i] = static_cast<std::uint8_t>(digits[1]);
        }
        return out;
    }
    // What a reader says of a file.
    std::string read(const ByteVector& file) {
        return fault_of([&] {
            trust_.seal_authorities = seal_authorities_ ? maker_.authorities() : std::vector<seal::Cert>();
            (void)verify_pdf(file, trust_, kNow);
        });
    }
};

TEST_F(Stamp, IsAnUpdateBehindTheDocumentAsItWas) {
    const ByteVector file = pdf();
    const ByteVector out = stamped(file);
    ASSERT_GT(out.size(), file.size());
    EXPECT_TRUE(std::equal(file.begin(), file.end(), out.begin()));
    const auto signatures = read_pdf_signatures(out);
    ASSERT_EQ(signatures.size(), 1U);
    EXPECT_EQ(signatures[0].field, "Seal1");
    EXPECT_EQ(signatures[0].sub_filter, "ETSI.CAdES.detached");
    EXPECT_EQ(signatures[0].time, kNow);
    const Verified verified =
        verify_detached(signatures[0].cms, signatures[0].signed_pieces(out), trust_, kNow, signatures[0].time);
    EXPECT_EQ(verified.certificate, key_.certificate());
    ASSERT_TRUE(verified.seal.has_value());
    EXPECT_EQ(seal::parse_seal(*verified.seal).info.picture.data, order().picture.data);
    EXPECT_EQ(key_.asked, 1);
    if (const char* keep = std::getenv("SEALKEY_KEEP_STAMPED")) {
        std::ofstream(keep, std::ios::binary)
            .write(reinterpret_cast<const char*>(out.data()), static_cast<std::streamsize>(out.size()));
    }
}

TEST_F(Stamp, SecondSealKeepsTheFirstValid) {
    const ByteVector once = stamped(pdf());
    at_.y_mm = 20;
    const ByteVector twice = stamped(once);
    EXPECT_TRUE(std::equal(once.begin(), once.end(), twice.begin()));
    const auto signatures = read_pdf_signatures(twice);
    ASSERT_EQ(signatures.size(), 2U);
    EXPECT_EQ(signatures[0].covered_end, once.size());
    EXPECT_EQ(signatures[1].covered_end, twice.size());
    EXPECT_EQ(signatures[1].field, "Seal2");
    EXPECT_EQ(read(twice), "no fault");
    EXPECT_EQ(key_.asked, 2);
}

TEST_F(Stamp, OneChangedByteAnywhereIsRefused) {
    const ByteVector out = stamped(pdf());
    const auto signature = read_pdf_signatures(out)[0];
    ASSERT_EQ(read(out), "no fault");
    int tried = 0;
    for (std::size_t i = 0; i < out.size(); i += 1 + i % 37) {
        if (i > signature.gap_begin && i < signature.gap_end - 1) continue;  // the signature itself: below
        ByteVector changed = out;
        changed[i] ^= 0x01;
        ASSERT_NE(read(changed), "no fault") << i;
        ++tried;
    }
    EXPECT_GT(tried, 50);
    ByteVector changed = out;
    changed[signature.gap_begin + 1] = 'g';
    EXPECT_EQ(read(changed), "malformed");
}

TEST_F(Stamp, WhatIsAddedAfterItIsRefused) {
    const ByteVector out = stamped(pdf());
    ByteVector longer = out;
    longer.push_back('\n');
    EXPECT_EQ(read(longer), "added_data");
    const std::string update =
        "\n4 0 obj\n<< /Length 4 >>\nstream\nBT E\nendstream\nendobj\nxref\n0 1\n0000000000 65535 f \ntrailer\n<< "
        "/Size 6 "
        "/Root 1 0 R >>\nstartxref\n9\n%%EOF\n";
    longer = out;
    longer.insert(longer.end(), update.begin(), update.end());
    EXPECT_NE(read(longer), "no fault");
}

TEST_F(Stamp, SomethingHiddenBesideTheSignatureIsRefused) {
    // The part that no signature covers may hold hexadecimal digits and nothing else.
    const ByteVector out = stamped(pdf());
    const auto signature = read_pdf_signatures(out)[0];
    for (const char hidden : {'>', ' ', '/', '\n', '(', '%'}) {
        ByteVector changed = out;
        changed[signature.gap_end - 10] = static_cast<std::uint8_t>(hidden);
        EXPECT_NE(read(changed), "no fault") << hidden;
    }
    ByteVector changed = out;
    changed[signature.gap_end - 10] = 'A';  // a digit, but not the filling
    EXPECT_NE(read(changed), "no fault");
}

TEST_F(Stamp, SealOfAMakerWhomNobodyKnowsIsRefused) {
    const ByteVector out = stamped(pdf());
    seal_authorities_ = false;
    EXPECT_EQ(read(out), "maker_untrusted");
    seal_authorities_ = true;
    trust_.authorities.clear();
    EXPECT_EQ(read(out), "untrusted");
}

TEST_F(Stamp, SealThatTheSignerMayNotUseIsRefusedByTheReader) {
    // A thief of a seal signs with a key of his own, past all that our own tool checks.
    const seal::Seal foreign = seal_of(maker_.order());
    EXPECT_EQ(read(resigned(key_, foreign)), "certificate_not_listed");
}

TEST_F(Stamp, SignedByALoginKeyIsRefusedByTheReader) {
    // The seal even lists the login certificate: its key still commits to no document.
    SoftKey login("P-256", {.name = "signer", .key_usage = "critical,digitalSignature"}, &authority_);
    seal::SealInfo info = maker_.order();
    info.certificates = {login.certificate()};
    EXPECT_EQ(read(resigned(login, seal_of(info))), "untrusted");
    EXPECT_EQ(fault_of([&] { (void)stamp_pdf(pdf(), login, seal_of(info), at_, kNow); }), "unsupported_key");
    SoftKey right("P-256", {.name = "signer"}, &authority_);
    info.certificates = {right.certificate()};
    EXPECT_EQ(read(resigned(right, seal_of(info))), "no fault");
}

TEST_F(Stamp, PageThatIsNotThereIsRefused) {
    for (const int page : {0, -1, 2, 1000000}) EXPECT_EQ(fault(pdf(), {page, 10, 10, ""}), "bad_page") << page;
}

TEST_F(Stamp, PlaceOffThePageIsRefused) {
    EXPECT_EQ(fault(pdf(), {1, -1, 10, ""}), "bad_page");
    EXPECT_EQ(fault(pdf(), {1, 10, -0.5, ""}), "bad_page");
    EXPECT_EQ(fault(pdf(), {1, 171, 10, ""}), "bad_page");  // 210 mm wide, the seal 40
    EXPECT_EQ(fault(pdf(), {1, 10, 256, ""}), "bad_page");  // 297 mm high, the seal 42
    EXPECT_EQ(fault(pdf(), {1, std::nan(""), 10, ""}), "bad_page");
    EXPECT_EQ(fault(pdf(), {1, 1e300, 10, ""}), "bad_page");
    EXPECT_EQ(fault(pdf("/MediaBox [0 0 595 842] /CropBox [0 0 100 842]"), {1, 10, 10, ""}), "bad_page");
}

TEST_F(Stamp, TurnedAndCroppedPagesTakeIt) {
    for (const char* page :
         {"/MediaBox [0 0 595 842] /Rotate 90", "/MediaBox [0 0 595 842] /Rotate -90",
          "/MediaBox [-100 -100 495 742] /Rotate 180", "/MediaBox [0 0 842 595] /CropBox [20 20 800 500]",
          "/MediaBox [0 0 297 421] /UserUnit 2"}) {
        at_ = {1, 10, 10, ""};
        EXPECT_EQ(read(stamped(pdf(page))), "no fault") << page;
    }
}

TEST_F(Stamp, FilesThatAreNoPdfAreRefused) {
    EXPECT_EQ(fault({}), "not_a_pdf");
    EXPECT_EQ(fault(bytes("hello")), "not_a_pdf");
    EXPECT_EQ(fault(bytes("%PDF-1.7\n")), "not_a_pdf");
    EXPECT_EQ(fault(order().picture.data), "not_a_pdf");
    ByteVector half = pdf();
    half.resize(half.size() / 2);
    EXPECT_EQ(fault(half), "not_a_pdf");
    EXPECT_NE(fault(bytes("%PDF-1.7\nxref\n0 1\ntrailer\n<< /Size 1 /Root 1 0 R /Prev 9 >>\nstartxref\n9\n%%EOF\n")),
              "no fault");
}

TEST_F(Stamp, EncryptedIsRefused) {
    const Folder folder;
    const std::string from = folder.write("plain.pdf", pdf());
    for (const char* how : {"user owner 256", "'' owner 256", "'' owner 128 --use-aes=y"}) {
        ASSERT_EQ(run("qpdf --encrypt " + std::string(how) + " -- " + from + " " + (folder / "out.pdf")).code, 0)
            << how;
        std::ifstream in(folder / "out.pdf", std::ios::binary);
        EXPECT_EQ(fault(ByteVector(std::istreambuf_iterator<char>(in), {})), "encrypted_pdf") << how;
    }
}

TEST_F(Stamp, CompressedObjectsAreTaken) {
    const Folder folder;
    const std::string from = folder.write("plain.pdf", pdf());
    ASSERT_EQ(run("qpdf --object-streams=generate " + from + " " + (folder / "out.pdf")).code, 0);
    std::ifstream in(folder / "out.pdf", std::ios::binary);
    const ByteVector compressed(std::istreambuf_iterator<char>(in), {});
    const ByteVector out = stamped(compressed);
    EXPECT_EQ(read(out), "no fault");
    EXPECT_EQ(run("qpdf --check " + folder.write("stamped.pdf", out)).code, 0);
    if (const char* keep = std::getenv("SEALKEY_KEEP_STAMPED"))
        (void)run("cp " + (folder / "stamped.pdf") + " " + keep + ".c.pdf");
}

TEST_F(Stamp, AuthorsLockIsRespected) {
    const std::string catalog =
        "/Perms << /DocMDP << /Type /Sig /Reference [ << /TransformMethod /DocMDP /TransformParams << /P %d >> >> ] >> "
        ">>";
    std::string locked = catalog;
    locked.replace(locked.find("%d"), 2, "1");
    EXPECT_EQ(fault(pdf("/MediaBox [0 0 595 842]", locked)), "locked_pdf");
    std::string open = catalog;
    open.replace(open.find("%d"), 2, "2");
    EXPECT_NO_THROW((void)stamped(pdf("/MediaBox [0 0 595 842]", open)));
}

TEST_F(Stamp, SealOutOfDateIsRefused) {
    seal::SealInfo info = order();
    info.not_before = kNow - days(30);
    info.not_after = kNow - days(1);
    EXPECT_EQ(fault_with(seal_of(info)), "expired");
    info.not_before = kNow + days(1);
    info.not_after = kNow + days(30);
    EXPECT_EQ(fault_with(seal_of(info)), "not_yet_valid");
}

TEST_F(Stamp, CertificateThatIsNotInTheSealsListIsRefused) {
    EXPECT_EQ(fault_with(seal_of(maker_.order())), "certificate_not_listed");
}

TEST_F(Stamp, ChangedSealIsRefused) {
    seal::Seal seal = seal_of(order());
    seal.info_der[seal.info_der.size() / 2] ^= 1;
    EXPECT_EQ(fault_with(seal), "wrong_signature");
}

TEST_F(Stamp, ExpiredCertificateIsRefused) {
    seal::SealInfo info = order();
    info.not_after = kNow + days(5000);
    EXPECT_EQ(fault_with(seal_of(info), kNow + days(1001)), "expired_certificate");
}

TEST_F(Stamp, PdfWithoutASignatureIsRefusedByTheReader) {
    EXPECT_EQ(read(pdf()), "no_signature");
    EXPECT_EQ(read(bytes("%PDF-1.4 no")), "not_a_pdf");
}

}  // namespace
}  // namespace sealkey::sign::test
