// Signatures, decryption, derivation, digests: by OpenSSL's word, and the encodings of the standard.
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "der.h"
#include "module.h"
#include "support/hex.h"

namespace sealkey::test {
namespace {

using CryptoTest = PersonalisedModuleTest;
using sealkey::testing::from_hex;

unsigned char* bytes(ByteView view) { return const_cast<unsigned char*>(view.data()); }

struct HashRow {
    const char* name;
    CK_MECHANISM_TYPE hash;
    CK_RSA_PKCS_MGF_TYPE mgf;
    CK_MECHANISM_TYPE pkcs1;
    CK_MECHANISM_TYPE pss;
    CK_MECHANISM_TYPE ecdsa;
};
constexpr HashRow kHashes[] = {
    {"SHA1", CKM_SHA_1, CKG_MGF1_SHA1, CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS, CKM_ECDSA_SHA1},
    {"SHA224", CKM_SHA224, CKG_MGF1_SHA224, CKM_SHA224_RSA_PKCS, CKM_SHA224_RSA_PKCS_PSS, CKM_ECDSA_SHA224},
    {"SHA256", CKM_SHA256, CKG_MGF1_SHA256, CKM_SHA256_RSA_PKCS, CKM_SHA256_RSA_PKCS_PSS, CKM_ECDSA_SHA256},
    {"SHA384", CKM_SHA384, CKG_MGF1_SHA384, CKM_SHA384_RSA_PKCS, CKM_SHA384_RSA_PKCS_PSS, CKM_ECDSA_SHA384},
    {"SHA512", CKM_SHA512, CKG_MGF1_SHA512, CKM_SHA512_RSA_PKCS, CKM_SHA512_RSA_PKCS_PSS, CKM_ECDSA_SHA512},
};

TEST_F(CryptoTest, HashedSignaturesOfEveryKindVerifyInOpenSslAndInTheModule) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto rsa = object(session, CKO_PRIVATE_KEY, kLogin);
    const auto ec = object(session, CKO_PRIVATE_KEY, kFormer);
    const auto rsa_public = object(session, CKO_PUBLIC_KEY, kLogin);
    const auto ec_public = object(session, CKO_PUBLIC_KEY, kFormer);
    const auto check = [&](CK_MECHANISM mechanism, CK_OBJECT_HANDLE key, ByteVector signature) {
        ASSERT_EQ(p11_.C_VerifyInit(session, &mechanism, key), CKR_OK);
        EXPECT_EQ(p11_.C_Verify(session, bytes(kMessage), kMessage.size(), signature.data(), signature.size()), CKR_OK);
        signature[20] ^= 1;
        ASSERT_EQ(p11_.C_VerifyInit(session, &mechanism, key), CKR_OK);
        EXPECT_EQ(p11_.C_Verify(session, bytes(kMessage), kMessage.size(), signature.data(), signature.size()),
                  CKR_SIGNATURE_INVALID);
        ASSERT_EQ(p11_.C_VerifyInit(session, &mechanism, key), CKR_OK);
        EXPECT_EQ(p11_.C_Verify(session, bytes(kMessage), kMessage.size(), signature.data(), signature.size() - 1),
                  CKR_SIGNATURE_LEN_RANGE);
    };
    for (const HashRow& row : kHashes) {
        SCOPED_TRACE(row.name);
        auto signature = sign(session, of(row.pkcs1), rsa, kMessage);
        ASSERT_TRUE(signature);
        EXPECT_TRUE(rsa_verifies(rsa_key(), row.name, kMessage, *signature));
        check(of(row.pkcs1), rsa_public, *signature);
        signature = sign(session, of(row.ecdsa), ec, kMessage);
        ASSERT_TRUE(signature);
        EXPECT_TRUE(ecdsa_verifies(ec_key(), row.name, kMessage, *signature));
        check(of(row.ecdsa), ec_public, *signature);
    }
}

TEST_F(CryptoTest, Lesson28_PssWithEveryHashAndSalt) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto rsa = object(session, CKO_PRIVATE_KEY, kLogin);
    for (const HashRow& row : kHashes) {
        for (const unsigned long salt : {0UL, 20UL, 32UL}) {
            SCOPED_TRACE(std::string(row.name) + " " + std::to_string(salt));
            CK_RSA_PKCS_PSS_PARAMS pss{row.hash, row.mgf, salt};
            const auto signature = sign(session, {row.pss, &pss, sizeof(pss)}, rsa, kMessage);
            ASSERT_TRUE(signature);
            EXPECT_TRUE(rsa_verifies(rsa_key(), row.name, kMessage, *signature, static_cast<int>(salt)));
        }
    }
}

