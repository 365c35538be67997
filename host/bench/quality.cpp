#include "bench/quality.h"

#include <algorithm>

#include "base/tlv.h"
#include "bench/attest.h"
#include "bench/management_cipher.h"
#include "bench/request.h"
#include "ca/error.h"
#include "protocol/limits.h"
#include "seal/seal.h"
#include "seal/sm2.h"
#include "token/record.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;
using protocol::Algorithm;
using protocol::Profile;

constexpr std::uint32_t kGuidTag = 0x34;  // inside CHUID, SP 800-73-4 part 1, 3.1.2

Bytes bytes_of(const std::string& text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

[[noreturn]] void wrong(const char* text, std::vector<std::string> arguments = {}) {
    throw CaError(Fault::quality, text, std::move(arguments));
}

void check_identity(token::Token& token, const token::TokenStatus& status, const TokenRow& row) {
    if (status.serial != row.serial) {
        wrong(mark("This is key %1, not %2."), {status.serial, row.serial});
    }
    if (status.numeric_serial != static_cast<std::uint32_t>(row.numeric_serial) ||
        token.vendor_serial() != static_cast<std::uint32_t>(row.numeric_serial)) {
        wrong(mark("The key's numeric serial is %1, in the inventory it is %2."),
              {std::to_string(status.numeric_serial), std::to_string(row.numeric_serial)});
    }
    const Profile profile = row.profile == "compatibility" ? Profile::compatibility : Profile::shipping;
    if (status.profile != profile) wrong(mark("The key has another profile than was ordered."));
    const auto chuid = token.find_object(protocol::object::chuid);
    const auto guid = chuid ? find_tlv(*chuid, kGuidTag) : std::nullopt;
    if (!guid || ca::hex(*guid) != row.guid) wrong(mark("The key's CHUID doesn't carry its own GUID."));
    if (!token.find_object(protocol::object::ccc)) wrong(mark("The key has no CCC."));
}

std::uint8_t slot_number(const std::string& name) {
    for (const auto role : ca::kRoles) {
        if (name == ca::name_of(role)) return ca::slot_of(role);
    }
    wrong(mark("The inventory names a slot that isn't known: %1."), {name});
}

void check_one_certificate(token::Token& token, const CertificateRow& row, const TokenRow& owner,
                           const ca::Authority& authority) {
    const std::uint8_t slot = slot_number(row.slot);
    const auto issued = ca::unhex(row.der);
    ca::ByteVector present;
    try {
        present = token.read_certificate(slot);
    } catch (const token::TokenError& error) {
        if (error.kind() != token::Kind::not_found) throw;
    }
    if (present != issued) wrong(mark("The certificate in slot %1 isn't the one that was issued for it."), {row.slot});
    const ca::Cert certificate = ca::certificate_of_der(issued);
    ca::check_certificate(certificate.get(), authority.issuing(), ca::now());
    char uid[128] = {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_userId, uid, sizeof uid);
    if (owner.login_name != uid) wrong(mark("The certificate in slot %1 names another login name."), {row.slot});
    const auto metadata = token.metadata(slot);
    const ca::PKey on_token = public_key_of(metadata.public_key);
    const ca::PKey certified(X509_get_pubkey(certificate.get()));
    if (ca::spki_of(on_token.get()) != ca::spki_of(certified.get())) {
        wrong(mark("The key in slot %1 isn't the one its certificate was issued for."), {row.slot});
    }
    const bool brought = from_centre(order_of_json(nlohmann::json::parse(owner.order_text)), row.slot);
    if (brought && metadata.origin != protocol::Origin::imported) {
        wrong(mark("The key in slot %1 isn't the one that the key centre made: it was made on the token."), {row.slot});
    }
    if (!brought && metadata.origin != protocol::Origin::generated) {
        wrong(mark("The key in slot %1 wasn't made on the token."), {row.slot});
    }
}

// The device certificate, and that the token attests each key now.
void check_attestations(token::Token& token, const Expected& expected, const ca::Authority& authority,
                        const Checked& checked) {
    if (token.read_certificate(protocol::ref::attestation) != ca::unhex(expected.device->der)) {
        wrong(mark("The device certificate isn't the one that was made for this key."));
    }
    const ca::DeviceTrust trust{authority.device_roots(), {}, ca::now()};
    for (const auto role : ca::kRoles) {
        for (const auto& row : expected.certificates) {
            if (row.slot != ca::name_of(role)) continue;
            const ca::PKey key(X509_get_pubkey(ca::certificate_of_der(ca::unhex(row.der)).get()));
            (void)require_attested(token, trust,
                                   attestation_order(authority, expected.row, role, ca::spki_of(key.get())));
            checked("attestation:" + row.slot);
        }
    }
}

void check_seal(Bytes seal_der, const Expected& expected, const ca::Authority& authority) {
    try {
        const seal::Seal seal = seal::parse_seal(seal_der);
        std::vector<seal::Cert> roots;
        roots.push_back(seal::certificate_of_der(ca::der_of(authority.seal_root())));
        seal::verify_seal(seal, roots, ca::now());
        for (const auto& row : expected.certificates) {
            if (row.slot == "9C") seal::require_listed(seal, ca::unhex(row.der));
        }
    } catch (const seal::SealError& error) {
        wrong(mark("The seal on the key is no good: %1"), {error.what()});
    }
}

// On a blocked PIN only: nothing can be lost by it.
void require_refused_pin(token::Token& token, Bytes pin, const char* text) {
    try {
        token.verify(pin);
    } catch (const token::TokenError& error) {
        if (error.kind() == token::Kind::locked) return;
        throw;
    }
    wrong(text);
}

void check_blocked(const token::TokenStatus& status) {
    if (status.lifecycle != protocol::Lifecycle::secured) wrong(mark("The key isn't secured."));
    if (!status.pin.blocked || status.pin.tries_left != 0 || !status.puk.blocked) {
        wrong(mark("The key's PIN or PUK isn't blocked."));
    }
    if (status.lock.counter != 1 || status.lock.state != protocol::LockState::activation_pending) {
        wrong(mark("The key doesn't wait for its activation code."));
    }
}

}  // namespace

