// The library's one lock: the system's mutex, or the application's own four functions (PKCS#11 2.40, 5.4 C_Initialize).
#pragma once

#include <memory>

#include "cryptoki.h"

namespace sealkey::pkcs11 {

class Lock {
public:
    virtual ~Lock() = default;
    virtual void lock() = 0;  // CKR_GENERAL_ERROR, CKR_HOST_MEMORY: the application's own word
    virtual void unlock() noexcept = 0;
};

// Chooses by the arguments of C_Initialize (nullptr: none were given); CKR_ARGUMENTS_BAD, CKR_CANT_LOCK,
// CKR_HOST_MEMORY.
[[nodiscard]] std::unique_ptr<Lock> make_lock(const CK_C_INITIALIZE_ARGS* arguments);

}  // namespace sealkey::pkcs11
