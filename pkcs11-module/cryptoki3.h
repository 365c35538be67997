// PKCS#11 3.0 beside 2.40: what p11-kit's packaged header doesn't declare yet, from the standard's published interface.
#pragma once

#include <type_traits>

#include "cryptoki.h"

// Every function of the standard in the order of its function lists.
#define SEALKEY_FUNCTIONS_2_40(F) \
    F(C_Initialize)               \
    F(C_Finalize)                 \
    F(C_GetInfo)                  \
    F(C_GetFunctionList)          \
    F(C_GetSlotList)              \
    F(C_GetSlotInfo)              \
    F(C_GetTokenInfo)             \
    F(C_GetMechanismList)         \
    F(C_GetMechanismInfo)         \
    F(C_InitToken)                \
    F(C_InitPIN)                  \
    F(C_SetPIN)                   \
    F(C_OpenSession)              \
    F(C_CloseSession)             \
    F(C_CloseAllSessions)         \
    F(C_GetSessionInfo)           \
    F(C_GetOperationState)        \
    F(C_SetOperationState)        \
    F(C_Login)                    \
    F(C_Logout)                   \
    F(C_CreateObject)             \
    F(C_CopyObject)               \
    F(C_DestroyObject)            \
    F(C_GetObjectSize)            \
    F(C_GetAttributeValue)        \
    F(C_SetAttributeValue)        \
    F(C_FindObjectsInit)          \
    F(C_FindObjects)              \
    F(C_FindObjectsFinal)         \
    F(C_EncryptInit)              \
    F(C_Encrypt)                  \
    F(C_EncryptUpdate)            \
    F(C_EncryptFinal)             \
    F(C_DecryptInit)              \
    F(C_Decrypt)                  \
    F(C_DecryptUpdate)            \
    F(C_DecryptFinal)             \
    F(C_DigestInit)               \
    F(C_Digest)                   \
    F(C_DigestUpdate)             \
    F(C_DigestKey)                \
    F(C_DigestFinal)              \
    F(C_SignInit)                 \
    F(C_Sign)                     \
    F(C_SignUpdate)               \
    F(C_SignFinal)                \
    F(C_SignRecoverInit)          \
    F(C_SignRecover)              \
    F(C_VerifyInit)               \
    F(C_Verify)                   \
    F(C_VerifyUpdate)             \
    F(C_VerifyFinal)              \
    F(C_VerifyRecoverInit)        \
    F(C_VerifyRecover)            \
    F(C_DigestEncryptUpdate)      \
    F(C_DecryptDigestUpdate)      \
    F(C_SignEncryptUpdate)        \
    F(C_DecryptVerifyUpdate)      \
    F(C_GenerateKey)              \
    F(C_GenerateKeyPair)          \
    F(C_WrapKey)                  \
    F(C_UnwrapKey)                \
    F(C_DeriveKey)                \
    F(C_SeedRandom)               \
    F(C_GenerateRandom)           \
    F(C_GetFunctionStatus)        \
    F(C_CancelFunction)           \
    F(C_WaitForSlotEvent)
// What 3.0 adds.
#define SEALKEY_FUNCTIONS_3_0(F) \
    F(C_GetInterfaceList)        \
    F(C_GetInterface)            \
    F(C_LoginUser)               \
    F(C_SessionCancel)           \
    F(C_MessageEncryptInit)      \
    F(C_EncryptMessage)          \
    F(C_EncryptMessageBegin)     \
    F(C_EncryptMessageNext)      \
    F(C_MessageEncryptFinal)     \
    F(C_MessageDecryptInit)      \
    F(C_DecryptMessage)          \
    F(C_DecryptMessageBegin)     \
    F(C_DecryptMessageNext)      \
    F(C_MessageDecryptFinal)     \
    F(C_MessageSignInit)         \
    F(C_SignMessage)             \
    F(C_SignMessageBegin)        \
    F(C_SignMessageNext)         \
    F(C_MessageSignFinal)        \
    F(C_MessageVerifyInit)       \
    F(C_VerifyMessage)           \
    F(C_VerifyMessageBegin)      \
    F(C_VerifyMessageNext)       \
    F(C_MessageVerifyFinal)

#ifndef CKF_INTERFACE_FORK_SAFE
#define CKF_INTERFACE_FORK_SAFE (1UL)
#define CKF_MESSAGE_ENCRYPT (1UL << 1)
#define CKF_MESSAGE_DECRYPT (1UL << 2)
#define CKF_MESSAGE_SIGN (1UL << 3)
#define CKF_MESSAGE_VERIFY (1UL << 4)
#define CKF_FIND_OBJECTS (1UL << 6)
#define CKF_END_OF_MESSAGE (1UL)

