// Known answers: each of them notices when its algorithm is broken, and then the token says nothing but 6F01. The
// linker puts the functions below in front of mbedTLS's.
#include <gtest/gtest.h>
#include <mbedtls/aes.h>
#include <mbedtls/cipher.h>
#include <mbedtls/ctr_drbg.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/gcm.h>
#include <mbedtls/rsa.h>
#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>

#include <string>

#include "crypto/arena.h"
#include "crypto/self_test.h"
#include "support/token_fixture.h"

namespace {

// The algorithm that is broken now, by its test's name.
std::string g_broken;

void damage(const char* name, unsigned char* out) {
    if (g_broken == name) out[0] ^= 0x10;
}

}  // namespace

extern "C" {

int __real_mbedtls_sha256(const unsigned char* in, size_t size, unsigned char* out, int is224);
int __wrap_mbedtls_sha256(const unsigned char* in, size_t size, unsigned char* out, int is224) {
    const int code = __real_mbedtls_sha256(in, size, out, is224);
    damage("SHA-256", out);
    return code;
}

int __real_mbedtls_sha512(const unsigned char* in, size_t size, unsigned char* out, int is384);
int __wrap_mbedtls_sha512(const unsigned char* in, size_t size, unsigned char* out, int is384) {
    const int code = __real_mbedtls_sha512(in, size, out, is384);
    damage("SHA-512", out);
    return code;
}

int __real_mbedtls_aes_crypt_ecb(mbedtls_aes_context* context, int mode, const unsigned char* in, unsigned char* out);
int __wrap_mbedtls_aes_crypt_ecb(mbedtls_aes_context* context, int mode, const unsigned char* in, unsigned char* out) {
    const int code = __real_mbedtls_aes_crypt_ecb(context, mode, in, out);
    damage("AES-256", out);
    return code;
}

int __real_mbedtls_cipher_cmac_finish(mbedtls_cipher_context_t* context, unsigned char* out);
int __wrap_mbedtls_cipher_cmac_finish(mbedtls_cipher_context_t* context, unsigned char* out) {
    const int code = __real_mbedtls_cipher_cmac_finish(context, out);
    damage("AES-CMAC", out);
    return code;
}

int __real_mbedtls_gcm_crypt_and_tag(mbedtls_gcm_context* context, int mode, size_t length, const unsigned char* iv,
                                     size_t iv_length, const unsigned char* associated, size_t associated_length,
                                     const unsigned char* in, unsigned char* out, size_t tag_length,
                                     unsigned char* tag);
int __wrap_mbedtls_gcm_crypt_and_tag(mbedtls_gcm_context* context, int mode, size_t length, const unsigned char* iv,
                                     size_t iv_length, const unsigned char* associated, size_t associated_length,
                                     const unsigned char* in, unsigned char* out, size_t tag_length,
                                     unsigned char* tag) {
    const int code = __real_mbedtls_gcm_crypt_and_tag(context, mode, length, iv, iv_length, associated,
                                                      associated_length, in, out, tag_length, tag);
    damage("AES-GCM", tag);
    return code;
}

int __real_mbedtls_ctr_drbg_random(void* context, unsigned char* out, size_t length);
int __wrap_mbedtls_ctr_drbg_random(void* context, unsigned char* out, size_t length) {
    const int code = __real_mbedtls_ctr_drbg_random(context, out, length);
    damage("CTR_DRBG", out);
    return code;
}

int __real_mbedtls_ecdsa_sign(mbedtls_ecp_group* group, mbedtls_mpi* r, mbedtls_mpi* s, const mbedtls_mpi* d,
                              const unsigned char* digest, size_t size, int (*random)(void*, unsigned char*, size_t),
                              void* state);
int __wrap_mbedtls_ecdsa_sign(mbedtls_ecp_group* group, mbedtls_mpi* r, mbedtls_mpi* s, const mbedtls_mpi* d,
                              const unsigned char* digest, size_t size, int (*random)(void*, unsigned char*, size_t),
                              void* state) {
    const int code = __real_mbedtls_ecdsa_sign(group, r, s, d, digest, size, random, state);
    const char* name = group->id == MBEDTLS_ECP_DP_SECP256R1 ? "ECDSA P-256" : "ECDSA P-384";
    if (g_broken == name) (void)mbedtls_mpi_add_int(s, s, 1);
    return code;
}

int __real_mbedtls_rsa_private(mbedtls_rsa_context* context, int (*random)(void*, unsigned char*, size_t), void* state,
                               const unsigned char* in, unsigned char* out);
int __wrap_mbedtls_rsa_private(mbedtls_rsa_context* context, int (*random)(void*, unsigned char*, size_t), void* state,
                               const unsigned char* in, unsigned char* out) {
    const int code = __real_mbedtls_rsa_private(context, random, state, in, out);
    damage("RSA", out);
    return code;
}

}  // extern "C"

