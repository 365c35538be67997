#include "store/mount.h"

#include <algorithm>

namespace sealkey::store {

namespace flag = format::flag;

namespace {

constexpr std::uint16_t kBookkeeping = flag::commit | flag::mark;
constexpr int kAttempts = 8;
// Sequences skipped after a mount, so that none is used again that a torn, unreadable entry may have had.
constexpr std::uint32_t kSequenceGap = 16;

}  // namespace

Status Store::mount() {
    if (transaction_.open) return Error::busy;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        mounted_ = false;
        record_count_ = pending_count_ = 0;
        head_ = {};
        stream_ = {};
        settled_ = resolved_ = oldest_ = header_settled_ = 0;
        const Status done = Mount(*this).run();
        mounted_ = done.ok();
        if (done.ok() || done.error() != Error::corrupt) return done;
    }
    return Error::corrupt;
}

Status Store::format() {
    if (transaction_.open) return Error::busy;
    const bool live = mounted_ || mount().ok();
    record_count_ = 0;
    head_ = {};
    stream_ = {};
    mounted_ = false;
    if (auto r = sectors_.check_geometry(); !r) return r;
    if (live) {
        // The new sector's header declares all older ones void.
        oldest_ = next_sector_sequence_;
        if (auto r = settle(); !r) return r;
    } else {
        for (SectorIndex s = 0; s < sectors_.count(); ++s)
            if (auto r = sectors_.erase(s); !r) return r;
        next_sequence_ = next_sector_sequence_ = 1;
        settled_ = resolved_ = 0;
        oldest_ = 1;
        if (auto r = settle(); !r) return r;
    }
    for (SectorIndex s = 0; s < sectors_.count(); ++s)
        if (s != head_.sector && sectors_[s].state != SectorState::erased)
            if (auto r = sectors_.erase(s); !r) return r;
    mounted_ = true;
    return {};
}

Status Mount::run() {
    if (auto r = sectors_.check_geometry(); !r) return r;
    if (auto r = read_headers(); !r) return r;
    if (!newest_.found) return none_used();
    if (auto r = find_last_commit(); !r) return r;
    if (auto r = index_objects(); !r) return r;
    if (auto r = index_extents(); !r) return r;
    if (auto r = mark_dirty(); !r) return r;
    return clean_up();
}

template <class Visitor>
Status Mount::for_each_entry(SectorIndex s, Visitor visit) {
    Entry entry;
    for (std::uint32_t offset = sectors_.start();; offset += entry.size) {
        const auto walk = sectors_.entry_at(s, offset, entry);
        if (!walk) return walk.error();
        if (*walk != Walk::entry) return {};
        if (Status r = visit(s, entry); !r) return r;
    }
}

template <class Visitor>
Status Mount::for_each_entry(Visitor visit) {
    for (SectorIndex s = 0; s < sectors_.count(); ++s)
        if (sectors_.used(s))
            if (auto r = for_each_entry(s, visit); !r) return r;
    return {};
}

Status Mount::read_headers() {
    for (SectorIndex s = 0; s < sectors_.count(); ++s) {
        format::SectorHeader header;
        const auto kind = sectors_.read_header(s, header);
        if (!kind) return kind.error();
        sectors_[s] = {};
        if (*kind == format::HeaderKind::foreign) return Error::unsupported_format;
        if (*kind == format::HeaderKind::none) {
            const auto blank = sectors_.blank_from(s, 0);
            if (!blank) return blank.error();
            if (!*blank) litter_.add(s);
            continue;
        }
        if (header.unit_size != sectors_.unit() || header.sectors != sectors_.count()) return Error::unsupported_format;
        sectors_[s] = {header.sequence, SectorState::used, 0};
        if (header.copied < sectors_.capacity()) {
            std::array<std::uint8_t, format::kMaxUnit> behind;
            const std::uint32_t offset = sectors_.start() + header.copied;
            const auto n = std::min(sectors_.unit(), sectors_.sector_size() - offset);
            if (auto r = sectors_.read(s, offset, MutableBytes(behind).first(n)); !r) return r;
            if (!format::is_blank(Bytes(behind).first(n))) firm_.add(s);
        }
        if (!newest_.found || header.sequence > newest_.header.sequence) newest_ = {header, true};
    }
    for (SectorIndex s = 0; s < sectors_.count(); ++s)
        if (sectors_.used(s) && sectors_[s].sequence < newest_.header.oldest) {
            sectors_[s].state = SectorState::voided;
            voided_ = true;
        }
    return {};
}

