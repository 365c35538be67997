#include "base/bytes.h"

#include <gtest/gtest.h>

#include <utility>

#include "base/crc32.h"
#include "base/secret.h"

namespace sealkey {
namespace {

TEST(Bytes, ConstantTimeEqualTellsEveryDifference) {
    const std::uint8_t a[] = {1, 2, 3};
    for (std::size_t i = 0; i < 3; ++i) {
        std::uint8_t b[] = {1, 2, 3};
        b[i] ^= 0x80;
        EXPECT_FALSE(constant_time_equal(a, b));
    }
    EXPECT_FALSE(constant_time_equal(a, Bytes(a).first(2)));
    EXPECT_TRUE(constant_time_equal(a, a));
    EXPECT_TRUE(constant_time_equal({}, {}));
}

TEST(Bytes, BigEndianRoundTrip) {
    std::uint8_t b[4];
    store_be32(b, 0x01020304);
    EXPECT_EQ(b[0], 1);
    EXPECT_EQ(load_be32(b), 0x01020304U);
    store_be16(b, 0xABCD);
    EXPECT_EQ(b[0], 0xAB);
    EXPECT_EQ(load_be16(b), 0xABCD);
}

TEST(Crc32, PublishedCheckValue) { EXPECT_EQ(crc32(bytes_of("123456789")), 0xCBF43926U); }

TEST(Crc32, ContinuesWhereItStopped) {
    EXPECT_EQ(crc32(bytes_of("6789"), crc32(bytes_of("12345"))), crc32(bytes_of("123456789")));
}

TEST(Secret, MoveLeavesTheSourceWiped) {
    Secret<8> a(bytes_of("12345678"));
    Secret<8> b(std::move(a));
    EXPECT_TRUE(a.empty());  // NOLINT(bugprone-use-after-move): that is what is tested
    for (auto byte : a.buffer()) EXPECT_EQ(byte, 0);
    EXPECT_TRUE(equal(b.bytes(), bytes_of("12345678")));
}

TEST(Secret, ShorterAssignmentLeavesNothingOfTheLongerOne) {
    Secret<8> a(bytes_of("12345678"));
    a.assign(bytes_of("1"));
    for (std::size_t i = 1; i < 8; ++i) EXPECT_EQ(a.buffer()[i], 0);
}

}  // namespace
}  // namespace sealkey
