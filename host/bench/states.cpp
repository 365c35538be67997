#include "bench/states.h"

#include <array>
#include <cstdint>

#include "ca/error.h"

namespace sealkey::bench {

namespace {

using enum TokenState;

constexpr std::uint32_t bit(TokenState state) { return std::uint32_t{1} << static_cast<unsigned>(state); }
template <class... States>
constexpr std::uint32_t set(States... states) {
    return (0U | ... | bit(states));
}

// What may happen to any key that has left the bench: the CA often hears of it late.
constexpr std::uint32_t kMishaps = set(active, locked, suspended, lost, damaged, replaced, revoked);

struct Row {
    TokenState state;
    const char* name;
    bool live;
    std::uint32_t next;
};

constexpr std::array<Row, 15> kStates = {{
    {blank, "BLANK", true, set(initialised, damaged, revoked)},
    {initialised, "INITIALISED", true, set(personalised, damaged, revoked)},
    {personalised, "PERSONALISED", true, set(packed, in_transit, at_authority, delivered) | kMishaps},
    {packed, "PACKED", true, set(in_transit, at_authority, delivered) | kMishaps},
    {in_transit, "IN_TRANSIT", true, set(at_authority, delivered) | kMishaps},
    {at_authority, "AT_AUTHORITY", true, set(in_transit, delivered) | kMishaps},
    {delivered, "DELIVERED", true, kMishaps},
    {active, "ACTIVE", true, set(locked, suspended, lost, damaged, replaced, revoked)},
    {locked, "LOCKED", true, set(active, suspended, lost, damaged, replaced, revoked)},
    {suspended, "SUSPENDED", true, set(active, locked, lost, damaged, replaced, revoked)},
    {replaced, "REPLACED", false, set(terminated)},
    {lost, "LOST", true, set(active, replaced, revoked)},
    {damaged, "DAMAGED", true, set(replaced, revoked)},
    {revoked, "REVOKED", false, set(terminated)},
    {terminated, "TERMINATED", false, 0},
}};

constexpr auto kList = [] {
    std::array<TokenState, kStates.size()> list{};
    for (std::size_t i = 0; i < list.size(); ++i) list[i] = kStates[i].state;
    return list;
}();

const Row& row(TokenState state) { return kStates[static_cast<std::size_t>(state)]; }

}  // namespace

std::span<const TokenState> all_states() { return kList; }
const char* name_of(TokenState state) { return row(state).name; }

TokenState parse_state(const std::string& name) {
    for (const Row& one : kStates) {
        if (name == one.name) return one.state;
    }
    throw ca::CaError(ca::Fault::bad_argument, ca::mark("\"%1\" isn't a state of a key."), {name});
}

bool may_follow(TokenState from, TokenState to) { return (row(from).next & bit(to)) != 0; }
bool counts_as_live(TokenState state) { return row(state).live; }

}  // namespace sealkey::bench
