// Functions that this module doesn't have: each answers so, and never CKR_OK.
#include "entry.h"

using namespace sealkey::pkcs11;

namespace {

// Whatever the arguments; but first things first: an uninitialised library says that.
CK_RV unsupported(const char* name) {
    return call_library(name, [](Library&, auto&) { refuse(CKR_FUNCTION_NOT_SUPPORTED); });
}
CK_RV unsupported(const char* name, CK_SESSION_HANDLE handle) {
    return call_session(name, handle, [](auto&, auto&, auto&) { refuse(CKR_FUNCTION_NOT_SUPPORTED); });
}

}  // namespace

using Byte = unsigned char;

SEALKEY_EXPORT CK_RV C_InitToken(CK_SLOT_ID, Byte*, CK_ULONG, Byte*) { return unsupported(__func__); }
SEALKEY_EXPORT CK_RV C_InitPIN(CK_SESSION_HANDLE handle, Byte*, CK_ULONG) { return unsupported(__func__, handle); }
SEALKEY_EXPORT CK_RV C_GetOperationState(CK_SESSION_HANDLE handle, Byte*, CK_ULONG*) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_SetOperationState(CK_SESSION_HANDLE handle, Byte*, CK_ULONG, CK_OBJECT_HANDLE,
                                         CK_OBJECT_HANDLE) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_CreateObject(CK_SESSION_HANDLE handle, CK_ATTRIBUTE*, CK_ULONG, CK_OBJECT_HANDLE*) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_CopyObject(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE, CK_ATTRIBUTE*, CK_ULONG,
                                  CK_OBJECT_HANDLE*) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_GetObjectSize(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE, CK_ULONG*) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_SetAttributeValue(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE, CK_ATTRIBUTE*, CK_ULONG) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_EncryptUpdate(CK_SESSION_HANDLE handle, Byte*, CK_ULONG, Byte*, CK_ULONG*) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_EncryptFinal(CK_SESSION_HANDLE handle, Byte*, CK_ULONG*) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_DecryptUpdate(CK_SESSION_HANDLE handle, Byte*, CK_ULONG, Byte*, CK_ULONG*) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_DecryptFinal(CK_SESSION_HANDLE handle, Byte*, CK_ULONG*) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_DigestKey(CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE) { return unsupported(__func__, handle); }
SEALKEY_EXPORT CK_RV C_SignRecoverInit(CK_SESSION_HANDLE handle, CK_MECHANISM*, CK_OBJECT_HANDLE) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_SignRecover(CK_SESSION_HANDLE handle, Byte*, CK_ULONG, Byte*, CK_ULONG*) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE handle, CK_MECHANISM*, CK_OBJECT_HANDLE) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_VerifyRecover(CK_SESSION_HANDLE handle, Byte*, CK_ULONG, Byte*, CK_ULONG*) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_DigestEncryptUpdate(CK_SESSION_HANDLE handle, Byte*, CK_ULONG, Byte*, CK_ULONG*) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_DecryptDigestUpdate(CK_SESSION_HANDLE handle, Byte*, CK_ULONG, Byte*, CK_ULONG*) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_SignEncryptUpdate(CK_SESSION_HANDLE handle, Byte*, CK_ULONG, Byte*, CK_ULONG*) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_DecryptVerifyUpdate(CK_SESSION_HANDLE handle, Byte*, CK_ULONG, Byte*, CK_ULONG*) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_GenerateKey(CK_SESSION_HANDLE handle, CK_MECHANISM*, CK_ATTRIBUTE*, CK_ULONG,
                                   CK_OBJECT_HANDLE*) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE handle, CK_MECHANISM*, CK_ATTRIBUTE*, CK_ULONG, CK_ATTRIBUTE*,
                                       CK_ULONG, CK_OBJECT_HANDLE*, CK_OBJECT_HANDLE*) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_WrapKey(CK_SESSION_HANDLE handle, CK_MECHANISM*, CK_OBJECT_HANDLE, CK_OBJECT_HANDLE, Byte*,
                               CK_ULONG*) {
    return unsupported(__func__, handle);
}
SEALKEY_EXPORT CK_RV C_UnwrapKey(CK_SESSION_HANDLE handle, CK_MECHANISM*, CK_OBJECT_HANDLE, Byte*, CK_ULONG,
                                 CK_ATTRIBUTE*, CK_ULONG, CK_OBJECT_HANDLE*) {
    return unsupported(__func__, handle);
}

// Leftovers of the standard's parallel functions: their one answer (PKCS#11 2.40, 5.16).
SEALKEY_EXPORT CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE handle) {
    return call_session(__func__, handle, [](auto&, auto&, auto&) { refuse(CKR_FUNCTION_NOT_PARALLEL); });
}
SEALKEY_EXPORT CK_RV C_CancelFunction(CK_SESSION_HANDLE handle) {
    return call_session(__func__, handle, [](auto&, auto&, auto&) { refuse(CKR_FUNCTION_NOT_PARALLEL); });
}
