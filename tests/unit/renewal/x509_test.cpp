// Requests and certificates as OpenSSL writes them, and what resembles them.
#include "applet/x509.h"

#include <gtest/gtest.h>

#include "support/renewal_desk.h"

namespace sealkey::testing {
namespace {

using applet::read_certificate;
using applet::read_public_key_info;
using applet::read_request_info;
using crypto::PublicKey;

Status read_key(const ByteVector& info, PublicKey& out) {
    const DerMemory source(info);
    DerCursor reader(source, 0, static_cast<std::uint32_t>(info.size()));
    const auto item = reader.next(der::sequence);
    return item ? read_public_key_info(source, *item, out) : Status{item.error()};
}

TEST(X509Reading, PublicKeys) {
    for (const char* kind : {"RSA-2048", "P-256", "P-384"}) {
        const ByteVector info = public_key_info(new_key(kind));
        PublicKey key;
        ASSERT_TRUE(read_key(info, key)) << kind;
        // The bytes are those at the end of it (an RSA key's exponent follows).
        const std::size_t behind = std::string(kind) == "RSA-2048" ? 5 : 0;
        EXPECT_TRUE(equal(key.bytes(), Bytes(info).subspan(info.size() - behind - key.size, key.size))) << kind;
        for (std::size_t n = 0; n < info.size(); ++n) {
            EXPECT_FALSE(read_key(ByteVector(info.begin(), info.begin() + static_cast<std::ptrdiff_t>(n)), key)) << n;
        }
    }
}

TEST(X509Reading, PublicKeysThatAreNotUsed) {
    PublicKey key;
    EXPECT_FALSE(read_key(public_key_info(new_key("RSA-1024")), key));
    EXPECT_FALSE(read_key(public_key_info(new_key("P-521")), key));
    EXPECT_FALSE(read_key(public_key_info(new_key("secp256k1")), key));
    const auto with = [&](const char* kind, const char* from, const char* to) {
        ByteVector info = public_key_info(new_key(kind));
        const ByteVector a = from_hex(from);
        const ByteVector b = from_hex(to);
        EXPECT_EQ(a.size(), b.size());
        const auto at = std::search(info.begin(), info.end(), a.begin(), a.end());
        EXPECT_NE(at, info.end()) << from;
        std::copy(b.begin(), b.end(), at);
        return read_key(info, key).ok();
    };
    EXPECT_TRUE(with("P-256", "034200", "034200"));
    EXPECT_FALSE(with("P-256", "034200", "034201")) << "unused bits";
    EXPECT_FALSE(with("P-256", "03420004", "03420003")) << "a compressed point's mark";
    EXPECT_FALSE(with("P-256", "06082A8648CE3D030107", "06082A8648CE3D030101")) << "another curve's name";
    EXPECT_FALSE(with("RSA-2048", "0203010001", "0203010003")) << "another exponent";
    EXPECT_FALSE(with("RSA-2048", "0203010001", "0203000003")) << "3, with zeros before it";
    EXPECT_FALSE(with("RSA-2048", "0282010100", "0282010101")) << "a modulus one byte longer";
    EXPECT_FALSE(with("RSA-2048", "0500", "0400")) << "no NULL";
    // A modulus that is negative, or whose highest bit is 0.
    EXPECT_FALSE(read_key(concat({from_hex("30820120300d06092a864886f70d01010105000382010d003082010802820101007F"),
                                  ByteVector(255, 1), from_hex("0203010001")}),
                          key));
}

TEST(X509Reading, Requests) {
    for (const char* kind : {"RSA-2048", "P-256", "P-384"}) {
        PublicKey key;
        EXPECT_TRUE(read_request_info(request_info(new_key(kind)), key)) << kind;
    }
    const PKey some = new_key("P-256");
    const ByteVector key_info = public_key_info(some);
    const ByteVector version = from_hex("020100");
    const ByteVector name = from_hex("300D310B3009060355040613024353");
    const ByteVector attributes = from_hex("A000");
    PublicKey key;
    const auto reads = [&](std::initializer_list<ByteVector> parts) {
        return read_request_info(tlv(0x30, concat(parts)), key).ok();
    };
    EXPECT_TRUE(reads({version, name, key_info, attributes}));
    EXPECT_TRUE(reads({version, from_hex("3000"), key_info, attributes})) << "an empty name";
    EXPECT_FALSE(reads({name, key_info, attributes}));
    EXPECT_FALSE(reads({from_hex("020101"), name, key_info, attributes}));
    EXPECT_FALSE(reads({from_hex("02020000"), name, key_info, attributes}));
    EXPECT_FALSE(reads({version, key_info, attributes}));
    EXPECT_FALSE(reads({version, name, attributes}));
    EXPECT_FALSE(reads({version, name, key_info}));
    EXPECT_FALSE(reads({version, name, key_info, attributes, attributes}));
    EXPECT_FALSE(reads({version, name, key_info, from_hex("A100")}));
    EXPECT_FALSE(reads({version, name, key_info, from_hex("A0020500")}));
    EXPECT_FALSE(reads({version, from_hex("30020500"), key_info, attributes})) << "a name of something else";
    EXPECT_FALSE(reads({version, name, name, key_info, attributes}));
    // What a certificate's signed part of version 1 would be: serial 0, algorithm, issuer, validity, subject, key.
    const ByteVector algorithm = from_hex("300A06082A8648CE3D040302");
    EXPECT_FALSE(reads({version, algorithm, name, name, name, key_info}));
    EXPECT_FALSE(reads({version, algorithm, key_info, attributes})) << "an algorithm is no name";
}

std::optional<applet::Certificate> certificate_of(const ByteVector& der) {
    const DerMemory source(der);
    const auto out = read_certificate(source, 0, static_cast<std::uint32_t>(der.size()));
    return out ? std::optional(*out) : std::nullopt;
}

TEST(X509Reading, Certificates) {
    for (const char* issuer : {"RSA-2048", "P-256", "P-384"}) {
        TestCa ca(issuer);
        const ByteVector der = ca.issue(new_key("P-256"), "somebody", "SHA384", 3000);
        const auto read = certificate_of(der);
        ASSERT_TRUE(read) << issuer;
        PublicKey own_key;
        PublicKey ca_key;
        const DerMemory source(der);
        EXPECT_TRUE(read_public_key_info(source, read->public_key, own_key));
        ASSERT_TRUE(read_key(public_key_info(ca.key()), ca_key));
        EXPECT_TRUE(verify_certificate(source, *read, ca_key));
        EXPECT_EQ(verify_certificate(source, *read, own_key).error(), Error::wrong_secret);
    }
}

TEST(X509Reading, CertificatesThatAreNot) {
    TestCa ca;
    const ByteVector der = ca.issue(new_key("P-256"), "somebody");
    PublicKey ca_key;
    ASSERT_TRUE(read_key(public_key_info(ca.key()), ca_key));
    for (std::size_t n = 0; n < der.size(); ++n) {
        EXPECT_FALSE(certificate_of(ByteVector(der.begin(), der.begin() + static_cast<std::ptrdiff_t>(n)))) << n;
    }
    EXPECT_FALSE(certificate_of(concat({der, {0}})));
    // Any bit: it isn't one any more, or it isn't signed.
    for (std::size_t i = 0; i < der.size() * 8; i += 11) {
        ByteVector bad = der;
        bad[i / 8] = static_cast<std::uint8_t>(bad[i / 8] ^ (1U << i % 8));
        const auto read = certificate_of(bad);
        if (!read) continue;
        EXPECT_FALSE(verify_certificate(DerMemory(bad), *read, ca_key)) << "bit " << i;
    }
    EXPECT_FALSE(certificate_of(ca.issue(new_key("P-256"), "somebody", "SHA1")));
}

}  // namespace
}  // namespace sealkey::testing
