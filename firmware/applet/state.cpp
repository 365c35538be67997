#include "applet/state.h"

#include <algorithm>
#include <utility>

namespace sealkey::applet {

namespace {

constexpr std::uint8_t kRecordVersion = 1;
constexpr std::uint8_t kMoved = 0x80;  // beside a key's origin

// Reads a record of fixed size; an absent one leaves `record` as it is.
template <class Record>
Status load_record(const store::Store& store, ObjectId object, Record& record) {
    std::array<std::uint8_t, Record::kSize> raw{};
    const auto size = store.size(object);
    if (!size) return size.error() == Error::not_found ? Status{} : Status{size.error()};
    if (*size != raw.size()) return Error::corrupt;
    if (Status s = store.read(object, 0, raw); !s) return s;
    return record.decode(raw);
}

template <class Record>
Status put_record(store::Transaction& transaction, ObjectId object, const Record& record) {
    std::array<std::uint8_t, Record::kSize> raw{};
    record.encode(raw);
    return transaction.put(object, raw);
}

}  // namespace

void Config::encode(std::array<std::uint8_t, kSize>& out) const {
    out[0] = kRecordVersion;
    out[1] = static_cast<std::uint8_t>(lifecycle);
    out[2] = static_cast<std::uint8_t>(profile);
    std::copy(serial.begin(), serial.end(), out.begin() + 3);
    store_be32(&out[15], numeric_serial);
    out[19] = kvn;
    out[20] = has_unlock_key ? 1 : 0;
    out[21] = pin_tries;
    out[22] = puk_tries;
    out[23] = static_cast<std::uint8_t>(wipe);
    out[24] = 0;
}

Status Config::decode(const std::array<std::uint8_t, kSize>& in) {
    if (in[0] != kRecordVersion) return Error::unsupported_format;
    lifecycle = static_cast<Lifecycle>(in[1]);
    profile = static_cast<Profile>(in[2]);
    std::copy_n(in.begin() + 3, serial.size(), serial.begin());
    numeric_serial = load_be32(&in[15]);
    kvn = in[19];
    has_unlock_key = in[20] != 0;
    pin_tries = in[21];
    puk_tries = in[22];
    wipe = static_cast<Wipe>(in[23]);
    return {};
}

void PinRecord::encode(std::array<std::uint8_t, kSize>& out) const {
    out.fill(0);
    out[0] = kRecordVersion;
    store_be16(&out[1], pin_epoch);
    store_be16(&out[3], puk_epoch);
    store_be16(&out[5], lock_counter);
    store_be32(&out[7], salt);
    out[11] = burned;
    out[12] = static_cast<std::uint8_t>(lock);
    out[13] = static_cast<std::uint8_t>((pin_default ? 1 : 0) | (puk_default ? 2 : 0) | (management_default ? 4 : 0) |
                                        (reset_done ? 8 : 0));
    store_be16(&out[14], reset_done_counter);
    std::copy(reset_done_mac.begin(), reset_done_mac.end(), out.begin() + 16);
}

Status PinRecord::decode(const std::array<std::uint8_t, kSize>& in) {
    if (in[0] != kRecordVersion) return Error::unsupported_format;
    pin_epoch = load_be16(&in[1]);
    puk_epoch = load_be16(&in[3]);
    lock_counter = load_be16(&in[5]);
    salt = load_be32(&in[7]);
    burned = in[11];
    lock = static_cast<LockState>(in[12]);
    pin_default = (in[13] & 1) != 0;
    puk_default = (in[13] & 2) != 0;
    management_default = (in[13] & 4) != 0;
    reset_done = (in[13] & 8) != 0;
    reset_done_counter = load_be16(&in[14]);
    std::copy_n(in.begin() + 16, reset_done_mac.size(), reset_done_mac.begin());
    return {};
}

void Slot::encode(std::array<std::uint8_t, kSize>& out) const {
    out[0] = kRecordVersion;
    out[1] = key;
    out[2] = static_cast<std::uint8_t>(algorithm);
    out[3] = static_cast<std::uint8_t>(pin_policy);
    out[4] = static_cast<std::uint8_t>(touch_policy);
    out[5] = static_cast<std::uint8_t>(static_cast<std::uint8_t>(origin) | (moved ? kMoved : 0));
    store_be16(&out[6], certificate_size);
    store_be16(&out[8], certificate_changes);
    std::copy(fingerprint.begin(), fingerprint.end(), out.begin() + 10);
}

Status Slot::decode(const std::array<std::uint8_t, kSize>& in) {
    if (in[0] != kRecordVersion) return Error::unsupported_format;
    key = in[1];
    algorithm = static_cast<Algorithm>(in[2]);
    pin_policy = static_cast<PinPolicy>(in[3]);
    touch_policy = static_cast<TouchPolicy>(in[4]);
    origin = static_cast<Origin>(in[5] & ~kMoved);
    moved = (in[5] & kMoved) != 0;
    certificate_size = load_be16(&in[6]);
    certificate_changes = load_be16(&in[8]);
    std::copy_n(in.begin() + 10, fingerprint.size(), fingerprint.begin());
    return {};
}

void Slot::drop_key() {
    key = 0;
    algorithm = Algorithm::none;
    pin_policy = PinPolicy::standard;
    touch_policy = TouchPolicy::standard;
    origin = Origin::none;
    moved = false;
}

void Watched::encode(std::array<std::uint8_t, kSize>& out) const {
    store_be32(out.data(), size);
    std::copy(fingerprint.begin(), fingerprint.end(), out.begin() + 4);
}

Status Watched::decode(const std::array<std::uint8_t, kSize>& in) {
    size = load_be32(in.data());
    std::copy_n(in.begin() + 4, fingerprint.size(), fingerprint.begin());
    return {};
}

Status Core::load() {
    state = State{};
    if (Status s = load_record(store, id::config, state.config); !s) return s;
    if (Status s = load_record(store, id::pin_record, state.pin); !s) return s;
    std::array<std::uint8_t, 4> counter{};
    if (store.contains(id::change_counter)) {
        if (Status s = store.read(id::change_counter, 0, counter); !s) return s;
        state.changes = load_be32(counter.data());
    }
    for (std::size_t i = 0; i < state.slots.size(); ++i) {
        if (Status s = load_record(store, static_cast<ObjectId>(id::slot_first + i), state.slots[i]); !s) return s;
    }
    for (std::size_t i = 0; i < state.watched.size(); ++i) {
        if (Status s = load_record(store, static_cast<ObjectId>(id::watched_first + i), state.watched[i]); !s) return s;
    }
    if (Status s = load_record(store, id::places, state.places); !s) return s;
    if (Status s = load_record(store, id::renewal, state.renewal); !s) return s;
    return load_record(store, id::staging, state.staging);
}

std::optional<ObjectId> stored_object(const State& state, std::uint32_t tag) {
    Place place = 0;
    if (const auto slot = slot_of_certificate(tag)) place = state.places.certificates[*slot];
    if (const auto index = watched_index(tag)) place = state.places.watched[*index];
    if (place == 0) return object_id(tag);
    return place < kHomeOf ? pool_id(place) : object_id(certificate_tag(place - kHomeOf));
}

namespace {

Result<store::Transaction> reserve(Core& core, std::uint32_t payload, std::uint32_t objects, Purpose purpose) {
    constexpr std::uint32_t records =
        Config::kSize + PinRecord::kSize + 4 + Change::kSlotsPerChange * Slot::kSize + Watched::kSize;
    constexpr std::uint32_t record_objects = 3 + Change::kSlotsPerChange + 1;
    return core.store.begin(payload + records, objects + record_objects, purpose);
}

}  // namespace

Result<Change> Change::begin(Core& core, std::uint32_t payload, std::uint32_t objects, Purpose purpose) {
    auto transaction = reserve(core, payload, objects, purpose);
    if (!transaction) return transaction.error();
    return Change(core, std::move(*transaction));
}

Status Change::require_room(Core& core, std::uint32_t payload, std::uint32_t objects) {
    // The transaction goes at once: nothing was written in it.
    if (const auto transaction = reserve(core, payload, objects, Purpose::upkeep); !transaction)
        return transaction.error();
    return {};
}

Change::Change(Change&& other) noexcept
    : core_(std::exchange(other.core_, nullptr)),
      transaction_(std::move(other.transaction_)),
      committed_(other.committed_),
      config_(other.config_),
      pin_(other.pin_),
      slots_(other.slots_),
      watched_(other.watched_),
      places_(other.places_),
      staging_(other.staging_),
      renewal_(other.renewal_) {}

Change::~Change() {
    // What was altered in memory never happened.
    if (core_ != nullptr && !committed_ && !core_->load()) core_->failed = true;
}

Status Change::put_records() {
    const State& state = core_->state;
    if (config_) {
        if (Status s = put_record(transaction_, id::config, state.config); !s) return s;
    }
    if (pin_) {
        if (Status s = put_record(transaction_, id::pin_record, state.pin); !s) return s;
    }
    for (std::size_t i = 0; i < state.slots.size(); ++i) {
        if ((slots_ >> i & 1) == 0) continue;
        if (Status s = put_record(transaction_, static_cast<ObjectId>(id::slot_first + i), state.slots[i]); !s)
            return s;
    }
    for (std::size_t i = 0; i < state.watched.size(); ++i) {
        if ((watched_ >> i & 1) == 0) continue;
        const ObjectId object = static_cast<ObjectId>(id::watched_first + i);
        if (Status s = put_record(transaction_, object, state.watched[i]); !s) return s;
    }
    if (Status s = put_renewal_records(); !s) return s;
    std::array<std::uint8_t, 4> counter{};
    store_be32(counter.data(), state.changes);
    return transaction_.put(id::change_counter, counter);
}

Status Change::put_renewal_records() {
    const State& state = core_->state;
    if (places_) {
        if (Status s = put_record(transaction_, id::places, state.places); !s) return s;
    }
    if (renewal_) {
        if (Status s = put_record(transaction_, id::renewal, state.renewal); !s) return s;
    }
    if (!staging_) return {};
    return state.staging.active() ? put_record(transaction_, id::staging, state.staging)
                                  : transaction_.remove(id::staging);
}

Status Change::commit() {
    ++core_->state.changes;
    if (Status s = put_records(); !s) return s;
    if (Status s = transaction_.commit(); !s) {
        // Unless there was no room for it, it may or may not have happened: the next start finds out.
        if (s.error() != Error::no_space) core_->failed = true;
        return s;
    }
    committed_ = true;
    return {};
}

StatusWord status_word(Error error) {
    switch (error) {
        case Error::not_found:
            return sw::file_not_found;
        case Error::no_space:
        case Error::too_large:
            return sw::not_enough_memory;
        case Error::invalid:
            return sw::wrong_data;
        case Error::corrupt:
        case Error::flash_failure:
            return sw::memory_failure;
        case Error::unsupported_format:
            return sw::self_test_failed;
        case Error::wrong_secret:
            return sw::security_not_satisfied;
        case Error::exhausted:
            return sw::authentication_blocked;
        case Error::crypto_failure:
        case Error::busy:
            break;
    }
    return sw::internal_error;
}

}  // namespace sealkey::applet
