#include "bench/unlock_desk.h"

#include <algorithm>
#include <cctype>

#include "ca/error.h"
#include "token/error.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;

constexpr char kTelephone[] = "telephone";
constexpr char kStatement[] = "statement";

bool was_given(Inventory& inventory, const ca::LockEvent& event) {
    const auto rows = inventory.lock_events(event.serial);
    return std::any_of(rows.begin(), rows.end(), [&](const auto& row) {
        return row.counter == event.counter && row.salt == static_cast<int>(event.salt);
    });
}

// A name as it counts: "Demo " and "demo" are one person.
std::string folded(const std::string& name) {
    const auto first = name.find_first_not_of(" \t");
    if (first == std::string::npos) return "";
    std::string out = name.substr(first, name.find_last_not_of(" \t") - first + 1);
    std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::tolower(c); });
    return out;
}

void check_request_fields(const CodeRequest& request) {
    if (request.approval.find_first_not_of(" \t") == std::string::npos) {
        throw CaError(Fault::policy, mark("A reset code is given against an approved request only: name it."));
    }
}

void require_unlock_key(const TokenRow& row) {
    if (row.profile == "compatibility") {
        throw CaError(Fault::policy,
                      mark("Key %1 has the compatibility profile: its PUK unlocks it, there are no codes."),
                      {row.serial});
    }
    // A suspended key, or one whose whereabouts or state are in doubt, isn't opened by a code.
    const bool in_doubt =
        row.state == TokenState::suspended || row.state == TokenState::lost || row.state == TokenState::damaged;
    if (!counts_as_live(row.state) || in_doubt) {
        throw CaError(Fault::policy, mark("Key %1 is %2: it gets no codes any more."),
                      {row.serial, name_of(row.state)});
    }
}

// The salt of a lock that the inventory has from the key itself: of the delivery, or of a checked statement.
std::optional<std::uint32_t> proven_salt(Inventory& inventory, const TokenRow& row, std::uint16_t counter) {
    if (counter == 1) return static_cast<std::uint32_t>(row.salt);
    for (const auto& event : inventory.lock_events(row.serial)) {
        if (event.counter == counter && event.source == kStatement) return static_cast<std::uint32_t>(event.salt);
    }
    return std::nullopt;
}

// The audit row is written before anyone sees the code.
GivenCode give(Inventory& inventory, const ca::Masters& masters, const ca::LockEvent& event, const std::string& source,
               const CodeRequest& request) {
    GivenCode given{event, "", was_given(inventory, event)};
    const token::CodeDigits digits = ca::reset_code(masters, event);
    Inventory::Work work(inventory, request.operator_name);
    // A request code told by telephone carries no proof: it must neither make a genuine statement look old nor keep the
    // activation code from a key that was never activated.
    if (source != kTelephone) work.note_seen(event.serial, event.counter);
    work.note_code({event.serial, event.counter, static_cast<int>(event.salt), source, request.approval,
                    request.operator_name, request.second_operator, "", ""});
    work.commit();
    given.code = token::format_code(digits.bytes());
    return given;
}

}  // namespace

CheckedStatement check_statement(Inventory& inventory, const ca::Masters& masters, Bytes bytes,
                                 const std::string& operator_name) {
    std::string serial;
    try {
        serial = token::parse_lock_statement(bytes).serial;
    } catch (const token::TokenError&) {
        throw CaError(Fault::bad_argument, mark("This isn't a lock statement of a key (38 bytes, version 1)."));
    }
    const TokenRow row = inventory.token(serial);
    require_unlock_key(row);
    CheckedStatement result{row, ca::check_lock_statement(masters, inventory.history_of(row), bytes), false};
    const ca::LockEvent event{serial, result.statement.lock.counter, result.statement.lock.salt};
    result.code_given = was_given(inventory, event);
    Inventory::Work work(inventory, operator_name);
    work.note_seen(serial, event.counter);
    work.audit("statement", serial, {{"counter", event.counter}, {"salt", event.salt}});
    const bool locked = result.statement.lock.state == protocol::LockState::locked;
    if (locked && row.state != TokenState::locked && may_follow(row.state, TokenState::locked)) {
        work.set_state(serial, TokenState::locked, "lock statement");
    }
    work.commit();
    result.row = inventory.token(serial);
    return result;
}

GivenCode give_reset_code(Inventory& inventory, const ca::Masters& masters, Bytes statement,
                          const CodeRequest& request) {
    check_request_fields(request);
    const auto checked = check_statement(inventory, masters, statement, request.operator_name);
    return give(inventory, masters, {checked.row.serial, checked.statement.lock.counter, checked.statement.lock.salt},
                kStatement, request);
}

