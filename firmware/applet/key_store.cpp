#include "applet/key_store.h"

#include "applet/data_objects.h"

namespace sealkey::applet {

namespace {

using store::Vault;

ObjectId private_id(KeyId key) { return static_cast<ObjectId>(id::private_key_first + key); }
ObjectId public_id(KeyId key) { return static_cast<ObjectId>(id::public_key_first + key); }

Status seal_key(Core& core, Change& change, KeyId key, const NewKey& fresh) {
    if (fresh.pin_policy == PinPolicy::never) {
        return core.vault.seal_by_device(change.transaction(), private_id(key), fresh.saved);
    }
    const auto dek = core.vault.open_by_system();
    if (!dek) return dek.error();
    return core.vault.seal(change.transaction(), private_id(key), fresh.saved, *dek);
}

}  // namespace

KeyId free_key_id(const State& state) {
    for (KeyId candidate = 1; candidate < kLastKeyId; ++candidate) {
        bool used = false;
        for (const Slot& slot : state.slots) used = used || slot.key == candidate;
        for (const StagedKey& staged : state.staging.keys) used = used || staged.key == candidate;
        if (!used) return candidate;
    }
    return kLastKeyId;
}

Status store_key(Core& core, Change& change, KeyId key, const NewKey& fresh) {
    if (Status s = seal_key(core, change, key, fresh); !s) return s;
    return change.transaction().put(public_id(key), fresh.public_key);
}

Status remove_stored_key(Change& change, KeyId key) {
    if (Status s = change.transaction().remove(private_id(key)); !s) return s;
    return change.transaction().remove(public_id(key));
}

Status install_key(Core& core, std::size_t slot, const NewKey& fresh, bool drop_certificate) {
    const std::size_t payload = fresh.saved.size() + Vault::kOverhead + fresh.public_key.size();
    auto change = Change::begin(core, static_cast<std::uint32_t>(payload) + 16, 7);
    if (!change) return change.error();
    Slot& record = core.state.slots[slot];
    const KeyId before = record.key;
    const KeyId key = free_key_id(core.state);
    if (Status s = store_key(core, *change, key, fresh); !s) return s;
    if (before != 0) {
        if (Status s = remove_stored_key(*change, before); !s) return s;
    }
    if (drop_certificate && record.certificate_size > 0) {
        if (Status s = remove_certificate(core, *change, slot); !s) return s;
    }
    record.key = key;
    record.algorithm = fresh.algorithm;
    record.pin_policy = fresh.pin_policy;
    record.touch_policy = fresh.touch_policy;
    record.origin = fresh.origin;
    record.moved = false;
    change->touch_slot(slot);
    return change->commit();
}

Status remove_key(Core& core, Change& change, std::size_t slot) {
    Slot& record = core.state.slots[slot];
    if (Status s = remove_stored_key(change, record.key); !s) return s;
    record.drop_key();
    change.touch_slot(slot);
    return {};
}

Status load_private_key(Core& core, const Slot& slot, bool by_system) {
    KeyBuffer& buffer = core.key_buffer;
    buffer.clear();
    const bool by_device = slot.pin_policy == PinPolicy::never;
    store::Dek opened;
    if (!by_device && by_system) {
        auto dek = core.vault.open_by_system();
        if (!dek) return dek.error();
        opened = std::move(*dek);
    }
    const store::Dek& dek = by_system ? opened : core.session.dek;
    if (!by_device && dek.empty()) return Error::wrong_secret;
    const auto size = by_device ? core.vault.unseal_by_device(private_id(slot.key), buffer.buffer())
                                : core.vault.unseal(private_id(slot.key), dek, buffer.buffer());
    if (!size) return size.error();
    buffer.resize(*size);
    return {};
}

Result<std::size_t> read_public_key(const Core& core, const Slot& slot, MutableBytes out) {
    const auto size = core.store.size(public_id(slot.key));
    if (!size) return size.error();
    if (*size > out.size()) return Error::too_large;
    if (Status s = core.store.read(public_id(slot.key), 0, out.first(*size)); !s) return s.error();
    return std::size_t{*size};
}

std::size_t rsa_bits(Algorithm algorithm) {
    switch (algorithm) {
        case Algorithm::rsa2048:
            return 2048;
        case Algorithm::rsa3072:
            return 3072;
        case Algorithm::rsa4096:
            return 4096;
        default:
            return 0;
    }
}

}  // namespace sealkey::applet
