#include "base/tlv.h"

namespace sealkey {

namespace {

std::size_t tag_size(std::uint32_t tag) { return tag > 0xFFFF ? 3 : tag > 0xFF ? 2 : 1; }

std::size_t length_size(std::size_t length) {
    return length < 0x80 ? 1 : length < 0x100 ? 2 : length < 0x10000 ? 3 : length < 0x1000000 ? 4 : 5;
}

}  // namespace

Result<TlvReader::Header> TlvReader::next_header() {
    Bytes in = rest_;
    if (in.empty()) return Error::invalid;
    std::uint32_t tag = in[0];
    in = in.subspan(1);
    if ((tag & 0x1F) == 0x1F) {
        int more = 0;
        std::uint8_t byte = 0;
        do {
            if (in.empty() || ++more > 2) return Error::invalid;
            byte = in[0];
            in = in.subspan(1);
            tag = (tag << 8) | byte;
        } while (byte & 0x80);
    }
    if (in.empty()) return Error::invalid;
    std::size_t length = in[0];
    in = in.subspan(1);
    if (length >= 0x80) {
        const std::size_t count = length & 0x7F;
        if (count == 0 || count > 4 || in.size() < count) return Error::invalid;
        length = 0;
        for (std::size_t i = 0; i < count; ++i) length = (length << 8) | in[i];
        in = in.subspan(count);
    }
    rest_ = in;
    return Header{tag, length};
}

Result<Tlv> TlvReader::next() {
    const Bytes before = rest_;
    const auto header = next_header();
    if (!header || header->length > rest_.size()) {
        rest_ = before;
        return Error::invalid;
    }
    const Bytes value = rest_.first(header->length);
    rest_ = rest_.subspan(header->length);
    return Tlv{header->tag, value};
}

std::optional<Bytes> find_tlv(Bytes data, std::uint32_t tag) {
    TlvReader reader(data);
    while (!reader.at_end()) {
        const auto item = reader.next();
        if (!item) return std::nullopt;
        if (item->tag == tag) return item->value;
    }
    return std::nullopt;
}

std::size_t TlvWriter::header_size(std::uint32_t tag, std::size_t length) {
    return tag_size(tag) + length_size(length);
}

TlvWriter& TlvWriter::header(std::uint32_t tag, std::size_t length) {
    std::uint8_t head[8];
    std::size_t n = 0;
    for (std::size_t i = tag_size(tag); i-- > 0;) head[n++] = static_cast<std::uint8_t>(tag >> (8 * i));
    const std::size_t bytes = length_size(length);
    if (bytes > 1) head[n++] = static_cast<std::uint8_t>(0x80 | (bytes - 1));
    for (std::size_t i = bytes > 1 ? bytes - 1 : 1; i-- > 0;) head[n++] = static_cast<std::uint8_t>(length >> (8 * i));
    return raw({head, n});
}

TlvWriter& TlvWriter::raw(Bytes bytes) {
    if (!ok_ || bytes.size() > out_.size() - used_) {
        ok_ = false;
        return *this;
    }
    if (!bytes.empty()) std::memcpy(out_.data() + used_, bytes.data(), bytes.size());
    used_ += bytes.size();
    return *this;
}

TlvWriter& TlvWriter::put(std::uint32_t tag, Bytes value) {
    if (ok_ && header_size(tag, value.size()) + value.size() > out_.size() - used_) ok_ = false;
    if (!ok_) return *this;
    return header(tag, value.size()).raw(value);
}

}  // namespace sealkey
