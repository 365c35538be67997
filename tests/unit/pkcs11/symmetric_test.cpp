// Session keys: ciphers and codes by OpenSSL's word and published vectors, wrapping, recovery, two things at once.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "module.h"
#include "support/hex.h"

namespace sealkey::test {
namespace {

using sealkey::testing::from_hex;

unsigned char* raw(ByteView view) { return const_cast<unsigned char*>(view.data()); }

class SymmetricTest : public PersonalisedModuleTest {
protected:
    CK_OBJECT_HANDLE secret(CK_KEY_TYPE type, const ByteVector& value, bool extractable = true) {
        Template wanted;
        wanted.number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, type).bytes(CKA_VALUE, value);
        wanted.flag(CKA_EXTRACTABLE, extractable);
        CK_OBJECT_HANDLE made = 0;
        EXPECT_EQ(p11_.C_CreateObject(session_, wanted.data(), wanted.size(), &made), CKR_OK);
        return made;
    }
    CK_OBJECT_HANDLE generated(CK_ULONG size, bool extractable = true) {
        Template wanted;
        wanted.number(CKA_VALUE_LEN, size).flag(CKA_EXTRACTABLE, extractable);
        CK_MECHANISM mechanism = of(CKM_AES_KEY_GEN);
        CK_OBJECT_HANDLE made = 0;
        EXPECT_EQ(p11_.C_GenerateKey(session_, &mechanism, wanted.data(), wanted.size(), &made), CKR_OK);
        return made;
    }
    // In one part; nothing and `code` if it is refused.
    ByteVector whole(bool encrypt, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key, ByteView data, CK_RV* code = nullptr) {
        CK_RV local = CKR_OK;
        CK_RV& result = code != nullptr ? *code : local;
        result = (encrypt ? p11_.C_EncryptInit : p11_.C_DecryptInit)(session_, &mechanism, key);
        if (result != CKR_OK) return {};
        ByteVector out(data.size() + 64);
        CK_ULONG length = out.size();
        result = (encrypt ? p11_.C_Encrypt : p11_.C_Decrypt)(session_, raw(data), data.size(), out.data(), &length);
        out.resize(result == CKR_OK ? length : 0);
        return out;
    }
    // In pieces of seven bytes, each asked for its length first.
    ByteVector parts(bool encrypt, CK_MECHANISM mechanism, CK_OBJECT_HANDLE key, ByteView data) {
        const auto update = encrypt ? p11_.C_EncryptUpdate : p11_.C_DecryptUpdate;
        const auto final = encrypt ? p11_.C_EncryptFinal : p11_.C_DecryptFinal;
        EXPECT_EQ((encrypt ? p11_.C_EncryptInit : p11_.C_DecryptInit)(session_, &mechanism, key), CKR_OK);
        ByteVector all;
        std::array<unsigned char, 4096> out{};
        for (std::size_t at = 0; at < data.size(); at += 7) {
            const ByteView piece = data.subspan(at, std::min<std::size_t>(7, data.size() - at));
            CK_ULONG wanted = 0;
            EXPECT_EQ(update(session_, raw(piece), piece.size(), nullptr, &wanted), CKR_OK);
            if (wanted > 0) {
                CK_ULONG few = wanted - 1;
                EXPECT_EQ(update(session_, raw(piece), piece.size(), out.data(), &few), CKR_BUFFER_TOO_SMALL);
            }
            CK_ULONG length = out.size();
            EXPECT_EQ(update(session_, raw(piece), piece.size(), out.data(), &length), CKR_OK);
            EXPECT_EQ(length, wanted);
            all.insert(all.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(length));
        }
        CK_ULONG length = out.size();
        EXPECT_EQ(final(session_, out.data(), &length), CKR_OK);
        all.insert(all.end(), out.begin(), out.begin() + static_cast<std::ptrdiff_t>(length));
        return all;
    }
    CK_SESSION_HANDLE session_ = open();
    ByteVector iv_ = from_hex("000102030405060708090A0B0C0D0E0F");
};

TEST_F(SymmetricTest, WantOfRoomIsSaidBeforeAnythingIsEncryptedAndTheNextInputIsItsOwn) {
    const auto key = generated(16);
    for (CK_MECHANISM mechanism : {CK_MECHANISM{CKM_AES_CBC_PAD, iv_.data(), 16}, of(CKM_AES_KEY_WRAP_PAD)}) {
        const ByteVector first(24, 1), second(24, 2);
        ASSERT_EQ(p11_.C_EncryptInit(session_, &mechanism, key), CKR_OK);
        ByteVector out(64);
        CK_ULONG length = 31;
        EXPECT_EQ(p11_.C_Encrypt(session_, raw(first), 24, out.data(), &length), CKR_BUFFER_TOO_SMALL);
        EXPECT_EQ(length, 32U);
        EXPECT_EQ(out, ByteVector(64));
        ASSERT_EQ(p11_.C_Encrypt(session_, raw(second), 24, out.data(), &length), CKR_OK);
        out.resize(length);
        EXPECT_EQ(whole(false, mechanism, key, out), second);
    }
}

ByteVector openssl(const EVP_CIPHER* cipher, ByteView key, ByteView iv, ByteView data, bool pad) {
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    ByteVector out(data.size() + 32);
    int first = 0;
    int last = 0;
    EVP_EncryptInit_ex(context, cipher, nullptr, key.data(), iv.data());
    EVP_CIPHER_CTX_set_padding(context, pad ? 1 : 0);
    EVP_EncryptUpdate(context, out.data(), &first, data.data(), static_cast<int>(data.size()));
    EVP_EncryptFinal_ex(context, out.data() + first, &last);
    EVP_CIPHER_CTX_free(context);
    out.resize(static_cast<std::size_t>(first + last));
    return out;
}

TEST_F(SymmetricTest, StreamsAreOpenSslsInOnePartAndInMany) {
    CK_AES_CTR_PARAMS counter{128, {}};
    std::copy(iv_.begin(), iv_.end(), counter.cb);
    const CK_MECHANISM ecb = of(CKM_AES_ECB);
    const CK_MECHANISM cbc{CKM_AES_CBC, iv_.data(), 16};
    const CK_MECHANISM padded{CKM_AES_CBC_PAD, iv_.data(), 16};
    const CK_MECHANISM ctr{CKM_AES_CTR, &counter, sizeof(counter)};
    struct Row {
        CK_MECHANISM mechanism;
        const EVP_CIPHER* cipher;
        std::size_t size;
        bool pad;
    };
    const Row rows[] = {{ecb, EVP_aes_256_ecb(), 64, false},   {cbc, EVP_aes_256_cbc(), 64, false},
                        {padded, EVP_aes_256_cbc(), 61, true}, {padded, EVP_aes_256_cbc(), 64, true},
                        {padded, EVP_aes_256_cbc(), 0, true},  {ctr, EVP_aes_256_ctr(), 61, false}};
    const ByteVector value(32, 0x42);
    const auto key = secret(CKK_AES, value);
    for (const Row& row : rows) {
        SCOPED_TRACE(row.mechanism.mechanism);
        const ByteVector data(row.size, 0x17);
        const ByteVector expected = openssl(row.cipher, value, iv_, data, row.pad);
        EXPECT_EQ(whole(true, row.mechanism, key, data), expected);
        EXPECT_EQ(parts(true, row.mechanism, key, data), expected);
        EXPECT_EQ(whole(false, row.mechanism, key, expected), data);
        EXPECT_EQ(parts(false, row.mechanism, key, expected), data);
    }
}

TEST_F(SymmetricTest, InputThatIsNoWholeBlockOrBadlyPadded) {
    const auto key = secret(CKK_AES, ByteVector(16, 1));
    CK_RV code = CKR_OK;
    whole(true, {CKM_AES_CBC, iv_.data(), 16}, key, ByteVector(17), &code);
    EXPECT_EQ(code, CKR_DATA_LEN_RANGE);
    whole(false, {CKM_AES_CBC, iv_.data(), 16}, key, ByteVector(17), &code);
    EXPECT_EQ(code, CKR_ENCRYPTED_DATA_LEN_RANGE);
    whole(false, {CKM_AES_CBC_PAD, iv_.data(), 16}, key, ByteVector(0), &code);
    EXPECT_EQ(code, CKR_ENCRYPTED_DATA_LEN_RANGE);
    const ByteVector zeros = whole(true, {CKM_AES_CBC, iv_.data(), 16}, key, ByteVector(16, 0));
    whole(false, {CKM_AES_CBC_PAD, iv_.data(), 16}, key, zeros, &code);
    EXPECT_EQ(code, CKR_ENCRYPTED_DATA_INVALID);
    whole(true, {CKM_AES_CBC, iv_.data(), 15}, key, zeros, &code);
    EXPECT_EQ(code, CKR_MECHANISM_PARAM_INVALID);
    whole(true, {CKM_AES_ECB, iv_.data(), 16}, key, zeros, &code);
    EXPECT_EQ(code, CKR_MECHANISM_PARAM_INVALID);
    CK_AES_CTR_PARAMS counter{32, {}};
    whole(true, {CKM_AES_CTR, &counter, sizeof(counter)}, key, zeros, &code);
    EXPECT_EQ(code, CKR_MECHANISM_PARAM_INVALID);
    whole(true, of(CKM_AES_ECB), secret(CKK_GENERIC_SECRET, ByteVector(16, 1)), zeros, &code);
    EXPECT_EQ(code, CKR_KEY_TYPE_INCONSISTENT);
    whole(true, of(CKM_AES_ECB), object(session_, CKO_PUBLIC_KEY, kLogin), zeros, &code);
    EXPECT_EQ(code, CKR_KEY_TYPE_INCONSISTENT);
}

TEST_F(SymmetricTest, GcmIsSealedAndOpened) {
    // McGrew and Viega, test case 4.
    const auto key = secret(CKK_AES, from_hex("feffe9928665731c6d6a8f9467308308"));
    ByteVector iv = from_hex("cafebabefacedbaddecaf888");
    ByteVector associated = from_hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
    const ByteVector plain = from_hex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de6"
        "57"
        "ba637b39");
    const ByteVector expected = from_hex(
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac"
        "97"
        "3d58e0915bc94fbc3221a5db94fae95ae7121a47");
    CK_GCM_PARAMS gcm{};
    gcm.pIv = iv.data();
    gcm.ulIvLen = iv.size();
    gcm.pAAD = associated.data();
    gcm.ulAADLen = associated.size();
    gcm.ulTagBits = 128;
    const CK_MECHANISM mechanism{CKM_AES_GCM, &gcm, sizeof(gcm)};
    EXPECT_EQ(whole(true, mechanism, key, plain), expected);
    EXPECT_EQ(parts(true, mechanism, key, plain), expected);
    EXPECT_EQ(whole(false, mechanism, key, expected), plain);
    CK_RV code = CKR_OK;
    for (const std::size_t at : {std::size_t{0}, expected.size() - 1}) {
        ByteVector changed = expected;
        changed[at] ^= 1;
        EXPECT_TRUE(whole(false, mechanism, key, changed, &code).empty());
        EXPECT_EQ(code, CKR_ENCRYPTED_DATA_INVALID);
    }
    whole(false, mechanism, key, ByteVector(15), &code);
    EXPECT_EQ(code, CKR_ENCRYPTED_DATA_LEN_RANGE);
    gcm.ulTagBits = 32;
    whole(true, mechanism, key, plain, &code);
    EXPECT_EQ(code, CKR_MECHANISM_PARAM_INVALID);
}

