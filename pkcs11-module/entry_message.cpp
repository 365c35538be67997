// The message functions of PKCS#11 3.0 (5.9, 5.11, 5.14, 5.16): no mechanism of this module has a message form, which
// C_GetMechanismInfo tells too (no CKF_MESSAGE_*). Each says so, once the library and the session are in order.
#include "cryptoki3.h"
#include "entry.h"

using namespace sealkey::pkcs11;

namespace {

CK_RV unsupported(const char* name, CK_SESSION_HANDLE handle) {
    return call_session(name, handle, [](auto&, auto&, auto&) { refuse(CKR_FUNCTION_NOT_SUPPORTED); });
}
CK_RV unsupported_init(const char* name, CK_SESSION_HANDLE handle, const CK_MECHANISM* mechanism) {
    return call_session(name, handle, [&](auto&, auto&, auto&) {
        require(mechanism != nullptr, CKR_ARGUMENTS_BAD);
        refuse(CKR_FUNCTION_NOT_SUPPORTED);
    });
}

}  // namespace

using Byte = unsigned char;
using Session_ = CK_SESSION_HANDLE;

#define SEALKEY_MESSAGE_INIT(name)                                                    \
    SEALKEY_EXPORT CK_RV name(Session_ handle, CK_MECHANISM* how, CK_OBJECT_HANDLE) { \
        return unsupported_init(__func__, handle, how);                               \
    }
#define SEALKEY_MESSAGE(name, ...) \
    SEALKEY_EXPORT CK_RV name(Session_ handle __VA_OPT__(, ) __VA_ARGS__) { return unsupported(__func__, handle); }

SEALKEY_MESSAGE_INIT(C_MessageEncryptInit)
SEALKEY_MESSAGE(C_EncryptMessage, void*, CK_ULONG, Byte*, CK_ULONG, Byte*, CK_ULONG, Byte*, CK_ULONG*)
SEALKEY_MESSAGE(C_EncryptMessageBegin, void*, CK_ULONG, Byte*, CK_ULONG)
SEALKEY_MESSAGE(C_EncryptMessageNext, void*, CK_ULONG, Byte*, CK_ULONG, Byte*, CK_ULONG*, CK_FLAGS)
SEALKEY_MESSAGE(C_MessageEncryptFinal)
SEALKEY_MESSAGE_INIT(C_MessageDecryptInit)
SEALKEY_MESSAGE(C_DecryptMessage, void*, CK_ULONG, Byte*, CK_ULONG, Byte*, CK_ULONG, Byte*, CK_ULONG*)
SEALKEY_MESSAGE(C_DecryptMessageBegin, void*, CK_ULONG, Byte*, CK_ULONG)
SEALKEY_MESSAGE(C_DecryptMessageNext, void*, CK_ULONG, Byte*, CK_ULONG, Byte*, CK_ULONG*, CK_FLAGS)
SEALKEY_MESSAGE(C_MessageDecryptFinal)
SEALKEY_MESSAGE_INIT(C_MessageSignInit)
SEALKEY_MESSAGE(C_SignMessage, void*, CK_ULONG, Byte*, CK_ULONG, Byte*, CK_ULONG*)
SEALKEY_MESSAGE(C_SignMessageBegin, void*, CK_ULONG)
SEALKEY_MESSAGE(C_SignMessageNext, void*, CK_ULONG, Byte*, CK_ULONG, Byte*, CK_ULONG*)
SEALKEY_MESSAGE(C_MessageSignFinal)
SEALKEY_MESSAGE_INIT(C_MessageVerifyInit)
SEALKEY_MESSAGE(C_VerifyMessage, void*, CK_ULONG, Byte*, CK_ULONG, Byte*, CK_ULONG)
SEALKEY_MESSAGE(C_VerifyMessageBegin, void*, CK_ULONG)
SEALKEY_MESSAGE(C_VerifyMessageNext, void*, CK_ULONG, Byte*, CK_ULONG, Byte*, CK_ULONG)
SEALKEY_MESSAGE(C_MessageVerifyFinal)
