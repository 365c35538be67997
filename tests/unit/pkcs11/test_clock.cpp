#include "test_clock.h"

#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

namespace {
constexpr long kNanoseconds = 1'000'000'000;
std::atomic<long> ahead{0};  // nanoseconds
}  // namespace

// In place of the C library's, for this program and the module that it loads.
extern "C" __attribute__((visibility("default"))) int clock_gettime(clockid_t clock, timespec* time) noexcept {
    const long result = ::syscall(SYS_clock_gettime, clock, time);
    if (result == 0 && clock == CLOCK_MONOTONIC) {
        const long moved = time->tv_sec * kNanoseconds + time->tv_nsec + ahead;
        time->tv_sec = moved / kNanoseconds;
        time->tv_nsec = moved % kNanoseconds;
    }
    return static_cast<int>(result);
}

namespace sealkey::test {

void move_clock(std::chrono::milliseconds by) {
    ahead += std::chrono::duration_cast<std::chrono::nanoseconds>(by).count();
}

void reset_clock() { ahead = 0; }

}  // namespace sealkey::test