// No sector has a header. A first format() that was cut leaves at most one torn header and nothing else.
Status Mount::none_used() {
    for (SectorIndex s = 0; s < sectors_.count(); ++s) {
        if (!litter_.has(s)) continue;
        const auto blank = sectors_.blank_from(s, sectors_.start());
        if (!blank) return blank.error();
        if (!*blank) return Error::corrupt;
    }
    return Error::not_found;
}

// The last COMMIT that holds; everything up to it counts, since an aborted transaction is gone before the next begins.
Status Mount::find_last_commit() {
    last_commit_ = newest_.header.settled;
    highest_ = std::max(newest_.header.settled, newest_.header.resolved);
    auto r = for_each_entry([&](SectorIndex, const Entry& e) -> Status {
        highest_ = std::max(highest_, e.header.sequence);
        return {};
    });
    if (!r) return r;
    for (std::uint32_t bound = 0xFFFFFFFF;;) {
        std::uint32_t best = 0;
        r = for_each_entry([&](SectorIndex, const Entry& e) -> Status {
            const std::uint32_t sequence = e.header.sequence;
            if ((e.header.flags & flag::commit) != 0 && sequence > newest_.header.resolved && sequence < bound)
                best = std::max(best, sequence);
            return {};
        });
        if (!r) return r;
        if (best == 0) break;
        const auto holds = commit_holds(best);
        if (!holds) return holds.error();
        if (*holds) {
            last_commit_ = best;
            break;
        }
        bound = best;
    }
    // Anything behind it shows that the COMMIT was written whole.
    return for_each_entry([&](SectorIndex s, const Entry& e) -> Status {
        if ((e.header.flags & flag::commit) == 0 || e.header.sequence != last_commit_) return {};
        const auto blank = sectors_.blank_from(s, e.offset + e.size);
        if (!blank) return blank.error();
        if (!*blank) commit_repeated_ = true;
        return {};
    });
}

// True when all that the COMMIT of this sequence counts is there and whole.
Result<bool> Mount::commit_holds(std::uint32_t sequence) {
    format::Commit commit;
    bool found = false;
    auto r = for_each_entry([&](SectorIndex s, const Entry& e) -> Status {
        if (found || (e.header.flags & flag::commit) == 0 || e.header.sequence != sequence) return {};
        if (e.header.length != format::kCommitSize) return {};
        std::uint32_t crc = 0;
        const auto whole = sectors_.whole(s, e, crc);
        if (!whole) return whole.error();
        if (!*whole) return {};
        std::array<std::uint8_t, format::kCommitSize> payload;
        if (auto got = sectors_.read(s, e.offset + format::kEntryHeaderSize, payload); !got) return got;
        commit = format::decode_commit(payload);
        found = true;
        return {};
    });
    if (!r) return r.error();
    if (!found || commit.first > sequence || commit.count != sequence - commit.first) return false;
    std::uint32_t count = 0;
    std::uint32_t digest = 0;
    r = for_each_entry([&](SectorIndex s, const Entry& e) -> Status {
        if (e.header.sequence < commit.first || e.header.sequence >= sequence) return {};
        if ((e.header.flags & kBookkeeping) != 0) return {};
        std::uint32_t crc = 0;
        const auto whole = sectors_.whole(s, e, crc);
        if (!whole) return whole.error();
        if (!*whole) return {};
        ++count;
        digest += crc;
        return {};
    });
    if (!r) return r.error();
    return count == commit.count && digest == commit.digest;
}

bool Mount::never_happened(std::uint32_t sequence) const {
    return sequence > last_commit_ || (sequence > newest_.header.settled && sequence <= newest_.header.resolved);
}

// Puts the entry's place into its record, if it is whole. Of two copies the one in the newer sector is taken: its data
// was written whole before its header. The other goes, and so does this one, copied afresh, unless its header is known
// to have been written whole.
Status Mount::place(SectorIndex s, const Entry& entry, Store::Record& record) {
    std::uint32_t crc = 0;
    const auto whole = sectors_.whole(s, entry, crc);
    if (!whole) return whole.error();
    if (!*whole) {
        dirty_.add(s);
        return {};
    }
    SectorIndex loser = kNoSector;
    if (record.sector != kNoSector && record.sequence == entry.header.sequence) {
        const bool newer = sectors_[s].sequence > sectors_[record.sector].sequence;
        const SectorIndex winner = newer ? s : record.sector;
        loser = newer ? record.sector : s;
        dirty_.add(loser);
        if (!firm_.has(winner)) dirty_.add(winner);
        if (!newer) return {};
    }
    record.sequence = entry.header.sequence;
    record.id = entry.header.id;
    record.offset = entry.offset;
    record.length = entry.header.length;
    record.sector = s;
    record.flags = static_cast<std::uint8_t>(entry.header.flags);
    return {};
}

