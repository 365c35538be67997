#include "renew/renewal.h"

#include <algorithm>

#include "ca/error.h"
#include "ca/openssl.h"
#include "ca/renewal.h"
#include "ca/request_builder.h"
#include "token/certificate_object.h"

namespace sealkey::renew {

namespace {

using ca::hex;
using nlohmann::json;
using protocol::Algorithm;
using token::ByteVector;
using token::ByteView;
using token::Kind;
using token::Rid;
using token::StagedObject;
using token::StagedRole;
using token::StageRole;
using token::StagingStatus;
using token::TokenError;

constexpr const char* kStepNames[] = {"keys", "request", "load", "prove", "commit", "confirm"};

struct SlotName {
    const char* name;
    std::uint8_t reference;
};
constexpr SlotName kSlots[] = {
    {"9A", protocol::ref::authentication}, {"9C", protocol::ref::signature}, {"9D", protocol::ref::key_management}};
struct AlgorithmName {
    const char* name;
    Algorithm algorithm;
};
constexpr AlgorithmName kAlgorithms[] = {{"rsa2048", Algorithm::rsa2048},
                                         {"rsa3072", Algorithm::rsa3072},
                                         {"rsa4096", Algorithm::rsa4096},
                                         {"p256", Algorithm::p256},
                                         {"p384", Algorithm::p384}};

[[noreturn]] void malformed(const std::string& what) {
    throw Refusal("malformed", "the CA's answer can't be understood: " + what);
}

// What the CA says is read as carefully as what a stranger says.
std::string text_of(const json& answer, const char* field) {
    const auto found = answer.is_object() ? answer.find(field) : answer.end();
    if (!answer.is_object() || found == answer.end() || !found->is_string()) malformed(field);
    return found->get<std::string>();
}

ByteVector bytes_of(const json& answer, const char* field) {
    try {
        return ca::unhex(text_of(answer, field));
    } catch (const Refusal&) {
        throw;
    } catch (const std::exception&) {
        malformed(field);
    }
}

template <class Array>
Array array_of(const json& answer, const char* field) {
    const ByteVector bytes = bytes_of(answer, field);
    Array out{};
    if (bytes.size() != out.size()) malformed(field);
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
}

const char* slot_name(std::uint8_t reference) {
    for (const SlotName& slot : kSlots) {
        if (slot.reference == reference) return slot.name;
    }
    malformed("slot");
}

// Whether 9D's key comes from a key centre. A CA of before there were any doesn't say.
bool centre_makes_key(const json& answer) {
    for (const json& key : answer.at("keys")) {
        if (!key.contains("made")) continue;
        const std::string made = text_of(key, "made");
        if (made == "token") continue;
        if (made != "centre" || text_of(key, "slot") != slot_name(protocol::ref::key_management)) malformed("made");
        return true;
    }
    return false;
}

std::vector<StageRole> roles_of(const json& answer) {
    const auto keys = answer.find("keys");
    if (keys == answer.end() || !keys->is_array() || keys->empty()) malformed("keys");
    std::vector<StageRole> roles;
    for (const SlotName& slot : kSlots) {
        for (const json& key : *keys) {
            if (text_of(key, "slot") != slot.name) continue;
            const std::string wanted = text_of(key, "algorithm");
            const auto known = std::find_if(std::begin(kAlgorithms), std::end(kAlgorithms),
                                            [&](const AlgorithmName& one) { return wanted == one.name; });
            if (known == std::end(kAlgorithms)) malformed("algorithm");
            roles.push_back({slot.reference, known->algorithm});
        }
    }
    if (roles.size() != keys->size()) malformed("keys");
    return roles;
}

int signature_nid(Algorithm algorithm) {
    if (algorithm == Algorithm::p256) return NID_ecdsa_with_SHA256;
    return algorithm == Algorithm::p384 ? NID_ecdsa_with_SHA384 : NID_sha256WithRSAEncryption;
}

// The same bytes are on the token already: an interrupted run needn't send them twice.
bool loaded(const token::StagedFingerprint& fingerprint, ByteView value) {
    const ByteVector hash = ca::sha256(value);
    return std::equal(fingerprint.begin(), fingerprint.end(), hash.begin());
}
bool loaded(const std::optional<StagedObject>& object, ByteView value) {
    return object && object->complete() && object->total == value.size() && loaded(object->fingerprint, value);
}
bool loaded(const StagedRole* role, ByteView value) {
    return role != nullptr && role->has_certificate && role->certificate_length == value.size() &&
           loaded(role->fingerprint, value);
}

class Run {
public:
    Run(token::Token& token, const std::function<Bytes()>& pin, const Ask& ask, const Told& told)
        : token_(token), pin_(pin), ask_(ask), told_(told) {}
    Result run();

private:
    // The PIN is presented once. After a reset by another program it is presented again, which costs no try, since it
    // was right before; one that was refused is never repeated.
    template <class Work>
    auto with_pin(Work work) {
        if (!verified_) verify();
        try {
            return work();
        } catch (const TokenError& error) {
            if (error.kind() != Kind::not_verified) throw;
        }
        verify();
        return work();
    }
    void verify() {
        token_.verify(pin_());
        verified_ = true;
    }
    void tell(Step step, std::size_t done = 0, std::size_t total = 0) {
        if (told_) told_(step, done, total);
    }
    token::Progress progress(Step step) {
        return [this, step](std::size_t done, std::size_t total) { tell(step, done, total); };
    }

