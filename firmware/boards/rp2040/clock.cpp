#include "clock.h"

#include <hardware/sync.h>
#include <pico/time.h>

namespace sealkey::board {

std::uint32_t TimerClock::milliseconds() { return to_ms_since_boot(get_absolute_time()); }

// The tick (tick.h) wakes it in time.
void TimerClock::delay(std::uint32_t milliseconds_to_wait) {
    const std::uint32_t start = milliseconds();
    while (milliseconds() - start < milliseconds_to_wait) __wfi();
}

}  // namespace sealkey::board
