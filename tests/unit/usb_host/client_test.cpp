// The host's CCID client against the key's own CCID class, and against what a broken device may do.
#include "device_pipe.h"

using namespace sealkey;
using namespace sealkey::testing;
using sealkey::transport::Failure;
using sealkey::transport::TransportError;
using sealkey::transport::usb::CcidClient;
using sealkey::transport::usb::Patience;
using sealkey::transport::usb::ReaderTraits;

namespace {

const ByteVector kCommand{0x00, 0xA4, 0x04, 0x00};
const ByteVector kGood{0x90, 0x00};
constexpr ReaderTraits kTraits{true, usb::kMaxMessage};

class UsbHost : public ::testing::Test {
protected:
    UsbHost() { start(); }
    void start() {
        client.synchronise();
        EXPECT_EQ(client.power_on(), card.atr);
        pipe.sent.clear();
        pipe.aborts = 0;
        card.commands.clear();
    }
    std::optional<Failure> failure_of(const std::function<void()>& action) {
        try {
            action();
        } catch (const TransportError& error) {
            said = error.what();
            return error.failure();
        }
        return std::nullopt;
    }
    std::optional<Failure> failure_of(const ByteVector& command) {
        return failure_of([&] { (void)client.transmit(command); });
    }
    // The card answers each command as before, and saw each once.
    void expect_clean(std::size_t commands_before) {
        EXPECT_EQ(card.commands.size(), commands_before) << "a command was sent twice, or not at all";
        card.answer = [](const ByteVector& command) { return ByteVector{command[3], 0x90, 0x00}; };
        for (std::uint8_t i = 0; i < 3; ++i) {
            EXPECT_EQ(client.transmit(ByteVector{0, 1, 2, i}), (ByteVector{i, 0x90, 0x00}));
        }
    }

