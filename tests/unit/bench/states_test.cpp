// The table of states (design section 10).
#include "bench/states.h"

#include <gtest/gtest.h>

#include "ca/error.h"

namespace sealkey::bench {
namespace {

using enum TokenState;

TEST(States, NamesGoBothWays) {
    EXPECT_EQ(all_states().size(), 15U);
    for (const TokenState state : all_states()) EXPECT_EQ(parse_state(name_of(state)), state);
    for (const char* wrong : {"", "active", "ACTIVE ", "LIVE"}) EXPECT_THROW((void)parse_state(wrong), ca::CaError);
}

TEST(States, NothingFollowsItselfAndTheEndIsTheEnd) {
    for (const TokenState state : all_states()) {
        EXPECT_FALSE(may_follow(state, state)) << name_of(state);
        EXPECT_FALSE(may_follow(terminated, state)) << name_of(state);
        EXPECT_FALSE(may_follow(state, blank)) << name_of(state);
    }
}

TEST(States, RevokedAndReplacedKeysNeverComeBack) {
    for (const TokenState from : {revoked, replaced}) {
        for (const TokenState to : all_states()) EXPECT_EQ(may_follow(from, to), to == terminated) << name_of(to);
    }
}

TEST(States, EveryLiveKeyCanBeRevokedAndOnlyThose) {
    for (const TokenState state : all_states()) {
        EXPECT_EQ(may_follow(state, revoked), counts_as_live(state)) << name_of(state);
    }
}

TEST(States, TheMakingHasOneWay) {
    EXPECT_TRUE(may_follow(blank, initialised));
    EXPECT_TRUE(may_follow(initialised, personalised));
    EXPECT_TRUE(may_follow(personalised, packed));
    EXPECT_FALSE(may_follow(blank, personalised));
    EXPECT_FALSE(may_follow(initialised, packed));
    EXPECT_FALSE(may_follow(initialised, active));
    EXPECT_FALSE(may_follow(active, personalised));
}

}  // namespace
}  // namespace sealkey::bench
