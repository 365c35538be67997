// What memory.ld says of the flash. Offsets count from the start of the flash, as the chip's own commands do.
#pragma once

#include <hardware/regs/addressmap.h>

#include <cstdint>

// The linker's names are as linkers have them.
// NOLINTBEGIN(*-reserved-identifier,*-identifier-naming,*-dynamic-static-initializers)
extern "C" {
extern const std::uint8_t __store_start[];
extern const std::uint8_t __store_end[];
extern const std::uint8_t __factory_start[];
}
// NOLINTEND(*-reserved-identifier,*-identifier-naming,*-dynamic-static-initializers)

namespace sealkey::board {

inline std::uint32_t store_offset() { return reinterpret_cast<std::uintptr_t>(__store_start) - XIP_BASE; }
inline std::uint32_t store_size() { return static_cast<std::uint32_t>(__store_end - __store_start); }
inline std::uint32_t factory_offset() { return reinterpret_cast<std::uintptr_t>(__factory_start) - XIP_BASE; }

}  // namespace sealkey::board
