// The cryptography that a client needs for management-key authentication, brought by the caller: this room has none.
#pragma once

#include "base/bytes.h"
#include "protocol/piv.h"

namespace sealkey::token {

// One block (8 bytes for 3DES, 16 for AES) under the caller's management key, and random bytes for the challenge.
class BlockCipher {
public:
    virtual ~BlockCipher() = default;
    // The algorithm the key is for; authentication stops before anything is sent if the token's key is of another.
    [[nodiscard]] virtual protocol::Algorithm algorithm() const = 0;
    virtual void encrypt(Bytes block, MutableBytes out) = 0;
    virtual void decrypt(Bytes block, MutableBytes out) = 0;
    virtual void random(MutableBytes out) = 0;
};

}  // namespace sealkey::token