TEST_F(SymmetricTest, KeyWrapsArePublishedOnes) {
    struct Row {
        CK_MECHANISM_TYPE type;
        const char* key;
        const char* value;
        const char* wrapped;
    };
    const Row rows[] = {// RFC 3394, 4.1; RFC 5649, 6.
                        {CKM_AES_KEY_WRAP, "000102030405060708090A0B0C0D0E0F", "00112233445566778899AABBCCDDEEFF",
                         "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"},
                        {CKM_AES_KEY_WRAP_PAD, "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
                         "c37b7e6492584340bed12207808941155068f738",
                         "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"}};
    for (const Row& row : rows) {
        const auto with = secret(CKK_AES, from_hex(row.key));
        const auto key = secret(CKK_GENERIC_SECRET, from_hex(row.value));
        ByteVector expected = from_hex(row.wrapped);
        CK_MECHANISM mechanism = of(row.type);
        ByteVector out(64);
        CK_ULONG length = 0;
        ASSERT_EQ(p11_.C_WrapKey(session_, &mechanism, with, key, nullptr, &length), CKR_OK);
        EXPECT_EQ(length, expected.size());
        length -= 1;
        EXPECT_EQ(p11_.C_WrapKey(session_, &mechanism, with, key, out.data(), &length), CKR_BUFFER_TOO_SMALL);
        ASSERT_EQ(p11_.C_WrapKey(session_, &mechanism, with, key, out.data(), &length), CKR_OK);
        out.resize(length);
        EXPECT_EQ(out, expected);
        CK_OBJECT_HANDLE made = 0;
        const auto unwrap = [&] {
            return p11_.C_UnwrapKey(session_, &mechanism, with, expected.data(), expected.size(), nullptr, 0, &made);
        };
        ASSERT_EQ(unwrap(), CKR_OK);
        EXPECT_EQ(attribute(session_, made, CKA_VALUE), from_hex(row.value));
        expected[3] ^= 1;
        EXPECT_EQ(unwrap(), CKR_WRAPPED_KEY_INVALID);
        expected.pop_back();
        EXPECT_EQ(unwrap(), CKR_WRAPPED_KEY_LEN_RANGE);
    }
}

