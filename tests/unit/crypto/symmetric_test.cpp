#include <string>
#include <vector>

#include "arena_level.h"
#include "crypto/aes.h"
#include "crypto/cmac.h"
#include "crypto/hash.h"
#include "crypto/tdes.h"
#include "support/hex.h"

namespace sealkey::crypto {
namespace {

using testing::from_hex;
using testing::to_hex;
using Buffer = std::vector<std::uint8_t>;

class Symmetric : public ArenaLevel {};

ConstBlock block_of(const Buffer& bytes) { return ConstBlock(bytes.data(), kAesBlock); }

// FIPS 180-4, the examples "abc".
TEST_F(Symmetric, HashesOfAbc) {
    const struct {
        Hash hash;
        const char* digest;
    } rows[] = {
        {Hash::sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {Hash::sha224, "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
        {Hash::sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {Hash::sha384,
         "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
        {Hash::sha512,
         "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd"
         "454d4423643ce80e2a9ac94fa54ca49f"},
    };
    for (const auto& row : rows) {
        Buffer out(kMaxHashSize);
        Result<std::size_t> size = hash_of(row.hash, bytes_of("abc"), out);
        ASSERT_TRUE(size);
        EXPECT_EQ(*size, hash_size(row.hash));
        out.resize(*size);
        EXPECT_EQ(to_hex(out), row.digest);
        Buffer too_short(hash_size(row.hash) - 1);
        EXPECT_FALSE(hash_of(row.hash, bytes_of("abc"), too_short));
    }
    Sha256 pieces;
    pieces.update(bytes_of("a")).update({}).update(bytes_of("bc"));
    EXPECT_EQ(to_hex(pieces.finish()), rows[2].digest);
    EXPECT_EQ(to_hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// FIPS 197, appendix C.
TEST_F(Symmetric, AesBlocks) {
    const struct {
        const char* key;
        const char* cipher;
    } rows[] = {
        {"000102030405060708090a0b0c0d0e0f", "69c4e0d86a7b0430d8cdb78070b4c55a"},
        {"000102030405060708090a0b0c0d0e0f1011121314151617", "dda97ca4864cdfe06eaf70a0ec0d7191"},
        {"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", "8ea2b7ca516745bfeafc49904b496089"},
    };
    const Buffer plain = from_hex("00112233445566778899aabbccddeeff");
    for (const auto& row : rows) {
        Buffer text = plain;
        const Block in_place(text.data(), kAesBlock);
        ASSERT_TRUE(aes_encrypt_block(from_hex(row.key), in_place, in_place));
        EXPECT_EQ(to_hex(text), row.cipher);
        ASSERT_TRUE(aes_decrypt_block(from_hex(row.key), in_place, in_place));
        EXPECT_EQ(text, plain);
    }
}

TEST_F(Symmetric, AesRefusesOtherKeyLengths) {
    const Buffer plain(16);
    Buffer out(16);
    for (std::size_t size : {0U, 8U, 15U, 17U, 23U, 25U, 31U, 33U, 64U}) {
        const Buffer key(size);
        EXPECT_EQ(aes_encrypt_block(key, block_of(plain), Block(out.data(), 16)).error(), Error::invalid) << size;
        EXPECT_EQ(aes_decrypt_block(key, block_of(plain), Block(out.data(), 16)).error(), Error::invalid) << size;
        EXPECT_EQ(cmac(key, {plain}).error(), Error::invalid) << size;
        std::array<std::uint8_t, kGcmNonce> nonce{};
        std::array<std::uint8_t, kGcmTag> tag{};
        EXPECT_EQ(gcm_seal(key, nonce, {}, plain, out, tag).error(), Error::invalid) << size;
    }
}

// SP 800-38A, F.2.1 and F.2.2, the first two blocks.
TEST_F(Symmetric, AesCbc) {
    const Buffer key = from_hex("2b7e151628aed2a6abf7158809cf4f3c");
    const Buffer iv = from_hex("000102030405060708090a0b0c0d0e0f");
    const Buffer plain = from_hex("6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
    Buffer out(plain.size());
    ASSERT_TRUE(aes_cbc_encrypt(key, block_of(iv), plain, out));
    EXPECT_EQ(to_hex(out), "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2");
    Buffer back(plain.size());
    ASSERT_TRUE(aes_cbc_decrypt(key, block_of(iv), out, back));
    EXPECT_EQ(back, plain);
    Buffer odd(17);
    EXPECT_EQ(aes_cbc_encrypt(key, block_of(iv), odd, odd).error(), Error::invalid);
    EXPECT_EQ(aes_cbc_decrypt(key, block_of(iv), plain, odd).error(), Error::invalid);
}

// The published AES-256 case with associated data (McGrew and Viega, test case 16).
class GcmCase : public Symmetric {
protected:
    const Buffer key = from_hex("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308");
    const Buffer nonce = from_hex("cafebabefacedbaddecaf888");
    const Buffer associated = from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    const Buffer plain = from_hex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39");
    const Buffer sealed = from_hex(
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        "76fc6ece0f4e1768cddf8853bb2d551b");
    [[nodiscard]] GcmNonce iv() const { return GcmNonce(nonce.data(), kGcmNonce); }
};

TEST_F(GcmCase, SealsAndOpens) {
    Buffer out(plain.size() + kGcmTag);
    ASSERT_TRUE(gcm_seal_appended(key, iv(), associated, plain, out));
    EXPECT_EQ(to_hex(out), to_hex(sealed));
    Buffer back(plain.size());
    ASSERT_TRUE(gcm_open_appended(key, iv(), associated, out, back));
    EXPECT_EQ(back, plain);
    Buffer nothing;
    Buffer tag_alone(kGcmTag);
    ASSERT_TRUE(gcm_seal_appended(key, iv(), associated, {}, tag_alone));
    EXPECT_TRUE(gcm_open_appended(key, iv(), associated, tag_alone, nothing));
}

TEST_F(GcmCase, AnythingAlteredDoesNotOpenAndLeavesNoPlainText) {
    for (std::size_t i = 0; i < sealed.size(); ++i) {
        Buffer altered = sealed;
        altered[i] ^= 0x01;
        Buffer out(plain.size(), 0xEE);
        Status s = gcm_open_appended(key, iv(), associated, altered, out);
        ASSERT_FALSE(s) << i;
        EXPECT_EQ(s.error(), Error::wrong_secret);
        EXPECT_EQ(out, Buffer(plain.size(), 0)) << i;
    }
    Buffer out(plain.size());
    Buffer other = associated;
    other.back() ^= 0x80;
    EXPECT_EQ(gcm_open_appended(key, iv(), other, sealed, out).error(), Error::wrong_secret);
    EXPECT_EQ(gcm_open_appended(key, iv(), {}, sealed, out).error(), Error::wrong_secret);
    other = key;
    other[31] ^= 0x01;
    EXPECT_EQ(gcm_open_appended(other, iv(), associated, sealed, out).error(), Error::wrong_secret);
    other = nonce;
    other[0] ^= 0x01;
    EXPECT_EQ(gcm_open_appended(key, GcmNonce(other.data(), kGcmNonce), associated, sealed, out).error(),
              Error::wrong_secret);
}

TEST_F(GcmCase, LengthsMustFit) {
    Buffer out(plain.size());
    EXPECT_EQ(gcm_seal_appended(key, iv(), {}, plain, out).error(), Error::invalid);
    EXPECT_EQ(gcm_open_appended(key, iv(), {}, Bytes(sealed).first(15), out).error(), Error::invalid);
    EXPECT_EQ(gcm_open_appended(key, iv(), {}, Bytes(sealed).first(sealed.size() - 1), out).error(), Error::invalid);
}

// RFC 4493, section 4, and SP 800-38B, appendix D.
TEST_F(Symmetric, CmacVectors) {
    const char* const k128 = "2b7e151628aed2a6abf7158809cf4f3c";
    const char* const k192 = "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b";
    const char* const k256 = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4";
    const struct {
        const char* key;
        std::size_t length;
        const char* mac;
    } rows[] = {
        {k128, 0, "bb1d6929e95937287fa37d129b756746"},  {k128, 16, "070a16b46b4d4144f79bdd9dd04a287c"},
        {k128, 40, "dfa66747de9ae63030ca32611497c827"}, {k128, 64, "51f0bebf7e3b9d92fc49741779363cfe"},
        {k192, 0, "d17ddf46adaacde531cac483de7a9367"},  {k192, 16, "9e99a7bf31e710900662f65e617c5184"},
        {k256, 0, "028962f61b7bf89efc6b551f4667d983"},  {k256, 16, "28a7023f452e8f82bd4bf28d8c37c35c"},
        {k256, 40, "aaf3d8f1de5640c232f5b169b9c911e6"}, {k256, 64, "e1992190549f6ed5696a2c056c315410"},
    };
    const Buffer message = from_hex(
        "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
        "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710");
    for (const auto& row : rows) {
        const Bytes whole = Bytes(message).first(row.length);
        Result<Mac> mac = cmac(from_hex(row.key), {whole});
        ASSERT_TRUE(mac);
        EXPECT_EQ(to_hex(*mac), row.mac);
        // The parts' borders don't count.
        const std::size_t cut = row.length / 3;
        Result<Mac> again = cmac(from_hex(row.key), {whole.first(cut), {}, whole.subspan(cut)});
        ASSERT_TRUE(again);
        EXPECT_EQ(to_hex(*again), row.mac);
    }
}

// SP 800-67, appendix B.1.
TEST_F(Symmetric, TripleDesBlocks) {
    const Buffer key = from_hex("0123456789abcdef23456789abcdef01456789abcdef0123");
    const TdesKey k(key.data(), kTdesKey);
    const char* const plain[] = {"5468652071756663", "6b2062726f776e20", "666f78206a756d70"};
    const char* const cipher[] = {"a826fd8ce53b855f", "cce21c8112256fe6", "68d5c05dd9b6b900"};
    for (std::size_t i = 0; i < 3; ++i) {
        Buffer text = from_hex(plain[i]);
        const std::span<std::uint8_t, kTdesBlock> block(text.data(), kTdesBlock);
        ASSERT_TRUE(tdes_encrypt_block(k, block, block));
        EXPECT_EQ(to_hex(text), cipher[i]);
        ASSERT_TRUE(tdes_decrypt_block(k, block, block));
        EXPECT_EQ(to_hex(text), plain[i]);
    }
}

TEST_F(Symmetric, WeakTripleDesKeysAreKnownAnywhereAndWithAnyParity) {
    const Buffer good = from_hex("010203040506070801020304050607080102030405060708");
    EXPECT_FALSE(tdes_is_weak(TdesKey(good.data(), kTdesKey)));
    for (const char* weak : {"0101010101010101", "0000000000000000", "fefefefefefefefe", "ffffffffffffffff",
                             "e0e0e0e0f1f1f1f1", "1f1f1f1f0e0e0e0e", "011f011f010e010e", "e001e001f101f101"}) {
        for (std::size_t place = 0; place < 24; place += 8) {
            Buffer key = good;
            const Buffer part = from_hex(weak);
            std::copy(part.begin(), part.end(), key.begin() + static_cast<std::ptrdiff_t>(place));
            EXPECT_TRUE(tdes_is_weak(TdesKey(key.data(), kTdesKey))) << weak << " at " << place;
        }
    }
}

}  // namespace
}  // namespace sealkey::crypto
