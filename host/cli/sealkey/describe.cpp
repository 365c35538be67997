#include "cli/sealkey/describe.h"

#include <cstdio>

#include "cli/common/failure.h"
#include "cli/common/i18n.h"
#include "token/codes.h"

namespace sealkey::cli {

namespace {

using protocol::Algorithm;
using protocol::Lifecycle;
using protocol::LockState;
using protocol::Profile;

struct AlgorithmRow {
    Algorithm algorithm;
    const char* name;
};
constexpr AlgorithmRow kAlgorithms[] = {
    {Algorithm::rsa2048, "RSA-2048"}, {Algorithm::rsa3072, "RSA-3072"}, {Algorithm::rsa4096, "RSA-4096"},
    {Algorithm::p256, "P-256"},       {Algorithm::p384, "P-384"},       {Algorithm::none, "none"},
};

const char* policy_name(protocol::PinPolicy policy) {
    switch (policy) {
        case protocol::PinPolicy::never:
            return "never";
        case protocol::PinPolicy::once:
            return "once";
        case protocol::PinPolicy::always:
            return "always";
        default:
            return "default";
    }
}

const char* origin_name(protocol::Origin origin) {
    switch (origin) {
        case protocol::Origin::generated:
            return "generated";
        case protocol::Origin::imported:
            return "imported";
        default:
            return "none";
    }
}

nlohmann::json slot_json(const token::SlotInfo& slot) {
    nlohmann::json one = {{"slot", slot_name(slot.slot)},
                          {"algorithm", algorithm_name(slot.algorithm)},
                          {"pin_policy", policy_name(slot.pin_policy)},
                          {"origin", origin_name(slot.origin)},
                          {"certificate", slot.has_certificate()}};
    if (slot.has_certificate()) one["certificate_object_sha256_16"] = hex(slot.fingerprint);
    return one;
}

nlohmann::json lock_json(const token::TokenStatus& status) {
    return {{"counter", status.lock.counter},
            {"request_code", request_code(status)},
            {"code_tries_left", status.lock.code_tries_left},
            {"burned", status.lock.burned}};
}

}  // namespace

std::string hex(Bytes bytes) {
    std::string out;
    char two[3];
    for (const auto byte : bytes) {
        std::snprintf(two, sizeof(two), "%02x", byte);
        out += two;
    }
    return out;
}

KeyState state_of(const token::TokenStatus& status) {
    if (status.lifecycle == Lifecycle::terminated) return KeyState::terminated;
    if (status.lifecycle == Lifecycle::blank) return KeyState::blank;
    if (status.lock.state == LockState::bench_only) return KeyState::bench_only;
    if (status.lock.state == LockState::activation_pending) return KeyState::to_be_activated;
    if (status.lock.state == LockState::locked || status.pin.blocked) return KeyState::locked;
    // A compatibility key is in use from birth; a shipping key isn't before its lifecycle is secured.
    if (status.lifecycle == Lifecycle::initialised && status.profile == Profile::shipping) return KeyState::at_bench;
    return KeyState::ready;
}

const char* state_name(KeyState state) {
    switch (state) {
        case KeyState::blank:
            return "blank";
        case KeyState::at_bench:
            return "at_bench";
        case KeyState::to_be_activated:
            return "to_be_activated";
        case KeyState::ready:
            return "ready";
        case KeyState::locked:
            return "locked";
        case KeyState::bench_only:
            return "bench_only";
        case KeyState::terminated:
            return "terminated";
    }
    return "unknown";
}

std::string request_code(const token::TokenStatus& status) {
    const bool open = status.lock.state == LockState::locked || status.lock.state == LockState::activation_pending;
    return open ? token::format_request_code(status.lock.counter, status.lock.salt) : std::string();
}

std::string state_text(const token::TokenStatus& status) {
    switch (state_of(status)) {
        case KeyState::blank:
            return tr("Empty: never personalised. Nothing can be done with it outside the bench.");
        case KeyState::at_bench:
            return tr("Being made at the bench; not ready for use.");
        case KeyState::to_be_activated:
            return tr("New: set the first PIN with `sealkey activate` and your activation code.");
        case KeyState::ready:
            return tr("Ready.");
        case KeyState::locked: {
            const std::string code = request_code(status);
            if (code.empty()) return tr("Locked. Unlock it with `sealkey unlock --puk`.");
            return fill(tr("Locked. Send request code %1 to your provider; nothing on the key is lost."), {code});
        }
        case KeyState::bench_only:
            return tr("Locked, and no code opens it any more. Send it to your provider; nothing on the key is lost.");
        case KeyState::terminated:
            return tr("Withdrawn from use.");
    }
    return {};
}

const char* profile_name(Profile profile) {
    return profile == Profile::shipping ? "shipping" : profile == Profile::compatibility ? "compatibility" : "none";
}

std::string profile_text(Profile profile) {
    if (profile == Profile::shipping) return tr("shipping");
    if (profile == Profile::compatibility) return tr("compatibility (plain PIV, for tests; not an enterprise's key)");
    return tr("none");
}

std::string slot_name(std::uint8_t slot) {
    char text[8];
    std::snprintf(text, sizeof(text), "%02X", slot);
    return text;
}

std::string slot_text(std::uint8_t slot) {
    const char* role = nullptr;
    switch (slot) {
        case protocol::ref::authentication:
            role = tr("login");
            break;
        case protocol::ref::signature:
            role = tr("signature and seal");
            break;
        case protocol::ref::key_management:
            role = tr("decryption");
            break;
        case protocol::ref::card_authentication:
            role = tr("device");
            break;
        case protocol::ref::attestation:
            role = tr("attestation");
            break;
        default:
            role = tr("earlier decryption key");
            break;
    }
    return slot_name(slot) + " (" + role + ")";
}

std::string algorithm_name(Algorithm algorithm) {
    for (const auto& row : kAlgorithms) {
        if (row.algorithm == algorithm) return row.name;
    }
    char text[16];
    std::snprintf(text, sizeof(text), "0x%02X", static_cast<unsigned>(algorithm));
    return text;
}

std::string pin_text(const token::TokenStatus& status) {
    if (status.pin.never_set) return tr("not set yet");
    if (status.pin.blocked) return tr("locked");
    std::string text = tries_left_text(status.pin.tries_left);
    if (status.pin.default_value) {
        text += " ";
        text += tr("It is still the published one: change it.");
    }
    return text;
}

nlohmann::json status_json(const token::TokenStatus& status) {
    nlohmann::json out = {
        {"serial", status.serial},
        {"numeric_serial", status.numeric_serial},
        {"firmware", std::to_string(status.firmware[0]) + "." + std::to_string(status.firmware[1]) + "." +
                         std::to_string(status.firmware[2])},
        {"profile", profile_name(status.profile)},
        {"state", state_name(state_of(status))},
        {"pin",
         {{"tries_left", status.pin.tries_left},
          {"tries_max", status.pin.tries_max},
          {"blocked", status.pin.blocked},
          {"never_set", status.pin.never_set},
          {"default", status.pin.default_value}}},
        {"puk", {{"tries_left", status.puk.tries_left}, {"blocked", status.puk.blocked}}},
        {"change_counter", status.change_counter},
    };
    if (!request_code(status).empty()) out["lock"] = lock_json(status);
    out["slots"] = nlohmann::json::array();
    for (const auto& slot : status.slots) out["slots"].push_back(slot_json(slot));
    out["seal_bytes"] = 0;
    if (const auto* seal = status.object(protocol::object::seal)) out["seal_bytes"] = seal->length;
    out["record"] = status.object(protocol::object::enterprise_record) != nullptr;
    return out;
}

}  // namespace sealkey::cli