TEST_F(CryptoTest, Lesson28_FirefoxSignsInPartsWithHashedPssWhileReadingInAnotherSession) {
    const auto session = open();
    const auto other = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto rsa = object(session, CKO_PRIVATE_KEY, kLogin);
    CK_RSA_PKCS_PSS_PARAMS pss{CKM_SHA256, CKG_MGF1_SHA256, 32};
    CK_MECHANISM mechanism{CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof(pss)};
    ASSERT_EQ(p11_.C_SignInit(session, &mechanism, rsa), CKR_OK);
    EXPECT_EQ(attribute(other, rsa, CKA_MODULUS)->size(), 256U);
    for (const std::size_t at : {0U, 7U, 14U}) {
        ASSERT_EQ(p11_.C_SignUpdate(session, bytes(kMessage.subspan(at, 7)), 7), CKR_OK);
    }
    ByteVector signature(256);
    CK_ULONG length = 0;
    ASSERT_EQ(p11_.C_SignFinal(session, nullptr, &length), CKR_OK);
    EXPECT_EQ(length, 256U);
    ASSERT_EQ(p11_.C_SignFinal(session, signature.data(), &length), CKR_OK);
    EXPECT_TRUE(rsa_verifies(rsa_key(), "SHA256", kMessage, signature, 32));
}

TEST_F(CryptoTest, Lesson28_PssParametersThatDisagreeAreRefusedBeforeTheToken) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto rsa = object(session, CKO_PRIVATE_KEY, kLogin);
    const std::size_t before = key_.apdus();
    CK_RSA_PKCS_PSS_PARAMS other_hash{CKM_SHA384, CKG_MGF1_SHA256, 32};
    CK_RSA_PKCS_PSS_PARAMS no_mgf{CKM_SHA256, 99, 32};
    CK_RSA_PKCS_PSS_PARAMS long_salt{CKM_SHA256, CKG_MGF1_SHA256, ~0UL};
    for (auto* pss : {&other_hash, &no_mgf, &long_salt}) {
        CK_MECHANISM mechanism{CKM_SHA256_RSA_PKCS_PSS, pss, sizeof(*pss)};
        EXPECT_EQ(p11_.C_SignInit(session, &mechanism, rsa), CKR_MECHANISM_PARAM_INVALID);
    }
    CK_RSA_PKCS_PSS_PARAMS good{CKM_SHA256, CKG_MGF1_SHA256, 32};
    CK_MECHANISM cut{CKM_RSA_PKCS_PSS, &good, sizeof(good) - 1};
    EXPECT_EQ(p11_.C_SignInit(session, &cut, rsa), CKR_MECHANISM_PARAM_INVALID);
    CK_MECHANISM none{CKM_RSA_PKCS_PSS, nullptr, 0};
    EXPECT_EQ(p11_.C_SignInit(session, &none, rsa), CKR_MECHANISM_PARAM_INVALID);
    CK_RV code = CKR_OK;
    EXPECT_FALSE(sign(session, {CKM_RSA_PKCS_PSS, &good, sizeof(good)}, rsa, text("no hash"), &code));
    EXPECT_EQ(code, CKR_DATA_LEN_RANGE);
    EXPECT_EQ(key_.apdus(), before);
}

TEST_F(CryptoTest, RawSignaturesArePaddedAndLimited) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto rsa = object(session, CKO_PRIVATE_KEY, kLogin);
    // CKM_RSA_X_509 of a whole PKCS#1 block is the PKCS#1 signature.
    const auto expected = sign(session, of(CKM_RSA_PKCS), rsa, kMessage);
    ASSERT_TRUE(expected);
    ByteVector block(256, 0xFF);
    block[0] = 0;
    block[1] = 1;
    block[255 - kMessage.size()] = 0;
    std::copy(kMessage.begin(), kMessage.end(), block.end() - static_cast<std::ptrdiff_t>(kMessage.size()));
    EXPECT_EQ(sign(session, of(CKM_RSA_X_509), rsa, block), expected);
    EXPECT_EQ(sign(session, of(CKM_RSA_X_509), rsa, ByteView(block).subspan(1)), expected);
    CK_RV code = CKR_OK;
    EXPECT_FALSE(sign(session, of(CKM_RSA_PKCS), rsa, ByteVector(246), &code));
    EXPECT_EQ(code, CKR_DATA_LEN_RANGE);
    EXPECT_TRUE(sign(session, of(CKM_RSA_PKCS), rsa, ByteVector(245)));
    EXPECT_FALSE(sign(session, of(CKM_RSA_X_509), rsa, ByteVector(257), &code));
    EXPECT_EQ(code, CKR_DATA_LEN_RANGE);
}

