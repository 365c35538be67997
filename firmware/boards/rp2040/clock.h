// The chip's timer, in milliseconds.
#pragma once

#include "platform/platform.h"

namespace sealkey::board {

class TimerClock final : public platform::Clock {
public:
    [[nodiscard]] std::uint32_t milliseconds() override;
    void delay(std::uint32_t milliseconds) override;
};

}  // namespace sealkey::board
