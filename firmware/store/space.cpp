// Sectors and room: opening sectors, compaction, and what must be free before a transaction begins.
//
// Compaction is safe at any cut because the entries of all sectors with a header count as one set: a copy is the same
// entry with the same sequence, and a source is erased only when the header of the copy's sector, and a mark behind it,
// are written whole. A tombstone stays as long as any older entry of its object stands anywhere.
#include <algorithm>

#include "store/store.h"

namespace sealkey::store {

namespace flag = format::flag;

// The sector that compaction fills; it has no header until finish_copy().
struct Store::Copying {
    SectorIndex sector = kNoSector;
    std::uint32_t offset = 0;
    std::uint32_t finished = 0;  // sectors
};

std::uint32_t Store::largest_inline() const {
    // Half a sector at most, so that no sector is left more than half empty because the next entry didn't fit.
    const std::uint32_t half = sectors_.capacity() / 2 / sectors_.unit() * sectors_.unit();
    return half - static_cast<std::uint32_t>(format::kEntryOverhead);
}

std::uint32_t Store::head_room() const { return head_.sector == kNoSector ? 0 : sectors_.sector_size() - head_.offset; }

format::SectorHeader Store::next_header(std::uint32_t copied) {
    format::SectorHeader header;
    header.unit_size = static_cast<std::uint16_t>(sectors_.unit());
    header.sectors = sectors_.count();
    header.sequence = next_sector_sequence_++;
    header.settled = settled_;
    header.resolved = resolved_;
    header.oldest = oldest_;
    header.copied = copied;
    return header;
}

Result<SectorIndex> Store::open_sector() {
    const auto s = sectors_.take();
    if (!s) return s;
    if (auto r = sectors_.write_header(*s, next_header(0)); !r) return r.error();
    header_settled_ = settled_;
    return s;
}

Status Store::open_head() {
    const auto s = open_sector();
    if (!s) return s.error();
    head_ = {*s, sectors_.start()};
    return {};
}

Status Store::write_mark(SectorIndex s, std::uint32_t offset) {
    EntryWriter writer;
    if (auto r = writer.start(sectors_, s, offset, {flag::mark, 0, 0, settled_}); !r) return r;
    return writer.finish(sectors_);
}

// Writes down, for good, what is committed and what never happened.
Status Store::settle() {
    if (auto opened = open_head(); !opened) return opened;
    const std::uint32_t offset = head_.offset;
    head_.offset += sectors_.entry_size(0);
    return write_mark(head_.sector, offset);
}

// Sectors that a transaction may have to open, at worst.
std::uint32_t Store::sectors_for(std::uint32_t payload, std::uint32_t objects) const {
    const std::uint32_t piece = largest_inline();
    const std::uint32_t extents = payload > piece ? payload / piece + objects + 1 : 0;
    const std::uint32_t entries = objects + extents;
    std::uint32_t total = payload + entries * (static_cast<std::uint32_t>(format::kEntryOverhead) + sectors_.unit());
    if (extents > 0) total += objects * 4 + extents * 8;
    const std::uint32_t manifest = stream_.active ? 4 + kMaxExtents * 8 : 0;
    total += manifest + 2 * sectors_.entry_size(format::kCommitSize);
    if (total <= head_room()) return 0;
    // A sector is left when the next entry doesn't fit: none is longer than this.
    const std::uint32_t longest = std::max({std::min(payload, piece), manifest, std::uint32_t{format::kCommitSize}});
    const std::uint32_t filled = sectors_.capacity() - sectors_.entry_size(longest);
    return total <= sectors_.capacity() ? 1 : total / filled + 1;
}

Status Store::make_room(std::uint32_t payload, std::uint32_t objects, std::uint32_t sectors, Purpose purpose) {
    const std::uint32_t kept = kReserveSectors + (purpose == Purpose::upkeep ? 0 : kUpkeepSectors);
    for (bool dropped = false;;) {
        const std::uint32_t need = sectors_for(payload, objects) + sectors + stream_.sectors_left + kept;
        if (sectors_.free_count() >= need) return {};
        if (collect(false) || collect(true)) continue;
        if (!mounted_) return Error::flash_failure;
        if (dropped || !has_tombstones()) return Error::no_space;
        dropped = true;
        if (auto r = drop_tombstones(); !r) return r;
    }
}

// Records that may still be added.
std::size_t Store::index_room(Purpose purpose) const {
    const std::size_t promised = stream_.sectors_left + (stream_.in_extent ? 1U : 0U);
    const std::size_t taken = record_count_ + promised + transaction_.new_records;
    const std::size_t limit = kMaxRecords - (purpose == Purpose::upkeep ? 0 : kUpkeepRecords);
    return taken < limit ? limit - taken : 0;
}

// Tombstones take records until the entries that they cover are gone from flash. They go when the index is short.
Status Store::make_index_room(std::uint32_t records, Purpose purpose) {
    if (index_room(purpose) >= records || !has_tombstones()) return {};
    return drop_tombstones();
}

// First the sectors with what the tombstones cover, then those with the tombstones, which nothing needs any more.
// Neither step takes more sectors than it frees: what was in one sector is never spread over two more.
Status Store::drop_tombstones() {
    SectorSet covered;
    for (SectorIndex s = 0; s < sectors_.count(); ++s) {
        if (!sectors_.used(s) || busy(s)) continue;
        Entry entry;
        for (std::uint32_t offset = sectors_.start();; offset += entry.size) {
            const auto walk = sectors_.entry_at(s, offset, entry);
            if (!walk) return walk.error();
            if (*walk != Walk::entry) break;
            if ((entry.header.flags & (flag::commit | flag::mark | flag::extent)) != 0) continue;
            const Record* record = find(entry.header.id);
            if (record == nullptr || (record->flags & flag::tombstone) == 0) continue;
            if (record->sector != s || record->offset != entry.offset) covered.add(s);
        }
    }
    Status done = compact(covered);
    if (done) {
        SectorSet own;
        for (std::uint16_t i = 0; i < record_count_; ++i)
            if (const Record& r = records_[i]; (r.flags & flag::tombstone) != 0 && !busy(r.sector)) own.add(r.sector);
        done = compact(own);
    }
    if (!done) mounted_ = false;
    return done;
}

// Compacts the fewest sectors, emptiest first, whose live entries fit in fewer. False: nothing to be gained.
bool Store::collect(bool with_head) {
    std::array<std::uint16_t, kMaxSectors> live{};
    for (std::uint16_t i = 0; i < record_count_; ++i)
        if (const Record& r = records_[i]; r.sector != kNoSector)
            live[r.sector] = static_cast<std::uint16_t>(live[r.sector] + sectors_.entry_size(r.length));

    std::array<SectorIndex, kMaxSectors> order;
    std::size_t n = 0;
    for (SectorIndex s = 0; s < sectors_.count(); ++s) {
        if (sectors_.used(s) && !busy(s) && (with_head || s != head_.sector)) order[n++] = s;
    }
    std::sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(n), [&](SectorIndex a, SectorIndex b) {
        if (live[a] != live[b]) return live[a] < live[b];
        return sectors_[a].sequence < sectors_[b].sequence;
    });

