// Reset and activation codes over the counter: requirements N22 and N24.
#pragma once

#include <optional>
#include <string>

#include "bench/inventory.h"
#include "bench/quality.h"
#include "ca/unlock.h"

namespace sealkey::bench {

// Checks a statement against the inventory and notes what it tells. Throws what ca::check_lock_statement throws, and
// unknown for a key that isn't in the inventory.
struct CheckedStatement {
    TokenRow row;
    token::LockStatement statement;
    bool code_given = false;  // for this event, before
};
[[nodiscard]] CheckedStatement check_statement(Inventory& inventory, const ca::Masters& masters, Bytes statement,
                                               const std::string& operator_name);

struct CodeRequest {
    std::string approval;  // the approved request; must not be empty
    std::string operator_name;
    std::string second_operator;  // by telephone only; another person
};
struct GivenCode {
    ca::LockEvent event;
    std::string code;  // "dddd-dddd-dddd-dddd"; the caller wipes it
    bool given_before = false;
};
// Against a valid statement.
[[nodiscard]] GivenCode give_reset_code(Inventory& inventory, const ca::Masters& masters, Bytes statement,
                                        const CodeRequest& request);
// By telephone: serial number and request code, confirmed by a second operator. Refused (bad_code) where the key itself
// has told another salt for this lock; for lock 1 the delivery's is known.
[[nodiscard]] GivenCode give_reset_code_by_telephone(Inventory& inventory, const ca::Masters& masters,
                                                     const std::string& serial, const std::string& request_code,
                                                     const CodeRequest& request);
// For a key that this bench finished, until a proof or a checked statement of the key shows a later lock. What was only
// told by telephone doesn't count: the activation code opens nothing but the delivery's lock.
[[nodiscard]] GivenCode give_activation_code(Inventory& inventory, const ca::Masters& masters,
                                             const std::string& serial, const std::string& operator_name);

// N12: the key in the bench's own hands. Its channel opens a new activation event, whatever its lock was: no PIN leaves
// the bench, the holder sets one with this code. Throws policy where the key gets no codes, quality where it doesn't
// know its keys or doesn't do it.
[[nodiscard]] GivenCode unlock_at_bench(Inventory& inventory, const LiveSecrets& live, token::Token& token,
                                        const CodeRequest& request);

// The token's proof that a code was redeemed: closes the lock. Throws CaError forged, unknown.
void close_lock(Inventory& inventory, const ca::Masters& masters, const std::string& serial, std::uint16_t counter,
                Bytes proof, const std::string& operator_name);

}  // namespace sealkey::bench