TEST_F(SymmetricTest, WrappedForTheTokenAndUnwrappedByIt) {
    const auto key = generated(32);
    const auto wrapping = object(session_, CKO_PUBLIC_KEY, kDecryption);
    ASSERT_EQ(login(session_, kPin), CKR_OK);
    const auto unwrapping = object(session_, CKO_PRIVATE_KEY, kDecryption);
    CK_MECHANISM mechanism = of(CKM_RSA_PKCS);
    ByteVector out(256);
    CK_ULONG length = out.size();
    ASSERT_EQ(p11_.C_WrapKey(session_, &mechanism, wrapping, key, out.data(), &length), CKR_OK);
    Template wanted;
    wanted.number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, CKK_AES).flag(CKA_SENSITIVE, true);
    CK_OBJECT_HANDLE made = 0;
    ASSERT_EQ(p11_.C_UnwrapKey(session_, &mechanism, unwrapping, out.data(), 256, wanted.data(), wanted.size(), &made),
              CKR_OK);
    EXPECT_EQ(attribute(session_, made, CKA_CHECK_VALUE), attribute(session_, key, CKA_CHECK_VALUE));
    EXPECT_EQ(attribute_code(session_, made, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    const std::size_t before = key_.apdus();
    CK_KEY_TYPE des = CKK_DES3;
    CK_ATTRIBUTE other{CKA_KEY_TYPE, &des, sizeof(des)};
    EXPECT_EQ(p11_.C_UnwrapKey(session_, &mechanism, unwrapping, out.data(), 256, &other, 1, &made),
              CKR_TEMPLATE_INCONSISTENT);
    EXPECT_EQ(p11_.C_UnwrapKey(session_, &mechanism, unwrapping, out.data(), 255, nullptr, 0, &made),
              CKR_WRAPPED_KEY_LEN_RANGE);
    EXPECT_EQ(p11_.C_UnwrapKey(session_, &mechanism, wrapping, out.data(), 256, nullptr, 0, &made),
              CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT);
    EXPECT_EQ(p11_.C_UnwrapKey(session_, &mechanism, 123456, out.data(), 256, nullptr, 0, &made),
              CKR_UNWRAPPING_KEY_HANDLE_INVALID);
    EXPECT_EQ(key_.apdus(), before);
    EXPECT_EQ(p11_.C_WrapKey(session_, &mechanism, wrapping, unwrapping, out.data(), &length), CKR_KEY_UNEXTRACTABLE);
    EXPECT_EQ(p11_.C_WrapKey(session_, &mechanism, wrapping, generated(16, false), out.data(), &length),
              CKR_KEY_UNEXTRACTABLE);
    EXPECT_EQ(p11_.C_WrapKey(session_, &mechanism, wrapping, wrapping, out.data(), &length), CKR_KEY_NOT_WRAPPABLE);
    EXPECT_EQ(p11_.C_WrapKey(session_, &mechanism, 123456, key, out.data(), &length), CKR_WRAPPING_KEY_HANDLE_INVALID);
    EXPECT_EQ(p11_.C_WrapKey(session_, &mechanism, key, key, out.data(), &length), CKR_WRAPPING_KEY_TYPE_INCONSISTENT);
    EXPECT_EQ(p11_.C_WrapKey(session_, &mechanism, wrapping, 123456, out.data(), &length), CKR_KEY_HANDLE_INVALID);
}

TEST_F(SymmetricTest, GenerationByTemplate) {
    CK_OBJECT_HANDLE made = 0;
    const auto generate = [&](CK_MECHANISM_TYPE type, Template wanted) {
        CK_MECHANISM mechanism = of(type);
        return p11_.C_GenerateKey(session_, &mechanism, wanted.data(), wanted.size(), &made);
    };
    const auto length = [](CK_ULONG size) { return std::move(Template().number(CKA_VALUE_LEN, size)); };
    ASSERT_EQ(generate(CKM_AES_KEY_GEN, std::move(length(24).flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, false))),
              CKR_OK);
    EXPECT_EQ(attribute(session_, made, CKA_ALWAYS_SENSITIVE), ByteVector{CK_TRUE});
    EXPECT_EQ(attribute(session_, made, CKA_NEVER_EXTRACTABLE), ByteVector{CK_TRUE});
    EXPECT_EQ(attribute(session_, made, CKA_LOCAL), ByteVector{CK_TRUE});
    EXPECT_EQ(generate(CKM_AES_KEY_GEN, Template()), CKR_TEMPLATE_INCOMPLETE);
    EXPECT_EQ(generate(CKM_AES_KEY_GEN, length(17)), CKR_KEY_SIZE_RANGE);
    EXPECT_EQ(generate(CKM_AES_KEY_GEN, length(~0UL)), CKR_KEY_SIZE_RANGE);
    EXPECT_EQ(generate(CKM_GENERIC_SECRET_KEY_GEN, length(0)), CKR_KEY_SIZE_RANGE);
    EXPECT_EQ(generate(CKM_AES_KEY_GEN, std::move(length(16).number(CKA_KEY_TYPE, CKK_GENERIC_SECRET))),
              CKR_TEMPLATE_INCONSISTENT);
    EXPECT_EQ(generate(CKM_AES_KEY_GEN, std::move(length(16).bytes(CKA_VALUE, iv_))), CKR_TEMPLATE_INCONSISTENT);
    EXPECT_EQ(generate(CKM_AES_CBC, length(16)), CKR_MECHANISM_INVALID);
    EXPECT_EQ(generate(CKM_GENERIC_SECRET_KEY_GEN, length(20)), CKR_OK);
}