    std::size_t copies = 0;
    std::uint32_t used = sectors_.capacity();   // of the sector being filled
    bool speaks = header_settled_ != settled_;  // erasing these takes a new header somewhere, see erase_victims()
    const std::uint32_t newest = newest_sector();
    for (std::size_t k = 0; k < n; ++k) {
        for (std::uint16_t i = 0; i < record_count_; ++i) {
            if (records_[i].sector != order[k]) continue;
            const std::uint32_t size = sectors_.entry_size(records_[i].length);
            if (used + size > sectors_.capacity()) {
                ++copies;
                used = 0;
            }
            used += size;
        }
        speaks = speaks || sectors_[order[k]].sequence == newest;
        if (std::max<std::size_t>(copies, speaks ? 1 : 0) > k) continue;
        const std::uint32_t before = sectors_.free_count();
        if (!compact(std::span<const SectorIndex>(order).first(k + 1))) {
            mounted_ = false;
            return false;
        }
        return sectors_.free_count() > before;
    }
    return false;
}

Status Store::compact(const SectorSet& set) {
    std::array<SectorIndex, kMaxSectors> victims;
    std::size_t n = 0;
    for (SectorIndex s = 0; s < sectors_.count(); ++s)
        if (set.has(s) && sectors_.used(s)) victims[n++] = s;
    // Newest first: where an interrupted compaction left two copies, the index has the newer, and that one must be
    // copied before the older may go.
    std::sort(victims.begin(), victims.begin() + static_cast<std::ptrdiff_t>(n),
              [&](SectorIndex a, SectorIndex b) { return sectors_[a].sequence > sectors_[b].sequence; });
    return compact(std::span<const SectorIndex>(victims).first(n));
}

