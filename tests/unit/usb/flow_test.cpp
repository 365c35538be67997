// CCID over time: chains, two messages at once, long commands, aborts, and a bus that goes away.
#include "reader.h"

using namespace sealkey;
using namespace sealkey::testing;

namespace {

const ByteVector kOk{0x90, 0x00};
const ByteVector kCommand{0x00, 0xA4, 0x04, 0x00};
const Answer kGoOn{0x80, 1, 0, 0, 0x10, {}};

class CcidFlow : public ::testing::Test {
protected:
    CcidFlow() { reader.start(); }

    static ByteVector part(const ByteVector& data, std::uint8_t level, std::uint8_t sequence = 1) {
        return message(0x6F, sequence, data, {0, level, 0});
    }
    // The command is running, as far as the reader can tell: it was posted, and the thread hasn't come to it.
    void begin_command(std::uint8_t sequence = 1) {
        reader.send(message(0x6F, sequence, kCommand));
        EXPECT_TRUE(reader.ccid.pending());
    }
    void expect_alive() {
        EXPECT_EQ(reader.ask(message(0x65, 0x51)).type, 0x81);
        EXPECT_EQ(reader.ask(message(0x62, 0x52)).data, card.atr);
        EXPECT_EQ(reader.ask(message(0x6F, 0x53, kCommand)).data, kOk);
    }

