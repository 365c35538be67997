// What the CA keeps for unlocking and for the management key, and what it makes of it: diversified keys, reset and
// activation codes, the checks of lock statements and of proofs of a reset. docs: the lock, reset code, activation.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "protocol/key.h"
#include "token/codes.h"
#include "token/status.h"

namespace sealkey::ca {

using Key256 = Secret<32>;

// One master for each purpose, with the key version number (KVN) that tokens made under it carry.
struct Masters {
    std::uint8_t key_version = 1;
    Key256 unlock;
    Key256 management;
};

// AES-256-CMAC (SP 800-38B).
[[nodiscard]] std::array<std::uint8_t, 16> cmac(Bytes key, Bytes data);

// SP 800-108 counter mode with AES-256-CMAC: i(1) || label || 00 || context || bits(4), out.size() * 8 bits.
void derive(Bytes key, std::string_view label, Bytes context, MutableBytes out);

// K = KDF(master, label, KVN(1) || serial(12), 256). Throws CaError bad_argument unless the serial has 12 characters.
[[nodiscard]] Key256 unlock_key(const Masters& masters, std::string_view serial);
[[nodiscard]] Key256 management_key(const Masters& masters, std::string_view serial);

// One lock of one token: what a reset code belongs to. LC 1 is the delivery, its code the activation code.
struct LockEvent {
    std::string serial;
    std::uint16_t counter = 0;
    std::uint32_t salt = 0;
};

// The 15 digits; token::format_code makes them readable. The same event gives the same code.
// Throws CaError bad_argument for a counter of 0, FFFF (bench only) or a salt over 999999.
[[nodiscard]] token::CodeDigits reset_code(const Masters& masters, const LockEvent& event);

// What the CA knows of a token when a statement comes in.
struct LockHistory {
    std::string serial;
    std::uint8_t key_version = 1;
    std::uint16_t last_seen = 0;      // highest lock counter that a checked statement showed
    std::uint16_t last_redeemed = 0;  // highest lock counter that is known to be over
};

// Checks a lock statement (object 5FFF43, 38 bytes) and returns it. Throws CaError:
// bad_argument: it isn't one · unknown: another token's serial, or another key version
// forged: its check value is wrong · replayed: its event is over, or older than one seen
// policy: nothing is locked, or only the bench can help
[[nodiscard]] token::LockStatement check_lock_statement(const Masters& masters, const LockHistory& history,
                                                        Bytes statement);

// The event that a request code (LLL SSSSSS C) told by telephone means: the first with these last three digits that
// isn't over. Throws CaError replayed where no counter is left.
[[nodiscard]] LockEvent event_of_request(const LockHistory& history, const token::RequestCode& request);

// CMAC(K_unlock, "RESET-DONE" || LC), as a token answers after a right code. Throws CaError forged.
void check_reset_done(const Masters& masters, std::string_view serial, std::uint16_t counter, Bytes proof);

// Serial numbers of 12 characters, as the bench assigns them: "SK", two digits of the year, seven of a number, a Damm
// digit over the nine, so that a slip on the telephone is noticed.
[[nodiscard]] std::string make_token_serial(int year, std::uint32_t number);
// Throws CaError bad_argument.
void check_token_serial(std::string_view serial);

}  // namespace sealkey::ca
