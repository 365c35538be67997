// The answer to reset (ISO/IEC 7816-3, 8): T=1 alone, historical bytes in the category 80 form (ISO/IEC
// 7816-4, 12.1.1): 73 card capabilities (selection by whole and by partial name, chaining, extended length), then the
// compact-TLV 57 with the name. A host that reads it in a reader's status knows the card, and that its one application
// is selected, without a command.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>

namespace sealkey::protocol {

inline constexpr std::uint8_t kAtr[] = {0x3B, 0x8D, 0x01, 0x80, 0x73, 0xC0, 0x01, 0xC0, 0x57,
                                        's',  'e',  'a',  'l',  'k',  'e',  'y',  0x45};

// TCK: all bytes after TS XORed give 0 (ISO/IEC 7816-3, 8.2.5).
constexpr bool check_byte_fits() {
    std::uint8_t sum = 0;
    for (std::size_t i = 1; i < std::size(kAtr); ++i) sum = static_cast<std::uint8_t>(sum ^ kAtr[i]);
    return sum == 0;
}
static_assert(check_byte_fits());

}  // namespace sealkey::protocol
