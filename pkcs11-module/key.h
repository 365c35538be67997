// A key as operations need to know it: on the token, or here as a session object.
#pragma once

#include <array>
#include <memory>

#include "base/bytes.h"
#include "der.h"
#include "key_algorithm.h"
#include "protocol/key.h"

namespace sealkey::pkcs11 {

// What a session object that is a key holds.
struct HostKey {
    HostKey() = default;
    HostKey(const HostKey&) = delete;
    HostKey& operator=(const HostKey&) = delete;
    ~HostKey() { wipe(secret); }
    PublicKeyParts parts;  // a public key
    ByteVector secret;     // a secret key
};

struct Key {
    CK_KEY_TYPE type = CK_UNAVAILABLE_INFORMATION;
    const KeyAlgorithm* algorithm = nullptr;  // RSA and EC
    // On the token:
    std::uint8_t slot = 0;
    std::array<std::uint8_t, protocol::kKeyCheckSize>
        check{};  // which key it is: another one may stand in the slot by now
    bool pin_always = false;
    bool pin_never = false;
    // Here:
    std::shared_ptr<const HostKey> host;
};

}  // namespace sealkey::pkcs11
