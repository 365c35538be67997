#include "power_cut.h"

#include <gtest/gtest.h>

#include <vector>

namespace sealkey::sim {
namespace {

using Buffer = std::vector<std::uint8_t>;

CutReport tear(Tear kind, const Buffer& before, Buffer& wanted) {
    PowerCut cut;
    cut.arm(1, kind);
    EXPECT_TRUE(cut.strikes());
    return cut.apply("program", 512, before, wanted, 42);
}

TEST(PowerCut, StrikesOnceAtTheOperationAskedFor) {
    PowerCut cut;
    EXPECT_FALSE(cut.strikes());
    cut.arm(3, Tear::subset);
    EXPECT_FALSE(cut.strikes());
    EXPECT_FALSE(cut.strikes());
    EXPECT_TRUE(cut.strikes());
    EXPECT_FALSE(cut.armed());
    EXPECT_FALSE(cut.strikes());
    cut.arm(1, Tear::subset);
    cut.disarm();
    EXPECT_FALSE(cut.strikes());
}

TEST(PowerCut, NothingLeavesTheOldAndWholeTheNew) {
    const Buffer before(256, 0xFF);
    Buffer wanted(256, 0x5A);
    EXPECT_EQ(tear(Tear::nothing, before, wanted).torn, 256U);
    EXPECT_EQ(wanted, before);
    wanted.assign(256, 0x5A);
    const CutReport report = tear(Tear::whole, before, wanted);
    EXPECT_EQ(report.torn, 0U);
    EXPECT_EQ(report.to_change, 256U);
    EXPECT_EQ(wanted, Buffer(256, 0x5A));
}

TEST(PowerCut, PrefixIsNewThenOld) {
    const Buffer before(256, 0xFF);
    Buffer wanted(256, 0x00);
    const CutReport report = tear(Tear::prefix, before, wanted);
    EXPECT_GT(report.torn, 0U);
    EXPECT_LT(report.torn, 256U);
    const std::size_t done = 256 - report.torn;
    for (std::size_t i = 0; i < 256; ++i) EXPECT_EQ(wanted[i], i < done ? 0x00 : 0xFF);
}

TEST(PowerCut, PrefixTearsAlsoWhereFewBytesChange) {
    const Buffer before(256, 0xFF);
    Buffer wanted = before;
    std::fill_n(wanted.begin(), 8, 0x00);
    const CutReport report = tear(Tear::prefix, before, wanted);
    EXPECT_EQ(report.to_change, 8U);
    EXPECT_GT(report.torn, 0U);
    EXPECT_LT(report.torn, 8U);
}

TEST(PowerCut, SubsetMixesOnlyBitsThatChange) {
    const Buffer before(256, 0xF0);
    Buffer wanted(256, 0xC0);
    const CutReport report = tear(Tear::subset, before, wanted);
    EXPECT_GT(report.torn, 0U);
    EXPECT_LT(report.torn, 256U);
    for (const std::uint8_t byte : wanted) EXPECT_EQ(byte & 0xCF, 0xC0);
    EXPECT_EQ(report.offset, 512U);
    EXPECT_EQ(report.number, 1U);
}

}  // namespace
}  // namespace sealkey::sim
