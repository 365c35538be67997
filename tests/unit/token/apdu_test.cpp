// Long commands and long answers, with readers that do short APDUs only and with those that do more.
#include "token/apdu.h"

#include "fake_connection.h"

namespace sealkey::token {
namespace {

using test::FakeCard;
using test::FakeConnection;

Answer exchange_with(FakeCard& card, const Command& command) {
    FakeConnection connection(card);
    connection.begin_transaction();
    return exchange(connection, command);
}

TEST(Apdu, FourCasesInShortForm) {
    const ByteVector data = test::bytes("0102");
    struct Row {
        Command command;
        const char* sent;
    };
    const Row rows[] = {
        {{.cla = 0, .ins = 0x20, .p1 = 1, .p2 = 2}, "00200102"},
        {{.cla = 0, .ins = 0xF8, .expects_data = true}, "00F8000000"},
        {{.cla = 0, .ins = 0x20, .data = data}, "00200000020102"},
        {{.cla = 0x80, .ins = 0x87, .data = data, .expects_data = true}, "8087000002010200"},
    };
    for (const auto& row : rows) {
        FakeCard card;
        card.answers("9000");
        EXPECT_TRUE(exchange_with(card, row.command).ok());
        EXPECT_EQ(card.sent, std::vector<std::string>{row.sent});
    }
}

TEST(Apdu, Lesson32_LongCommandIsChainedWithAShortReader) {
    const ByteVector data(600, 0xAB);
    FakeCard card;
    card.answers("9000").answers("9000").answers("01029000");
    const auto answer =
        exchange_with(card, {.cla = 0, .ins = 0xDB, .p1 = 0x3F, .p2 = 0xFF, .data = data, .expects_data = true});
    EXPECT_EQ(test::hex_of(answer.data), "0102");
    ASSERT_EQ(card.sent.size(), 3U);
    EXPECT_EQ(card.sent[0].substr(0, 10), "10DB3FFFFF");
    EXPECT_EQ(card.sent[1].substr(0, 10), "10DB3FFFFF");
    EXPECT_EQ(card.sent[2].substr(0, 10), "00DB3FFF5A");
    EXPECT_EQ(card.sent[2].substr(card.sent[2].size() - 2), "00");
}

TEST(Apdu, OneExtendedCommandWhereTheReaderCarriesIt) {
    const ByteVector data(600, 0xAB);
    FakeCard card;
    card.extended = true;
    card.answers("9000");
    (void)exchange_with(card, {.cla = 0, .ins = 0xDB, .p1 = 0x3F, .p2 = 0xFF, .data = data, .expects_data = true});
    ASSERT_EQ(card.sent.size(), 1U);
    EXPECT_EQ(card.sent[0].substr(0, 14), "00DB3FFF000258");
    EXPECT_EQ(card.sent[0].substr(card.sent[0].size() - 6), "AB0000");
}

TEST(Apdu, LongerThanTheTokenTakesAtOnceIsChainedInExtendedBlocks) {
    const ByteVector data(9000, 1);
    FakeCard card;
    card.extended = true;
    card.answers("9000").answers("9000").answers("9000");
    EXPECT_TRUE(exchange_with(card, {.cla = 0, .ins = 0xDB, .data = data}).ok());
    ASSERT_EQ(card.sent.size(), 3U);
    EXPECT_EQ(card.sent[0].substr(0, 14), "10DB0000001000");
    EXPECT_EQ(card.sent[2].substr(0, 14), "00DB0000000328");
}

TEST(Apdu, ChainThatIsRefusedStopsThere) {
    const ByteVector data(600, 0xAB);
    FakeCard card;
    card.answers("6982");
    EXPECT_EQ(exchange_with(card, {.cla = 0, .ins = 0xDB, .data = data}).status_word, 0x6982);
    EXPECT_EQ(card.sent.size(), 1U);
}

TEST(Apdu, Lesson32_LongAnswerIsFetchedPieceByPiece) {
    FakeCard card;
    std::string expected;
    for (int i = 0; i < 128; ++i) {
        std::string piece;
        for (int k = 0; k < 256; ++k) piece += "5A";
        card.answers(piece + (i == 127 ? "9000" : "6100"));
        expected += piece;
    }
    const auto answer = exchange_with(card, {.cla = 0, .ins = 0xCB, .expects_data = true});
    EXPECT_TRUE(answer.ok());
    EXPECT_EQ(answer.data.size(), 32768U);
    EXPECT_EQ(card.sent.size(), 128U);
    EXPECT_EQ(card.sent[1], "00C0000000");
}

TEST(Apdu, GetResponseAsksForWhatIsLeft) {
    FakeCard card;
    card.answers("016102").answers("02039000");
    EXPECT_EQ(test::hex_of(exchange_with(card, {.cla = 0, .ins = 0xCB, .expects_data = true}).data), "010203");
    EXPECT_EQ(card.sent[1], "00C0000002");
}

TEST(Apdu, AnswerWithoutEndIsRefused) {
    FakeCard stuck;
    stuck.answers("6100").answers("6100");
    EXPECT_EQ(
        test::token_error_of([&] { (void)exchange_with(stuck, {.cla = 0, .ins = 0xCB, .expects_data = true}); }).kind(),
        Kind::malformed_answer);
    FakeCard flood;
    std::string piece;
    for (int k = 0; k < 256; ++k) piece += "00";
    for (int i = 0; i < 600; ++i) flood.answers(piece + "6100");
    EXPECT_EQ(
        test::token_error_of([&] { (void)exchange_with(flood, {.cla = 0, .ins = 0xCB, .expects_data = true}); }).kind(),
        Kind::malformed_answer);
    EXPECT_LT(flood.sent.size(), 600U);
}

TEST(Apdu, AnswerWithoutStatusWordIsRefused) {
    for (const char* answer : {"", "90"}) {
        FakeCard card;
        card.answers(answer);
        EXPECT_EQ(test::token_error_of([&] { (void)exchange_with(card, {.cla = 0, .ins = 0xCB}); }).kind(),
                  Kind::malformed_answer);
    }
}

}  // namespace
}  // namespace sealkey::token