    [[nodiscard]] bool said_over(const StagingStatus& status, const std::string& serial, const json& look);
    void drop(const Rid& rid);
    void make_room(const StagingStatus& status, const std::string& serial, const json& look);
    [[nodiscard]] Step next_step(const StagingStatus& status) const;
    void make_keys();
    void bring_key();
    void request();
    [[nodiscard]] ByteVector device_certificate();
    [[nodiscard]] ByteVector attestation(const StagedRole& role);
    [[nodiscard]] json signed_key(const StagedRole& role);
    void load();
    void prove();
    void commit();
    void confirm();

    token::Token& token_;
    const std::function<Bytes()>& pin_;
    const Ask& ask_;
    const Told& told_;
    bool verified_ = false;
    Rid rid_{};
    std::vector<StageRole> roles_;
    bool enveloped_ = false;  // 9D's key comes from a key centre
    token::StageNonce challenge_{};
    json issued_;
    ByteVector manifest_;
};

Step Run::next_step(const StagingStatus& status) const {
    if (status.committed == rid_) return Step::confirm;
    if (status.rid != rid_) return Step::keys;
    if (status.ready) return Step::prove;
    const bool keys = std::all_of(status.staged.begin(), status.staged.end(), [](const auto& r) { return r.has_key; });
    if (!keys) return Step::keys;
    const bool begun = std::any_of(status.staged.begin(), status.staged.end(),
                                   [](const auto& r) { return r.has_certificate || r.certificate_length != 0; });
    return begun ? Step::load : Step::request;
}

// A complete set may be the one that the CA has given its manifest for: dropped, neither key nor CA could end that
// renewal by themselves. So it goes only by a word that the CA has signed, whoever it is that answers here.
bool Run::said_over(const StagingStatus& status, const std::string& serial, const json& look) {
    if (!status.ready) return true;
    if (!look.contains("over")) return false;
    const ByteVector signature = bytes_of(look, "over");
    const auto issuer = token_.find_object(protocol::object::issuer_certificate);
    if (!issuer) return false;
    try {
        const ca::Cert certificate = ca::certificate_of_der(token::certificate_of_object(*issuer));
        ca::check_over(certificate.get(), serial, *status.rid, signature);
        return true;
    } catch (const ca::CaError&) {
        return false;
    }
}

// A set that was staged for a renewal which is over at the CA stands in the way of the next one.
void Run::make_room(const StagingStatus& status, const std::string& serial, const json& look) {
    if (!said_over(status, serial, look)) {
        throw Refusal("over", "the key is ready for renewal " + hex(*status.rid) +
                                  ", and nothing that the CA signed says that it is over");
    }
    drop(*status.rid);
}

void Run::drop(const Rid& rid) {
    with_pin([&] {
        token::stage_abort(token_, rid);
        return 0;
    });
}

Result Run::run() {
    const std::string serial = token_.token_status().serial;
    const StagingStatus status = token::stage_status(token_);
    json question = {{"serial", serial}};
    if (status.rid) question["staged"] = hex(*status.rid);
    const json look = ask_("look", question);
    const std::string state = text_of(look, "state");
    Result result;
    if (state == "NONE") return result;
    result.rid = text_of(look, "rid");
    rid_ = array_of<Rid>(look, "rid");
    if (state == "REFUSED") {
        result.outcome = Outcome::refused;
        result.remark = text_of(look, "remark");
        if (look.contains("key")) result.key = text_of(look, "key");
        if (status.rid == rid_ && said_over(status, serial, look)) drop(rid_);
        return result;
    }
    roles_ = roles_of(look);
    enveloped_ = centre_makes_key(look);
    for (const StageRole& role : roles_) result.slots.emplace_back(slot_name(role.reference));
    const bool committed = status.committed == rid_;
    if (state == "CLOSED") {
        if (!committed) {
            throw Refusal("policy", "the CA has closed renewal " + result.rid + ", which this key never committed");
        }
        result.outcome = Outcome::already_renewed;
        return result;
    }
    challenge_ = array_of<token::StageNonce>(look, "challenge");
    result.outcome = Outcome::renewed;
    result.resumed = committed || status.rid == rid_;
    result.from = next_step(status);
    if (!committed) {
        if (status.rid && status.rid != rid_) make_room(status, serial, look);
        make_keys();
        if (enveloped_) bring_key();
        request();
        load();
        prove();
        commit();
    }
    confirm();
    return result;
}

void Run::make_keys() {
    tell(Step::keys, 0, roles_.size());
    for (;;) {
        const auto answer = with_pin([&] { return token::stage_begin(token_, rid_, roles_, enveloped_); });
        const auto missing = static_cast<std::size_t>(std::max(answer.missing, 0));
        if (missing == 0 || missing > roles_.size()) return;
        tell(Step::keys, roles_.size() - missing, roles_.size());
    }
}

// The token takes the same key again; what is there already isn't even asked for.
void Run::bring_key() {
    const StagingStatus status = token::stage_status(token_);
    const StagedRole* role = status.role(protocol::ref::key_management);
    if (role != nullptr && role->has_key) return;
    const ByteVector envelope = bytes_of(ask_("envelope", {{"rid", hex(rid_)}}), "envelope");
    with_pin([&] {
        token::stage_key(token_, envelope);
        return 0;
    });
}

// A key that can't attest is told so by the name that the CA would refuse it with.
[[noreturn]] void no_attestation() {
    throw Refusal("attestation", "the key has no attestation key with a device certificate", "chain");
}

ByteVector Run::device_certificate() {
    try {
        return token_.read_certificate(protocol::ref::attestation);
    } catch (const TokenError& error) {
        if (error.kind() != Kind::not_found) throw;
        no_attestation();
    }
}

ByteVector Run::attestation(const StagedRole& role) {
    try {
        return with_pin([&] { return token::stage_attest(token_, role.reference, challenge_); });
    } catch (const TokenError& error) {
        if (error.kind() != Kind::not_allowed) throw;
        no_attestation();
    }
}

json Run::signed_key(const StagedRole& role) {
    const ca::PKey key = ca::public_key_of(token::stage_public_key(token_, role));
    ca::RequestBuilder builder(key.get(), signature_nid(role.algorithm));
    const ByteVector info = builder.info();
    const auto signature = with_pin([&] { return token::stage_csr(token_, role.reference, info); });
    const auto consent = with_pin([&] { return token::stage_csr_consent(token_, role.reference, info); });
    return {{"slot", slot_name(role.reference)},
            {"request", hex(builder.finish(signature))},
            {"consent", hex(consent)},
            {"attestation", hex(attestation(role))}};
}

// Asked again after every interruption: the CA knows the keys, and answers with the same certificates.
void Run::request() {
    const StagingStatus status = token::stage_status(token_);
    json keys = json::array();
    tell(Step::request, 0, status.staged.size());
    for (const StagedRole& role : status.staged) {
        keys.push_back(signed_key(role));
        tell(Step::request, keys.size(), status.staged.size());
    }
    issued_ = ask_("request", {{"rid", hex(rid_)}, {"device", hex(device_certificate())}, {"keys", keys}});
}

void Run::load() {
    tell(Step::load);
    const StagingStatus status = token::stage_status(token_);
    const auto certificates = issued_.is_object() ? issued_.find("certificates") : issued_.end();
    if (!issued_.is_object() || certificates == issued_.end() || !certificates->is_array() ||
        certificates->size() != roles_.size()) {
        malformed("certificates");
    }
    for (const StageRole& role : roles_) {
        const auto mine = std::find_if(certificates->begin(), certificates->end(), [&](const json& one) {
            return text_of(one, "slot") == slot_name(role.reference);
        });
        if (mine == certificates->end()) malformed("certificates");
        const auto object = token::object_of_certificate(bytes_of(*mine, "certificate"));
        if (loaded(status.role(role.reference), object)) continue;
        with_pin([&] {
            token::stage_certificate(token_, role.reference, object, progress(Step::load));
            return 0;
        });
    }
    const ByteVector record = bytes_of(issued_, "record");
    if (!loaded(status.record, record)) {
        with_pin([&] {
            token::stage_record(token_, record, progress(Step::load));
            return 0;
        });
    }
    const ByteVector seal = bytes_of(issued_, "seal");
    if (!seal.empty() && !loaded(status.seal, seal)) {
        with_pin([&] {
            token::stage_seal(token_, seal, progress(Step::load));
            return 0;
        });
    }
}

void Run::prove() {
    const auto nonce = array_of<token::StageNonce>(issued_, "nonce");
    json proofs = json::array();
    tell(Step::prove, 0, roles_.size());
    for (const StageRole& role : roles_) {
        const auto signature = with_pin([&] { return token::stage_prove(token_, role.reference, nonce); });
        proofs.push_back({{"slot", slot_name(role.reference)}, {"signature", hex(signature)}});
        tell(Step::prove, proofs.size(), roles_.size());
    }
    manifest_ = bytes_of(ask_("prove", {{"rid", hex(rid_)}, {"proofs", proofs}}), "manifest");
}

void Run::commit() {
    tell(Step::commit);
    with_pin([&] {
        token::stage_commit(token_, manifest_);
        return 0;
    });
}

void Run::confirm() {
    tell(Step::confirm);
    // By the signing key where it was renewed: it is the one that old certificates are revoked for. Also for a
    // decryption key renewed alone, which doesn't sign.
    std::uint8_t by = roles_.front().reference;
    if (by == protocol::ref::key_management) by = protocol::ref::signature;
    for (const StageRole& role : roles_) {
        if (role.reference == protocol::ref::signature) by = role.reference;
    }
    const auto signature = with_pin([&] { return token::confirm_proof(token_, by, rid_); });
    const json answer = ask_("confirm", {{"rid", hex(rid_)}, {"slot", slot_name(by)}, {"signature", hex(signature)}});
    if (text_of(answer, "state") != "CLOSED") malformed("state");
}

}  // namespace

const char* name_of(Step step) { return kStepNames[static_cast<std::size_t>(step)]; }

Result renew(token::Token& token, const std::function<Bytes()>& pin, const Ask& ask, const Told& told) {
    return Run(token, pin, ask, told).run();
}

}  // namespace sealkey::renew
