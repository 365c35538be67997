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

// The state of a digest is mbedTLS's own, of a signature the token's: neither can be told.
SEALKEY_EXPORT CK_RV C_GetOperationState(CK_SESSION_HANDLE handle, Byte*, CK_ULONG* length) {
    return call_session(__func__, handle, [&](Library&, Session& session, auto&) {
        require(length != nullptr, CKR_ARGUMENTS_BAD);
        const bool active = session.digest || session.sign || session.verify || session.encrypt || session.decrypt ||
                            session.sign_recover || session.verify_recover || session.find;
        refuse(active ? CKR_STATE_UNSAVEABLE : CKR_OPERATION_NOT_INITIALIZED);
    });
}

SEALKEY_EXPORT CK_RV C_SetOperationState(CK_SESSION_HANDLE handle, Byte* state, CK_ULONG, CK_OBJECT_HANDLE,
                                         CK_OBJECT_HANDLE) {
    return call_session(__func__, handle, [&](auto&, auto&, auto&) {
        require(state != nullptr, CKR_ARGUMENTS_BAD);
        refuse(CKR_SAVED_STATE_INVALID);  // none was ever saved
    });
}

SEALKEY_EXPORT CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE handle, CK_MECHANISM*, CK_ATTRIBUTE*, CK_ULONG, CK_ATTRIBUTE*,
                                       CK_ULONG, CK_OBJECT_HANDLE*, CK_OBJECT_HANDLE*) {
    return unsupported(__func__, handle);
}

// Leftovers of the standard's parallel functions: their one answer (PKCS#11 2.40, 5.16).
SEALKEY_EXPORT CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE handle) {
    return call_session(__func__, handle, [](auto&, auto&, auto&) { refuse(CKR_FUNCTION_NOT_PARALLEL); });
}
SEALKEY_EXPORT CK_RV C_CancelFunction(CK_SESSION_HANDLE handle) {
    return call_session(__func__, handle, [](auto&, auto&, auto&) { refuse(CKR_FUNCTION_NOT_PARALLEL); });
}
