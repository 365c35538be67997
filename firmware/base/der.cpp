#include "base/der.h"

namespace sealkey {

namespace {

constexpr std::size_t kMaxLengthBytes = kMaxDerHead - 2;  // nothing here is longer than a command

// A length in its shortest form; false otherwise.
bool read_length(Bytes& in, std::size_t& length) {
    if (in.empty()) return false;
    const std::uint8_t first = in[0];
    in = in.subspan(1);
    length = first;
    if (first < 0x80) return true;
    const std::size_t count = first & 0x7F;
    if (count == 0 || count > kMaxLengthBytes || in.size() < count || in[0] == 0) return false;
    length = 0;
    for (std::size_t i = 0; i < count; ++i) length = length << 8 | in[i];
    in = in.subspan(count);
    return length >= 0x80;
}

}  // namespace

Result<DerHead> read_der_head(Bytes start) {
    if (start.empty() || (start[0] & 0x1F) == 0x1F) return Error::invalid;
    Bytes in = start.subspan(1);
    std::size_t length = 0;
    if (!read_length(in, length)) return Error::invalid;
    return DerHead{start[0], start.size() - in.size(), length};
}

Result<DerElement> DerReader::next() {
    const auto head = read_der_head(rest_);
    if (!head || head->length > rest_.size() - head->size) return Error::invalid;
    const DerElement out{head->tag, rest_.subspan(head->size, head->length), rest_.first(head->size + head->length)};
    rest_ = rest_.subspan(out.whole.size());
    return out;
}

Result<DerElement> DerReader::next(std::uint8_t tag) {
    if (rest_.empty() || rest_[0] != tag) return Error::invalid;
    return next();
}

DerWriter& DerWriter::raw(Bytes bytes) {
    if (!ok_ || bytes.size() > at_) {
        ok_ = false;
        return *this;
    }
    at_ -= bytes.size();
    if (!bytes.empty()) std::memcpy(out_.data() + at_, bytes.data(), bytes.size());
    return *this;
}

DerWriter& DerWriter::header(std::uint8_t tag, std::size_t length) {
    std::uint8_t head[2 + sizeof length];
    std::size_t at = sizeof head;
    if (length < 0x80) {
        head[--at] = static_cast<std::uint8_t>(length);
    } else {
        std::uint8_t count = 0;
        for (std::size_t rest = length; rest > 0; rest >>= 8, ++count) head[--at] = static_cast<std::uint8_t>(rest);
        head[--at] = static_cast<std::uint8_t>(0x80 | count);
    }
    head[--at] = tag;
    return raw(Bytes(head).subspan(at));
}

DerWriter& DerWriter::put(std::uint8_t tag, Bytes contents) { return raw(contents).header(tag, contents.size()); }

DerWriter& DerWriter::unsigned_integer(Bytes big_endian) {
    const std::size_t before = size();
    while (big_endian.size() > 1 && big_endian[0] == 0) big_endian = big_endian.subspan(1);
    constexpr std::uint8_t zero = 0;
    raw(big_endian);
    // No bytes are zero, and a first bit would make it negative.
    if (big_endian.empty() || (big_endian[0] & 0x80) != 0) raw({&zero, 1});
    return wrap(der::integer, before);
}

DerWriter& DerWriter::bit_string(Bytes contents) {
    const std::size_t before = size();
    constexpr std::uint8_t unused_bits = 0;
    return raw(contents).raw({&unused_bits, 1}).wrap(der::bit_string, before);
}

DerWriter& DerWriter::wrap(std::uint8_t tag, std::size_t before) { return header(tag, size() - before); }

}  // namespace sealkey
