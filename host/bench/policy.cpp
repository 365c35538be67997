#include "bench/policy.h"

#include <algorithm>

#include "bench/parcel.h"
#include "ca/enterprise_codes.h"
#include "ca/error.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;

int free_key_number(const std::vector<TokenRow>& live) {
    for (int number = 1; number <= kKeysPerEnterprise; ++number) {
        const bool taken =
            std::any_of(live.begin(), live.end(), [&](const auto& row) { return row.key_number == number; });
        if (!taken) return number;
    }
    throw CaError(Fault::policy, mark("The enterprise has no key number left."));
}

// Whether the key was replaced by others whose making was given up, every one.
bool replacement_given_up(Inventory& inventory, const TokenRow& old) {
    int given_up = 0;
    for (const TokenRow& row : inventory.tokens_of(old.unified_code)) {
        const auto order = nlohmann::json::parse(row.order_text, nullptr, false);
        if (!order.is_object() || order.value("replaces", "") != old.serial) continue;
        if (row.step != kGivenUp) return false;
        ++given_up;
    }
    return given_up != 0;
}

// Between the giving up and the new order another key may have taken its place.
void require_free_number(Inventory& inventory, const TokenRow& old) {
    for (const TokenRow& row : inventory.tokens_of(old.unified_code)) {
        if (!counts_as_live(row.state) || row.key_number != old.key_number) continue;
        throw CaError(Fault::policy, mark("The place of key %1 was taken by key %2 meanwhile."),
                      {old.serial, row.serial});
    }
}

Admission admit_replacement(Inventory& inventory, Inventory::Work& work, Order order) {
    const TokenRow old = inventory.token(order.replaces);
    if (ca::organisation_of(old.unified_code) != ca::organisation_of(order.unified_code)) {
        throw CaError(Fault::policy, mark("Key %1 belongs to another enterprise."), {old.serial});
    }
    if (!counts_as_live(old.state) && !replacement_given_up(inventory, old)) {
        throw CaError(
            Fault::policy,
            mark("Key %1 is %2: there is nothing to replace. Order a first key, or an additional one if the enterprise "
                 "has another, under a login name that no key ever had."),
            {old.serial, name_of(old.state)});
    }
    if (!order.login_name.empty() && order.login_name != old.login_name) {
        throw CaError(Fault::policy, mark("A replacement keeps the login name: key %1 has %2."),
                      {old.serial, old.login_name});
    }
    order.login_name = old.login_name;
    const bool lost = order.lost_or_damaged == "lost";
    if (!counts_as_live(old.state)) {  // revoked when this order was first begun
        require_free_number(inventory, old);
        return {order, old.key_number};
    }
    // A lost key may be in strange hands; a damaged one is only at its end.
    work.revoke_certificates(old.serial, lost ? "keyCompromise" : "cessationOfOperation", ca::now());
    const TokenState mishap = lost ? TokenState::lost : TokenState::damaged;
    if (old.state != mishap && may_follow(old.state, mishap)) work.set_state(old.serial, mishap, order.reason);
    if (may_follow(inventory.token(old.serial).state, TokenState::replaced)) {
        work.set_state(old.serial, TokenState::replaced, order.reason);
    } else {
        work.set_state(old.serial, TokenState::revoked, order.reason);
    }
    return {order, old.key_number};
}

// A key that is at its enterprise, or on its way there.
constexpr TokenState kInService[] = {TokenState::personalised, TokenState::packed,    TokenState::in_transit,
                                     TokenState::at_authority, TokenState::delivered, TokenState::active,
                                     TokenState::locked};

}  // namespace

Admission admit_order(Inventory& inventory, Inventory::Work& work, Order order) {
    if (order.kind == "replacement") return admit_replacement(inventory, work, std::move(order));
    std::vector<TokenRow> live;
    for (const TokenRow& row : inventory.tokens_of(order.unified_code)) {
        if (counts_as_live(row.state)) live.push_back(row);
    }
    const std::string count = std::to_string(live.size());
    if (live.size() >= kKeysPerEnterprise) {
        throw CaError(Fault::policy, mark("The enterprise has %1 keys already, and no more than %2 are allowed."),
                      {count, std::to_string(kKeysPerEnterprise)});
    }
    if (order.kind == "first" && !live.empty()) {
        throw CaError(Fault::policy,
                      mark("The enterprise has a key already: order an additional one, with its reason, or "
                           "a replacement."));
    }
    if (order.kind == "additional" && live.empty()) {
        throw CaError(Fault::policy, mark("The enterprise has no key yet: order its first."));
    }
    work.take_login_name(order.login_name, order.unified_code);
    return {order, free_key_number(live)};
}

bool in_service(TokenState state) {
    return std::find(std::begin(kInService), std::end(kInService), state) != std::end(kInService);
}

}  // namespace sealkey::bench
