// Every crypto test ends with the arena at the level it began with.
#pragma once

#include <gtest/gtest.h>

#include "crypto/arena.h"

namespace sealkey::crypto {

class ArenaLevel : public ::testing::Test {
protected:
    void SetUp() override {
        init_arena();
        before_ = arena_in_use();
    }
    void TearDown() override { EXPECT_EQ(arena_in_use(), before_) << "bytes were left in the arena"; }

private:
    std::size_t before_ = 0;
};

}  // namespace sealkey::crypto
