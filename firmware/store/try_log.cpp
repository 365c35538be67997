#include "store/try_log.h"

#include <algorithm>

#include "base/crc32.h"
#include "store/format.h"

namespace sealkey::store {

namespace {

constexpr std::uint32_t kMagic = 0x534B5452;  // "SKTR"
constexpr std::uint16_t kVersion = 1;

// Zero bits name the reference: two per reference, so that a slot that was programmed in part still says whose it may
// be.
constexpr std::uint8_t pattern_of(std::uint8_t reference) {
    return static_cast<std::uint8_t>(~(3U << (2 * (reference - 1U))));
}
constexpr std::uint8_t kSpentByte = 0x5A;
constexpr std::uint8_t kClearByte = 0xA3;
constexpr std::uint8_t kMarkByte = 0x3F;
constexpr std::uint32_t kLooks = 32;

}  // namespace

// Header, 32 bytes: magic(4) version(2) ~version(2) sequence(4), for each reference epoch(2) spent(1) open(1), zero(4),
// crc(4). Slot, 8 bytes: reference(1) kind(1) epoch(2), and the complement of these.

TryLog::Slot TryLog::encode(Kind kind, std::uint8_t reference, std::uint16_t epoch) {
    Slot slot;
    if (kind == Kind::mark) {  // clears only bits that no other slot clears, so that a torn one is no try
        slot.fill(0xFF);
        slot[0] = kMarkByte;
        return slot;
    }
    slot[0] = pattern_of(reference);
    slot[1] = kind == Kind::spent ? kSpentByte : kClearByte;
    store_be16(&slot[2], epoch);
    for (std::size_t i = 0; i < 4; ++i) slot[4 + i] = static_cast<std::uint8_t>(~slot[i]);
    return slot;
}

// True when no bit is cleared that a slot of this reference and epoch would have set.
bool TryLog::may_be(const Slot& torn, std::uint8_t reference, std::uint16_t epoch) {
    const Slot meant = encode(Kind::spent, reference, epoch);
    for (const std::size_t i : {0U, 2U, 3U, 4U, 6U, 7U})
        if ((~torn[i] & meant[i]) != 0) return false;
    return true;
}

// A slot as it reads. False: it is none that was written whole.
bool TryLog::count(Counters& counters, const Slot& slot) {
    if (format::is_blank(slot) || slot == encode(Kind::mark, 0, 0)) return true;
    const std::uint16_t epoch = load_be16(&slot[2]);
    for (std::uint8_t r = 1; r <= kReferences; ++r) {
        Counter& counter = counters[r - 1U];
        if (slot == encode(Kind::clear, r, epoch)) {
            counter = {true, epoch, 0};
            return true;
        }
        if (slot == encode(Kind::spent, r, epoch)) {
            if (!counter.open || counter.epoch != epoch) counter = {true, epoch, 0};
            if (counter.spent < kAllSpent) ++counter.spent;
            return true;
        }
    }
    return false;
}

void TryLog::count_torn(Counters& counters, const Slot& slot) {
    for (std::uint8_t r = 1; r <= kReferences; ++r) {
        Counter& counter = counters[r - 1U];
        if (counter.open && counter.spent < kAllSpent && may_be(slot, r, counter.epoch)) ++counter.spent;
    }
}

std::uint32_t TryLog::slot_size() const { return std::max<std::uint32_t>(kSlotBytes, geometry_.unit_size); }
std::uint32_t TryLog::header_size() const {
    return format::round_up(kHeaderSize, std::max<std::uint32_t>(kSlotBytes, geometry_.unit_size));
}
std::uint32_t TryLog::slots() const { return (geometry_.sector_size - header_size()) / slot_size(); }
std::uint32_t TryLog::address(std::uint32_t half, std::uint32_t offset) const {
    return (sectors_.first + half) * geometry_.sector_size + offset;
}

Status TryLog::check_geometry() {
    geometry_ = flash_.geometry();
    const std::uint32_t u = geometry_.unit_size;
    if (u != 4 && u != 8 && u != 16 && u != 256) return Error::invalid;
    if (geometry_.sector_size < 1024 || geometry_.sector_size % 256 != 0) return Error::invalid;
    if (sectors_.count != 2 || sectors_.first > geometry_.sector_count || geometry_.sector_count - sectors_.first < 2)
        return Error::invalid;
    return {};
}

Status TryLog::read_header(std::uint32_t half, Half& out, bool& foreign) {
    std::array<std::uint8_t, kHeaderSize> bytes;
    out = {};
    if (!flash_.read(address(half, 0), bytes)) return Error::flash_failure;
    const std::uint16_t version = load_be16(&bytes[4]);
    if (load_be32(bytes.data()) != kMagic || version != static_cast<std::uint16_t>(~load_be16(&bytes[6]))) return {};
    if (version != kVersion) {
        foreign = true;
        return {};
    }
    if (load_be32(&bytes[28]) != crc32(Bytes(bytes).first(28))) return {};
    out.valid = true;
    out.sequence = load_be32(&bytes[8]);
    for (std::size_t r = 0; r < kReferences; ++r) {
        const std::uint8_t* at = &bytes[12 + 4 * r];
        out.counters[r] = {at[3] != 0, load_be16(at), at[2]};
    }
    return {};
}

Status TryLog::read_slot(std::uint32_t half, std::uint32_t slot, Slot& out) {
    const std::uint32_t at = address(half, header_size() + slot * slot_size());
    return flash_.read(at, out) ? Status() : Status(Error::flash_failure);
}

// Which half counts. Both have a header when a swap was cut: the older one is whole unless something stands behind the
// newer one's header, since the mark there is written before the older one is erased.
Status TryLog::choose(bool& both) {
    Half halves[2];
    bool foreign = false;
    for (std::uint32_t h = 0; h < 2; ++h)
        if (auto r = read_header(h, halves[h], foreign); !r) return r;
    if (foreign) return Error::unsupported_format;
    if (!halves[0].valid && !halves[1].valid) return Error::not_found;
    both = halves[0].valid && halves[1].valid;
    half_ = halves[1].valid && (!halves[0].valid || halves[1].sequence > halves[0].sequence) ? 1 : 0;
    if (both) {
        // Bits of a torn mark that read either way don't hide from many looks.
        bool behind = false;
        for (std::uint32_t i = 0; i < slots() + kLooks && !behind; ++i) {
            Slot slot;
            if (auto r = read_slot(half_, i < slots() ? i : 0, slot); !r) return r;
            behind = !format::is_blank(slot);
        }
        if (!behind) {
            half_ ^= 1U;
            // The other one is dropped before use.
            if (!flash_.erase(sectors_.first + (half_ ^ 1U))) return Error::flash_failure;
            both = false;
        }
    }
    sequence_ = std::max(halves[0].sequence, halves[1].sequence);
    counters_ = halves[half_].counters;
    return {};
}

Status TryLog::replay(bool& torn) {
    next_ = 0;
    for (std::uint32_t i = 0; i < slots(); ++i) {
        // The whole unit must be erased to be programmed, not only the bytes that carry the slot.
        std::array<std::uint8_t, format::kMaxUnit> unit;
        const MutableBytes whole = MutableBytes(unit).first(slot_size());
        if (!flash_.read(address(half_, header_size() + i * slot_size()), whole)) return Error::flash_failure;
        if (!format::is_blank(whole)) next_ = i + 1;
    }
    // The last slot, or the one behind it that reads as erased, may be the one whose programming was cut.
    bool steady = true;
    Slot behind;
    if (next_ < slots()) {
        if (auto r = look_closely(next_, behind, steady); !r) return r;
        if (!steady || !format::is_blank(behind)) ++next_;
    }
    for (std::uint32_t i = 1; i < next_; ++i) {  // the first one is the mark, whatever became of it
        Slot slot;
        steady = true;
        if (auto r = i + 1 < next_ ? read_slot(half_, i, slot) : look_closely(i, slot, steady); !r) return r;
        if (steady && count(counters_, slot)) continue;
        count_torn(counters_, slot);
        torn = true;
    }
    return {};
}

// Bits that read either way don't hide from many looks. `out` has the bits that any look saw cleared.
Status TryLog::look_closely(std::uint32_t slot, Slot& out, bool& steady) {
    if (auto r = read_slot(half_, slot, out); !r) return r;
    const Slot first = out;
    for (std::uint32_t look = 0; look < kLooks; ++look) {
        Slot again;
        if (auto r = read_slot(half_, slot, again); !r) return r;
        if (again != first) steady = false;
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(out[i] & again[i]);
    }
    return {};
}

Status TryLog::mount() {
    mounted_ = false;
    if (auto r = check_geometry(); !r) return r;
    bool both = false;
    if (auto r = choose(both); !r) return r;
    bool torn = false;
    if (auto r = replay(torn); !r) return r;
    if (both) {
        // The mark may be torn itself. One that is written now is not.
        if (next_ < slots()) {
            if (auto r = write_slot(encode(Kind::mark, 0, 0)); !r) return r;
        }
        if (!flash_.erase(sectors_.first + (half_ ^ 1U))) return Error::flash_failure;
    }
    mounted_ = true;
    // Torn slots are turned into plain counts, so that they mean the same from now on.
    if (torn) {
        if (auto r = swap(); !r) {
            mounted_ = false;
            return r;
        }
    }
    return {};
}

Status TryLog::format() {
    mounted_ = false;
    if (auto r = check_geometry(); !r) return r;
    Half halves[2];
    bool foreign = false;
    for (std::uint32_t h = 0; h < 2; ++h)
        if (auto r = read_header(h, halves[h], foreign); !r) return r;
    sequence_ = std::max(halves[0].sequence, halves[1].sequence);
    half_ = halves[1].valid && halves[1].sequence == sequence_ ? 1 : 0;
    counters_ = {};
    if (auto r = swap(); !r) return r;
    mounted_ = true;
    return {};
}

std::uint8_t TryLog::spent(TryReference reference, std::uint16_t epoch) const {
    if (!mounted_) return kAllSpent;
    const Counter& counter = counters_[static_cast<std::size_t>(reference) - 1];
    return counter.open && counter.epoch == epoch ? counter.spent : 0;
}

Status TryLog::spend(TryReference reference, std::uint16_t epoch) {
    if (!mounted_) return Error::not_found;
    if (auto r = make_room(2); !r) return r;
    // A first CLEAR opens the counter, so that a torn SPENT has one to count in.
    const Counter& counter = counters_[static_cast<std::size_t>(reference) - 1];
    if (!counter.open || counter.epoch != epoch)
        if (auto r = write(Kind::clear, reference, epoch); !r) return r;
    return write(Kind::spent, reference, epoch);
}

Status TryLog::clear(TryReference reference, std::uint16_t epoch) {
    if (!mounted_) return Error::not_found;
    if (auto r = make_room(1); !r) return r;
    return write(Kind::clear, reference, epoch);
}

Status TryLog::write(Kind kind, TryReference reference, std::uint16_t epoch) {
    const Slot slot = encode(kind, static_cast<std::uint8_t>(reference), epoch);
    if (auto r = write_slot(slot); !r) {
        // What stands there now counts as it reads.
        Slot back;
        if (read_slot(half_, next_ - 1, back) && !count(counters_, back)) count_torn(counters_, back);
        return r;
    }
    (void)count(counters_, slot);
    return {};
}

// Programs the next slot and reads it back; the slot is used up whatever comes of it.
Status TryLog::write_slot(const Slot& slot) {
    std::array<std::uint8_t, format::kMaxUnit> bytes;
    bytes.fill(0xFF);
    std::copy(slot.begin(), slot.end(), bytes.begin());
    const std::uint32_t at = next_++;
    if (!flash_.program(address(half_, header_size() + at * slot_size()), Bytes(bytes).first(slot_size())))
        return Error::flash_failure;
    Slot back;
    if (auto r = read_slot(half_, at, back); !r) return r;
    return back == slot ? Status() : Status(Error::flash_failure);
}

Status TryLog::make_room(std::uint32_t slots_needed) { return next_ + slots_needed <= slots() ? Status() : swap(); }

Status TryLog::write_header(std::uint32_t half) {
    std::array<std::uint8_t, format::kMaxUnit> bytes;
    bytes.fill(0xFF);
    std::fill_n(bytes.begin(), kHeaderSize, std::uint8_t{0});
    store_be32(bytes.data(), kMagic);
    store_be16(&bytes[4], kVersion);
    store_be16(&bytes[6], static_cast<std::uint16_t>(~kVersion));
    store_be32(&bytes[8], sequence_ + 1);
    for (std::size_t r = 0; r < kReferences; ++r) {
        std::uint8_t* at = &bytes[12 + 4 * r];
        store_be16(at, counters_[r].epoch);
        at[2] = counters_[r].spent;
        at[3] = counters_[r].open ? 1 : 0;
    }
    store_be32(&bytes[28], crc32(Bytes(bytes).first(28)));
    if (!flash_.program(address(half, 0), Bytes(bytes).first(header_size()))) return Error::flash_failure;
    std::array<std::uint8_t, kHeaderSize> back;
    if (!flash_.read(address(half, 0), back)) return Error::flash_failure;
    return equal(back, Bytes(bytes).first(kHeaderSize)) ? Status() : Status(Error::flash_failure);
}

// The other half gets a header with the open counts, then a mark; only then is this one erased.
Status TryLog::swap() {
    const std::uint32_t old = half_;
    const std::uint32_t fresh = old ^ 1U;
    if (!flash_.erase(sectors_.first + fresh)) return Error::flash_failure;
    if (auto r = write_header(fresh); !r) return r;
    ++sequence_;
    half_ = fresh;
    next_ = 0;
    if (auto r = write_slot(encode(Kind::mark, 0, 0)); !r) return r;
    return flash_.erase(sectors_.first + old) ? Status() : Status(Error::flash_failure);
}

}  // namespace sealkey::store
