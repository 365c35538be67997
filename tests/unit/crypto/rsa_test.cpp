#include "crypto/rsa.h"

#include <vector>

#include "arena_level.h"
#include "crypto/hash.h"
#include "support/entropy.h"
#include "support/hex.h"

namespace sealkey::crypto {
namespace {

using testing::FakeEntropy;
using Buffer = std::vector<std::uint8_t>;

class Rsa : public ArenaLevel {
protected:
    Rsa() : drbg(entropy) {}
    void SetUp() override {
        ArenaLevel::SetUp();
        ASSERT_TRUE(drbg.seed());
    }
    FakeEntropy entropy;
    Drbg drbg;
};

Buffer saved(const RsaPrivateKey& key) {
    Buffer out(kRsaSavedMax);
    out.resize(*key.save(out));
    return out;
}

RsaParts parts_of(const Buffer& saved_key) {
    const std::size_t half = (saved_key.size() - 2) / 5;
    const Bytes all = Bytes(saved_key).subspan(2);
    return {all.subspan(0, half), all.subspan(half, half), all.subspan(2 * half, half), all.subspan(3 * half, half),
            all.subspan(4 * half, half)};
}

void expect_works(RsaPrivateKey& key, Drbg& drbg, std::size_t modulus_bits) {
    ASSERT_EQ(key.modulus_size(), modulus_bits / 8);
    Buffer modulus(key.modulus_size());
    ASSERT_TRUE(key.modulus(modulus));
    EXPECT_GE(modulus[0], 0x80);
    Buffer message(key.modulus_size(), 0x5A);
    message[0] = 0;
    Buffer signature(message.size());
    ASSERT_TRUE(key.private_operation(drbg, message, signature));
    EXPECT_NE(signature, message);
    Buffer back(message.size());
    ASSERT_TRUE(rsa_public_operation(modulus, signature, back));
    EXPECT_EQ(back, message);
}

class RsaSizes : public Rsa, public ::testing::WithParamInterface<std::size_t> {};

TEST_P(RsaSizes, GenerateSaveLoadAndSign) {
    RsaPrivateKey key;
    ASSERT_TRUE(key.generate(drbg, GetParam()));
    expect_works(key, drbg, GetParam());
    const Buffer bytes = saved(key);
    EXPECT_LE(bytes.size(), 2048U);
    RsaPrivateKey again;
    ASSERT_TRUE(again.load(bytes));
    expect_works(again, drbg, GetParam());
    EXPECT_EQ(saved(again), bytes);
    RsaPrivateKey imported;
    ASSERT_TRUE(imported.import(drbg, GetParam(), parts_of(bytes)));
    expect_works(imported, drbg, GetParam());
}

INSTANTIATE_TEST_SUITE_P(All, RsaSizes, ::testing::Values(2048, 3072));

}  // namespace
}  // namespace sealkey::crypto
