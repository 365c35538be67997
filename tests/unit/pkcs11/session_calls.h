// One call of every function that takes a session.
#pragma once

#include "cryptoki3.h"
#include "module.h"

namespace sealkey::test {

using Calls = std::vector<std::pair<const char*, CK_RV>>;

// Every function that takes a session first, called with nothing else that could be wrong first.
template <class List>
Calls call_all_with_session(const List& f, CK_SESSION_HANDLE s) {
    unsigned char buffer[64] = {};
    CK_ULONG length = sizeof(buffer);
    CK_MECHANISM mechanism = of(CKM_SHA256);
    CK_SESSION_INFO info{};
    CK_OBJECT_HANDLE object = 1;
    CK_OBJECT_HANDLE second = 1;
    CK_ATTRIBUTE attribute{CKA_LABEL, nullptr, 0};
    auto* b = buffer;
    return {
        {"C_CloseSession", f.C_CloseSession(s)},
        {"C_GetSessionInfo", f.C_GetSessionInfo(s, &info)},
        {"C_SetPIN", f.C_SetPIN(s, b, 6, b, 6)},
        {"C_Login", f.C_Login(s, CKU_USER, b, 6)},
        {"C_Logout", f.C_Logout(s)},
        {"C_FindObjectsInit", f.C_FindObjectsInit(s, nullptr, 0)},
        {"C_FindObjects", f.C_FindObjects(s, &object, 1, &length)},
        {"C_FindObjectsFinal", f.C_FindObjectsFinal(s)},
        {"C_GetAttributeValue", f.C_GetAttributeValue(s, 1, &attribute, 1)},
        {"C_DestroyObject", f.C_DestroyObject(s, 1)},
        {"C_EncryptInit", f.C_EncryptInit(s, &mechanism, 1)},
        {"C_Encrypt", f.C_Encrypt(s, b, 1, b, &length)},
        {"C_DecryptInit", f.C_DecryptInit(s, &mechanism, 1)},
        {"C_Decrypt", f.C_Decrypt(s, b, 1, b, &length)},
        {"C_DigestInit", f.C_DigestInit(s, &mechanism)},
        {"C_Digest", f.C_Digest(s, b, 1, b, &length)},
        {"C_DigestUpdate", f.C_DigestUpdate(s, b, 1)},
        {"C_DigestFinal", f.C_DigestFinal(s, b, &length)},
        {"C_SignInit", f.C_SignInit(s, &mechanism, 1)},
        {"C_Sign", f.C_Sign(s, b, 1, b, &length)},
        {"C_SignUpdate", f.C_SignUpdate(s, b, 1)},
        {"C_SignFinal", f.C_SignFinal(s, b, &length)},
        {"C_VerifyInit", f.C_VerifyInit(s, &mechanism, 1)},
        {"C_Verify", f.C_Verify(s, b, 1, b, 1)},
        {"C_VerifyUpdate", f.C_VerifyUpdate(s, b, 1)},
        {"C_VerifyFinal", f.C_VerifyFinal(s, b, 1)},
        {"C_DeriveKey", f.C_DeriveKey(s, &mechanism, 1, nullptr, 0, &second)},
        {"C_SeedRandom", f.C_SeedRandom(s, b, 1)},
        {"C_GenerateRandom", f.C_GenerateRandom(s, b, 1)},
        {"C_InitPIN", f.C_InitPIN(s, b, 6)},
        {"C_GetOperationState", f.C_GetOperationState(s, b, &length)},
        {"C_SetOperationState", f.C_SetOperationState(s, b, 1, 0, 0)},
        {"C_CreateObject", f.C_CreateObject(s, nullptr, 0, &object)},
        {"C_CopyObject", f.C_CopyObject(s, 1, nullptr, 0, &object)},
        {"C_GetObjectSize", f.C_GetObjectSize(s, 1, &length)},
        {"C_SetAttributeValue", f.C_SetAttributeValue(s, 1, nullptr, 0)},
        {"C_EncryptUpdate", f.C_EncryptUpdate(s, b, 1, b, &length)},
        {"C_EncryptFinal", f.C_EncryptFinal(s, b, &length)},
        {"C_DecryptUpdate", f.C_DecryptUpdate(s, b, 1, b, &length)},
        {"C_DecryptFinal", f.C_DecryptFinal(s, b, &length)},
        {"C_DigestKey", f.C_DigestKey(s, 1)},
        {"C_SignRecoverInit", f.C_SignRecoverInit(s, &mechanism, 1)},
        {"C_SignRecover", f.C_SignRecover(s, b, 1, b, &length)},
        {"C_VerifyRecoverInit", f.C_VerifyRecoverInit(s, &mechanism, 1)},
        {"C_VerifyRecover", f.C_VerifyRecover(s, b, 1, b, &length)},
        {"C_DigestEncryptUpdate", f.C_DigestEncryptUpdate(s, b, 1, b, &length)},
        {"C_DecryptDigestUpdate", f.C_DecryptDigestUpdate(s, b, 1, b, &length)},
        {"C_SignEncryptUpdate", f.C_SignEncryptUpdate(s, b, 1, b, &length)},
        {"C_DecryptVerifyUpdate", f.C_DecryptVerifyUpdate(s, b, 1, b, &length)},
        {"C_GenerateKey", f.C_GenerateKey(s, &mechanism, nullptr, 0, &object)},
        {"C_GenerateKeyPair", f.C_GenerateKeyPair(s, &mechanism, nullptr, 0, nullptr, 0, &object, &object)},
        {"C_WrapKey", f.C_WrapKey(s, &mechanism, 1, 1, b, &length)},
        {"C_UnwrapKey", f.C_UnwrapKey(s, &mechanism, 1, b, 1, nullptr, 0, &object)},
        {"C_GetFunctionStatus", f.C_GetFunctionStatus(s)},
        {"C_CancelFunction", f.C_CancelFunction(s)},
    };
}

// The message functions, each with arguments that could be right.
inline Calls call_messages(const CK_FUNCTION_LIST_3_0& f, CK_SESSION_HANDLE s) {
    unsigned char b[64] = {};
    CK_ULONG length = sizeof(b);
    CK_MECHANISM mechanism = of(CKM_SHA256_RSA_PKCS);
    return {
        {"C_MessageEncryptInit", f.C_MessageEncryptInit(s, &mechanism, 1)},
        {"C_EncryptMessage", f.C_EncryptMessage(s, b, 1, b, 1, b, 1, b, &length)},
        {"C_EncryptMessageBegin", f.C_EncryptMessageBegin(s, b, 1, b, 1)},
        {"C_EncryptMessageNext", f.C_EncryptMessageNext(s, b, 1, b, 1, b, &length, 0)},
        {"C_MessageEncryptFinal", f.C_MessageEncryptFinal(s)},
        {"C_MessageDecryptInit", f.C_MessageDecryptInit(s, &mechanism, 1)},
        {"C_DecryptMessage", f.C_DecryptMessage(s, b, 1, b, 1, b, 1, b, &length)},
        {"C_DecryptMessageBegin", f.C_DecryptMessageBegin(s, b, 1, b, 1)},
        {"C_DecryptMessageNext", f.C_DecryptMessageNext(s, b, 1, b, 1, b, &length, 0)},
        {"C_MessageDecryptFinal", f.C_MessageDecryptFinal(s)},
        {"C_MessageSignInit", f.C_MessageSignInit(s, &mechanism, 1)},
        {"C_SignMessage", f.C_SignMessage(s, b, 1, b, 1, b, &length)},
        {"C_SignMessageBegin", f.C_SignMessageBegin(s, b, 1)},
        {"C_SignMessageNext", f.C_SignMessageNext(s, b, 1, b, 1, b, &length)},
        {"C_MessageSignFinal", f.C_MessageSignFinal(s)},
        {"C_MessageVerifyInit", f.C_MessageVerifyInit(s, &mechanism, 1)},
        {"C_VerifyMessage", f.C_VerifyMessage(s, b, 1, b, 1, b, 1)},
        {"C_VerifyMessageBegin", f.C_VerifyMessageBegin(s, b, 1)},
        {"C_VerifyMessageNext", f.C_VerifyMessageNext(s, b, 1, b, 1, b, 1)},
        {"C_MessageVerifyFinal", f.C_MessageVerifyFinal(s)},
    };
}

// What else 3.0 has.
inline Calls call_sessions_of_3_0(const CK_FUNCTION_LIST_3_0& f, CK_SESSION_HANDLE s) {
    unsigned char pin[6] = {};
    return {
        {"C_LoginUser", f.C_LoginUser(s, CKU_USER, pin, 6, nullptr, 0)},
        {"C_SessionCancel", f.C_SessionCancel(s, CKF_DIGEST)},
    };
}

}  // namespace sealkey::test