GivenCode give_reset_code_by_telephone(Inventory& inventory, const ca::Masters& masters, const std::string& serial,
                                       const std::string& request_code, const CodeRequest& request) {
    check_request_fields(request);
    const std::string first = folded(request.operator_name);
    const std::string second = folded(request.second_operator);
    if (second.empty()) {
        throw CaError(Fault::policy, mark("By telephone a second operator has to confirm."));
    }
    if (second == first) {
        throw CaError(Fault::policy, mark("The second operator has to be another person."));
    }
    ca::check_token_serial(serial);
    const TokenRow row = inventory.token(serial);
    require_unlock_key(row);
    if (row.step != "done" || row.salt < 0) {
        throw CaError(Fault::policy, mark("Key %1 isn't finished: it was never delivered."), {serial});
    }
    const auto event = ca::event_of_request(inventory.history_of(row), token::parse_request_code(request_code));
    const auto salt = proven_salt(inventory, row, event.counter);
    if (salt && *salt != event.salt) {
        throw CaError(Fault::bad_code,
                      mark("Key %1 itself told another request code for lock %2: have it read out once more, and make "
                           "sure that the caller holds this key. No code was given."),
                      {serial, std::to_string(event.counter)});
    }
    return give(inventory, masters, event, kTelephone, request);
}

GivenCode give_activation_code(Inventory& inventory, const ca::Masters& masters, const std::string& serial,
                               const std::string& operator_name) {
    const TokenRow row = inventory.token(serial);
    require_unlock_key(row);
    if (row.step != "done" || row.salt < 0) {
        throw CaError(Fault::policy, mark("Key %1 isn't finished: it was never delivered."), {serial});
    }
    if (row.last_redeemed >= 1 || row.last_seen > 1) {
        throw CaError(Fault::replayed, mark("Key %1 was activated before: if it is locked, it needs a reset code."),
                      {serial});
    }
    return give(inventory, masters, {serial, 1, static_cast<std::uint32_t>(row.salt)}, "delivery",
                {"delivery", operator_name, ""});
}

GivenCode unlock_at_bench(Inventory& inventory, const LiveSecrets& live, token::Token& token,
                          const CodeRequest& request) {
    check_request_fields(request);
    const TokenRow row = inventory.token(token.token_status().serial);
    require_unlock_key(row);
    if (row.step != "done" || row.salt < 0) {
        throw CaError(Fault::policy, mark("Key %1 isn't finished: it was never delivered."), {row.serial});
    }
    {
        Inventory::Work work(inventory, request.operator_name);
        work.audit("bench-unlock", row.serial, {{"approval", request.approval}});
        work.commit();
    }
    ca::ChannelCrypto crypto;
    const token::Token::Transaction transaction(token);
    token.open_channel(crypto, ca::channel_keys(live.channel_master, row.serial));
    try {
        token.set_lifecycle(protocol::Lifecycle::secured);
    } catch (...) {
        token.close_channel();
        throw;
    }
    token.close_channel();
    const auto statement = token.lock_statement();
    if (!statement || statement->lock.state != protocol::LockState::activation_pending) {
        throw CaError(Fault::quality, mark("The key doesn't wait for its activation code."));
    }
    const auto checked = check_statement(inventory, live.masters, statement->bytes, request.operator_name);
    return give(inventory, live.masters, {row.serial, checked.statement.lock.counter, checked.statement.lock.salt},
                kStatement, request);
}

void close_lock(Inventory& inventory, const ca::Masters& masters, const std::string& serial, std::uint16_t counter,
                Bytes proof, const std::string& operator_name) {
    const TokenRow row = inventory.token(serial);
    ca::check_reset_done(masters, serial, counter, proof);
    // The proof stays readable: an old one says nothing about a later lock.
    if (counter < row.last_redeemed || counter < row.last_seen) {
        throw CaError(Fault::replayed, mark("This proof is of an unlocking that is over: the key was locked again."));
    }
    if (counter == row.last_redeemed) return;
    Inventory::Work work(inventory, operator_name);
    work.note_redeemed(serial, counter);
    const bool withdrawn = row.state == TokenState::suspended || row.state == TokenState::lost;
    if (row.state != TokenState::active && !withdrawn && may_follow(row.state, TokenState::active)) {
        work.set_state(serial, TokenState::active, "code redeemed");
    }
    work.commit();
}

}  // namespace sealkey::bench
