// How a key is known among USB devices, for its own descriptors and for programs that look for it.
#pragma once

#include <cstdint>

namespace sealkey::protocol::usb {

// pid.codes' number for tests: the project has no product id of its own.
inline constexpr std::uint16_t kVendorId = 0x1209;
inline constexpr std::uint16_t kProductId = 0x0001;

}  // namespace sealkey::protocol::usb
