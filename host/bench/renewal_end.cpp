#include "bench/renewal_end.h"

#include <algorithm>

#include "bench/policy.h"
#include "bench/states.h"
#include "ca/error.h"
#include "ca/request_builder.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;
using ca::RenewalState;

constexpr int kListDays = 7;

// What the key said, for the audit trail.
struct KeysWord {
    std::string staged, committed;
    int generation = 0;
};

RenewalRow require_proven(Inventory& inventory, const std::string& serial) {
    const TokenRow row = inventory.token(serial);
    if (row.step != "done" || !in_service(row.state)) {
        throw CaError(Fault::policy, mark("Key %1 is %2: its renewal can't be ended by the key's word."),
                      {serial, row.step != "done" ? row.step : name_of(row.state)});
    }
    if (row.profile != "shipping") {
        throw CaError(Fault::policy, mark("Key %1 has no secure channel of its own: it isn't of the shipping profile."),
                      {serial});
    }
    const auto last = RenewalBook(inventory).last_of(serial);
    if (!last || !ca::is_open(last->state)) {
        throw CaError(Fault::policy, mark("Key %1 has no renewal that could be ended."), {serial});
    }
    if (last->state != RenewalState::proven) {
        throw CaError(Fault::policy,
                      mark("Renewal %1 is %2: the key's word is asked only where it is PROVEN. Before that it is "
                           "refused, and afterwards it ends by itself."),
                      {last->rid, ca::name_of(last->state)});
    }
    return *last;
}

bool is_staged(token::Token& token, const token::StagingStatus& status, const RenewalKeyRow& key) {
    const token::StagedRole* role = status.role(ca::slot_of(ca::role_of_name(key.slot)));
    if (role == nullptr || !role->has_key) return false;
    const ca::PKey there = ca::public_key_of(token::stage_public_key(token, *role, token::Way::channel));
    return ca::sha256_hex(ca::spki_of(there.get())) == key.spki;
}

// The manifest is good for the very keys that were certified. One that the key itself made and doesn't hold any more
// never comes back, and with it the whole set is dead. A key centre's can come again, in the envelope that it came in.
void require_dead(token::Token& token, const RenewalRow& row, const token::StagingStatus& status) {
    if (status.committed && ca::hex(*status.committed) == row.rid) {
        throw CaError(Fault::policy,
                      mark("Key %1 has committed renewal %2: `sealkey renew` tells the CA so. Nothing was changed."),
                      {row.token, row.rid});
    }
    const Order order = order_of_json(nlohmann::json::parse(row.order_text));
    const bool staged = status.rid && ca::hex(*status.rid) == row.rid;
    bool made_here = false;
    for (const RenewalKeyRow& key : row.keys) {
        if (from_centre(order, key.slot)) continue;
        made_here = true;
        if (!staged || !is_staged(token, status, key)) return;
    }
    if (made_here || staged) {
        throw CaError(
            Fault::policy,
            mark("Key %1 holds the new keys of renewal %2: `sealkey renew` finishes it. Nothing was changed."),
            {row.token, row.rid});
    }
    throw CaError(Fault::policy,
                  mark("The only key of renewal %1 comes from the key centre, and can come again: `sealkey renew` "
                       "finishes it. Nothing was changed."),
                  {row.rid});
}

// A set could also have gone because it was committed and another one after it. Then others stand in the slots.
void require_old_keys(token::Token& token, Inventory& inventory, const ca::Authority& authority,
                      const RenewalRow& row) {
    const TokenRow owner = inventory.token(row.token);
    for (const RenewalKeyRow& key : row.keys) {
        const auto live = inventory.live_certificate(row.token, key.slot);
        if (!live || live->serial != key.old_certificate) {
            throw CaError(Fault::policy,
                          mark("The inventory has another certificate in %1 than renewal %2 began with."),
                          {key.slot, row.rid});
        }
        const ca::Cert old = ca::certificate_of_der(ca::unhex(live->der));
        const ca::PKey public_half(X509_get_pubkey(old.get()));
        (void)require_attested(
            token, device_trust(authority, inventory),
            attestation_order(authority, owner, ca::role_of_name(key.slot), ca::spki_of(public_half.get())));
    }
}

// With the channel open: each answer carries the key's own MAC, for this session alone.
KeysWord ask_key(token::Token& token, const RenewalRow& row) {
    const token::StagingStatus status = token::stage_status(token, token::Way::channel);
    require_dead(token, row, status);
    return {status.rid ? ca::hex(*status.rid) : "", status.committed ? ca::hex(*status.committed) : "",
            status.generation};
}

KeysWord keys_word(token::Token& token, const ca::ChannelMaster& master, const RenewalRow& row) {
    ca::ChannelCrypto crypto;
    token.open_channel(crypto, ca::channel_keys(master, row.token));
    try {
        const KeysWord word = ask_key(token, row);
        token.close_channel();
        return word;
    } catch (...) {
        token.close_channel();
        throw;
    }
}

}  // namespace

EndedRenewal end_at_desk(Inventory& inventory, const ca::Authority& authority, const DeskKeys& keys,
                         const ca::ChannelMaster& master, token::Token& token, const EndOrder& order) {
    require_remark(order.remark);
    EndedRenewal out;
    out.row = require_proven(inventory, token.token_status().serial);
    const token::Token::Transaction transaction(token);  // nobody else changes the key meanwhile
    const KeysWord word = keys_word(token, master, out.row);
    require_old_keys(token, inventory, authority, out.row);
    {
        Inventory::Work work(inventory, order.operator_name);
        const RenewalRow now = require_proven(inventory, out.row.token);
        if (now.rid != out.row.rid) {
            throw CaError(Fault::policy, mark("Another renewal was begun for key %1 meanwhile."), {now.token});
        }
        out.row = now;
        out.row.remark = order.remark;
        RenewalBook(inventory).end_proven(
            work, out.row,
            {{"remark", order.remark},
             {"key_says", {{"staged", word.staged}, {"committed", word.committed}, {"generation", word.generation}}}});
        work.commit();
    }
    out.list = write_crl_files(inventory, authority, keys.issuing.get(), order.operator_name, kListDays);
    return out;
}

}  // namespace sealkey::bench
