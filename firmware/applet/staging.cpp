#include "applet/staging_parts.h"

#include <algorithm>

#include "applet/data_objects.h"
#include "applet/key_store.h"
#include "applet/keys.h"
#include "base/tlv.h"

namespace sealkey::applet {

namespace {

namespace st = protocol::staging_tag;
namespace bit = protocol::stage_bit;

std::size_t slot_of(std::size_t role) { return *slot_index(protocol::kRoles[role]); }

bool needs_retired_slot(const State& state) {
    const Slot& slot = state.slots[*slot_index(protocol::ref::key_management)];
    return slot.key != 0;
}

// What the new key is to be, before it is made: as the key it replaces, or as the slot has it.
StagedKey expected_key(const Core& core, std::size_t role, Algorithm algorithm) {
    const Slot& old = core.state.slots[slot_of(role)];
    StagedKey out;
    out.algorithm = algorithm;
    out.pin_policy =
        old.key != 0
            ? old.pin_policy
            : resolve_pin_policy(core, protocol::kRoles[role], PinPolicy::standard).value_or(PinPolicy::always);
    out.touch_policy = old.key != 0 ? old.touch_policy : TouchPolicy::never;
    return out;
}

Staging expected_staging(const Core& core, const StageBegin& command) {
    Staging out;
    std::copy(command.rid.begin(), command.rid.end(), out.rid.begin());
    out.roles = command.roles;
    for (std::size_t role = 0; role < kRoleCount; ++role) {
        if (out.has(role)) out.keys[role] = expected_key(core, role, command.algorithms[role]);
    }
    return out;
}

bool same_request(const Staging& staged, const StageBegin& command) {
    if (staged.roles != command.roles) return false;
    for (std::size_t role = 0; role < kRoleCount; ++role) {
        if (staged.has(role) && staged.keys[role].algorithm != command.algorithms[role]) return false;
    }
    return true;
}

// A key that is still to be made here; nothing when all are there.
std::optional<std::size_t> missing_key(const Staging& staged) {
    for (std::size_t role = 0; role < kRoleCount; ++role) {
        if (staged.has(role) && !staged.enveloped(role) && staged.keys[role].key == 0) return role;
    }
    return std::nullopt;
}

std::uint8_t count_missing(const Staging& staged) {
    std::uint8_t count = 0;
    for (std::size_t role = 0; role < kRoleCount; ++role) {
        if (staged.has(role) && !staged.enveloped(role) && staged.keys[role].key == 0) ++count;
    }
    return count;
}

// The record and, if `key` is there, the key in it, in one transaction: a renewal begins with its first key or not at
// all.
Status put_staged(Core& core, const Staging& staging, std::size_t role, const NewKey* key) {
    const std::uint32_t payload = key != nullptr ? stored_key_size(*key) : 0;
    auto change = Change::begin(core, payload + Change::kRenewalRecordsSize + kCommitPayload,
                                2 + Change::kRenewalRecords + kCommitObjects);
    if (!change) return change.error();
    core.state.staging = staging;
    if (key != nullptr) {
        const KeyId id = free_key_id(core.state);
        if (Status s = store_key(core, *change, id, *key); !s) return s;
        core.state.staging.keys[role].key = id;
        core.state.staging.keys[role].origin = key->origin;
    }
    change->touch_staging();
    return change->commit();
}

NewKey new_key(const StagedKey& staged, Bytes saved, Bytes public_key, Origin origin) {
    return {staged.algorithm, staged.pin_policy, staged.touch_policy, origin, saved, public_key};
}

StatusWord run_begin(Core& core, const StageBegin& command, iso7816::Response& response) {
    const State& state = core.state;
    const auto answer = [&](std::uint8_t value) { return response.set({&value, 1}); };
    if (state.renewal.any && equal(command.rid, state.renewal.committed)) return answer(protocol::kAlreadyCommitted);
    Staging staging = state.staging;
    if (staging.active()) {
        if (!equal(command.rid, staging.rid)) return sw::conditions_not_satisfied;
        if (!same_request(staging, command)) return sw::wrong_data;
    } else {
        const bool retires = (command.roles & protocol::role_bit::key_management) != 0 && needs_retired_slot(state);
        if (retires && !free_retired_slot(state)) return sw::not_enough_memory;
        staging = expected_staging(core, command);
    }
    const auto role = missing_key(staging);
    if (!role) {
        if (!state.staging.active()) {
            if (const Status s = put_staged(core, staging, 0, nullptr); !s) return status_word(s);
        }
        return answer(0);
    }
    core.platform.indicator.show(platform::Indication::busy);
    PublicKeyBuffer public_key{};
    std::size_t size = 0;
    const StagedKey& wanted = staging.keys[*role];
    Status done = make_key(core, wanted.algorithm, public_key, size);
    if (done) {
        const NewKey key = new_key(wanted, core.key_buffer.bytes(), Bytes(public_key).first(size), Origin::generated);
        done = put_staged(core, staging, *role, &key);
    }
    core.key_buffer.clear();
    core.platform.indicator.show(platform::Indication::idle);
    if (!done) return status_word(done);
    return answer(count_missing(core.state.staging));
}

void put_value(TlvWriter& writer, const Core& core, std::uint32_t tag, const StagedValue& value, StageLoad::What what) {
    std::array<std::uint8_t, protocol::kStagedObjectSize> out{};
    const StageLoad& loading = core.loading;
    if (loading.what == what) {
        store_be32(out.data(), loading.received);
        store_be32(&out[4], loading.total);
    } else if (value.place != 0) {
        store_be32(out.data(), value.size);
        store_be32(&out[4], value.size);
        std::copy(value.fingerprint.begin(), value.fingerprint.end(), out.begin() + 8);
    } else {
        return;
    }
    writer.put(tag, out);
}

void put_role(TlvWriter& writer, const StagedKey& key, std::size_t role) {
    std::array<std::uint8_t, protocol::kStagedRoleSize> out{};
    out[0] = protocol::kRoles[role];
    out[1] = static_cast<std::uint8_t>(key.algorithm);
    out[2] =
        static_cast<std::uint8_t>((key.key != 0 ? bit::key : 0) | (key.csr_signed ? bit::csr : 0) |
                                  (key.certificate.place != 0 ? bit::certificate : 0) | (key.proven ? bit::proven : 0));
    store_be16(&out[3], static_cast<std::uint16_t>(key.certificate.size));
    std::copy(key.certificate.fingerprint.begin(), key.certificate.fingerprint.end(), out.begin() + 5);
    writer.put(st::role, out);
}

StatusWord run_status(Core& core, const StageStatus& command, iso7816::Response& response) {
    if (!command.role) {
        const std::size_t size = staging_status(core, response.head_buffer());
        if (size == 0) return sw::internal_error;
        response.set_head_size(size);
        return sw::ok;
    }
    const Slot slot = staged_slot(core, *command.role);
    if (slot.key == 0) return sw::reference_not_found;
    PublicKeyBuffer key{};
    const auto size = read_public_key(core, slot, key);
    if (!size) return status_word(size.error());
    TlvWriter writer(response.head_buffer());
    return response.set(writer.put(protocol::tag::public_key, Bytes(key).first(*size)));
}

Status remove_value(Change& change, const StagedValue& value) {
    return value.place != 0 ? change.transaction().remove(pool_id(value.place)) : Status{};
}

Status drop_staged(Core& core) {
    constexpr std::uint32_t objects = 3 * kRoleCount + 3;
    auto change = Change::begin(core, Change::kRenewalRecordsSize, objects + Change::kRenewalRecords, Purpose::upkeep);
    if (!change) return change.error();
    Staging& staging = core.state.staging;
    for (const StagedKey& key : staging.keys) {
        if (key.key != 0) {
            if (Status s = remove_stored_key(*change, key.key); !s) return s;
        }
        if (Status s = remove_value(*change, key.certificate); !s) return s;
    }
    for (const StagedValue* value : {&staging.seal, &staging.record, &staging.issuer}) {
        if (Status s = remove_value(*change, *value); !s) return s;
    }
    staging = Staging{};
    change->touch_staging();
    return change->commit();
}

StatusWord run_abort(Core& core, const StageAbort& command) {
    const State& state = core.state;
    if (state.renewal.any && equal(command.rid, state.renewal.committed)) return sw::conditions_not_satisfied;
    if (!state.staging.active()) return sw::ok;
    if (!equal(command.rid, state.staging.rid)) return sw::conditions_not_satisfied;
    abandon_loading(core);
    return status_word(drop_staged(core));
}

StatusWord run_purge(Core& core, const RetirePurge& command) {
    const Renewal& renewal = core.state.renewal;
    if (!renewal.any || !equal(command.rid, renewal.committed)) return sw::conditions_not_satisfied;
    const Slot& slot = core.state.slots[command.slot];
    if (slot.key == 0 && slot.certificate_size == 0) return sw::ok;
    constexpr std::uint32_t key_history_size = 16;
    auto change = Change::begin(core, key_history_size, 4, Purpose::upkeep);
    if (!change) return status_word(change.error());
    if (slot.key != 0) {
        if (const Status s = remove_key(core, *change, command.slot); !s) return status_word(s);
    }
    if (slot.certificate_size != 0) {
        if (const Status s = remove_certificate(core, *change, command.slot); !s) return status_word(s);
    }
    return status_word(change->commit());
}

}  // namespace

StatusWord run_renewal(Core& core, const RenewalCommand& command, iso7816::Response& response) {
    struct Runner {
        Core& core;
        iso7816::Response& response;
        StatusWord operator()(const StageBegin& c) const { return run_begin(core, c, response); }
        StatusWord operator()(const StageStatus& c) const { return run_status(core, c, response); }
        StatusWord operator()(const StageAttest& c) const { return run_stage_attest(core, c, response); }
        StatusWord operator()(const StageCsr& c) const { return run_stage_csr(core, c, response); }
        StatusWord operator()(const StageProve& c) const { return run_stage_prove(core, c, response); }
        StatusWord operator()(const StageKey& c) const { return run_stage_key(core, c); }
        StatusWord operator()(const BringKey& c) const { return run_bring_key(core, c); }
        StatusWord operator()(const StagePart& c) const { return run_stage_part(core, c); }
        StatusWord operator()(const CommitRenewal& c) const { return run_commit(core, c); }
        StatusWord operator()(const StageAbort& c) const { return run_abort(core, c); }
        StatusWord operator()(const RetirePurge& c) const { return run_purge(core, c); }
        StatusWord operator()(const ConfirmProof& c) const { return run_confirm_proof(core, c, response); }
    };
    return std::visit(Runner{core, response}, command);
}

std::size_t staging_status(const Core& core, MutableBytes out) {
    const Staging& staging = core.state.staging;
    const Renewal& renewal = core.state.renewal;
    TlvWriter writer(out);
    writer.put_byte(st::version, 1);
    bool ready = staging.active();
    if (staging.active()) {
        writer.put(st::rid, staging.rid).put_byte(st::roles, staging.roles);
        for (std::size_t role = 0; role < kRoleCount; ++role) {
            if (!staging.has(role)) continue;
            const StagedKey& key = staging.keys[role];
            put_role(writer, key, role);
            ready = ready && key.key != 0 && key.certificate.place != 0;
        }
        put_value(writer, core, st::seal, staging.seal, StageLoad::What::seal);
        put_value(writer, core, st::record, staging.record, StageLoad::What::record);
    }
    if (renewal.any) writer.put(st::committed, renewal.committed);
    std::array<std::uint8_t, 2> generation{};
    store_be16(generation.data(), renewal.generation);
    writer.put(st::generation, generation).put_byte(st::ready, ready ? 1 : 0);
    if (staging.active()) put_value(writer, core, st::issuer, staging.issuer, StageLoad::What::issuer);
    std::uint8_t free = 0;
    for (std::size_t i = kFirstSlots.size(); i < kSlotCount; ++i) {
        const Slot& slot = core.state.slots[i];
        if (slot.key == 0 && slot.certificate_size == 0) ++free;
    }
    writer.put_byte(st::free_slots, free);
    return writer.ok() ? writer.size() : 0;
}

Slot staged_slot(const Core& core, std::size_t role) {
    Slot out;
    if (!core.state.staging.has(role)) return out;
    const StagedKey& staged = core.state.staging.keys[role];
    out.key = staged.key;
    out.algorithm = staged.algorithm;
    out.pin_policy = staged.pin_policy;
    out.touch_policy = staged.touch_policy;
    out.origin = staged.origin;
    return out;
}

Status install_staged_key(Core& core, std::size_t role, Bytes saved, Bytes public_key, Origin origin) {
    const Staging& staging = core.state.staging;
    if (!staging.has(role) || staging.keys[role].key != 0) return Error::invalid;
    const NewKey key = new_key(staging.keys[role], saved, public_key, origin);
    return put_staged(core, Staging(staging), role, &key);
}

std::optional<std::size_t> free_retired_slot(const State& state) {
    for (std::size_t i = kFirstSlots.size(); i < kSlotCount; ++i) {
        if (state.slots[i].key == 0 && state.slots[i].certificate_size == 0) return i;
    }
    return std::nullopt;
}

}  // namespace sealkey::applet
