#include "watchdog.h"

#include <hardware/watchdog.h>

namespace sealkey::board {

namespace {

// Longer than an erase, during which interrupts are off; the chip's limit is 8.3 s.
constexpr std::uint32_t kTimeout = 4000;  // milliseconds
// An unlucky RSA-4096 key takes a good part of an hour on this core.
constexpr std::uint32_t kLongestCommand = 2 * 60 * 60 * 1000;

}  // namespace

void Watchdog::start() { watchdog_enable(kTimeout, true); }

void Watchdog::tick(std::uint32_t now) {
    const std::uint32_t rounds = rounds_.load(std::memory_order_relaxed);
    if (rounds != seen_) {
        seen_ = rounds;
        seen_at_ = now;
    }
    if (now - seen_at_ < kLongestCommand) watchdog_update();
}

}  // namespace sealkey::board
