// DER: what is written reads back; what BER alone allows, or is cut short, is refused.
#include "base/der.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "support/hex.h"

namespace sealkey::testing {
namespace {

using Vector = std::vector<std::uint8_t>;

TEST(Der, WritesFromTheBackWithTheShortestLengths) {
    std::array<std::uint8_t, 400> buffer{};
    DerWriter writer(buffer);
    writer.put(der::octet_string, Vector(200, 7));
    const std::size_t before = writer.size();
    writer.put(der::null, {}).put(der::object_identifier, from_hex("2A03")).wrap(der::sequence, before);
    writer.wrap(der::sequence, 0);
    ASSERT_TRUE(writer.ok());
    const Bytes out = writer.bytes();
    EXPECT_EQ(to_hex(out.first(15)), "3081d3300606022a0305000481c807");
    EXPECT_EQ(out.size(), 3u + 8 + 3 + 200);
    EXPECT_EQ(out.data() + out.size(), buffer.data() + buffer.size()) << "at the buffer's end";
}

TEST(Der, IntegersAreNeverNegativeAndHaveNoZerosInFront) {
    const std::pair<const char*, const char*> cases[] = {{"", "020100"},          {"00", "020100"},
                                                         {"0000", "020100"},      {"7f", "02017f"},
                                                         {"80", "02020080"},      {"000000ff01", "020300ff01"},
                                                         {"010001", "0203010001"}};
    for (const auto& [in, expected] : cases) {
        std::array<std::uint8_t, 16> buffer{};
        DerWriter writer(buffer);
        writer.unsigned_integer(from_hex(in));
        EXPECT_EQ(to_hex(writer.bytes()), expected) << in;
    }
}

TEST(Der, BitStringsHaveNoUnusedBits) {
    std::array<std::uint8_t, 16> buffer{};
    DerWriter writer(buffer);
    EXPECT_EQ(to_hex(writer.bit_string(from_hex("a1b2")).bytes()), "030300a1b2");
}

TEST(Der, WhatDoesntFitIsNeverWritten) {
    for (std::size_t room = 0; room < 8; ++room) {
        std::array<std::uint8_t, 16> buffer;
        buffer.fill(0xEE);
        DerWriter writer(MutableBytes(buffer).subspan(4, room));
        writer.put(der::octet_string, from_hex("010203")).wrap(der::sequence, 0);
        EXPECT_EQ(writer.ok(), room >= 7) << room;
        writer.put(der::null, {});
        EXPECT_FALSE(writer.ok()) << "and stays so";
        for (std::size_t i = 0; i < buffer.size(); ++i) {
            const bool outside = i < 4 || i >= 4 + room;
            EXPECT_TRUE(!outside || buffer[i] == 0xEE) << room << ' ' << i;
        }
    }
}

TEST(Der, ReadsWhatItWrote) {
    std::array<std::uint8_t, 70000> buffer{};
    for (const std::size_t size : {0, 1, 127, 128, 255, 256, 65535, 65536}) {
        DerWriter writer(buffer);
        writer.put(der::octet_string, Vector(size, 9));
        DerReader reader(writer.bytes());
        const auto element = reader.next(der::octet_string);
        ASSERT_TRUE(element) << size;
        EXPECT_EQ(element->contents.size(), size);
        EXPECT_EQ(element->whole.size(), writer.size());
        EXPECT_TRUE(reader.at_end());
    }
}

TEST(Der, WhatBerAloneAllowsIsRefused) {
    const char* const bad[] = {
        "",                  // nothing
        "30",                // no length
        "3001",              // contents cut short
        "300201",            //
        "308100",            // long form where the short one does
        "30817f",            //
        "3081",              // its length cut short
        "308200ff",          // a zero in front
        "30820080",          //
        "3080020100 0000",   // indefinite
        "30850000000001aa",  // more length bytes than anything needs
        "3084000000800 1",   //
        "1f0101",            // a tag of several bytes
        "7f490100",          //
    };
    for (const char* text : bad) {
        std::string hex = text;
        std::erase(hex, ' ');
        if (hex.size() % 2 != 0) hex += '0';
        const auto data = from_hex(hex);
        DerReader reader(data);
        EXPECT_FALSE(reader.next()) << text;
        EXPECT_EQ(reader.at_end(), data.empty()) << "the reader stays where it was";
    }
}

TEST(Der, ALengthInMoreBytesThanItNeedsIsRefusedThoughItsContentsAreThere) {
    const std::pair<const char*, std::size_t> heads[] = {
        {"308101", 1}, {"30817f", 127}, {"30820001", 1}, {"308200ff", 255}, {"3083000100", 256}};
    for (const auto& [head, size] : heads) {
        Vector data = from_hex(head);
        data.resize(data.size() + size);
        EXPECT_FALSE(DerReader(data).next()) << head;
    }
    for (const auto& [head, size] : {std::pair{"307f", 127}, {"308180", 128}, {"30820100", 256}}) {
        Vector data = from_hex(head);
        data.resize(data.size() + static_cast<std::size_t>(size));
        EXPECT_TRUE(DerReader(data).next()) << head;
    }
}

TEST(Der, AnotherTagIsRefusedAndStays) {
    const auto data = from_hex("020105");
    DerReader reader(data);
    EXPECT_FALSE(reader.next(der::sequence));
    const auto number = reader.next(der::integer);
    ASSERT_TRUE(number);
    EXPECT_EQ(to_hex(number->contents), "05");
    EXPECT_FALSE(reader.next(der::integer)) << "the end";
}

}  // namespace
}  // namespace sealkey::testing
