// The states of a key in the inventory, and the events that lead from one to the next: a table.
#pragma once

#include <span>
#include <string>
#include <vector>

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

// What happens to a key. Each leads to one state, whatever the state before was; but `resumed` leads back to the state
// that the key was set aside in, and to its own where that isn't known.
enum class TokenEvent {
    born,
    secured,
    packed,
    shipped,
    arrived,
    delivered,
    returned,
    activated,
    locked,
    suspended,
    lost,
    resumed,
    damaged,
    replaced,
    revoked,
    terminated,
};

[[nodiscard]] std::span<const TokenState> all_states();
// "BLANK", "AT_AUTHORITY", ...
[[nodiscard]] const char* name_of(TokenState state);
// Throws CaError bad_argument.
[[nodiscard]] TokenState parse_state(const std::string& name);

[[nodiscard]] std::span<const TokenEvent> all_events();
// "packed", "arrived", ...
[[nodiscard]] const char* name_of(TokenEvent event);
[[nodiscard]] TokenState target_of(TokenEvent event);
// Whether the table has this event in this state.
[[nodiscard]] bool may_happen(TokenState from, TokenEvent event);
// "packed, lost, revoked"; what an operator is told when something is refused.
[[nodiscard]] std::string events_after(TokenState from);

// Whether an event leads from the one to the other. A state doesn't follow itself.
[[nodiscard]] bool may_follow(TokenState from, TokenState to);
// Whether a key that was set aside can have been set aside there: where `resumed` leads it back to.
[[nodiscard]] bool may_return(TokenState from, TokenState to);
// A key that the enterprise has or will get, and that counts towards its three: requirement N2.
[[nodiscard]] bool counts_as_live(TokenState state);
// Whether certificates may be made for such a key: not for one that is set aside, damaged or at its end.
[[nodiscard]] bool takes_certificates(TokenState state);

}  // namespace sealkey::bench
