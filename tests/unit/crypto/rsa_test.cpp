#include "crypto/rsa.h"

#include <vector>

#include "arena_level.h"
#include "rsa_vector.h"
#include "support/entropy.h"
#include "support/hex.h"

namespace sealkey::crypto {
namespace {

using testing::FakeEntropy;
using testing::from_hex;
using testing::to_hex;
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

// The key that OpenSSL made, brought by import.
class RsaVector : public Rsa {
protected:
    const Buffer p = from_hex(testing::kP), q = from_hex(testing::kQ), dp = from_hex(testing::kDp),
                 dq = from_hex(testing::kDq), qinv = from_hex(testing::kQinv);
    Error import_error(const RsaParts& parts, std::size_t modulus_bits = 2048) {
        RsaPrivateKey key;
        Status s = key.import(drbg, modulus_bits, parts);
        if (s) {
            ADD_FAILURE() << "was imported";
            return Error::busy;
        }
        EXPECT_EQ(key.modulus_size(), 0U);
        Buffer out(256);
        EXPECT_FALSE(key.private_operation(drbg, Buffer(256, 1), out));
        EXPECT_FALSE(key.save(out));
        return s.error();
    }
};

TEST_F(RsaVector, RawOperationIsOpenSslsToo) {
    RsaPrivateKey key;
    ASSERT_TRUE(key.import(drbg, 2048, {p, q, dp, dq, qinv}));
    Buffer modulus(256);
    ASSERT_TRUE(key.modulus(modulus));
    EXPECT_EQ(to_hex(modulus), testing::kModulus);
    Buffer message(256, 0);
    for (std::size_t i = 1; i < 256; ++i) message[i] = static_cast<std::uint8_t>(5 * i + 3);
    for (int round = 0; round < 3; ++round) {  // the blinding changes, the result doesn't
        Buffer out(256);
        ASSERT_TRUE(key.private_operation(drbg, message, out));
        EXPECT_EQ(to_hex(out), testing::kRawSignature);
    }
    ASSERT_TRUE(key.private_operation(drbg, message, message)) << "in place";
    EXPECT_EQ(to_hex(message), testing::kRawSignature);
}

// Lesson 31: the output is as long as the modulus even when the number is shorter.
TEST_F(RsaVector, Lesson31_ASmallResultKeepsItsLeadingZeros) {
    RsaPrivateKey key;
    ASSERT_TRUE(key.import(drbg, 2048, {p, q, dp, dq, qinv}));
    Buffer small(256, 0);
    small[255] = 2;
    Buffer encrypted(256);
    ASSERT_TRUE(rsa_public_operation(from_hex(testing::kModulus), small, encrypted));
    Buffer out(256, 0xEE);
    ASSERT_TRUE(key.private_operation(drbg, encrypted, out));
    EXPECT_EQ(out, small);
}

TEST_F(RsaVector, OperationsRefuseWhatDoesNotFit) {
    RsaPrivateKey key;
    Buffer out(256);
    EXPECT_FALSE(key.private_operation(drbg, Buffer(256, 1), out)) << "no key";
    ASSERT_TRUE(key.import(drbg, 2048, {p, q, dp, dq, qinv}));
    Buffer longer(257);
    EXPECT_EQ(key.private_operation(drbg, Buffer(255, 1), out).error(), Error::invalid);
    EXPECT_EQ(key.private_operation(drbg, Buffer(257, 0), longer).error(), Error::invalid);
    EXPECT_EQ(key.private_operation(drbg, Buffer(256, 1), longer).error(), Error::invalid);
    EXPECT_EQ(key.private_operation(drbg, from_hex(testing::kModulus), out).error(), Error::invalid) << "not below n";
    EXPECT_EQ(key.private_operation(drbg, Buffer(256, 0xFF), out).error(), Error::invalid);
    EXPECT_EQ(rsa_public_operation(from_hex(testing::kModulus), Buffer(256, 0xFF), out).error(), Error::invalid);
    EXPECT_EQ(rsa_public_operation(from_hex(testing::kModulus), Buffer(255, 0), out).error(), Error::invalid);
    Buffer tiny(255);
    EXPECT_FALSE(key.save(tiny));
    EXPECT_FALSE(key.modulus(tiny));
}

TEST_F(RsaVector, ImportRefusesPartsThatDoNotBelongTogether) {
    EXPECT_EQ(import_error({p, q, dq, dp, qinv}), Error::invalid) << "exponents swapped";
    EXPECT_EQ(import_error({q, p, dp, dq, qinv}), Error::invalid) << "primes swapped";
    EXPECT_EQ(import_error({q, p, dq, dp, qinv}), Error::invalid) << "qinv of the other order";
    EXPECT_EQ(import_error({p, p, dp, dp, qinv}), Error::invalid) << "p = q";
    EXPECT_EQ(import_error({p, q, dp, dq, dq}), Error::invalid);
    EXPECT_EQ(import_error({p, q, qinv, dq, qinv}), Error::invalid);
    const Buffer zero(128, 0);
    Buffer one(128, 0);
    one[127] = 1;
    for (const Buffer& bad : {zero, one}) {
        EXPECT_EQ(import_error({bad, q, dp, dq, qinv}), Error::invalid);
        EXPECT_EQ(import_error({p, bad, dp, dq, qinv}), Error::invalid);
        EXPECT_EQ(import_error({p, q, bad, dq, qinv}), Error::invalid);
        EXPECT_EQ(import_error({p, q, dp, bad, qinv}), Error::invalid);
        EXPECT_EQ(import_error({p, q, dp, dq, bad}), Error::invalid);
    }
    for (std::size_t part = 0; part < 5; ++part) {
        Buffer all[] = {p, q, dp, dq, qinv};
        all[part][64] ^= 0x10;
        EXPECT_EQ(import_error({all[0], all[1], all[2], all[3], all[4]}), Error::invalid) << part;
        all[part].clear();
        EXPECT_EQ(import_error({all[0], all[1], all[2], all[3], all[4]}), Error::invalid) << part;
        all[part].assign(129, 0);
        EXPECT_EQ(import_error({all[0], all[1], all[2], all[3], all[4]}), Error::invalid) << part;
    }
}

TEST_F(RsaVector, ImportRefusesACompositeThatFitsOtherwise) {
    const Buffer composite = from_hex(testing::kCompositeP);
    const Buffer its_dp = from_hex(testing::kCompositeDp);
    const Buffer its_qinv = from_hex(testing::kCompositeQinv);
    EXPECT_EQ(import_error({composite, q, its_dp, dq, its_qinv}), Error::invalid);
}

TEST_F(RsaVector, ImportRefusesOtherSizes) {
    for (std::size_t bits : {0U, 16U, 1024U, 2040U, 3072U, 4096U, 8192U}) {
        EXPECT_EQ(import_error({p, q, dp, dq, qinv}, bits), Error::invalid) << bits;
    }
    RsaPrivateKey key;
    for (std::size_t bits : {0U, 512U, 1024U, 2047U, 8192U}) {
        EXPECT_EQ(key.generate(drbg, bits).error(), Error::invalid) << bits;
    }
}

TEST_F(RsaVector, LoadRefusesWhatSaveDidNotWrite) {
    RsaPrivateKey key;
    ASSERT_TRUE(key.import(drbg, 2048, {p, q, dp, dq, qinv}));
    const Buffer good = saved(key);
    std::vector<Buffer> bad = {{}, {1}, {1, 8}, Buffer(good.begin(), good.end() - 1)};
    bad.push_back(good);
    bad.back().push_back(0);
    bad.push_back(good);
    bad.back()[0] = 2;  // another format
    bad.push_back(good);
    bad.back()[1] = 12;  // another size
    bad.push_back(good);
    std::fill(bad.back().begin() + 2, bad.back().begin() + 130, std::uint8_t{0});  // p = 0
    for (const Buffer& bytes : bad) {
        RsaPrivateKey other;
        Status s = other.load(bytes);
        ASSERT_FALSE(s);
        EXPECT_EQ(s.error(), Error::invalid);
        EXPECT_EQ(other.modulus_size(), 0U);
    }
}

// A damaged exponent would give away a factor of n (Boneh, DeMillo, Lipton): no faulty result may leave.
TEST_F(RsaVector, AFaultInTheKeyGivesNoSignature) {
    RsaPrivateKey key;
    ASSERT_TRUE(key.import(drbg, 2048, {p, q, dp, dq, qinv}));
    Buffer bytes = saved(key);
    for (std::size_t part = 2; part < 5; ++part) {
        Buffer damaged = bytes;
        damaged[2 + part * 128 + 77] ^= 0x04;
        RsaPrivateKey broken;
        ASSERT_TRUE(broken.load(damaged));
        Buffer message(256, 0x11);
        Buffer out(256, 0xEE);
        Status s = broken.private_operation(drbg, message, out);
        ASSERT_FALSE(s);
        EXPECT_EQ(s.error(), Error::crypto_failure);
        EXPECT_EQ(out, Buffer(256, 0));
    }
}

TEST_F(RsaVector, NoSignatureWithoutRandomBytesForTheBlinding) {
    RsaPrivateKey key;
    ASSERT_TRUE(key.import(drbg, 2048, {p, q, dp, dq, qinv}));
    Drbg unseeded(entropy);
    Buffer out(256, 0xEE);
    Status s = key.private_operation(unseeded, Buffer(256, 0x11), out);
    ASSERT_FALSE(s);
    EXPECT_EQ(s.error(), Error::crypto_failure);
    EXPECT_EQ(out, Buffer(256, 0));
}

// Figures of the arena for the largest key; through the applet in tests/unit/memory.
TEST_F(Rsa, Rsa4096FitsTheArena) {
    reset_arena_peak();
    RsaPrivateKey key;
    ASSERT_TRUE(key.generate(drbg, 4096));
    const std::size_t made = arena_peak();
    const Buffer bytes = saved(key);
    ASSERT_FALSE(key.load({}));  // lets the made key go
    reset_arena_peak();
    RsaPrivateKey loaded;
    ASSERT_TRUE(loaded.load(bytes));
    expect_works(loaded, drbg, 4096);
    const std::size_t used = arena_peak();
    std::printf("arena peak, RSA-4096: %zu bytes making it, %zu using it, of %zu\n", made, used, kArenaSize);
    EXPECT_GT(used, 4096U);
    EXPECT_LE(made, std::size_t{24} * 1024);
    EXPECT_LE(used, std::size_t{24} * 1024);
}

}  // namespace
}  // namespace sealkey::crypto
