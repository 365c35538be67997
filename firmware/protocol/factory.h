// The factory's one command, class 80; docs/apdu.md has it among the key's own.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sealkey::protocol {

// data = ENC(32) MAC(32) DEK(32), the transport keys, in the clear -> the chip's own number(8). P1 P2 = 00 00. Only
// while the key's flash is blank, and it is the only command then: every other one answers 6985. Afterwards 6D00.
inline constexpr std::uint8_t kInsManufacture = 0x2E;
inline constexpr std::size_t kManufactureSize = 3 * 32;

}  // namespace sealkey::protocol
