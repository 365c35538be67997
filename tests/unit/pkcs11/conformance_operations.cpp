// Ciphers, digests, signatures and what does two things at once.
#include "conformance.h"

namespace sealkey::test::conformance {

namespace {

// A function that begins an operation with a key: what is right, and what is wrong with it.
struct Begins {
    std::string_view function;
    Scene::Init CK_FUNCTION_LIST_3_0::*init;
    CK_OBJECT_CLASS object_class;  // of the right key
    CK_MECHANISM_TYPE unfit;       // there is such a mechanism, but not for this
    CK_ATTRIBUTE_TYPE use;
    std::uint8_t key;          // CKA_ID of an RSA key
    std::uint8_t unpermitted;  // of an RSA key that isn't for this; 0: a session key is made so
};

#define SEALKEY_BEGINS(name, half, unfit, use, key, unpermitted)                                                 \
    {                                                                                                            \
        "C_" #name "Init", &CK_FUNCTION_LIST_3_0::C_##name##Init, CKO_##half##_KEY, CKM_##unfit, CKA_##use, key, \
            unpermitted                                                                                          \
    }
constexpr Begins kBegins[] = {
    SEALKEY_BEGINS(Encrypt, PUBLIC, RSA_PKCS_PSS, ENCRYPT, kDecryption, 0),
    SEALKEY_BEGINS(Decrypt, PRIVATE, RSA_PKCS_PSS, DECRYPT, kDecryption, kSignature),
    SEALKEY_BEGINS(Sign, PRIVATE, RSA_PKCS_OAEP, SIGN, kLogin, 0),
    SEALKEY_BEGINS(SignRecover, PRIVATE, SHA256_RSA_PKCS, SIGN_RECOVER, kLogin, 0),
    SEALKEY_BEGINS(Verify, PUBLIC, RSA_PKCS_OAEP, VERIFY, kLogin, 0),
    SEALKEY_BEGINS(VerifyRecover, PUBLIC, RSA_PKCS_PSS, VERIFY_RECOVER, kLogin, 0),
};

void add_refusals(std::vector<Row>& rows, const Begins& one) {
    const auto add = [&](CK_RV code, std::function<CK_RV(Scene&)> call) {
        rows.push_back({one.function, code, State::user, std::move(call)});
    };
    const auto key = [=](Scene& c) { return c.object(c.s, one.object_class, one.key); };
    const auto init = [=](Scene& c, CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE with) {
        return c.init(c.f.*one.init, type, with);
    };
    add(CKR_OK, [=](Scene& c) { return init(c, CKM_RSA_PKCS, key(c)); });
    add(CKR_ARGUMENTS_BAD, [=](Scene& c) { return (c.f.*one.init)(c.s, nullptr, key(c)); });
    add(CKR_KEY_HANDLE_INVALID, [=](Scene& c) { return init(c, CKM_RSA_PKCS, 123456); });
    add(CKR_KEY_HANDLE_INVALID, [=](Scene& c) { return init(c, CKM_RSA_PKCS, c.certificate(one.key)); });
    const CK_OBJECT_CLASS half = one.object_class == CKO_PUBLIC_KEY ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY;
    add(CKR_KEY_TYPE_INCONSISTENT, [=](Scene& c) { return init(c, CKM_RSA_PKCS, c.object(c.s, half, one.key)); });
    add(CKR_KEY_TYPE_INCONSISTENT,
        [=](Scene& c) { return init(c, CKM_RSA_PKCS, c.object(c.s, one.object_class, kFormer)); });
    add(CKR_MECHANISM_INVALID, [=](Scene& c) { return init(c, one.unfit, key(c)); });
    add(CKR_MECHANISM_INVALID, [=](Scene& c) { return init(c, 0x7FFFFFFF, key(c)); });
    add(CKR_MECHANISM_PARAM_INVALID, [=](Scene& c) {
        CK_MECHANISM mechanism{CKM_RSA_PKCS, c.b, 1};
        return (c.f.*one.init)(c.s, &mechanism, key(c));
    });
    add(CKR_OPERATION_ACTIVE, [=](Scene& c) {
        EXPECT_EQ(init(c, CKM_RSA_PKCS, key(c)), CKR_OK);
        return init(c, CKM_RSA_PKCS, key(c));
    });
    if (one.object_class == CKO_PUBLIC_KEY) {
        add(CKR_KEY_FUNCTION_NOT_PERMITTED, [=](Scene& c) { return init(c, CKM_RSA_PKCS, c.rsa_without(one.use)); });
        return;
    }
    add(CKR_USER_NOT_LOGGED_IN, [=](Scene& c) {
        const auto handle = key(c);
        EXPECT_EQ(c.f.C_Logout(c.s), CKR_OK);
        return init(c, CKM_RSA_PKCS, handle);
    });
    if (one.unpermitted != 0) {
        add(CKR_KEY_FUNCTION_NOT_PERMITTED,
            [=](Scene& c) { return init(c, CKM_RSA_PKCS, c.object(c.s, one.object_class, one.unpermitted)); });
    }
}

// What every function that feeds or ends an operation answers: one that wasn't begun, and no place for its output.
struct Feeds {
    std::string_view function;
    std::function<void(Scene&)> begin;
    std::function<CK_RV(Scene&, unsigned char*, CK_ULONG*)> feed;  // 16 bytes, or the end
    CK_RV bad = CKR_ARGUMENTS_BAD;
    CK_ULONG few = 1;  // 0: any room is enough
};

void begin_aes(Scene& c, bool encrypt, CK_MECHANISM_TYPE type = CKM_AES_ECB) {
    CK_MECHANISM m{type, type == CKM_AES_ECB ? nullptr : c.b + 256, type == CKM_AES_ECB ? 0UL : 16UL};
    EXPECT_EQ((encrypt ? c.f.C_EncryptInit : c.f.C_DecryptInit)(c.s, &m, c.aes()), CKR_OK);
}
void begin_padded(Scene& c) { begin_aes(c, false, CKM_AES_CBC_PAD); }
void begin_digest(Scene& c) { EXPECT_EQ(c.digest(), CKR_OK); }

}  // namespace

void begin_rsa(Scene& c, Scene::Init init, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type) {
    EXPECT_EQ(c.init(init, type, key), CKR_OK);
}
void begin_sign(Scene& c, CK_MECHANISM_TYPE type, std::uint8_t key) {
    begin_rsa(c, c.f.C_SignInit, c.private_key(key), type);
}
void begin_verify(Scene& c, CK_MECHANISM_TYPE type, std::uint8_t key) {
    begin_rsa(c, c.f.C_VerifyInit, c.public_key(key), type);
}
void encrypted_for_token(Scene& c, std::uint8_t key) {
    begin_rsa(c, c.f.C_EncryptInit, c.public_key(key));
    EXPECT_EQ(c.f.C_Encrypt(c.s, c.b, 5, c.b, &c.length), CKR_OK);
    EXPECT_EQ(c.length, 256U);
    c.length = sizeof(c.b);
    begin_rsa(c, c.f.C_DecryptInit, c.private_key(key));
}

namespace {

std::vector<Feeds> feeds() {
    using Out = unsigned char*;
    return {
        {"C_Encrypt", [](Scene& c) { begin_aes(c, true); },
         [](Scene& c, Out o, CK_ULONG* l) { return c.f.C_Encrypt(c.s, c.b, 16, o, l); }},
        {"C_EncryptUpdate", [](Scene& c) { begin_aes(c, true); },
         [](Scene& c, Out o, CK_ULONG* l) { return c.f.C_EncryptUpdate(c.s, c.b, 16, o, l); }},
        {"C_EncryptFinal", [](Scene& c) { begin_aes(c, true, CKM_AES_CBC_PAD); },
         [](Scene& c, Out o, CK_ULONG* l) { return c.f.C_EncryptFinal(c.s, o, l); }},
        {"C_Decrypt", [](Scene& c) { begin_aes(c, false); },
         [](Scene& c, Out o, CK_ULONG* l) { return c.f.C_Decrypt(c.s, c.b, 16, o, l); }},
        {"C_DecryptUpdate", [](Scene& c) { begin_aes(c, false); },
         [](Scene& c, Out o, CK_ULONG* l) { return c.f.C_DecryptUpdate(c.s, c.b, 16, o, l); }},
        {"C_DecryptFinal",
         [](Scene& c) {
             encrypted_for_token(c);
             EXPECT_EQ(c.f.C_DecryptUpdate(c.s, c.b, 256, c.b, &c.length), CKR_OK);
             c.length = sizeof(c.b);
         },
         [](Scene& c, Out o, CK_ULONG* l) { return c.f.C_DecryptFinal(c.s, o, l); }},
        {"C_Digest", begin_digest, [](Scene& c, Out o, CK_ULONG* l) { return c.f.C_Digest(c.s, c.b, 16, o, l); }},
        {"C_DigestFinal", begin_digest, [](Scene& c, Out o, CK_ULONG* l) { return c.f.C_DigestFinal(c.s, o, l); }},
        {"C_Sign", [](Scene& c) { begin_sign(c); },
         [](Scene& c, Out o, CK_ULONG* l) { return c.f.C_Sign(c.s, c.b, 16, o, l); }},
        {"C_SignFinal", [](Scene& c) { begin_sign(c); },
         [](Scene& c, Out o, CK_ULONG* l) { return c.f.C_SignFinal(c.s, o, l); }},
        {"C_SignRecover", [](Scene& c) { begin_rsa(c, c.f.C_SignRecoverInit, c.private_key(kLogin)); },
         [](Scene& c, Out o, CK_ULONG* l) { return c.f.C_SignRecover(c.s, c.b, 16, o, l); }},
        {"C_VerifyRecover",
         [](Scene& c) {
             begin_sign(c, CKM_RSA_PKCS);
             EXPECT_EQ(c.f.C_Sign(c.s, c.b, 5, c.b, &c.length), CKR_OK);
             c.length = sizeof(c.b);
             begin_rsa(c, c.f.C_VerifyRecoverInit, c.public_key(kLogin));
         },
         [](Scene& c, Out o, CK_ULONG* l) { return c.f.C_VerifyRecover(c.s, c.b, 256, o, l); }},
        {"C_DigestEncryptUpdate",
         [](Scene& c) {
             begin_digest(c);
             begin_aes(c, true);
         },
         [](Scene& c, Out o, CK_ULONG* l) { return c.f.C_DigestEncryptUpdate(c.s, c.b, 16, o, l); }},
        {"C_DecryptDigestUpdate",
         [](Scene& c) {
             begin_digest(c);
             begin_aes(c, false);
         },
         [](Scene& c, Out o, CK_ULONG* l) { return c.f.C_DecryptDigestUpdate(c.s, c.b, 16, o, l); }},
        {"C_SignEncryptUpdate",
         [](Scene& c) {
             begin_sign(c);
             begin_aes(c, true);
         },
         [](Scene& c, Out o, CK_ULONG* l) { return c.f.C_SignEncryptUpdate(c.s, c.b, 16, o, l); }},
        {"C_DecryptVerifyUpdate",
         [](Scene& c) {
             begin_verify(c);
             begin_aes(c, false);
         },
         [](Scene& c, Out o, CK_ULONG* l) { return c.f.C_DecryptVerifyUpdate(c.s, c.b, 16, o, l); }},
        // Without an output of their own: nothing stands for a place to write, which is where the input was.
        {"C_DigestUpdate", begin_digest,
         [](Scene& c, Out, CK_ULONG* l) { return c.f.C_DigestUpdate(c.s, l != nullptr ? c.b : nullptr, 16); },
         CKR_ARGUMENTS_BAD, 0},
        {"C_DigestKey", begin_digest,
         [](Scene& c, Out, CK_ULONG* l) { return c.f.C_DigestKey(c.s, l != nullptr ? c.aes() : 123456); },
         CKR_KEY_HANDLE_INVALID, 0},
        {"C_SignUpdate", [](Scene& c) { begin_sign(c); },
         [](Scene& c, Out, CK_ULONG* l) { return c.f.C_SignUpdate(c.s, l != nullptr ? c.b : nullptr, 16); },
         CKR_ARGUMENTS_BAD, 0},
        {"C_VerifyUpdate", [](Scene& c) { begin_verify(c); },
         [](Scene& c, Out, CK_ULONG* l) { return c.f.C_VerifyUpdate(c.s, l != nullptr ? c.b : nullptr, 16); },
         CKR_ARGUMENTS_BAD, 0},
        {"C_Verify",
         [](Scene& c) {
             begin_sign(c);
             EXPECT_EQ(c.f.C_Sign(c.s, c.b, 16, c.b + 16, &c.length), CKR_OK);
             begin_verify(c);
         },
         [](Scene& c, Out, CK_ULONG* l) { return c.f.C_Verify(c.s, l != nullptr ? c.b : nullptr, 16, c.b + 16, 256); },
         CKR_ARGUMENTS_BAD, 0},
        {"C_VerifyFinal",
         [](Scene& c) {
             begin_sign(c);
             EXPECT_EQ(c.f.C_SignFinal(c.s, c.b, &c.length), CKR_OK);
             begin_verify(c);
         },
         [](Scene& c, Out, CK_ULONG* l) { return c.f.C_VerifyFinal(c.s, l != nullptr ? c.b : nullptr, 256); },
         CKR_ARGUMENTS_BAD, 0},
    };
}

void add_feeds(std::vector<Row>& rows) {
    for (const Feeds& one : feeds()) {
        const auto add = [&](CK_RV code, std::function<CK_RV(Scene&)> call) {
            rows.push_back({one.function, code, State::user, std::move(call)});
        };
        const auto& [function, begin, feed, bad, few] = one;
        add(CKR_OPERATION_NOT_INITIALIZED, [feed = feed](Scene& c) { return feed(c, c.b, &c.length); });
        add(CKR_OK, [begin = begin, feed = feed](Scene& c) {
            begin(c);
            return feed(c, c.b, &c.length);
        });
        // It ends the operation too.
        add(bad, [begin = begin, feed = feed](Scene& c) {
            begin(c);
            const CK_RV code = feed(c, c.b, nullptr);
            EXPECT_EQ(feed(c, c.b, &c.length), CKR_OPERATION_NOT_INITIALIZED);
            return code;
        });
        if (few == 0) continue;
        // It keeps the operation.
        add(CKR_BUFFER_TOO_SMALL, [begin = begin, feed = feed](Scene& c) {
            begin(c);
            CK_ULONG small = 1;
            const CK_RV code = feed(c, c.b, &small);
            EXPECT_GT(small, 1U);
            EXPECT_EQ(feed(c, c.b, &c.length), CKR_OK);
            return code;
        });
    }
}

std::vector<Row> cipher_rows() {
    return {
        SEALKEY_ROW(C_EncryptInit, KEY_FUNCTION_NOT_PERMITTED, open,
                    return c.init(c.f.C_EncryptInit, CKM_AES_ECB, c.aes(CKA_ENCRYPT));),
            SEALKEY_ROW(C_Encrypt, DATA_LEN_RANGE, open, begin_aes(c, true);
                        return c.f.C_Encrypt(c.s, c.b, 15, c.b, &c.length);),
            SEALKEY_ROW(C_Encrypt, DATA_INVALID, open,
                        begin_rsa(c, c.f.C_EncryptInit, c.public_key(kDecryption), CKM_RSA_X_509);
                        std::fill_n(c.b, 256, 0xFF); return c.f.C_Encrypt(c.s, c.b, 256, c.b, &c.length);),
            SEALKEY_ROW(C_Encrypt, DEVICE_REMOVED, open, begin_rsa(c, c.f.C_EncryptInit, c.public_key(kDecryption));
                        return c.without_token([&] { return c.f.C_Encrypt(c.s, c.b, 5, c.b, &c.length); });),
            SEALKEY_ROW(C_EncryptUpdate, DATA_LEN_RANGE, open,
                        begin_rsa(c, c.f.C_EncryptInit, c.public_key(kDecryption));
                        return c.f.C_EncryptUpdate(c.s, c.b, 257, c.b, &c.length);),
            SEALKEY_ROW(C_EncryptFinal, DATA_LEN_RANGE, open, begin_aes(c, true);
                        EXPECT_EQ(c.f.C_EncryptUpdate(c.s, c.b, 5, c.b, &c.length), CKR_OK); c.length = 512;
                        return c.f.C_EncryptFinal(c.s, c.b, &c.length);),
            SEALKEY_ROW(C_EncryptFinal, DEVICE_REMOVED, open,
                        begin_rsa(c, c.f.C_EncryptInit, c.public_key(kDecryption));
                        return c.without_token([&] { return c.f.C_EncryptFinal(c.s, c.b, &c.length); });),
            SEALKEY_ROW(C_Decrypt, ENCRYPTED_DATA_INVALID, open, begin_padded(c);
                        return c.f.C_Decrypt(c.s, c.b, 16, c.b, &c.length);),
            SEALKEY_ROW(C_Decrypt, ENCRYPTED_DATA_LEN_RANGE, open, begin_aes(c, false);
                        return c.f.C_Decrypt(c.s, c.b, 15, c.b, &c.length);),
            SEALKEY_ROW(C_Decrypt, USER_NOT_LOGGED_IN, user, encrypted_for_token(c); c.token.reset_card();
                        return c.f.C_Decrypt(c.s, c.b, 256, c.b, &c.length);),
            SEALKEY_ROW(C_Decrypt, DEVICE_REMOVED, user, encrypted_for_token(c);
                        return c.without_token([&] { return c.f.C_Decrypt(c.s, c.b, 256, c.b, &c.length); });),
            SEALKEY_ROW(C_DecryptUpdate, ENCRYPTED_DATA_LEN_RANGE, user, encrypted_for_token(c);
                        return c.f.C_DecryptUpdate(c.s, c.b, 257, c.b, &c.length);),
            SEALKEY_ROW(C_DecryptFinal, ENCRYPTED_DATA_INVALID, open, begin_padded(c);
                        EXPECT_EQ(c.f.C_DecryptUpdate(c.s, c.b, 16, c.b, &c.length), CKR_OK); c.length = 512;
                        return c.f.C_DecryptFinal(c.s, c.b, &c.length);),
            SEALKEY_ROW(C_DecryptFinal, ENCRYPTED_DATA_LEN_RANGE, open, begin_aes(c, false);
                        EXPECT_EQ(c.f.C_DecryptUpdate(c.s, c.b, 5, c.b, &c.length), CKR_OK); c.length = 512;
                        return c.f.C_DecryptFinal(c.s, c.b, &c.length);),
            SEALKEY_ROW(C_DecryptFinal, USER_NOT_LOGGED_IN, user, encrypted_for_token(c);
                        EXPECT_EQ(c.f.C_DecryptUpdate(c.s, c.b, 256, c.b, &c.length), CKR_OK); c.token.reset_card();
                        c.length = 512; return c.f.C_DecryptFinal(c.s, c.b, &c.length);),
            SEALKEY_ROW(C_DecryptFinal, DEVICE_REMOVED, user, encrypted_for_token(c);
                        EXPECT_EQ(c.f.C_DecryptUpdate(c.s, c.b, 256, c.b, &c.length), CKR_OK); c.length = 512;
                        return c.without_token([&] { return c.f.C_DecryptFinal(c.s, c.b, &c.length); });),
            SEALKEY_ROW(C_DigestEncryptUpdate, DATA_LEN_RANGE, open, begin_digest(c);
                        begin_rsa(c, c.f.C_EncryptInit, c.public_key(kDecryption));
                        return c.f.C_DigestEncryptUpdate(c.s, c.b, 257, c.b, &c.length);),
            SEALKEY_ROW(C_SignEncryptUpdate, DATA_LEN_RANGE, user, begin_sign(c);
                        begin_rsa(c, c.f.C_EncryptInit, c.public_key(kDecryption));
                        return c.f.C_SignEncryptUpdate(c.s, c.b, 257, c.b, &c.length);),
            SEALKEY_ROW(C_DecryptDigestUpdate, ENCRYPTED_DATA_LEN_RANGE, user, encrypted_for_token(c); begin_digest(c);
                        return c.f.C_DecryptDigestUpdate(c.s, c.b, 257, c.b, &c.length);),
            SEALKEY_ROW(C_DecryptVerifyUpdate, ENCRYPTED_DATA_LEN_RANGE, user, encrypted_for_token(c); begin_verify(c);
                        return c.f.C_DecryptVerifyUpdate(c.s, c.b, 257, c.b, &c.length);),
            SEALKEY_ROW(C_DecryptVerifyUpdate, DATA_LEN_RANGE, user, begin_verify(c, CKM_RSA_PKCS); begin_aes(c, false);
                        EXPECT_EQ(c.f.C_DecryptVerifyUpdate(c.s, c.b, 496, c.b, &c.length), CKR_OK); c.length = 512;
                        return c.f.C_DecryptVerifyUpdate(c.s, c.b, 496, c.b, &c.length);),
    };
}

std::vector<Row> signature_rows() {
    return {
        SEALKEY_ROW(C_DigestInit, OK, open, return c.digest();),
            SEALKEY_ROW(C_DigestInit, ARGUMENTS_BAD, open, return c.f.C_DigestInit(c.s, nullptr);),
            SEALKEY_ROW(C_DigestInit, MECHANISM_INVALID, open, CK_MECHANISM m = of(CKM_MD5);
                        return c.f.C_DigestInit(c.s, &m);),
            SEALKEY_ROW(C_DigestInit, MECHANISM_PARAM_INVALID, open, CK_MECHANISM m{CKM_SHA256, c.b, 1};
                        return c.f.C_DigestInit(c.s, &m);),
            SEALKEY_ROW(C_DigestInit, OPERATION_ACTIVE, open, begin_digest(c); return c.digest();),
            SEALKEY_ROW(C_Digest, OPERATION_ACTIVE, open, begin_digest(c);
                        EXPECT_EQ(c.f.C_DigestUpdate(c.s, c.b, 5), CKR_OK);
                        return c.f.C_Digest(c.s, c.b, 5, c.b, &c.length);),
            SEALKEY_ROW(C_DigestKey, KEY_INDIGESTIBLE, open, begin_digest(c);
                        return c.f.C_DigestKey(c.s, c.public_key(kLogin));),
            SEALKEY_ROW(C_SignInit, KEY_FUNCTION_NOT_PERMITTED, open,
                        return c.init(c.f.C_SignInit, CKM_AES_CMAC, c.aes(CKA_SIGN));),
            SEALKEY_ROW(C_VerifyInit, KEY_FUNCTION_NOT_PERMITTED, open,
                        return c.init(c.f.C_VerifyInit, CKM_AES_CMAC, c.aes(CKA_VERIFY));),
            SEALKEY_ROW(C_Sign, DATA_LEN_RANGE, user, begin_sign(c, CKM_RSA_PKCS);
                        return c.f.C_Sign(c.s, c.b, 246, c.b, &c.length);),
            SEALKEY_ROW(C_Sign, DATA_INVALID, user, begin_sign(c, CKM_RSA_X_509); std::fill_n(c.b, 256, 0xFF);
                        return c.f.C_Sign(c.s, c.b, 256, c.b, &c.length);),
            SEALKEY_ROW(C_Sign, USER_NOT_LOGGED_IN, user, begin_sign(c, CKM_RSA_PKCS, kSignature);
                        return c.f.C_Sign(c.s, c.b, 5, c.b, &c.length);),
            SEALKEY_ROW(C_Sign, DEVICE_REMOVED, user, begin_sign(c);
                        return c.without_token([&] { return c.f.C_Sign(c.s, c.b, 5, c.b, &c.length); });),
            SEALKEY_ROW(C_SignUpdate, DATA_LEN_RANGE, user, begin_sign(c, CKM_RSA_PKCS);
                        EXPECT_EQ(c.f.C_SignUpdate(c.s, c.b, 512), CKR_OK); return c.f.C_SignUpdate(c.s, c.b, 1);),
            SEALKEY_ROW(C_SignFinal, DATA_LEN_RANGE, user, begin_sign(c, CKM_RSA_PKCS);
                        EXPECT_EQ(c.f.C_SignUpdate(c.s, c.b, 246), CKR_OK);
                        return c.f.C_SignFinal(c.s, c.b, &c.length);),
            SEALKEY_ROW(C_SignFinal, USER_NOT_LOGGED_IN, user, begin_sign(c, CKM_SHA256_RSA_PKCS, kSignature);
                        return c.f.C_SignFinal(c.s, c.b, &c.length);),
            SEALKEY_ROW(C_SignFinal, DEVICE_REMOVED, user, begin_sign(c);
                        return c.without_token([&] { return c.f.C_SignFinal(c.s, c.b, &c.length); });),
            SEALKEY_ROW(C_SignRecover, DATA_LEN_RANGE, user, begin_rsa(c, c.f.C_SignRecoverInit, c.private_key(kLogin));
                        return c.f.C_SignRecover(c.s, c.b, 246, c.b, &c.length);),
            SEALKEY_ROW(C_SignRecover, DATA_INVALID, user,
                        begin_rsa(c, c.f.C_SignRecoverInit, c.private_key(kLogin), CKM_RSA_X_509);
                        std::fill_n(c.b, 256, 0xFF); return c.f.C_SignRecover(c.s, c.b, 256, c.b, &c.length);),
            SEALKEY_ROW(C_SignRecover, USER_NOT_LOGGED_IN, user,
                        begin_rsa(c, c.f.C_SignRecoverInit, c.private_key(kSignature));
                        return c.f.C_SignRecover(c.s, c.b, 5, c.b, &c.length);),
            SEALKEY_ROW(C_SignRecover, DEVICE_REMOVED, user, begin_rsa(c, c.f.C_SignRecoverInit, c.private_key(kLogin));
                        return c.without_token([&] { return c.f.C_SignRecover(c.s, c.b, 5, c.b, &c.length); });),
            SEALKEY_ROW(C_Verify, DATA_LEN_RANGE, open, begin_verify(c, CKM_RSA_PKCS);
                        return c.f.C_Verify(c.s, c.b, 246, c.b, 256);),
            SEALKEY_ROW(C_Verify, SIGNATURE_INVALID, open, begin_verify(c);
                        return c.f.C_Verify(c.s, c.b, 5, c.b, 256);),
            SEALKEY_ROW(C_Verify, SIGNATURE_LEN_RANGE, open, begin_verify(c);
                        return c.f.C_Verify(c.s, c.b, 5, c.b, 255);),
            SEALKEY_ROW(C_Verify, DEVICE_REMOVED, open, begin_verify(c);
                        return c.without_token([&] { return c.f.C_Verify(c.s, c.b, 5, c.b, 256); });),
            SEALKEY_ROW(C_VerifyUpdate, DATA_LEN_RANGE, open, begin_verify(c, CKM_RSA_PKCS);
                        EXPECT_EQ(c.f.C_VerifyUpdate(c.s, c.b, 512), CKR_OK); return c.f.C_VerifyUpdate(c.s, c.b, 1);),
            SEALKEY_ROW(C_VerifyFinal, DATA_LEN_RANGE, open, begin_verify(c, CKM_RSA_PKCS);
                        EXPECT_EQ(c.f.C_VerifyUpdate(c.s, c.b, 246), CKR_OK); return c.f.C_VerifyFinal(c.s, c.b, 256);),
            SEALKEY_ROW(C_VerifyFinal, SIGNATURE_INVALID, open, begin_verify(c);
                        return c.f.C_VerifyFinal(c.s, c.b, 256);),
            SEALKEY_ROW(C_VerifyFinal, SIGNATURE_LEN_RANGE, open, begin_verify(c);
                        return c.f.C_VerifyFinal(c.s, c.b, 255);),
            SEALKEY_ROW(C_VerifyFinal, DEVICE_REMOVED, open, begin_verify(c);
                        return c.without_token([&] { return c.f.C_VerifyFinal(c.s, c.b, 256); });),
            SEALKEY_ROW(C_VerifyRecover, SIGNATURE_INVALID, open,
                        begin_rsa(c, c.f.C_VerifyRecoverInit, c.public_key(kLogin));
                        return c.f.C_VerifyRecover(c.s, c.b, 256, c.b, &c.length);),
            SEALKEY_ROW(C_VerifyRecover, SIGNATURE_LEN_RANGE, open,
                        begin_rsa(c, c.f.C_VerifyRecoverInit, c.public_key(kLogin));
                        return c.f.C_VerifyRecover(c.s, c.b, 255, c.b, &c.length);),
            SEALKEY_ROW(C_VerifyRecover, DEVICE_REMOVED, open,
                        begin_rsa(c, c.f.C_VerifyRecoverInit, c.public_key(kLogin));
                        return c.without_token([&] { return c.f.C_VerifyRecover(c.s, c.b, 256, c.b, &c.length); });),
    };
}

}  // namespace

std::vector<Row> operation_rows() {
    auto all = cipher_rows();
    for (auto& row : signature_rows()) all.push_back(std::move(row));
    for (const Begins& one : kBegins) add_refusals(all, one);
    add_feeds(all);
    return all;
}

}  // namespace sealkey::test::conformance
