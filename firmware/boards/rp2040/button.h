// BOOTSEL as the user's presence. The button pulls the flash's select line, so that reading it takes the flash away for
// some microseconds.
#pragma once

#include "platform/platform.h"

namespace sealkey::board {

class BootselButton final : public platform::Presence {
public:
    explicit BootselButton(platform::Clock& clock) : clock_(clock) {}
    [[nodiscard]] bool confirmed(std::uint32_t wait_milliseconds) override;

private:
    platform::Clock& clock_;
};

}  // namespace sealkey::board
