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

class EcVectors : public ArenaLevel {
protected:
    EcVectors() : drbg(entropy) {}
    void SetUp() override {
        ArenaLevel::SetUp();
        ASSERT_TRUE(drbg.seed());
    }
    FakeEntropy entropy;
    Drbg drbg;
};

class Ec : public EcVectors, public ::testing::WithParamInterface<Curve> {};

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

TEST_P(Ec, PointsOffTheCurveAreRefused) {
    EcPrivateKey key;
    ASSERT_TRUE(key.generate(drbg, GetParam()));
    const Buffer good = point_of(key);
    std::vector<Buffer> bad = {{}, {0x04}, {0x00}, Buffer(good.begin(), good.end() - 1)};
    bad.push_back(good);
    bad.back().push_back(0);
    for (std::uint8_t form : {0x00, 0x02, 0x03, 0x05, 0x06, 0x07}) {
        bad.push_back(good);
        bad.back()[0] = form;
    }
    bad.push_back(good);
    bad.back().back() ^= 1;  // y no longer fits x
    bad.push_back(good);
    bad.back()[1] ^= 0x40;
    bad.emplace_back(good.size(), std::uint8_t{0});  // (0, 0)
    bad.back()[0] = 0x04;
    bad.emplace_back(good.size(), std::uint8_t{0xFF});  // coordinates past the prime
    bad.back()[0] = 0x04;
    const Buffer hash = digest(32);
    Buffer signature(kMaxEcSignature);
    signature.resize(*key.sign(drbg, hash, signature));
    for (const Buffer& point : bad) {
        Result<Secret<kMaxEcScalar>> shared = key.ecdh(drbg, point);
        ASSERT_FALSE(shared) << to_hex(point);
        EXPECT_EQ(shared.error(), Error::invalid);
        EXPECT_EQ(ecdsa_verify(GetParam(), point, hash, signature).error(), Error::invalid);
    }
    EXPECT_FALSE(key.ecdh(drbg, Buffer(GetParam() == Curve::p256 ? 97 : 65, 0x04))) << "the other curve's size";
}

TEST_P(Ec, ImportChecksTheRangeOfTheScalar) {
    const std::size_t size = ec_scalar_size(GetParam());
    const Buffer order = GetParam() == Curve::p256
                             ? from_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")
                             : from_hex(
                                   "ffffffffffffffffffffffffffffffffffffffffffffffff"
                                   "c7634d81f4372ddf581a0db248b0a77aecec196accc52973");
    Buffer above = order;
    above.back() += 1;
    for (const Buffer& bad : {Buffer(size, 0), order, above, Buffer(size, 0xFF), Buffer(size - 1, 1),
                              Buffer(size + 1, 0), Buffer(), Buffer(1, 1)}) {
        EcPrivateKey key;
        Status s = key.import(drbg, GetParam(), bad);
        ASSERT_FALSE(s) << to_hex(bad);
        EXPECT_EQ(s.error(), Error::invalid);
        EXPECT_FALSE(key.curve());
        Buffer out(kEcSavedMax);
        EXPECT_FALSE(key.save(out));
        EXPECT_FALSE(key.sign(drbg, digest(32), out));
    }
    Buffer last = order;
    last.back() -= 1;
    EcPrivateKey key;
    EXPECT_TRUE(key.import(drbg, GetParam(), last));
    Buffer one(size, 0);
    one.back() = 1;
    EXPECT_TRUE(key.import(drbg, GetParam(), one));
}

TEST_P(Ec, LoadRefusesWhatSaveDidNotWrite) {
    EcPrivateKey key;
    ASSERT_TRUE(key.generate(drbg, GetParam()));
    const Buffer good = saved(key);
    std::vector<Buffer> bad = {{}, {1}, {1, good[1]}, Buffer(good.begin(), good.end() - 1)};
    bad.push_back(good);
    bad.back().push_back(0);
    for (std::uint8_t wrong : {0, 3, 0xFF}) {
        bad.push_back(good);
        bad.back()[1] = wrong;
    }
    bad.push_back(good);
    bad.back()[0] = 2;
    bad.push_back(good);
    bad.back().back() ^= 1;
    for (const Buffer& bytes : bad) {
        EcPrivateKey other;
        Status s = other.load(bytes);
        ASSERT_FALSE(s);
        EXPECT_EQ(s.error(), Error::invalid);
        EXPECT_FALSE(other.curve());
    }
}

