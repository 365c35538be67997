// The desk's answers to the enterprise's program: one function a step.
#include <algorithm>

#include "bench/http_limits.h"
#include "bench/renewal_contents.h"
#include "bench/renewal_desk.h"
#include "ca/error.h"
#include "token/certificate_object.h"

namespace sealkey::bench {

namespace {

using ca::CaError;
using ca::Fault;
using ca::mark;
using ca::RenewalState;
using nlohmann::json;

constexpr std::size_t kMaxBytes = 8192;  // of one value in a message: requests and signatures are far below

struct FaultName {
    Fault fault;
    const char* name;
};
constexpr FaultName kFaults[] = {
    {Fault::bad_request, "bad_request"}, {Fault::bad_code, "bad_code"}, {Fault::bad_argument, "bad_argument"},
    {Fault::expired, "expired"},         {Fault::forged, "forged"},     {Fault::unknown, "unknown"},
    {Fault::policy, "policy"},           {Fault::busy, "busy"},
};

[[noreturn]] void bad_message(const char* field) {
    throw CaError(Fault::bad_request, mark("Field \"%1\" of the message is missing or wrong."), {field});
}

std::string text_of(const json& message, const char* field) {
    const auto found = message.is_object() ? message.find(field) : message.end();
    if (!message.is_object() || found == message.end() || !found->is_string()) bad_message(field);
    return found->get<std::string>();
}

ca::ByteVector bytes_of(const json& message, const char* field) {
    const std::string text = text_of(message, field);
    if (text.empty() || text.size() > 2 * kMaxBytes) bad_message(field);
    try {
        return ca::unhex(text);
    } catch (const CaError&) {
        bad_message(field);
    }
}

// One entry for each key of the renewal, in the same order, and nothing else.
std::vector<json> entries_of(const json& message, const char* field, const RenewalRow& row) {
    const auto found = message.find(field);
    if (found == message.end() || !found->is_array() || found->size() != row.keys.size()) bad_message(field);
    std::vector<json> out;
    for (const RenewalKeyRow& key : row.keys) {
        const auto mine = [&](const json& entry) { return text_of(entry, "slot") == key.slot; };
        const auto entry = std::find_if(found->begin(), found->end(), mine);
        if (entry == found->end()) bad_message(field);
        out.push_back(*entry);
    }
    return out;
}

template <class Array>
Array array_of(const std::string& hex) {
    const ca::ByteVector bytes = ca::unhex(hex);
    Array out{};
    if (bytes.size() != out.size()) throw CaError(Fault::corrupt, mark("A row of the renewals is damaged."));
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

std::string rid_of(const json& message) { return lower(text_of(message, "rid")); }

bool is_rid(const std::string& text) {
    return text.size() == 2 * std::tuple_size_v<token::Rid> &&
           text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string random_guid() {
    ca::ByteVector value(16);
    ca::random_bytes(value);
    value[6] = static_cast<std::uint8_t>((value[6] & 0x0F) | 0x40);
    value[8] = static_cast<std::uint8_t>((value[8] & 0x3F) | 0x80);
    return ca::hex(value);
}

// What the token has to answer with its attestations. It says nothing about the nonce, which only who got the
// certificates knows.
ca::ByteVector challenge_of(const RenewalRow& row) {
    constexpr std::string_view kPurpose = "SEALKEY-CHALLENGE";
    ca::ByteVector bytes(kPurpose.begin(), kPurpose.end());
    const ca::ByteVector nonce = ca::unhex(row.nonce);
    bytes.insert(bytes.end(), nonce.begin(), nonce.end());
    return ca::sha256(bytes);
}

[[noreturn]] void not_now(const RenewalRow& row) {
    if (row.state == RenewalState::refused) {
        throw CaError(Fault::policy, mark("The renewal was refused: %1"), {row.remark});
    }
    throw CaError(Fault::policy, mark("Renewal %1 is %2: this step isn't one for it."),
                  {row.rid, ca::name_of(row.state)});
}

}  // namespace

json refusal_of(const ca::CaError& error) {
    if (const auto* refused = dynamic_cast<const ca::AttestationRefused*>(&error)) {
        return {{"fault", "attestation"}, {"defect", ca::name_of(refused->defect())}, {"message", error.what()}};
    }
    for (const FaultName& one : kFaults) {
        if (one.fault == error.fault()) return {{"fault", one.name}, {"message", error.what()}};
    }
    // What went wrong inside the CA is for its own log.
    return {{"fault", "failed"}, {"message", "The CA couldn't answer."}};
}

json RenewalDesk::answer(const std::string& step, const json& message) {
    struct Entry {
        const char* name;
        json (RenewalDesk::*function)(const json&);
    };
    constexpr Entry steps[] = {{"look", &RenewalDesk::look},
                               {"request", &RenewalDesk::request},
                               {"prove", &RenewalDesk::prove},
                               {"confirm", &RenewalDesk::confirm}};
    Lock lock(mutex_);
    if (step == "envelope") return envelope(message, lock);  // the one that lets go of it
    for (const Entry& entry : steps) {
        if (step == entry.name) return (this->*entry.function)(message);
    }
    throw CaError(Fault::unknown, mark("A renewal has no step \"%1\"."), {step});
}

// Only what could still be committed must not be dropped: the key's open renewal.
std::string RenewalDesk::over(const std::string& serial, const std::string& staged) {
    const auto last = book_.last_of(serial);
    if (last && ca::is_open(last->state) && last->rid == staged) return "";
    return ca::hex(ca::make_over(serial, array_of<token::Rid>(staged), authority_.issuing(), keys_.issuing.get()));
}

json RenewalDesk::look(const json& message) {
    const std::string serial = text_of(message, "serial");
    const auto row = book_.last_of(serial);
    if (!row) return {{"state", "NONE"}};
    std::string staged;
    if (message.contains("staged")) {
        staged = lower(text_of(message, "staged"));
        if (!is_rid(staged)) bad_message("staged");
    }
    // Told before anybody asks for a PIN or has keys made.
    if (ca::is_open(row->state) && row->state != RenewalState::confirmed) (void)require_renewable(row->token);
    json keys = json::array();
    const Order order = order_of_json(json::parse(row->order_text));
    for (const RenewalKeyRow& key : row->keys) {
        const char* const made = from_centre(order, key.slot) ? "centre" : "token";
        keys.push_back({{"slot", key.slot}, {"algorithm", order.algorithm}, {"made", made}});
    }
    json answer = {{"state", ca::name_of(row->state)},
                   {"rid", row->rid},
                   {"keys", keys},
                   {"remark", row->remark},
                   {"challenge", ca::hex(challenge_of(*row))}};
    if (!staged.empty()) answer["over"] = over(row->token, staged);
    // Why a renewal ended with its key, as a word that the enterprise's program has in its own language.
    const TokenState key = inventory_.token(row->token).state;
    if (row->state == RenewalState::refused && !counts_as_live(key)) answer["key"] = name_of(key);
    return answer;
}

// ---- the key centre ------------------------------------------------------------------------------------------------

// For the key that stands in 9D now, by its certificate: the token is asked for nothing. A key centre takes its time,
// and meanwhile others get their answers; for this renewal it is asked by nobody else.
RenewalKeyRow RenewalDesk::ordered_from_centre(const RenewalRow& row, RenewalKeyRow key, Lock& lock) {
    if (!centre_) throw CaError(Fault::quality, mark("This CA's settings name no key centre."));
    const ca::PKey recipient(X509_get_pubkey(certificate(row.token, key.old_certificate).get()));
    const ca::CentreOrder order{row.token, array_of<token::Rid>(row.rid),
                                bench::algorithm_of(order_of_json(json::parse(row.order_text))),
                                ca::spki_of(recipient.get())};
    if (ordering_.count(row.rid) != 0 || ordering_.size() >= kOrdersAtOnce) {
        throw CaError(Fault::busy, mark("The key centre is being asked already: ask again a little later."));
    }
    ordering_.insert(row.rid);
    ca::CentreKey given;
    try {
        lock.unlock();
        given = centre_->order(order);
        lock.lock();
    } catch (...) {
        lock.lock();
        ordering_.erase(row.rid);
        throw;
    }
    ordering_.erase(row.rid);
    key.centre_key = ca::hex(given.public_key);
    key.envelope = ca::hex(given.envelope);
    return key;
}

// Ordered once, at the first question: from then on the same envelope.
json RenewalDesk::envelope(const json& message, Lock& lock) {
    RenewalRow row = book_.renewal(rid_of(message));
    const auto find = [&]() -> RenewalKeyRow& {
        const Order order = order_of_json(json::parse(row.order_text));
        for (RenewalKeyRow& key : row.keys) {
            if (from_centre(order, key.slot)) return key;
        }
        not_now(row);
    };
    const auto require_in_time = [&] {
        if (!ca::is_open(row.state) || row.state == RenewalState::confirmed) not_now(row);
        (void)require_renewable(row.token);
    };
    require_in_time();
    if (find().envelope.empty()) {
        // Outside a transaction: a key centre takes its time.
        const RenewalKeyRow given = ordered_from_centre(row, find(), lock);
        Inventory::Work work(inventory_, operator_);
        row = book_.renewal(row.rid);
        require_in_time();
        if (find().envelope.empty()) {
            find() = given;
            book_.keep_envelope(work, row, given);
            work.commit();
        }
    }
    return {{"state", ca::name_of(row.state)}, {"envelope", find().envelope}};
}

// ---- request, issue ------------------------------------------------------------------------------------------------

std::string RenewalDesk::certificate_for_consent(const RenewalRow& row, ca::Role role) {
    // A decryption key doesn't sign: the old signing key speaks for it, renewed or not.
    const ca::Role by = role == ca::Role::decryption ? ca::Role::signature : role;
    for (const RenewalKeyRow& key : row.keys) {
        if (key.slot == ca::name_of(by)) return key.old_certificate;
    }
    const auto live = inventory_.live_certificate(row.token, ca::name_of(by));
    if (!live) throw CaError(Fault::policy, mark("Key %1 has no valid signing certificate."), {row.token});
    return live->serial;
}

// The token shows its device certificate; it counts only if the inventory has it as this token's.
ca::ByteVector RenewalDesk::device_certificate(const RenewalRow& row, const json& message) {
    const std::string shown = ca::hex(bytes_of(message, "device"));
    for (const CertificateRow& one : inventory_.certificates_of(row.token)) {
        if (one.slot == kDeviceSlot && one.der == shown) return ca::unhex(shown);
    }
    throw ca::AttestationRefused(ca::Defect::chain, mark("The device certificate isn't one that this CA gave key %1."),
                                 {row.token});
}

AttestedKey RenewalDesk::checked_attestation(const RenewalRow& row, const RenewalKeyRow& which, EVP_PKEY* key,
                                             Bytes device, ca::ByteVector attestation) {
    AttestedKey evidence{challenge_of(row), std::move(attestation)};
    const ca::Role role = ca::role_of_name(which.slot);
    auto order = attestation_order(authority_, inventory_.token(row.token), role, ca::spki_of(key));
    order.imported = from_centre(order_of_json(json::parse(row.order_text)), which.slot);
    if (order.imported && which.centre_key != ca::hex(*order.spki)) {
        throw ca::AttestationRefused(ca::Defect::key, mark("The key in %1 isn't the one that the key centre made."),
                                     {which.slot});
    }
    order.nonce = evidence.nonce;
    order.rid = ca::unhex(row.rid);
    (void)ca::check_attestation(evidence.attestation, device, device_trust(authority_, inventory_), order);
    return evidence;
}

std::vector<RenewalDesk::NewKey> RenewalDesk::checked_keys(const RenewalRow& row, const json& message) {
    const auto rid = array_of<token::Rid>(row.rid);
    const auto algorithm = bench::algorithm_of(order_of_json(json::parse(row.order_text)));
    const auto entries = entries_of(message, "keys", row);
    const ca::ByteVector device = device_certificate(row, message);
    std::vector<NewKey> keys;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const ca::Role role = ca::role_of_name(row.keys[i].slot);
        const ca::Cert consenting = certificate(row.token, certificate_for_consent(row, role));
        const ca::Cert replaced = certificate(row.token, row.keys[i].old_certificate);
        ca::PKey key =
            ca::check_renewal_request({role, bytes_of(entries[i], "request"), bytes_of(entries[i], "consent")}, rid,
                                      algorithm, consenting.get(), replaced.get());
        for (const NewKey& before : keys) {
            if (ca::spki_of(before.key.get()) == ca::spki_of(key.get())) {
                throw CaError(Fault::bad_request, mark("The request has one key for two purposes."));
            }
        }
        AttestedKey evidence =
            checked_attestation(row, row.keys[i], key.get(), device, bytes_of(entries[i], "attestation"));
        keys.push_back({std::move(key), std::move(evidence)});
    }
    return keys;
}

// The keys of the first request become those of the renewal; any other must have the same ones.
void RenewalDesk::bind(RenewalRow& row, const std::vector<NewKey>& keys) {
    const bool first = row.state == RenewalState::approved;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        RenewalKeyRow& key = row.keys[i];
        const std::string spki = ca::sha256_hex(ca::spki_of(keys[i].key.get()));
        if (first) {
            ca::check_renewable(certificate(row.token, key.old_certificate).get(), ca::now());
            key.spki = spki;
        } else if (key.spki != spki && row.state == RenewalState::proven) {
            throw CaError(Fault::policy,
                          mark("Renewal %1 is ready for other keys, which the key has lost: it has to be ended at the "
                               "provider's desk, with the key plugged in (`sealkey-bench renewals end`)."),
                          {row.rid});
        } else if (key.spki != spki) {
            throw CaError(Fault::policy,
                          mark("Renewal %1 was requested for another key in %2: it stands for those keys only."),
                          {row.rid, key.slot});
        }
    }
}

void RenewalDesk::issue(Inventory::Work& work, RenewalRow& row, const std::vector<NewKey>& keys) {
    const TokenRow owner = inventory_.token(row.token);
    const Order order = order_of_json(json::parse(row.order_text));
    const ca::Issuer issuer = authority_.issuer(keys_.issuing.get());
    const int days = order.valid_days != 0 ? order.valid_days : authority_.settings().certificate_days;
    const ca::Time now = ca::now();
    json issued = json::array();
    ca::Cert signing;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        RenewalKeyRow& key = row.keys[i];
        const ca::Role role = ca::role_of_name(key.slot);
        ca::Cert made =
            ca::issue_certificate(issuer, role, {order.enterprise_name, order.unified_code, owner.login_name},
                                  keys[i].key.get(), now, now + std::chrono::hours(24) * days);
        key.certificate = ca::serial_of(made.get());
        work.add_certificate({key.certificate, row.token, next_slot(key.slot), ca::hex(ca::der_of(made.get())),
                              key.spki, ca::iso_time(ca::time_of(X509_get0_notAfter(made.get()))), "", ""});
        issued.push_back(key.certificate);
        if (role == ca::Role::signature) signing = std::move(made);
    }
    if (signing) {
        row.seal = ca::hex(renewed_seal(owner, order, ca::unhex(row.picture), signing.get(), authority_.seal_maker(),
                                        keys_.maker.get()));
    } else {
        const auto live = inventory_.live_certificate(row.token, ca::name_of(ca::Role::signature));
        if (!live) throw CaError(Fault::policy, mark("Key %1 has no valid signing certificate."), {row.token});
        signing = ca::certificate_of_der(ca::unhex(live->der));
    }
    row.record = ca::hex(renewed_record(owner, order, signing.get()));
    row.guid = random_guid();
    book_.advance(work, row, RenewalState::issued, {{"certificates", issued}});
}

