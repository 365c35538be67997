// A decryption key that comes in an envelope, and what the CA learns of a staged key by the token's own word.
#include "applet/access.h"
#include "applet/attestation.h"
#include "applet/key_store.h"
#include "applet/keys.h"
#include "applet/staging_parts.h"
#include "crypto/ec.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"
#include "crypto/key_wrap.h"
#include "crypto/rsa.h"

namespace sealkey::applet {

namespace {

using WrappingKey = Secret<protocol::kEnvelopeKey>;
using Shared = Secret<crypto::kMaxRsaModulus>;

std::size_t ec_size(Algorithm algorithm) { return algorithm == Algorithm::p384 ? 48 : 32; }
// The first part of an envelope for this key.
std::size_t opening_size(Algorithm recipient) {
    return rsa_bits(recipient) != 0 ? rsa_bits(recipient) / 8 : 1 + 2 * ec_size(recipient);
}
std::size_t parts_size(Algorithm brought) {
    return rsa_bits(brought) != 0 ? 5 * (rsa_bits(brought) / 16) : ec_size(brought);
}

// The secret that only the key in 9D and the envelope's maker know. The saved key lies in Core::key_buffer, which is
// cleared.
Status agree(Core& core, Algorithm recipient, Bytes opening, Shared& out) {
    if (rsa_bits(recipient) == 0) {
        crypto::EcPrivateKey key;
        const Status loaded = key.load(core.key_buffer.bytes());
        core.key_buffer.clear();
        if (!loaded) return Error::corrupt;
        const auto shared = key.ecdh(core.drbg, opening);
        if (!shared) return shared.error();
        out.assign(shared->bytes());
        return {};
    }
    crypto::RsaPrivateKey key;
    const Status loaded = key.load(core.key_buffer.bytes());
    core.key_buffer.clear();
    if (!loaded) return Error::corrupt;
    if (Status s = key.private_operation(core.drbg, opening, out.buffer().first(opening.size())); !s) return s;
    out.resize(opening.size());
    return {};
}

// What an envelope is for: a renewal, or an order of the CA's at first issue; and the algorithm that was asked for.
struct Purposed {
    Bytes name;
    Algorithm brought;
};

// Bound to this token, this renewal or order and what was asked for: an envelope is good for nothing else.
Status wrapping_key(const Core& core, const Purposed& what, Bytes opening, const Shared& shared, WrappingKey& out) {
    const Bytes label = bytes_of(protocol::kEnvelopeLabel);
    std::array<std::uint8_t, 96> info{};
    std::size_t size = 0;
    const auto algorithm = static_cast<std::uint8_t>(what.brought);
    const crypto::Sha256Digest digest = crypto::sha256(opening);
    for (const Bytes part : {label, Bytes(core.state.config.serial), what.name, Bytes(&algorithm, 1), Bytes(digest)}) {
        std::memcpy(&info[size], part.data(), part.size());
        size += part.size();
    }
    if (Status s = crypto::hkdf_sha256({}, shared.bytes(), Bytes(info).first(size), out.buffer()); !s) return s;
    out.resize(protocol::kEnvelopeKey);
    return {};
}

ImportKey parts_of(Algorithm algorithm, Bytes bytes) {
    ImportKey out{
        protocol::ref::key_management, algorithm, PinPolicy::standard, TouchPolicy::standard, {}, {}, {}, {}, {}, {}};
    if (rsa_bits(algorithm) == 0) {
        out.scalar = bytes;
        return out;
    }
    const std::size_t half = bytes.size() / 5;
    out.p = bytes.first(half);
    out.q = bytes.subspan(half, half);
    out.dp = bytes.subspan(2 * half, half);
    out.dq = bytes.subspan(3 * half, half);
    out.qinv = bytes.subspan(4 * half, half);
    return out;
}

// The key's parts into Core::key_buffer.
Status open_envelope(Core& core, const Slot& recipient, const Purposed& what, Bytes envelope) {
    const std::size_t head = opening_size(recipient.algorithm);
    const std::size_t parts = parts_size(what.brought);
    if (envelope.size() != head + parts + crypto::kWrapOverhead) return Error::invalid;
    const bool by_system = channel_stands_for_pin(core) && !core.session.pin_verified;
    if (Status s = load_private_key(core, recipient, by_system); !s) return s;
    Shared shared;
    WrappingKey key;
    if (Status s = agree(core, recipient.algorithm, envelope.first(head), shared); !s) return s;
    if (Status s = wrapping_key(core, what, envelope.first(head), shared, key); !s) return s;
    const MutableBytes out = core.key_buffer.buffer().first(parts);
    if (Status s = crypto::aes_unwrap_key(key.bytes(), envelope.subspan(head), out); !s) return s;
    core.key_buffer.resize(parts);
    return {};
}

// Whether the staged key is this one already: then an interrupted client only repeats itself.
StatusWord compare(const Core& core, std::size_t role, Bytes public_key) {
    PublicKeyBuffer stored{};
    const auto size = read_public_key(core, staged_slot(core, role), stored);
    if (!size) return status_word(size.error());
    return equal(Bytes(stored).first(*size), public_key) ? sw::ok : sw::conditions_not_satisfied;
}

// Opens it and checks the key in it, which then lies in Core::key_buffer.
StatusWord take_out(Core& core, const Slot& recipient, const Purposed& what, Bytes envelope,
                    PublicKeyBuffer& public_key, std::size_t& size) {
    Status done = open_envelope(core, recipient, what, envelope);
    if (done) done = bring_key(core, parts_of(what.brought, core.key_buffer.bytes()), public_key, size);
    // It doesn't open, or there is no such key in it: one answer for both.
    if (!done && (done.error() == Error::invalid || done.error() == Error::wrong_secret)) return sw::wrong_data;
    return status_word(done);
}

StatusWord take_key(Core& core, const StageKey& command, const Slot& recipient) {
    const Purposed what{core.state.staging.rid, core.state.staging.keys[command.role].algorithm};
    PublicKeyBuffer public_key{};
    std::size_t size = 0;
    const StatusWord taken = take_out(core, recipient, what, command.envelope, public_key, size);
    if (taken != sw::ok) return taken;
    const Bytes told = Bytes(public_key).first(size);
    if (core.state.staging.keys[command.role].key != 0) return compare(core, command.role, told);
    return status_word(install_staged_key(core, command.role, core.key_buffer.bytes(), told, Origin::imported));
}

}  // namespace

StatusWord run_stage_key(Core& core, const StageKey& command) {
    const Staging& staging = core.state.staging;
    if (!staging.active()) return sw::conditions_not_satisfied;
    if (!staging.has(command.role)) return sw::reference_not_found;
    if (!staging.enveloped(command.role)) return sw::conditions_not_satisfied;
    const Slot recipient = core.state.slots[*slot_index(protocol::ref::key_management)];
    if (recipient.key == 0) return sw::reference_not_found;
    if (!touch_given(core, recipient.touch_policy)) return sw::security_not_satisfied;
    const StatusWord status = take_key(core, command, recipient);
    core.key_buffer.clear();
    return status;
}

// The key in 9D was made for this envelope alone, and goes with it: whoever may IMPORT there may bring a key so.
StatusWord run_bring_key(Core& core, const BringKey& command) {
    constexpr std::uint8_t slot = protocol::ref::key_management;
    if (const StatusWord status = check_access(core, Right::import_key, slot); status != sw::ok) return status;
    if (core.state.staging.active()) return sw::conditions_not_satisfied;
    const Slot recipient = core.state.slots[*slot_index(slot)];
    if (recipient.key == 0) return sw::reference_not_found;
    if (!touch_given(core, recipient.touch_policy)) return sw::security_not_satisfied;
    PublicKeyBuffer public_key{};
    std::size_t size = 0;
    StatusWord status =
        take_out(core, recipient, {command.order, command.algorithm}, command.envelope, public_key, size);
    if (status == sw::ok) {
        const NewKey fresh{command.algorithm, recipient.pin_policy,    recipient.touch_policy,
                           Origin::imported,  core.key_buffer.bytes(), Bytes(public_key).first(size)};
        // A certificate there was the other key's.
        status = status_word(install_key(core, *slot_index(slot), fresh, true));
    }
    core.key_buffer.clear();
    return status;
}

StatusWord run_stage_attest(Core& core, const StageAttest& command, iso7816::Response& response) {
    const Staging& staging = core.state.staging;
    if (!staging.active()) return sw::conditions_not_satisfied;
    if (!staging.has(command.role)) return sw::reference_not_found;
    const Slot staged = staged_slot(core, command.role);
    if (staged.key == 0) return sw::conditions_not_satisfied;
    PublicKeyBuffer public_key{};
    const auto size = read_public_key(core, staged, public_key);
    if (!size) return status_word(size.error());
    const Statement statement{protocol::kRoles[command.role],
                              staged.algorithm,
                              staged.pin_policy,
                              staged.touch_policy,
                              staged.origin,
                              Bytes(public_key).first(*size),
                              command.nonce,
                              staging.rid,
                              core.state.renewal.generation};
    return answer_attestation(core, statement, response);
}

}  // namespace sealkey::applet
