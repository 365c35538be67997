// Renewals at the CA: what an operator decides, and the answers to the enterprise's program. Every step can be repeated
// and answers the same again: a renewal that was cut off goes on with the question that wasn't answered.
//
//   look     {serial, staged: RID of what the key holds, if it holds anything}
//            -> {state, rid, keys: [{slot, algorithm}], remark, challenge, over: signed, where `staged` is over}
//   envelope {rid}
//            -> {state, envelope}
//   request  {rid, device, keys: [{slot, request, consent, attestation}]}
//            -> {state, certificates: [{slot, certificate}], record, seal, nonce}
//   prove    {rid, proofs: [{slot, signature}]}
//            -> {state, manifest}
//   confirm  {rid, slot, signature}
//            -> {state}
//
// Bytes are hexadecimal text. docs/renewal.md tells the whole of it.
#pragma once

#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "bench/attest.h"
#include "bench/key_centre.h"
#include "bench/renewal_book.h"
#include "ca/authority.h"
#include "ca/error.h"

namespace sealkey::bench {

// What an operator approves. Empty: as the key has it now.
struct RenewalOrder {
    std::string serial;
    std::string request;             // the approved request; must not be empty
    std::vector<std::string> slots;  // "9A", "9C", "9D"; empty: all three
    std::string algorithm;
    std::string decryption_key;  // "token", "centre"
    std::string enterprise_name;
    std::string english_name;
    std::string unified_code;
    std::string authorised_user;
    int valid_days = 0;
    ca::ByteVector picture;  // of the seal, PNG
    std::string seal_name;
    int seal_width_mm = 0;
    int seal_height_mm = 0;
};

// Throws CaError bad_argument.
void require_remark(const std::string& remark);

// The keys that the desk signs with. Throws what Authority does.
struct DeskKeys {
    DeskKeys(const ca::Authority& authority, Bytes passphrase);
    ca::PKey issuing;
    ca::PKey maker;
};

class RenewalDesk {
public:
    RenewalDesk(Inventory& inventory, const ca::Authority& authority, const DeskKeys& keys, std::string operator_name,
                std::shared_ptr<ca::KeyCentre> centre = nullptr)
        : inventory_(inventory),
          book_(inventory),
          authority_(authority),
          keys_(keys),
          operator_(std::move(operator_name)),
          centre_(std::move(centre)) {}

    // --- the operator ---
    // Throws CaError policy (another renewal is open, the key isn't one that can be renewed), expired, bad_code,
    // bad_argument.
    RenewalRow approve(const RenewalOrder& order);
    // Of a key's open renewal, or, where none is open, of what was asked for on paper. Certificates that were issued
    // for it are revoked. Throws CaError policy once the manifest has left the CA.
    RenewalRow refuse(const std::string& serial, const std::string& remark);
    // A certificate of the renewal was seen in use, which needs the key that committed. Throws CaError policy where
    // that can't be, unknown.
    RenewalRow confirm_by_use(const std::string& certificate_serial);
    // Writes the revocation list for every renewal that was confirmed and isn't closed yet; returns how many.
    int close_confirmed();

    // --- the enterprise's program ---
    // `step` as above. From any thread: one question at a time, but others go on while a key centre takes its time.
    // Throws CaError: unknown (no such step or renewal), bad_request, forged, policy, expired; busy where the centre is
    // being asked for this renewal, or for as many others as it may be.
    nlohmann::json answer(const std::string& step, const nlohmann::json& message);

private:
    nlohmann::json look(const nlohmann::json& message);
    [[nodiscard]] std::string over(const std::string& serial, const std::string& staged);
    using Lock = std::unique_lock<std::mutex>;
    nlohmann::json envelope(const nlohmann::json& message, Lock& lock);
    nlohmann::json request(const nlohmann::json& message);
    nlohmann::json prove(const nlohmann::json& message);
    nlohmann::json confirm(const nlohmann::json& message);

    // A new key, and the token's word that it was made in it.
    struct NewKey {
        ca::PKey key;
        AttestedKey evidence;
    };
    [[nodiscard]] std::vector<NewKey> checked_keys(const RenewalRow& row, const nlohmann::json& message);
    [[nodiscard]] ca::ByteVector device_certificate(const RenewalRow& row, const nlohmann::json& message);
    [[nodiscard]] AttestedKey checked_attestation(const RenewalRow& row, const RenewalKeyRow& which, EVP_PKEY* key,
                                                  Bytes device, ca::ByteVector attestation);
    [[nodiscard]] RenewalKeyRow ordered_from_centre(const RenewalRow& row, RenewalKeyRow key, Lock& lock);
    void bind(RenewalRow& row, const std::vector<NewKey>& keys);
    void issue(Inventory::Work& work, RenewalRow& row, const std::vector<NewKey>& keys);
    [[nodiscard]] std::string manifest_of(const RenewalRow& row);
    void finish(RenewalRow& row, const nlohmann::json& how);
    [[nodiscard]] ca::Cert certificate(const std::string& token, const std::string& serial);
    [[nodiscard]] std::string certificate_for_consent(const RenewalRow& row, ca::Role role);
    // Throws CaError policy for a key whose state forbids a renewal.
    TokenRow require_renewable(const std::string& serial);

    Inventory& inventory_;
    RenewalBook book_;
    const ca::Authority& authority_;
    const DeskKeys& keys_;
    std::string operator_;
    std::shared_ptr<ca::KeyCentre> centre_;  // may be none
    std::mutex mutex_;                       // of answer(): one inventory, one connection to it
    std::set<std::string> ordering_;         // renewals that the centre is being asked for
};

// Refusals as the enterprise's program gets them: {"fault": "policy", "message": "..."}; fault "attestation" comes with
// its "defect".
[[nodiscard]] nlohmann::json refusal_of(const ca::CaError& error);

}  // namespace sealkey::bench
