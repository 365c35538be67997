#include "noise.h"

#include <hardware/structs/rosc.h>
#include <hardware/timer.h>

#include <cstdint>

namespace sealkey::board {

namespace {

// The register shows the oscillator's level at the moment of reading. The oscillator runs at some 6 MHz and isn't bound
// to the crystal; in this time its phase drifts by jitter, while bits read faster would mostly repeat a beat.
constexpr std::uint32_t kMicrosecondsBetweenBits = 4;

}  // namespace

bool RingOscillatorNoise::bit() {
    busy_wait_us_32(kMicrosecondsBetweenBits);
    return (rosc_hw->randombit & ROSC_RANDOMBIT_BITS) != 0;
}

}  // namespace sealkey::board
