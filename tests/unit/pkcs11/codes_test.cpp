// Return codes: what each function answers when it is called at the wrong time, with the wrong handle or arguments.
#include <array>

#include "module.h"
#include "session_calls.h"

namespace sealkey::test {
namespace {

using CodesTest = PersonalisedModuleTest;
using BareTest = ModuleTest;

TEST_F(BareTest, EveryFunctionSaysThatTheLibraryIsNotInitialised) {
    for (const auto& [name, code] : call_all_with_session(p11_, 1))
        EXPECT_EQ(code, CKR_CRYPTOKI_NOT_INITIALIZED) << name;
    CK_INFO info{};
    CK_SLOT_INFO slot{};
    CK_TOKEN_INFO token{};
    CK_MECHANISM_INFO mechanism{};
    CK_ULONG count = 0;
    CK_SESSION_HANDLE session = 0;
    CK_SLOT_ID id = 0;
    unsigned char pin[6] = {};
    EXPECT_EQ(p11_.C_Finalize(nullptr), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_GetInfo(&info), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_GetSlotList(CK_FALSE, nullptr, &count), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_GetSlotInfo(0, &slot), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_GetTokenInfo(0, &token), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_GetMechanismList(0, nullptr, &count), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_GetMechanismInfo(0, CKM_ECDSA, &mechanism), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_InitToken(0, pin, 6, pin), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_CloseAllSessions(0), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, nullptr), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_GetFunctionList(nullptr), CKR_ARGUMENTS_BAD);
}

TEST_F(CodesTest, EverySessionFunctionRefusesAHandleThatIsNone) {
    for (const CK_SESSION_HANDLE none : {CK_SESSION_HANDLE{0}, CK_SESSION_HANDLE{77}, ~CK_SESSION_HANDLE{0}}) {
        for (const auto& [name, code] : call_all_with_session(p11_, none)) {
            EXPECT_EQ(code, CKR_SESSION_HANDLE_INVALID) << name;
        }
    }
}

TEST_F(CodesTest, WhatIsNotThereSaysSoAndNeverOk) {
    const auto session = open();
    unsigned char pin[32] = {};
    CK_ULONG length = sizeof(pin);
    EXPECT_EQ(p11_.C_GetOperationState(session, pin, &length), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_GetOperationState(session, pin, nullptr), CKR_ARGUMENTS_BAD);
    CK_MECHANISM hash = of(CKM_SHA256);
    ASSERT_EQ(p11_.C_DigestInit(session, &hash), CKR_OK);
    EXPECT_EQ(p11_.C_GetOperationState(session, pin, &length), CKR_STATE_UNSAVEABLE);
    EXPECT_EQ(p11_.C_SetOperationState(session, pin, 6, 0, 0), CKR_SAVED_STATE_INVALID);
    EXPECT_EQ(p11_.C_SetOperationState(session, nullptr, 6, 0, 0), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_GetFunctionStatus(session), CKR_FUNCTION_NOT_PARALLEL);
    EXPECT_EQ(p11_.C_CancelFunction(session), CKR_FUNCTION_NOT_PARALLEL);
    EXPECT_EQ(p11_.C_SeedRandom(session, pin, 6), CKR_RANDOM_SEED_NOT_SUPPORTED);
}

TEST_F(CodesTest, NullOutputsAreRefusedAndNeverCrash) {
    const auto session = open();
    CK_MECHANISM mechanism = of(CKM_SHA256);
    CK_OBJECT_HANDLE object = 0;
    EXPECT_EQ(p11_.C_GetInfo(nullptr), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_GetSlotList(CK_FALSE, nullptr, nullptr), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_GetSlotInfo(0, nullptr), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_GetTokenInfo(0, nullptr), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_GetMechanismList(0, nullptr, nullptr), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_GetMechanismInfo(0, CKM_ECDSA, nullptr), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, nullptr), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_GetSessionInfo(session, nullptr), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_Login(session, CKU_USER, nullptr, 6), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_FindObjectsInit(session, nullptr, 1), CKR_ARGUMENTS_BAD);
    ASSERT_EQ(p11_.C_FindObjectsInit(session, nullptr, 0), CKR_OK);
    EXPECT_EQ(p11_.C_FindObjects(session, nullptr, 1, nullptr), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_FindObjects(session, &object, 1, nullptr), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_GetAttributeValue(session, 1, nullptr, 1), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_SignInit(session, nullptr, 1), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_VerifyInit(session, nullptr, 1), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_EncryptInit(session, nullptr, 1), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_DecryptInit(session, nullptr, 1), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_DigestInit(session, nullptr), CKR_ARGUMENTS_BAD);
    ASSERT_EQ(p11_.C_DigestInit(session, &mechanism), CKR_OK);
    EXPECT_EQ(p11_.C_DigestFinal(session, nullptr, nullptr), CKR_ARGUMENTS_BAD);
    ASSERT_EQ(p11_.C_DigestInit(session, &mechanism), CKR_OK);  // an error has ended it
    EXPECT_EQ(p11_.C_DigestUpdate(session, nullptr, 1), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_DeriveKey(session, &mechanism, 1, nullptr, 0, nullptr), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_GenerateRandom(session, nullptr, 1), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_Finalize(&object), CKR_ARGUMENTS_BAD);
}

