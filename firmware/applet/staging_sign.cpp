// What the staged key signs: a request for itself, and the CA's nonce. The token builds every digest; nothing that
// comes from outside is signed as it is.
#include "applet/key_signing.h"
#include "applet/key_store.h"
#include "applet/staging_parts.h"
#include "applet/x509.h"
#include "base/tlv.h"

namespace sealkey::applet {

namespace {

using crypto::Hash;

// Notes a step in what is staged, if it isn't there yet.
Status note(Core& core, bool StagedKey::*step, std::size_t role) {
    if (core.state.staging.keys[role].*step) return {};
    auto change = Change::begin(core, Change::kRenewalRecordsSize, Change::kRenewalRecords);
    if (!change) return change.error();
    core.state.staging.keys[role].*step = true;
    change->touch_staging();
    return change->commit();
}

// SHA-256 over the label and what follows it.
crypto::Sha256Digest statement_digest(Bytes label, std::initializer_list<Bytes> parts) {
    crypto::Sha256 hash;
    hash.update(label);
    for (const Bytes part : parts) hash.update(part);
    return hash.finish();
}

// Whose consent to a role's request the CA sees: the key it replaces, for 9D (which signs nothing) 9C's.
std::size_t consenting_slot(std::size_t role) {
    return *slot_index(protocol::kRoles[role] == protocol::ref::authentication ? protocol::ref::authentication
                                                                               : protocol::ref::signature);
}

StatusWord sign(Core& core, const Slot& slot, Hash hash, Bytes digest, iso7816::Response& response) {
    std::array<std::uint8_t, crypto::kMaxRsaModulus> signature{};
    std::size_t size = 0;
    const StatusWord status = sign_with(core, slot, hash, digest, signature, size);
    core.key_buffer.clear();
    return status == sw::ok ? response.set(Bytes(signature).first(size)) : status;
}

}  // namespace

Status compare_staged_key(const Core& core, std::size_t role, const crypto::PublicKey& key) {
    const Slot slot = staged_slot(core, role);
    PublicKeyBuffer stored{};
    const auto size = read_public_key(core, slot, stored);
    if (!size) return size.error();
    const Bytes list = Bytes(stored).first(*size);
    const bool rsa = rsa_bits(slot.algorithm) != 0;
    const auto expected = find_tlv(list, rsa ? protocol::tag::rsa_modulus : protocol::tag::ec_point);
    if (!expected) return Error::corrupt;
    if (rsa != (key.kind == crypto::KeyKind::rsa) || !equal(*expected, key.bytes())) return Error::wrong_secret;
    return {};
}

Result<DerRange> certificate_range(const DerSource& source, std::uint32_t size) {
    // These tags and lengths have the same form in BER-TLV as in DER.
    DerCursor reader(source, 0, size);
    const auto certificate = reader.next(static_cast<std::uint8_t>(protocol::tag::certificate));
    if (!certificate) return certificate.error();
    const auto info = reader.next(static_cast<std::uint8_t>(protocol::tag::cert_info));
    if (!info) return info.error();
    std::uint8_t compressed = 0xFF;
    if (info->size() != 1 || !source.read(info->begin, {&compressed, 1}) || compressed != 0) return Error::invalid;
    const auto check = reader.next(static_cast<std::uint8_t>(protocol::tag::error_detection));
    if (!check) return check.error();
    if (check->size() != 0 || !reader.at_end()) return Error::invalid;
    return DerRange{certificate->begin, certificate->end};
}

Status check_staged_certificate(const Core& core, std::size_t role) {
    const StagedValue& value = core.state.staging.keys[role].certificate;
    const StoredDer source(core.store, pool_id(value.place));
    const auto range = certificate_range(source, value.size);
    if (!range) return range.error();
    const auto certificate = read_certificate(source, range->begin, range->end);
    if (!certificate) return certificate.error();
    crypto::PublicKey key;
    if (Status s = read_public_key_info(source, certificate->public_key, key); !s) return s;
    return compare_staged_key(core, role, key);
}

StatusWord run_stage_csr(Core& core, const StageCsr& command, iso7816::Response& response) {
    const Staging& staging = core.state.staging;
    if (!staging.active()) return sw::conditions_not_satisfied;
    if (!staging.has(command.role)) return sw::reference_not_found;
    if (staging.keys[command.role].key == 0) return sw::conditions_not_satisfied;
    crypto::PublicKey key;
    if (!read_request_info(command.request_info, key)) return sw::wrong_data;
    if (const Status same = compare_staged_key(core, command.role, key); !same) {
        return same.error() == Error::wrong_secret ? sw::wrong_data : status_word(same);
    }
    if (command.by_old_key) {
        const Slot& old = core.state.slots[consenting_slot(command.role)];
        if (old.key == 0) return sw::reference_not_found;
        const crypto::Sha256Digest info = crypto::sha256(command.request_info);
        const auto digest = statement_digest(bytes_of(protocol::kRequestLabel), {staging.rid, info});
        return sign(core, old, Hash::sha256, digest, response);
    }
    const Slot staged = staged_slot(core, command.role);
    const Hash hash = staged.algorithm == Algorithm::p384 ? Hash::sha384 : Hash::sha256;
    std::array<std::uint8_t, crypto::kMaxHashSize> digest{};
    const std::size_t size = crypto::HashStream(hash).update(command.request_info).finish(digest);
    const StatusWord status = sign(core, staged, hash, Bytes(digest).first(size), response);
    if (status != sw::ok) return status;
    return status_word(note(core, &StagedKey::csr_signed, command.role));
}

StatusWord run_stage_prove(Core& core, const StageProve& command, iso7816::Response& response) {
    const Staging& staging = core.state.staging;
    if (!staging.active()) return sw::conditions_not_satisfied;
    if (!staging.has(command.role)) return sw::reference_not_found;
    const StagedKey& key = staging.keys[command.role];
    if (key.key == 0 || key.certificate.place == 0) return sw::conditions_not_satisfied;
    if (const Status checked = check_staged_certificate(core, command.role); !checked) {
        return checked.error() == Error::wrong_secret ? sw::wrong_data : status_word(checked);
    }
    const std::uint8_t reference = protocol::kRoles[command.role];
    const auto digest =
        statement_digest(bytes_of(protocol::kProveLabel), {staging.rid, {&reference, 1}, command.nonce});
    const StatusWord status = sign(core, staged_slot(core, command.role), Hash::sha256, digest, response);
    if (status != sw::ok) return status;
    return status_word(note(core, &StagedKey::proven, command.role));
}

StatusWord run_confirm_proof(Core& core, const ConfirmProof& command, iso7816::Response& response) {
    const Renewal& renewal = core.state.renewal;
    if (!renewal.any || !equal(command.rid, renewal.committed)) return sw::conditions_not_satisfied;
    const Slot& slot = core.state.slots[command.slot];
    if (slot.key == 0) return sw::reference_not_found;
    const auto digest = statement_digest(bytes_of(protocol::kCommittedLabel), {renewal.committed});
    return sign(core, slot, Hash::sha256, digest, response);
}

}  // namespace sealkey::applet
