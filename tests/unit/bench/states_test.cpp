// The table of states (design section 10), held to the one in docs/bench.md: every pair of a state and an event.
#include "bench/states.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "bench/inventory.h"
#include "bench/parcel.h"
#include "ca/error.h"

namespace sealkey::bench {
namespace {

using enum TokenState;

struct Documented {
    std::set<std::string> from;
    std::string to;
};

std::vector<std::string> split(const std::string& text, const std::string& at) {
    std::vector<std::string> parts;
    std::size_t begin = 0;
    for (std::size_t end = 0; end != std::string::npos; begin = end + at.size()) {
        end = text.find(at, begin);
        parts.push_back(text.substr(begin, end == std::string::npos ? end : end - begin));
    }
    return parts;
}

// Rows "| `event` | FROM, FROM | TO | who notes it |" of docs/bench.md.
std::map<std::string, Documented> documented() {
    std::map<std::string, Documented> table;
    std::ifstream file(SEALKEY_SOURCE_DIR "/docs/bench.md");
    const std::regex row(R"(\| `([a-z]+)` \| ([A-Z_, ]+) \| ([A-Z_]+) \| .*)");
    for (std::string line; std::getline(file, line);) {
        std::smatch match;
        if (!std::regex_match(line, match, row)) continue;
        const auto from = split(match[2], ", ");
        table[match[1]] = {{from.begin(), from.end()}, match[3]};
    }
    return table;
}

TEST(States, NamesGoBothWays) {
    EXPECT_EQ(all_states().size(), 15U);
    for (const TokenState state : all_states()) EXPECT_EQ(parse_state(name_of(state)), state);
    for (const char* wrong : {"", "active", "ACTIVE ", "LIVE"}) EXPECT_THROW((void)parse_state(wrong), ca::CaError);
}

TEST(States, EveryPairOfStateAndEventIsAsDocumented) {
    const auto table = documented();
    ASSERT_EQ(table.size(), all_events().size());
    std::size_t pairs = 0;
    for (const TokenEvent event : all_events()) {
        const auto found = table.find(name_of(event));
        ASSERT_NE(found, table.end()) << name_of(event);
        EXPECT_EQ(found->second.to, name_of(target_of(event))) << name_of(event);
        for (const std::string& from : found->second.from) EXPECT_NO_THROW((void)parse_state(from));
        for (const TokenState state : all_states()) {
            EXPECT_EQ(may_happen(state, event), found->second.from.count(name_of(state)) != 0)
                << name_of(state) << " " << name_of(event);
            ++pairs;
        }
    }
    EXPECT_EQ(pairs, 15U * 16U);
}

// Each state is reached in an inventory by the table itself; there each event does what is documented, or is refused
// with words that name the state and what is allowed, and changes nothing.
TEST(States, TheInventoryDoesWhatIsDocumentedAndRefusesTheRest) {
    std::string folder = (std::filesystem::temp_directory_path() / "sealkey-states-XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    {
        Inventory inventory(folder + "/inventory.sqlite");
        const auto table = documented();
        std::map<TokenState, std::vector<TokenEvent>> ways = {{blank, {}}};
        for (std::size_t round = 0; round < all_states().size(); ++round) {
            for (const TokenEvent event : all_events()) {
                for (const auto& [state, way] : std::map(ways)) {
                    if (table.at(name_of(event)).from.count(name_of(state)) == 0) continue;
                    auto longer = way;
                    longer.push_back(event);
                    ways.emplace(target_of(event), longer);
                }
            }
        }
        ASSERT_EQ(ways.size(), all_states().size()) << "a state can't be reached";
        int number = 0;
        for (const auto& [state, way] : ways) {
            for (const TokenEvent event : all_events()) {
                std::string serial;
                {
                    Inventory::Work work(inventory, "tester");
                    Order order;
                    order.unified_code = "91350100M000100Y43";
                    serial = work.add_token("chip" + std::to_string(++number), order, "", 1, 1).serial;
                    for (const TokenEvent one : way) work.set_state(serial, target_of(one), "");
                    work.set_step(serial, "done");
                    work.commit();
                }
                ASSERT_EQ(inventory.token(serial).state, state);
                const Documented& listed = table.at(name_of(event));
                const bool allowed = listed.from.count(name_of(state)) != 0;
                const auto rows = inventory.audit_rows().size();
                try {
                    move_keys(inventory, "tester", {serial}, event, "");
                    EXPECT_TRUE(allowed) << name_of(state) << " " << name_of(event);
                    EXPECT_STREQ(name_of(inventory.token(serial).state), listed.to.c_str());
                    const auto row = inventory.audit_rows().back();
                    EXPECT_EQ(row.action, "state");
                    EXPECT_EQ(row.subject, serial);
                } catch (const ca::CaError& error) {
                    EXPECT_FALSE(allowed) << name_of(state) << " " << name_of(event);
                    EXPECT_EQ(error.fault(), ca::Fault::policy);
                    EXPECT_EQ(error.arguments(),
                              (std::vector<std::string>{serial, name_of(state), name_of(event), events_after(state)}));
                    EXPECT_EQ(inventory.token(serial).state, state);
                    EXPECT_EQ(inventory.audit_rows().size(), rows);
                }
            }
        }
    }
    std::filesystem::remove_all(folder);
}

// What follows what is the table and nothing beside it.
TEST(States, AStateFollowsAnotherByADocumentedEventAlone) {
    const auto table = documented();
    for (const TokenState from : all_states()) {
        for (const TokenState to : all_states()) {
            const bool listed = std::any_of(table.begin(), table.end(), [&](const auto& row) {
                return row.second.to == name_of(to) && row.second.from.count(name_of(from)) != 0;
            });
            EXPECT_EQ(may_follow(from, to), listed) << name_of(from) << " " << name_of(to);
        }
    }
}

// `resumed` alone leads elsewhere than the table's column says: back to where the key was, which is one of the states
// that it can be set aside in.
TEST(States, OnlyWhatWasSetAsideReturnsAndOnlyToWhereItCanHaveBeen) {
    const auto table = documented();
    for (const TokenState from : all_states()) {
        for (const TokenState to : all_states()) {
            const bool aside = from == suspended || from == lost;
            const bool there = table.at("suspended").from.count(name_of(to)) != 0;
            EXPECT_EQ(may_return(from, to), aside && there) << name_of(from) << " " << name_of(to);
        }
    }
}

TEST(States, NothingFollowsItselfAndTheEndIsTheEnd) {
    for (const TokenState state : all_states()) {
        EXPECT_FALSE(may_follow(state, state)) << name_of(state);
        EXPECT_FALSE(may_follow(terminated, state)) << name_of(state);
        EXPECT_FALSE(may_follow(state, blank)) << name_of(state);
    }
    EXPECT_EQ(events_after(terminated), "-");
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

TEST(States, AKeyLeavesTheBenchInAParcelAlone) {
    for (const TokenState state : {blank, initialised, personalised, active, damaged}) {
        for (const TokenState to : {in_transit, at_authority, delivered}) {
            EXPECT_FALSE(may_follow(state, to)) << name_of(state) << " " << name_of(to);
        }
    }
    for (const TokenState state : {suspended, lost}) {
        for (const TokenEvent event : {TokenEvent::packed, TokenEvent::shipped, TokenEvent::arrived,
                                       TokenEvent::delivered, TokenEvent::returned}) {
            EXPECT_FALSE(may_happen(state, event)) << name_of(state) << " " << name_of(event);
        }
    }
    EXPECT_FALSE(may_follow(blank, personalised));
    EXPECT_FALSE(may_follow(initialised, packed));
    EXPECT_FALSE(may_follow(initialised, active));
    EXPECT_FALSE(may_follow(active, personalised));
}

TEST(States, AScanGivesTheSerialNumber) {
    EXPECT_EQ(serial_of_scan("SK2600000013"), "SK2600000013");
    TokenRow row;
    row.serial = "SK2600000013";
    row.unified_code = "91350100M000100Y43";
    EXPECT_EQ(label_text(row, "2028-11-21"), "SEALKEY:1:SK2600000013:91350100M000100Y43:20281121:1");
    EXPECT_EQ(serial_of_scan(label_text(row, "2028-11-21")), "SK2600000013");
    for (const char* wrong : {"", "SK26", "sk2600000013", "SEALKEY:1:", "SEALKEY:1:SK2600000013",
                              "SEALKEY:2:SK2600000013:X", "SEALKEY:1::X", "SK2600000013 ", "http://x/SK260000"}) {
        EXPECT_THROW((void)serial_of_scan(wrong), ca::CaError) << wrong;
    }
}

}  // namespace
}  // namespace sealkey::bench
