// The token status and the lock statement as types (protocol/key.h has their form on the wire).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "protocol/key.h"
#include "protocol/piv.h"

namespace sealkey::token {

struct SecretState {
    int tries_left = 0;
    int tries_max = 0;
    bool blocked = false;
    bool verified = false;       // in the current card session; PIN only
    bool never_set = false;      // PIN only: delivered, to be activated
    bool default_value = false;  // PIN only: still the published value of the compatibility profile
};

struct LockInfo {
    std::uint16_t counter = 0;
    std::uint32_t salt = 0;
    int code_tries_left = 0;
    int burned = 0;
    protocol::LockState state = protocol::LockState::none;
};

struct SlotInfo {
    std::uint8_t slot = 0;
    protocol::Algorithm algorithm = protocol::Algorithm::none;  // none: a certificate without a key
    protocol::PinPolicy pin_policy = protocol::PinPolicy::standard;
    protocol::TouchPolicy touch_policy = protocol::TouchPolicy::standard;
    protocol::Origin origin = protocol::Origin::none;
    std::size_t certificate_length = 0;  // of the certificate object; 0: no certificate
    std::uint16_t certificate_changes = 0;
    std::array<std::uint8_t, protocol::kFingerprintSize> fingerprint{};
    std::array<std::uint8_t, protocol::kKeyCheckSize> key_check{};  // of the public key; 0: no key
    [[nodiscard]] bool has_key() const { return algorithm != protocol::Algorithm::none; }
    [[nodiscard]] bool has_certificate() const { return certificate_length != 0; }
};

struct ObjectInfo {
    std::uint32_t tag = 0;
    std::uint32_t length = 0;
    std::array<std::uint8_t, 8> fingerprint{};
};

struct ResetDone {
    std::uint16_t counter = 0;
    std::array<std::uint8_t, 16> proof{};
};

struct TokenStatus {
    std::string serial;  // 12 characters
    std::array<std::uint8_t, 3> firmware{};
    protocol::Profile profile = protocol::Profile::none;
    protocol::Lifecycle lifecycle = protocol::Lifecycle::blank;
    SecretState pin;
    SecretState puk;
    LockInfo lock;
    std::uint32_t change_counter = 0;
    std::uint32_t numeric_serial = 0;
    std::optional<ResetDone> reset_done;
    std::vector<SlotInfo> slots;
    std::vector<ObjectInfo> objects;

    [[nodiscard]] const SlotInfo* slot(std::uint8_t reference) const;  // nullptr: nothing in it
    [[nodiscard]] const ObjectInfo* object(std::uint32_t tag) const;   // nullptr: absent
};

// Throws TokenError malformed_answer if the bytes aren't a token status. Tags not known here are passed over, so that
// a newer token can be read.
[[nodiscard]] TokenStatus parse_status(Bytes data);

// Object 5FFF43, as the CA needs it: the fields, and the bytes as the token sent them.
struct LockStatement {
    std::uint8_t key_version = 0;
    std::string serial;
    LockInfo lock;
    std::array<std::uint8_t, 16> mac{};
    std::array<std::uint8_t, protocol::kLockStatementSize> bytes{};
};

// Throws TokenError malformed_answer. The MAC isn't checked: only the CA can.
[[nodiscard]] LockStatement parse_lock_statement(Bytes data);

}  // namespace sealkey::token