json RenewalDesk::request(const json& message) {
    const std::string rid = rid_of(message);
    std::vector<NewKey> keys;
    {
        Inventory::Work work(inventory_, operator_);
        RenewalRow row = book_.renewal(rid);
        const bool in_time = row.state == RenewalState::approved || row.state == RenewalState::requested ||
                             row.state == RenewalState::issued || row.state == RenewalState::proven;
        if (!in_time) not_now(row);
        const TokenRow owner = require_renewable(row.token);
        keys = checked_keys(row, message);
        bind(row, keys);
        if (row.state == RenewalState::approved) {
            for (std::size_t i = 0; i < keys.size(); ++i) {
                note_attestation(work, owner, ca::role_of_name(row.keys[i].slot), keys[i].evidence);
            }
            book_.advance(work, row, RenewalState::requested, json::object());
            work.commit();
        }
    }
    RenewalRow row;
    {
        Inventory::Work work(inventory_, operator_);
        row = book_.renewal(rid);
        if (row.state != RenewalState::requested && row.state != RenewalState::issued &&
            row.state != RenewalState::proven) {
            not_now(row);  // it ended since
        }
        bind(row, keys);
        if (row.state == RenewalState::requested) {
            issue(work, row, keys);
            work.commit();
        }
    }
    json certificates = json::array();
    for (const RenewalKeyRow& key : row.keys) {
        const auto der = ca::der_of(certificate(row.token, key.certificate).get());
        certificates.push_back({{"slot", key.slot}, {"certificate", ca::hex(der)}});
    }
    return {{"state", ca::name_of(row.state)},
            {"certificates", certificates},
            {"record", row.record},
            {"seal", row.seal},
            {"nonce", row.nonce}};
}