// Copies what is live in these sectors elsewhere and erases them, in this order.
Status Store::compact(std::span<const SectorIndex> victims) {
    if (std::find(victims.begin(), victims.end(), head_.sector) != victims.end()) head_ = {};
    Copying copying;
    std::size_t erased = 0;
    for (std::size_t i = 0; i < victims.size(); ++i) {
        const std::uint32_t finished = copying.finished;
        if (auto r = copy_live(victims[i], copying); !r) return r;
        if (copying.finished == finished) continue;
        if (auto r = erase_victims(victims.subspan(erased, i - erased)); !r) return r;
        erased = i;
    }
    if (copying.sector != kNoSector)
        if (auto r = finish_copy(copying); !r) return r;
    return erase_victims(victims.subspan(erased));
}

Status Store::copy_live(SectorIndex victim, Copying& copying) {
    Entry entry;
    for (std::uint32_t offset = sectors_.start();; offset += entry.size) {
        const auto walk = sectors_.entry_at(victim, offset, entry);
        if (!walk) return walk.error();
        if (*walk != Walk::entry) return {};
        const Record* record = find_at(victim, entry.offset);
        if (record == nullptr) continue;
        if ((record->flags & flag::tombstone) != 0) {
            const auto needed = tombstone_needed(*record);
            if (!needed) return needed.error();
            if (!*needed) {
                drop_record(record);
                continue;
            }
        }
        if (copying.sector != kNoSector && copying.offset + entry.size > sectors_.sector_size())
            if (auto r = finish_copy(copying); !r) return r;
        if (copying.sector == kNoSector) {
            const auto target = sectors_.take();
            if (!target) return target.error();
            copying.sector = *target;
            copying.offset = sectors_.start();
        }
        if (auto r = sectors_.copy(victim, entry, copying.sector, copying.offset); !r) return r;
        copying.offset += entry.size;
    }
}

// The header last, then the mark; only now does the index point here.
Status Store::finish_copy(Copying& copying) {
    const SectorIndex s = copying.sector;
    const std::uint32_t end = copying.offset;
    copying.sector = kNoSector;
    ++copying.finished;
    Entry entry;
    for (std::uint32_t offset = sectors_.start(); offset < end; offset += entry.size) {
        const auto walk = sectors_.entry_at(s, offset, entry);
        if (!walk) return walk.error();
        if (*walk != Walk::entry) return Error::corrupt;
        std::uint32_t crc = 0;
        const auto whole = sectors_.whole(s, entry, crc);
        if (!whole) return whole.error();
        if (!*whole) return Error::corrupt;
    }
    if (auto r = sectors_.write_header(s, next_header(end - sectors_.start())); !r) return r;
    header_settled_ = settled_;
    std::uint32_t used = end;
    if (end + sectors_.entry_size(0) <= sectors_.sector_size()) {
        used += sectors_.entry_size(0);
        if (auto r = write_mark(s, end); !r) return r;
    }
    for (std::uint32_t offset = sectors_.start(); offset < end; offset += entry.size) {
        const auto walk = sectors_.entry_at(s, offset, entry);
        if (!walk) return walk.error();
        for (std::uint16_t i = 0; i < record_count_; ++i) {
            Record& r = records_[i];
            if (r.id != entry.header.id || r.sequence != entry.header.sequence) continue;
            r.sector = s;
            r.offset = entry.offset;
        }
    }
    if (sectors_.sector_size() - used > head_room()) head_ = {s, used};
    return {};
}

std::uint32_t Store::newest_sector() const {
    std::uint32_t newest = 0;
    for (SectorIndex s = 0; s < sectors_.count(); ++s)
        if (sectors_.used(s)) newest = std::max(newest, sectors_[s].sequence);
    return newest;
}

Status Store::erase_victims(std::span<const SectorIndex> victims) {
    // The newest header speaks for the store: another one must say as much before it goes.
    const std::uint32_t newest = newest_sector();
    for (const SectorIndex s : victims)
        if (sectors_[s].sequence == newest || header_settled_ != settled_) {
            if (auto r = settle(); !r) return r;
            break;
        }
    for (const SectorIndex s : victims)
        if (auto r = sectors_.erase(s); !r) return r;
    return {};
}

// True while an older entry of the object stands anywhere in flash, this tombstone's own sector included.
Result<bool> Store::tombstone_needed(const Record& tombstone) const {
    for (SectorIndex s = 0; s < sectors_.count(); ++s) {
        if (!sectors_.used(s)) continue;
        Entry entry;
        for (std::uint32_t offset = sectors_.start();; offset += entry.size) {
            const auto walk = sectors_.entry_at(s, offset, entry);
            if (!walk) return walk.error();
            if (*walk != Walk::entry) break;
            if (entry.header.id != tombstone.id || (entry.header.flags & (flag::commit | flag::mark)) != 0) continue;
            if (s != tombstone.sector || entry.offset != tombstone.offset) return true;
        }
    }
    return false;
}

}  // namespace sealkey::store
