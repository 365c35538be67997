// Command APDUs (ISO/IEC 7816-3 clause 12.1): cases 1 to 4, short and extended.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "base/result.h"
#include "protocol/status_words.h"

namespace sealkey::iso7816 {

using protocol::StatusWord;

struct Header {
    std::uint8_t cla = 0;
    std::uint8_t ins = 0;
    std::uint8_t p1 = 0;
    std::uint8_t p2 = 0;

    [[nodiscard]] std::uint16_t p1p2() const { return static_cast<std::uint16_t>((p1 << 8) | p2); }
    bool operator==(const Header&) const = default;
};

inline constexpr std::uint8_t kClaChaining = 0x10;         // more blocks follow
inline constexpr std::uint8_t kClaSecureMessaging = 0x0C;  // either of the two forms of clause 5.4.1

struct Command {
    Header header;
    Bytes data;
    std::uint32_t le = 0;  // bytes the caller takes at most: 0 when no Le was sent, up to 65536
    bool extended = false;
};

// wrong_length when the lengths don't agree with the bytes that are there. `data` views `raw`.
[[nodiscard]] Result<Command, StatusWord> parse_command(Bytes raw);

}  // namespace sealkey::iso7816
