// Signatures of others, as OpenSSL makes them, and those that are none.
#include "crypto/signature.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "support/renewal_desk.h"

namespace sealkey::testing {
namespace {

using crypto::Hash;
using crypto::KeyKind;
using crypto::PublicKey;

PublicKey public_of(const PKey& key) {
    PublicKey out;
    if (EVP_PKEY_is_a(key.get(), "RSA") == 1) {
        BIGNUM* n = nullptr;
        EVP_PKEY_get_bn_param(key.get(), OSSL_PKEY_PARAM_RSA_N, &n);
        out.kind = KeyKind::rsa;
        out.size = static_cast<std::size_t>(BN_num_bytes(n));
        BN_bn2bin(n, out.value.data());
        BN_free(n);
        return out;
    }
    out.kind = EVP_PKEY_get_bits(key.get()) == 384 ? KeyKind::p384 : KeyKind::p256;
    EVP_PKEY_get_octet_string_param(key.get(), OSSL_PKEY_PARAM_PUB_KEY, out.value.data(), out.value.size(), &out.size);
    return out;
}

struct HashRow {
    Hash hash;
    const char* name;
};
constexpr HashRow kHashes[] = {{Hash::sha256, "SHA256"}, {Hash::sha384, "SHA384"}, {Hash::sha512, "SHA512"}};

ByteVector hashed(Hash hash, const ByteVector& message) {
    ByteVector out(64);
    out.resize(*crypto::hash_of(hash, message, out));
    std::array<std::uint8_t, crypto::kMaxHashSize> streamed{};
    const std::size_t half = message.size() / 2;
    const std::size_t size = crypto::HashStream(hash)
                                 .update(Bytes(message).first(half))
                                 .update(Bytes(message).subspan(half))
                                 .finish(streamed);
    EXPECT_TRUE(equal(out, Bytes(streamed).first(size)));
    return out;
}

TEST(Signature, EveryKeyAndHash) {
    const ByteVector message = some_bytes(300, 1);
    for (const char* kind : {"RSA-2048", "P-256", "P-384"}) {
        const PKey key = new_key(kind);
        const PublicKey known = public_of(key);
        const PublicKey other = public_of(new_key(kind));
        for (const HashRow& row : kHashes) {
            const ByteVector digest = hashed(row.hash, message);
            const ByteVector good = sign_message(key, message, row.name);
            EXPECT_TRUE(verify_signature(known, row.hash, digest, good)) << kind << row.name;
            EXPECT_FALSE(verify_signature(other, row.hash, digest, good)) << kind << row.name;
            ByteVector altered = digest;
            altered[5] ^= 1;
            EXPECT_EQ(verify_signature(known, row.hash, altered, good).error(), Error::wrong_secret);
            for (std::size_t i = 0; i < good.size(); i += 3) {
                ByteVector bad = good;
                bad[i] = static_cast<std::uint8_t>(bad[i] ^ (1U << i % 8));
                EXPECT_FALSE(verify_signature(known, row.hash, digest, bad)) << kind << " byte " << i;
            }
            EXPECT_FALSE(verify_signature(known, row.hash, digest, {}));
            EXPECT_FALSE(verify_signature(known, row.hash, digest, concat({good, {0}})));
            EXPECT_FALSE(verify_signature(known, row.hash, Bytes(digest).first(20), good)) << "a digest cut short";
        }
        EXPECT_FALSE(verify_signature(known, Hash::sha1, ByteVector(20), sign_message(key, message, "SHA1")));
    }
}

// The block that a signature opens to, made by hand: what a lax reading would take.
TEST(Signature, RsaPaddingIsComparedAsAWhole) {
    const PKey key = new_key("RSA-2048");
    const PublicKey known = public_of(key);
    const ByteVector digest(32, 0x11);
    const ByteVector info = from_hex("3031300d060960864801650304020105000420");
    const ByteVector without_null = from_hex(
        "302f300b0609608648016503040201"
        "0420");
    const auto raw = [&](const ByteVector& block) {
        std::shared_ptr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new(key.get(), nullptr), EVP_PKEY_CTX_free);
        EVP_PKEY_sign_init(context.get());
        EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING);
        std::size_t size = 256;
        ByteVector out(size);
        EXPECT_EQ(EVP_PKEY_sign(context.get(), out.data(), &size, block.data(), block.size()), 1);
        return out;
    };
    const auto block = [&](const ByteVector& head, std::size_t fill, const ByteVector& middle, const ByteVector& tail) {
        ByteVector out = concat({head, ByteVector(fill, 0xFF), {0x00}, middle, digest, tail});
        EXPECT_EQ(out.size(), 256U);
        return out;
    };
    EXPECT_TRUE(verify_signature(known, Hash::sha256, digest, raw(block({0, 1}, 202, info, {}))));
    EXPECT_FALSE(verify_signature(known, Hash::sha256, digest, raw(block({0, 2}, 202, info, {}))));
    EXPECT_FALSE(verify_signature(known, Hash::sha256, digest, raw(block({0, 0}, 202, info, {}))));
    EXPECT_FALSE(verify_signature(known, Hash::sha256, digest, raw(block({0, 1}, 8, info, ByteVector(194, 0)))))
        << "rubbish behind the digest";
    EXPECT_FALSE(verify_signature(known, Hash::sha256, digest, raw(block({0, 1}, 204, without_null, {}))));
    EXPECT_FALSE(verify_signature(known, Hash::sha256, digest, raw(block({0, 1}, 221, {}, {})))) << "no DigestInfo";
    EXPECT_FALSE(verify_signature(known, Hash::sha256, digest, ByteVector(256, 0)));
    ByteVector one(256, 0);
    one[255] = 1;
    EXPECT_FALSE(verify_signature(known, Hash::sha256, digest, one));
    EXPECT_FALSE(verify_signature(known, Hash::sha256, digest, ByteVector(256, 0xFF))) << "above the modulus";
}

TEST(Signature, KeysThatAreNone) {
    const ByteVector digest(32, 1);
    PublicKey key = public_of(new_key("P-256"));
    const ByteVector good = sign_message(new_key("P-256"), digest);
    key.value[5] ^= 1;  // not on the curve
    EXPECT_FALSE(verify_signature(key, Hash::sha256, digest, good));
    key.size = 64;
    EXPECT_FALSE(verify_signature(key, Hash::sha256, digest, good));
    const PublicKey small = public_of(new_key("RSA-1024"));
    EXPECT_EQ(verify_signature(small, Hash::sha256, digest, ByteVector(128, 1)).error(), Error::invalid);
    EXPECT_FALSE(verify_signature(PublicKey{}, Hash::sha256, digest, {}));
}

TEST(Signature, PaddingNeedsRoom) {
    ByteVector out(61);
    EXPECT_FALSE(crypto::pkcs1_encode(Hash::sha256, ByteVector(32), out));
    out.resize(62);
    EXPECT_TRUE(crypto::pkcs1_encode(Hash::sha256, ByteVector(32), out));
    EXPECT_FALSE(crypto::pkcs1_encode(Hash::sha256, ByteVector(31), out));
    EXPECT_FALSE(crypto::pkcs1_encode(Hash::sha224, ByteVector(28), out));
}

}  // namespace
}  // namespace sealkey::testing
