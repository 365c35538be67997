// CCID message by message: what each answers, and what each answers when it is wrong.
#include <set>

#include "reader.h"

using namespace sealkey;
using namespace sealkey::testing;

namespace {

class CcidMessages : public ::testing::Test {
protected:
    CcidMessages() { reader.start(); }
    FakeCard card;
    Reader reader{card};
};

TEST_F(CcidMessages, PowerOnAnswersTheAtr) {
    EXPECT_EQ(reader.ask(message(0x62, 7)), (Answer{0x80, 7, 0, 0, 0, card.atr}));
    EXPECT_EQ(card.events, (std::vector<std::string>{"on", "on"}));
    for (std::uint8_t voltage = 0; voltage <= 3; ++voltage) {
        EXPECT_EQ(reader.ask(message(0x62, 8, {}, {voltage, 0, 0})).status, 0);
    }
}

TEST_F(CcidMessages, PowerSelectThatDoesNotExistIsRefusedByItsOffset) {
    const auto before = card.events;
    EXPECT_EQ(reader.ask(message(0x62, 9, {}, {4, 0, 0})), failed(0x80, 9, 7));
    EXPECT_EQ(card.events, before);
}

TEST_F(CcidMessages, MuteCardIsToldSo) {
    card.mute = true;
    EXPECT_EQ(reader.ask(message(0x6F, 1, {0, 0xA4, 4, 0})), failed(0x80, 1, 0xFE));
    EXPECT_EQ(reader.ask(message(0x62, 2)), failed(0x80, 2, 0xFE, 1));
    EXPECT_EQ(reader.ask(message(0x65, 3)), (Answer{0x81, 3, 1, 0, 1, {}}));
}

TEST_F(CcidMessages, PowerOffEndsTheSession) {
    EXPECT_EQ(reader.ask(message(0x63, 1)), (Answer{0x81, 1, 1, 0, 1, {}}));
    EXPECT_EQ(card.events.back(), "off");
    EXPECT_EQ(reader.ask(message(0x6F, 2, {0, 0xA4, 4, 0})), failed(0x80, 2, 0xFE, 1));
    EXPECT_TRUE(card.commands.empty());
    EXPECT_EQ(reader.ask(message(0x65, 3)), (Answer{0x81, 3, 1, 0, 1, {}}));
    EXPECT_EQ(reader.ask(message(0x62, 4)).data, card.atr);
    EXPECT_EQ(reader.ask(message(0x65, 5)), (Answer{0x81, 5, 0, 0, 0, {}}));
}

TEST_F(CcidMessages, TransferBringsTheCommandAndTheAnswer) {
    card.answer = [](const ByteVector& command) {
        ByteVector out(command.rbegin(), command.rend());
        out.insert(out.end(), {0x90, 0x00});
        return out;
    };
    EXPECT_EQ(reader.ask(message(0x6F, 1, {1, 2, 3, 4, 5})), (Answer{0x80, 1, 0, 0, 0, {5, 4, 3, 2, 1, 0x90, 0}}));
}

TEST_F(CcidMessages, SequenceNumberOfEveryMessageComesBack) {
    for (int sequence = 0; sequence < 256; ++sequence) {
        const auto number = static_cast<std::uint8_t>(sequence);
        EXPECT_EQ(reader.ask(message(0x6F, number, {0, 1, 2, 3})).sequence, sequence);
        EXPECT_EQ(reader.ask(message(0x65, number)).sequence, sequence);
    }
    // A host that begins anew, or counts otherwise, is nobody's enemy.
    EXPECT_EQ(reader.ask(message(0x65, 3)).sequence, 3);
    EXPECT_EQ(reader.ask(message(0x65, 3)).sequence, 3);
}

TEST_F(CcidMessages, Lesson17_GetParametersAnswersSevenBytesOfT1) {
    reader.send(message(0x6C, 0x21));
    const auto raw = reader.transfer();
    ASSERT_TRUE(raw);
    const ByteVector header{0x82, 7, 0, 0, 0, 0, 0x21, 0, 0, 1};  // dwLength little-endian; bProtocolNum T=1
    EXPECT_EQ(ByteVector(raw->begin(), raw->begin() + 10), header);
    EXPECT_EQ(raw->size(), 17U);
    EXPECT_EQ((*raw)[11] & 0xFC, 0x10) << "bmTCCKST1 of T=1";
    EXPECT_EQ((*raw)[15], 254) << "IFSC";
}

TEST_F(CcidMessages, ParametersAreSetReadBackAndReset) {
    const ByteVector standard = reader.ask(message(0x6C, 1)).data;
    const ByteVector other{0x95, 0x11, 0x02, 0x34, 0x03, 0x80, 0x00};
    EXPECT_EQ(reader.ask(message(0x61, 2, other, {1, 0, 0})), (Answer{0x82, 2, 0, 0, 1, other}));
    EXPECT_EQ(reader.ask(message(0x6C, 3)).data, other);
    EXPECT_EQ(reader.ask(message(0x6D, 4)), (Answer{0x82, 4, 0, 0, 1, standard}));
    EXPECT_EQ(reader.ask(message(0x6C, 5)).data, standard);
}

TEST_F(CcidMessages, WrongParametersAreRefusedByTheirOffsetAndChangeNothing) {
    const ByteVector standard = reader.ask(message(0x6C, 1)).data;
    const auto with = [&](std::size_t at, std::uint8_t value) {
        ByteVector out = standard;
        out[at] = value;
        return out;
    };
    EXPECT_EQ(reader.ask(message(0x61, 2, {0x11, 0, 0, 10, 0}, {0, 0, 0})), failed(0x82, 2, 7)) << "T=0";
    EXPECT_EQ(reader.ask(message(0x61, 3, standard, {2, 0, 0})), failed(0x82, 3, 7));
    EXPECT_EQ(reader.ask(message(0x61, 4, {0x11, 0x10, 0, 10, 0}, {1, 0, 0})), failed(0x82, 4, 1));
    EXPECT_EQ(reader.ask(message(0x61, 5, {}, {1, 0, 0})), failed(0x82, 5, 1));
    EXPECT_EQ(reader.ask(message(0x61, 6, ByteVector(8, 0x10), {1, 0, 0})), failed(0x82, 6, 1));
    EXPECT_EQ(reader.ask(message(0x61, 7, with(1, 0x20), {1, 0, 0})), failed(0x82, 7, 11));
    EXPECT_EQ(reader.ask(message(0x61, 8, with(4, 4), {1, 0, 0})), failed(0x82, 8, 14));
    EXPECT_EQ(reader.ask(message(0x61, 9, with(5, 0), {1, 0, 0})), failed(0x82, 9, 15));
    EXPECT_EQ(reader.ask(message(0x61, 10, with(5, 0xFF), {1, 0, 0})), failed(0x82, 10, 15));
    EXPECT_EQ(reader.ask(message(0x6C, 11)).data, standard);
}

TEST_F(CcidMessages, WhatTheReaderCannotDoIsRefusedInTheRightForm) {
    for (const auto& [type, answer] : {std::pair{0x6B, 0x83}, {0x6E, 0x81}, {0x6A, 0x81}, {0x69, 0x80}, {0x71, 0x81}}) {
        for (const std::size_t size : {0U, 1U, 54U, 500U}) {
            const auto number = static_cast<std::uint8_t>(size);
            EXPECT_EQ(reader.ask(message(static_cast<std::uint8_t>(type), number, ByteVector(size, 0xAA))),
                      failed(answer, number, 0))
                << type << ' ' << size;
        }
    }
    // The answer to SetDataRateAndClockFrequency always has both numbers.
    const Answer rate = reader.ask(message(0x73, 5, ByteVector(8)));
    EXPECT_EQ(rate, (Answer{0x84, 5, 0x40, 0, 0, {0xA0, 0x0F, 0, 0, 0x00, 0x2A, 0, 0}}));
    EXPECT_TRUE(card.commands.empty());
}

TEST_F(CcidMessages, UnknownTypesAreRefused) {
    const std::set<int> known{0x61, 0x62, 0x63, 0x65, 0x69, 0x6A, 0x6B, 0x6C, 0x6D, 0x6E, 0x6F, 0x71, 0x72, 0x73};
    for (int type = 0; type < 256; ++type) {
        if (known.contains(type)) continue;
        EXPECT_EQ(reader.ask(message(static_cast<std::uint8_t>(type), 1, ByteVector(type % 3 * 60))),
                  failed(0x81, 1, 0));
    }
    EXPECT_EQ(reader.ask(message(0x65, 2)), (Answer{0x81, 2, 0, 0, 0, {}}));
}

TEST_F(CcidMessages, OtherSlotsDoNotExist) {
    for (const int type : {0x61, 0x62, 0x63, 0x65, 0x6C, 0x6F, 0x72}) {
        for (const std::uint8_t slot : {1, 0x80, 0xFF}) {
            const Answer answer = reader.ask(message(static_cast<std::uint8_t>(type), 3, {}, {}, slot));
            EXPECT_EQ(answer.status, 0x42) << type;
            EXPECT_EQ(answer.error, 5) << type;
        }
    }
    EXPECT_EQ(card.events, std::vector<std::string>{"on"});
}

TEST_F(CcidMessages, MessageThatEndsBeforeItsLengthIsRefusedAndTheNextOneTaken) {
    for (const int type : {0x61, 0x62, 0x63, 0x65, 0x6C, 0x6D, 0x6F}) {
        ByteVector bytes = message(static_cast<std::uint8_t>(type), 4, {1, 2, 3, 4, 5, 6, 7}, {1, 0, 0});
        bytes.resize(15);
        EXPECT_EQ(reader.ask(bytes).error, 1) << type;
        EXPECT_EQ(reader.ask(message(0x65, 5)), (Answer{0x81, 5, 0, 0, 0, {}}));
    }
    EXPECT_EQ(card.events, std::vector<std::string>{"on"});
}

TEST_F(CcidMessages, MessageThatGoesOnAfterItsLengthIsRefusedAndTheNextOneTaken) {
    for (const std::size_t surplus : {1U, 49U, 50U, 51U, 200U}) {
        const ByteVector bytes = with_length(message(0x6F, 4, ByteVector(4 + surplus, 0x11)), 4);
        reader.send(bytes);
        if (bytes.size() % 64 == 0) reader.ccid.received({});
        EXPECT_EQ(reader.receive(), failed(0x80, 4, 1)) << surplus;
        EXPECT_EQ(reader.ask(message(0x65, 5)), (Answer{0x81, 5, 0, 0, 0, {}}));
    }
    EXPECT_TRUE(card.commands.empty());
}

TEST_F(CcidMessages, HeaderAloneTooShortToBeAnsweredIsSilence) {
    for (std::size_t size = 0; size <= 6; ++size) {
        ByteVector bytes = message(0x65, 4);
        bytes.resize(size);
        EXPECT_EQ(reader.ask(bytes), kSilence) << size;
    }
    for (std::size_t size = 7; size <= 9; ++size) {
        ByteVector bytes = message(0x65, 4);
        bytes.resize(size);
        EXPECT_EQ(reader.ask(bytes), failed(0x81, 4, 1)) << size;
    }
    EXPECT_EQ(reader.ask(message(0x65, 5)), (Answer{0x81, 5, 0, 0, 0, {}}));
}

TEST_F(CcidMessages, LongestCommandIsTakenAndALongerMessageRefused) {
    const ByteVector longest(usb::Ccid::kMaxCommand, 0x5A);
    EXPECT_EQ(reader.ask(message(0x6F, 1, longest)).data, (ByteVector{0x90, 0x00}));
    ASSERT_EQ(card.commands.size(), 1U);
    EXPECT_EQ(card.commands[0], longest);
    for (const std::size_t size : {longest.size() + 1, std::size_t{4150}, std::size_t{70000}}) {
        EXPECT_EQ(reader.ask(message(0x6F, 2, ByteVector(size, 0x5A))), failed(0x80, 2, 1)) << size;
        EXPECT_EQ(reader.ask(message(0x65, 5)), (Answer{0x81, 5, 0, 0, 0, {}}));
    }
    // Lengths that no memory has: what comes is dropped up to the short packet.
    for (const std::uint32_t length : {0xFFFFFFFFU, 0x80000000U, 0xFFFFFFF6U}) {
        EXPECT_EQ(reader.ask(with_length(message(0x6F, 3, ByteVector(1000, 0x5A)), length)), failed(0x80, 3, 1));
    }
    EXPECT_EQ(card.commands.size(), 1U);
}

TEST_F(CcidMessages, CommandsOfWholePacketsNeedNoEmptyPacketAndBearOne) {
    for (const std::size_t size : {54U, 118U, 502U}) {
        for (const bool empty_packet : {false, true}) {
            const ByteVector command(size, 0x33);
            reader.send(message(0x6F, 1, command));
            if (empty_packet) {
                EXPECT_TRUE(reader.ccid.ready());
                reader.ccid.received({});
            }
            reader.run();
            EXPECT_EQ(reader.receive().data, (ByteVector{0x90, 0x00})) << size;
            EXPECT_EQ(card.commands.back(), command);
        }
    }
}

TEST_F(CcidMessages, AnswersOfWholePacketsEndByAnEmptyOne) {
    for (std::size_t size = 2; size <= usb::Ccid::kMaxResponse; size += size > 600 ? 611 : 1) {
        card.answer = [size](const ByteVector&) { return ByteVector(size, 0x77); };
        reader.send(message(0x6F, 1, {0, 0xCB, 0x3F, 0xFF}));
        reader.run();
        std::vector<std::size_t> packets;
        while (const auto packet = reader.ccid.next()) {
            packets.push_back(packet->size());
            reader.ccid.sent();
        }
        const std::size_t whole = 10 + size;
        ASSERT_EQ(packets.size(), whole / 64 + 1) << size;
        EXPECT_EQ(packets.back(), whole % 64) << size;
    }
}

TEST_F(CcidMessages, ExactlySixtyFourAndFiveHundredAndTwelveBytes) {
    for (const std::size_t whole : {64U, 512U, 1024U}) {
        card.answer = [whole](const ByteVector&) { return ByteVector(whole - 10, 0x42); };
        const Answer answer = reader.ask(message(0x6F, 1, {0, 0xCB, 0x3F, 0xFF}));
        EXPECT_EQ(answer.data, ByteVector(whole - 10, 0x42));
        EXPECT_EQ(reader.ask(message(0x65, 2)).type, 0x81);
    }
}

TEST_F(CcidMessages, ControlRequestsThatAreNotTheClasssAreStalled) {
    EXPECT_TRUE(reader.ccid.control({0xA1, 2, 0, 0, 4}));
    EXPECT_TRUE(reader.ccid.control({0xA1, 3, 0, 0, 4}));
    EXPECT_EQ(reader.ccid.control({0xA1, 2, 0, 0, 4})->size(), 4U);
    for (const usb::Setup& setup : {usb::Setup{0xA1, 1, 0, 0, 0},
                                    {0x21, 2, 0, 0, 0},
                                    {0x21, 1, 0, 1, 0},
                                    {0x21, 1, 0, 0, 1},
                                    {0x21, 1, 0x0501, 0, 0},
                                    {0xA1, 4, 0, 0, 4},
                                    {0x80, 6, 0x0100, 0, 18},
                                    {0xC0, 0x20, 0, 7, 64},
                                    {0xA1, 2, 0, 3, 4}}) {
        EXPECT_FALSE(reader.ccid.control(setup)) << int{setup.request_type} << ' ' << int{setup.request};
    }
    // None of them was an abort.
    EXPECT_EQ(reader.ask(message(0x65, 5)), (Answer{0x81, 5, 0, 0, 0, {}}));
}

TEST_F(CcidMessages, SecretsDoNotStayInTheReader) {
    const ByteVector pin{'8', '6', '7', '5', '3', '0', '9', '!'};
    const auto found = [&](const ByteVector& what) {
        const Bytes all(reinterpret_cast<const std::uint8_t*>(&reader.ccid), sizeof reader.ccid);
        return std::search(all.begin(), all.end(), what.begin(), what.end()) != all.end();
    };
    ByteVector command{0x00, 0x20, 0x00, 0x80, 0x08};
    command.insert(command.end(), pin.begin(), pin.end());
    const ByteVector plain(70, 0xC3);
    card.answer = [&](const ByteVector&) { return plain; };
    reader.send(message(0x6F, 1, command));
    EXPECT_TRUE(found(pin)) << "the test looks in the wrong place";
    reader.run();
    EXPECT_FALSE(found(pin));
    EXPECT_EQ(reader.receive().data, plain);
    EXPECT_FALSE(found(ByteVector(8, 0xC3)));
    // Half a command, and one in a chain that is given up.
    reader.send(message(0x6F, 2, command, {0, 1, 0}));
    EXPECT_TRUE(found(pin));
    reader.ccid.reset();
    EXPECT_FALSE(found(pin));
}

}  // namespace