TEST_F(SymmetricTest, CodesAreOpenSslsAndRefuseWhatIsChanged) {
    const ByteVector value(20, 0x0B);
    const auto key = secret(CKK_GENERIC_SECRET, value);
    const std::pair<CK_MECHANISM_TYPE, const EVP_MD*> hashes[] = {{CKM_SHA_1_HMAC, EVP_sha1()},
                                                                  {CKM_SHA224_HMAC, EVP_sha224()},
                                                                  {CKM_SHA256_HMAC, EVP_sha256()},
                                                                  {CKM_SHA384_HMAC, EVP_sha384()},
                                                                  {CKM_SHA512_HMAC, EVP_sha512()}};
    for (const auto& [type, md] : hashes) {
        ByteVector expected(64);
        unsigned size = 0;
        HMAC(md, value.data(), static_cast<int>(value.size()), kMessage.data(), kMessage.size(), expected.data(),
             &size);
        expected.resize(size);
        EXPECT_EQ(sign(session_, of(type), key, kMessage), expected);
        CK_MECHANISM mechanism = of(type);
        const auto verify = [&](const ByteVector& code) {
            EXPECT_EQ(p11_.C_VerifyInit(session_, &mechanism, key), CKR_OK);
            return p11_.C_Verify(session_, raw(kMessage), kMessage.size(), raw(code), code.size());
        };
        EXPECT_EQ(verify(expected), CKR_OK);
        expected[0] ^= 1;
        EXPECT_EQ(verify(expected), CKR_SIGNATURE_INVALID);
        expected.pop_back();
        EXPECT_EQ(verify(expected), CKR_SIGNATURE_LEN_RANGE);
    }
    // RFC 4493, example 2.
    const auto aes = secret(CKK_AES, from_hex("2b7e151628aed2a6abf7158809cf4f3c"));
    EXPECT_EQ(sign(session_, of(CKM_AES_CMAC), aes, from_hex("6bc1bee22e409f96e93d7e117393172a")),
              from_hex("070a16b46b4d4144f79bdd9dd04a287c"));
}

