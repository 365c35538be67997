// A source of raw noise, a bit at a time; what a chip has (SP 800-90B, 2.2.1).
#pragma once

namespace sealkey::entropy {

class NoiseSource {
public:
    [[nodiscard]] virtual bool bit() = 0;

protected:
    ~NoiseSource() = default;  // nobody deletes one: there is no heap
};

// Min-entropy that is claimed of each bit, as a fraction: 1 bit in so many samples. Far below what a free-running
// oscillator read every few microseconds shows, since nobody measured it on every part and at every temperature.
inline constexpr unsigned kSamplesPerBit = 8;

}  // namespace sealkey::entropy
