// Random and mutated APDUs never crash the token and never change anything without right.
#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "support/hostile_host.h"

namespace sealkey::testing {
namespace {

// AddressSanitizer makes each of them several times as slow. A third of the same inputs goes through it in CI, and the
// fuzzer's.
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SEALKEY_SLOW_INPUTS 1
#endif
#endif
#ifdef SEALKEY_SLOW_INPUTS
constexpr unsigned kShare = 3;
#else
constexpr unsigned kShare = 1;
#endif
constexpr unsigned kRandomInputs = 3000 / kShare;
constexpr unsigned kMutatedInputs = 6000 / kShare;
constexpr std::size_t kCommands = 6;  // in one input, at most

// A command with up to three things wrong.
ByteVector mutate(std::mt19937& random, ByteVector command) {
    const auto below = [&](std::size_t limit) { return random() % limit; };
    const auto byte = [&] { return static_cast<std::uint8_t>(random()); };
    for (std::size_t count = below(4); count > 0; --count) {
        switch (below(6)) {
            case 0:
                if (!command.empty()) command[below(command.size())] ^= static_cast<std::uint8_t>(1 << below(8));
                break;
            case 1:
                if (!command.empty()) command[below(command.size())] = byte();
                break;
            case 2:
                command.resize(below(command.size() + 1));
                break;
            case 3:
                command.insert(command.begin() + static_cast<std::ptrdiff_t>(below(command.size() + 1)), byte());
                break;
            case 4:
                command.insert(command.begin() + static_cast<std::ptrdiff_t>(below(command.size() + 1)), below(40),
                               0xFF);
                break;
            default:
                if (command.size() >= 4) command[3] = static_cast<std::uint8_t>(0x80 + below(0x20));
                break;
        }
    }
    return command;
}

class Hostile : public ::testing::TestWithParam<HostileHost::Door> {
protected:
    std::mt19937 random_{42};
    std::uint8_t byte() { return static_cast<std::uint8_t>(random_()); }
    std::size_t below(std::size_t limit) { return random_() % limit; }

    void run(HostileHost& host, const std::vector<ByteVector>& commands) {
        try {
            host.run(GetParam(), commands);
        } catch (const std::logic_error& error) {
            for (const ByteVector& command : commands) std::printf("  %s\n", to_hex(command).c_str());
            FAIL() << error.what();
        }
    }

    ByteVector mutated(ByteVector command) { return mutate(random_, std::move(command)); }
};

TEST_P(Hostile, RandomBytes) {
    HostileHost host;
    for (unsigned i = 0; i < kRandomInputs && !HasFatalFailure(); ++i) {
        std::vector<ByteVector> commands(1 + below(kCommands));
        for (ByteVector& command : commands) {
            command.resize(1 + below(300));
            for (std::uint8_t& b : command) b = byte();
            // Mostly the classes that are listened to.
            if (below(4) != 0) command[0] = below(3) == 0 ? 0x80 : 0x00;
        }
        run(host, commands);
    }
}

TEST_P(Hostile, MutatedCommands) {
    HostileHost host;
    const std::vector<ByteVector> samples = HostileHost::samples();
    for (unsigned i = 0; i < kMutatedInputs && !HasFatalFailure(); ++i) {
        std::vector<ByteVector> commands(1 + below(kCommands));
        for (ByteVector& command : commands) command = mutated(samples[below(samples.size())]);
        run(host, commands);
    }
    std::printf("%u inputs, %u of them changed the flash\n", kMutatedInputs, host.changed());
    EXPECT_GT(host.changed(), 20U) << "inputs that change nothing prove little";
}

// One session for all of them, so that what one command leaves behind meets the next.
class HostileSession : public ::testing::Test {
protected:
    HostileSession() {
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
    // These spend tries by right: the doors above look at them.
    static bool spends_tries(const ByteVector& apdu) {
        return apdu.size() >= 2 && (apdu[1] == 0x20 || apdu[1] == 0x24 || apdu[1] == 0x2C);
    }
    // So does staging a renewal, which the PIN allows.
    static bool stages(const ByteVector& apdu) {
        return apdu.size() >= 2 && (apdu[0] & 0x80) != 0 && apdu[1] >= 0x40 && apdu[1] <= 0x4C;
    }
    void send_many(int count, bool with_pin = false) {
        const auto samples = HostileHost::samples();
        const ByteVector before = token->status().data;
        int sent = 0;
        for (int i = 0; i < count; ++i) {
            const ByteVector apdu = mutate(random_, samples[random_() % samples.size()]);
            if (spends_tries(apdu) || (with_pin && stages(apdu))) continue;
            const Reply reply = token->raw(apdu);
            ++sent;
            ASSERT_NE(reply.sw, 0x6F00) << to_hex(apdu);
            ASSERT_NE(reply.sw, 0x6F01) << to_hex(apdu);
            ASSERT_TRUE(reply.sw == 0x9000 || reply.sw >> 8 == 0x61 || reply.data.empty()) << to_hex(apdu);
            ASSERT_TRUE(i % 500 != 0 || token->status().data == before) << to_hex(apdu);
        }
        EXPECT_GT(sent, count / 2);
        EXPECT_EQ(token->status().data, before);
    }
    std::mt19937 random_{20260101};
    std::unique_ptr<TestToken> token = std::make_unique<TestToken>();
};

TEST_F(HostileSession, NothingChangesWithoutTheRightTo) {
    const ByteVector certificate = token->get_data(object::cert_9a).data;
    send_many(20000);
    token->reset();
    EXPECT_EQ(token->get_data(object::cert_9a).data, certificate);
    ASSERT_TRUE(token->verify(kPin).ok());
    EXPECT_TRUE(token->sign(ref::authentication).ok());
}

TEST_F(HostileSession, WithThePinAloneNothingButItsOwnChanges) {
    ASSERT_TRUE(token->verify(kPin).ok());
    send_many(5000, true);
}

TEST(HostileDoors, OnlyTheOpenOneChangesAnything) {
    HostileHost host;
    // With 9B open in the compatibility profile, these do change; sent through another door they must not.
    const std::vector<ByteVector> commands = {from_hex("0047009A05AC0380011100"),
                                              from_hex("00DB3FFF0A5C035FC1055303700102")};
    EXPECT_NO_THROW(host.run(HostileHost::Door::compatibility_all, commands));
    EXPECT_EQ(host.changed(), 1U);
    EXPECT_NO_THROW(host.run(HostileHost::Door::compatibility_nobody, commands));
    EXPECT_NO_THROW(host.run(HostileHost::Door::shipping_management, commands));
    EXPECT_NO_THROW(host.run(HostileHost::Door::shipping_channel, commands));
    EXPECT_EQ(host.changed(), 1U);
}

std::string name_of(const ::testing::TestParamInfo<HostileHost::Door>& door) {
    constexpr const char* kNames[] = {"ShippingNobody",      "ShippingPin",      "ShippingManagement",
                                      "CompatibilityNobody", "CompatibilityAll", "ShippingChannel"};
    return kNames[static_cast<std::size_t>(door.param)];
}

INSTANTIATE_TEST_SUITE_P(Doors, Hostile,
                         ::testing::Values(HostileHost::Door::shipping_nobody, HostileHost::Door::shipping_pin,
                                           HostileHost::Door::shipping_management,
                                           HostileHost::Door::compatibility_nobody,
                                           HostileHost::Door::compatibility_all, HostileHost::Door::shipping_channel),
                         name_of);

}  // namespace
}  // namespace sealkey::testing
