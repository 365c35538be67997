// DER as it must be, and nothing else.
#include "base/der_source.h"

#include <gtest/gtest.h>

#include "support/token_fixture.h"

namespace sealkey::testing {
namespace {

std::optional<DerItem> first(const ByteVector& data) {
    const DerMemory source(data);
    DerCursor reader(source, 0, static_cast<std::uint32_t>(data.size()));
    const auto item = reader.next();
    if (!item) {
        EXPECT_EQ(item.error(), Error::invalid);
        return std::nullopt;
    }
    return *item;
}

TEST(DerCursor, ReadsValuesWhereTheyLie) {
    const ByteVector data = concat({from_hex("0201050500"), from_hex("308180"), ByteVector(128, 7)});
    const DerMemory source(data);
    DerCursor reader(source, 0, static_cast<std::uint32_t>(data.size()));
    EXPECT_TRUE(reader.sees(der::integer));
    const auto number = reader.next(der::integer);
    ASSERT_TRUE(number);
    EXPECT_EQ(number->begin, 2U);
    EXPECT_EQ(number->whole_size(), 3U);
    EXPECT_FALSE(reader.next(der::sequence)) << "another tag";
    const auto null = reader.next(der::null);
    ASSERT_TRUE(null);
    EXPECT_EQ(null->size(), 0U);
    const auto list = reader.next(der::sequence);
    ASSERT_TRUE(list);
    EXPECT_EQ(list->begin, 8U);
    EXPECT_EQ(list->size(), 128U);
    EXPECT_TRUE(reader.at_end());
    EXPECT_FALSE(reader.sees(der::sequence));
    EXPECT_FALSE(reader.next());
    ByteVector small(127);
    EXPECT_EQ(der_content(source, *list, small).error(), Error::too_large);
}

TEST(DerCursor, OnlyTheShortestLength) {
    EXPECT_TRUE(first(concat({from_hex("047F"), ByteVector(127)})));
    EXPECT_TRUE(first(concat({from_hex("048180"), ByteVector(128)})));
    EXPECT_TRUE(first(concat({from_hex("04820100"), ByteVector(256)})));
    EXPECT_FALSE(first(concat({from_hex("04817F"), ByteVector(127)})));
    EXPECT_FALSE(first(concat({from_hex("04820080"), ByteVector(128)})));
    EXPECT_FALSE(first(concat({from_hex("0483000100"), ByteVector(256)})));
    EXPECT_FALSE(first(from_hex("048100")));
    EXPECT_FALSE(first(from_hex("0480")));
    EXPECT_FALSE(first(from_hex("04800000"))) << "the indefinite form";
    EXPECT_FALSE(first(from_hex("04850000000001")));
    EXPECT_FALSE(first(from_hex("04FF")));
}

TEST(DerCursor, NothingBeyondTheEnd) {
    for (const char* bad :
         {"", "04", "0401", "0402AA", "0481", "048180", "0482FFFF", "0484FFFFFFFF", "0484FFFFFFFFAA"}) {
        EXPECT_FALSE(first(from_hex(bad))) << bad;
    }
    EXPECT_FALSE(first(from_hex("1F8101020304"))) << "a tag of more bytes";
    // The end is the reader's, not the source's.
    const ByteVector data = from_hex("3003020105FF");
    const DerMemory source(data);
    EXPECT_FALSE(DerCursor(source, 0, 4).next());
    EXPECT_TRUE(DerCursor(source, 0, 5).next());
}

TEST(DerCursor, ASourceThatCannotBeReadIsSaidToBeSo) {
    class Broken final : public DerSource {
    public:
        [[nodiscard]] bool read(std::uint32_t, MutableBytes) const override { return false; }
    };
    const Broken source;
    EXPECT_EQ(DerCursor(source, 0, 100).next().error(), Error::flash_failure);
}

}  // namespace
}  // namespace sealkey::testing
