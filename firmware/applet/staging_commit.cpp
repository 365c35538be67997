// COMMIT: the CA's manifest is checked against everything that is staged, and one transaction makes it what is in use.
#include <algorithm>

#include "applet/data_objects.h"
#include "applet/key_store.h"
#include "applet/manifest.h"
#include "applet/staging_parts.h"
#include "applet/x509.h"
#include "base/tlv.h"

namespace sealkey::applet {

namespace {

namespace object = protocol::object;

using crypto::PublicKey;
using crypto::Sha256Digest;

struct Checked {
    std::array<Sha256Digest, kRoleCount> certificates{};
    Sha256Digest seal{};
    Sha256Digest record{};
    Sha256Digest issuer{};
    std::optional<std::size_t> retire_to;  // for the old decryption key
};

// What is wrong with something that the CA or the host brought is the data's fault, whatever it is.
StatusWord word_of(const Status& status) {
    return !status && status.error() == Error::wrong_secret ? sw::wrong_data : status_word(status);
}

Result<Sha256Digest> digest_of(const Core& core, const StagedValue& value) {
    crypto::Sha256 hash;
    std::array<std::uint8_t, 256> piece{};
    for (std::uint32_t at = 0; at < value.size;) {
        const std::size_t n = std::min<std::size_t>(piece.size(), value.size - at);
        if (Status s = core.store.read(pool_id(value.place), at, MutableBytes(piece).first(n)); !s) return s.error();
        hash.update(Bytes(piece).first(n));
        at += static_cast<std::uint32_t>(n);
    }
    return hash.finish();
}

// An issuer certificate's key; the object holds it as it is, or wrapped as certificates of slots are.
Status issuer_key(const DerSource& source, std::uint32_t size, PublicKey& out) {
    DerRange range{0, size};
    std::uint8_t first = 0;
    if (!source.read(0, {&first, 1})) return Error::flash_failure;
    if (first != der::sequence) {
        const auto wrapped = certificate_range(source, size);
        if (!wrapped) return wrapped.error();
        range = *wrapped;
    }
    const auto certificate = read_certificate(source, range.begin, range.end);
    if (!certificate) return certificate.error();
    return read_public_key_info(source, certificate->public_key, out);
}

Status live_issuer_key(const Core& core, PublicKey& out) {
    const ObjectId stored = *stored_object(core.state, object::issuer_certificate);
    const auto size = core.store.size(stored);
    if (!size) return size.error();
    return issuer_key(StoredDer(core.store, stored), *size, out);
}

// The staged certificate's signature by the issuer, or by the next one if that comes with it.
Status check_signature(const Core& core, std::size_t role, const PublicKey& issuer, const PublicKey* next) {
    const StagedValue& value = core.state.staging.keys[role].certificate;
    const StoredDer source(core.store, pool_id(value.place));
    const auto range = certificate_range(source, value.size);
    if (!range) return range.error();
    const auto certificate = read_certificate(source, range->begin, range->end);
    if (!certificate) return certificate.error();
    const Status by_issuer = verify_certificate(source, *certificate, issuer);
    if (by_issuer || next == nullptr) return by_issuer;
    return verify_certificate(source, *certificate, *next);
}

// A staged value is the one that the manifest names. A value that the manifest doesn't name is dropped, one that it
// names must be there.
StatusWord check_value(const Core& core, const StagedValue& value, const std::optional<Bytes>& named,
                       Sha256Digest& digest) {
    if (!named) return sw::ok;
    if (value.place == 0) return sw::conditions_not_satisfied;
    const auto found = digest_of(core, value);
    if (!found) return status_word(found.error());
    digest = *found;
    return equal(digest, *named) ? sw::ok : sw::wrong_data;
}

StatusWord check_certificates(const Core& core, const Manifest& manifest, const PublicKey& issuer,
                              const PublicKey* next, Checked& out) {
    Bytes hashes = manifest.certificates;
    for (std::size_t role = 0; role < kRoleCount; ++role) {
        if (!core.state.staging.has(role)) continue;
        const auto found = digest_of(core, core.state.staging.keys[role].certificate);
        if (!found) return status_word(found.error());
        out.certificates[role] = *found;
        if (!equal(*found, hashes.first(found->size()))) return sw::wrong_data;
        hashes = hashes.subspan(found->size());
        if (const Status s = check_staged_certificate(core, role); !s) return word_of(s);
        if (const Status s = check_signature(core, role, issuer, next); !s) return word_of(s);
    }
    return sw::ok;
}

// The CHUID's GUID; empty when there is none to be found.
Bytes chuid_guid(const Core& core, MutableBytes buffer) {
    const ObjectId chuid = *object_id(object::chuid);
    const auto size = core.store.size(chuid);
    if (!size || *size > buffer.size() || !core.store.read(chuid, 0, buffer.first(*size))) return {};
    return find_tlv(buffer.first(*size), 0x34).value_or(Bytes{});
}

StatusWord check_staged(const Core& core, const Manifest& manifest, Checked& out) {
    const State& state = core.state;
    for (std::size_t role = 0; role < kRoleCount; ++role) {
        const StagedKey& key = state.staging.keys[role];
        if (state.staging.has(role) && (key.key == 0 || key.certificate.place == 0))
            return sw::conditions_not_satisfied;
    }
    const Slot& decryption = state.slots[*slot_index(protocol::ref::key_management)];
    if ((manifest.roles & protocol::role_bit::key_management) != 0 && decryption.key != 0) {
        out.retire_to = free_retired_slot(state);
        if (!out.retire_to) return sw::not_enough_memory;
    }
    // Readers keep what they know of a card by its GUID.
    std::array<std::uint8_t, 256> buffer{};
    return equal(chuid_guid(core, buffer), manifest.guid) ? sw::wrong_data : sw::ok;
}

StatusWord check(const Core& core, const Manifest& manifest, Checked& out) {
    const Staging& staging = core.state.staging;
    if (!equal(manifest.serial, core.state.config.serial)) return sw::wrong_data;
    if (manifest.roles != (staging.roles & protocol::role_bit::all)) return sw::wrong_data;
    PublicKey issuer;
    if (const Status s = live_issuer_key(core, issuer); !s) {
        return s.error() == Error::not_found ? sw::conditions_not_satisfied : word_of(s);
    }
    const Sha256Digest digest = crypto::sha256(manifest.signed_part);
    if (const Status s = verify_signature(issuer, crypto::Hash::sha256, digest, manifest.signature); !s) {
        return word_of(s);
    }
    if (const StatusWord status = check_staged(core, manifest, out); status != sw::ok) return status;
    if (const StatusWord status = check_value(core, staging.seal, manifest.seal, out.seal); status != sw::ok) {
        return status;
    }
    if (const StatusWord status = check_value(core, staging.record, manifest.record, out.record); status != sw::ok) {
        return status;
    }
    if (const StatusWord status = check_value(core, staging.issuer, manifest.issuer, out.issuer); status != sw::ok) {
        return status;
    }
    if (!manifest.issuer) return check_certificates(core, manifest, issuer, nullptr, out);
    PublicKey next;
    const StoredDer source(core.store, pool_id(staging.issuer.place));
    if (const Status s = issuer_key(source, staging.issuer.size, next); !s) return word_of(s);
    return check_certificates(core, manifest, issuer, &next, out);
}

// ---- the transaction
// -------------------------------------------------------------------------------------------------

// The old decryption key and its certificate go where former ones are; neither is copied.
Status retire(Core& core, Change& change, std::size_t from, std::size_t to) {
    Slot& old = core.state.slots[from];
    Slot& target = core.state.slots[to];
    const std::uint16_t changes = target.certificate_changes;
    target = old;
    target.certificate_changes = changes;
    target.moved = true;
    Places& places = core.state.places;
    // What lay at 9D's home stays there; the home of the retired slot was empty.
    const Place place = places.certificates[from];
    places.certificates[to] = place != 0 ? place : static_cast<Place>(kHomeOf + from);
    Sha256Digest digest{};
    std::copy(old.fingerprint.begin(), old.fingerprint.end(), digest.begin());
    if (Status s = record_object(core, change, certificate_tag(to), old.certificate_size, digest); !s) return s;
    old.drop_key();
    old.certificate_size = 0;
    change.touch_slot(to);
    return {};
}

// The staged value is the object's from now on, without being copied; what it was goes.
Status publish_value(Core& core, Change& change, std::uint32_t tag, Place& place, const StagedValue& value,
                     const Sha256Digest& digest, bool old_stays) {
    if (!old_stays) {
        if (Status s = change.transaction().remove(*stored_object(core.state, tag)); !s) return s;
    }
    place = value.place;
    change.touch_places();
    return record_object(core, change, tag, value.size, digest);
}

Status publish_role(Core& core, Change& change, std::size_t role, const Checked& checked) {
    const std::size_t index = *slot_index(protocol::kRoles[role]);
    const StagedKey& staged = core.state.staging.keys[role];
    Slot& slot = core.state.slots[index];
    const bool retires = protocol::kRoles[role] == protocol::ref::key_management && checked.retire_to.has_value();
    if (retires) {
        if (Status s = retire(core, change, index, *checked.retire_to); !s) return s;
    } else if (slot.key != 0) {
        if (Status s = remove_stored_key(change, slot.key); !s) return s;
    }
    slot.key = staged.key;
    slot.algorithm = staged.algorithm;
    slot.pin_policy = staged.pin_policy;
    slot.touch_policy = staged.touch_policy;
    slot.origin = staged.origin;
    slot.moved = false;
    change.touch_slot(index);
    return publish_value(core, change, certificate_tag(index), core.state.places.certificates[index],
                         staged.certificate, checked.certificates[role], retires);
}

Status publish_object(Core& core, Change& change, std::uint32_t tag, const StagedValue& value, bool named,
                      const Sha256Digest& digest) {
    if (named) {
        Place& place = core.state.places.watched[*watched_index(tag)];
        return publish_value(core, change, tag, place, value, digest, false);
    }
    return value.place != 0 ? change.transaction().remove(pool_id(value.place)) : Status{};
}

// What the transaction puts and removes, besides what a change reserves for: few, so that it fits a token that is full.
std::uint32_t objects_of(const Core& core, const Checked& checked) {
    constexpr std::uint32_t chuid_and_key_history = 2;
    const Staging& staging = core.state.staging;
    std::uint32_t count = Change::kRenewalRecords + chuid_and_key_history;
    for (std::size_t role = 0; role < kRoleCount; ++role) {
        if (!staging.has(role)) continue;
        const bool retires = protocol::kRoles[role] == protocol::ref::key_management && checked.retire_to.has_value();
        count += retires ? 1 : 3;  // one slot more; or two halves of a key and a certificate go
    }
    for (const StagedValue* value : {&staging.seal, &staging.record, &staging.issuer}) {
        if (value->place != 0) count += 2;  // what it was goes, and its record
    }
    return count;
}

Status publish(Core& core, const Manifest& manifest, const Checked& checked) {
    auto change = Change::begin(core, kCommitPayload, objects_of(core, checked), Purpose::upkeep);
    if (!change) return change.error();
    Staging& staging = core.state.staging;
    for (std::size_t role = 0; role < kRoleCount; ++role) {
        if (!staging.has(role)) continue;
        if (Status s = publish_role(core, *change, role, checked); !s) return s;
    }
    if (Status s = publish_object(core, *change, object::seal, staging.seal, manifest.seal.has_value(), checked.seal);
        !s) {
        return s;
    }
    if (Status s = publish_object(core, *change, object::enterprise_record, staging.record, manifest.record.has_value(),
                                  checked.record);
        !s) {
        return s;
    }
    if (Status s = publish_object(core, *change, object::issuer_certificate, staging.issuer,
                                  manifest.issuer.has_value(), checked.issuer);
        !s) {
        return s;
    }
    if (Status s = put_chuid(*change, manifest.guid); !s) return s;
    Renewal& renewal = core.state.renewal;
    renewal.any = true;
    std::copy(manifest.rid.begin(), manifest.rid.end(), renewal.committed.begin());
    ++renewal.generation;
    staging = Staging{};
    change->touch_renewal();
    change->touch_staging();
    return change->commit();
}

}  // namespace

StatusWord run_commit(Core& core, const CommitRenewal& command) {
    const auto manifest = parse_manifest(command.manifest);
    if (!manifest) return sw::wrong_data;
    const State& state = core.state;
    if (state.renewal.any && equal(manifest->rid, state.renewal.committed)) return sw::ok;
    if (!state.staging.active() || !equal(manifest->rid, state.staging.rid)) return sw::conditions_not_satisfied;
    Checked checked;
    if (const StatusWord status = check(core, *manifest, checked); status != sw::ok) return status;
    abandon_loading(core);
    return status_word(publish(core, *manifest, checked));
}

}  // namespace sealkey::applet
