#include "base/tlv.h"

#include <gtest/gtest.h>

#include <vector>

namespace sealkey {
namespace {

TEST(Tlv, WritesAndReadsEveryLengthForm) {
    for (std::size_t length : {0U, 1U, 127U, 128U, 255U, 256U, 65535U, 65536U}) {
        std::vector<std::uint8_t> value(length, 0xA5);
        std::vector<std::uint8_t> out(length + 16);
        TlvWriter writer(out);
        writer.put(0x5FC105, value);
        ASSERT_TRUE(writer.ok());
        EXPECT_EQ(writer.size(), length + TlvWriter::header_size(0x5FC105, length));
        TlvReader reader(writer.bytes());
        const auto item = reader.next();
        ASSERT_TRUE(item.ok());
        EXPECT_EQ(item->tag, 0x5FC105U);
        EXPECT_TRUE(equal(item->value, value));
        EXPECT_TRUE(reader.at_end());
    }
}

TEST(Tlv, EveryTruncationIsRefused) {
    std::uint8_t out[300];
    std::vector<std::uint8_t> value(200, 1);
    TlvWriter writer(out);
    writer.put(0x7F49, value);
    for (std::size_t n = 0; n < writer.size(); ++n) {
        TlvReader reader(writer.bytes().first(n));
        EXPECT_FALSE(reader.next().ok()) << n;
        EXPECT_EQ(reader.rest().size(), n) << "a refused read must not move";
    }
}

TEST(Tlv, IndefiniteAndOverlongLengthsAreRefused) {
    const std::uint8_t indefinite[] = {0x30, 0x80, 0, 0};
    const std::uint8_t five[] = {0x30, 0x85, 0, 0, 0, 0, 1, 0};
    const std::uint8_t four_byte_tag[] = {0x5F, 0x81, 0x82, 0x03, 0};
    EXPECT_FALSE(TlvReader(indefinite).next().ok());
    EXPECT_FALSE(TlvReader(five).next().ok());
    EXPECT_FALSE(TlvReader(four_byte_tag).next().ok());
}

TEST(Tlv, WriterThatOverflowsStaysRefusedAndWritesNothingPastTheEnd) {
    std::uint8_t out[4] = {9, 9, 9, 9};
    TlvWriter writer(MutableBytes(out).first(3));
    writer.put(0x53, bytes_of("ab"));
    EXPECT_FALSE(writer.ok());
    EXPECT_EQ(out[3], 9);
    writer.put_byte(0x53, 1);
    EXPECT_FALSE(writer.ok());
}

TEST(Tlv, FindStopsAtMalformedData) {
    const std::uint8_t data[] = {0x80, 1, 5, 0x81, 9, 0, 0x82, 1, 7};
    ASSERT_TRUE(find_tlv(data, 0x80).has_value());
    EXPECT_FALSE(find_tlv(data, 0x82).has_value());
}

}  // namespace
}  // namespace sealkey
