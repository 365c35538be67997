// The factory's sector: the device secret, made by the chip itself at MANUFACTURE and never shown to anybody. It lies
// in plain flash, which this chip can't guard (docs/threat-model.md).
#pragma once

#include "platform/platform.h"

namespace sealkey::board {

class FlashDeviceSecret final : public platform::DeviceSecret {
public:
    // There is a whole record.
    [[nodiscard]] bool present() const;
    [[nodiscard]] bool renew(platform::Entropy& entropy) override;
    // present() was true.
    void read(std::span<std::uint8_t, kSize> out) override;
};

}  // namespace sealkey::board
