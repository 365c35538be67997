// The two continuous health tests of SP 800-90B (4.4.1 and 4.4.2) for a source of single bits, and one more. The two
// find a source that died or that a fault has biased; neither sees 0101..., which is what an oscillator gives that has
// locked to the clock it is sampled by: balanced, and never twice the same. The third finds every pattern that repeats
// after at most 32 samples. None says anything of a source that somebody imitates.
//
// All cutoffs follow from what noise.h claims, H = 1/8 bit of min-entropy a sample: the likelier value of a sample
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

// Whether, in a whole window, every sample was the one so many before it, for any distance up to kLongestPeriod. Taking
// each sample for that one is a guess at it; whatever the guesses rest on, one is right with probability p at most, so
// that all of a window are with p^W = 2^(-W H), and for one distance of 32 with 32 times that: alpha = 2^-30 makes
// W = (30 + 5) / H = 280. What repeats is found within two windows more than the one in which it begins.
inline constexpr std::uint32_t kLongestPeriod = 32;
inline constexpr std::uint32_t kPeriodWindow = 280;

class ShortPeriods {
public:
    [[nodiscard]] bool add(bool sample) {
        // Bit n - 1 stands for the sample n before this one.
        periods_ &= sample ? before_ : ~before_;
        before_ = before_ << 1 | (sample ? 1 : 0);
        if (++seen_ < kPeriodWindow) return true;
        const bool good = periods_ == 0;
        seen_ = 0;
        periods_ = ~std::uint32_t{0};
        return good;
    }

private:
    std::uint32_t before_ = 0;
    std::uint32_t periods_ = ~std::uint32_t{0};  // those that this window hasn't broken
    std::uint32_t seen_ = 0;
};

}  // namespace sealkey::entropy
