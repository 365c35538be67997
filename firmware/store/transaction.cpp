// Transactions: entries are appended under new sequences, and a COMMIT entry makes them count.
#include <algorithm>

#include "base/crc32.h"
#include "store/store.h"

namespace sealkey::store {

namespace flag = format::flag;

Transaction::~Transaction() {
    if (store_ != nullptr) store_->abort();
}
Transaction::Transaction(Transaction&& other) noexcept : store_(other.store_) { other.store_ = nullptr; }

Status Transaction::put(ObjectId id, Bytes value, Sensitivity sensitivity) {
    if (store_ == nullptr) return Error::invalid;
    return store_->put_value(id, value, sensitivity);
}
Status Transaction::put_stream(ObjectId id) {
    if (store_ == nullptr) return Error::invalid;
    return store_->put_stream(id);
}
Status Transaction::remove(ObjectId id) {
    if (store_ == nullptr) return Error::invalid;
    return store_->remove_value(id);
}
Status Transaction::commit() {
    if (store_ == nullptr) return Error::invalid;
    Store& store = *store_;
    store_ = nullptr;
    return store.commit();
}

Result<Transaction> Store::begin(std::uint32_t payload, std::uint32_t objects, Purpose purpose) {
    if (!mounted_) return Error::flash_failure;
    if (transaction_.open) return Error::busy;
    if (payload > sectors_.capacity() * sectors_.count() || objects > kMaxPending) return Error::no_space;
    if (auto room = make_index_room(objects, purpose); !room) return room.error();
    if (auto room = make_room(payload, objects, 0, purpose); !room) return room.error();
    transaction_ = {};
    transaction_.open = true;
    transaction_.purpose = purpose;
    transaction_.payload_left = payload;
    transaction_.objects_left = objects;
    transaction_.first = next_sequence_;
    pending_count_ = 0;
    return Transaction(*this);
}

Status Store::put(ObjectId id, Bytes value, Sensitivity sensitivity) {
    auto transaction = begin(static_cast<std::uint32_t>(value.size()), 1);
    if (!transaction) return transaction.error();
    if (auto r = transaction->put(id, value, sensitivity); !r) return r;
    return transaction->commit();
}

Status Store::remove(ObjectId id) {
    auto transaction = begin(0, 1, Purpose::upkeep);
    if (!transaction) return transaction.error();
    if (auto r = transaction->remove(id); !r) return r;
    return transaction->commit();
}

// One entry at the head; in another sector if it doesn't fit.
Result<Store::Record> Store::append(std::uint16_t flags, ObjectId id, Bytes first, Bytes second) {
    const auto length = static_cast<std::uint32_t>(first.size() + second.size());
    const std::uint32_t size = sectors_.entry_size(length);
    if (size > head_room()) {
        if (sectors_.free_count() <= kReserveSectors + stream_.sectors_left) return Error::no_space;
        if (auto opened = open_head(); !opened) return opened.error();
    }
    Record record;
    record.sequence = next_sequence_++;
    record.id = id;
    record.offset = static_cast<std::uint16_t>(head_.offset);
    record.length = static_cast<std::uint16_t>(length);
    record.sector = head_.sector;
    record.flags = static_cast<std::uint8_t>(flags);
    head_.offset += size;
    transaction_.touched.add(head_.sector);
    EntryWriter writer;
    const format::EntryHeader header{flags, id, record.length, record.sequence};
    if (auto r = writer.start(sectors_, record.sector, record.offset, header); !r) return r.error();
    if (auto r = writer.add(sectors_, first); !r) return r.error();
    if (auto r = writer.add(sectors_, second); !r) return r.error();
    if (auto r = writer.finish(sectors_); !r) return r.error();
    transaction_.digest += writer.crc();
    ++transaction_.count;
    return record;
}

Status Store::add_entry(std::uint16_t flags, ObjectId id, Bytes value) {
    bool known = (flags & flag::extent) == 0 && find(id) != nullptr;
    for (std::uint16_t i = 0; i < pending_count_; ++i) known = known || pending_[i].id == id;
    if (pending_count_ == kMaxPending || (!known && index_room(transaction_.purpose) == 0)) {
        transaction_.failed = true;
        return Error::no_space;
    }
    if (!known) ++transaction_.new_records;
    if (transaction_.count == 0) flags = static_cast<std::uint16_t>(flags | flag::begin);
    const auto record = append(flags, id, value);
    if (!record) {
        transaction_.failed = true;
        return record.error();
    }
    pending_[pending_count_++] = *record;
    return {};
}

Status Store::charge(std::size_t payload) {
    if (!transaction_.open || transaction_.failed) return Error::invalid;
    if (transaction_.objects_left == 0 || payload > transaction_.payload_left) return Error::no_space;
    --transaction_.objects_left;
    transaction_.payload_left -= static_cast<std::uint32_t>(payload);
    return {};
}

Status Store::put_value(ObjectId id, Bytes value, Sensitivity sensitivity) {
    if (id >= kFirstHiddenId) return Error::invalid;
    const std::uint32_t piece = largest_inline();
    if (value.size() > std::size_t{piece} * kMaxExtents) return Error::too_large;
    if (auto r = charge(value.size()); !r) return r;
    const std::uint16_t secret = sensitivity == Sensitivity::secret ? flag::secret : 0;
    if (value.size() <= piece) return add_entry(secret, id, value);

    std::array<std::uint8_t, format::kManifestHeadSize + kMaxExtents * format::kExtentReferenceSize> manifest;
    store_be32(manifest.data(), static_cast<std::uint32_t>(value.size()));
    std::size_t used = format::kManifestHeadSize;
    while (!value.empty()) {
        const std::size_t n = std::min<std::size_t>(piece, value.size());
        const auto hidden = static_cast<ObjectId>(kFirstHiddenId | (next_sequence_ & 0x7FFF));
        if (auto r = add_entry(secret | flag::extent, hidden, value.first(n)); !r) return r;
        const Record& extent = pending_[pending_count_ - 1U];
        format::encode({extent.id, extent.length, extent.sequence},
                       std::span(manifest).subspan(used).first<format::kExtentReferenceSize>());
        used += format::kExtentReferenceSize;
        value = value.subspan(n);
    }
    return add_entry(secret | flag::manifest, id, Bytes(manifest).first(used));
}

Status Store::put_stream(ObjectId id) {
    if (id >= kFirstHiddenId || !stream_.active || stream_.written != stream_.length || transaction_.publishes_stream)
        return Error::invalid;
    if (auto r = charge(0); !r) return r;
    std::array<std::uint8_t, format::kManifestHeadSize + kMaxExtents * format::kExtentReferenceSize> manifest;
    store_be32(manifest.data(), stream_.length);
    std::size_t used = format::kManifestHeadSize;
    for (std::uint32_t i = 0; i < stream_.extents; ++i) {
        format::encode(stream_.list[i], std::span(manifest).subspan(used).first<format::kExtentReferenceSize>());
        used += format::kExtentReferenceSize;
    }
    transaction_.publishes_stream = true;
    return add_entry(flag::manifest, id, Bytes(manifest).first(used));
}

Status Store::remove_value(ObjectId id) {
    if (id >= kFirstHiddenId) return Error::invalid;
    if (auto r = charge(0); !r) return r;
    const Record* record = find(id);
    bool present = record != nullptr && (record->flags & flag::tombstone) == 0;
    for (std::uint16_t i = 0; i < pending_count_; ++i)
        if (pending_[i].id == id) present = (pending_[i].flags & flag::tombstone) == 0;
    if (!present) return {};
    return add_entry(flag::tombstone, id, {});
}

// COMMIT, and once more: whatever stands after the first one shows that it was written whole.
Status Store::write_commit() {
    const std::uint32_t size = sectors_.entry_size(format::kCommitSize);
    if (2 * size > head_room()) {
        if (sectors_.free_count() <= kReserveSectors + stream_.sectors_left) return Error::no_space;
        if (auto opened = open_head(); !opened) return opened;
    }
    std::array<std::uint8_t, format::kCommitSize> payload;
    format::encode(format::Commit{transaction_.first, transaction_.count, transaction_.digest}, payload);
    const auto record = append(flag::commit, 0, payload);
    if (!record) return record.error();
    settled_ = record->sequence;
    resolved_ = std::max(resolved_, settled_);

    EntryWriter again;
    const std::uint32_t offset = head_.offset;
    head_.offset += size;
    const format::EntryHeader header{flag::commit, 0, format::kCommitSize, record->sequence};
    if (auto r = again.start(sectors_, head_.sector, offset, header); !r) return {};
    if (auto r = again.add(sectors_, payload); !r) return {};
    if (auto r = again.finish(sectors_); !r) return {};
    return {};
}

void Store::apply(SectorSet& secrets) {
    for (std::uint16_t i = 0; i < pending_count_; ++i) {
        if ((pending_[i].flags & flag::extent) == 0)
            if (const Record* old = find(pending_[i].id); old != nullptr) supersede(old, secrets);
        records_[record_count_++] = pending_[i];
    }
    pending_count_ = 0;
}

Status Store::commit() {
    if (transaction_.failed) {
        abort();
        return Error::invalid;
    }
    if (transaction_.count == 0) {
        transaction_ = {};
        return {};
    }
    if (auto written = write_commit(); !written) {
        if (written.error() == Error::no_space) {  // it wasn't begun
            abort();
            return written;
        }
        // The COMMIT may stand in flash all the same: nothing may be written before mount() has settled that.
        mounted_ = false;
        transaction_ = {};
        return written;
    }
    SectorSet secrets;
    apply(secrets);
    if (transaction_.publishes_stream) stream_ = {};
    transaction_ = {};
    if (secrets.empty() || compact(secrets)) return {};
    // It has happened, but the promise about secrets isn't kept: mount() must come first.
    mounted_ = false;
    return Error::flash_failure;
}

// What was appended must be gone before another COMMIT covers its sequences.
void Store::abort() {
    const OpenTransaction aborted = transaction_;
    transaction_ = {};
    pending_count_ = 0;
    if (!aborted.open || aborted.touched.empty()) return;
    if (!compact(aborted.touched)) mounted_ = false;
}

Status Store::stream_open(std::uint32_t length) {
    if (!mounted_) return Error::flash_failure;
    if (transaction_.open) return Error::busy;
    stream_abandon();
    const std::uint32_t sectors = (length + sectors_.longest_payload() - 1) / sectors_.longest_payload();
    if (sectors > kMaxExtents) return Error::too_large;
    if (auto room = make_index_room(sectors + 1, Purpose::content); !room) return room;
    if (index_room(Purpose::content) < sectors + 1) return Error::no_space;
    if (auto room = make_room(0, 1, sectors, Purpose::content); !room) return room;
    stream_.active = true;
    stream_.length = length;
    stream_.sectors_left = sectors;
    return {};
}

// Each extent of a stream has a sector of its own, so that other entries never stand behind one that is half written.
Status Store::begin_extent() {
    const auto opened = open_sector();
    if (!opened) return opened.error();
    --stream_.sectors_left;
    Record& extent = stream_.current;
    extent.sector = *opened;
    extent.offset = static_cast<std::uint16_t>(sectors_.start());
    extent.length = static_cast<std::uint16_t>(std::min(sectors_.longest_payload(), stream_.length - stream_.written));
    extent.sequence = next_sequence_++;
    extent.id = static_cast<ObjectId>(kFirstHiddenId | (extent.sequence & 0x7FFF));
    extent.flags = flag::extent;
    stream_.extent_left = extent.length;
    stream_.in_extent = true;
    return stream_.writer.start(sectors_, extent.sector, extent.offset,
                                {extent.flags, extent.id, extent.length, extent.sequence});
}

Status Store::end_extent() {
    if (auto r = stream_.writer.finish(sectors_); !r) return r;
    if (record_count_ == kMaxRecords) return Error::no_space;
    const Record& extent = stream_.current;
    records_[record_count_++] = extent;
    stream_.list[stream_.extents++] = {extent.id, extent.length, extent.sequence};
    stream_.in_extent = false;
    // The rest of this sector serves for what follows, if that is more than the head has left.
    const std::uint32_t end = extent.offset + sectors_.entry_size(extent.length);
    if (sectors_.sector_size() - end > head_room()) head_ = {extent.sector, end};
    return {};
}

Status Store::stream_append(Bytes piece) {
    if (transaction_.open) return Error::busy;
    if (!mounted_ || !stream_.active) return Error::invalid;
    if (piece.size() > stream_.length - stream_.written) return Error::too_large;
    while (!piece.empty()) {
        Status done;
        if (!stream_.in_extent) done = begin_extent();
        const std::size_t n = std::min<std::size_t>(piece.size(), stream_.extent_left);
        if (done) done = stream_.writer.add(sectors_, piece.first(n));
        stream_.extent_left -= static_cast<std::uint32_t>(n);
        stream_.written += static_cast<std::uint32_t>(n);
        if (done && stream_.extent_left == 0) done = end_extent();
        if (!done) {
            stream_abandon();
            return done;
        }
        piece = piece.subspan(n);
    }
    return {};
}

void Store::stream_abandon() {
    for (std::uint32_t i = 0; i < stream_.extents; ++i)
        if (const Record* extent = find_extent(stream_.list[i].id, stream_.list[i].sequence)) drop_record(extent);
    stream_ = {};
}

}  // namespace sealkey::store