    FakeCard card;
    Reader reader{card};
};

// ---- an APDU in several messages ------------------------------------------------------------------------------------

TEST_F(CcidFlow, ChainIsPutTogether) {
    EXPECT_EQ(reader.ask(part({1, 2}, 1)), kGoOn);
    EXPECT_EQ(reader.ask(part(ByteVector(100, 3), 3)), kGoOn);
    EXPECT_EQ(reader.ask(message(0x65, 1)).type, 0x81) << "a question in between";
    EXPECT_EQ(reader.ask(part({}, 3)), kGoOn);
    EXPECT_TRUE(card.commands.empty());
    EXPECT_EQ(reader.ask(part({4}, 2)).data, kOk);
    ByteVector whole{1, 2};
    whole.insert(whole.end(), 100, 3);
    whole.push_back(4);
    ASSERT_EQ(card.commands.size(), 1U);
    EXPECT_EQ(card.commands[0], whole);
}

TEST_F(CcidFlow, PartsOutOfOrderAreRefused) {
    EXPECT_EQ(reader.ask(part({1}, 3)), failed(0x80, 1, 8));
    EXPECT_EQ(reader.ask(part({1}, 2)), failed(0x80, 1, 8));
    EXPECT_EQ(reader.ask(part({}, 0x10)), failed(0x80, 1, 8)) << "no answer is being chained";
    EXPECT_EQ(reader.ask(part({1}, 4)), failed(0x80, 1, 8));
    EXPECT_EQ(reader.ask(message(0x6F, 1, {1}, {0, 1, 1})), failed(0x80, 1, 8));
    EXPECT_EQ(reader.ask(part({1}, 1)), kGoOn);
    EXPECT_EQ(reader.ask(part({1}, 0x10)), failed(0x80, 1, 8));
    EXPECT_EQ(reader.ask(part({1}, 2)), failed(0x80, 1, 8)) << "the chain ended by the wrong part";
    EXPECT_TRUE(card.commands.empty());
}

TEST_F(CcidFlow, Lesson19_ChainCutShortLeavesNothingToTheNext) {
    const auto cut = [&](const std::function<void()>& how, const std::string& name) {
        EXPECT_EQ(reader.ask(part({0xEE, 0xEE}, 1)), kGoOn) << name;
        how();
        EXPECT_EQ(reader.ask(part({1}, 2)).status & 0x40, 0x40) << name;
        EXPECT_EQ(reader.ask(message(0x62, 9)).data, card.atr) << name;
        EXPECT_EQ(reader.ask(part({1}, 2)), failed(0x80, 1, 8)) << name;
        EXPECT_EQ(reader.ask(part({5}, 1)), kGoOn) << name;
        EXPECT_EQ(reader.ask(part({6}, 2)).data, kOk) << name;
        EXPECT_EQ(card.commands.back(), (ByteVector{5, 6})) << name;
    };
    cut([&] { (void)reader.ask(message(0x62, 2)); }, "power on");
    cut([&] { (void)reader.ask(message(0x63, 2)); }, "power off");
    cut([&] { (void)reader.ask(message(0x6F, 2, kCommand)); }, "another command");
    cut([&] { reader.ccid.reset(), reader.start(); }, "bus reset");
    cut([&] { reader.ccid.suspended(), reader.ccid.resumed(); }, "suspend");
    cut([&] { (void)reader.abort(7), (void)reader.ask(message(0x72, 7)); }, "abort");
    cut([&] { (void)reader.ask(with_length(part({1, 2, 3}, 3), 500)); }, "half a part");
    EXPECT_EQ(card.commands.size(), 8U) << "one for each cut, and the other command";
}

TEST_F(CcidFlow, CommandLongerThanAnyIsAnsweredAsTheCardWould) {
    const ByteVector block(3000, 0x11);
    EXPECT_EQ(reader.ask(part(block, 1)), kGoOn);
    EXPECT_EQ(reader.ask(part(block, 3)), kGoOn);
    EXPECT_EQ(reader.ask(part({1}, 3)), kGoOn);
    EXPECT_EQ(reader.ask(part({1}, 2)).data, (ByteVector{0x67, 0x00}));
    EXPECT_TRUE(card.commands.empty());
    // The longest that there is, in the smallest parts that make sense.
    ByteVector longest;
    for (std::size_t i = 0; i < usb::Ccid::kMaxCommand; ++i) longest.push_back(static_cast<std::uint8_t>(i * 7));
    for (std::size_t at = 0; at < longest.size(); at += 241) {
        const std::size_t n = std::min<std::size_t>(241, longest.size() - at);
        const bool last = at + n == longest.size();
        const ByteVector piece(longest.begin() + static_cast<long>(at), longest.begin() + static_cast<long>(at + n));
        EXPECT_EQ(reader.ask(part(piece, at == 0 ? 1 : last ? 2 : 3)).status, 0);
    }
    ASSERT_EQ(card.commands.size(), 1U);
    EXPECT_EQ(card.commands[0], longest);
}

// ---- two at once ----------------------------------------------------------------------------------------------------

TEST_F(CcidFlow, CommandsInSequenceAreNotLostWhereTheLastPacketIsReportedLate) {
    for (std::uint8_t i = 0; i < 100; ++i) {
        card.answer = [i](const ByteVector&) { return ByteVector{i, 0x90, 0x00}; };
        reader.send(message(0x6F, i, {i, 0, 0, 0}));
        reader.run();
        const auto packet = reader.ccid.next();
        ASSERT_TRUE(packet);
        EXPECT_EQ((*packet)[6], i);
        // The host has it and sends the next, before the controller has told of either.
        reader.send(message(0x65, static_cast<std::uint8_t>(i + 100)));
        reader.ccid.sent();
        EXPECT_EQ(reader.receive(), (Answer{0x81, (i + 100) & 0xFF, 0, 0, 0, {}}));
    }
    EXPECT_EQ(card.commands.size(), 100U);
}

TEST_F(CcidFlow, CommandBeforeTheAnswerWasCollectedWaits) {
    begin_command(1);
    reader.run();
    reader.send(message(0x6F, 2, {9, 9, 9, 9}));
    EXPECT_FALSE(reader.ccid.ready()) << "the host has to wait";
    reader.run();
    EXPECT_EQ(card.commands.size(), 1U);
    EXPECT_EQ(reader.receive().sequence, 1);
    reader.run();
    EXPECT_EQ(reader.receive().sequence, 2);
    EXPECT_EQ(card.commands.back(), (ByteVector{9, 9, 9, 9}));
}

TEST_F(CcidFlow, SecondCommandWhileOneRunsIsRefusedAsBusy) {
    begin_command(1);
    for (const int type : {0x62, 0x63, 0x65, 0x6C, 0x6F}) {
        reader.send(message(static_cast<std::uint8_t>(type), 2, type == 0x6F ? kCommand : ByteVector{}));
        EXPECT_EQ(reader.receive().error, 0xE0) << type;
    }
    reader.run();
    EXPECT_EQ(reader.receive(), (Answer{0x80, 1, 0, 0, 0, kOk}));
    EXPECT_EQ(card.commands.size(), 1U);
    EXPECT_EQ(card.commands[0], kCommand) << "the second one's data went elsewhere";
}

TEST_F(CcidFlow, LongSecondCommandThatOutlastsTheFirstIsRefusedToo) {
    begin_command(1);
    const ByteVector bytes = message(0x6F, 2, ByteVector(200, 0xBB));
    reader.ccid.received(Bytes(bytes).first(64));
    reader.run();
    EXPECT_EQ(reader.receive().sequence, 1);
    for (std::size_t at = 64; at < bytes.size(); at += 64) {
        reader.ccid.received(Bytes(bytes).subspan(at, std::min<std::size_t>(64, bytes.size() - at)));
    }
    reader.run();
    EXPECT_EQ(reader.receive(), failed(0x80, 2, 0xE0));
    EXPECT_EQ(card.commands.size(), 1U);
}

TEST_F(CcidFlow, HostThatOnlySendsIsMadeToWait) {
    begin_command(1);
    int taken = 0;
    while (reader.ccid.ready() && taken < 100) {
        reader.ccid.received(message(0x65, 2));
        ++taken;
    }
    EXPECT_LT(taken, 5);
    reader.ccid.received(message(0x65, 3));  // a controller that doesn't ask: dropped
    reader.run();
    while (reader.receive() != kSilence) reader.run();
    expect_alive();
}

// ---- long commands --------------------------------------------------------------------------------------------------

TEST_F(CcidFlow, Lesson18_HostIsToldInTimeThatALongCommandGoesOn) {
    begin_command(5);
    for (int i = 0; i < 20; ++i) {
        reader.wait(600);
        EXPECT_EQ(reader.receive(), (Answer{0x80, 5, 0x80, 1, 0, {}})) << i;
        EXPECT_EQ(reader.receive(), kSilence);
    }
    reader.run();
    EXPECT_EQ(reader.receive(), (Answer{0x80, 5, 0, 0, 0, kOk}));
    reader.wait(3000);
    EXPECT_EQ(reader.receive(), kSilence);
}

TEST_F(CcidFlow, Lesson18_FirstExtensionComesBeforeAnyHostGivesUp) {
    begin_command(5);
    std::uint32_t waited = 0;
    while (reader.receive() == kSilence && waited < 5000) {
        reader.wait(100);
        waited += 100;
    }
    EXPECT_LT(waited, 1600U) << "the usual waiting time of T=1";
    EXPECT_GE(waited, 300U);
}

TEST_F(CcidFlow, Lesson18_HostThatDoesNotCollectGetsOneExtensionThenTheAnswer) {
    begin_command(5);
    reader.wait(10'000);
    reader.run();
    EXPECT_EQ(reader.receive().status, 0x80);
    EXPECT_EQ(reader.receive(), (Answer{0x80, 5, 0, 0, 0, kOk}));
    EXPECT_EQ(reader.receive(), kSilence);
}

TEST_F(CcidFlow, ShortCommandsNeedNoExtension) {
    for (int i = 0; i < 50; ++i) {
        reader.wait(100);
        begin_command(1);
        reader.wait(300);
        reader.run();
        EXPECT_EQ(reader.receive().data, kOk);
    }
}

// ---- aborts ---------------------------------------------------------------------------------------------------------

const Answer kAborted{0x81, 7, 0, 0, 0, {}};

TEST_F(CcidFlow, AbortInEitherOrderIsAnsweredOnceItIsAPair) {
    ASSERT_TRUE(reader.abort(7));
    EXPECT_EQ(reader.receive(), kSilence);
    EXPECT_EQ(reader.ask(message(0x72, 7)), kAborted);
    EXPECT_EQ(reader.ask(message(0x72, 7)), kSilence);
    ASSERT_TRUE(reader.abort(7));
    EXPECT_EQ(reader.receive(), kAborted);
    expect_alive();
}

TEST_F(CcidFlow, AbortedCommandIsNeverAnswered) {
    for (const bool control_first : {true, false}) {
        begin_command(1);
        if (control_first) {
            ASSERT_TRUE(reader.abort(7));
            reader.send(message(0x72, 7));
        } else {
            reader.send(message(0x72, 7));
            ASSERT_TRUE(reader.abort(7));
        }
        EXPECT_EQ(reader.receive(), kSilence) << "the slot isn't ready before the command has ended";
        reader.run();
        EXPECT_EQ(reader.receive(), kAborted);
        EXPECT_EQ(reader.receive(), kSilence);
        expect_alive();
    }
}

TEST_F(CcidFlow, AbortThatHasToWaitSaysSoInTime) {
    begin_command(1);
    ASSERT_TRUE(reader.abort(7));
    reader.wait(2000);
    EXPECT_EQ(reader.receive(), kSilence) << "nobody waits for the command any more";
    reader.send(message(0x72, 7));
    reader.wait(600);
    EXPECT_EQ(reader.receive(), (Answer{0x81, 7, 0x80, 1, 0, {}}));
    reader.run();
    EXPECT_EQ(reader.receive(), kAborted);
}

TEST_F(CcidFlow, UntilThePairIsThereEveryMessageIsRefused) {
    ASSERT_TRUE(reader.abort(7));
    for (const int type : {0x62, 0x63, 0x65, 0x6B, 0x6F, 0x00}) {
        EXPECT_EQ(reader.ask(message(static_cast<std::uint8_t>(type), 9)).error, 0xFF) << type;
    }
    EXPECT_EQ(reader.ask(message(0x72, 8)), failed(0x81, 8, 0xFF)) << "another sequence number";
    EXPECT_EQ(reader.ask(message(0x72, 7, {}, {}, 1)).error, 0xFF) << "another slot";
    EXPECT_EQ(reader.ask(message(0x72, 7)), kAborted);
    EXPECT_TRUE(card.commands.empty());
    expect_alive();
}

TEST_F(CcidFlow, LaterControlRequestTakesThePlaceOfTheFirst) {
    ASSERT_TRUE(reader.abort(6));
    ASSERT_TRUE(reader.abort(7));
    EXPECT_EQ(reader.ask(message(0x72, 6)), failed(0x81, 6, 0xFF));
    EXPECT_EQ(reader.ask(message(0x72, 7)), kAborted);
}

TEST_F(CcidFlow, AbortMessageThatIsNotTheLastNeedsAnotherOne) {
    EXPECT_EQ(reader.ask(message(0x72, 7)), kSilence);
    EXPECT_EQ(reader.ask(message(0x65, 1)).type, 0x81) << "the host changed its mind";
    ASSERT_TRUE(reader.abort(7));
    EXPECT_EQ(reader.receive(), kSilence);
    EXPECT_EQ(reader.ask(message(0x72, 7)), kAborted);
    EXPECT_EQ(reader.ask(message(0x72, 3)), kSilence);
    ASSERT_TRUE(reader.abort(7)) << "its pair has another number";
    EXPECT_EQ(reader.receive(), kSilence);
    EXPECT_EQ(reader.ask(message(0x72, 7)), kAborted);
}

TEST_F(CcidFlow, AbortDropsAnAnswerThatIsHalfCollected) {
    card.answer = [](const ByteVector&) { return ByteVector(1000, 0x66); };
    begin_command(1);
    reader.run();
    ASSERT_TRUE(reader.ccid.next());
    reader.ccid.sent();
    ASSERT_TRUE(reader.ccid.next());  // in the controller's hands
    ASSERT_TRUE(reader.abort(7));
    reader.send(message(0x72, 7));
    EXPECT_FALSE(reader.ccid.next()) << "before the packet has left";
    reader.ccid.sent();
    EXPECT_EQ(reader.transfer(), ByteVector{}) << "what a host with one long transfer has of the answer ends here";
    EXPECT_EQ(reader.receive(), kAborted);
    EXPECT_EQ(reader.receive(), kSilence);
    card.answer = [](const ByteVector&) { return kOk; };
    expect_alive();
}

// A host takes what comes up to a short packet as one message: the answer to an abort is never the rest of another.
TEST_F(CcidFlow, AbortAmidAnAnswerIsNoPartOfIt) {
    for (const std::size_t size : {54U - 1, 54U, 54U + 1, 2 * 64 - 10U, 300U}) {
        card.answer = [&](const ByteVector&) { return ByteVector(size, 0x66); };
        const std::size_t whole_packets = (size + 10) / 64;
        for (std::size_t taken = 0; taken <= whole_packets; ++taken) {
            begin_command(1);
            reader.run();
            std::size_t bytes = 0;
            for (std::size_t i = 0; i < taken; ++i) {
                const auto packet = reader.ccid.next();
                ASSERT_TRUE(packet);
                bytes += packet->size();
                reader.ccid.sent();
            }
            ASSERT_EQ(bytes, taken * 64);
            ASSERT_TRUE(reader.abort(7));
            reader.send(message(0x72, 7));
            if (taken > 0) {
                EXPECT_EQ(reader.transfer(), ByteVector{}) << size << " bytes, after " << taken << " packets";
            }
            EXPECT_EQ(reader.receive(), kAborted) << size << " bytes, after " << taken << " packets";
            EXPECT_EQ(reader.receive(), kSilence);
        }
    }
    card.answer = [](const ByteVector&) { return kOk; };
    expect_alive();
}

TEST_F(CcidFlow, BusResetAmidAnAnswerLeavesNothingToEnd) {
    for (const bool armed : {false, true}) {
        card.answer = [](const ByteVector&) { return ByteVector(300, 0x66); };
        begin_command(1);
        reader.run();
        ASSERT_TRUE(reader.ccid.next());
        reader.ccid.sent();
        if (armed) {
            ASSERT_TRUE(reader.ccid.next());
        }
        reader.ccid.reset();
        reader.start();
        EXPECT_EQ(reader.receive(), kSilence);
    }
    card.answer = [](const ByteVector&) { return kOk; };
    expect_alive();
}

TEST_F(CcidFlow, SuspendAmidAnAnswerEndsWhatStillLeaves) {
    for (const bool armed : {false, true}) {
        card.answer = [](const ByteVector&) { return ByteVector(300, 0x66); };
        begin_command(1);
        reader.run();
        ASSERT_TRUE(reader.ccid.next());
        if (!armed) reader.ccid.sent();
        reader.ccid.suspended();
        reader.run();
        reader.ccid.resumed();
        if (armed) {
            reader.ccid.sent();
            EXPECT_EQ(reader.transfer(), ByteVector{}) << "the old answer's packet isn't the next one's beginning";
        }
        EXPECT_EQ(reader.receive(), kSilence);
        EXPECT_EQ(reader.ask(message(0x62, 0)).data, card.atr);
    }
    card.answer = [](const ByteVector&) { return kOk; };
    expect_alive();
}

TEST_F(CcidFlow, ControlAbortWithoutItsPairIsForgottenInTime) {
    ASSERT_TRUE(reader.abort(7));
    reader.wait(4000);
    EXPECT_EQ(reader.ask(message(0x65, 1)), failed(0x81, 1, 0xFF)) << "a slow host may still send it";
    reader.wait(1500);
    expect_alive();
    // It isn't the pair of a later message.
    reader.send(message(0x72, 7));
    EXPECT_EQ(reader.receive(), kSilence);
}

TEST_F(CcidFlow, AbortEndsAHalfSentCommand) {
    const ByteVector bytes = message(0x6F, 1, ByteVector(500, 1));
    for (const bool control_first : {true, false}) {
        reader.ccid.received(Bytes(bytes).first(64));
        reader.ccid.received(Bytes(bytes).subspan(64, 64));
        if (control_first) (void)reader.abort(7);
        reader.send(message(0x72, 7));
        if (!control_first) (void)reader.abort(7);
        EXPECT_EQ(reader.receive(), kAborted);
        expect_alive();
    }
    EXPECT_EQ(card.commands.size(), 2U);
}

TEST_F(CcidFlow, CommandThatWaitsForItsTurnIsAbortedUnseen) {
    begin_command(1);
    reader.run();
    reader.send(message(0x6F, 2, {9, 9, 9, 9}));
    EXPECT_FALSE(reader.ccid.ready());
    ASSERT_TRUE(reader.abort(7));
    EXPECT_EQ(reader.ask(message(0x72, 7)), kAborted);
    EXPECT_EQ(card.commands.size(), 1U);
    expect_alive();
}

// ---- the bus --------------------------------------------------------------------------------------------------------

TEST_F(CcidFlow, NothingIsTakenOrGivenBeforeConfiguration) {
    FakeCard other;
    Reader fresh(other);
    EXPECT_FALSE(fresh.ccid.ready());
    fresh.ccid.received(message(0x62, 1));
    fresh.run();
    EXPECT_FALSE(fresh.ccid.next());
    EXPECT_FALSE(fresh.ccid.next_event());
    EXPECT_FALSE(fresh.ccid.control({0x21, 1, 0, 0, 0}));
    EXPECT_TRUE(other.events.empty());
}

TEST_F(CcidFlow, SlotChangeIsToldAtConfigurationAndResumption) {
    const auto event = [&] {
        const auto bytes = reader.ccid.next_event();
        const ByteVector out = bytes ? ByteVector(bytes->begin(), bytes->end()) : ByteVector{};
        EXPECT_FALSE(reader.ccid.next_event()) << "told twice";
        reader.ccid.event_sent();
        return out;
    };
    const ByteVector changed{0x50, 0x03};
    EXPECT_EQ(event(), ByteVector{});
    reader.ccid.configured();
    EXPECT_EQ(event(), changed);
    EXPECT_EQ(event(), ByteVector{});
    reader.ccid.suspended();
    EXPECT_EQ(event(), ByteVector{});
    reader.ccid.resumed();
    EXPECT_EQ(event(), changed);
    reader.ccid.reset();
    reader.ccid.resumed();
    EXPECT_EQ(event(), ByteVector{});
}

TEST_F(CcidFlow, Lesson19_BusResetAndSuspendEndTheSession) {
    for (const bool reset : {true, false}) {
        card.events.clear();
        if (reset) {
            reader.ccid.reset();
            EXPECT_FALSE(reader.ccid.ready());
            reader.run();
            reader.ccid.configured();
        } else {
            reader.ccid.suspended();
            reader.run();
            reader.ccid.resumed();
        }
        reader.run();
        EXPECT_EQ(card.events, std::vector<std::string>{"off"});
        EXPECT_EQ(reader.ask(message(0x6F, 1, kCommand)), failed(0x80, 1, 0xFE, 1));
        EXPECT_EQ(reader.ask(message(0x65, 2)).status, 1);
        expect_alive();
    }
}

TEST_F(CcidFlow, Lesson19_CommandThatRunsThroughABusResetIsNotAnsweredAndItsSessionEnds) {
    // What happens while the thread is in the command, and whether the thread or the host comes first after it.
    for (const bool reset : {true, false}) {
        card.events.clear();
        card.during = [&] {
            reset ? reader.ccid.reset() : reader.ccid.suspended();
            if (reset) reader.ccid.configured();
            if (!reset) reader.ccid.resumed();
            EXPECT_FALSE(reader.ccid.next());
            reader.send(message(0x62, 3));
            reader.wait(700);
            EXPECT_EQ(reader.receive(), (Answer{0x80, 3, 0x81, 1, 0, {}})) << "the new host is told to wait";
        };
        begin_command(1);
        reader.run();
        card.during = {};
        EXPECT_EQ(card.events, (std::vector<std::string>{"command", "off", "on"}));
        EXPECT_EQ(reader.receive(), (Answer{0x80, 3, 0, 0, 0, card.atr}));
        EXPECT_EQ(reader.receive(), kSilence);
        expect_alive();
    }
}

TEST_F(CcidFlow, CommandSentToAKeyThatStillEndsAnotherIsNotRun) {
    card.during = [&] {
        reader.ccid.reset();
        reader.ccid.configured();
        reader.send(message(0x6F, 3, ByteVector(8, 0xDD)));
        EXPECT_EQ(reader.receive(), failed(0x80, 3, 0xFE, 1));
        reader.send(message(0x65, 4));
        EXPECT_EQ(reader.receive(), (Answer{0x81, 4, 1, 0, 1, {}}));
    };
    begin_command(1);
    reader.run();
    EXPECT_EQ(card.commands.size(), 1U);
}

TEST_F(CcidFlow, AnswerNotCollectedBeforeABusResetIsGone) {
    card.answer = [](const ByteVector&) { return ByteVector(500, 0x66); };
    begin_command(1);
    reader.run();
    ASSERT_TRUE(reader.ccid.next());
    reader.ccid.reset();
    reader.ccid.sent();  // a late word from the controller
    reader.ccid.configured();
    EXPECT_EQ(reader.receive(), kSilence);
    card.answer = [](const ByteVector&) { return kOk; };
    expect_alive();
}

TEST_F(CcidFlow, ParametersAndAbortsDoNotOutlastTheBus) {
    (void)reader.ask(message(0x61, 1, {0x95, 0x11, 2, 0x34, 3, 0x80, 0}, {1, 0, 0}));
    ASSERT_TRUE(reader.abort(7));
    reader.ccid.reset();
    reader.start();
    EXPECT_EQ(reader.ask(message(0x6C, 2)).data,
              ByteVector(usb::kDefaultParameters.begin(), usb::kDefaultParameters.end()));
}

// ---- a host that stops half-way -------------------------------------------------------------------------------------

TEST_F(CcidFlow, HalfAMessageIsForgottenInTime) {
    const ByteVector bytes = message(0x6F, 1, ByteVector(500, 1));
    reader.ccid.received(Bytes(bytes).first(64));
    reader.wait(700);
    reader.ccid.received(Bytes(bytes).subspan(64, 64));
    reader.wait(700);
    for (std::size_t at = 128; at < bytes.size(); at += 64) {  // slow, but not gone
        reader.ccid.received(Bytes(bytes).subspan(at, std::min<std::size_t>(64, bytes.size() - at)));
    }
    reader.run();
    EXPECT_EQ(reader.receive().data, kOk);

    reader.ccid.received(Bytes(bytes).first(64));
    reader.wait(1500);
    EXPECT_EQ(reader.receive(), kSilence);
    // A whole packet, which would have been taken for the rest.
    reader.send(message(0x6F, 2, ByteVector(54, 2)));
    reader.run();
    EXPECT_EQ(reader.receive(), (Answer{0x80, 2, 0, 0, 0, kOk}));
    EXPECT_EQ(card.commands.back(), ByteVector(54, 2));
}

TEST_F(CcidFlow, AnotherProgramsFirstMessageIsNotTakenForTheRestOfAnother) {
    const ByteVector bytes = message(0x6F, 1, ByteVector(500, 1));
    reader.ccid.received(Bytes(bytes).first(64));
    EXPECT_EQ(reader.ask(message(0x65, 0)), (Answer{0x81, 0, 0, 0, 0, {}}));
    reader.ccid.received(Bytes(bytes).first(64));
    EXPECT_EQ(reader.ask(message(0x62, 0)).data, card.atr);
    EXPECT_TRUE(card.commands.empty());
}

TEST_F(CcidFlow, RestThatLooksLikeAMessageIsStillTheRest) {
    ByteVector data(54, 1);
    const ByteVector looks = message(0x62, 9);
    data.insert(data.end(), looks.begin(), looks.end());
    EXPECT_EQ(reader.ask(message(0x6F, 1, data)).data, kOk);
    ASSERT_EQ(card.commands.size(), 1U);
    EXPECT_EQ(card.commands[0], data);
}

TEST_F(CcidFlow, ClearedHaltEndsAHalfSentCommand) {
    const ByteVector bytes = message(0x6F, 1, ByteVector(500, 1));
    reader.ccid.received(Bytes(bytes).first(64));
    reader.ccid.halt_cleared(0x01);
    EXPECT_EQ(reader.ask(message(0x6F, 2, ByteVector(54, 2))).data, kOk);
    expect_alive();
}

TEST_F(CcidFlow, PacketThatAClearedHaltTookBackIsGivenOutAgain) {
    for (const std::size_t size : {3U, 54U, 200U}) {  // one packet, one and an empty one, several
        card.answer = [size](const ByteVector&) {
            ByteVector out(size);
            for (std::size_t i = 0; i < size; ++i) out[i] = static_cast<std::uint8_t>(i);
            return out;
        };
        begin_command(1);
        reader.run();
        ByteVector collected;
        bool again = true;
        while (const auto packet = reader.ccid.next()) {
            if (again) {
                reader.ccid.halt_cleared(0x81);
            } else {
                collected.insert(collected.end(), packet->begin(), packet->end());
                reader.ccid.sent();
            }
            again = !again;
        }
        EXPECT_EQ(ByteVector(collected.begin() + 10, collected.end()), card.answer({})) << size;
    }
    reader.send(message(0x65, 2));
    ASSERT_TRUE(reader.ccid.next());
    reader.ccid.halt_cleared(0x81);
    EXPECT_EQ(reader.receive().sequence, 2);
    reader.ccid.configured();
    ASSERT_TRUE(reader.ccid.next_event());
    reader.ccid.halt_cleared(0x82);
    EXPECT_TRUE(reader.ccid.next_event());
}

TEST_F(CcidFlow, ClearedHaltAfterAnAbortDoesNotBringTheAnswerBack) {
    card.answer = [](const ByteVector&) { return ByteVector(500, 0x66); };
    begin_command(1);
    reader.run();
    ASSERT_TRUE(reader.ccid.next());
    ASSERT_TRUE(reader.abort(7));
    reader.ccid.halt_cleared(0x81);
    EXPECT_EQ(reader.ask(message(0x72, 7)), kAborted);
    card.answer = [](const ByteVector&) { return kOk; };
    expect_alive();
}

TEST_F(CcidFlow, SurplusThatNeverEndsIsForgottenInTime) {
    const ByteVector bytes = with_length(message(0x6F, 1, ByteVector(300, 1)), 20);
    for (std::size_t at = 0; at + 64 <= bytes.size(); at += 64) reader.ccid.received(Bytes(bytes).subspan(at, 64));
    reader.wait(1500);
    expect_alive();
}

}  // namespace
