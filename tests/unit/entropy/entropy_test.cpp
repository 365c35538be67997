// Health tests of a noise source (SP 800-90B) and the conditioner, against sources that die, lean or repeat.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "entropy/conditioned.h"

namespace sealkey::entropy {
namespace {

using Bits = std::function<bool(std::uint32_t)>;

class FakeNoise final : public NoiseSource {
public:
    explicit FakeNoise(Bits bits) : bits_(std::move(bits)) {}
    bool bit() override { return bits_(taken++); }
    std::uint32_t taken = 0;

private:
    Bits bits_;
};

// 1 with this probability, by a generator that repeats.
Bits random_bits(double probability, unsigned seed = 1) {
    return [engine = std::mt19937(seed), one = std::bernoulli_distribution(probability)](std::uint32_t) mutable {
        return one(engine);
    };
}

using Block = std::array<std::uint8_t, 32>;
constexpr double kClaimed = 1.0 / kSamplesPerBit;
constexpr double kAlpha = 30;  // -log2

TEST(Health, TheCutoffsFollowFromTheClaim) {
    EXPECT_EQ(kRepetitionCutoff, 1 + std::ceil(kAlpha / kClaimed));
    const double p = std::exp2(-kClaimed);
    double above = 0;  // P(more than k of the window)
    std::uint32_t k = kProportionWindow;
    for (;; --k) {
        const double exactly = std::exp(std::lgamma(kProportionWindow + 1.0) - std::lgamma(k + 1.0) -
                                        std::lgamma(kProportionWindow - k + 1.0) + k * std::log(p) +
                                        (kProportionWindow - k) * std::log(1 - p));
        if (above + exactly > std::exp2(-kAlpha)) break;
        above += exactly;
    }
    EXPECT_EQ(kProportionCutoff, k + 1);
}

TEST(Health, ARunOfEqualSamplesFailsAtItsCutoff) {
    for (const bool value : {false, true}) {
        RepetitionCount test;
        EXPECT_TRUE(test.add(!value));
        for (std::uint32_t i = 1; i < kRepetitionCutoff; ++i) ASSERT_TRUE(test.add(value)) << i;
        EXPECT_FALSE(test.add(value));
    }
    RepetitionCount interrupted;
    for (std::uint32_t i = 0; i < 10 * kRepetitionCutoff; ++i) ASSERT_TRUE(interrupted.add(i % kRepetitionCutoff == 0));
}

TEST(Health, ALeaningWindowFailsAtItsCutoff) {
    for (const std::uint32_t ones : {kProportionCutoff - 1, kProportionCutoff}) {
        AdaptiveProportion test;
        bool held = true;
        for (std::uint32_t i = 0; i < kProportionWindow; ++i) held = test.add(i < ones) && held;
        EXPECT_EQ(held, ones < kProportionCutoff);
    }
    // Each window counts for itself.
    AdaptiveProportion test;
    for (std::uint32_t i = 0; i < 20 * kProportionWindow; ++i) ASSERT_TRUE(test.add(i % 64 != 0));
}

TEST(Health, TheWindowForPeriodsFollowsFromTheClaim) {
    EXPECT_EQ(kPeriodWindow, std::ceil((kAlpha + std::log2(kLongestPeriod)) / kClaimed));
    EXPECT_GE(kProportionWindow, 3 * kPeriodWindow) << "the start-up test has room to see one begin";
}

// A pattern of exactly this period, each as random as a generator makes it; how many samples it takes to be refused, or
// nothing.
std::optional<std::uint32_t> refused_after(std::uint32_t period, std::uint32_t most) {
    std::mt19937 engine(period);
    std::vector<bool> pattern(period);
    for (std::uint32_t i = 0; i < period; ++i) pattern[i] = (engine() & 1) != 0;
    ShortPeriods test;
    for (std::uint32_t i = 0; i < most; ++i) {
        if (!test.add(pattern[i % period])) return i + 1;
    }
    return std::nullopt;
}

TEST(Health, EveryShortPeriodFailsWithinTwoWindowsAndNoLongerOne) {
    for (std::uint32_t period = 1; period <= kLongestPeriod; ++period) {
        EXPECT_TRUE(refused_after(period, 2 * kPeriodWindow)) << period;
    }
    for (const std::uint32_t period : {33U, 34U, 50U, 64U, 1000U}) {
        EXPECT_FALSE(refused_after(period, 100 * kPeriodWindow)) << period;
    }
}

TEST(Health, OneSampleOutOfStepInEachWindowIsEnoughForNoPeriod) {
    ShortPeriods test;
    for (std::uint32_t i = 0; i < 50 * kPeriodWindow; ++i) {
        const bool step = i % kPeriodWindow == kPeriodWindow / 2;
        ASSERT_TRUE(test.add((i % 2 == 0) != step)) << i;
    }
}

TEST(Conditioned, GivesBytesOfAnyLengthAndNeverTheSame) {
    FakeNoise noise(random_bits(0.5));
    ConditionedEntropy entropy(noise);
    std::set<std::vector<std::uint8_t>> seen;
    for (const std::size_t size : {32U, 1U, 31U, 33U, 48U, 100U}) {
        std::vector<std::uint8_t> out(size);
        ASSERT_TRUE(entropy.fill(out));
        if (size > 8) {
            EXPECT_TRUE(seen.insert({out.begin(), out.begin() + 8}).second);
        }
    }
    EXPECT_TRUE(entropy.fill({}));
}

TEST(Conditioned, EveryBlockTakesFreshSamples) {
    FakeNoise noise(random_bits(0.5));
    ConditionedEntropy entropy(noise);
    Block block;
    ASSERT_TRUE(entropy.fill(block));
    EXPECT_EQ(noise.taken, kProportionWindow + kSamplesPerBlock) << "the samples of the start-up test aren't used";
    ASSERT_TRUE(entropy.fill(block));
    EXPECT_EQ(noise.taken, kProportionWindow + 2 * kSamplesPerBlock);
    EXPECT_GE(kSamplesPerBlock * kClaimed, 256 + 64);
}

TEST(Conditioned, OneSampleChangesTheBlock) {
    std::set<Block> blocks;
    for (const std::uint32_t flipped :
         {0U, kProportionWindow, kProportionWindow + 1, kProportionWindow + kSamplesPerBlock - 1}) {
        FakeNoise noise(
            [flipped, bits = random_bits(0.5)](std::uint32_t i) mutable { return bits(i) != (i == flipped); });
        ConditionedEntropy entropy(noise);
        Block block;
        ASSERT_TRUE(entropy.fill(block));
        EXPECT_TRUE(blocks.insert(block).second) << flipped;
    }
}

// What a source with exactly the claimed entropy gives passes.
TEST(Conditioned, TakesASourceAsPoorAsClaimed) {
    FakeNoise noise(random_bits(std::exp2(-kClaimed)));
    ConditionedEntropy entropy(noise);
    std::vector<std::uint8_t> out(1024);
    EXPECT_TRUE(entropy.fill(out));
}

TEST(Conditioned, RefusesABadSourceFromTheStartAndForGood) {
    const Bits bad[] = {[](std::uint32_t) { return true; }, [](std::uint32_t) { return false; },
                        [](std::uint32_t i) { return i % 2 == 0; }, [](std::uint32_t i) { return i % 32 < 7; },
                        random_bits(0.99)};
    for (const Bits& bits : bad) {
        FakeNoise noise(bits);
        ConditionedEntropy entropy(noise);
        Block block;
        block.fill(0x55);
        EXPECT_FALSE(entropy.fill(block));
        EXPECT_LE(noise.taken, kProportionWindow);
        const std::uint32_t taken = noise.taken;
        EXPECT_FALSE(entropy.fill(block));
        EXPECT_EQ(noise.taken, taken) << "it isn't asked again";
    }
}

// An oscillator that locks to the chip's clock after a while.
TEST(Conditioned, NoticesASourceThatBeginsToRepeat) {
    constexpr std::uint32_t locks_at = kProportionWindow + kSamplesPerBlock + 100;
    FakeNoise noise([bits = random_bits(0.5)](std::uint32_t i) mutable { return i >= locks_at ? i % 5 < 2 : bits(i); });
    ConditionedEntropy entropy(noise);
    Block block;
    ASSERT_TRUE(entropy.fill(block));
    EXPECT_FALSE(entropy.fill(block));
    EXPECT_LE(noise.taken, locks_at + 3 * kPeriodWindow);
}

TEST(Conditioned, NoticesASourceThatDiesLaterAndGivesNothingAway) {
    constexpr std::uint32_t dies_at = kProportionWindow + kSamplesPerBlock + 100;
    FakeNoise noise([bits = random_bits(0.5)](std::uint32_t i) mutable { return i >= dies_at || bits(i); });
    ConditionedEntropy entropy(noise);
    Block block;
    ASSERT_TRUE(entropy.fill(block));
    std::vector<std::uint8_t> more(64, 0x55);
    EXPECT_FALSE(entropy.fill(more));
    EXPECT_EQ(more, std::vector<std::uint8_t>(64, 0)) << "no half of it stays";
    EXPECT_FALSE(entropy.fill(block));
}

}  // namespace
}  // namespace sealkey::entropy
