// Certificates, seal, record and the next issuer come in by parts. A value is published to what is staged by its last
// part; until then what was loaded before stands.
#include <algorithm>

#include "applet/data_objects.h"
#include "applet/staging_parts.h"

namespace sealkey::applet {

namespace {

using What = StageLoad::What;

// Where the value that is coming in belongs.
StagedValue& target_of(Staging& staging, What what, std::size_t role) {
    switch (what) {
        case What::seal:
            return staging.seal;
        case What::record:
            return staging.record;
        case What::issuer:
            return staging.issuer;
        default:
            return staging.keys[role].certificate;
    }
}

std::uint32_t limit_of(What what) {
    switch (what) {
        case What::seal:
            return protocol::kMaxSeal;
        case What::record:
            return protocol::kMaxObject;
        default:
            return protocol::kMaxCertificateObject;
    }
}

// A place in the pool that nothing uses; there are more places than values.
Place free_place(const State& state) {
    const Staging& staging = state.staging;
    for (Place candidate = 1; candidate < kLastPool; ++candidate) {
        const auto is = [candidate](Place place) { return place == candidate; };
        bool used = std::any_of(state.places.certificates.begin(), state.places.certificates.end(), is) ||
                    std::any_of(state.places.watched.begin(), state.places.watched.end(), is) ||
                    is(staging.seal.place) || is(staging.record.place) || is(staging.issuer.place);
        for (const StagedKey& key : staging.keys) used = used || is(key.certificate.place);
        if (!used) return candidate;
    }
    return kLastPool;
}

// `whole`: the value, if it came in one part; else it is in the store's stream.
Status publish(Core& core, What what, std::size_t role, std::uint32_t size, const crypto::Sha256Digest& digest,
               Bytes whole) {
    const auto size_here = static_cast<std::uint32_t>(whole.size());
    auto change = Change::begin(core, size_here + Change::kRenewalRecordsSize + kCommitPayload,
                                1 + Change::kRenewalRecords + kCommitObjects);
    if (!change) return change.error();
    StagedValue& value = target_of(core.state.staging, what, role);
    if (value.place == 0) value.place = free_place(core.state);
    value.size = size;
    std::copy_n(digest.begin(), value.fingerprint.size(), value.fingerprint.begin());
    store::Transaction& transaction = change->transaction();
    const ObjectId object = pool_id(value.place);
    if (Status s = whole.empty() ? transaction.put_stream(object) : transaction.put(object, whole); !s) return s;
    // What was proven was proven for another certificate.
    if (what == What::certificate) core.state.staging.keys[role].proven = false;
    change->touch_staging();
    return change->commit();
}

// The first part of a value that is longer.
StatusWord open(Core& core, const StagePart& command) {
    abandon_loading(core);
    if (const Status opened = core.store.stream_open(command.total); !opened) return status_word(opened);
    StageLoad& loading = core.loading;
    loading.what = command.what;
    loading.role = command.role;
    loading.total = command.total;
    loading.received = 0;
    loading.hash.emplace();
    return sw::ok;
}

bool is_next(const StageLoad& loading, const StagePart& command) {
    return loading.what == command.what && loading.role == command.role && loading.total == command.total &&
           loading.received == command.offset;
}

StatusWord append(Core& core, const StagePart& command) {
    StageLoad& loading = core.loading;
    if (const Status added = core.store.stream_append(command.part); !added) return status_word(added);
    loading.hash->update(command.part);
    loading.received += static_cast<std::uint32_t>(command.part.size());
    if (loading.received < loading.total) return sw::ok;
    const crypto::Sha256Digest digest = loading.hash->finish();
    const std::uint32_t total = loading.total;
    loading.drop();  // the transaction takes the stream
    return status_word(publish(core, command.what, command.role, total, digest, {}));
}

}  // namespace

void abandon_loading(Core& core) {
    if (core.loading.what == What::nothing) return;
    core.store.stream_abandon();
    core.loading.drop();
}

StatusWord run_stage_part(Core& core, const StagePart& command) {
    const Staging& staging = core.state.staging;
    if (!staging.active()) return sw::conditions_not_satisfied;
    if (command.what == What::certificate) {
        if (!staging.has(command.role)) return sw::reference_not_found;
        if (staging.keys[command.role].key == 0) return sw::conditions_not_satisfied;
    }
    if (command.total > limit_of(command.what)) return sw::not_enough_memory;
    if (command.offset == 0 && command.part.size() == command.total) {
        abandon_loading(core);
        return status_word(
            publish(core, command.what, command.role, command.total, crypto::sha256(command.part), command.part));
    }
    if (command.offset == 0) {
        if (const StatusWord status = open(core, command); status != sw::ok) return status;
    }
    if (!is_next(core.loading, command)) {
        abandon_loading(core);
        return sw::conditions_not_satisfied;
    }
    const StatusWord status = append(core, command);
    if (status != sw::ok) abandon_loading(core);
    return status;
}

}  // namespace sealkey::applet