TEST_P(Ec, SignRefusesLengthsAndSmallBuffers) {
    EcPrivateKey key;
    Buffer out(kMaxEcSignature);
    EXPECT_FALSE(key.sign(drbg, digest(32), out)) << "no key";
    ASSERT_TRUE(key.generate(drbg, GetParam()));
    EXPECT_FALSE(key.sign(drbg, {}, out));
    EXPECT_FALSE(key.sign(drbg, digest(65), out));
    Buffer tiny(8);
    EXPECT_FALSE(key.sign(drbg, digest(32), tiny));
    Drbg unseeded(entropy);
    EXPECT_FALSE(key.sign(unseeded, digest(32), out)) << "no k without random bytes";
}

TEST_P(Ec, MalformedSignaturesAreRefused) {
    EcPrivateKey key;
    ASSERT_TRUE(key.generate(drbg, GetParam()));
    const Buffer point = point_of(key);
    const Buffer hash = digest(32);
    Buffer good(kMaxEcSignature);
    good.resize(*key.sign(drbg, hash, good));
    for (std::size_t length = 0; length < good.size(); ++length) {
        EXPECT_FALSE(ecdsa_verify(GetParam(), point, hash, Bytes(good).first(length)));
    }
    Buffer longer = good;
    longer.push_back(0);
    EXPECT_FALSE(ecdsa_verify(GetParam(), point, hash, longer));
    EXPECT_FALSE(ecdsa_verify(GetParam(), point, hash, from_hex("3006020100020100"))) << "r = s = 0";
    for (std::size_t i = 0; i < good.size(); ++i) {
        Buffer altered = good;
        altered[i] ^= 0x20;
        EXPECT_FALSE(ecdsa_verify(GetParam(), point, hash, altered)) << i;
    }
}

INSTANTIATE_TEST_SUITE_P(All, Ec, ::testing::Values(Curve::p256, Curve::p384));

// RFC 6979, A.2.5 and A.2.6, message "sample": the public point of the scalar, and signatures made elsewhere verify.
TEST_F(EcVectors, Rfc6979) {
    const struct {
        Curve curve;
        Hash hash;
        const char* scalar;
        const char* point;
        const char* der;
    } rows[] = {
        {Curve::p256, Hash::sha256, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
         "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
         "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
         "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
         "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
        {Curve::p384, Hash::sha384,
         "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5",
         "04ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13"
         "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720",
         "306602310094edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe46"
         "02310099ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8"},
    };
    for (const auto& row : rows) {
        EcPrivateKey key;
        ASSERT_TRUE(key.import(drbg, row.curve, from_hex(row.scalar)));
        EXPECT_EQ(to_hex(point_of(key)), row.point);
        Buffer hash(kMaxHashSize);
        hash.resize(*hash_of(row.hash, bytes_of("sample"), hash));
        EXPECT_TRUE(ecdsa_verify(row.curve, from_hex(row.point), hash, from_hex(row.der)));
    }
}

// NIST's component test vectors for ECC CDH, P-256, the first one.
TEST_F(EcVectors, NistEcdh) {
    EcPrivateKey key;
    ASSERT_TRUE(
        key.import(drbg, Curve::p256, from_hex("7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534")));
    Result<Secret<kMaxEcScalar>> shared =
        key.ecdh(drbg, from_hex("04700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287"
                                "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac"));
    ASSERT_TRUE(shared);
    EXPECT_EQ(to_hex(shared->bytes()), "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b");
}

}  // namespace
}  // namespace sealkey::crypto
