#include "bench/hold.h"

#include "ca/error.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;

Bytes view(const std::string& text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

void require_why(const std::string& why) {
    if (why.find_first_not_of(" \t\r\n") == std::string::npos)
        throw CaError(Fault::policy, mark("This needs its reason in words."));
}

int set_aside(Inventory& inventory, Inventory::Work& work, const std::string& serial, TokenState state,
              const std::string& why) {
    require_why(why);
    if (inventory.token(serial).step != "done")
        throw CaError(Fault::policy, mark("Key %1 isn't finished: there is nothing to put on hold."), {serial});
    work.set_state(serial, state, why);
    return work.hold_certificates(serial, ca::now());
}

bool set_aside_by(const std::string& state) { return may_happen(parse_state(state), TokenEvent::resumed); }

// By the audit trail: the state that the key was in before it was suspended or lost. A code that was redeemed since
// then makes it one in use, wherever its parcel was thought to be.
TokenState state_before(Inventory& inventory, const std::string& serial) {
    const auto rows = inventory.audit_rows();
    for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
        if (row->subject != serial) continue;
        if (row->action == "redeemed") break;
        if (row->action != "state") continue;
        const std::string from = nlohmann::json::parse(row->detail).at("from");
        if (!set_aside_by(from)) return parse_state(from);
    }
    return target_of(TokenEvent::resumed);
}

}  // namespace

int suspend(Inventory& inventory, const std::string& operator_name, const std::string& serial, const std::string& why) {
    Inventory::Work work(inventory, operator_name);
    const int count = set_aside(inventory, work, serial, TokenState::suspended, why);
    work.commit();
    return count;
}

int report_lost(Inventory& inventory, const std::string& operator_name, const std::string& serial,
                const std::string& statement, const std::string& why) {
    if (statement.empty()) throw CaError(Fault::bad_argument, mark("The statement is empty."));
    Inventory::Work work(inventory, operator_name);
    const int count = set_aside(inventory, work, serial, TokenState::lost, why);
    work.audit("lost-statement", serial, {{"sha256", ca::sha256_hex(view(statement))}, {"why", why}});
    work.commit();
    return count;
}

int resume(Inventory& inventory, const std::string& operator_name, const std::string& serial, const std::string& why) {
    require_why(why);
    Inventory::Work work(inventory, operator_name);
    const TokenState now = inventory.token(serial).state;
    if (now != TokenState::suspended && now != TokenState::lost)
        throw CaError(Fault::policy, mark("Key %1 is %2, neither suspended nor lost."), {serial, name_of(now)});
    work.set_back(serial, state_before(inventory, serial), why);
    const int count = work.release_certificates(serial);
    work.commit();
    return count;
}

}  // namespace sealkey::bench