TEST_F(CodesTest, SlotsThatAreNoneOrEmpty) {
    CK_ULONG count = 0;
    ASSERT_EQ(p11_.C_GetSlotList(CK_FALSE, nullptr, &count), CKR_OK);
    ASSERT_GE(count, 2U);  // the reader, and the place for one that may come
    std::vector<CK_SLOT_ID> slots(count);
    CK_ULONG too_few = count - 1;
    EXPECT_EQ(p11_.C_GetSlotList(CK_FALSE, slots.data(), &too_few), CKR_BUFFER_TOO_SMALL);
    EXPECT_EQ(too_few, count);
    ASSERT_EQ(p11_.C_GetSlotList(CK_FALSE, slots.data(), &count), CKR_OK);
    const CK_SLOT_ID empty = slots.back();
    CK_SLOT_INFO slot{};
    ASSERT_EQ(p11_.C_GetSlotInfo(empty, &slot), CKR_OK);
    EXPECT_EQ(slot.flags & (CKF_TOKEN_PRESENT | CKF_REMOVABLE_DEVICE), CKF_REMOVABLE_DEVICE);
    CK_TOKEN_INFO token{};
    CK_SESSION_HANDLE session = 0;
    EXPECT_EQ(p11_.C_GetTokenInfo(empty, &token), CKR_TOKEN_NOT_PRESENT);
    EXPECT_EQ(p11_.C_GetMechanismList(empty, nullptr, &count), CKR_TOKEN_NOT_PRESENT);
    EXPECT_EQ(p11_.C_OpenSession(empty, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_TOKEN_NOT_PRESENT);
    for (const CK_SLOT_ID none : {CK_SLOT_ID{99}, ~CK_SLOT_ID{0}}) {
        EXPECT_EQ(p11_.C_GetSlotInfo(none, &slot), CKR_SLOT_ID_INVALID);
        EXPECT_EQ(p11_.C_GetTokenInfo(none, &token), CKR_SLOT_ID_INVALID);
        EXPECT_EQ(p11_.C_OpenSession(none, CKF_SERIAL_SESSION, nullptr, nullptr, &session), CKR_SLOT_ID_INVALID);
        EXPECT_EQ(p11_.C_CloseAllSessions(none), CKR_SLOT_ID_INVALID);
    }
    EXPECT_EQ(p11_.C_OpenSession(0, 0, nullptr, nullptr, &session), CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    EXPECT_EQ(p11_.C_Initialize(nullptr), CKR_CRYPTOKI_ALREADY_INITIALIZED);
}

TEST_F(CodesTest, LoginsOfNoKindAndPinChangesInReadOnlySessions) {
    const auto session = open();
    EXPECT_EQ(login(session, kPin, CKU_SO), CKR_SESSION_READ_ONLY_EXISTS);
    EXPECT_EQ(login(session, kPin, 9), CKR_USER_TYPE_INVALID);
    EXPECT_EQ(p11_.C_Logout(session), CKR_USER_NOT_LOGGED_IN);
    unsigned char pin[6] = {'1', '2', '3', '4', '5', '6'};
    EXPECT_EQ(p11_.C_SetPIN(session, pin, 6, pin, 6), CKR_SESSION_READ_ONLY);
    EXPECT_EQ(key_.verifications(start_), 0U);
}

TEST_F(CodesTest, KeysAndMechanismsThatDoNotFit) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto rsa = object(session, CKO_PRIVATE_KEY, kLogin);
    const auto rsa_public = object(session, CKO_PUBLIC_KEY, kLogin);
    const auto certificate = object(session, CKO_CERTIFICATE, kLogin);
    const auto ec = object(session, CKO_PRIVATE_KEY, kFormer);
    const auto signature_key = object(session, CKO_PRIVATE_KEY, kSignature);
    const auto init = [&](CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key) {
        CK_MECHANISM mechanism = of(type);
        return p11_.C_SignInit(session, &mechanism, key);
    };
    EXPECT_EQ(init(CKM_SHA256, rsa), CKR_MECHANISM_INVALID);
    EXPECT_EQ(init(CKM_AES_CBC, rsa), CKR_MECHANISM_INVALID);
    EXPECT_EQ(init(CKM_ECDH1_DERIVE, ec), CKR_MECHANISM_INVALID);
    EXPECT_EQ(init(CKM_ECDSA, rsa), CKR_KEY_TYPE_INCONSISTENT);
    EXPECT_EQ(init(CKM_RSA_PKCS, ec), CKR_KEY_TYPE_INCONSISTENT);
    EXPECT_EQ(init(CKM_RSA_PKCS, rsa_public), CKR_KEY_TYPE_INCONSISTENT);
    EXPECT_EQ(init(CKM_RSA_PKCS, certificate), CKR_KEY_HANDLE_INVALID);
    EXPECT_EQ(init(CKM_RSA_PKCS, 0), CKR_KEY_HANDLE_INVALID);
    EXPECT_EQ(init(CKM_RSA_PKCS, 123456), CKR_KEY_HANDLE_INVALID);
    CK_MECHANISM mechanism = of(CKM_RSA_PKCS);
    EXPECT_EQ(p11_.C_DecryptInit(session, &mechanism, signature_key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    unsigned char parameter = 0;
    mechanism = {CKM_RSA_PKCS, &parameter, 1};
    EXPECT_EQ(p11_.C_SignInit(session, &mechanism, rsa), CKR_MECHANISM_PARAM_INVALID);
    ASSERT_EQ(init(CKM_RSA_PKCS, rsa), CKR_OK);
    EXPECT_EQ(init(CKM_RSA_PKCS, rsa), CKR_OPERATION_ACTIVE);
    ASSERT_EQ(p11_.C_FindObjectsInit(session, nullptr, 0), CKR_OK);
    EXPECT_EQ(p11_.C_FindObjectsInit(session, nullptr, 0), CKR_OPERATION_ACTIVE);
}

TEST_F(CodesTest, OperationsThatWereNotBegun) {
    const auto session = open();
    unsigned char b[256] = {};
    CK_ULONG length = sizeof(b);
    CK_OBJECT_HANDLE object = 0;
    EXPECT_EQ(p11_.C_FindObjects(session, &object, 1, &length), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_FindObjectsFinal(session), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_Sign(session, b, 1, b, &length), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_SignUpdate(session, b, 1), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_SignFinal(session, b, &length), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_Verify(session, b, 1, b, 1), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_VerifyUpdate(session, b, 1), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_VerifyFinal(session, b, 1), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_Encrypt(session, b, 1, b, &length), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_Decrypt(session, b, 1, b, &length), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_Digest(session, b, 1, b, &length), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_DigestUpdate(session, b, 1), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_DigestFinal(session, b, &length), CKR_OPERATION_NOT_INITIALIZED);
}

TEST_F(CodesTest, SignatureKeepsItsOperationForWantOfRoomAndEndsItOtherwise) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto rsa = object(session, CKO_PRIVATE_KEY, kLogin);
    CK_MECHANISM mechanism = of(CKM_SHA256_RSA_PKCS);
    unsigned char data[5] = {1, 2, 3, 4, 5};
    unsigned char out[256];
    ASSERT_EQ(p11_.C_SignInit(session, &mechanism, rsa), CKR_OK);
    const std::size_t before = key_.apdus();
    CK_ULONG length = 0;
    EXPECT_EQ(p11_.C_Sign(session, data, 5, nullptr, &length), CKR_OK);
    EXPECT_EQ(length, 256U);
    length = 255;
    EXPECT_EQ(p11_.C_Sign(session, data, 5, out, &length), CKR_BUFFER_TOO_SMALL);
    EXPECT_EQ(length, 256U);
    EXPECT_EQ(key_.apdus(), before);
    EXPECT_EQ(p11_.C_Sign(session, data, 5, out, &length), CKR_OK);
    EXPECT_EQ(p11_.C_Sign(session, data, 5, out, &length), CKR_OPERATION_NOT_INITIALIZED);
    ASSERT_EQ(p11_.C_SignInit(session, &mechanism, rsa), CKR_OK);
    ASSERT_EQ(p11_.C_SignUpdate(session, data, 5), CKR_OK);
    EXPECT_EQ(p11_.C_Sign(session, data, 5, out, &length), CKR_OPERATION_ACTIVE);
    EXPECT_EQ(p11_.C_SignFinal(session, out, &length), CKR_OK);
}

TEST_F(CodesTest, AttributesAreAnsweredEachByItself) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto key = object(session, CKO_PRIVATE_KEY, kLogin);
    CK_ULONG object_class = 0;
    unsigned char label[64];
    unsigned char small[1];
    CK_ATTRIBUTE wanted[] = {
        {CKA_CLASS, &object_class, sizeof(object_class)},  // answered
        {CKA_PRIVATE_EXPONENT, label, sizeof(label)},      // hidden
        {CKA_PRIME, label, sizeof(label)},                 // not an RSA key's
        {CKA_LABEL, small, sizeof(small)},                 // no room
        {CKA_LABEL, label, sizeof(label)},                 // answered
    };
    const CK_RV code = p11_.C_GetAttributeValue(session, key, wanted, std::size(wanted));
    EXPECT_TRUE(code == CKR_ATTRIBUTE_SENSITIVE || code == CKR_ATTRIBUTE_TYPE_INVALID || code == CKR_BUFFER_TOO_SMALL);
    EXPECT_EQ(object_class, CKO_PRIVATE_KEY);
    for (const int i : {1, 2, 3}) EXPECT_EQ(wanted[i].ulValueLen, ~0UL) << i;
    EXPECT_EQ(std::string(reinterpret_cast<char*>(label), wanted[4].ulValueLen), "Login");
    for (const CK_ATTRIBUTE_TYPE type :
         {CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT}) {
        EXPECT_EQ(attribute_code(session, key, type), CKR_ATTRIBUTE_SENSITIVE);
    }
    EXPECT_EQ(attribute_code(session, object(session, CKO_PRIVATE_KEY, kFormer), CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    EXPECT_EQ(attribute_code(session, 123456, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
    EXPECT_EQ(p11_.C_DestroyObject(session, key), CKR_SESSION_READ_ONLY);
    EXPECT_EQ(p11_.C_DestroyObject(session, 123456), CKR_OBJECT_HANDLE_INVALID);
}

TEST_F(CodesTest, CertificatesAreFoundByIssuerAndSerialNumberAndSubject) {
    const auto session = open();
    const auto login_certificate = object(session, CKO_CERTIFICATE, kLogin);
    const auto issuer = attribute(session, login_certificate, CKA_ISSUER);
    const auto serial = attribute(session, login_certificate, CKA_SERIAL_NUMBER);
    const auto subject = attribute(session, login_certificate, CKA_SUBJECT);
    ASSERT_TRUE(issuer && serial && subject);
    EXPECT_EQ(find(session, std::move(Template().bytes(CKA_ISSUER, *issuer).bytes(CKA_SERIAL_NUMBER, *serial))),
              std::vector{login_certificate});
    EXPECT_EQ(find(session, std::move(Template().number(CKA_CLASS, CKO_CERTIFICATE).bytes(CKA_SUBJECT, *subject))),
              std::vector{login_certificate});
    EXPECT_TRUE(
        find(session, std::move(Template().bytes(CKA_ISSUER, *issuer).bytes(CKA_SERIAL_NUMBER, *issuer))).empty());
    EXPECT_TRUE(find(session, std::move(Template().number(CKA_CLASS, 0x12345))).empty());
}

TEST_F(CodesTest, MechanismsAreListedAndDescribed) {
    CK_ULONG count = 0;
    ASSERT_EQ(p11_.C_GetMechanismList(0, nullptr, &count), CKR_OK);
    std::vector<CK_MECHANISM_TYPE> list(count);
    CK_ULONG too_few = count - 1;
    EXPECT_EQ(p11_.C_GetMechanismList(0, list.data(), &too_few), CKR_BUFFER_TOO_SMALL);
    ASSERT_EQ(p11_.C_GetMechanismList(0, list.data(), &count), CKR_OK);
    for (const CK_MECHANISM_TYPE type : list) {
        CK_MECHANISM_INFO info{};
        EXPECT_EQ(p11_.C_GetMechanismInfo(0, type, &info), CKR_OK);
        EXPECT_NE(info.flags, 0U);
    }
    CK_MECHANISM_INFO info{};
    EXPECT_EQ(p11_.C_GetMechanismInfo(0, CKM_AES_CCM, &info), CKR_MECHANISM_INVALID);
}

TEST_F(CodesTest, RandomBytesDiffer) {
    const auto session = open();
    std::array<unsigned char, 32> a{};
    std::array<unsigned char, 32> b{};
    ASSERT_EQ(p11_.C_GenerateRandom(session, a.data(), a.size()), CKR_OK);
    ASSERT_EQ(p11_.C_GenerateRandom(session, b.data(), b.size()), CKR_OK);
    EXPECT_NE(a, b);
    EXPECT_EQ(p11_.C_GenerateRandom(session, nullptr, 0), CKR_OK);
}

TEST_F(CodesTest, LogShowsCallsAndCommandsButNoPin) {
    char path[] = "/tmp/sealkey-log-XXXXXX";
    ASSERT_GE(::mkstemp(path), 0);
    ::setenv("SEALKEY_LOG", path, 1);
    const auto session = open();
    EXPECT_EQ(login(session, "987654"), CKR_PIN_INCORRECT);
    ::unsetenv("SEALKEY_LOG");
    FILE* file = std::fopen(path, "r");
    std::string content(100000, '\0');
    content.resize(std::fread(content.data(), 1, content.size(), file));
    std::fclose(file);
    ::remove(path);
    EXPECT_NE(content.find("C_Login"), std::string::npos);
    EXPECT_NE(content.find("CKR_PIN_INCORRECT"), std::string::npos);
    EXPECT_NE(content.find("APDU 00 20 00 80"), std::string::npos);
    EXPECT_EQ(content.find("987654"), std::string::npos);
    EXPECT_EQ(content.find("393837363534"), std::string::npos);
}

}  // namespace
}  // namespace sealkey::test
