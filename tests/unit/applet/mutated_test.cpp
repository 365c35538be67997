// Random and mutated APDUs against a secured enterprise key: nothing crashes, and nothing changes without the right to.
#include <gtest/gtest.h>

#include "support/token_fixture.h"

namespace sealkey::testing {
namespace {

namespace st = protocol::status_tag;

// APDUs that a token takes, as seeds.
std::vector<ByteVector> seeds() {
    std::vector<ByteVector> out;
    for (const char* apdu : {"00 A4 04 00 0B A0 00 00 03 08 00 00 10 00 01 00 00",
                             "00 CB 3F FF 05 5C 03 5F C1 05 00",
                             "00 CB 3F FF 03 5C 01 7E 00",
                             "00 DB 3F FF 0A 5C 03 5F C1 05 53 03 70 01 00",
                             "10 DB 3F FF 0B 5C 03 5F FF 40 53 82 40 00 01 02",
                             "00 87 0C 9B 04 7C 02 81 00 00",
                             "00 87 0C 9B 16 7C 14 80 10 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 81 00",
                             "00 87 11 9A 0A 7C 08 82 00 81 04 01 02 03 04 00",
                             "00 87 11 9D 0A 7C 08 82 00 85 04 04 02 03 04 00",
                             "00 47 00 9A 0B AC 09 80 01 11 AA 01 02 AB 01 01 00",
                             "00 FE 11 9A 06 06 04 01 02 03 04",
                             "00 F6 FF 9A",
                             "00 F7 00 9B 00",
                             "00 F9 9A 00 00",
                             "00 FA 03 03",
                             "00 FB 00 00",
                             "00 FF FF FF 13 08 9B 10 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F",
                             "80 10 00 00 00",
                             "80 12 00 00 09 5F C1 05 00 00 00 00 01 00 00",
                             "80 30 00 00 06 81 01 30 83 01 01",
                             "80 32 00 00 08 31 32 33 34 35 36 FF FF",
                             "80 34 02 00",
                             "80 34 0F 00",
                             "00 C0 00 00 00"}) {
        out.push_back(from_hex(apdu));
    }
    return out;
}

// These spend tries by right: they are asked elsewhere.
bool spends_tries(const ByteVector& apdu) {
    if (apdu.size() < 2) return false;
    const std::uint8_t ins = apdu[1];
    return ins == 0x20 || ins == 0x24 || ins == 0x2C;
}

class Mutated : public ::testing::Test {
protected:
    Mutated() {
        token->manufacture();
        token->initialise(Profile::shipping);
        EXPECT_EQ(token->authenticate(), sw::ok);
        EXPECT_TRUE(token->generate(ref::authentication).ok());
        EXPECT_TRUE(token->put_data(object::cert_9a, ByteVector(300, 7)).ok());
        EXPECT_TRUE(token->put_data(object::seal, ByteVector(3000, 7)).ok());
        token->secure();
        token->activate();
        token->reset();
    }
    ByteVector mutate(ByteVector apdu) {
        const auto some = [this](std::size_t below) { return static_cast<std::size_t>(numbers() % below); };
        for (std::size_t times = some(4); times > 0; --times) {
            switch (some(5)) {
                case 0:
                    apdu[some(apdu.size())] ^= static_cast<std::uint8_t>(1U << some(8));
                    break;
                case 1:
                    apdu[some(apdu.size())] = static_cast<std::uint8_t>(numbers());
                    break;
                case 2:
                    apdu.resize(some(apdu.size()) + 1);
                    break;
                case 3:
                    apdu.insert(apdu.begin() + static_cast<std::ptrdiff_t>(some(apdu.size())), some(40), 0xFF);
                    break;
                default:
                    apdu.push_back(static_cast<std::uint8_t>(numbers()));
                    break;
            }
        }
        return apdu;
    }
    std::mt19937 numbers{20260101};
    std::unique_ptr<TestToken> token = std::make_unique<TestToken>();
};

TEST_F(Mutated, NothingChangesWithoutTheRightTo) {
    const auto all = seeds();
    const ByteVector before = token->status().data;
    const ByteVector certificate = token->get_data(object::cert_9a).data;
    int sent = 0;
    for (int i = 0; i < 20000; ++i) {
        const ByteVector apdu = mutate(all[numbers() % all.size()]);
        if (spends_tries(apdu)) continue;
        const Reply reply = token->raw(apdu);
        ++sent;
        ASSERT_NE(reply.sw, 0x6F00) << to_hex(apdu);
        ASSERT_NE(reply.sw, 0x6F01) << to_hex(apdu);
        const bool carries = reply.sw == 0x9000 || reply.sw >> 8 == 0x61;
        ASSERT_TRUE(carries || reply.data.empty()) << to_hex(apdu);
        const bool unchanged = i % 500 != 0 || token->status().data == before;
        ASSERT_TRUE(unchanged) << to_hex(apdu);
    }
    EXPECT_GT(sent, 15000);
    token->reset();
    EXPECT_EQ(token->status().data, before);
    EXPECT_EQ(token->get_data(object::cert_9a).data, certificate);
    ASSERT_TRUE(token->verify(kPin).ok());
    EXPECT_TRUE(token->sign(ref::authentication).ok());
}

TEST_F(Mutated, WithThePinAloneNothingButItsOwnChanges) {
    const auto all = seeds();
    ASSERT_TRUE(token->verify(kPin).ok());
    const ByteVector before = token->status().data;
    for (int i = 0; i < 5000; ++i) {
        const ByteVector apdu = mutate(all[numbers() % all.size()]);
        if (spends_tries(apdu)) continue;
        const Reply reply = token->raw(apdu);
        ASSERT_NE(reply.sw, 0x6F00) << to_hex(apdu);
        ASSERT_NE(reply.sw, 0x6F01) << to_hex(apdu);
    }
    EXPECT_EQ(token->status().data, before);
}

}  // namespace
}  // namespace sealkey::testing
