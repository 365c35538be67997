// The card's session: selected once, recovered after a reset by another program, and no secret sent twice.
#include <algorithm>

#include "fake_connection.h"
#include "protocol/atr.h"

namespace sealkey::token {
namespace {

using test::FakeCard;
using test::FakeConnection;
using transport::Failure;
using transport::TransportError;

const ByteVector kPin = {'1', '3', '5', '7', '9', '2'};
constexpr char kVerify[] = "0020008008313335373932FFFF";

TEST(Session, ForeignCardCostsOneApduWithoutPivAndTwoWithIt) {
    FakeCard none;
    none.answers("6A82");
    Token without(std::make_unique<FakeConnection>(none));
    EXPECT_FALSE(without.recognise());
    EXPECT_EQ(none.sent.size(), 1U);

    for (const char* refusal : {"6D00", "6E00", "6A86", "6700", "6F00", "9000", "8001029000"}) {
        FakeCard other;
        other.answers(test::kSelected).answers(refusal);
        Token piv(std::make_unique<FakeConnection>(other));
        EXPECT_FALSE(piv.recognise()) << refusal;
        EXPECT_EQ(other.sent.size(), 2U);
    }
}

TEST(Session, SelectsOnceForManyCommands) {
    FakeCard card;
    card.answers(test::kSelected)
        .answers(std::string(test::kStatus) + "9000")
        .answers(std::string(test::kStatus) + "9000");
    Token token(std::make_unique<FakeConnection>(card));
    EXPECT_TRUE(token.recognise());
    (void)token.token_status();
    ASSERT_EQ(card.sent.size(), 3U);
    EXPECT_EQ(card.sent[0], test::kSelect);
    EXPECT_EQ(card.open_transactions, 0);
}

// A card with our ATR: its application is selected from the start.
FakeCard sealkey() {
    FakeCard card;
    card.atr.assign(std::begin(protocol::kAtr), std::end(protocol::kAtr));
    return card;
}

TEST(Session, CardWithOurAtrIsNotSelectedAgain) {
    FakeCard card = sealkey();
    card.answers(std::string(test::kStatus) + "9000");
    Token token(std::make_unique<FakeConnection>(card));
    EXPECT_TRUE(token.recognise());
    EXPECT_EQ(card.sent.size(), 1U);
    card.begins = {Failure::card_reset};
    card.answers(std::string(test::kStatus) + "9000");
    EXPECT_EQ(token.token_status().serial, "0123456789AB");
    EXPECT_EQ(card.sent.size(), 2U);
}

TEST(Session, AtrThatDiffersInOneByteIsAnybodys) {
    for (std::size_t i = 0; i < std::size(protocol::kAtr); ++i) {
        FakeCard card = sealkey();
        card.atr[i] ^= 1;
        card.answers("6A82");
        Token token(std::make_unique<FakeConnection>(card));
        EXPECT_FALSE(token.recognise());
        EXPECT_EQ(card.sent, std::vector<std::string>{test::kSelect});
    }
}

TEST(Session, SelectIsSentWhereItIsAskedForOrAnotherApplicationAnswers) {
    FakeCard card = sealkey();
    card.answers(test::kSelected);
    Token asked(std::make_unique<FakeConnection>(card));
    asked.select();
    EXPECT_EQ(card.sent, std::vector<std::string>{test::kSelect});

    FakeCard other = sealkey();
    other.answers("6E00").answers(test::kSelected).answers(std::string(test::kStatus) + "9000");
    Token token(std::make_unique<FakeConnection>(other));
    EXPECT_FALSE(token.recognise());
    EXPECT_TRUE(token.recognise());
    ASSERT_EQ(other.sent.size(), 3U);
    EXPECT_EQ(other.sent[1], test::kSelect);
}

TEST(Session, Lesson20_ResetByAnotherProgramIsRecoveredFrom) {
    FakeCard card;
    card.answers(test::kSelected).answers(std::string(test::kStatus) + "9000");
    Token token(std::make_unique<FakeConnection>(card));
    (void)token.token_status();
    card.begins = {Failure::card_reset};
    card.answers(test::kSelected).answers(std::string(test::kStatus) + "9000");
    EXPECT_EQ(token.token_status().serial, "0123456789AB");
    EXPECT_EQ(token.sessions_lost(), 1U);
    EXPECT_EQ(card.sent.size(), 4U);
    EXPECT_EQ(card.open_transactions, 0);
}

TEST(Session, Lesson20_ReadIsRepeatedAfterAResetInItsMiddle) {
    FakeCard card;
    card.answers(test::kSelected).fails(Failure::card_reset).answers(test::kSelected).answers("53 03 010203 9000");
    Token token(std::make_unique<FakeConnection>(card));
    EXPECT_EQ(token.read_object(0x5FC102), (ByteVector{1, 2, 3}));
}

TEST(Session, Lesson20_PinIsNeverSentTwice) {
    for (const auto failure : {Failure::card_reset, Failure::communication, Failure::timeout}) {
        FakeCard card;
        card.answers(test::kSelected).fails(failure).answers(test::kSelected).answers("9000");
        Token token(std::make_unique<FakeConnection>(card));
        EXPECT_THROW(token.verify(kPin), TransportError);
        EXPECT_EQ(std::count(card.sent.begin(), card.sent.end(), kVerify), 1);
        EXPECT_EQ(card.open_transactions, 0);
    }
}

TEST(Session, Lesson24_WrongPinIsNotTriedAgain) {
    FakeCard card;
    card.answers(test::kSelected).answers("63C5").answers("9000");
    Token token(std::make_unique<FakeConnection>(card));
    const auto error = test::token_error_of([&] { token.verify(kPin); });
    EXPECT_EQ(error.kind(), Kind::wrong_pin);
    EXPECT_EQ(error.tries_left(), 5);
    EXPECT_EQ(card.sent.size(), 2U);
}

TEST(Session, ResetInsideACallersTransactionIsReportedNotRepaired) {
    FakeCard card;
    card.answers(test::kSelected).answers("9000").fails(Failure::card_reset).answers("53 01 00 9000");
    Token token(std::make_unique<FakeConnection>(card));
    {
        const Token::Transaction together(token);
        token.verify(kPin);
        EXPECT_THROW((void)token.read_object(0x5FC102), TransportError);
    }
    EXPECT_EQ(card.sent.size(), 3U);
    EXPECT_EQ(card.open_transactions, 0);
}

TEST(Session, TransactionThatBeginsAfterAResetSelectsAgain) {
    FakeCard card;
    card.answers(test::kSelected).answers("9000").answers(test::kSelected).answers("9000");
    Token token(std::make_unique<FakeConnection>(card));
    token.verify(kPin);
    card.begins = {Failure::card_reset};
    {
        const Token::Transaction together(token);
        token.verify(kPin);
    }
    EXPECT_EQ(token.sessions_lost(), 1U);
    EXPECT_EQ(card.sent[2], test::kSelect);
}

TEST(Session, CardThatResetsForEverEndsInAnError) {
    FakeCard card;
    for (int i = 0; i < 50; ++i) card.begins.push_back(Failure::card_reset);
    Token token(std::make_unique<FakeConnection>(card));
    EXPECT_THROW((void)token.token_status(), TransportError);
    FakeCard middle;
    for (int i = 0; i < 50; ++i) middle.fails(Failure::card_reset);
    Token other(std::make_unique<FakeConnection>(middle));
    EXPECT_THROW((void)other.token_status(), TransportError);
    EXPECT_LT(middle.sent.size(), 10U);
}

TEST(Session, RemovalIsReportedAtOnce) {
    FakeCard card;
    card.answers(test::kSelected).fails(Failure::no_card);
    Token token(std::make_unique<FakeConnection>(card));
    EXPECT_THROW((void)token.token_status(), TransportError);
    EXPECT_EQ(card.sent.size(), 2U);
}

}  // namespace
}  // namespace sealkey::token