TEST_F(CryptoTest, Lesson31_EverySignatureHasItsFixedWidth) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto ec = object(session, CKO_PRIVATE_KEY, kFormer);
    // About two in 256 have an r or s that begins with zeros: seen within these with a chance of nine in ten.
    int with_zeros = 0;
    for (int i = 0; i < 300; ++i) {
        const ByteVector hash = sha256({reinterpret_cast<const std::uint8_t*>(&i), sizeof(i)});
        const auto signature = sign(session, of(CKM_ECDSA), ec, hash);
        ASSERT_TRUE(signature);
        ASSERT_EQ(signature->size(), 64U);
        if ((*signature)[0] == 0 || (*signature)[32] == 0) ++with_zeros;
        ASSERT_TRUE(
            ecdsa_verifies(ec_key(), "SHA256", {reinterpret_cast<const std::uint8_t*>(&i), sizeof(i)}, *signature));
    }
    RecordProperty("signatures_with_leading_zeros", with_zeros);
}

TEST_F(CryptoTest, Lesson31_LongerHashIsCutAndShorterPadded) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto ec = object(session, CKO_PRIVATE_KEY, kFormer);
    const auto signature = sign(session, of(CKM_ECDSA_SHA512), ec, kMessage);
    ASSERT_TRUE(signature);
    EXPECT_EQ(signature->size(), 64U);
    EXPECT_TRUE(ecdsa_verifies(ec_key(), "SHA512", kMessage, *signature));
    CK_RV code = CKR_OK;
    EXPECT_FALSE(sign(session, of(CKM_ECDSA), ec, {}, &code));
    EXPECT_EQ(code, CKR_DATA_LEN_RANGE);
}

TEST_F(CryptoTest, Lesson31_EcPointIsAnOctetString) {
    const auto session = open();
    for (const std::uint8_t id : {kFormer, kDevice}) {  // from a certificate, and from the token's own word
        const auto key = object(session, CKO_PUBLIC_KEY, id);
        const auto point = attribute(session, key, CKA_EC_POINT);
        ASSERT_TRUE(point);
        ASSERT_EQ(point->size(), 67U);
        EXPECT_EQ((*point)[0], 0x04);
        EXPECT_EQ((*point)[1], 65);
        EXPECT_EQ((*point)[2], 0x04);
        EXPECT_EQ(attribute(session, key, CKA_EC_PARAMS), from_hex("06082A8648CE3D030107"));
        unsigned char* der = nullptr;
        const int size = i2d_PUBKEY(ec_key().get(), &der);
        EXPECT_EQ(attribute(session, key, CKA_PUBLIC_KEY_INFO), ByteVector(der, der + size));
        OPENSSL_free(der);
    }
}

TEST(Encoding, Lesson31_DerIntegersOfAnyLengthBecomeFixedWidth) {
    struct Row {
        const char* der;
        const char* pair;  // of 4 bytes each; empty: refused
    };
    for (const auto& [der, pair] : std::initializer_list<Row>{
             {"3008020201020202AABB", "000001020000AABB"},
             {"3006020101020102", "0000000100000002"},
             {"300A020500FF0000010201 7F", "FF0000010000007F"},
             {"300C0204010203040204 05060708", "0102030405060708"},
             {"300B0205010203040502 0101", ""},  // too long for the width
             {"3006020101", ""},
             {"30060201010201", ""},
             {"3103020101", ""},
             {"", ""},
         }) {
        SCOPED_TRACE(der);
        ByteVector input = from_hex(der);
        try {
            EXPECT_EQ(pkcs11::ecdsa_from_der(input, 4), from_hex(pair));
            EXPECT_STRNE(pair, "");
        } catch (const pkcs11::Refusal& refusal) {
            EXPECT_STREQ(pair, "");
            EXPECT_EQ(refusal.code(), CKR_DEVICE_ERROR);
        }
    }
}