TEST_F(SymmetricTest, DigestOfAKeyIsThatOfItsValue) {
    const ByteVector value(16, 9);
    CK_MECHANISM mechanism = of(CKM_SHA256);
    ByteVector out(32);
    CK_ULONG length = out.size();
    ASSERT_EQ(p11_.C_DigestInit(session_, &mechanism), CKR_OK);
    ASSERT_EQ(p11_.C_DigestKey(session_, secret(CKK_AES, value)), CKR_OK);
    ASSERT_EQ(p11_.C_DigestFinal(session_, out.data(), &length), CKR_OK);
    EXPECT_EQ(out, sha256(value));
    EXPECT_EQ(p11_.C_DigestKey(session_, 1), CKR_OPERATION_NOT_INITIALIZED);
    ASSERT_EQ(p11_.C_DigestInit(session_, &mechanism), CKR_OK);
    EXPECT_EQ(p11_.C_DigestKey(session_, object(session_, CKO_PUBLIC_KEY, kLogin)), CKR_KEY_INDIGESTIBLE);
    ASSERT_EQ(p11_.C_DigestInit(session_, &mechanism), CKR_OK);
    EXPECT_EQ(p11_.C_DigestKey(session_, 123456), CKR_KEY_HANDLE_INVALID);
}

TEST_F(SymmetricTest, SignatureWithRecoveryHoldsItsData) {
    ASSERT_EQ(login(session_, kPin), CKR_OK);
    const auto key = object(session_, CKO_PRIVATE_KEY, kLogin);
    const auto half = object(session_, CKO_PUBLIC_KEY, kLogin);
    CK_MECHANISM mechanism = of(CKM_RSA_PKCS);
    ByteVector signature(256);
    CK_ULONG length = 10;
    ASSERT_EQ(p11_.C_SignRecoverInit(session_, &mechanism, key), CKR_OK);
    EXPECT_EQ(p11_.C_SignRecoverInit(session_, &mechanism, key), CKR_OPERATION_ACTIVE);
    EXPECT_EQ(p11_.C_SignRecover(session_, raw(kMessage), kMessage.size(), signature.data(), &length),
              CKR_BUFFER_TOO_SMALL);
    ASSERT_EQ(p11_.C_SignRecover(session_, raw(kMessage), kMessage.size(), signature.data(), &length), CKR_OK);
    ByteVector out(256);
    CK_ULONG size = 1;
    ASSERT_EQ(p11_.C_VerifyRecoverInit(session_, &mechanism, half), CKR_OK);
    EXPECT_EQ(p11_.C_VerifyRecover(session_, signature.data(), 256, out.data(), &size), CKR_BUFFER_TOO_SMALL);
    ASSERT_EQ(p11_.C_VerifyRecover(session_, signature.data(), 256, out.data(), &size), CKR_OK);
    out.resize(size);
    EXPECT_EQ(out, ByteVector(kMessage.begin(), kMessage.end()));
    signature[100] ^= 1;
    ASSERT_EQ(p11_.C_VerifyRecoverInit(session_, &mechanism, half), CKR_OK);
    EXPECT_EQ(p11_.C_VerifyRecover(session_, signature.data(), 256, out.data(), &size), CKR_SIGNATURE_INVALID);
    ASSERT_EQ(p11_.C_VerifyRecoverInit(session_, &mechanism, half), CKR_OK);
    EXPECT_EQ(p11_.C_VerifyRecover(session_, signature.data(), 255, out.data(), &size), CKR_SIGNATURE_LEN_RANGE);
    EXPECT_EQ(p11_.C_VerifyRecover(session_, signature.data(), 256, out.data(), &size), CKR_OPERATION_NOT_INITIALIZED);
    CK_MECHANISM hashed = of(CKM_SHA256_RSA_PKCS);
    EXPECT_EQ(p11_.C_SignRecoverInit(session_, &hashed, key), CKR_MECHANISM_INVALID);
}

