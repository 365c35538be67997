// The store's ring in the last part of the chip's flash; memory.ld says where.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "platform/platform.h"

namespace sealkey::board {

// Programs whole pages, or erases one sector, and reads back. `offset` counts from the start of the flash. While it
// works nothing else may run from flash: interrupts are off, the code is in RAM, the second core was never started.
[[nodiscard]] bool program_flash(std::uint32_t offset, Bytes data);
[[nodiscard]] bool erase_flash_sector(std::uint32_t offset);

class RingFlash final : public platform::Flash {
public:
    [[nodiscard]] platform::FlashGeometry geometry() const override;
    [[nodiscard]] bool read(std::uint32_t offset, MutableBytes out) override;
    [[nodiscard]] bool program(std::uint32_t offset, Bytes data) override;
    [[nodiscard]] bool erase(std::uint32_t sector) override;
};

}  // namespace sealkey::board