namespace sealkey::testing {
namespace {

using crypto::KnownAnswer;
using crypto::SelfTests;
using crypto::Tested;

class KnownAnswers : public ::testing::Test {
protected:
    void SetUp() override { crypto::init_arena(); }
    void TearDown() override { g_broken.clear(); }
};

TEST_F(KnownAnswers, AllHold) {
    for (const KnownAnswer& answer : crypto::known_answers()) EXPECT_TRUE(answer.holds()) << answer.name;
}

TEST_F(KnownAnswers, EachNoticesItsAlgorithmBroken) {
    for (const KnownAnswer& answer : crypto::known_answers()) {
        g_broken = answer.name;
        EXPECT_FALSE(answer.holds()) << answer.name;
        g_broken.clear();
        EXPECT_TRUE(answer.holds()) << answer.name;
    }
}

TEST_F(KnownAnswers, AFailureIsFinal) {
    SelfTests tests;
    ASSERT_TRUE(tests.before(Tested::symmetric));
    g_broken = "ECDSA P-384";
    EXPECT_TRUE(tests.before(Tested::p256));
    EXPECT_FALSE(tests.before(Tested::p384));
    EXPECT_TRUE(tests.failed());
    EXPECT_STREQ(tests.failed_name(), "ECDSA P-384");
    g_broken.clear();
    EXPECT_FALSE(tests.before(Tested::p384));
    EXPECT_FALSE(tests.before(Tested::p256)) << "nor does anything else go on";
}

TEST_F(KnownAnswers, EachIsAskedOnce) {
    static int asked;
    asked = 0;
    static constexpr KnownAnswer counting[] = {{"counted", Tested::rsa, [] { return ++asked == 1; }}};
    SelfTests tests(counting);
    EXPECT_TRUE(tests.before(Tested::p256)) << "nothing to do";
    EXPECT_TRUE(tests.before(Tested::rsa));
    EXPECT_TRUE(tests.before(Tested::rsa));
    EXPECT_EQ(asked, 1);
}

void expect_dumb(TestToken& token) {
    EXPECT_EQ(token.select().sw, 0x6F01);
    EXPECT_EQ(token.status().sw, 0x6F01);
    EXPECT_EQ(token.verify(kDefaultPin).sw, 0x6F01);
    EXPECT_EQ(token.get_data(object::chuid).sw, 0x6F01);
}

class SelfTestedToken : public KnownAnswers {
protected:
    void SetUp() override {
        ASSERT_EQ(token->authenticate(), sw::ok);
        ASSERT_TRUE(token->import_p256(ref::authentication).ok());
    }
    std::unique_ptr<TestToken> token = TestToken::personalised(Profile::compatibility);
};

TEST_F(SelfTestedToken, DoesntStartOnABrokenSymmetricAlgorithm) {
    for (const char* name : {"SHA-256", "SHA-512", "AES-256", "AES-CMAC", "AES-GCM", "CTR_DRBG"}) {
        g_broken = name;
        EXPECT_FALSE(token->power_cycle()) << name;
        expect_dumb(*token);
        EXPECT_EQ(token->parts().indicator.last, platform::Indication::error);
    }
    g_broken.clear();
    EXPECT_TRUE(token->power_cycle());
    EXPECT_TRUE(token->verify(kDefaultPin).ok());
}

TEST_F(SelfTestedToken, StopsBeforeABrokenSignatureLeavesIt) {
    g_broken = "ECDSA P-256";
    ASSERT_TRUE(token->power_cycle()) << "what isn't used isn't asked";
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    const Reply signature = token->sign(ref::authentication);
    EXPECT_EQ(signature.sw, 0x6F01);
    EXPECT_TRUE(signature.data.empty());
    g_broken.clear();
    expect_dumb(*token);
    ASSERT_TRUE(token->power_cycle());
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    EXPECT_TRUE(token->sign(ref::authentication).ok());
}

TEST_F(SelfTestedToken, MakesNoKeyWithABrokenAlgorithm) {
    ASSERT_TRUE(token->power_cycle());
    ASSERT_EQ(token->authenticate(), sw::ok);
    g_broken = "RSA";
    EXPECT_EQ(token->generate(ref::signature, Algorithm::rsa2048).sw, 0x6F01);
    g_broken.clear();
    expect_dumb(*token);
}

}  // namespace
}  // namespace sealkey::testing