TEST_F(SymmetricTest, TwoThingsAtOnce) {
    const auto aes = secret(CKK_AES, ByteVector(16, 3));
    const auto mac = secret(CKK_GENERIC_SECRET, ByteVector(20, 4));
    CK_MECHANISM cbc{CKM_AES_CBC, iv_.data(), 16};
    CK_MECHANISM hash = of(CKM_SHA256);
    CK_MECHANISM hmac = of(CKM_SHA256_HMAC);
    const ByteVector data(32, 5);
    ByteVector encrypted(32);
    ByteVector sum(32);
    const auto end = [&](bool encrypt) {
        CK_ULONG none = 0;
        unsigned char out[1];
        EXPECT_EQ((encrypt ? p11_.C_EncryptFinal : p11_.C_DecryptFinal)(session_, out, &none), CKR_OK);
    };
    CK_ULONG length = 31;
    EXPECT_EQ(p11_.C_DigestEncryptUpdate(session_, raw(data), 32, encrypted.data(), &length),
              CKR_OPERATION_NOT_INITIALIZED);
    ASSERT_EQ(p11_.C_DigestInit(session_, &hash), CKR_OK);
    ASSERT_EQ(p11_.C_EncryptInit(session_, &cbc, aes), CKR_OK);
    EXPECT_EQ(p11_.C_DigestEncryptUpdate(session_, raw(data), 32, encrypted.data(), &length), CKR_BUFFER_TOO_SMALL);
    ASSERT_EQ(p11_.C_DigestEncryptUpdate(session_, raw(data), 32, encrypted.data(), &length), CKR_OK);
    end(true);
    ASSERT_EQ(p11_.C_DigestFinal(session_, sum.data(), &length), CKR_OK);
    EXPECT_EQ(sum, sha256(data));
    ByteVector plain(32);
    ASSERT_EQ(p11_.C_DigestInit(session_, &hash), CKR_OK);
    ASSERT_EQ(p11_.C_DecryptInit(session_, &cbc, aes), CKR_OK);
    ASSERT_EQ(p11_.C_DecryptDigestUpdate(session_, encrypted.data(), 32, plain.data(), &length), CKR_OK);
    end(false);
    ASSERT_EQ(p11_.C_DigestFinal(session_, sum.data(), &length), CKR_OK);
    EXPECT_EQ(plain, data);
    EXPECT_EQ(sum, sha256(data));
    ASSERT_EQ(p11_.C_SignInit(session_, &hmac, mac), CKR_OK);
    ASSERT_EQ(p11_.C_EncryptInit(session_, &cbc, aes), CKR_OK);
    ASSERT_EQ(p11_.C_SignEncryptUpdate(session_, raw(data), 32, encrypted.data(), &length), CKR_OK);
    end(true);
    ASSERT_EQ(p11_.C_SignFinal(session_, sum.data(), &length), CKR_OK);
    ASSERT_EQ(p11_.C_VerifyInit(session_, &hmac, mac), CKR_OK);
    ASSERT_EQ(p11_.C_DecryptInit(session_, &cbc, aes), CKR_OK);
    ASSERT_EQ(p11_.C_DecryptVerifyUpdate(session_, encrypted.data(), 32, plain.data(), &length), CKR_OK);
    end(false);
    EXPECT_EQ(p11_.C_VerifyFinal(session_, sum.data(), 32), CKR_OK);
}