    FakeCard card;
    DevicePipe pipe{card};
    CcidClient client{pipe, kTraits};
    std::string said;
};

TEST_F(UsbHost, CommandAndAnswerOfEachLengthGoThrough) {
    for (const std::size_t size : {4U, 5U, 53U, 54U, 55U, 261U, 502U, 2048U, 4105U}) {
        ByteVector command(size);
        for (std::size_t i = 0; i < size; ++i) command[i] = static_cast<std::uint8_t>(i * 7);
        const std::size_t back = std::min<std::size_t>(size, 3074);
        card.answer = [&](const ByteVector& c) { return ByteVector(c.begin(), c.begin() + static_cast<long>(back)); };
        EXPECT_EQ(client.transmit(command), ByteVector(command.begin(), command.begin() + static_cast<long>(back)));
        EXPECT_EQ(card.commands.back(), command);
    }
}

TEST_F(UsbHost, SequenceNumbersGoAround) {
    for (int i = 0; i < 600; ++i) EXPECT_EQ(client.transmit(kCommand), kGood);
    EXPECT_EQ(pipe.aborts, 0);
}

TEST_F(UsbHost, CommandLongerThanAMessageGoesInSeveral) {
    CcidClient small(pipe, {true, 10 + 261});
    small.synchronise();
    (void)small.power_on();
    for (const std::size_t size : {261U, 262U, 522U, 523U, 4105U}) {
        const ByteVector command(size, static_cast<std::uint8_t>(size));
        EXPECT_EQ(small.transmit(command), kGood);
        EXPECT_EQ(card.commands.back(), command);
    }
}

TEST_F(UsbHost, CardThatLostItsPowerGetsItBackAndTheCallerIsTold) {
    pipe.ccid.suspended();
    pipe.ccid.resumed();
    EXPECT_EQ(failure_of(kCommand), Failure::card_reset);
    expect_clean(0);
    CcidClient small(pipe, {true, 10 + 261});
    pipe.ccid.suspended();
    pipe.ccid.resumed();
    EXPECT_EQ(failure_of([&] { (void)small.transmit(ByteVector(1000)); }), Failure::card_reset);
}

TEST_F(UsbHost, MuteCardIsAFailure) {
    card.mute = true;
    EXPECT_EQ(failure_of(kCommand), Failure::communication);
    EXPECT_EQ(said, "sending a command: the card doesn't answer");
    card.mute = false;
    expect_clean(1);
}

TEST_F(UsbHost, Lesson18_DeviceThatAsksForTimeIsWaitedFor) {
    pipe.delay = 200;
    EXPECT_EQ(client.transmit(kCommand), kGood);
    EXPECT_GE(pipe.extensions, 199);
    EXPECT_EQ(pipe.aborts, 0);
    expect_clean(1);
}

TEST_F(UsbHost, EndlessTimeExtensionIsGivenUp) {
    CcidClient impatient(
        pipe, kTraits, {std::chrono::milliseconds(5000), std::chrono::milliseconds(20), std::chrono::milliseconds(20)});
    pipe.delay = -1;
    EXPECT_EQ(failure_of([&] { (void)impatient.transmit(kCommand); }), Failure::timeout);
    EXPECT_EQ(said, "the key asks for more and more time");
    EXPECT_GT(pipe.extensions, 2);
    // It can't be used while it hangs, which is told, and can be used once it ends.
    EXPECT_EQ(failure_of([&] { (void)impatient.transmit(kCommand); }), Failure::timeout);
    EXPECT_EQ(card.commands.size(), 0U);
    pipe.delay = 0;
    EXPECT_EQ(failure_of([&] { (void)impatient.transmit(kCommand); }), std::nullopt);
}

// ---- answers that are wrong -----------------------------------------------------------------------------------------

struct Twist {
    const char* name;
    std::function<void(ByteVector&)> twist;
};

TEST_F(UsbHost, WrongAnswerIsNeverTakenAndLeavesAWorkingDevice) {
    const Twist kTwists[] = {
        {"sequence before", [](ByteVector& m) { --m[6]; }},
        {"sequence after", [](ByteVector& m) { ++m[6]; }},
        {"length more", [](ByteVector& m) { ++m[1]; }},
        {"length less", [](ByteVector& m) { --m[1]; }},
        {"length of gigabytes", [](ByteVector& m) { m[4] = 0xFF; }},
        {"type of a status", [](ByteVector& m) { m[0] = 0x81; }},
        {"type of parameters", [](ByteVector& m) { m[0] = 0x82; }},
        {"type unknown", [](ByteVector& m) { m[0] = 0x00; }},
        {"another slot", [](ByteVector& m) { m[5] = 1; }},
        {"reserved card state", [](ByteVector& m) { m[7] |= 3; }},
        {"reserved outcome", [](ByteVector& m) { m[7] |= 0xC0; }},
        {"reserved status bits", [](ByteVector& m) { m[7] |= 0x10; }},
        {"failure with data", [](ByteVector& m) { m[7] |= 0x40; }},
        {"more time with data", [](ByteVector& m) { m[7] |= 0x80; }},
        {"chain unknown", [](ByteVector& m) { m[9] = 4; }},
        {"chain of a command", [](ByteVector& m) { m[9] = 0x10; }},
        {"chain that ends without beginning", [](ByteVector& m) { m[9] = 2; }},
        {"chain that goes on without beginning", [](ByteVector& m) { m[9] = 3; }},
        {"half an answer", [](ByteVector& m) { m.resize(300); }},
        {"half a header", [](ByteVector& m) { m.resize(7); }},
        {"a byte too many", [](ByteVector& m) { m.push_back(0); }},
        {"more than there is room for", [](ByteVector& m) { m.resize(70'000); }},
        {"no status word", [](ByteVector& m) { m.resize(11), m[1] = 1, m[2] = 0; }},
    };
    std::size_t commands = 0;
    for (const Twist& twist : kTwists) {
        SCOPED_TRACE(twist.name);
        card.answer = [](const ByteVector&) { return ByteVector(700, 0x61); };
        commands = card.commands.size();
        pipe.twist = twist.twist;
        EXPECT_EQ(failure_of(kCommand), Failure::communication);
        expect_clean(commands + 1);
    }
}

TEST_F(UsbHost, EmptyTransfersAreSkippedButNotForEver) {
    pipe.twist = [this](ByteVector& m) {
        m.clear();
        pipe.twist = [](ByteVector&) {};
    };
    // The answer is lost: the device sends no other.
    EXPECT_EQ(failure_of(kCommand), Failure::timeout);
    expect_clean(1);
}

TEST_F(UsbHost, AnswerThatStopsHalfWayIsATimeoutAndItsRestIsntTakenForTheNext) {
    card.answer = [](const ByteVector&) { return ByteVector(3000, 0x61); };
    pipe.half_transfer = true;
    EXPECT_EQ(failure_of(kCommand), Failure::timeout);
    EXPECT_EQ(said, "the key answered half-way");
    expect_clean(1);
}

TEST_F(UsbHost, StalledEndpointsAreClearedAndUsedAgain) {
    pipe.next_out = PipeFault::stalled;
    EXPECT_EQ(failure_of(kCommand), Failure::communication);
    expect_clean(0);
    pipe.next_in = PipeFault::stalled;
    EXPECT_EQ(failure_of(kCommand), Failure::communication);
    expect_clean(4);
}

TEST_F(UsbHost, SilenceIsATimeoutWithAnAbort) {
    pipe.next_in = PipeFault::timeout;
    EXPECT_EQ(failure_of(kCommand), Failure::timeout);
    EXPECT_EQ(said, "the key doesn't answer");
    EXPECT_EQ(pipe.aborts, 1);
    expect_clean(1);
}

TEST_F(UsbHost, UnpluggedAtAnyMomentIsToldSo) {
    pipe.gone = true;
    EXPECT_EQ(failure_of(kCommand), Failure::no_reader);
    EXPECT_EQ(failure_of([&] { client.synchronise(); }), Failure::no_reader);
    pipe.gone = false;
    client.synchronise();
    pipe.next_in = PipeFault::gone;
    EXPECT_EQ(failure_of(kCommand), Failure::no_reader);
    pipe.next_in = PipeFault::failed;
    card.during = [this] { pipe.gone = true; };
    EXPECT_EQ(failure_of(kCommand), Failure::communication);
    EXPECT_EQ(failure_of(kCommand), Failure::no_reader);
    EXPECT_EQ(failure_of(kCommand), Failure::no_reader);
}

// ---- what another program left behind -------------------------------------------------------------------------------

TEST_F(UsbHost, Lesson19_HalfAMessageOfAProgramThatWasKilledIsForgotten) {
    const ByteVector half = message(0x6F, 77, ByteVector(300, 0x55));
    for (const std::size_t size : {std::size_t{64}, std::size_t{256}}) {
        for (std::size_t at = 0; at < size; at += 64) pipe.ccid.received(Bytes(half).subspan(at, 64));
        CcidClient next(pipe, kTraits);
        next.synchronise();
        EXPECT_EQ(next.power_on(), card.atr);
        EXPECT_EQ(next.transmit(kCommand), kGood);
        EXPECT_EQ(card.commands.back(), kCommand);
    }
}

TEST_F(UsbHost, Lesson19_AnswerThatNobodyCollectedIsntTakenForAnother) {
    card.answer = [](const ByteVector&) { return ByteVector(1000, 0x61); };
    for (const std::size_t collected : {0U, 1U, 5U}) {
        EXPECT_EQ(pipe.out(message(0x6F, 77, kCommand), std::chrono::seconds(1)).fault, PipeFault::none);
        (void)pipe.ccid.run();
        for (std::size_t i = 0; i < collected; ++i) (void)pipe.ccid.next(), pipe.ccid.sent();
        (void)pipe.ccid.next();  // in the controller: it can't be taken back
        CcidClient next(pipe, kTraits);
        EXPECT_EQ(failure_of([&] { pipe.ccid.sent(), next.synchronise(); }), std::nullopt);
        EXPECT_EQ(next.power_on(), card.atr);
    }
    expect_clean(3);
}

TEST_F(UsbHost, Lesson19_CommandThatStillRunsIsWaitedForAndItsAnswerDropped) {
    card.answer = [](const ByteVector&) { return ByteVector{0x63, 0xC0}; };
    EXPECT_EQ(pipe.out(message(0x6F, 77, kCommand), std::chrono::seconds(1)).fault, PipeFault::none);
    pipe.delay = 20;
    CcidClient next(pipe, kTraits);
    next.synchronise();
    EXPECT_EQ(pipe.delay, 0);
    EXPECT_EQ(next.power_on(), card.atr);
    expect_clean(1);
}

// It is told so after one wait, not after one for each of several tries.
TEST_F(UsbHost, Lesson18_CommandThatOutlastsTheWaitIsNotAbortedAgainAndAgain) {
    EXPECT_EQ(pipe.out(message(0x6F, 77, kCommand), std::chrono::seconds(1)).fault, PipeFault::none);
    pipe.delay = -1;
    Patience little;
    little.abort = std::chrono::milliseconds(0);
    CcidClient next(pipe, kTraits, little);
    EXPECT_EQ(failure_of([&] { next.synchronise(); }), Failure::timeout);
    EXPECT_EQ(said, "the key is busy with a command that a program gave up");
    EXPECT_EQ(pipe.aborts, 1);
    pipe.delay = 3;
    client.synchronise();
    EXPECT_EQ(client.power_on(), card.atr);
    expect_clean(1);
}

// ---- what isn't sent ------------------------------------------------------------------------------------------------

TEST_F(UsbHost, CommandThatCantBeOneIsntSent) {
    EXPECT_EQ(failure_of(ByteVector{}), Failure::communication);
    EXPECT_EQ(failure_of(ByteVector{0, 0, 0}), Failure::communication);
    CcidClient plain(pipe, {false, 271});
    EXPECT_EQ(failure_of([&] { (void)plain.transmit(ByteVector(262)); }), Failure::communication);
    EXPECT_TRUE(pipe.sent.empty());
    EXPECT_FALSE(plain.extended());
    EXPECT_EQ(plain.transmit(ByteVector(261)), kGood);
}

// ---- answers in parts, which our own class doesn't give -------------------------------------------------------------

// Answers each message with the next of its parts.
class PartsPipe final : public transport::usb::Pipe {
public:
    struct Part {
        std::uint8_t chain;
        ByteVector data;
    };
    Moved out(std::span<const std::uint8_t> data, std::chrono::milliseconds) override {
        last.assign(data.begin(), data.end());
        if (last[0] == 0x6F) levels.push_back(last[8]);
        return {PipeFault::none, data.size()};
    }
    Moved in(std::span<std::uint8_t> into, std::chrono::milliseconds) override {
        ByteVector answer = message(0x81, last[6]);
        if (last[0] == 0x6F) {
            if (parts.empty()) return {PipeFault::timeout, 0};
            answer = message(0x80, last[6], parts.front().data, {0, 0, parts.front().chain});
            if (!for_ever) parts.pop_front();
        }
        std::copy(answer.begin(), answer.end(), into.begin());
        return {PipeFault::none, answer.size()};
    }
    Moved control(std::uint8_t, std::uint16_t, std::chrono::milliseconds) override { return {}; }
    void clear_halts() override {}

    std::deque<Part> parts;
    bool for_ever = false;
    ByteVector last;
    std::vector<int> levels;
};

TEST(UsbHostParts, AnswerInPartsIsPutTogether) {
    PartsPipe pipe;
    pipe.parts = {{1, {1, 2}}, {3, {3}}, {3, {4}}, {2, {0x90, 0x00}}};
    CcidClient client(pipe, kTraits);
    EXPECT_EQ(client.transmit(kCommand), (ByteVector{1, 2, 3, 4, 0x90, 0x00}));
    EXPECT_EQ(pipe.levels, (std::vector<int>{0, 0x10, 0x10, 0x10}));
}

TEST(UsbHostParts, PartsOutOfOrderWithoutEndOrEmptyAreRefused) {
    const std::deque<PartsPipe::Part> kWrong[] = {
        {{1, {1}}, {1, {2}}}, {{1, {1}}, {0, {2}}}, {{1, {1}}, {0x10, {2}}}, {{1, {}}},
        {{1, {1}}, {3, {}}},  {{2, {1, 2}}},        {{3, {1, 2}}},
    };
    for (const auto& parts : kWrong) {
        PartsPipe pipe;
        pipe.parts = parts;
        CcidClient client(pipe, kTraits);
        EXPECT_THROW((void)client.transmit(kCommand), TransportError);
    }
    PartsPipe endless;
    endless.parts = {{1, ByteVector(4000)}};
    CcidClient client(endless, kTraits);
    EXPECT_THROW((void)client.transmit(kCommand), TransportError);
    endless.parts = {{1, ByteVector(4000)}, {3, ByteVector(4000)}};
    endless.for_ever = true;
    EXPECT_THROW((void)client.transmit(kCommand), TransportError);
}

}  // namespace
