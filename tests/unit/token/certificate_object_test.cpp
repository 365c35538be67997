// Certificate objects as other programs write them.
#include "token/certificate_object.h"

#include <zlib.h>

#include "base/tlv.h"
#include "fake_connection.h"

namespace sealkey::token {
namespace {

ByteVector gzip(ByteView plain) {
    z_stream stream{};
    EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    ByteVector out(plain.size() + 1000);
    stream.next_in = const_cast<Bytef*>(plain.data());
    stream.avail_in = static_cast<uInt>(plain.size());
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

ByteVector object(ByteView certificate, std::uint8_t info) {
    ByteVector out(certificate.size() + 20);
    TlvWriter writer(out);
    writer.put(0x70, certificate).put_byte(0x71, info).put(0xFE, {});
    out.resize(writer.size());
    return out;
}

Kind kind_for(ByteView data) {
    return test::token_error_of([&] { (void)certificate_of_object(data); }).kind();
}

const ByteVector kCertificate(1500, 0x30);

TEST(CertificateObject, WhatIsWrittenReadsTheSame) {
    EXPECT_EQ(certificate_of_object(object_of_certificate(kCertificate)), kCertificate);
}

TEST(CertificateObject, Lesson16_GzipCompressedReadsAsTheCertificate) {
    EXPECT_EQ(certificate_of_object(object(gzip(kCertificate), 0x01)), kCertificate);
}

TEST(CertificateObject, Lesson16_BrokenCompressionIsRefused) {
    auto packed = gzip(kCertificate);
    EXPECT_EQ(kind_for(object(kCertificate, 0x01)), Kind::malformed_answer);  // says gzip, isn't
    packed.resize(packed.size() - 1);
    EXPECT_EQ(kind_for(object(packed, 0x01)), Kind::malformed_answer);
    packed = gzip(kCertificate);
    packed[packed.size() - 8] ^= 1;  // its CRC
    EXPECT_EQ(kind_for(object(packed, 0x01)), Kind::malformed_answer);
    // 1 MB of zeros in about 1 KB
    EXPECT_EQ(kind_for(object(gzip(ByteVector(1000000, 0)), 0x01)), Kind::malformed_answer);
}

TEST(CertificateObject, WithoutACertificateIsNotFound) {
    EXPECT_EQ(kind_for({}), Kind::not_found);
    EXPECT_EQ(kind_for(test::bytes("7000 710100 FE00")), Kind::not_found);
    EXPECT_EQ(kind_for(test::bytes("710100 FE00")), Kind::not_found);
}

TEST(CertificateObject, EveryTruncationIsRefusedOrReadsAsTheWholeCertificate) {
    const auto whole = object_of_certificate(kCertificate);
    int refused = 0;
    for (std::size_t n = 1; n < whole.size(); ++n) {
        try {
            EXPECT_EQ(certificate_of_object(ByteView(whole).first(n)), kCertificate);
        } catch (const TokenError&) {
            ++refused;
        }
    }
    EXPECT_GT(refused, 1500);
}

TEST(CertificateObject, SlotsAndTheirObjects) {
    EXPECT_EQ(certificate_tag(0x9A), 0x5FC105U);
    EXPECT_EQ(certificate_tag(0x9C), 0x5FC10AU);
    EXPECT_EQ(certificate_tag(0x9D), 0x5FC10BU);
    EXPECT_EQ(certificate_tag(0x9E), 0x5FC101U);
    EXPECT_EQ(certificate_tag(0x82), 0x5FC10DU);
    EXPECT_EQ(certificate_tag(0x95), 0x5FC120U);
    EXPECT_EQ(certificate_tag(0xF9), 0x5FFF01U);
    for (const int slot : {0x00, 0x80, 0x81, 0x96, 0x9B, 0x9F}) {
        EXPECT_THROW((void)certificate_tag(static_cast<std::uint8_t>(slot)), TokenError) << slot;
    }
}

TEST(CertificateObject, LongerThanTheTokenStoresIsRefusedBeforehand) {
    EXPECT_THROW((void)object_of_certificate(ByteVector(8192, 1)), TokenError);
    EXPECT_THROW((void)object_of_certificate({}), TokenError);
}

}  // namespace
}  // namespace sealkey::token
