// The states of a key in the inventory, and which may follow which: a table.
#pragma once

#include <span>
#include <string>

namespace sealkey::bench {

enum class TokenState {
    blank,
    initialised,
    personalised,
    packed,
    in_transit,
    at_authority,
    delivered,
    active,
    locked,
    suspended,
    replaced,
    lost,
    damaged,
    revoked,
    terminated,
};

[[nodiscard]] std::span<const TokenState> all_states();
// "BLANK", "AT_AUTHORITY", ...
[[nodiscard]] const char* name_of(TokenState state);
// Throws CaError bad_argument.
[[nodiscard]] TokenState parse_state(const std::string& name);

// Whether the change is one that the table has. A state doesn't follow itself.
[[nodiscard]] bool may_follow(TokenState from, TokenState to);
// A key that the enterprise has or will get, and that counts towards its three: requirement N2.
[[nodiscard]] bool counts_as_live(TokenState state);

}  // namespace sealkey::bench
