// Random and mutated APDUs never crash the token and never change anything without right.
#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "support/hostile_host.h"

namespace sealkey::testing {
namespace {

constexpr unsigned kRandomInputs = 3000;
constexpr unsigned kMutatedInputs = 6000;
constexpr std::size_t kCommands = 6;  // in one input, at most

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

    ByteVector mutated(ByteVector command) {
        for (std::size_t count = below(4); count > 0; --count) {
            switch (below(5)) {
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
                default:
                    if (command.size() >= 4) command[3] = static_cast<std::uint8_t>(0x80 + below(0x20));
                    break;
            }
        }
        return command;
    }
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

TEST(HostileDoors, OnlyTheOpenOneChangesAnything) {
    HostileHost host;
    // With 9B open in the compatibility profile, these do change; sent through another door they must not.
    const std::vector<ByteVector> commands = {from_hex("0047009A05AC0380011100"),
                                              from_hex("00DB3FFF0A5C035FC1055303700102")};
    EXPECT_NO_THROW(host.run(HostileHost::Door::compatibility_all, commands));
    EXPECT_EQ(host.changed(), 1U);
    EXPECT_NO_THROW(host.run(HostileHost::Door::compatibility_nobody, commands));
    EXPECT_NO_THROW(host.run(HostileHost::Door::shipping_management, commands));
    EXPECT_EQ(host.changed(), 1U);
}

std::string name_of(const ::testing::TestParamInfo<HostileHost::Door>& door) {
    constexpr const char* kNames[] = {"ShippingNobody", "ShippingPin", "ShippingManagement", "CompatibilityNobody",
                                      "CompatibilityAll"};
    return kNames[static_cast<std::size_t>(door.param)];
}

INSTANTIATE_TEST_SUITE_P(Doors, Hostile,
                         ::testing::Values(HostileHost::Door::shipping_nobody, HostileHost::Door::shipping_pin,
                                           HostileHost::Door::shipping_management,
                                           HostileHost::Door::compatibility_nobody,
                                           HostileHost::Door::compatibility_all),
                         name_of);

}  // namespace
}  // namespace sealkey::testing