TEST(Encoding, MalformedCertificatesAreNone) {
    const ByteVector good = certificate_for(ec_key(), "Example");
    ASSERT_TRUE(pkcs11::parse_certificate(good));
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_FALSE(pkcs11::parse_certificate(ByteView(good).first(size))) << size;
    }
    for (std::size_t i = 0; i < good.size(); ++i) {
        ByteVector bad = good;
        bad[i] ^= 0x55;
        static_cast<void>(pkcs11::parse_certificate(bad));  // anything but a crash
    }
}

ByteVector encrypted(int padding, const EVP_MD* hash, ByteView data) {
    const Key key = rsa_key();
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(key.get(), nullptr);
    EVP_PKEY_encrypt_init(context);
    EVP_PKEY_CTX_set_rsa_padding(context, padding);
    if (hash != nullptr) EVP_PKEY_CTX_set_rsa_oaep_md(context, hash);
    ByteVector out(256);
    std::size_t length = out.size();
    EXPECT_EQ(EVP_PKEY_encrypt(context, out.data(), &length, data.data(), data.size()), 1);
    EVP_PKEY_CTX_free(context);
    return out;
}

class DecryptTest : public PersonalisedModuleTest {
protected:
    std::optional<ByteVector> decrypt(CK_MECHANISM mechanism, ByteView block, CK_RV* code) {
        *code = p11_.C_DecryptInit(session_, &mechanism, object(session_, CKO_PRIVATE_KEY, kDecryption));
        if (*code != CKR_OK) return std::nullopt;
        ByteVector out(256);
        CK_ULONG length = out.size();
        *code = p11_.C_Decrypt(session_, bytes(block), block.size(), out.data(), &length);
        if (*code != CKR_OK) return std::nullopt;
        out.resize(length);
        return out;
    }
    void SetUp() override {
        session_ = open();
        ASSERT_EQ(login(session_, kPin), CKR_OK);
    }
    CK_SESSION_HANDLE session_ = 0;
};

TEST_F(DecryptTest, EachPaddingOpensAndRefusesAChangedBlock) {
    CK_RSA_PKCS_OAEP_PARAMS oaep{CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, nullptr, 0};
    struct Row {
        CK_MECHANISM mechanism;
        ByteVector block;
    };
    const Row rows[] = {
        {of(CKM_RSA_PKCS), encrypted(RSA_PKCS1_PADDING, nullptr, kMessage)},
        {{CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep)}, encrypted(RSA_PKCS1_OAEP_PADDING, EVP_sha256(), kMessage)},
    };
    for (const auto& [mechanism, block] : rows) {
        CK_RV code = CKR_OK;
        EXPECT_EQ(decrypt(mechanism, block, &code), ByteVector(kMessage.begin(), kMessage.end()));
        ByteVector bad = block;
        bad[200] ^= 1;
        EXPECT_FALSE(decrypt(mechanism, bad, &code));
        EXPECT_EQ(code, CKR_ENCRYPTED_DATA_INVALID);
        EXPECT_FALSE(decrypt(mechanism, ByteView(block).first(255), &code));
        EXPECT_EQ(code, CKR_ENCRYPTED_DATA_LEN_RANGE);
    }
    CK_RV code = CKR_OK;
    const auto raw = decrypt(of(CKM_RSA_X_509), rows[0].block, &code);
    ASSERT_TRUE(raw);
    EXPECT_EQ(raw->size(), 256U);
    EXPECT_EQ((*raw)[1], 0x02);
}

TEST_F(DecryptTest, WantOfRoomKeepsThePlaintextAndAsksTheTokenOnce) {
    const ByteVector block = encrypted(RSA_PKCS1_PADDING, nullptr, kMessage);
    CK_MECHANISM mechanism = of(CKM_RSA_PKCS);
    ASSERT_EQ(p11_.C_DecryptInit(session_, &mechanism, object(session_, CKO_PRIVATE_KEY, kDecryption)), CKR_OK);
    CK_ULONG length = 0;
    ASSERT_EQ(p11_.C_Decrypt(session_, bytes(block), block.size(), nullptr, &length), CKR_OK);
    EXPECT_EQ(length, 245U);
    ByteVector out(256);
    length = 3;
    EXPECT_EQ(p11_.C_Decrypt(session_, bytes(block), block.size(), out.data(), &length), CKR_BUFFER_TOO_SMALL);
    EXPECT_EQ(length, kMessage.size());
    const std::size_t before = key_.apdus();
    EXPECT_EQ(p11_.C_Decrypt(session_, bytes(block), block.size(), out.data(), &length), CKR_OK);
    EXPECT_EQ(key_.apdus(), before);
    EXPECT_EQ(p11_.C_Decrypt(session_, bytes(block), block.size(), out.data(), &length), CKR_OPERATION_NOT_INITIALIZED);
}

