// The table of functions, PKCS#11 2.40.
#include "entry.h"

namespace {

#define SEALKEY_FUNCTION(name) .name = name
// Not const in the standard's type; nobody has reason to write it.
CK_FUNCTION_LIST function_list = {
    .version = {CRYPTOKI_VERSION_MAJOR, CRYPTOKI_VERSION_MINOR},
    SEALKEY_FUNCTION(C_Initialize),
    SEALKEY_FUNCTION(C_Finalize),
    SEALKEY_FUNCTION(C_GetInfo),
    SEALKEY_FUNCTION(C_GetFunctionList),
    SEALKEY_FUNCTION(C_GetSlotList),
    SEALKEY_FUNCTION(C_GetSlotInfo),
    SEALKEY_FUNCTION(C_GetTokenInfo),
    SEALKEY_FUNCTION(C_GetMechanismList),
    SEALKEY_FUNCTION(C_GetMechanismInfo),
    SEALKEY_FUNCTION(C_InitToken),
    SEALKEY_FUNCTION(C_InitPIN),
    SEALKEY_FUNCTION(C_SetPIN),
    SEALKEY_FUNCTION(C_OpenSession),
    SEALKEY_FUNCTION(C_CloseSession),
    SEALKEY_FUNCTION(C_CloseAllSessions),
    SEALKEY_FUNCTION(C_GetSessionInfo),
    SEALKEY_FUNCTION(C_GetOperationState),
    SEALKEY_FUNCTION(C_SetOperationState),
    SEALKEY_FUNCTION(C_Login),
    SEALKEY_FUNCTION(C_Logout),
    SEALKEY_FUNCTION(C_CreateObject),
    SEALKEY_FUNCTION(C_CopyObject),
    SEALKEY_FUNCTION(C_DestroyObject),
    SEALKEY_FUNCTION(C_GetObjectSize),
    SEALKEY_FUNCTION(C_GetAttributeValue),
    SEALKEY_FUNCTION(C_SetAttributeValue),
    SEALKEY_FUNCTION(C_FindObjectsInit),
    SEALKEY_FUNCTION(C_FindObjects),
    SEALKEY_FUNCTION(C_FindObjectsFinal),
    SEALKEY_FUNCTION(C_EncryptInit),
    SEALKEY_FUNCTION(C_Encrypt),
    SEALKEY_FUNCTION(C_EncryptUpdate),
    SEALKEY_FUNCTION(C_EncryptFinal),
    SEALKEY_FUNCTION(C_DecryptInit),
    SEALKEY_FUNCTION(C_Decrypt),
    SEALKEY_FUNCTION(C_DecryptUpdate),
    SEALKEY_FUNCTION(C_DecryptFinal),
    SEALKEY_FUNCTION(C_DigestInit),
    SEALKEY_FUNCTION(C_Digest),
    SEALKEY_FUNCTION(C_DigestUpdate),
    SEALKEY_FUNCTION(C_DigestKey),
    SEALKEY_FUNCTION(C_DigestFinal),
    SEALKEY_FUNCTION(C_SignInit),
    SEALKEY_FUNCTION(C_Sign),
    SEALKEY_FUNCTION(C_SignUpdate),
    SEALKEY_FUNCTION(C_SignFinal),
    SEALKEY_FUNCTION(C_SignRecoverInit),
    SEALKEY_FUNCTION(C_SignRecover),
    SEALKEY_FUNCTION(C_VerifyInit),
    SEALKEY_FUNCTION(C_Verify),
    SEALKEY_FUNCTION(C_VerifyUpdate),
    SEALKEY_FUNCTION(C_VerifyFinal),
    SEALKEY_FUNCTION(C_VerifyRecoverInit),
    SEALKEY_FUNCTION(C_VerifyRecover),
    SEALKEY_FUNCTION(C_DigestEncryptUpdate),
    SEALKEY_FUNCTION(C_DecryptDigestUpdate),
    SEALKEY_FUNCTION(C_SignEncryptUpdate),
    SEALKEY_FUNCTION(C_DecryptVerifyUpdate),
    SEALKEY_FUNCTION(C_GenerateKey),
    SEALKEY_FUNCTION(C_GenerateKeyPair),
    SEALKEY_FUNCTION(C_WrapKey),
    SEALKEY_FUNCTION(C_UnwrapKey),
    SEALKEY_FUNCTION(C_DeriveKey),
    SEALKEY_FUNCTION(C_SeedRandom),
    SEALKEY_FUNCTION(C_GenerateRandom),
    SEALKEY_FUNCTION(C_GetFunctionStatus),
    SEALKEY_FUNCTION(C_CancelFunction),
    SEALKEY_FUNCTION(C_WaitForSlotEvent),
};
#undef SEALKEY_FUNCTION

}  // namespace

SEALKEY_EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST** list) {
    if (list == nullptr) return CKR_ARGUMENTS_BAD;
    *list = &function_list;
    return CKR_OK;
}
