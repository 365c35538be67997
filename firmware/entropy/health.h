// The two continuous health tests of SP 800-90B (4.4.1 and 4.4.2) for a source of single bits. They find a source that
// died or that a fault has biased; they say nothing of one that somebody imitates.
//
// Both cutoffs follow from what noise.h claims, H = 1/8 bit of min-entropy a sample: the likelier value of a sample
// then has probability p = 2^-H = 0.917. A healthy source of exactly that quality may be refused once in 2^30 samples
// or windows (alpha = 2^-30): starting takes some thousand samples, so that no owner ever meets a false alarm.
#pragma once

#include <cstdint>

namespace sealkey::entropy {

// So many equal samples in a row: C = 1 + ceil(-log2(alpha) / H) = 1 + 30 * 8.
inline constexpr std::uint32_t kRepetitionCutoff = 241;
// So many samples in a window equal to its first one: the smallest number that a binomial of 1024 trials with p exceeds
// with probability at most alpha, plus 1. A unit test computes it anew.
inline constexpr std::uint32_t kProportionWindow = 1024;
inline constexpr std::uint32_t kProportionCutoff = 988;

class RepetitionCount {
public:
    // False: the test failed with this sample.
    [[nodiscard]] bool add(bool sample) {
        run_ = run_ != 0 && sample == last_ ? run_ + 1 : 1;
        last_ = sample;
        return run_ < kRepetitionCutoff;
    }

private:
    std::uint32_t run_ = 0;
    bool last_ = false;
};

class AdaptiveProportion {
public:
    [[nodiscard]] bool add(bool sample) {
        if (seen_ == 0) {
            first_ = sample;
            equal_ = 0;
        }
        equal_ += sample == first_ ? 1 : 0;
        seen_ = seen_ + 1 == kProportionWindow ? 0 : seen_ + 1;
        return equal_ < kProportionCutoff;
    }

private:
    std::uint32_t seen_ = 0;
    std::uint32_t equal_ = 0;
    bool first_ = false;
};

}  // namespace sealkey::entropy