TEST_F(DecryptTest, PlaintextKeptForWantOfRoomIsNotGivenForAnotherCiphertext) {
    const ByteVector block = encrypted(RSA_PKCS1_PADDING, nullptr, kMessage);
    const ByteVector other = encrypted(RSA_PKCS1_PADDING, nullptr, text("another"));
    CK_MECHANISM mechanism = of(CKM_RSA_PKCS);
    ASSERT_EQ(p11_.C_DecryptInit(session_, &mechanism, object(session_, CKO_PRIVATE_KEY, kDecryption)), CKR_OK);
    ByteVector out(256);
    CK_ULONG length = 3;
    ASSERT_EQ(p11_.C_Decrypt(session_, bytes(block), block.size(), out.data(), &length), CKR_BUFFER_TOO_SMALL);
    length = out.size();
    EXPECT_EQ(p11_.C_Decrypt(session_, bytes(other), other.size(), out.data(), &length), CKR_ENCRYPTED_DATA_INVALID);
    EXPECT_EQ(out, ByteVector(256));
    EXPECT_EQ(p11_.C_Decrypt(session_, bytes(block), block.size(), out.data(), &length), CKR_OPERATION_NOT_INITIALIZED);
}

TEST_F(DecryptTest, ModulesOwnEncryptionOpens) {
    CK_RSA_PKCS_OAEP_PARAMS oaep{CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, nullptr, 0};
    for (CK_MECHANISM mechanism : {of(CKM_RSA_PKCS), CK_MECHANISM{CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep)}}) {
        ASSERT_EQ(p11_.C_EncryptInit(session_, &mechanism, object(session_, CKO_PUBLIC_KEY, kDecryption)), CKR_OK);
        ByteVector block(256);
        CK_ULONG length = block.size();
        ASSERT_EQ(p11_.C_Encrypt(session_, bytes(kMessage), kMessage.size(), block.data(), &length), CKR_OK);
        CK_RV code = CKR_OK;
        EXPECT_EQ(decrypt(mechanism, block, &code), ByteVector(kMessage.begin(), kMessage.end()));
    }
}

