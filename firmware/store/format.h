// What stands in the flash of the object store: sector headers (each a copy of the superblock) and log entries.
// All numbers are big-endian. Padding to whole units is FFh.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace sealkey::store::format {

inline constexpr std::uint32_t kSectorMagic = 0x534B4C47;  // "SKLG"
inline constexpr std::uint16_t kVersion = 1;
inline constexpr std::uint16_t kEntryMagic = 0x9E4B;
inline constexpr std::size_t kMaxUnit = 256;

// Sector header, 40 bytes:
//   magic(4) version(2) ~version(2) | unit size(2) sectors(2) sequence(4) settled(4) resolved(4) oldest(4) copied(4)
//   zero(4) crc(4)
// Magic and version keep this place in every later format: an unknown version is recognised, and left alone. A version
// and its complement can't be turned into another pair by bits that are only cleared or only raised.
struct SectorHeader {
    std::uint16_t unit_size = 0;
    std::uint16_t sectors = 0;
    std::uint32_t sequence = 0;  // of this sector; the highest one speaks for the store
    std::uint32_t settled = 0;   // entries up to this sequence are committed
    std::uint32_t resolved = 0;  // entries after `settled` up to here never happened
    std::uint32_t oldest = 0;    // sectors with a lower sequence are void (a format that goes on)
    std::uint32_t copied = 0;    // bytes that were copied in before this header was written
};
inline constexpr std::size_t kSectorHeaderSize = 40;

enum class HeaderKind : std::uint8_t { none, ours, foreign };

void encode(const SectorHeader& header, std::span<std::uint8_t, kSectorHeaderSize> out);
HeaderKind decode(std::span<const std::uint8_t, kSectorHeaderSize> in, SectorHeader& out);

// Entry: header, 16 bytes: magic(2) flags(2) id(2) length(2) sequence(4) crc(4); payload; crc(4) over header and
// payload.
struct EntryHeader {
    std::uint16_t flags = 0;
    std::uint16_t id = 0;
    std::uint16_t length = 0;
    std::uint32_t sequence = 0;
};
inline constexpr std::size_t kEntryHeaderSize = 16;
inline constexpr std::size_t kEntryOverhead = kEntryHeaderSize + 4;

namespace flag {
inline constexpr std::uint16_t begin = 0x01;      // first entry of a transaction
inline constexpr std::uint16_t tombstone = 0x02;  // the object is removed
inline constexpr std::uint16_t manifest = 0x04;   // the payload lists extents
inline constexpr std::uint16_t extent = 0x08;     // a part of a large object, under a hidden id
inline constexpr std::uint16_t secret = 0x10;     // no copy may stay once superseded
inline constexpr std::uint16_t commit = 0x20;     // payload: Commit
inline constexpr std::uint16_t mark = 0x40;       // says nothing but that what stands before it was written whole
inline constexpr std::uint16_t known = 0x7F;
}  // namespace flag

void encode(const EntryHeader& header, std::span<std::uint8_t, kEntryHeaderSize> out);
std::optional<EntryHeader> decode_entry(std::span<const std::uint8_t, kEntryHeaderSize> in);

// COMMIT's payload: first sequence of the transaction(4) number of entries(4) sum of their crcs(4).
struct Commit {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    std::uint32_t digest = 0;
};
inline constexpr std::size_t kCommitSize = 12;
void encode(const Commit& commit, std::span<std::uint8_t, kCommitSize> out);
Commit decode_commit(std::span<const std::uint8_t, kCommitSize> in);

// A manifest's payload: total length(4), then for each extent: hidden id(2) length(2) sequence(4).
struct ExtentReference {
    std::uint16_t id = 0;
    std::uint16_t length = 0;
    std::uint32_t sequence = 0;
};
inline constexpr std::size_t kManifestHeadSize = 4;
inline constexpr std::size_t kExtentReferenceSize = 8;
void encode(const ExtentReference& reference, std::span<std::uint8_t, kExtentReferenceSize> out);
ExtentReference decode_extent(std::span<const std::uint8_t, kExtentReferenceSize> in);

[[nodiscard]] constexpr std::uint32_t round_up(std::uint32_t size, std::uint32_t unit) {
    return (size + unit - 1) / unit * unit;
}

[[nodiscard]] inline bool is_blank(Bytes bytes) {
    std::uint8_t all = 0xFF;
    for (const std::uint8_t b : bytes) all = static_cast<std::uint8_t>(all & b);
    return all == 0xFF;
}

}  // namespace sealkey::store::format
