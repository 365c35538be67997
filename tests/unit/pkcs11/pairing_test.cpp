// A certificate and the key in its slot: what a program is told when an import has left the certificate of another key.
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "module.h"

namespace sealkey::test {
namespace {

using protocol::Algorithm;

ByteVector number(const Key& key, const char* name, int width) {
    BIGNUM* value = nullptr;
    if (EVP_PKEY_get_bn_param(key.get(), name, &value) != 1) throw std::runtime_error(name);
    ByteVector out(static_cast<std::size_t>(width));
    BN_bn2binpad(value, out.data(), width);
    BN_free(value);
    return out;
}

ByteVector point_of(const Key& key) {
    ByteVector wrapped(67);
    wrapped[0] = 0x04;
    wrapped[1] = 65;
    std::size_t size = 0;
    EVP_PKEY_get_octet_string_param(key.get(), OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, &wrapped[2], 65, &size);
    return wrapped;
}

class PairingTest : public PersonalisedModuleTest {
protected:
    PairingTest() { p11_.C_Finalize(nullptr); }
    void start() {
        ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
        session_ = open(CKF_SERIAL_SESSION | CKF_RW_SESSION);
        ASSERT_EQ(login(session_, kPin), CKR_OK);
    }
    // Keys of the same kind and size as those whose certificates stand in the slots.
    void import(std::uint8_t slot, const Key& key) {
        const auto token = key_.client();
        key_.authenticate(*token);
        if (EVP_PKEY_is_a(key.get(), "RSA") != 0) {
            const auto half = [&](const char* name) { return number(key, name, 128); };
            const ByteVector p = half(OSSL_PKEY_PARAM_RSA_FACTOR1);
            const ByteVector q = half(OSSL_PKEY_PARAM_RSA_FACTOR2);
            const ByteVector dp = half(OSSL_PKEY_PARAM_RSA_EXPONENT1);
            const ByteVector dq = half(OSSL_PKEY_PARAM_RSA_EXPONENT2);
            const ByteVector qinv = half(OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
            token->import_rsa(slot, Algorithm::rsa2048, {p, q, dp, dq, qinv});
        } else {
            token->import_ec(slot, Algorithm::p256, number(key, OSSL_PKEY_PARAM_PRIV_KEY, 32));
        }
    }
    void write_certificate(std::uint8_t slot, const Key& key) {
        const auto token = key_.client();
        key_.authenticate(*token);
        token->write_certificate(slot, certificate_for(key, "Renewed"));
    }
    // The module reads the status again after a change of the PIN, without waiting for its own to grow old.
    void read_status_again() {
        CK_UTF8CHAR pin[] = "123456";
        CK_UTF8CHAR other[] = "248163";
        ASSERT_EQ(p11_.C_SetPIN(session_, pin, 6, other, 6), CKR_OK);
    }
    std::vector<CK_OBJECT_HANDLE> certificates(const char* label) {
        return find(session_, std::move(Template().number(CKA_CLASS, CKO_CERTIFICATE).bytes(CKA_LABEL, text(label))));
    }
    CK_SESSION_HANDLE session_ = CK_INVALID_HANDLE;
    const Key rsa_{EVP_RSA_gen(2048), EVP_PKEY_free};
    const Key ec_{EVP_EC_gen("prime256v1"), EVP_PKEY_free};
};

TEST_F(PairingTest, Lesson12_PublicKeyIsAlwaysThatOfThePrivateKey) {
    import(0x9A, rsa_);
    import(0x82, ec_);
    start();
    for (const CK_OBJECT_CLASS kind : {CKO_PUBLIC_KEY, CKO_PRIVATE_KEY}) {
        EXPECT_EQ(attribute(session_, object(session_, kind, kLogin), CKA_MODULUS),
                  number(rsa_, OSSL_PKEY_PARAM_RSA_N, 256));
        EXPECT_EQ(attribute(session_, object(session_, kind, kFormer), CKA_EC_POINT), point_of(ec_));
        EXPECT_EQ(attribute(session_, object(session_, kind, kLogin), CKA_SUBJECT), ByteVector{});
    }
    const ByteVector hash = sha256(text("a licence application"));
    const auto signature = sign(session_, {CKM_ECDSA, nullptr, 0}, object(session_, CKO_PRIVATE_KEY, kFormer), hash);
    ASSERT_TRUE(signature);
    EXPECT_TRUE(ecdsa_verifies(ec_, "SHA256", text("a licence application"), *signature));
    CK_MECHANISM ecdsa = {CKM_ECDSA, nullptr, 0};
    ASSERT_EQ(p11_.C_VerifyInit(session_, &ecdsa, object(session_, CKO_PUBLIC_KEY, kFormer)), CKR_OK);
    EXPECT_EQ(p11_.C_Verify(session_, const_cast<unsigned char*>(hash.data()), hash.size(),
                            const_cast<unsigned char*>(signature->data()), signature->size()),
              CKR_OK);
}

TEST_F(PairingTest, Lesson12_CertificateOfAnotherKeyIsSeenAndPairedWithNone) {
    import(0x9A, rsa_);
    start();
    const auto seen = certificates("Login");
    ASSERT_EQ(seen.size(), 1U);
    EXPECT_FALSE(attribute(session_, seen[0], CKA_VALUE)->empty());
    EXPECT_EQ(attribute(session_, seen[0], CKA_ID), ByteVector{});
    EXPECT_EQ(object(session_, CKO_CERTIFICATE, kLogin), CK_OBJECT_HANDLE{CK_INVALID_HANDLE});
    EXPECT_NE(object(session_, CKO_PRIVATE_KEY, kLogin), CK_OBJECT_HANDLE{CK_INVALID_HANDLE});
    EXPECT_EQ(find(session_, std::move(Template().number(CKA_CLASS, CKO_CERTIFICATE).bytes(CKA_ID, ByteView()))), seen);
    // The others are as they were.
    for (const std::uint8_t id : {kSignature, kDecryption, kFormer}) {
        const auto other = object(session_, CKO_CERTIFICATE, id);
        ASSERT_NE(other, CK_OBJECT_HANDLE{CK_INVALID_HANDLE});
        EXPECT_EQ(attribute(session_, other, CKA_ID), ByteVector{id});
    }
}

TEST_F(PairingTest, Lesson12_CertificateOfTheNewKeyIsPairedAgain) {
    import(0x9A, rsa_);
    write_certificate(0x9A, rsa_);
    start();
    const auto certificate = object(session_, CKO_CERTIFICATE, kLogin);
    ASSERT_NE(certificate, CK_OBJECT_HANDLE{CK_INVALID_HANDLE});
    EXPECT_EQ(attribute(session_, object(session_, CKO_PRIVATE_KEY, kLogin), CKA_SUBJECT),
              attribute(session_, certificate, CKA_SUBJECT));
}

TEST_F(PairingTest, Lesson12_KeyReplacedUnderAnOpenSessionIsANewObject) {
    start();
    const auto before = object(session_, CKO_PRIVATE_KEY, kFormer);
    const auto old_point = attribute(session_, before, CKA_EC_POINT);
    import(0x82, ec_);
    read_status_again();
    const auto after = object(session_, CKO_PRIVATE_KEY, kFormer);
    EXPECT_NE(after, before);
    EXPECT_EQ(attribute(session_, after, CKA_EC_POINT), point_of(ec_));
    EXPECT_NE(attribute(session_, after, CKA_EC_POINT), old_point);
    EXPECT_NE(attribute_code(session_, before, CKA_EC_POINT), CKR_OK);
}

TEST_F(PairingTest, Lesson12_NoSignatureOfTheNewKeyUnderTheOldHandle) {
    start();
    const ByteVector hash = sha256(kMessage);
    for (const std::uint8_t id : {kFormer, kLogin}) {
        const auto key = object(session_, CKO_PRIVATE_KEY, id);
        const bool rsa = id == kLogin;
        const CK_MECHANISM mechanism = of(rsa ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256);
        // The program has been told which key it is, and another program puts a new one there.
        ASSERT_FALSE(attribute(session_, key, CKA_PUBLIC_KEY_INFO)->empty());
        ASSERT_TRUE(sign(session_, mechanism, key, kMessage));
        import(rsa ? 0x9A : 0x82, rsa ? rsa_ : ec_);
        CK_RV code = CKR_OK;
        EXPECT_FALSE(sign(session_, mechanism, key, kMessage, &code));
        EXPECT_EQ(code, CKR_KEY_HANDLE_INVALID);
        EXPECT_NE(attribute_code(session_, key, CKA_PUBLIC_KEY_INFO), CKR_OK);
        // Found anew, it signs: nobody has to log in again.
        const auto found = object(session_, CKO_PRIVATE_KEY, id);
        EXPECT_NE(found, key);
        const auto signature = sign(session_, mechanism, found, kMessage);
        ASSERT_TRUE(signature);
        EXPECT_TRUE(rsa ? rsa_verifies(rsa_, "SHA256", kMessage, *signature)
                        : ecdsa_verifies(ec_, "SHA256", kMessage, *signature));
    }
}

TEST_F(PairingTest, Lesson12_KeyOfAnotherKindUnderTheOldHandleIsToldAsThat) {
    start();
    const auto key = object(session_, CKO_PRIVATE_KEY, kLogin);
    {
        const auto token = key_.client();
        key_.authenticate(*token);
        token->import_ec(0x9A, Algorithm::p256, number(ec_, OSSL_PKEY_PARAM_PRIV_KEY, 32));
    }
    CK_RV code = CKR_OK;
    EXPECT_FALSE(sign(session_, of(CKM_SHA256_RSA_PKCS), key, kMessage, &code));
    EXPECT_EQ(code, CKR_KEY_HANDLE_INVALID);
    EXPECT_TRUE(sign(session_, of(CKM_ECDSA_SHA256), object(session_, CKO_PRIVATE_KEY, kLogin), kMessage));
}

TEST_F(PairingTest, Lesson12_OperationBegunWithAReplacedKeyEndsWithoutTheNewOnesSignature) {
    start();
    CK_MECHANISM mechanism = of(CKM_ECDSA_SHA256);
    ASSERT_EQ(p11_.C_SignInit(session_, &mechanism, object(session_, CKO_PRIVATE_KEY, kFormer)), CKR_OK);
    import(0x82, ec_);
    read_status_again();
    const std::size_t before = key_.apdus();
    unsigned char out[64];
    CK_ULONG length = sizeof(out);
    auto* data = const_cast<unsigned char*>(kMessage.data());
    EXPECT_EQ(p11_.C_Sign(session_, data, kMessage.size(), out, &length), CKR_KEY_HANDLE_INVALID);
    EXPECT_EQ(key_.apdus(), before);  // known without asking
}

TEST_F(PairingTest, Lesson12_NothingIsDecryptedOrDerivedWithTheNewKeyUnderTheOldHandle) {
    start();
    const auto decryption = object(session_, CKO_PRIVATE_KEY, kDecryption);
    const auto former = object(session_, CKO_PRIVATE_KEY, kFormer);
    CK_MECHANISM raw = of(CKM_RSA_X_509);
    ASSERT_EQ(p11_.C_DecryptInit(session_, &raw, decryption), CKR_OK);
    import(0x9D, rsa_);
    import(0x82, ec_);
    unsigned char block[256] = {0, 1};
    unsigned char out[256];
    CK_ULONG length = sizeof(out);
    EXPECT_EQ(p11_.C_Decrypt(session_, block, sizeof(block), out, &length), CKR_KEY_HANDLE_INVALID);
    EXPECT_EQ(p11_.C_DecryptInit(session_, &raw, decryption), CKR_KEY_HANDLE_INVALID);
    ByteVector point = point_of(ec_);
    CK_ECDH1_DERIVE_PARAMS ecdh = {CKD_NULL, 0, nullptr, point.size(), point.data()};
    CK_MECHANISM derivation = {CKM_ECDH1_DERIVE, &ecdh, sizeof(ecdh)};
    Template wanted = std::move(Template().number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, CKK_GENERIC_SECRET));
    CK_OBJECT_HANDLE made = 0;
    EXPECT_EQ(p11_.C_DeriveKey(session_, &derivation, former, wanted.data(), wanted.size(), &made),
              CKR_KEY_HANDLE_INVALID);
    const auto found = object(session_, CKO_PRIVATE_KEY, kFormer);
    EXPECT_EQ(p11_.C_DeriveKey(session_, &derivation, found, wanted.data(), wanted.size(), &made), CKR_OK);
}

TEST_F(PairingTest, Lesson30_ReadingAMatchingPairCostsTheCertificateAloneAndAStrayOneCommandMore) {
    const auto cost = [this](std::uint8_t id, CK_ATTRIBUTE_TYPE type) {
        const std::size_t before = key_.apdus();
        EXPECT_FALSE(attribute(session_, object(session_, CKO_PUBLIC_KEY, id), type)->empty());
        return key_.apdus() - before;
    };
    ::setenv("SEALKEY_APDU", "extended", 1);
    import(0x82, ec_);
    start();
    EXPECT_EQ(cost(kLogin, CKA_MODULUS), 1U);
    EXPECT_EQ(cost(kFormer, CKA_EC_POINT), 2U);
    EXPECT_EQ(cost(kFormer, CKA_EC_POINT), 0U);
    // A search by CKA_ID reads the one certificate that it may mean, and no other.
    const std::size_t before = key_.apdus();
    EXPECT_NE(object(session_, CKO_CERTIFICATE, kSignature), CK_OBJECT_HANDLE{CK_INVALID_HANDLE});
    EXPECT_EQ(key_.apdus() - before, 1U);
    ::unsetenv("SEALKEY_APDU");
}

}  // namespace
}  // namespace sealkey::test
