#include "store/format.h"

#include <algorithm>

#include "base/crc32.h"

namespace sealkey::store::format {

void encode(const SectorHeader& header, std::span<std::uint8_t, kSectorHeaderSize> out) {
    store_be32(&out[0], kSectorMagic);
    store_be16(&out[4], kVersion);
    store_be16(&out[6], static_cast<std::uint16_t>(~kVersion));
    store_be16(&out[8], header.unit_size);
    store_be16(&out[10], header.sectors);
    store_be32(&out[12], header.sequence);
    store_be32(&out[16], header.settled);
    store_be32(&out[20], header.resolved);
    store_be32(&out[24], header.oldest);
    store_be32(&out[28], header.copied);
    store_be32(&out[32], 0);
    store_be32(&out[36], crc32(out.first(36)));
}

HeaderKind decode(std::span<const std::uint8_t, kSectorHeaderSize> in, SectorHeader& out) {
    if (load_be32(&in[0]) != kSectorMagic) return HeaderKind::none;
    const std::uint16_t version = load_be16(&in[4]);
    if (version != static_cast<std::uint16_t>(~load_be16(&in[6]))) return HeaderKind::none;
    if (version != kVersion) return HeaderKind::foreign;
    if (load_be32(&in[36]) != crc32(in.first(36))) return HeaderKind::none;
    out.unit_size = load_be16(&in[8]);
    out.sectors = load_be16(&in[10]);
    out.sequence = load_be32(&in[12]);
    out.settled = load_be32(&in[16]);
    out.resolved = load_be32(&in[20]);
    out.oldest = load_be32(&in[24]);
    out.copied = load_be32(&in[28]);
    return HeaderKind::ours;
}

void encode(const EntryHeader& header, std::span<std::uint8_t, kEntryHeaderSize> out) {
    store_be16(&out[0], kEntryMagic);
    store_be16(&out[2], header.flags);
    store_be16(&out[4], header.id);
    store_be16(&out[6], header.length);
    store_be32(&out[8], header.sequence);
    store_be32(&out[12], crc32(out.first(12)));
}

std::optional<EntryHeader> decode_entry(std::span<const std::uint8_t, kEntryHeaderSize> in) {
    if (load_be16(&in[0]) != kEntryMagic) return std::nullopt;
    if (load_be32(&in[12]) != crc32(in.first(12))) return std::nullopt;
    EntryHeader header;
    header.flags = load_be16(&in[2]);
    header.id = load_be16(&in[4]);
    header.length = load_be16(&in[6]);
    header.sequence = load_be32(&in[8]);
    if ((header.flags & ~flag::known) != 0) return std::nullopt;
    return header;
}

void encode(const Commit& commit, std::span<std::uint8_t, kCommitSize> out) {
    store_be32(&out[0], commit.first);
    store_be32(&out[4], commit.count);
    store_be32(&out[8], commit.digest);
}

Commit decode_commit(std::span<const std::uint8_t, kCommitSize> in) {
    return {load_be32(&in[0]), load_be32(&in[4]), load_be32(&in[8])};
}

void encode(const ExtentReference& reference, std::span<std::uint8_t, kExtentReferenceSize> out) {
    store_be16(&out[0], reference.id);
    store_be16(&out[2], reference.length);
    store_be32(&out[4], reference.sequence);
}

ExtentReference decode_extent(std::span<const std::uint8_t, kExtentReferenceSize> in) {
    return {load_be16(&in[0]), load_be16(&in[2]), load_be32(&in[4])};
}

}  // namespace sealkey::store::format