// ---- prove, confirm ------------------------------------------------------------------------------------------------

std::string RenewalDesk::manifest_of(const RenewalRow& row) {
    token::Manifest manifest;
    manifest.serial = row.token;
    manifest.rid = array_of<token::Rid>(row.rid);
    manifest.guid = array_of<token::Guid>(row.guid);
    std::vector<token::StageRole> roles;
    for (const RenewalKeyRow& key : row.keys) {
        const ca::Cert cert = certificate(row.token, key.certificate);
        roles.push_back({ca::slot_of(ca::role_of_name(key.slot)), protocol::Algorithm::none});
        manifest.certificates.push_back(ca::digest_of(token::object_of_certificate(ca::der_of(cert.get()))));
    }
    manifest.roles = token::role_bits(roles);
    manifest.record = ca::digest_of(ca::unhex(row.record));
    if (!row.seal.empty()) manifest.seal = ca::digest_of(ca::unhex(row.seal));
    return ca::hex(ca::make_manifest(manifest, authority_.issuing(), keys_.issuing.get()));
}

json RenewalDesk::prove(const json& message) {
    Inventory::Work work(inventory_, operator_);
    RenewalRow row = book_.renewal(rid_of(message));
    if (row.state != RenewalState::issued && row.state != RenewalState::proven) not_now(row);
    (void)require_renewable(row.token);
    const auto entries = entries_of(message, "proofs", row);
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const ca::Cert cert = certificate(row.token, row.keys[i].certificate);
        ca::check_key_proof(cert.get(), array_of<token::Rid>(row.rid), ca::role_of_name(row.keys[i].slot),
                            array_of<token::StageNonce>(row.nonce), bytes_of(entries[i], "signature"));
    }
    if (row.state == RenewalState::issued) {
        row.manifest = manifest_of(row);
        book_.advance(work, row, RenewalState::proven, json::object());
        work.commit();
    }
    return {{"state", ca::name_of(row.state)}, {"manifest", row.manifest}};
}

json RenewalDesk::confirm(const json& message) {
    RenewalRow row = book_.renewal(rid_of(message));
    if (row.state == RenewalState::approved || row.state == RenewalState::requested ||
        row.state == RenewalState::issued || row.state == RenewalState::refused) {
        not_now(row);
    }
    const std::string slot = text_of(message, "slot");
    const auto key =
        std::find_if(row.keys.begin(), row.keys.end(), [&](const RenewalKeyRow& one) { return one.slot == slot; });
    // The token confirms with keys that sign; 9D's proof of life is that the others came with it. For 9D alone the
    // signing key speaks, as it did for its request.
    const bool only_9d = row.keys.size() == 1 && row.keys.front().slot == "9D";
    const bool fits = only_9d ? slot == "9C" : key != row.keys.end() && slot != "9D";
    if (!fits) bad_message("slot");
    const std::string by = only_9d ? certificate_for_consent(row, ca::Role::decryption) : key->certificate;
    ca::check_committed(certificate(row.token, by).get(), array_of<token::Rid>(row.rid),
                        bytes_of(message, "signature"));
    finish(row, {{"by", slot}});
    return {{"state", ca::name_of(row.state)}};
}

}  // namespace sealkey::bench
