#include "apdu_log.h"

#include <gtest/gtest.h>

namespace sealkey::sim {
namespace {

using Body = std::vector<std::uint8_t>;

// A body with a pattern that must not show.
Body with_secret(std::initializer_list<std::uint8_t> header) {
    Body command(header);
    command.push_back(8);
    command.insert(command.end(), 8, 0xA5);
    return command;
}

const std::string kPattern = "A5A5";

TEST(ApduLog, DataOfCommandsThatCarrySecretsIsMasked) {
    const std::initializer_list<std::uint8_t> secret[] = {
        {0x00, 0x20, 0x00, 0x80}, {0x00, 0x24, 0x00, 0x80}, {0x00, 0x2C, 0x00, 0x80}, {0x00, 0xFE, 0x07, 0x9A},
        {0x00, 0xFF, 0xFF, 0xFF}, {0x10, 0xFE, 0x07, 0x9A}, {0x80, 0x20, 0x00, 0x80}, {0x80, 0x30, 0x00, 0x00},
        {0x80, 0x32, 0x00, 0x00}, {0x00, 0x87, 0x07, 0x9D}, {0x00, 0x87, 0x0C, 0x9B}, {0x0C, 0x20, 0x00, 0x80},
        {0x84, 0x20, 0x00, 0x80}, {0x00, 0x99, 0x00, 0x00},  // the last: a command that nobody knows
    };
    for (const auto& header : secret) {
        const Body command = with_secret(header);
        EXPECT_EQ(masked_command(command).find(kPattern), std::string::npos) << masked_command(command);
        EXPECT_NE(masked_command(command).find("[9 bytes]"), std::string::npos);
    }
}

TEST(ApduLog, PublicDataIsShown) {
    EXPECT_EQ(masked_command(Body{0x00, 0xCB, 0x3F, 0xFF, 0x01, 0x5C}), "00CB3FFF015C");
    EXPECT_EQ(masked_response(Body{0x00, 0xCB, 0x3F, 0xFF}, Body{0x53, 0x00, 0x90, 0x00}), "53009000");
}

TEST(ApduLog, DecryptedAnswerIsMaskedAlsoWhenItIsFetchedInParts) {
    ApduLog log;
    log.add(with_secret({0x00, 0x87, 0x07, 0x9D}), Body{0xA5, 0xA5, 0x61, 0x10}, 1, 0);
    log.add(Body{0x00, 0xC0, 0x00, 0x00, 0x10}, Body{0xA5, 0xA5, 0x90, 0x00}, 1, 0);
    log.add(Body{0x00, 0xCB, 0x3F, 0xFF}, Body{0x53, 0x00, 0x90, 0x00}, 1, 0);
    log.add(Body{0x00, 0xC0, 0x00, 0x00, 0x10}, Body{0x12, 0x34, 0x90, 0x00}, 1, 0);
    ASSERT_EQ(log.since(0).size(), 4U);
    EXPECT_EQ(log.since(0)[0].response, "[2 bytes] 6110");
    EXPECT_EQ(log.since(0)[1].response, "[2 bytes] 9000");
    EXPECT_EQ(log.since(0)[3].response, "12349000");
}

TEST(ApduLog, NamesCommandsByClassAndInstruction) {
    EXPECT_EQ(command_name(Body{0x00, 0x24, 0x00, 0x80}), "CHANGE REFERENCE DATA");
    EXPECT_EQ(command_name(Body{0x10, 0xDB, 0x3F, 0xFF}), "PUT DATA");
    EXPECT_EQ(command_name(Body{0x80, 0x20, 0x00, 0x80}), "REDEEM CODE");
    EXPECT_EQ(command_name(Body{0x00, 0x99, 0x01, 0x02}), "00990102");
    EXPECT_EQ(command_name(Body{0x00}), "00");
}

TEST(ApduLog, CountsAllAndKeepsTheLast) {
    ApduLog log;
    for (std::size_t i = 0; i < ApduLog::kKept + 5; ++i) log.add(Body{0x00, 0xFD, 0x00, 0x00}, Body{0x90, 0x00}, 1, 0);
    EXPECT_EQ(log.count(), ApduLog::kKept + 5);
    EXPECT_EQ(log.since(0).size(), ApduLog::kKept);
    EXPECT_EQ(log.last().number, log.count());
}

}  // namespace
}  // namespace sealkey::sim
