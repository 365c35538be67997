#include "applet/access.h"

namespace sealkey::applet {

namespace {

namespace object = protocol::object;
namespace ref = protocol::ref;

using enum Condition;
using enum Right;

constexpr std::uint32_t kAnySubject = 0xFFFFFFFF;
constexpr std::uint32_t kDelete = 0xFF;

// The rules, most particular first. Columns: blank · shipping initialised · shipping secured · compatibility
// initialised · compatibility secured · terminated.
constexpr Rule kRules[] = {
    // Reading. The four objects of the standard that need the PIN; everything else is free.
    {object::fingerprints, object::fingerprints, read_object, {always, pin, pin, pin, pin, always}},
    {object::facial_image, object::printed_information, read_object, {always, pin, pin, pin, pin, always}},
    {object::iris_images, object::iris_images, read_object, {always, pin, pin, pin, pin, always}},
    {0, kAnySubject, read_object, {always, always, always, always, always, always}},

    // Writing. Computed objects: nobody. What names or carries a key: the CA over its channel.
    {object::discovery, object::discovery, write_object, {never, never, never, never, never, never}},
    {object::biometric_group, object::biometric_group, write_object, {never, never, never, never, never, never}},
    {object::renewal_status, object::lock_statement, write_object, {never, never, never, never, never, never}},
    {object::seal, object::enterprise_record, write_object, {never, channel, channel, management, management, never}},
    {object::issuer_certificate,
     object::issuer_certificate,
     write_object,
     {never, channel, channel, management, management, never}},
    {object::cert_9e, object::chuid, write_object, {never, channel, channel, management, management, never}},
    {object::cert_9a, object::cert_9a, write_object, {never, channel, channel, management, management, never}},
    {object::ccc, object::ccc, write_object, {never, channel, channel, management, management, never}},
    {object::cert_9c,
     object::cert_retired_last,
     write_object,
     {never, channel, channel, management, management, never}},
    {object::cert_attestation,
     object::cert_attestation,
     write_object,
     {never, channel, never, management, management, never}},
    {0, kAnySubject, write_object, {never, management, management, management, management, never}},

    // Keys. F9 signs nothing that comes from outside; signing keys of the shipping profile are made on the token. 9B
    // alone makes no key there, and takes none away, by deleting, moving or making another one over it: the company's
    // files would be lost with it.
    {ref::attestation, ref::attestation, use_key, {never, never, never, never, never, never}},
    {0, kAnySubject, use_key, {never, key_policy, key_policy, key_policy, key_policy, never}},
    {ref::attestation, ref::attestation, generate_key, {never, channel, never, management, management, never}},
    {0, kAnySubject, generate_key, {never, channel, channel, management, management, never}},
    {ref::authentication, ref::signature, import_key, {never, never, never, management, management, never}},
    {ref::card_authentication,
     ref::card_authentication,
     import_key,
     {never, never, never, management, management, never}},
    {ref::attestation, ref::attestation, import_key, {never, never, never, management, management, never}},
    {0, kAnySubject, import_key, {never, channel, channel, management, management, never}},
    {ref::attestation, ref::attestation, move_from, {never, never, never, management, management, never}},
    {0, kAnySubject, move_from, {never, channel, channel, management, management, never}},
    {kDelete, kDelete, move_to, {never, channel, channel, management, management, never}},
    {ref::attestation, ref::attestation, move_to, {never, never, never, never, never, never}},
    {ref::retired_first, ref::retired_last, move_to, {never, channel, channel, management, management, never}},
    {ref::authentication, ref::card_authentication, move_to, {never, never, never, management, management, never}},

    // Secrets of the holder and of the CA.
    {0, kAnySubject, authenticate_management, {always, always, always, always, always, never}},
    {0, kAnySubject, verify, {always, always, always, always, always, never}},
    {0, kAnySubject, change_pin, {never, always, always, always, always, never}},
    {0, kAnySubject, change_puk, {never, always, always, always, always, never}},
    {0, kAnySubject, unblock_by_puk, {never, always, always, always, always, never}},
    {0, kAnySubject, redeem_code, {never, always, always, always, always, never}},
    {0, kAnySubject, set_retries, {never, never, never, management_and_pin, management_and_pin, never}},
    {0, kAnySubject, set_management_key, {never, channel, channel, management, management, never}},
    {0, kAnySubject, reset_applet, {never, channel, channel, always, always, never}},
    {0, kAnySubject, initialise, {channel, never, never, never, never, never}},
    {0, kAnySubject, set_bench_pin, {never, channel, never, management, never, never}},
    {0, kAnySubject, open_channel, {always, always, always, always, always, never}},
    {0, kAnySubject, put_channel_keys, {channel, channel, channel, channel, channel, never}},
    {0, kAnySubject, set_lifecycle, {never, channel, channel, management, management, never}},

    // Renewal: the holder's PIN, and for what it publishes the CA's manifest.
    {0, kAnySubject, renew, {never, pin, pin, pin, pin, never}},

    // Reading about the token.
    {0, kAnySubject, get_metadata, {always, always, always, always, always, always}},
    {0, kAnySubject, get_serial, {always, always, always, always, always, always}},
    {0, kAnySubject, get_version, {always, always, always, always, always, always}},
    {0, kAnySubject, attest, {never, always, always, always, always, never}},
    {0, kAnySubject, token_status, {always, always, always, always, always, always}},
    {0, kAnySubject, renewal_status, {always, always, always, always, always, always}},
};

StatusWord required(bool present) { return present ? sw::ok : sw::security_not_satisfied; }

}  // namespace

std::span<const Rule> access_rules() { return kRules; }

Stage stage_of(const Config& config) {
    const bool compatibility = config.profile == Profile::compatibility;
    switch (config.lifecycle) {
        case Lifecycle::blank:
            return Stage::blank;
        case Lifecycle::initialised:
            return compatibility ? Stage::compatibility_initialised : Stage::shipping_initialised;
        case Lifecycle::secured:
            return compatibility ? Stage::compatibility_secured : Stage::shipping_secured;
        case Lifecycle::terminated:
            return Stage::terminated;
    }
    return Stage::terminated;
}

Condition condition_for(Right right, std::uint32_t subject, Stage stage) {
    for (const Rule& rule : kRules) {
        if (rule.right == right && rule.first <= subject && subject <= rule.last) {
            return rule.conditions[static_cast<std::size_t>(stage)];
        }
    }
    return never;
}

bool channel_stands_for_pin(const Core& core) {
    return core.session.channel_command && core.state.config.lifecycle == Lifecycle::initialised;
}

StatusWord check_access(const Core& core, Right right, std::uint32_t subject) {
    const Session& session = core.session;
    // Who holds the channel's keys is the CA, who made 9B too.
    const bool has_management = session.management || session.channel_command;
    const bool has_pin = session.pin_verified || channel_stands_for_pin(core);
    switch (condition_for(right, subject, stage_of(core.state.config))) {
        case never:
            return sw::conditions_not_satisfied;
        case always:
            return sw::ok;
        case pin:
            return required(has_pin);
        case management:
            return required(has_management);
        case management_and_pin:
            return required(has_management && has_pin);
        case channel:
            return required(session.channel_command);
        case key_policy:
            return sw::ok;
    }
    return sw::conditions_not_satisfied;
}

}  // namespace sealkey::applet
