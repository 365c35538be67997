#include "bench/terminate.h"

#include <cstdio>

#include "bench/channel.h"
#include "bench/management_cipher.h"
#include "ca/error.h"
#include "token/error.h"
#include "token/staging.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;
using protocol::Algorithm;
using protocol::Lifecycle;

// Every tag that the token keeps objects under. The discovery object, which is computed, is none of them; nor is what
// is told about a renewal, which is asked by itself.
struct TagRange {
    std::uint32_t first;
    std::uint32_t last;
};
constexpr TagRange kObjectTags[] = {{0x5FC101, 0x5FC1FF},
                                    {0x5FFF00, protocol::object::renewal_status - 1},
                                    {protocol::object::renewal_status + 1, 0x5FFFFF}};

[[noreturn]] void left(const char* text, std::vector<std::string> arguments = {}) {
    throw CaError(Fault::quality, text, std::move(arguments));
}

std::string hex_name(std::uint32_t number) {
    char text[12];
    std::snprintf(text, sizeof text, "%02X", static_cast<unsigned>(number));
    return text;
}

std::vector<std::uint8_t> all_slots() {
    std::vector<std::uint8_t> slots = {protocol::ref::authentication, protocol::ref::signature,
                                       protocol::ref::key_management, protocol::ref::card_authentication,
                                       protocol::ref::attestation};
    for (unsigned one = protocol::ref::retired_first; one <= protocol::ref::retired_last; ++one) {
        slots.push_back(static_cast<std::uint8_t>(one));
    }
    return slots;
}

// Whether the token refuses it as something that isn't there or isn't done any more. Anything else proves nothing.
template <class Ask>
bool is_denied(Ask ask) {
    try {
        ask();
        return false;
    } catch (const token::TokenError& error) {
        switch (error.kind()) {
            case token::Kind::not_found:
            case token::Kind::not_allowed:
            case token::Kind::bad_data:  // no such reference
                return true;
            default:
                throw;
        }
    }
}

void require_terminable(const TokenRow& row) {
    if (may_happen(row.state, TokenEvent::terminated)) return;
    throw CaError(Fault::policy,
                  mark("Key %1 is %2: only a key that was revoked or replaced is terminated. Nothing was changed."),
                  {row.serial, name_of(row.state)});
}

// A plain PIV token has no channel, but a published 9B.
void wipe_key(token::Token& token, const TokenRow& row, const ca::ChannelMaster& master) {
    ca::ChannelCrypto crypto;
    const token::Token::Transaction transaction(token);
    if (row.profile == "compatibility") {
        ManagementCipher cipher(Algorithm::tdes, default_management_key());
        token.authenticate_management(cipher);
    } else {
        token.open_channel(crypto, ca::channel_keys(master, row.serial));
    }
    try {
        token.set_lifecycle(Lifecycle::terminated);
    } catch (...) {
        token.close_channel();
        throw;
    }
    token.close_channel();
}

// Whether it begins to prove that it knows a management key.
bool answers_management(token::Token& token, Algorithm algorithm) {
    const std::uint8_t ask[] = {0x7C, 0x02, 0x80, 0x00};  // a witness
    return token
        .send({.cla = 0,
               .ins = static_cast<std::uint8_t>(protocol::Ins::general_authenticate),
               .p1 = static_cast<std::uint8_t>(algorithm),
               .p2 = protocol::ref::management,
               .data = ask,
               .expects_data = true})
        .ok();
}

void require_no_contents(token::Token& token, const Checked& checked) {
    for (const TagRange& range : kObjectTags) {
        for (std::uint32_t tag = range.first; tag <= range.last; ++tag) {
            if (token.find_object(tag)) left(mark("The key still holds the object %1."), {hex_name(tag)});
        }
    }
    const token::StagingStatus staged = token::stage_status(token);
    if (staged.rid || staged.committed) left(mark("The key still holds a renewal."));
    checked("no-objects");
    for (const std::uint8_t slot : all_slots()) {
        if (!is_denied([&] { (void)token.metadata(slot); }))
            left(mark("The key still has a private key in slot %1."), {hex_name(slot)});
        if (!is_denied([&] { (void)token.attest(slot); }))
            left(mark("The key still attests the private key in slot %1."), {hex_name(slot)});
    }
    checked("no-keys");
}

void require_nothing_opens(token::Token& token, const TokenRow& row, const ca::ChannelMaster& master,
                           const Checked& checked) {
    if (!is_denied([&] { (void)token.metadata(protocol::ref::management); }) ||
        answers_management(token, Algorithm::aes256) || answers_management(token, Algorithm::tdes))
        left(mark("The key still has a management key."));
    checked("no-management-key");
    if (channel_opens(token, ca::channel_keys(master, row.serial)))
        left(mark("The key's own channel keys still open it."));
    checked("no-channel-keys");
    // Not even compared: a wrong PIN would be answered as one.
    const std::string pin = "123456";
    if (!is_denied([&] { token.verify({reinterpret_cast<const std::uint8_t*>(pin.data()), pin.size()}); }))
        left(mark("The key still takes a PIN."));
    checked("no-pin");
}

}  // namespace

void require_empty(token::Token& token, const TokenRow& row, const ca::ChannelMaster& master, const Checked& checked) {
    token.select();
    const token::TokenStatus status = token.token_status();
    if (status.serial != row.serial)
        throw CaError(Fault::bad_argument, mark("This is key %1, not %2."), {status.serial, row.serial});
    if (status.lifecycle != Lifecycle::terminated || !status.slots.empty() || !status.objects.empty())
        left(mark("The key doesn't say that it is terminated and empty."));
    checked("terminated");
    require_no_contents(token, checked);
    require_nothing_opens(token, row, master, checked);
}

void terminate(Inventory& inventory, const ca::ChannelMaster& master, token::Token& token, const std::string& serial,
               const std::string& why, const std::string& operator_name, const Checked& checked) {
    if (why.find_first_not_of(" \t\r\n") == std::string::npos)
        throw CaError(Fault::policy, mark("This needs its reason in words."));
    const token::TokenStatus status = token.token_status();
    if (status.serial != serial)
        throw CaError(Fault::bad_argument, mark("This is key %1, not %2."), {status.serial, serial});
    {
        Inventory::Work work(inventory, operator_name);
        require_terminable(inventory.token(serial));
        work.audit("terminate", serial, {{"why", why}});
        work.commit();
    }
    const TokenRow row = inventory.token(serial);
    // A cut in the wipe is finished by the key itself when it starts.
    if (status.lifecycle != Lifecycle::terminated) wipe_key(token, row, master);
    nlohmann::json proofs = nlohmann::json::array();
    require_empty(token, row, master, [&](const std::string& what) {
        proofs.push_back(what);
        checked(what);
    });
    Inventory::Work work(inventory, operator_name);
    work.set_state(serial, TokenState::terminated, why);
    work.audit("proven-empty", serial, {{"checks", proofs}});
    work.commit();
}

}  // namespace sealkey::bench