TEST_F(CryptoTest, EcdhGivesASessionSecret) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto key = object(session, CKO_PRIVATE_KEY, kFormer);
    EVP_PKEY* other = EVP_EC_gen("prime256v1");
    unsigned char* point = nullptr;
    const std::size_t point_size = EVP_PKEY_get1_encoded_public_key(other, &point);
    ByteVector expected(32);
    EVP_PKEY_CTX* context = EVP_PKEY_CTX_new(other, nullptr);
    const Key ours = ec_key();
    std::size_t size = expected.size();
    EVP_PKEY_derive_init(context);
    EVP_PKEY_derive_set_peer(context, ours.get());
    ASSERT_EQ(EVP_PKEY_derive(context, expected.data(), &size), 1);
    EVP_PKEY_CTX_free(context);

    CK_ECDH1_DERIVE_PARAMS parameters{CKD_NULL, 0, nullptr, point_size, point};
    CK_MECHANISM mechanism{CKM_ECDH1_DERIVE, &parameters, sizeof(parameters)};
    const auto derive = [&](Template wanted, CK_OBJECT_HANDLE* secret) {
        return p11_.C_DeriveKey(session, &mechanism, key, wanted.data(), wanted.size(), secret);
    };
    const auto generic = [] {
        Template wanted;
        wanted.number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
        return wanted;
    };
    CK_OBJECT_HANDLE secret = 0;
    ASSERT_EQ(derive(generic(), &secret), CKR_OK);
    EXPECT_EQ(attribute(session, secret, CKA_VALUE), expected);
    EXPECT_EQ(p11_.C_DestroyObject(session, secret), CKR_OK);
    EXPECT_EQ(p11_.C_DestroyObject(session, secret), CKR_OBJECT_HANDLE_INVALID);
    // Shorter: cut at the leading end. Hidden if the template says so.
    ASSERT_EQ(derive(std::move(generic().number(CKA_VALUE_LEN, 16)), &secret), CKR_OK);
    EXPECT_EQ(attribute(session, secret, CKA_VALUE), ByteVector(expected.end() - 16, expected.end()));
    ASSERT_EQ(derive(std::move(generic().flag(CKA_SENSITIVE, true)), &secret), CKR_OK);
    EXPECT_EQ(attribute_code(session, secret, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);

    const std::size_t before = key_.apdus();
    EXPECT_EQ(derive(std::move(generic().number(CKA_VALUE_LEN, 33)), &secret), CKR_KEY_SIZE_RANGE);
    EXPECT_EQ(derive(std::move(generic().flag(CKA_TOKEN, true)), &secret), CKR_TEMPLATE_INCONSISTENT);
    parameters.ulPublicDataLen -= 1;
    EXPECT_EQ(derive(generic(), &secret), CKR_MECHANISM_PARAM_INVALID);
    parameters.ulPublicDataLen += 1;
    parameters.kdf = CKD_CPDIVERSIFY_KDF;
    EXPECT_EQ(derive(generic(), &secret), CKR_MECHANISM_PARAM_INVALID);
    parameters.kdf = CKD_NULL;
    unsigned char shared[3] = {1, 2, 3};
    parameters.pSharedData = shared;
    parameters.ulSharedDataLen = sizeof(shared);
    EXPECT_EQ(derive(generic(), &secret), CKR_MECHANISM_PARAM_INVALID);
    EXPECT_EQ(key_.apdus(), before);
    // ANSI X9.63 with a hash: SEC 1, 3.6.1, its first block.
    parameters.kdf = CKD_SHA256_KDF;
    ASSERT_EQ(derive(std::move(generic().number(CKA_VALUE_LEN, 40)), &secret), CKR_OK);
    ByteVector block = expected;
    block.insert(block.end(), {0, 0, 0, 1, 1, 2, 3});
    const auto derived = attribute(session, secret, CKA_VALUE);
    ASSERT_TRUE(derived);
    ASSERT_EQ(derived->size(), 40U);
    EXPECT_EQ(ByteVector(derived->begin(), derived->begin() + 32), sha256(block));
    OPENSSL_free(point);
    EVP_PKEY_free(other);
}

TEST_F(CryptoTest, DigestsInOneAndInManyParts) {
    const auto session = open();
    CK_MECHANISM mechanism = of(CKM_SHA256);
    ByteVector out(32);
    CK_ULONG length = 0;
    ASSERT_EQ(p11_.C_DigestInit(session, &mechanism), CKR_OK);
    EXPECT_EQ(p11_.C_DigestInit(session, &mechanism), CKR_OPERATION_ACTIVE);
    ASSERT_EQ(p11_.C_Digest(session, bytes(kMessage), kMessage.size(), nullptr, &length), CKR_OK);
    EXPECT_EQ(length, 32U);
    ASSERT_EQ(p11_.C_Digest(session, bytes(kMessage), kMessage.size(), out.data(), &length), CKR_OK);
    EXPECT_EQ(out, sha256(kMessage));
    ASSERT_EQ(p11_.C_DigestInit(session, &mechanism), CKR_OK);
    ASSERT_EQ(p11_.C_DigestUpdate(session, bytes(kMessage), 5), CKR_OK);
    EXPECT_EQ(p11_.C_Digest(session, bytes(kMessage), 5, out.data(), &length), CKR_OPERATION_ACTIVE);
    ASSERT_EQ(p11_.C_DigestUpdate(session, bytes(kMessage.subspan(5)), kMessage.size() - 5), CKR_OK);
    std::fill(out.begin(), out.end(), 0);
    length = 31;
    EXPECT_EQ(p11_.C_DigestFinal(session, out.data(), &length), CKR_BUFFER_TOO_SMALL);
    ASSERT_EQ(p11_.C_DigestFinal(session, out.data(), &length), CKR_OK);
    EXPECT_EQ(out, sha256(kMessage));
}

}  // namespace
}  // namespace sealkey::test
