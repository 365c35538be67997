// Secrets of the CA at rest.
#include "ca/sealed_file.h"

#include <gtest/gtest.h>

#include "ca/certificate.h"
#include "unit/ca/refusal.h"

namespace sealkey::ca {
namespace {

const Bytes kOther = bytes_of("correct horsf");

TEST(SealedSecret, OpensUnderItsPassphraseAndPurposeOnly) {
    const auto content = seal_secret(bytes_of("masters"), kPassphrase, "a");
    const auto opened = unseal_secret(content, kPassphrase, "a");
    EXPECT_TRUE(equal(opened.bytes(), bytes_of("masters")));
    EXPECT_EQ(fault_of([&] { (void)unseal_secret(content, kOther, "a"); }), Fault::bad_passphrase);
    EXPECT_EQ(fault_of([&] { (void)unseal_secret(content, {}, "a"); }), Fault::bad_passphrase);
    EXPECT_EQ(fault_of([&] { (void)unseal_secret(content, kPassphrase, "b"); }), Fault::bad_passphrase);
}

TEST(SealedSecret, DamagedFilesAreRefused) {
    const auto content = seal_secret(bytes_of("masters"), kPassphrase, "a");
    const auto replaced = [&](const std::string& from, const std::string& to) {
        std::string bad = content;
        const auto at = bad.find(from);
        EXPECT_NE(at, std::string::npos) << from;
        return bad.replace(at, from.size(), to);
    };
    for (const std::string& bad :
         {std::string(), std::string("{}"), content.substr(0, content.size() / 2), replaced("sealkey-sealed", "other"),
          replaced("\"version\": 1", "\"version\": 2"), replaced("16384", "16385"), replaced("16384", "1073741824"),
          replaced("\"p\": 5", "\"p\": 5000"), replaced("\"r\": 8", "\"r\": 4096"),
          replaced("\"p\": 5", "\"p\": \"x\"")}) {
        EXPECT_EQ(fault_of([&] { (void)unseal_secret(bad, kPassphrase, "a"); }), Fault::corrupt) << bad;
    }
    // A changed byte of the sealed data can't be told from a wrong passphrase.
    std::string bad = content;
    const auto at = bad.find("\"data\": \"") + 9;
    bad[at] = bad[at] == '0' ? '1' : '0';
    EXPECT_EQ(fault_of([&] { (void)unseal_secret(bad, kPassphrase, "a"); }), Fault::bad_passphrase);
}

TEST(EncryptedKey, OpensUnderItsPassphraseOnly) {
    for (const char* type : {"p256", "sm2"}) {
        const PKey key = generate_key(type);
        const std::string pem = encrypt_key(key.get(), kPassphrase);
        EXPECT_NE(pem.find("BEGIN ENCRYPTED PRIVATE KEY"), std::string::npos);
        const PKey opened = decrypt_key(pem, kPassphrase);
        EXPECT_EQ(spki_of(opened.get()), spki_of(key.get()));
        EXPECT_EQ(fault_of([&] { (void)decrypt_key(pem, kOther); }), Fault::bad_passphrase);
        EXPECT_EQ(fault_of([&] { (void)decrypt_key(pem, {}); }), Fault::bad_passphrase);
        EXPECT_EQ(fault_of([&] { (void)decrypt_key(pem.substr(0, 80), kPassphrase); }), Fault::corrupt);
    }
    EXPECT_EQ(fault_of([] { (void)decrypt_key("hello", kPassphrase); }), Fault::corrupt);
}

TEST(EncryptedKey, ShortPassphrasesAreRefused) {
    const PKey key = generate_key("p256");
    EXPECT_EQ(fault_of([&] { (void)encrypt_key(key.get(), bytes_of("1234567")); }), Fault::bad_passphrase);
    EXPECT_EQ(fault_of([&] { (void)encrypt_key(key.get(), {}); }), Fault::bad_passphrase);
    EXPECT_EQ(fault_of([&] { (void)seal_secret(bytes_of("x"), {}, "a"); }), Fault::bad_passphrase);
}

}  // namespace
}  // namespace sealkey::ca
