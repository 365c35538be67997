// Full-entropy bytes from raw noise: health tests on every sample, then SHA-256 (a vetted conditioning function, SP
// 800-90B 3.1.5.1.1). What comes out seeds the DRBG and is used for nothing else.
#pragma once

#include "crypto/hash.h"
#include "entropy/health.h"
#include "entropy/noise.h"
#include "platform/platform.h"

namespace sealkey::entropy {

// For 256 bits out, 64 bits more go in (SP 800-90B 3.1.5.1.2): so many samples make one block.
inline constexpr unsigned kSamplesPerBlock = (256 + 64) * kSamplesPerBit;

class ConditionedEntropy final : public platform::Entropy {
public:
    explicit ConditionedEntropy(NoiseSource& noise) : noise_(noise) {}

    // The first call tests the source before anything of it is used (4.3, start-up testing). After a failed test every
    // call answers false until power goes: the source isn't asked again.
    [[nodiscard]] bool fill(MutableBytes out) override;

private:
    [[nodiscard]] bool sample(bool& out);
    [[nodiscard]] bool start();
    [[nodiscard]] bool block(crypto::Sha256Digest& out);

    NoiseSource& noise_;
    RepetitionCount repetition_;
    AdaptiveProportion proportion_;
    ShortPeriods periods_;
    bool started_ = false;
    bool failed_ = false;
};

}  // namespace sealkey::entropy
