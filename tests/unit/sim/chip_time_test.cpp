#include "chip_time.h"

#include <gtest/gtest.h>

namespace sealkey::sim {
namespace {

constexpr double kNoWait = 1e-6;  // a scale at which nobody waits

double spent(const ChipTime& chip, ChipPart part) { return chip.totals().microseconds[static_cast<std::size_t>(part)]; }

TEST(ChipTime, AddsUpByThePartAndCountsACommandsBytes) {
    ChipTime chip(*chip_profile("rp2040"), kNoWait, 1);
    EXPECT_EQ(ChipTime::running(), nullptr);
    chip.begin();
    ASSERT_EQ(ChipTime::running(), &chip);
    chip.did(ChipPart::flash, ChipOperation::erase_sector);
    chip.did(ChipPart::flash, ChipOperation::program_page, 2);
    chip.did(ChipPart::private_key, ChipOperation::p256_sign);
    chip.waited(std::chrono::milliseconds(100));
    chip.end(19 * 64);
    EXPECT_EQ(ChipTime::running(), nullptr);
    EXPECT_DOUBLE_EQ(spent(chip, ChipPart::flash), 45'800);
    EXPECT_DOUBLE_EQ(spent(chip, ChipPart::private_key), 100'000);
    EXPECT_DOUBLE_EQ(spent(chip, ChipPart::waiting), 100'000);
    EXPECT_DOUBLE_EQ(spent(chip, ChipPart::usb), 3'000);  // two frames and a third full of bytes
    EXPECT_DOUBLE_EQ(spent(chip, ChipPart::key_generation), 0);
    EXPECT_EQ(chip.totals().commands, 1U);
}

TEST(ChipTime, AnswersWaitForTheChip) {
    ChipTime chip(*chip_profile("rp2040"), 0.5, 1);
    const auto before = ChipTime::Clock::now();
    chip.begin();
    chip.did(ChipPart::flash, ChipOperation::erase_sector);
    chip.end(0);
    EXPECT_GE(ChipTime::Clock::now() - before, std::chrono::microseconds(23'500));  // half of 45 and 2 ms
}

TEST(ChipTime, WhatTheMachineCouldNotDoInTimeIsTold) {
    ChipTime chip(*chip_profile("rp2040"), kNoWait, 1);
    chip.begin();
    chip.end(0);
    EXPECT_GT(chip.totals().late, 0);
}

TEST(ChipTime, RsaKeysTakeTheirSeedsLuckBetweenFastestAndSlowest) {
    const ChipProfile& profile = *chip_profile("rp2040");
    const auto draw = [&](std::uint64_t seed, unsigned bits) {
        ChipTime chip(profile, kNoWait, seed);
        chip.begin();
        chip.generated_rsa(bits);
        chip.end(0);
        return spent(chip, ChipPart::key_generation);
    };
    EXPECT_DOUBLE_EQ(draw(7, 2048), draw(7, 2048));
    EXPECT_NE(draw(7, 2048), draw(8, 2048));
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        EXPECT_GE(draw(seed, 2048), profile.microseconds(ChipOperation::rsa2048_generate_fastest));
        EXPECT_LE(draw(seed, 2048), profile.microseconds(ChipOperation::rsa2048_generate_slowest));
    }
    EXPECT_DOUBLE_EQ(draw(7, 4096), 16 * draw(7, 2048));
}

TEST(ChipTime, ProfilesAreFoundByName) { EXPECT_EQ(chip_profile("rp2350"), nullptr); }

}  // namespace
}  // namespace sealkey::sim
