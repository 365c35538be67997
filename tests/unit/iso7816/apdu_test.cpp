// Command APDUs, cases 1 to 4, short and extended: a table of bytes and what they mean.
#include "iso7816/apdu.h"

#include <gtest/gtest.h>

#include <vector>

#include "support/hex.h"

namespace sealkey::iso7816 {
namespace {

using testing::from_hex;

std::vector<std::uint8_t> bytes(const std::string& head, std::size_t count, const std::string& tail = "") {
    auto out = from_hex(head);
    out.insert(out.end(), count, 0xDA);
    const auto end = from_hex(tail);
    out.insert(out.end(), end.begin(), end.end());
    return out;
}

TEST(Apdu, EveryCaseIsRead) {
    struct Row {
        const char* name;
        std::vector<std::uint8_t> raw;
        std::size_t data;
        std::uint32_t le;
        bool extended;
    };
    const Row rows[] = {
        {"case 1", from_hex("00 20 00 80"), 0, 0, false},
        {"case 2, Le 1", from_hex("00 20 00 80 01"), 0, 1, false},
        {"case 2, Le 256", from_hex("00 20 00 80 00"), 0, 256, false},
        {"case 3", bytes("00 20 00 80 08", 8), 8, 0, false},
        {"case 3, longest", bytes("00 DB 3F FF FF", 255), 255, 0, false},
        {"case 4", bytes("00 CB 3F FF 05", 5, "10"), 5, 16, false},
        {"case 4, Le 256", bytes("00 CB 3F FF 05", 5, "00"), 5, 256, false},
        {"case 2, extended", from_hex("00 CB 3F FF 00 01 00"), 0, 256, true},
        {"case 2, extended, Le 65536", from_hex("00 CB 3F FF 00 00 00"), 0, 65536, true},
        {"case 3, extended", bytes("00 DB 3F FF 00 01 00", 256), 256, 0, true},
        {"case 3, extended, short data", bytes("00 DB 3F FF 00 00 01", 1), 1, 0, true},
        {"case 4, extended", bytes("00 DB 3F FF 00 10 00", 4096, "02 00"), 4096, 512, true},
        {"case 4, extended, Le 65536", bytes("00 DB 3F FF 00 00 05", 5, "00 00"), 5, 65536, true},
    };
    for (const Row& row : rows) {
        const auto command = parse_command(row.raw);
        ASSERT_TRUE(command.ok()) << row.name;
        EXPECT_EQ(command->data.size(), row.data) << row.name;
        EXPECT_EQ(command->le, row.le) << row.name;
        EXPECT_EQ(command->extended, row.extended) << row.name;
        EXPECT_EQ(command->header.ins, row.raw[1]);
        EXPECT_EQ(command->header.p1p2(), row.raw[2] << 8 | row.raw[3]);
        for (const std::uint8_t byte : command->data) EXPECT_EQ(byte, 0xDA) << row.name;
    }
}

TEST(Apdu, WhatDoesNotAddUpIs6700) {
    const std::vector<std::uint8_t> rows[] = {
        {},
        from_hex("00"),
        from_hex("00 20"),
        from_hex("00 20 00"),
        bytes("00 20 00 80 08", 7),
        bytes("00 20 00 80 08", 8, "00 00"),
        bytes("00 20 00 80 01", 0, "02 03 04"),
        from_hex("00 CB 3F FF 00 01"),               // half an extended Le
        from_hex("00 CB 3F FF 00 00 00 01"),         // Lc 0 with data
        bytes("00 DB 3F FF 00 00 05", 4),            // less than Lc
        bytes("00 DB 3F FF 00 00 05", 5, "00"),      // half an Le
        bytes("00 DB 3F FF 00 00 05", 5, "000000"),  // more than an Le
        bytes("00 DB 3F FF 00 FF FF", 100),
    };
    for (const auto& raw : rows) {
        const auto command = parse_command(raw);
        ASSERT_FALSE(command.ok()) << testing::to_hex(raw);
        EXPECT_EQ(command.error(), 0x6700) << testing::to_hex(raw);
    }
}

TEST(Apdu, NoLengthReadsPastTheEnd) {
    // Every prefix of a long APDU, and every value of the length bytes: an answer, and data within the bytes given.
    const auto whole = bytes("00 DB 3F FF 00 01 2C", 300, "00 00");
    for (std::size_t size = 0; size <= whole.size(); ++size) {
        const std::vector<std::uint8_t> raw(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
        const auto command = parse_command(raw);
        if (command && !command->data.empty()) {
            EXPECT_LE(command->data.data() + command->data.size(), raw.data() + raw.size());
        }
    }
    for (int high = 0; high < 256; ++high) {
        for (int low = 0; low < 256; low += 5) {
            auto raw = bytes("00 DB 3F FF 00 00 00", 20);
            raw[5] = static_cast<std::uint8_t>(high);
            raw[6] = static_cast<std::uint8_t>(low);
            const auto command = parse_command(raw);
            const int lc = high << 8 | low;
            EXPECT_EQ(command.ok(), lc == 20 || lc == 18) << lc;
        }
    }
}

}  // namespace
}  // namespace sealkey::iso7816