Status Mount::index_objects() {
    return for_each_entry([&](SectorIndex s, const Entry& e) -> Status {
        const auto& h = e.header;
        if ((h.flags & (kBookkeeping | flag::extent)) != 0) return {};
        if (h.id >= kFirstHiddenId || never_happened(h.sequence)) return {};
        if (const auto* known = store_.find(h.id); known != nullptr) {
            if (known->sequence > h.sequence) return {};
            return place(s, e, *const_cast<Store::Record*>(known));
        }
        if (store_.record_count_ == kMaxRecords) return Error::no_space;
        Store::Record record;
        if (auto r = place(s, e, record); !r) return r;
        if (record.sector != kNoSector) store_.records_[store_.record_count_++] = record;
        return {};
    });
}

Status Mount::index_extents() {
    const std::uint16_t objects = store_.record_count_;
    for (std::uint16_t i = 0; i < objects; ++i) {
        const Store::Record manifest = store_.records_[i];
        if ((manifest.flags & flag::manifest) == 0) continue;
        for (std::uint32_t k = 0; k < Store::extent_count(manifest); ++k) {
            const auto reference = store_.extent_of(manifest, k);
            if (!reference) return reference.error();
            if (store_.find_extent(reference->id, reference->sequence) != nullptr) continue;
            if (store_.record_count_ == kMaxRecords) return Error::no_space;
            store_.records_[store_.record_count_++] = {reference->sequence, reference->id, 0,
                                                       reference->length,   kNoSector,     flag::extent};
        }
    }
    return for_each_entry([&](SectorIndex s, const Entry& e) -> Status {
        if ((e.header.flags & flag::extent) == 0 || never_happened(e.header.sequence)) return {};
        auto* record = store_.find_extent(e.header.id, e.header.sequence);
        if (record == nullptr || record->length != e.header.length) return {};
        return place(s, e, *record);
    });
}

// Sectors that hold what may not stay: entries that never happened, copies of superseded secrets, a torn tail.
Status Mount::mark_dirty() {
    for (SectorIndex s = 0; s < sectors_.count(); ++s) {
        if (!sectors_.used(s)) continue;
        Entry entry;
        std::uint32_t offset = sectors_.start();
        for (;; offset += entry.size) {
            const auto walk = sectors_.entry_at(s, offset, entry);
            if (!walk) return walk.error();
            if (*walk != Walk::entry) break;
            if ((entry.header.flags & kBookkeeping) != 0) continue;
            if (never_happened(entry.header.sequence)) {
                dead_entries_ = true;
                dirty_.add(s);
            }
            const bool secret = (entry.header.flags & flag::secret) != 0;
            if (secret && store_.find_at(s, entry.offset) == nullptr) dirty_.add(s);
        }
        const auto blank = sectors_.blank_from(s, offset);
        if (!blank) return blank.error();
        if (!*blank) dirty_.add(s);  // torn
    }
    return {};
}

// True when what is committed and what isn't can't read otherwise at the next mount.
Result<bool> Mount::decided_for_good() {
    if (voided_) return false;
    if (!dead_entries_ && commit_repeated_) return true;
    for (SectorIndex s = 0; s < sectors_.count(); ++s) {
        if (!sectors_.used(s) || !firm_.has(s)) continue;
        format::SectorHeader header;
        const auto kind = sectors_.read_header(s, header);
        if (!kind) return kind.error();
        if (*kind != format::HeaderKind::ours || header.settled < last_commit_) continue;
        if (!dead_entries_ || header.resolved >= highest_) return true;
    }
    return false;
}

Status Mount::clean_up() {
    const auto decided = decided_for_good();
    if (!decided) return decided.error();
    store_.settled_ = last_commit_;
    store_.next_sequence_ = highest_ + kSequenceGap;
    store_.next_sector_sequence_ = newest_.header.sequence + kSequenceGap;
    store_.oldest_ = newest_.header.oldest;
    store_.header_settled_ = newest_.header.settled;
    store_.resolved_ = std::max(newest_.header.resolved, last_commit_);
    if (!*decided) {
        store_.resolved_ = store_.next_sequence_ - 1;
        if (auto r = store_.settle(); !r) return r;
    }
    for (SectorIndex s = 0; s < sectors_.count(); ++s) {
        const bool litter = litter_.has(s) && sectors_[s].state == SectorState::stale;
        if (!litter && sectors_[s].state != SectorState::voided) continue;
        if (auto r = sectors_.erase(s); !r) return r;
    }
    return dirty_.empty() ? Status() : store_.compact(dirty_);
}

}  // namespace sealkey::store
