#include "crypto/kdf.h"

#include <numeric>
#include <string>
#include <vector>

#include "arena_level.h"
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

}  // namespace
}  // namespace sealkey::crypto
