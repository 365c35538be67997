#include "crypto/key_wrap.h"

#include <gtest/gtest.h>

#include <vector>

#include "support/hex.h"

namespace sealkey::crypto {
namespace {

using testing::from_hex;
using ByteVector = std::vector<std::uint8_t>;

struct Vector {
    const char* key;
    const char* plain;
    const char* wrapped;
};
// RFC 3394, 4.1, 4.3, 4.5 and 4.6.
constexpr Vector kVectors[] = {
    {"000102030405060708090A0B0C0D0E0F", "00112233445566778899AABBCCDDEEFF",
     "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"},
    {"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F", "00112233445566778899AABBCCDDEEFF",
     "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7"},
    {"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
     "00112233445566778899AABBCCDDEEFF0001020304050607",
     "A8F9BC1612C68B3FF6E6F4FBE30E71E4769C8B80A32CB8958CD5D17D6B254DA1"},
    {"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F",
     "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F",
     "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"},
};

TEST(KeyWrap, Rfc3394) {
    for (const Vector& one : kVectors) {
        const ByteVector wrapped = from_hex(one.wrapped);
        ByteVector out(wrapped.size() - kWrapOverhead);
        ASSERT_TRUE(aes_unwrap_key(from_hex(one.key), wrapped, out));
        EXPECT_EQ(out, from_hex(one.plain));
    }
}

TEST(KeyWrap, WhatIsChangedDoesntOpenAndNothingOfItStays) {
    const Vector& one = kVectors[3];
    const ByteVector wrapped = from_hex(one.wrapped);
    for (std::size_t i = 0; i < wrapped.size(); ++i) {
        ByteVector changed = wrapped;
        changed[i] ^= 0x80;
        ByteVector out(wrapped.size() - kWrapOverhead, 0x55);
        EXPECT_EQ(aes_unwrap_key(from_hex(one.key), changed, out).error(), Error::wrong_secret) << i;
        EXPECT_EQ(out, ByteVector(out.size(), 0));
    }
    ByteVector key = from_hex(one.key);
    key[0] ^= 1;
    ByteVector out(wrapped.size() - kWrapOverhead);
    EXPECT_EQ(aes_unwrap_key(key, wrapped, out).error(), Error::wrong_secret);
}

TEST(KeyWrap, Lengths) {
    const ByteVector key(32, 1);
    for (const std::size_t size : {0, 8, 16, 17, 23, 25, 39}) {
        ByteVector out(size < 8 ? 0 : size - 8);
        EXPECT_EQ(aes_unwrap_key(key, ByteVector(size, 2), out).error(), Error::invalid) << size;
    }
    ByteVector out(24);
    EXPECT_EQ(aes_unwrap_key(key, ByteVector(24, 2), out).error(), Error::invalid)
        << "no room for what comes out is right";
    out.resize(16);
    EXPECT_EQ(aes_unwrap_key(ByteVector(31, 1), ByteVector(24, 2), out).error(), Error::invalid) << "the key's length";
}

}  // namespace
}  // namespace sealkey::crypto
