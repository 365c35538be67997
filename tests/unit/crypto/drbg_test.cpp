#include "crypto/drbg.h"

#include <algorithm>
#include <vector>

#include "arena_level.h"
#include "crypto/ec.h"
#include "crypto/rsa.h"
#include "support/entropy.h"

namespace sealkey::crypto {
namespace {

using testing::FakeEntropy;
using Buffer = std::vector<std::uint8_t>;

class DrbgTest : public ArenaLevel {
protected:
    FakeEntropy entropy;
};

TEST_F(DrbgTest, GivesNothingBeforeItIsSeeded) {
    Drbg drbg(entropy);
    Buffer out(64, 0xEE);
    Status s = drbg.fill(out);
    ASSERT_FALSE(s);
    EXPECT_EQ(s.error(), Error::crypto_failure);
    EXPECT_EQ(out, Buffer(64, 0));
}

TEST_F(DrbgTest, GivesNothingWhenTheSourceFailsItsHealthTestAtTheStart) {
    entropy.failing = true;
    Drbg drbg(entropy);
    EXPECT_FALSE(drbg.seed());
    Buffer out(64, 0xEE);
    EXPECT_FALSE(drbg.fill(out));
    EXPECT_EQ(out, Buffer(64, 0));
    entropy.failing = false;
    EXPECT_TRUE(drbg.seed());
    EXPECT_TRUE(drbg.fill(out));
}

TEST_F(DrbgTest, NoKeyIsMadeWhenTheSourceFailsLater) {
    Drbg drbg(entropy);
    ASSERT_TRUE(drbg.seed());
    entropy.failing = true;
    RsaPrivateKey rsa;
    Status s = rsa.generate(drbg, 2048);
    ASSERT_FALSE(s);
    EXPECT_EQ(s.error(), Error::crypto_failure);
    EXPECT_EQ(rsa.modulus_size(), 0U);
    EcPrivateKey ec;
    s = ec.generate(drbg, Curve::p256);
    ASSERT_FALSE(s);
    EXPECT_EQ(s.error(), Error::crypto_failure);
    EXPECT_FALSE(ec.curve());
    EXPECT_FALSE(drbg.reseed());
}

TEST_F(DrbgTest, ReseedSeedsWhatWasNeverSeeded) {
    Drbg drbg(entropy);
    ASSERT_TRUE(drbg.reseed());
    Buffer out(16);
    EXPECT_TRUE(drbg.fill(out));
}

// The generator reseeds by itself after 10000 requests; when that fails it must not go on with the old state.
TEST_F(DrbgTest, StopsWhenAReseedThatIsDueFails) {
    Drbg drbg(entropy);
    ASSERT_TRUE(drbg.seed());
    entropy.failing = true;
    Buffer out(16);
    int requests = 0;
    while (drbg.fill(out) && requests < 20000) ++requests;
    EXPECT_LE(requests, 10000);
    EXPECT_EQ(out, Buffer(16, 0));
    EXPECT_FALSE(drbg.fill(out));
}

TEST_F(DrbgTest, LongRequestsAreFilledToTheLastByte) {
    Drbg drbg(entropy);
    ASSERT_TRUE(drbg.seed());
    Buffer out(5000, 0);
    ASSERT_TRUE(drbg.fill(out));
    for (std::size_t at = 0; at + 16 <= out.size(); at += 16) {
        EXPECT_TRUE(std::any_of(out.begin() + static_cast<std::ptrdiff_t>(at),
                                out.begin() + static_cast<std::ptrdiff_t>(at + 16), [](auto b) { return b != 0; }))
            << at;
    }
    EXPECT_TRUE(drbg.fill({}));
}

TEST_F(DrbgTest, TwoSourcesGiveDifferentBytes) {
    FakeEntropy other(2);
    Drbg a(entropy);
    Drbg b(other);
    ASSERT_TRUE(a.seed());
    ASSERT_TRUE(b.seed());
    Buffer one(32);
    Buffer two(32);
    ASSERT_TRUE(a.fill(one));
    ASSERT_TRUE(b.fill(two));
    EXPECT_NE(one, two);
    ASSERT_TRUE(a.fill(two));
    EXPECT_NE(one, two);
}

}  // namespace
}  // namespace sealkey::crypto
