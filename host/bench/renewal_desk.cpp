// The operator's part, and how a renewal ends. The steps of the enterprise's program: renewal_steps.cpp.
#include "bench/renewal_desk.h"

#include <algorithm>

#include "bench/crl_file.h"
#include "bench/policy.h"
#include "ca/enterprise_codes.h"
#include "ca/error.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;
using ca::RenewalState;

constexpr int kCrlDays = 7;
constexpr std::size_t kMaxRemark = 500;

bool written(const std::string& text) { return text.find_first_not_of(" \t\r\n") != std::string::npos; }

std::string new_rid() {
    token::Rid rid{};
    ca::random_bytes(rid);
    return ca::hex(rid);
}

std::vector<ca::Role> roles_of(const std::vector<std::string>& slots) {
    std::vector<ca::Role> roles;
    for (const ca::Role role : ca::kRoles) {
        const auto wanted = std::count(slots.begin(), slots.end(), ca::name_of(role));
        if (wanted > 1) throw CaError(Fault::bad_argument, mark("A renewal names a key once."));
        if (slots.empty() || wanted == 1) roles.push_back(role);
    }
    for (const std::string& slot : slots) (void)ca::role_of_name(slot);
    return roles;
}

// What the key will carry: what it carries now, with what the operator changes.
Order changed_order(const TokenRow& row, const RenewalOrder& wish) {
    Order order = order_of_json(nlohmann::json::parse(row.order_text));
    order.login_name = row.login_name;
    const auto take = [](std::string& field, const std::string& value) {
        if (!value.empty()) field = value;
    };
    take(order.algorithm, wish.algorithm);
    take(order.decryption_key, wish.decryption_key);
    take(order.enterprise_name, wish.enterprise_name);
    take(order.english_name, wish.english_name);
    take(order.authorised_user, wish.authorised_user);
    take(order.seal_name, wish.seal_name);
    if (!wish.unified_code.empty() && wish.unified_code != row.unified_code) {
        ca::check_code_change(row.unified_code, wish.unified_code);
        if (!order.old_code.empty()) ca::check_old_code(order.old_code, wish.unified_code);
        const bool was_old = row.unified_code.size() != wish.unified_code.size();
        if (was_old) order.old_code = row.unified_code;
        order.unified_code = wish.unified_code;
    }
    if (wish.valid_days != 0) order.valid_days = wish.valid_days;
    if (wish.seal_width_mm != 0) order.seal_width_mm = wish.seal_width_mm;
    if (wish.seal_height_mm != 0) order.seal_height_mm = wish.seal_height_mm;
    check_order(order);
    return order;
}

bool same_information(const TokenRow& row, const Order& next) {
    const Order now = order_of_json(nlohmann::json::parse(row.order_text));
    return now.enterprise_name == next.enterprise_name && row.unified_code == next.unified_code;
}

}  // namespace

DeskKeys::DeskKeys(const ca::Authority& authority, Bytes passphrase)
    : issuing(authority.issuing_key(passphrase)), maker(authority.seal_maker_key(passphrase)) {}

ca::Cert RenewalDesk::certificate(const std::string& token, const std::string& serial) {
    for (const CertificateRow& row : inventory_.certificates_of(token)) {
        if (row.serial == serial) return ca::certificate_of_der(ca::unhex(row.der));
    }
    throw CaError(Fault::unknown, mark("The inventory has no certificate %1."), {serial});
}

TokenRow RenewalDesk::require_renewable(const std::string& serial) {
    TokenRow row = inventory_.token(serial);
    if (row.step != "done" || !in_service(row.state)) {
        throw CaError(Fault::policy, mark("Key %1 is %2 and can't be renewed."),
                      {serial, row.step != "done" ? row.step : name_of(row.state)});
    }
    return row;
}

void require_remark(const std::string& remark) {
    if (written(remark) && remark.size() <= kMaxRemark) return;
    throw CaError(Fault::bad_argument, mark("A refusal says why, in at most 500 bytes: the enterprise reads it."));
}