Expected expected_of(Inventory& inventory, const ca::Authority& authority, const TokenRow& row) {
    Expected expected{row, {}, ca::der_of(authority.issuing()), inventory.live_certificate(row.serial, kDeviceSlot)};
    for (const auto role : ca::kRoles) {
        auto certificate = inventory.live_certificate(row.serial, ca::name_of(role));
        if (!certificate)
            wrong(mark("The inventory has no valid certificate of key %1 for slot %2."),
                  {row.serial, ca::name_of(role)});
        expected.certificates.push_back(*certificate);
    }
    return expected;
}

void check_contents(token::Token& token, const Expected& expected, const ca::Authority& authority,
                    const Checked& checked) {
    const token::TokenStatus status = token.token_status();
    check_identity(token, status, expected.row);
    checked("identity");
    for (const auto& row : expected.certificates) {
        check_one_certificate(token, row, expected.row, authority);
        checked("certificate:" + row.slot);
    }
    if (expected.device) check_attestations(token, expected, authority, checked);
    const auto record = token.find_object(protocol::object::enterprise_record);
    if (!record || ca::hex(*record) != expected.row.record)
        wrong(mark("The enterprise record isn't the one that was ordered."));
    (void)token::decode_record(*record);
    checked("record");
    const auto issuer = token.find_object(protocol::object::issuer_certificate);
    const bool same_issuer = issuer && token::certificate_of_object(*issuer) == expected.issuer;
    if (!same_issuer) wrong(mark("The issuer's certificate on the key isn't this CA's."));
    checked("issuer");
    const auto seal = token.find_object(protocol::object::seal);
    if ((seal ? ca::hex(*seal) : std::string()) != expected.row.seal)
        wrong(mark("The seal isn't the one that was ordered."));
    if (seal) check_seal(*seal, expected, authority);
    checked("seal");
}

void check_secrets(token::Token& token, const Expected& expected, const LiveSecrets& live, const DeadSecrets& dead,
                   const Checked& checked) {
    const ca::Masters& masters = live.masters;
    check_blocked(token.token_status());
    checked("blocked");
    const auto statement = token.lock_statement();
    if (!statement) wrong(mark("The key doesn't wait for its activation code."));
    try {
        const ca::LockHistory history{expected.row.serial, static_cast<std::uint8_t>(expected.row.key_version), 0, 0};
        (void)ca::check_lock_statement(masters, history, statement->bytes);
    } catch (const CaError& error) {
        wrong(mark("The key doesn't hold its own unlock key: %1"), {error.what()});
    }
    checked("unlock-key");
    const ca::Key256 management = ca::management_key(masters, expected.row.serial);
    if (!management_key_opens(token, Algorithm::aes256, management.bytes()))
        wrong(mark("The key doesn't hold its own management key."));
    checked("management-key");
    for (const auto algorithm : {Algorithm::tdes, Algorithm::aes192}) {
        if (management_key_opens(token, algorithm, default_management_key()))
            wrong(mark("The published management key opens the key."));
    }
    if (!channel_opens(token, ca::channel_keys(live.channel_master, expected.row.serial)))
        wrong(mark("The key doesn't hold its own channel keys."));
    checked("channel-keys");
    if (dead.transport_keys != nullptr) {
        if (transport_opens(token, *dead.transport_keys)) wrong(mark("The transport keys still open the key."));
        checked("transport-keys");
    }
    require_refused_pin(token, bytes_of("123456"), mark("The published PIN opens the key."));
    if (dead.bench_pin) {
        require_refused_pin(token, *dead.bench_pin, mark("The bench's PIN still opens the key."));
        checked("bench-pin");
    }
    try {
        token.unblock(bytes_of("12345678"), bytes_of("739146"));
        wrong(mark("The published PUK opens the key."));
    } catch (const token::TokenError& error) {
        if (error.kind() != token::Kind::locked && error.kind() != token::Kind::not_allowed) throw;
    }
    // The management key's session of above must not go on.
    token.select();
    check_blocked(token.token_status());
    checked("published-secrets");
}

}  // namespace sealkey::bench
