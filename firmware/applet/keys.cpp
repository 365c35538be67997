#include "applet/keys.h"

#include "applet/access.h"
#include "applet/data_objects.h"
#include "applet/key_store.h"
#include "base/tlv.h"
#include "crypto/ec.h"
#include "crypto/rsa.h"
#include "protocol/scp03.h"

namespace sealkey::applet {

namespace {

namespace ref = protocol::ref;
namespace tag = protocol::tag;

using crypto::Curve;
using PublicKey = PublicKeyBuffer;

Curve curve_of(Algorithm algorithm) { return algorithm == Algorithm::p384 ? Curve::p384 : Curve::p256; }

bool is_rsa(Algorithm algorithm) { return rsa_bits(algorithm) != 0; }

// never < once < always
int strength(PinPolicy policy) { return static_cast<int>(policy); }

PinPolicy standard_policy(std::uint8_t slot) {
    if (slot == ref::signature) return PinPolicy::always;
    if (slot == ref::card_authentication || slot == ref::attestation) return PinPolicy::never;
    return PinPolicy::once;
}

// What a made or brought key is, in a form to be installed. The saved key lies in Core::key_buffer.
Status describe(Core& core, const crypto::RsaPrivateKey& key, PublicKey& out, std::size_t& size) {
    const auto saved = key.save(core.key_buffer.buffer());
    if (!saved) return saved.error();
    core.key_buffer.resize(*saved);
    std::array<std::uint8_t, crypto::kMaxRsaModulus> modulus{};
    if (Status s = key.modulus(modulus); !s) return s;
    TlvWriter writer(out);
    writer.put(tag::rsa_modulus, Bytes(modulus).first(key.modulus_size())).put(tag::rsa_exponent, crypto::kRsaExponent);
    size = writer.size();
    return writer.ok() ? Status{} : Status{Error::too_large};
}

Status describe(Core& core, const crypto::EcPrivateKey& key, PublicKey& out, std::size_t& size) {
    const auto saved = key.save(core.key_buffer.buffer());
    if (!saved) return saved.error();
    core.key_buffer.resize(*saved);
    std::array<std::uint8_t, crypto::kMaxEcPoint> point{};
    const auto point_size = key.public_point(point);
    if (!point_size) return point_size.error();
    TlvWriter writer(out);
    writer.put(tag::ec_point, Bytes(point).first(*point_size));
    size = writer.size();
    return writer.ok() ? Status{} : Status{Error::too_large};
}

// F9 is written once: an enterprise can't be given another identity behind the CA's back.
bool attestation_key_is_final(const Core& core, std::uint8_t slot) {
    return slot == ref::attestation && core.state.config.profile == Profile::shipping &&
           core.state.slots[*slot_index(slot)].key != 0;
}

TouchPolicy resolve_touch_policy(TouchPolicy asked) {
    return asked == TouchPolicy::standard ? TouchPolicy::never : asked;
}

constexpr std::uint32_t kTouchWait = 15000;   // milliseconds
constexpr std::uint32_t kTouchCache = 15000;  // a touch for a "cached" key lasts this long

// Whether the session opens this key. A PIN-always operation is used up here, whatever becomes of it.
StatusWord open_key(Core& core, const Slot& slot) {
    Session& session = core.session;
    const bool bench = channel_stands_for_pin(core);
    if (slot.pin_policy != PinPolicy::never && !session.pin_verified && !bench) return sw::security_not_satisfied;
    if (slot.pin_policy == PinPolicy::always && !bench) {
        if (!session.pin_always_ready) return sw::security_not_satisfied;
        session.pin_always_ready = false;
    }
    if (!touch_given(core, slot.touch_policy)) return sw::security_not_satisfied;
    return status_word(load_private_key(core, slot, bench));
}

Result<std::size_t> use_rsa(Core& core, Bytes input, MutableBytes out) {
    crypto::RsaPrivateKey key;
    if (Status s = key.load(core.key_buffer.bytes()); !s) return Error::corrupt;
    core.key_buffer.clear();
    const std::size_t size = key.modulus_size();
    if (input.size() != size) return Error::invalid;
    if (Status s = key.private_operation(core.drbg, input, out.first(size)); !s) return s.error();
    return size;
}

Result<std::size_t> use_ec(Core& core, const UseKey& command, MutableBytes out) {
    crypto::EcPrivateKey key;
    if (Status s = key.load(core.key_buffer.bytes()); !s) return Error::corrupt;
    core.key_buffer.clear();
    if (!command.agreement) return key.sign(core.drbg, command.input, out);
    const auto shared = key.ecdh(core.drbg, command.input);
    if (!shared) return shared.error();
    std::memcpy(out.data(), shared->bytes().data(), shared->size());
    return shared->size();
}

}  // namespace

void end_pin_always(Core& core, const iso7816::Header& header) {
    Session& session = core.session;
    if (!session.pin_always_ready) return;
    const auto cla = static_cast<std::uint8_t>(header.cla & ~(iso7816::kClaChaining | protocol::kClaSecure));
    if (core.state.config.profile == Profile::compatibility) {
        session.pin_always_ready = cla != protocol::kClaOwn;
        return;
    }
    const auto index = slot_index(header.p2);
    const bool operation =
        cla == 0 && header.ins == static_cast<std::uint8_t>(protocol::Ins::general_authenticate) && index;
    session.pin_always_ready = operation && core.state.slots[*index].pin_policy == PinPolicy::always;
}

Status bring_key(Core& core, const ImportKey& command, PublicKey& out, std::size_t& size) {
    if (is_rsa(command.algorithm)) {
        crypto::RsaPrivateKey key;
        const crypto::RsaParts parts{command.p, command.q, command.dp, command.dq, command.qinv};
        if (Status s = key.import(core.drbg, rsa_bits(command.algorithm), parts); !s) return s;
        return describe(core, key, out, size);
    }
    crypto::EcPrivateKey key;
    if (Status s = key.import(core.drbg, curve_of(command.algorithm), command.scalar); !s) return s;
    return describe(core, key, out, size);
}

Status make_key(Core& core, Algorithm algorithm, PublicKeyBuffer& out, std::size_t& size) {
    if (is_rsa(algorithm)) {
        crypto::RsaPrivateKey key;
        if (Status s = key.generate(core.drbg, rsa_bits(algorithm)); !s) return s;
        return describe(core, key, out, size);
    }
    crypto::EcPrivateKey key;
    if (Status s = key.generate(core.drbg, curve_of(algorithm)); !s) return s;
    return describe(core, key, out, size);
}

bool touch_given(Core& core, TouchPolicy policy) {
    if (policy != TouchPolicy::always && policy != TouchPolicy::cached) return true;
    Session& session = core.session;
    const std::uint32_t now = core.platform.clock.milliseconds();
    if (policy == TouchPolicy::cached && session.touched && now - session.touched_at < kTouchCache) return true;
    if (!core.platform.presence.confirmed(kTouchWait)) return false;
    session.touched = policy == TouchPolicy::cached;
    session.touched_at = core.platform.clock.milliseconds();
    return true;
}

std::optional<PinPolicy> resolve_pin_policy(const Core& core, std::uint8_t slot, PinPolicy asked) {
    const PinPolicy standard = standard_policy(slot);
    if (asked == PinPolicy::standard) return standard;
    if (slot == ref::attestation) return asked == PinPolicy::never ? std::optional(asked) : std::nullopt;
    if (core.state.config.profile == Profile::shipping && strength(asked) < strength(standard)) return std::nullopt;
    return asked;
}

StatusWord run_generate(Core& core, const GenerateKey& command, iso7816::Response& response) {
    if (const StatusWord status = check_access(core, Right::generate_key, command.slot); status != sw::ok)
        return status;
    const auto policy = resolve_pin_policy(core, command.slot, command.pin_policy);
    if (!policy) return sw::wrong_data;
    if (attestation_key_is_final(core, command.slot)) return sw::conditions_not_satisfied;
    core.platform.indicator.show(platform::Indication::busy);
    PublicKey public_key{};
    std::size_t size = 0;
    Status done = make_key(core, command.algorithm, public_key, size);
    if (done) {
        const NewKey fresh{command.algorithm,
                           *policy,
                           resolve_touch_policy(command.touch_policy),
                           Origin::generated,
                           core.key_buffer.bytes(),
                           Bytes(public_key).first(size)};
        // A certificate there was for the key before: it can't be this one's.
        done = install_key(core, *slot_index(command.slot), fresh, true);
    }
    core.key_buffer.clear();
    core.platform.indicator.show(platform::Indication::idle);
    if (!done) return status_word(done);
    TlvWriter writer(response.head_buffer());
    return response.set(writer.put(tag::public_key, Bytes(public_key).first(size)));
}

StatusWord run_import(Core& core, const ImportKey& command) {
    if (const StatusWord status = check_access(core, Right::import_key, command.slot); status != sw::ok) return status;
    const auto policy = resolve_pin_policy(core, command.slot, command.pin_policy);
    if (!policy) return sw::wrong_data;
    PublicKey public_key{};
    std::size_t size = 0;
    Status done = bring_key(core, command, public_key, size);
    if (done) {
        const NewKey fresh{command.algorithm,
                           *policy,
                           resolve_touch_policy(command.touch_policy),
                           Origin::imported,
                           core.key_buffer.bytes(),
                           Bytes(public_key).first(size)};
        // A certificate there may be this key's: clients write the two in either order.
        done = install_key(core, *slot_index(command.slot), fresh, false);
    }
    core.key_buffer.clear();
    return status_word(done);
}

StatusWord run_move(Core& core, const MoveKey& command) {
    constexpr std::uint8_t nowhere = 0xFF;
    if (const StatusWord status = check_access(core, Right::move_from, command.from); status != sw::ok) return status;
    if (const StatusWord status = check_access(core, Right::move_to, command.to); status != sw::ok) return status;
    const std::size_t from = *slot_index(command.from);
    if (core.state.slots[from].key == 0) return sw::reference_not_found;
    auto change = Change::begin(core, 0, 2, command.to == nowhere ? Purpose::upkeep : Purpose::content);
    if (!change) return status_word(change.error());
    Slot& source = core.state.slots[from];
    if (command.to == nowhere) {
        if (const Status s = remove_key(core, *change, from); !s) return status_word(s);
    } else {
        const std::size_t to = *slot_index(command.to);
        Slot& target = core.state.slots[to];
        if (target.key != 0) return sw::conditions_not_satisfied;
        target.key = source.key;
        target.algorithm = source.algorithm;
        target.pin_policy = source.pin_policy;
        target.touch_policy = source.touch_policy;
        target.origin = source.origin;
        target.moved = true;
        source.drop_key();
        change->touch_slot(from);
        change->touch_slot(to);
    }
    return status_word(change->commit());
}

StatusWord run_use_key(Core& core, const UseKey& command, iso7816::Response& response) {
    if (const StatusWord status = check_access(core, Right::use_key, command.slot); status != sw::ok) return status;
    const Slot& slot = core.state.slots[*slot_index(command.slot)];
    if (slot.key == 0) return sw::reference_not_found;
    if (slot.algorithm != command.algorithm) return sw::wrong_p1p2;
    if (const StatusWord status = open_key(core, slot); status != sw::ok) {
        core.key_buffer.clear();
        return status;
    }
    Secret<crypto::kMaxRsaModulus> out;
    const bool rsa = is_rsa(command.algorithm);
    Result<std::size_t> size = Error::invalid;
    if (!rsa) size = use_ec(core, command, out.buffer());
    if (rsa && !command.agreement) size = use_rsa(core, command.input, out.buffer());
    core.key_buffer.clear();
    if (!size) return status_word(size.error());
    out.resize(*size);
    TlvWriter writer(response.head_buffer());
    const std::size_t inner = TlvWriter::header_size(tag::response, *size) + *size;
    return response.set(writer.header(tag::dynamic_authentication, inner).put(tag::response, out.bytes()));
}

}  // namespace sealkey::applet
