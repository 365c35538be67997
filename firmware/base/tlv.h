// BER-TLV (ISO/IEC 7816-4 clause 6; X.690): tags of one to three bytes, definite lengths up to 4 bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"

namespace sealkey {

struct Tlv {
    std::uint32_t tag;  // the tag's bytes as a big-endian number: 0x53, 0x7F49, 0x5FC105
    Bytes value;
};

// Reads one data object after another. A malformed or truncated one ends the reading with Error::invalid.
class TlvReader {
public:
    explicit TlvReader(Bytes data) : rest_(data) {}

    [[nodiscard]] bool at_end() const { return rest_.empty(); }
    [[nodiscard]] Bytes rest() const { return rest_; }
    [[nodiscard]] Result<Tlv> next();

    // Reads tag and length alone, and leaves the reader at the value: for a value that continues beyond these
    // bytes (chained commands). The length may exceed rest().
    struct Header {
        std::uint32_t tag;
        std::size_t length;
    };
    [[nodiscard]] Result<Header> next_header();

private:
    Bytes rest_;
};

// The first data object with this tag at the top level; nothing if absent or if the data is malformed before it.
[[nodiscard]] std::optional<Bytes> find_tlv(Bytes data, std::uint32_t tag);

// Writes into a caller's buffer. Once something doesn't fit, ok() is false and stays so; nothing is written past the
// end.
class TlvWriter {
public:
    explicit TlvWriter(MutableBytes out) : out_(out) {}

    TlvWriter& put(std::uint32_t tag, Bytes value);
    TlvWriter& put_byte(std::uint32_t tag, std::uint8_t value) { return put(tag, {&value, 1}); }
    TlvWriter& header(std::uint32_t tag, std::size_t length);  // tag and length; the value follows by raw()
    TlvWriter& raw(Bytes bytes);

    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] std::size_t size() const { return used_; }
    [[nodiscard]] Bytes bytes() const { return out_.first(used_); }

    // Bytes that tag and length take for a value of this length.
    static std::size_t header_size(std::uint32_t tag, std::size_t length);

private:
    MutableBytes out_;
    std::size_t used_ = 0;
    bool ok_ = true;
};

}  // namespace sealkey
