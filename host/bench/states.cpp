#include "bench/states.h"

#include <algorithm>
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

struct StateRow {
    TokenState state;
    const char* name;
    bool live;
    bool takes_certificates;
};

constexpr std::array<StateRow, 15> kStates = {{
    {blank, "BLANK", true, true},
    {initialised, "INITIALISED", true, true},
    {personalised, "PERSONALISED", true, true},
    {packed, "PACKED", true, true},
    {in_transit, "IN_TRANSIT", true, true},
    {at_authority, "AT_AUTHORITY", true, true},
    {delivered, "DELIVERED", true, true},
    {active, "ACTIVE", true, true},
    {locked, "LOCKED", true, true},
    {suspended, "SUSPENDED", true, false},
    {replaced, "REPLACED", false, false},
    {lost, "LOST", true, false},
    {damaged, "DAMAGED", true, false},
    {revoked, "REVOKED", false, false},
    {terminated, "TERMINATED", false, false},
}};

constexpr std::uint32_t kOnItsWay = set(packed, in_transit, at_authority, delivered);
// Finished. The CA often hears late what happened to such a key, and of the parcel not at all.
constexpr std::uint32_t kFinished = set(personalised) | kOnItsWay;
constexpr std::uint32_t kInUse = set(active, locked);
constexpr std::uint32_t kUnfinished = set(blank, initialised);

struct EventRow {
    TokenEvent event;
    const char* name;
    std::uint32_t from;
    TokenState to;
};

constexpr std::array<EventRow, 16> kEvents = {{
    {TokenEvent::born, "born", set(blank), initialised},
    {TokenEvent::secured, "secured", set(initialised), personalised},
    {TokenEvent::packed, "packed", set(personalised), packed},
    // From the authority too, to another one or by courier to the enterprise.
    {TokenEvent::shipped, "shipped", set(packed, at_authority), in_transit},
    {TokenEvent::arrived, "arrived", set(packed, in_transit), at_authority},
    {TokenEvent::delivered, "delivered", set(packed, in_transit, at_authority), delivered},
    // Back at the bench, never activated: it is packed again before it leaves again.
    {TokenEvent::returned, "returned", kOnItsWay, personalised},
    {TokenEvent::activated, "activated", kFinished | set(locked), active},
    {TokenEvent::locked, "locked", kFinished | set(active), locked},
    {TokenEvent::suspended, "suspended", kFinished | kInUse, suspended},
    {TokenEvent::lost, "lost", kFinished | kInUse | set(suspended), lost},
    {TokenEvent::resumed, "resumed", set(suspended, lost), active},
    {TokenEvent::damaged, "damaged", kUnfinished | kFinished | kInUse | set(suspended), damaged},
    {TokenEvent::replaced, "replaced", kFinished | kInUse | set(suspended, lost, damaged), replaced},
    {TokenEvent::revoked, "revoked", kUnfinished | kFinished | kInUse | set(suspended, lost, damaged), revoked},
    {TokenEvent::terminated, "terminated", set(replaced, revoked), terminated},
}};

constexpr bool in_order() {
    for (std::size_t i = 0; i < kStates.size(); ++i) {
        if (static_cast<std::size_t>(kStates[i].state) != i) return false;
    }
    for (std::size_t i = 0; i < kEvents.size(); ++i) {
        if (static_cast<std::size_t>(kEvents[i].event) != i) return false;
    }
    return true;
}
static_assert(in_order(), "rows are found by their number");

constexpr auto kStateList = [] {
    std::array<TokenState, kStates.size()> list{};
    for (std::size_t i = 0; i < list.size(); ++i) list[i] = kStates[i].state;
    return list;
}();
constexpr auto kEventList = [] {
    std::array<TokenEvent, kEvents.size()> list{};
    for (std::size_t i = 0; i < list.size(); ++i) list[i] = kEvents[i].event;
    return list;
}();

const StateRow& row(TokenState state) { return kStates[static_cast<std::size_t>(state)]; }
const EventRow& row(TokenEvent event) { return kEvents[static_cast<std::size_t>(event)]; }

}  // namespace

std::span<const TokenState> all_states() { return kStateList; }
const char* name_of(TokenState state) { return row(state).name; }

TokenState parse_state(const std::string& name) {
    for (const StateRow& one : kStates) {
        if (name == one.name) return one.state;
    }
    throw ca::CaError(ca::Fault::bad_argument, ca::mark("\"%1\" isn't a state of a key."), {name});
}

std::span<const TokenEvent> all_events() { return kEventList; }
const char* name_of(TokenEvent event) { return row(event).name; }
TokenState target_of(TokenEvent event) { return row(event).to; }
bool may_happen(TokenState from, TokenEvent event) { return (row(event).from & bit(from)) != 0; }

std::string events_after(TokenState from) {
    std::string text;
    for (const EventRow& one : kEvents) {
        if ((one.from & bit(from)) != 0) text += (text.empty() ? "" : ", ") + std::string(one.name);
    }
    return text.empty() ? "-" : text;
}

bool may_return(TokenState from, TokenState to) {
    return may_happen(from, TokenEvent::resumed) && (bit(to) & (kFinished | kInUse)) != 0;
}

bool may_follow(TokenState from, TokenState to) {
    return std::any_of(kEvents.begin(), kEvents.end(),
                       [&](const EventRow& one) { return one.to == to && (one.from & bit(from)) != 0; });
}

bool counts_as_live(TokenState state) { return row(state).live; }
bool takes_certificates(TokenState state) { return row(state).takes_certificates; }

}  // namespace sealkey::bench
