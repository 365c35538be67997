// The static arena holds everything up to RSA-4096, through whole APDUs.
#include <gtest/gtest.h>

#include <cstdio>

#include "crypto/arena.h"
#include "crypto/rsa.h"
#include "support/renewal_desk.h"
#include "support/token_fixture.h"

namespace sealkey::testing {
namespace {

class Arena : public ::testing::Test {
protected:
    void SetUp() override {
        token = TestToken::personalised(Profile::compatibility);
        ASSERT_EQ(token->authenticate(), sw::ok);
        ASSERT_TRUE(token->verify(kDefaultPin).ok());
        crypto::reset_arena_peak();
    }
    void report(const char* what) {
        const std::size_t peak = crypto::arena_peak();
        std::printf("arena peak, %s: %zu of %zu bytes\n", what, peak, crypto::kArenaSize);
        EXPECT_GT(peak, 4096U) << "the operation didn't work in the arena";
        EXPECT_LE(peak, std::size_t{24} * 1024);
        crypto::reset_arena_peak();
    }
    ByteVector block() {
        ByteVector out(512, 0x21);
        out[0] = 0;
        return out;
    }
    std::unique_ptr<TestToken> token;
};

TEST_F(Arena, Rsa4096ImportAndSignature) {
    FakeEntropy entropy(3);
    ByteVector saved(crypto::kRsaSavedMax);
    {
        crypto::Drbg drbg(entropy);
        ASSERT_TRUE(drbg.seed());
        crypto::RsaPrivateKey key;
        ASSERT_TRUE(key.generate(drbg, 4096));
        saved.resize(*key.save(saved));
    }
    crypto::reset_arena_peak();
    const std::size_t level = crypto::arena_in_use();
    ByteVector data;
    for (std::size_t part = 0; part < 5; ++part) {
        const auto begin = saved.begin() + 2 + static_cast<std::ptrdiff_t>(part * 256);
        data = concat({data, tlv(static_cast<std::uint32_t>(part + 1), ByteVector(begin, begin + 256))});
    }
    ASSERT_TRUE(token->send(0x00, 0xFE, 0x16, ref::authentication, data).ok());
    report("RSA-4096 import");
    const Reply signature = token->use_key(ref::authentication, Algorithm::rsa4096, block());
    ASSERT_TRUE(signature.ok());
    EXPECT_GT(signature.data.size(), 512U);
    report("RSA-4096 signature");
    EXPECT_EQ(crypto::arena_in_use(), level) << "bytes were left in the arena";
}

TEST_F(Arena, Rsa4096Generation) {
    const std::size_t level = crypto::arena_in_use();
    ASSERT_TRUE(token->generate(ref::authentication, Algorithm::rsa4096).ok());
    report("RSA-4096 generation");
    EXPECT_EQ(crypto::arena_in_use(), level) << "bytes were left in the arena";
    ASSERT_TRUE(token->use_key(ref::authentication, Algorithm::rsa4096, block()).ok());
    report("RSA-4096 signature with it");
}

// A renewal with the longest keys on both sides: staged key and issuer of RSA-4096.
TEST_F(Arena, Rsa4096Renewal) {
    TestCa ca("RSA-4096");
    ASSERT_TRUE(token->put_data(object::issuer_certificate, certificate_object(ca.certificate())).ok());
    token::Token client(std::make_unique<TokenConnection>(*token));
    RenewalPlan plan = plan_of(1, {{ref::authentication, Algorithm::rsa4096}});
    const std::size_t level = crypto::arena_in_use();
    ASSERT_EQ(token::stage_begin(client, plan.rid, plan.roles).missing, 0);
    report("STAGE BEGIN, RSA-4096");
    const auto told = token::stage_status(client);
    const PKey key = key_of(token::stage_public_key(client, told.staged.at(0)));
    const ByteVector info = request_info(key);
    EXPECT_TRUE(verifies(key, info, token::stage_csr(client, ref::authentication, info)));
    report("STAGE CSR, RSA-4096");
    const ByteVector object_of = certificate_object(ca.issue(key, "renewed"));
    token::stage_certificate(client, ref::authentication, object_of);
    token::Manifest manifest;
    manifest.serial = std::string(kSerial);
    manifest.rid = plan.rid;
    manifest.roles = 0x01;
    manifest.certificates = {digest_of(object_of)};
    manifest.guid = plan.guid;
    crypto::reset_arena_peak();
    token::stage_commit(client, ca.manifest(manifest));
    report("COMMIT, issuer RSA-4096");
    EXPECT_EQ(crypto::arena_in_use(), level) << "bytes were left in the arena";
}

}  // namespace
}  // namespace sealkey::testing
