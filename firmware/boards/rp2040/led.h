// The board's one LED. Idle: on. Busy: flickers. Locked (PIN blocked): a short flash each second. Error: blinks fast.
#pragma once

#include <atomic>

#include "platform/platform.h"

namespace sealkey::board {

class Led final : public platform::Indicator {
public:
    Led();
    void show(platform::Indication what) override { state_.store(what, std::memory_order_relaxed); }
    // A command runs: shown over idle and locked.
    void busy(bool running) { busy_.store(running, std::memory_order_relaxed); }
    // From the tick.
    void tick(std::uint32_t now);

private:
    std::atomic<platform::Indication> state_{platform::Indication::idle};
    std::atomic<bool> busy_{false};
};

}  // namespace sealkey::board
