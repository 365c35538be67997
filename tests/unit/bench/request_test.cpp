// Requests that a token signs, over a connection that answers with keys of OpenSSL.
#include "bench/request.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>

#include "bench/management_cipher.h"
#include "bench/program_run.h"
#include "ca/certificate.h"
#include "ca/error.h"

namespace sealkey::bench {
namespace {

token::PublicKey public_of(EVP_PKEY* key, protocol::Algorithm algorithm) {
    token::PublicKey out;
    out.algorithm = algorithm;
    unsigned char* point = nullptr;
    const std::size_t size = EVP_PKEY_get1_encoded_public_key(key, &point);
    out.point.assign(point, point + size);
    OPENSSL_free(point);
    return out;
}

TEST(PublicKey, IsTheTokensOwn) {
    const ca::PKey p256(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    const ca::PKey p384(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-384"));
    EXPECT_EQ(ca::spki_of(public_key_of(public_of(p256.get(), protocol::Algorithm::p256)).get()),
              ca::spki_of(p256.get()));
    EXPECT_EQ(ca::spki_of(public_key_of(public_of(p384.get(), protocol::Algorithm::p384)).get()),
              ca::spki_of(p384.get()));
}

TEST(PublicKey, NonsenseIsRefused) {
    token::PublicKey key;
    key.algorithm = protocol::Algorithm::p256;
    EXPECT_THROW((void)public_key_of(key), ca::CaError);
    key.point.assign(65, 0x04);
    EXPECT_THROW((void)public_key_of(key), ca::CaError);
}

TEST(ManagementCipher, PublishedVectorsAndWrongLengths) {
    // FIPS 197, C.3; NIST's DES-EDE3 variable-text vector has all keys equal, so this is single DES.
    ca::ByteVector key(32);
    for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i);
    ManagementCipher aes(protocol::Algorithm::aes256, key);
    ca::ByteVector block = ca::unhex("00112233445566778899aabbccddeeff");
    ca::ByteVector out(16);
    aes.encrypt(block, out);
    EXPECT_EQ(ca::hex(out), "8ea2b7ca516745bfeafc49904b496089");
    aes.decrypt(out, out);
    EXPECT_EQ(out, block);
    for (std::size_t size : {0U, 8U, 16U, 24U, 31U}) {
        EXPECT_THROW(ManagementCipher(protocol::Algorithm::aes256, Bytes(key).first(size)), ca::CaError) << size;
    }
    EXPECT_THROW(ManagementCipher(protocol::Algorithm::rsa2048, key), ca::CaError);
}

TEST(ProgramRun, ExitCodesOutputAndTime) {
    const auto said =
        run_program({"sh", "-c", "echo $HELLO; echo bad >&2; exit 3"}, {{"HELLO", "there"}}, std::chrono::seconds(20));
    EXPECT_EQ(said.code, 3);
    EXPECT_EQ(said.output, "there\nbad\n");
    EXPECT_EQ(run_program({"/nonexistent/program"}, {}, std::chrono::seconds(20)).code, 127);
    EXPECT_EQ(run_program({"sh", "-c", "kill -TERM $$"}, {}, std::chrono::seconds(20)).code, 128 + 15);
    const auto late = run_program({"sleep", "600"}, {}, std::chrono::seconds(1));
    EXPECT_TRUE(late.timed_out);
    // Nothing to read: standard input is empty.
    EXPECT_EQ(run_program({"cat"}, {}, std::chrono::seconds(20)).output, "");
}

}  // namespace
}  // namespace sealkey::bench