TEST_F(SymmetricTest, NullMechanismEndsAnOperationAndIsNoneOtherwise) {
    CK_MECHANISM ecb = of(CKM_AES_ECB);
    const auto key = secret(CKK_AES, ByteVector(16, 3));
    ASSERT_EQ(p11_.C_EncryptInit(session_, &ecb, key), CKR_OK);
    EXPECT_EQ(p11_.C_EncryptInit(session_, nullptr, key), CKR_OK);
    EXPECT_EQ(p11_.C_EncryptInit(session_, nullptr, key), CKR_ARGUMENTS_BAD);
    unsigned char out[16];
    CK_ULONG length = 16;
    EXPECT_EQ(p11_.C_EncryptFinal(session_, out, &length), CKR_OPERATION_NOT_INITIALIZED);
}

TEST_F(SymmetricTest, UseThatAKeyIsNotForIsRefused) {
    Template wanted;
    wanted.number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, CKK_AES).bytes(CKA_VALUE, ByteVector(16, 1));
    const CK_MECHANISM_TYPE only[] = {CKM_AES_CBC};
    wanted.flag(CKA_DECRYPT, false).bytes(CKA_ALLOWED_MECHANISMS, only, sizeof(only));
    CK_OBJECT_HANDLE key = 0;
    ASSERT_EQ(p11_.C_CreateObject(session_, wanted.data(), wanted.size(), &key), CKR_OK);
    CK_RV code = CKR_OK;
    EXPECT_FALSE(whole(true, {CKM_AES_CBC, iv_.data(), 16}, key, ByteVector(16)).empty());
    whole(true, of(CKM_AES_ECB), key, ByteVector(16), &code);
    EXPECT_EQ(code, CKR_MECHANISM_INVALID);
    whole(false, {CKM_AES_CBC, iv_.data(), 16}, key, ByteVector(16), &code);
    EXPECT_EQ(code, CKR_KEY_FUNCTION_NOT_PERMITTED);
}

}  // namespace
}  // namespace sealkey::test