extern "C" {

// The names and the shapes below are the standard's, whose C programs read them.
// NOLINTBEGIN(readability-identifier-naming,modernize-use-using,bugprone-macro-parentheses)
typedef struct CK_INTERFACE {
    unsigned char* pInterfaceName;
    void* pFunctionList;
    CK_FLAGS flags;
} CK_INTERFACE;

using CK_C_GetInterfaceList = CK_RV (*)(CK_INTERFACE*, CK_ULONG*);
using CK_C_GetInterface = CK_RV (*)(unsigned char*, CK_VERSION*, CK_INTERFACE**, CK_FLAGS);
using CK_C_LoginUser = CK_RV (*)(CK_SESSION_HANDLE, CK_USER_TYPE, unsigned char*, CK_ULONG, unsigned char*, CK_ULONG);
using CK_C_SessionCancel = CK_RV (*)(CK_SESSION_HANDLE, CK_FLAGS);

// session, mechanism, key
using CK_C_MessageEncryptInit = CK_RV (*)(CK_SESSION_HANDLE, CK_MECHANISM*, CK_OBJECT_HANDLE);
using CK_C_MessageDecryptInit = CK_C_MessageEncryptInit;
using CK_C_MessageSignInit = CK_C_MessageEncryptInit;
using CK_C_MessageVerifyInit = CK_C_MessageEncryptInit;
using CK_C_MessageEncryptFinal = CK_RV (*)(CK_SESSION_HANDLE);
using CK_C_MessageDecryptFinal = CK_C_MessageEncryptFinal;
using CK_C_MessageSignFinal = CK_C_MessageEncryptFinal;
using CK_C_MessageVerifyFinal = CK_C_MessageEncryptFinal;

// session, parameter, associated data, input, output
using CK_C_EncryptMessage = CK_RV (*)(CK_SESSION_HANDLE, void*, CK_ULONG, unsigned char*, CK_ULONG, unsigned char*,
                                      CK_ULONG, unsigned char*, CK_ULONG*);
using CK_C_DecryptMessage = CK_C_EncryptMessage;
// session, parameter, associated data
using CK_C_EncryptMessageBegin = CK_RV (*)(CK_SESSION_HANDLE, void*, CK_ULONG, unsigned char*, CK_ULONG);
using CK_C_DecryptMessageBegin = CK_C_EncryptMessageBegin;
// session, parameter, input, output, flags
using CK_C_EncryptMessageNext = CK_RV (*)(CK_SESSION_HANDLE, void*, CK_ULONG, unsigned char*, CK_ULONG, unsigned char*,
                                          CK_ULONG*, CK_FLAGS);
using CK_C_DecryptMessageNext = CK_C_EncryptMessageNext;

// session, parameter, data, signature
using CK_C_SignMessage = CK_RV (*)(CK_SESSION_HANDLE, void*, CK_ULONG, unsigned char*, CK_ULONG, unsigned char*,
                                   CK_ULONG*);
using CK_C_SignMessageNext = CK_C_SignMessage;
using CK_C_VerifyMessage = CK_RV (*)(CK_SESSION_HANDLE, void*, CK_ULONG, unsigned char*, CK_ULONG, unsigned char*,
                                     CK_ULONG);
using CK_C_VerifyMessageNext = CK_C_VerifyMessage;
using CK_C_SignMessageBegin = CK_RV (*)(CK_SESSION_HANDLE, void*, CK_ULONG);
using CK_C_VerifyMessageBegin = CK_C_SignMessageBegin;

typedef struct CK_FUNCTION_LIST_3_0 {
    CK_VERSION version;
#define SEALKEY_MEMBER(name) CK_##name name;
    SEALKEY_FUNCTIONS_2_40(SEALKEY_MEMBER) SEALKEY_FUNCTIONS_3_0(SEALKEY_MEMBER)
#undef SEALKEY_MEMBER
} CK_FUNCTION_LIST_3_0;

#define SEALKEY_DECLARE(name) std::remove_pointer_t<CK_##name> name;
SEALKEY_FUNCTIONS_3_0(SEALKEY_DECLARE)
#undef SEALKEY_DECLARE
// NOLINTEND(readability-identifier-naming,modernize-use-using,bugprone-macro-parentheses)

}  // extern "C"
#endif