RenewalRow RenewalDesk::approve(const RenewalOrder& wish) {
    if (!written(wish.request)) throw CaError(Fault::policy, mark("A renewal needs its approved request."));
    const std::vector<ca::Role> roles = roles_of(wish.slots);
    Inventory::Work work(inventory_, operator_);
    const TokenRow row = require_renewable(wish.serial);
    if (const auto last = book_.last_of(row.serial); last && ca::is_open(last->state)) {
        throw CaError(Fault::policy, mark("Key %1 has a renewal already (%2, %3): it has to end first."),
                      {row.serial, last->rid, ca::name_of(last->state)});
    }
    const Order order = changed_order(row, wish);
    // Else the keys that stay would go on saying what isn't true any more.
    if (roles.size() != std::size(ca::kRoles) && !same_information(row, order)) {
        throw CaError(Fault::policy, mark("A change of information renews all three keys."));
    }
    const bool decrypts = std::find(roles.begin(), roles.end(), ca::Role::decryption) != roles.end();
    if (!decrypts && !wish.decryption_key.empty()) {
        throw CaError(Fault::policy, mark("Where the decryption key comes from is chosen when 9D is renewed."));
    }
    if (decrypts && order.decryption_key == "centre" && !centre_) {
        throw CaError(Fault::policy, mark("This CA's settings name no key centre."));
    }
    const bool seals = std::find(roles.begin(), roles.end(), ca::Role::signature) != roles.end();
    if (!seals && !wish.picture.empty()) {
        throw CaError(Fault::policy, mark("A new seal comes with a new signing certificate: renew 9C too."));
    }
    RenewalRow renewal;
    renewal.rid = new_rid();
    renewal.token = row.serial;
    renewal.request = wish.request;
    renewal.order_text = json_of(order).dump();
    renewal.picture = ca::hex(wish.picture);
    token::StageNonce nonce{};
    ca::random_bytes(nonce);
    renewal.nonce = ca::hex(nonce);
    for (const ca::Role role : roles) {
        const auto old = inventory_.live_certificate(row.serial, ca::name_of(role));
        if (!old) {
            throw CaError(Fault::policy, mark("Key %1 has no certificate for %2 that could be renewed."),
                          {row.serial, ca::name_of(role)});
        }
        ca::check_renewable(ca::certificate_of_der(ca::unhex(old->der)).get(), ca::now());
        renewal.keys.push_back({ca::name_of(role), old->serial, "", "", "", ""});
    }
    book_.add(work, renewal);
    work.commit();
    return renewal;
}

RenewalRow RenewalDesk::refuse(const std::string& serial, const std::string& remark) {
    require_remark(remark);
    Inventory::Work work(inventory_, operator_);
    const TokenRow row = inventory_.token(serial);
    auto open = book_.last_of(serial);
    if (open && ca::is_open(open->state) && !counts_as_live(row.state)) {
        // Left open by a program of before.
        book_.end_open(work, serial, row.state);
        work.commit();
        return book_.renewal(open->rid);
    }
    if (open && open->state == RenewalState::proven) {
        throw CaError(
            Fault::policy,
            mark("Renewal %1 is PROVEN: the key may have changed over. `sealkey renew` finishes it; where the "
                 "key has lost its new keys, `renewals end` at the desk does, with the key plugged in."),
            {open->rid});
    }
    if (open && ca::is_open(open->state)) {
        open->remark = remark;
        book_.advance(work, *open, RenewalState::refused, {{"remark", remark}});
        for (const RenewalKeyRow& key : open->keys) {
            if (!key.certificate.empty()) work.revoke_certificate(key.certificate, "cessationOfOperation", ca::now());
        }
        work.commit();
        return *open;
    }
    RenewalRow renewal;
    renewal.rid = new_rid();
    renewal.token = serial;
    renewal.state = RenewalState::refused;
    renewal.remark = remark;
    renewal.order_text = row.order_text;
    book_.add(work, renewal);
    work.commit();
    return renewal;
}

RenewalRow RenewalDesk::confirm_by_use(const std::string& certificate_serial) {
    for (RenewalRow& renewal : book_.all()) {
        const bool mine = std::any_of(renewal.keys.begin(), renewal.keys.end(),
                                      [&](const RenewalKeyRow& key) { return key.certificate == certificate_serial; });
        if (!mine || certificate_serial.empty()) continue;
        finish(renewal, {{"seen_in_use", certificate_serial}});
        return renewal;
    }
    throw CaError(Fault::unknown, mark("No renewal has the certificate %1."), {certificate_serial});
}

// PROVEN -> CONFIRMED -> CLOSED. The first in one transaction: from then on the old certificates are revoked. The
// second when the list that says so is out.
void RenewalDesk::finish(RenewalRow& row, const nlohmann::json& how) {
    {
        Inventory::Work work(inventory_, operator_);
        row = book_.renewal(row.rid);
        if (row.state != RenewalState::confirmed && row.state != RenewalState::closed) {
            (void)require_renewable(row.token);
            if (row.state != RenewalState::proven) {
                throw CaError(Fault::policy, mark("Renewal %1 is %2: its keys can't be in use yet."),
                              {row.rid, ca::name_of(row.state)});
            }
            book_.advance(work, row, RenewalState::confirmed, how);
            book_.take_over(work, row);
            work.commit();
        }
    }
    (void)close_confirmed();
    row = book_.renewal(row.rid);
}

int RenewalDesk::close_confirmed() {
    std::vector<std::string> waiting;
    for (const RenewalRow& row : book_.all()) {
        if (row.state == RenewalState::confirmed) waiting.push_back(row.rid);
    }
    if (waiting.empty()) return 0;
    const WrittenCrl list = write_crl_files(inventory_, authority_, keys_.issuing.get(), operator_, kCrlDays);
    Inventory::Work work(inventory_, operator_);
    int closed = 0;
    for (const std::string& rid : waiting) {
        RenewalRow row = book_.renewal(rid);  // another process may have closed it meanwhile
        if (row.state != RenewalState::confirmed) continue;
        book_.advance(work, row, RenewalState::closed, {{"crl", list.number}});
        ++closed;
    }
    work.commit();
    return closed;
}

}  // namespace sealkey::bench
