// DER (X.690 clause 10): strict reading, and writing without a heap. Tags of one byte.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"

namespace sealkey {

namespace der {
inline constexpr std::uint8_t integer = 0x02;
inline constexpr std::uint8_t bit_string = 0x03;
inline constexpr std::uint8_t octet_string = 0x04;
inline constexpr std::uint8_t null = 0x05;
inline constexpr std::uint8_t object_identifier = 0x06;
inline constexpr std::uint8_t enumerated = 0x0A;
inline constexpr std::uint8_t utf8_string = 0x0C;
inline constexpr std::uint8_t printable_string = 0x13;
inline constexpr std::uint8_t sequence = 0x30;
inline constexpr std::uint8_t set = 0x31;
// Constructed, context-specific: [0] of a certificate's version, [3] of its extensions.
[[nodiscard]] constexpr std::uint8_t context(std::uint8_t number) { return static_cast<std::uint8_t>(0xA0 | number); }
}  // namespace der

struct DerElement {
    std::uint8_t tag;
    Bytes contents;
    Bytes whole;  // tag and length too
};

// Tag and length at the front of `start`, in the shortest form that DER allows. invalid: not that, or cut short. The
// contents may be longer than what `start` holds.
struct DerHead {
    std::uint8_t tag;
    std::size_t size;    // bytes of tag and length
    std::size_t length;  // of the contents
};
inline constexpr std::size_t kMaxDerHead = 5;
[[nodiscard]] Result<DerHead> read_der_head(Bytes start);

// Reads one element after another. Only what DER allows: the shortest form of a length, nothing indefinite; an element
// that is cut short, or has a tag of several bytes, is refused too. The reader stays where it was then.
class DerReader {
public:
    explicit DerReader(Bytes data) : rest_(data) {}

    [[nodiscard]] bool at_end() const { return rest_.empty(); }
    [[nodiscard]] Result<DerElement> next();                  // invalid
    [[nodiscard]] Result<DerElement> next(std::uint8_t tag);  // invalid, also when the next element has another tag

private:
    Bytes rest_;
};

// Writes from the end of a caller's buffer to its front, so that every length is known when it is written: what comes
// last in the structure is written first. Once something doesn't fit, ok() is false and stays so.
class DerWriter {
public:
    explicit DerWriter(MutableBytes out) : out_(out), at_(out.size()) {}

    DerWriter& raw(Bytes bytes);
    DerWriter& put(std::uint8_t tag, Bytes contents);
    // INTEGER that isn't negative, from big-endian bytes, however many zeros lead them.
    DerWriter& unsigned_integer(Bytes big_endian);
    // BIT STRING of whole bytes.
    DerWriter& bit_string(Bytes contents);
    // Puts tag and length around everything that was written since size() was `before`.
    DerWriter& wrap(std::uint8_t tag, std::size_t before);

    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] std::size_t size() const { return out_.size() - at_; }
    [[nodiscard]] Bytes bytes() const { return out_.subspan(at_); }

private:
    DerWriter& header(std::uint8_t tag, std::size_t length);

    MutableBytes out_;
    std::size_t at_;
    bool ok_ = true;
};

}  // namespace sealkey
