// The chip's watchdog restarts it when the main thread or the interrupts stand still.
#pragma once

#include <atomic>
#include <cstdint>

namespace sealkey::board {

class Watchdog {
public:
    void start();
    // From the main thread, each time round.
    void alive() { rounds_.store(rounds_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed); }
    // From the tick, every few milliseconds: feeds it unless the main thread stands still longer than any command
    // takes.
    void tick(std::uint32_t now);

private:
    std::atomic<std::uint32_t> rounds_{0};
    std::uint32_t seen_ = 0;
    std::uint32_t seen_at_ = 0;
};

}  // namespace sealkey::board
