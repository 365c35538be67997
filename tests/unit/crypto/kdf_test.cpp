#include "crypto/kdf.h"

#include <numeric>
#include <string>
#include <vector>

#include "arena_level.h"
#include "crypto/cmac.h"
#include "protocol/key.h"
#include "support/hex.h"

namespace sealkey::crypto {
namespace {

using testing::from_hex;
using testing::to_hex;
using Buffer = std::vector<std::uint8_t>;

class Kdf : public ArenaLevel {};

// The worked vector of the design's section on locks: from the master key to the number behind the printed code.
TEST_F(Kdf, UnlockKeyAndResetCodeOfTheWorkedVector) {
    Buffer master(32);
    std::iota(master.begin(), master.end(), std::uint8_t{0});
    Buffer context = {0x01};
    for (char c : std::string("0123456789AB")) context.push_back(static_cast<std::uint8_t>(c));

    Result<Secret<32>> unlock = derive<32>(master, bytes_of(protocol::kUnlockLabel), context);
    ASSERT_TRUE(unlock);
    EXPECT_EQ(to_hex(unlock->bytes()), "c9991162a828e49bf892026372f92040ad0bfcfa2f1bfe018407426cad790d62");

    std::uint8_t tail[7];
    store_be16(tail, 3);
    store_be32(tail + 2, 481516);
    tail[6] = protocol::kPurposePin;
    context.insert(context.end(), std::begin(tail), std::end(tail));
    Result<Secret<16>> value = derive<16>(unlock->bytes(), bytes_of(protocol::kCodeLabel), context);
    ASSERT_TRUE(value);
    std::uint64_t number = 0;
    for (std::uint8_t byte : value->bytes()) number = (number * 256 + byte) % 1000000000000000ULL;
    std::string digits = std::to_string(number);
    digits.insert(0, protocol::kCodeDigits - digits.size(), '0');
    EXPECT_EQ(digits, "169141579270394");
}

// Every block takes the counter and the whole length, so a longer output doesn't begin with the shorter one.
TEST_F(Kdf, LongOutputsAreBlocksOfTheirOwn) {
    const Buffer key(16, 0x42);
    const Buffer context = from_hex("0102030405");
    Buffer out(40);
    ASSERT_TRUE(kdf_counter_cmac(key, bytes_of("label"), context, out));
    const Buffer length = from_hex("00000140");
    const Buffer zero(1, 0);
    for (std::uint8_t counter = 1; counter <= 3; ++counter) {
        Result<Mac> block = cmac(key, {Bytes(&counter, 1), bytes_of("label"), zero, context, length});
        ASSERT_TRUE(block);
        const std::size_t at = (counter - 1U) * 16;
        const std::size_t piece = std::min<std::size_t>(16, out.size() - at);
        EXPECT_EQ(to_hex(Bytes(out).subspan(at, piece)), to_hex(Bytes(*block).first(piece)));
    }
    Buffer short_out(16);
    ASSERT_TRUE(kdf_counter_cmac(key, bytes_of("label"), context, short_out));
    EXPECT_NE(to_hex(short_out), to_hex(Bytes(out).first(16)));
}

TEST_F(Kdf, LengthsAreBounded) {
    const Buffer key(16);
    Buffer none;
    Buffer most(255 * 16);
    Buffer too_long(255 * 16 + 1);
    EXPECT_EQ(kdf_counter_cmac(key, {}, {}, none).error(), Error::invalid);
    EXPECT_TRUE(kdf_counter_cmac(key, {}, {}, most));
    EXPECT_EQ(kdf_counter_cmac(key, {}, {}, too_long).error(), Error::invalid);
    EXPECT_EQ(kdf_counter_cmac(Buffer(20), {}, {}, most).error(), Error::invalid);
    EXPECT_EQ(most, Buffer(most.size(), 0)) << "wiped after a failure";
    Buffer hkdf_too_long(255 * 32 + 1);
    EXPECT_FALSE(hkdf_sha256({}, key, {}, hkdf_too_long));
}

// RFC 5869, A.1.
TEST_F(Kdf, HkdfVector) {
    Buffer out(42);
    ASSERT_TRUE(
        hkdf_sha256(from_hex("000102030405060708090a0b0c"), Buffer(22, 0x0b), from_hex("f0f1f2f3f4f5f6f7f8f9"), out));
    EXPECT_EQ(to_hex(out), "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

}  // namespace
}  // namespace sealkey::crypto
