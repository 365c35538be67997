// Raw bits of the ring oscillator.
#pragma once

#include "entropy/noise.h"

namespace sealkey::board {

class RingOscillatorNoise final : public entropy::NoiseSource {
public:
    [[nodiscard]] bool bit() override;
};

}  // namespace sealkey::board
