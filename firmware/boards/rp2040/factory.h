// The factory's sector: the device secret, made by the chip itself at its first start and never shown to anybody. It
// lies in plain flash, which this chip can't guard (docs/threat-model.md).
#pragma once

#include "platform/platform.h"

namespace sealkey::board {

class FlashDeviceSecret final : public platform::DeviceSecret {
public:
    // There is a whole record.
    [[nodiscard]] bool present() const;
    // Writes a new one. Only where no store depends on the old: everything sealed under it is lost. False: the entropy
    // source or the flash failed.
    [[nodiscard]] bool create(platform::Entropy& entropy);
    // present() was true.
    void read(std::span<std::uint8_t, kSize> out) override;
};

}  // namespace sealkey::board
