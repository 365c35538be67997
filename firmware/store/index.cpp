// The index in RAM: where the newest committed entry of each object stands.
#include "store/store.h"

namespace sealkey::store {

using format::ExtentReference;

const Store::Record* Store::find(ObjectId id) const {
    for (std::uint16_t i = 0; i < record_count_; ++i)
        if (records_[i].id == id && (records_[i].flags & format::flag::extent) == 0) return &records_[i];
    return nullptr;
}

const Store::Record* Store::find_extent(ObjectId id, std::uint32_t sequence) const {
    for (std::uint16_t i = 0; i < record_count_; ++i) {
        const Record& r = records_[i];
        if (r.id == id && r.sequence == sequence && (r.flags & format::flag::extent) != 0) return &r;
    }
    return nullptr;
}

Store::Record* Store::find_extent(ObjectId id, std::uint32_t sequence) {
    return const_cast<Record*>(static_cast<const Store*>(this)->find_extent(id, sequence));
}

Store::Record* Store::find_at(SectorIndex s, std::uint16_t offset) {
    for (std::uint16_t i = 0; i < record_count_; ++i)
        if (records_[i].sector == s && records_[i].offset == offset) return &records_[i];
    return nullptr;
}

std::uint32_t Store::extent_count(const Record& manifest) {
    if (manifest.length < format::kManifestHeadSize) return 0;
    const auto n = (manifest.length - format::kManifestHeadSize) / format::kExtentReferenceSize;
    return static_cast<std::uint32_t>(n < kMaxExtents ? n : kMaxExtents);
}

Result<ExtentReference> Store::extent_of(const Record& manifest, std::uint32_t i) const {
    std::array<std::uint8_t, format::kExtentReferenceSize> bytes;
    const std::size_t at = manifest.offset + format::kEntryHeaderSize + format::kManifestHeadSize + i * bytes.size();
    if (auto r = sectors_.read(manifest.sector, static_cast<std::uint32_t>(at), bytes); !r) return r.error();
    return format::decode_extent(bytes);
}

void Store::drop_record(const Record* record) {
    const auto i = static_cast<std::size_t>(record - records_.data());
    --record_count_;
    records_[i] = records_[record_count_];
    records_[record_count_] = {};
}

bool Store::has_tombstones() const {
    for (std::uint16_t i = 0; i < record_count_; ++i)
        if ((records_[i].flags & format::flag::tombstone) != 0) return true;
    return false;
}

void Store::supersede(const Record* record, SectorSet& secrets) {
    const Record old = *record;
    drop_record(record);
    const bool secret = (old.flags & format::flag::secret) != 0;
    if (secret && old.sector != kNoSector) secrets.add(old.sector);
    if ((old.flags & format::flag::manifest) == 0) return;
    for (std::uint32_t i = 0; i < extent_count(old); ++i) {
        const auto reference = extent_of(old, i);
        if (!reference) continue;
        const Record* extent = find_extent(reference->id, reference->sequence);
        if (extent == nullptr) continue;
        if (secret && extent->sector != kNoSector) secrets.add(extent->sector);
        drop_record(extent);
    }
}

std::uint32_t Store::live_bytes(SectorIndex s) const {
    std::uint32_t n = 0;
    for (std::uint16_t i = 0; i < record_count_; ++i)
        if (records_[i].sector == s) n += sectors_.entry_size(records_[i].length);
    return n;
}

Result<std::uint32_t> Store::size(ObjectId id) const {
    const Record* record = id < kFirstHiddenId ? find(id) : nullptr;
    if (record == nullptr || (record->flags & format::flag::tombstone) != 0) return Error::not_found;
    if ((record->flags & format::flag::manifest) == 0) return std::uint32_t{record->length};
    std::uint8_t total[4];
    const auto at = static_cast<std::uint32_t>(record->offset + format::kEntryHeaderSize);
    if (auto r = sectors_.read(record->sector, at, total); !r) return r.error();
    return load_be32(total);
}

Status Store::read(ObjectId id, std::uint32_t offset, MutableBytes out) const {
    const auto total = size(id);
    if (!total) return total.error();
    if (offset > *total || out.size() > *total - offset) return Error::invalid;
    const Record& record = *find(id);
    if ((record.flags & format::flag::manifest) == 0) {
        const auto at = static_cast<std::uint32_t>(record.offset + format::kEntryHeaderSize + offset);
        return sectors_.read(record.sector, at, out);
    }
    std::uint32_t start = 0;  // of the extent, in the object
    for (std::uint32_t i = 0; i < extent_count(record) && !out.empty(); ++i) {
        const auto reference = extent_of(record, i);
        if (!reference) return reference.error();
        const std::uint32_t end = start + reference->length;
        if (offset < end) {
            const Record* extent = find_extent(reference->id, reference->sequence);
            if (extent == nullptr || extent->sector == kNoSector || extent->length != reference->length)
                return Error::corrupt;
            const std::size_t n = out.size() < end - offset ? out.size() : end - offset;
            const auto at = static_cast<std::uint32_t>(extent->offset + format::kEntryHeaderSize + (offset - start));
            if (auto r = sectors_.read(extent->sector, at, out.first(n)); !r) return r;
            out = out.subspan(n);
            offset += static_cast<std::uint32_t>(n);
        }
        start = end;
    }
    if (!out.empty()) return Error::corrupt;
    return {};
}

}  // namespace sealkey::store
