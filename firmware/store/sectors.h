// The ring's sectors: which are free, how they are read, programmed with read-back, erased, and walked entry by entry.
// Knows the format of headers and entries, nothing of objects.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "platform/platform.h"
#include "store/format.h"

namespace sealkey::store {

// Sectors of the part's flash: the store's ring. Another range belongs to the try log.
struct SectorRange {
    std::uint32_t first;
    std::uint32_t count;
};

using SectorIndex = std::uint8_t;  // within the ring
inline constexpr std::size_t kMaxSectors = 255;
inline constexpr SectorIndex kNoSector = 0xFF;

// A set of sectors.
class SectorSet {
public:
    void add(SectorIndex s) { bits_[s / 8] = static_cast<std::uint8_t>(bits_[s / 8] | (1U << (s % 8))); }
    [[nodiscard]] bool has(SectorIndex s) const { return (bits_[s / 8] >> (s % 8)) & 1U; }
    [[nodiscard]] bool empty() const {
        for (const std::uint8_t b : bits_)
            if (b != 0) return false;
        return true;
    }
    void clear() { bits_ = {}; }

private:
    std::array<std::uint8_t, 32> bits_{};
};

enum class SectorState : std::uint8_t {
    stale,   // free; what it holds is not known: erased again before use
    erased,  // free, erased in this session
    taken,   // being filled, no header yet
    used,    // has a header
    voided,  // older than a format that goes on: to be erased
};

struct Entry {
    format::EntryHeader header;
    std::uint16_t offset = 0;  // in the sector
    std::uint16_t size = 0;    // with padding
};

enum class Walk : std::uint8_t { entry, end, torn };

class Sectors {
public:
    Sectors(platform::Flash& flash, SectorRange range) : flash_(flash), range_(range) {}

    // invalid: a geometry the format can't live on.
    [[nodiscard]] Status check_geometry();
    [[nodiscard]] SectorIndex count() const { return static_cast<SectorIndex>(range_.count); }
    [[nodiscard]] std::uint32_t sector_size() const { return geometry_.sector_size; }
    [[nodiscard]] std::uint32_t unit() const { return geometry_.unit_size; }
    // Where the first entry stands.
    [[nodiscard]] std::uint32_t start() const { return format::round_up(format::kSectorHeaderSize, unit()); }
    [[nodiscard]] std::uint32_t capacity() const { return sector_size() - start(); }
    [[nodiscard]] std::uint32_t entry_size(std::uint32_t payload) const {
        return format::round_up(static_cast<std::uint32_t>(format::kEntryOverhead) + payload, unit());
    }
    // Longest payload of one entry alone in a sector.
    [[nodiscard]] std::uint32_t longest_payload() const {
        return capacity() - static_cast<std::uint32_t>(format::kEntryOverhead);
    }

    struct Info {
        std::uint32_t sequence = 0;
        SectorState state = SectorState::stale;
        std::uint8_t marks = 0;  // for mount
    };
    Info& operator[](SectorIndex s) { return info_[s]; }
    const Info& operator[](SectorIndex s) const { return info_[s]; }
    [[nodiscard]] bool used(SectorIndex s) const { return info_[s].state == SectorState::used; }
    [[nodiscard]] std::uint32_t free_count() const;

    [[nodiscard]] Status read(SectorIndex s, std::uint32_t offset, MutableBytes out) const;
    // Programs and reads back; flash_failure if it differs.
    [[nodiscard]] Status program(SectorIndex s, std::uint32_t offset, Bytes data);
    [[nodiscard]] Status erase(SectorIndex s);
    // A free sector, erased, in state `taken`; the next one in the ring, for even wear.
    [[nodiscard]] Result<SectorIndex> take();
    // Gives `s` its header; it is `used` from then on.
    [[nodiscard]] Status write_header(SectorIndex s, const format::SectorHeader& header);
    [[nodiscard]] Result<format::HeaderKind> read_header(SectorIndex s, format::SectorHeader& out) const;

    // The entry at `offset`. Torn: something stands there that isn't an entry; what follows can't be trusted, since a
    // payload may hold what looks like an entry.
    [[nodiscard]] Result<Walk> entry_at(SectorIndex s, std::uint32_t offset, Entry& out) const;
    [[nodiscard]] Result<bool> blank_from(SectorIndex s, std::uint32_t offset) const;
    // True when payload and crc are whole; `crc` gets the stored crc.
    [[nodiscard]] Result<bool> whole(SectorIndex s, const Entry& entry, std::uint32_t& crc) const;
    // Copies an entry, byte for byte.
    [[nodiscard]] Status copy(SectorIndex from, const Entry& entry, SectorIndex to, std::uint32_t to_offset);

private:
    [[nodiscard]] std::uint32_t address(SectorIndex s, std::uint32_t offset) const {
        return (range_.first + s) * geometry_.sector_size + offset;
    }

    platform::Flash& flash_;
    SectorRange range_;
    platform::FlashGeometry geometry_{};
    std::array<Info, kMaxSectors> info_{};
    SectorIndex last_taken_ = 0;
};

// Writes one entry piece by piece, in whole units.
class EntryWriter {
public:
    [[nodiscard]] Status start(Sectors& sectors, SectorIndex s, std::uint32_t offset,
                               const format::EntryHeader& header);
    [[nodiscard]] Status add(Sectors& sectors, Bytes piece);
    // The crc and the padding. The entry's crc is crc() from then on.
    [[nodiscard]] Status finish(Sectors& sectors);
    [[nodiscard]] std::uint32_t crc() const { return crc_; }

private:
    [[nodiscard]] Status flush(Sectors& sectors, std::size_t length);

    SectorIndex sector_ = kNoSector;
    std::uint32_t offset_ = 0;
    std::uint32_t crc_ = 0;
    std::size_t fill_ = 0;
    std::array<std::uint8_t, format::kMaxUnit> buffer_{};
};

}  // namespace sealkey::store
