#include "crypto/ec.h"

#include <vector>

#include "arena_level.h"
#include "crypto/hash.h"
#include "support/entropy.h"
#include "support/hex.h"

namespace sealkey::crypto {
namespace {

using testing::FakeEntropy;
using testing::from_hex;
using testing::to_hex;
using Buffer = std::vector<std::uint8_t>;

class Ec : public ArenaLevel, public ::testing::WithParamInterface<Curve> {
protected:
    Ec() : drbg(entropy) {}
    void SetUp() override {
        ArenaLevel::SetUp();
        ASSERT_TRUE(drbg.seed());
    }
    FakeEntropy entropy;
    Drbg drbg;
};

Buffer point_of(const EcPrivateKey& key) {
    Buffer out(kMaxEcPoint);
    out.resize(*key.public_point(out));
    return out;
}

Buffer saved(const EcPrivateKey& key) {
    Buffer out(kEcSavedMax);
    out.resize(*key.save(out));
    return out;
}

Buffer digest(std::size_t size) {
    Buffer out(size);
    for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i * 7 + 1);
    return out;
}

TEST_P(Ec, SignsWhatVerifies) {
    EcPrivateKey key;
    ASSERT_TRUE(key.generate(drbg, GetParam()));
    const Buffer point = point_of(key);
    ASSERT_EQ(point.size(), ec_point_size(GetParam()));
    for (std::size_t size : {std::size_t{20}, std::size_t{32}, std::size_t{48}, std::size_t{64}}) {
        Buffer hash = digest(size);
        Buffer signature(kMaxEcSignature);
        Result<std::size_t> length = key.sign(drbg, hash, signature);
        ASSERT_TRUE(length);
        signature.resize(*length);
        EXPECT_TRUE(ecdsa_verify(GetParam(), point, hash, signature));
        hash[0] ^= 1;
        Status wrong = ecdsa_verify(GetParam(), point, hash, signature);
        ASSERT_FALSE(wrong);
        EXPECT_EQ(wrong.error(), Error::wrong_secret);
    }
}

TEST_P(Ec, SaveAndLoadKeepTheKey) {
    EcPrivateKey key;
    ASSERT_TRUE(key.generate(drbg, GetParam()));
    const Buffer bytes = saved(key);
    EcPrivateKey again;
    ASSERT_TRUE(again.load(bytes));
    EXPECT_EQ(point_of(again), point_of(key));
    EXPECT_EQ(saved(again), bytes);
}

TEST_P(Ec, BothSidesOfEcdhAgree) {
    EcPrivateKey a;
    EcPrivateKey b;
    ASSERT_TRUE(a.generate(drbg, GetParam()));
    ASSERT_TRUE(b.generate(drbg, GetParam()));
    Result<Secret<kMaxEcScalar>> one = a.ecdh(drbg, point_of(b));
    Result<Secret<kMaxEcScalar>> other = b.ecdh(drbg, point_of(a));
    ASSERT_TRUE(one);
    ASSERT_TRUE(other);
    EXPECT_EQ(one->size(), ec_scalar_size(GetParam()));
    EXPECT_EQ(to_hex(one->bytes()), to_hex(other->bytes()));
}

INSTANTIATE_TEST_SUITE_P(All, Ec, ::testing::Values(Curve::p256, Curve::p384));

}  // namespace
}  // namespace sealkey::crypto
