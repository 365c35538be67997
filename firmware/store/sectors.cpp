#include "store/sectors.h"

#include <algorithm>

#include "base/crc32.h"

namespace sealkey::store {

using format::is_blank;

Status Sectors::check_geometry() {
    geometry_ = flash_.geometry();
    const std::uint32_t u = geometry_.unit_size;
    if (u != 4 && u != 8 && u != 16 && u != 256) return Error::invalid;
    if (geometry_.sector_size < 1024 || geometry_.sector_size > 0x8000 || geometry_.sector_size % 256 != 0)
        return Error::invalid;
    if (range_.count < 8 || range_.count > kMaxSectors) return Error::invalid;
    if (range_.first > geometry_.sector_count || range_.count > geometry_.sector_count - range_.first)
        return Error::invalid;
    return {};
}

std::uint32_t Sectors::free_count() const {
    std::uint32_t n = 0;
    for (SectorIndex s = 0; s < count(); ++s)
        if (info_[s].state == SectorState::stale || info_[s].state == SectorState::erased) ++n;
    return n;
}

Status Sectors::read(SectorIndex s, std::uint32_t offset, MutableBytes out) const {
    if (offset > sector_size() || out.size() > sector_size() - offset) return Error::corrupt;
    if (!out.empty() && !flash_.read(address(s, offset), out)) return Error::flash_failure;
    return {};
}

Status Sectors::program(SectorIndex s, std::uint32_t offset, Bytes data) {
    if (!flash_.program(address(s, offset), data)) return Error::flash_failure;
    std::array<std::uint8_t, 64> back;
    for (std::size_t at = 0; at < data.size(); at += back.size()) {
        const std::size_t n = std::min(back.size(), data.size() - at);
        if (auto r = read(s, offset + static_cast<std::uint32_t>(at), MutableBytes(back).first(n)); !r) return r;
        if (!equal(MutableBytes(back).first(n), data.subspan(at, n))) return Error::flash_failure;
    }
    return {};
}

Status Sectors::erase(SectorIndex s) {
    info_[s] = {};
    if (!flash_.erase(range_.first + s)) return Error::flash_failure;
    info_[s].state = SectorState::erased;
    return {};
}

Result<SectorIndex> Sectors::take() {
    for (std::uint32_t i = 1; i <= count(); ++i) {
        const auto s = static_cast<SectorIndex>((last_taken_ + i) % count());
        if (info_[s].state != SectorState::stale && info_[s].state != SectorState::erased) continue;
        // Blank at a glance isn't enough: an erasure that was cut leaves bits that read either way.
        if (info_[s].state == SectorState::stale)
            if (auto erased = erase(s); !erased) return erased.error();
        info_[s].state = SectorState::taken;
        last_taken_ = s;
        return s;
    }
    return Error::no_space;
}

Status Sectors::write_header(SectorIndex s, const format::SectorHeader& header) {
    std::array<std::uint8_t, format::kMaxUnit> bytes;
    bytes.fill(0xFF);
    format::encode(header, std::span(bytes).first<format::kSectorHeaderSize>());
    info_[s].state = SectorState::stale;
    if (auto done = program(s, 0, Bytes(bytes).first(start())); !done) return done;
    info_[s] = {header.sequence, SectorState::used, 0};
    return {};
}

Result<format::HeaderKind> Sectors::read_header(SectorIndex s, format::SectorHeader& out) const {
    std::array<std::uint8_t, format::kSectorHeaderSize> bytes;
    if (auto r = read(s, 0, bytes); !r) return r.error();
    return format::decode(bytes, out);
}

Result<Walk> Sectors::entry_at(SectorIndex s, std::uint32_t offset, Entry& out) const {
    if (offset + entry_size(0) > sector_size()) return Walk::end;
    std::array<std::uint8_t, format::kEntryHeaderSize> bytes;
    if (auto r = read(s, offset, bytes); !r) return r.error();
    if (is_blank(bytes)) return Walk::end;
    const auto header = format::decode_entry(bytes);
    if (!header || offset + entry_size(header->length) > sector_size()) return Walk::torn;
    out = {*header, static_cast<std::uint16_t>(offset), static_cast<std::uint16_t>(entry_size(header->length))};
    return Walk::entry;
}

Result<bool> Sectors::blank_from(SectorIndex s, std::uint32_t offset) const {
    std::array<std::uint8_t, 64> piece;
    while (offset < sector_size()) {
        const auto n = std::min<std::uint32_t>(piece.size(), sector_size() - offset);
        if (auto r = read(s, offset, MutableBytes(piece).first(n)); !r) return r.error();
        if (!is_blank(Bytes(piece).first(n))) return false;
        offset += n;
    }
    return true;
}

Result<bool> Sectors::whole(SectorIndex s, const Entry& entry, std::uint32_t& crc) const {
    std::array<std::uint8_t, 64> piece;
    std::uint32_t left = static_cast<std::uint32_t>(format::kEntryHeaderSize) + entry.header.length;
    std::uint32_t offset = entry.offset;
    std::uint32_t sum = 0;
    while (left > 0) {
        const auto n = std::min<std::uint32_t>(piece.size(), left);
        if (auto r = read(s, offset, MutableBytes(piece).first(n)); !r) return r.error();
        sum = crc32(Bytes(piece).first(n), sum);
        offset += n;
        left -= n;
    }
    std::uint8_t stored[4];
    if (auto r = read(s, offset, stored); !r) return r.error();
    crc = load_be32(stored);
    return crc == sum;
}

Status Sectors::copy(SectorIndex from, const Entry& entry, SectorIndex to, std::uint32_t to_offset) {
    std::array<std::uint8_t, format::kMaxUnit> piece;
    for (std::uint32_t at = 0; at < entry.size; at += piece.size()) {
        const auto n = std::min<std::uint32_t>(piece.size(), entry.size - at);
        if (auto r = read(from, entry.offset + at, MutableBytes(piece).first(n)); !r) return r;
        if (auto r = program(to, to_offset + at, Bytes(piece).first(n)); !r) return r;
    }
    return {};
}

Status EntryWriter::start(Sectors& sectors, SectorIndex s, std::uint32_t offset, const format::EntryHeader& header) {
    sector_ = s;
    offset_ = offset;
    crc_ = 0;
    fill_ = 0;
    std::array<std::uint8_t, format::kEntryHeaderSize> head;
    format::encode(header, head);
    return add(sectors, head);
}

Status EntryWriter::add(Sectors& sectors, Bytes piece) {
    crc_ = crc32(piece, crc_);
    while (!piece.empty()) {
        const std::size_t n = std::min(piece.size(), buffer_.size() - fill_);
        std::memcpy(buffer_.data() + fill_, piece.data(), n);
        fill_ += n;
        piece = piece.subspan(n);
        if (fill_ == buffer_.size())
            if (auto r = flush(sectors, fill_); !r) return r;
    }
    return {};
}

Status EntryWriter::finish(Sectors& sectors) {
    const std::uint32_t crc = crc_;
    std::uint8_t tail[4];
    store_be32(tail, crc);
    auto r = add(sectors, tail);
    if (r && fill_ > 0) {
        const std::size_t padded = format::round_up(static_cast<std::uint32_t>(fill_), sectors.unit());
        std::fill(buffer_.begin() + static_cast<std::ptrdiff_t>(fill_),
                  buffer_.begin() + static_cast<std::ptrdiff_t>(padded), std::uint8_t{0xFF});
        r = flush(sectors, padded);
    }
    crc_ = crc;
    wipe(buffer_);
    return r;
}

Status EntryWriter::flush(Sectors& sectors, std::size_t length) {
    if (auto r = sectors.program(sector_, offset_, Bytes(buffer_).first(length)); !r) return r;
    offset_ += static_cast<std::uint32_t>(length);
    fill_ = 0;
    return {};
}

}  // namespace sealkey::store
