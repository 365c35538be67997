// A session: where it is, what it may, and what it is in the middle of.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "operations.h"

namespace sealkey::pkcs11 {

struct FindOperation {
    std::vector<CK_OBJECT_HANDLE> found;
    std::size_t next = 0;
};

struct Session {
    CK_SESSION_HANDLE handle = CK_INVALID_HANDLE;
    CK_SLOT_ID slot = 0;
    bool read_write = false;

    // In the middle of something with a key that takes its PIN each time.
    [[nodiscard]] bool wants_pin() const {
        return (sign && sign->key().pin_always) || (decrypt && decrypt->key().pin_always) ||
               (sign_recover && sign_recover->key().pin_always);
    }

    std::optional<FindOperation> find;
    std::optional<DigestOperation> digest;
    std::optional<MessageOperation> sign;
    std::optional<MessageOperation> verify;
    std::optional<MessageOperation> sign_recover;
    std::optional<MessageOperation> verify_recover;
    std::optional<CipherOperation> encrypt;
    std::optional<CipherOperation> decrypt;
};

}  // namespace sealkey::pkcs11
