// What can't be: the state of an operation told or set, and the leftovers of the standard's parallel functions.
#include "entry.h"

using namespace sealkey::pkcs11;

using Byte = unsigned char;

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

// Leftovers of the standard's parallel functions: their one answer (PKCS#11 2.40, 5.16).
SEALKEY_EXPORT CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE handle) {
    return call_session(__func__, handle, [](auto&, auto&, auto&) { refuse(CKR_FUNCTION_NOT_PARALLEL); });
}
SEALKEY_EXPORT CK_RV C_CancelFunction(CK_SESSION_HANDLE handle) {
    return call_session(__func__, handle, [](auto&, auto&, auto&) { refuse(CKR_FUNCTION_NOT_PARALLEL); });
}
