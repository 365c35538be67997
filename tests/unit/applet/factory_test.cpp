// The factory's door: MANUFACTURE, once, on blank flash alone.
#include <gtest/gtest.h>

#include "applet/factory.h"
#include "protocol/factory.h"
#include "support/token_fixture.h"

namespace sealkey::testing {
namespace {

class Factory : public ::testing::Test {
protected:
    void SetUp() override { start(); }
    void start() {
        door.reset();
        chip = std::make_unique<applet::Token>(parts.platform);
        door = std::make_unique<applet::FactoryDoor>(*chip, parts.platform);
        started = door->power_on();
    }
    Reply send(const ByteVector& command) {
        ByteVector out(300);
        out.resize(door->transmit(command, out));
        Reply reply{out, static_cast<StatusWord>(out[out.size() - 2] << 8 | out[out.size() - 1])};
        reply.data.resize(out.size() - 2);
        return reply;
    }
    static ByteVector manufacture(std::size_t size = protocol::kManufactureSize, std::uint8_t first = 0x40) {
        ByteVector command = {0x80, protocol::kInsManufacture, 0, 0, static_cast<std::uint8_t>(size)};
        for (std::size_t i = 0; i < size; ++i) command.push_back(static_cast<std::uint8_t>(first + i));
        command.push_back(0);
        return command;
    }

    TestPlatform parts{{4096, 128, 256}, 1};
    std::unique_ptr<applet::Token> chip;
    std::unique_ptr<applet::FactoryDoor> door;
    Status started;
};

const ByteVector kSelect = from_hex("00A4040005A00000030800");
const ByteVector kStatus = from_hex("8010000000");

TEST_F(Factory, BlankFlashWaitsForItAndNothingElse) {
    EXPECT_EQ(started.error(), Error::not_found);
    EXPECT_TRUE(door->blank());
    EXPECT_TRUE(door->usable());
    EXPECT_EQ(send(kSelect).sw, 0x6985);
    EXPECT_EQ(send(kStatus).sw, 0x6985);
    EXPECT_EQ(send({0x00, 0xA4}).sw, 0x6700);
}

TEST_F(Factory, ItMakesATokenAndTellsTheChipsNumber) {
    const Reply made = send(manufacture());
    ASSERT_EQ(made.sw, 0x9000);
    EXPECT_EQ(to_hex(made.data), "0123456789abcdef");
    EXPECT_FALSE(door->blank());
    EXPECT_EQ(send(kSelect).sw, 0x9000);
    const Reply status = send(kStatus);
    ASSERT_EQ(status.sw, 0x9000);
    EXPECT_EQ(find(status.data, protocol::status_tag::lifecycle), ByteVector{0});
    start();
    EXPECT_TRUE(started);
    EXPECT_EQ(send(kStatus), status);
}

TEST_F(Factory, TheDoorIsShutBehindIt) {
    ASSERT_EQ(send(manufacture()).sw, 0x9000);
    EXPECT_EQ(send(manufacture(96, 0x80)).sw, 0x6D00);
    start();
    EXPECT_EQ(send(manufacture(96, 0x80)).sw, 0x6D00);
}

TEST_F(Factory, MalformedItChangesNothing) {
    for (const std::size_t size : {0U, 1U, 95U, 97U}) EXPECT_EQ(send(manufacture(size)).sw, 0x6700) << size;
    for (const int at : {2, 3}) {
        ByteVector command = manufacture();
        command[static_cast<std::size_t>(at)] = 1;
        EXPECT_EQ(send(command).sw, 0x6A86);
    }
    ByteVector chained = manufacture();
    chained[0] = 0x90;
    EXPECT_EQ(send(chained).sw, 0x6985);
    EXPECT_TRUE(door->blank());
    start();
    EXPECT_TRUE(door->blank());
    EXPECT_EQ(send(manufacture()).sw, 0x9000);
}

TEST_F(Factory, ASourceOfRandomnessThatFailsMakesNoToken) {
    parts.entropy.failing = true;
    start();
    EXPECT_FALSE(door->usable());
    EXPECT_EQ(send(manufacture()).sw, 0x6F01);
    EXPECT_EQ(send(kStatus).sw, 0x6F01);
    parts.entropy.failing = false;
    start();
    EXPECT_EQ(send(manufacture()).sw, 0x9000);
}

// Everything that a token keeps is sealed under it.
TEST_F(Factory, TheDeviceSecretIsMadeWithTheTokenAndNeverAgain) {
    EXPECT_EQ(send(kStatus).sw, 0x6985);
    EXPECT_EQ(send(manufacture(95)).sw, 0x6700);
    start();
    EXPECT_EQ(parts.device_secret.renewed, 0U) << "no start makes one, nor what is refused";
    parts.device_secret.failing = true;
    EXPECT_EQ(send(manufacture()).sw, 0x6581);
    EXPECT_TRUE(door->blank());
    parts.device_secret.failing = false;
    ASSERT_EQ(send(manufacture()).sw, 0x9000);
    EXPECT_EQ(parts.device_secret.renewed, 1U);
    EXPECT_EQ(send(manufacture()).sw, 0x6D00);
    start();
    EXPECT_EQ(send(manufacture()).sw, 0x6D00);
    EXPECT_EQ(parts.device_secret.renewed, 1U);
    EXPECT_EQ(send(kSelect).sw, 0x9000);
}

TEST_F(Factory, AFaultOfTheBoardShutsEverything) {
    ASSERT_EQ(send(manufacture()).sw, 0x9000);
    door->fail();
    EXPECT_EQ(send(kStatus).sw, 0x6F01);
    EXPECT_EQ(send(manufacture()).sw, 0x6F01);
}

}  // namespace
}  // namespace sealkey::testing
