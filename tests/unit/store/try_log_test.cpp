// The try log: counts, epochs, swaps, and what a torn slot means.
#include "store/try_log.h"

#include <gtest/gtest.h>

#include <memory>

#include "support/flash_model.h"

namespace sealkey::store {
namespace {

using test::FlashModel;

class TryLogTest : public testing::TestWithParam<std::uint32_t> {
protected:
    TryLogTest() : flash_({4096, 2, GetParam()}) { remake(); }
    void remake() { log_ = std::make_unique<TryLog>(flash_, SectorRange{0, 2}); }
    void restart() {
        remake();
        ASSERT_TRUE(log_->mount());
    }
    FlashModel flash_;
    std::unique_ptr<TryLog> log_;
};

TEST_P(TryLogTest, AMissingLogIsReportedAndMeansAllSpent) {
    EXPECT_EQ(log_->mount().error(), Error::not_found);
    EXPECT_EQ(log_->spent(TryReference::pin, 1), TryLog::kAllSpent);
    EXPECT_FALSE(log_->spend(TryReference::pin, 1));
    EXPECT_FALSE(log_->clear(TryReference::pin, 1));
    EXPECT_EQ(flash_.operations(), 0U);
}

TEST_P(TryLogTest, CountsPerReferenceAndEpoch) {
    ASSERT_TRUE(log_->format());
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(log_->spend(TryReference::pin, 3));
    ASSERT_TRUE(log_->spend(TryReference::code, 1));
    ASSERT_TRUE(log_->spend(TryReference::puk, 0));
    for (int round = 0; round < 2; ++round) {
        EXPECT_EQ(log_->spent(TryReference::pin, 3), 4);
        EXPECT_EQ(log_->spent(TryReference::pin, 4), 0) << "another epoch";
        EXPECT_EQ(log_->spent(TryReference::pin, 2), 0) << "another epoch";
        EXPECT_EQ(log_->spent(TryReference::code, 1), 1);
        EXPECT_EQ(log_->spent(TryReference::puk, 0), 1);
        restart();
    }
    ASSERT_TRUE(log_->clear(TryReference::pin, 3));
    EXPECT_EQ(log_->spent(TryReference::pin, 3), 0);
    EXPECT_EQ(log_->spent(TryReference::code, 1), 1);
    restart();
    EXPECT_EQ(log_->spent(TryReference::pin, 3), 0);
    ASSERT_TRUE(log_->spend(TryReference::pin, 4));
    EXPECT_EQ(log_->spent(TryReference::pin, 4), 1);
}

TEST_P(TryLogTest, CountsSurviveManySwaps) {
    ASSERT_TRUE(log_->format());
    ASSERT_TRUE(log_->spend(TryReference::code, 0x1234));
    ASSERT_TRUE(log_->spend(TryReference::code, 0x1234));
    for (int i = 0; i < 3000; ++i) {
        ASSERT_TRUE(log_->spend(TryReference::pin, 9));
        if (i % 4 == 3) {
            ASSERT_TRUE(log_->clear(TryReference::pin, 9));
        }
        if (i % 97 == 0) restart();
        ASSERT_EQ(log_->spent(TryReference::pin, 9), (i + 1) % 4);
        ASSERT_EQ(log_->spent(TryReference::code, 0x1234), 2);
    }
    EXPECT_GE(flash_.erasures(), 4U);
}

TEST_P(TryLogTest, NoPartOfASpentSlotReadsAsAnythingElse) {
    ASSERT_TRUE(log_->format());
    ASSERT_TRUE(log_->spend(TryReference::pin, 0x0055));
    const auto before = flash_.state();
    // Every single bit, and thousands of subsets: the try is either not begun (erased), or it counts.
    for (std::uint32_t seed = 0; seed < 3000; ++seed) {
        for (const auto tear : {test::Tear::prefix, test::Tear::subset}) {
            flash_.restore(before);
            restart();
            flash_.cut_in(0, tear, seed);
            ASSERT_FALSE(log_->spend(TryReference::pin, 0x0055));
            flash_.power_on();
            restart();
            const auto spent = log_->spent(TryReference::pin, 0x0055);
            ASSERT_TRUE(spent == 1 || spent == 2) << seed;
            if (flash_.torn()) {
                ASSERT_EQ(spent, 2) << seed;
            }
            ASSERT_EQ(log_->spent(TryReference::code, 1), 0);
        }
    }
}

TEST_P(TryLogTest, ATornClearCountsAsSpentAndCostsNoOtherReference) {
    ASSERT_TRUE(log_->format());
    ASSERT_TRUE(log_->spend(TryReference::code, 2));
    ASSERT_TRUE(log_->spend(TryReference::pin, 7));
    const auto before = flash_.state();
    for (std::uint32_t seed = 0; seed < 500; ++seed) {
        flash_.restore(before);
        restart();
        flash_.cut_in(0, test::Tear::subset, seed);
        ASSERT_FALSE(log_->clear(TryReference::pin, 7));
        flash_.power_on();
        restart();
        if (!flash_.torn()) continue;
        ASSERT_EQ(log_->spent(TryReference::pin, 7), 2) << seed;
        ASSERT_LE(log_->spent(TryReference::code, 2), 2) << seed;
        // From the next epoch on it means nothing.
        ASSERT_EQ(log_->spent(TryReference::pin, 8), 0) << seed;
        ASSERT_EQ(log_->spent(TryReference::code, 3), 0) << seed;
    }
}

TEST_P(TryLogTest, UnknownVersionIsRefusedWithoutATouch) {
    ASSERT_TRUE(log_->format());
    auto state = flash_.state();
    for (const std::size_t at : {0U, 4096U}) {
        if (load_be32(&state.bytes[at]) != 0x534B5452) continue;
        store_be16(&state.bytes[at + 4], 3);
        store_be16(&state.bytes[at + 6], 0xFFFC);
    }
    flash_.restore(state);
    const auto before = flash_.operations();
    remake();
    EXPECT_EQ(log_->mount().error(), Error::unsupported_format);
    EXPECT_EQ(flash_.operations(), before);
    EXPECT_EQ(log_->spent(TryReference::pin, 0), TryLog::kAllSpent);
}

INSTANTIATE_TEST_SUITE_P(Units, TryLogTest, testing::Values(4, 8, 16, 256),
                         [](const auto& unit) { return "Unit" + std::to_string(unit.param); });

}  // namespace
}  // namespace sealkey::store
