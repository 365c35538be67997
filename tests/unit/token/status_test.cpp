// The token status: read as the wire contract has it, and hostile answers refused.
#include "token/status.h"

#include <random>

#include "fake_connection.h"

namespace sealkey::token {
namespace {

Kind kind_for(const std::string& hex_text) {
    return test::token_error_of([&] { (void)parse_status(test::bytes(hex_text)); }).kind();
}

TEST(Status, EveryFieldIsRead) {
    const auto status = parse_status(test::bytes(test::kStatus));
    EXPECT_EQ(status.serial, "0123456789AB");
    EXPECT_EQ(status.firmware, (std::array<std::uint8_t, 3>{0, 1, 0}));
    EXPECT_EQ(status.profile, protocol::Profile::shipping);
    EXPECT_EQ(status.lifecycle, protocol::Lifecycle::secured);
    EXPECT_EQ(status.pin.tries_left, 6);
    EXPECT_FALSE(status.pin.blocked);
    EXPECT_TRUE(status.puk.blocked);
    EXPECT_EQ(status.change_counter, 7U);
    EXPECT_EQ(status.numeric_serial, 0x1234U);
    EXPECT_FALSE(status.reset_done);
    ASSERT_NE(status.slot(0x9A), nullptr);
    EXPECT_EQ(status.slot(0x9A)->algorithm, protocol::Algorithm::rsa2048);
    EXPECT_EQ(status.slot(0x9A)->certificate_length, 0x400U);
    EXPECT_EQ(status.slot(0x9A)->fingerprint.back(), 0xFF);
    EXPECT_EQ(status.slot(0x9A)->key_check, (std::array<std::uint8_t, 3>{0xA1, 0xA2, 0xA3}));
    EXPECT_EQ(status.slot(0x9C), nullptr);
    ASSERT_NE(status.object(protocol::object::seal), nullptr);
    EXPECT_EQ(status.object(protocol::object::seal)->length, 0x4000U);
    EXPECT_EQ(status.object(protocol::object::enterprise_record), nullptr);
}

TEST(Status, UnknownTagsOfANewerTokenArePassedOver) {
    EXPECT_EQ(parse_status(test::bytes(std::string(test::kStatus) + "9F7F03010203")).serial, "0123456789AB");
}

TEST(Status, WrongLengthsAndValuesAreRefused) {
    const std::string head = "800101 810C303132333435363738394142";
    EXPECT_EQ(parse_status(test::bytes(head)).serial, "0123456789AB");
    for (const char* field : {
             "82020001",                         // firmware of two bytes
             "830103",                           // a profile that doesn't exist
             "8300", "8400", "85020606", "86",   // too short, no length
             "8708000000000000000000",           // longer than its length says, then rubbish
             "8709 0001 000F4240 05 00 01",      // salt of 1000000
             "8709 0001 00000000 05 00 04",      // a lock state that doesn't exist
             "880300 0000", "890100", "8A0100",  //
             "901900000000000000000000000000000000000000000000000000",
             "910C000000000000000000000000",  //
             "8085FFFFFFFFFF",                // a length of five bytes
         }) {
        EXPECT_EQ(kind_for(head + field), Kind::malformed_answer) << field;
    }
    EXPECT_EQ(kind_for(""), Kind::malformed_answer);
    EXPECT_EQ(kind_for("800102"), Kind::malformed_answer);
    EXPECT_EQ(kind_for("800101"), Kind::malformed_answer);                               // no serial
    EXPECT_EQ(kind_for("800101 810C303132330A35363738394142"), Kind::malformed_answer);  // a line end in the serial
}

TEST(Status, EveryTruncationIsRefusedOrShorter) {
    const auto whole = test::bytes(test::kStatus);
    int refused = 0;
    for (std::size_t n = 0; n < whole.size(); ++n) {
        try {
            (void)parse_status(ByteView(whole).first(n));
        } catch (const TokenError&) {
            ++refused;
        }
    }
    EXPECT_GT(refused, 80);
}

TEST(Status, MutationsNeverDoMoreThanThrow) {
    std::mt19937 random(1);
    const auto whole = test::bytes(test::kStatus);
    int taken = 0;
    for (int i = 0; i < 20000; ++i) {
        auto data = whole;
        for (int k = 0; k < 3; ++k) data[random() % data.size()] = static_cast<std::uint8_t>(random());
        try {
            (void)parse_status(data);
            ++taken;
        } catch (const TokenError&) {
        }
    }
    EXPECT_GT(taken, 100);
    EXPECT_LT(taken, 19900);
}

TEST(Status, LockStatement) {
    // version, KVN, serial, LC 3, salt 481516, 5 tries, locked, MAC
    const std::string statement = "01 01 303132333435363738394142 0003 000758EC 05 01 000102030405060708090A0B0C0D0E0F";
    const auto parsed = parse_lock_statement(test::bytes(statement));
    EXPECT_EQ(parsed.serial, "0123456789AB");
    EXPECT_EQ(parsed.key_version, 1);
    EXPECT_EQ(parsed.lock.counter, 3);
    EXPECT_EQ(parsed.lock.salt, 481516U);
    EXPECT_EQ(parsed.lock.code_tries_left, 5);
    EXPECT_EQ(parsed.lock.state, protocol::LockState::locked);
    EXPECT_EQ(parsed.mac[15], 0x0F);
    for (const char* bad :
         {"", "01", "02 01 303132333435363738394142 0003 000758EC 05 01 000102030405060708090A0B0C0D0E0F",
          "01 01 303132333435363738394142 0003 000F4240 05 01 000102030405060708090A0B0C0D0E0F",
          "01 01 303132333435363738394142 0003 000758EC 05 09 000102030405060708090A0B0C0D0E0F",
          "01 01 303132333435363738394142 0003 000758EC 05 01 000102030405060708090A0B0C0D0E0F00"}) {
        EXPECT_THROW((void)parse_lock_statement(test::bytes(bad)), TokenError) << bad;
    }
}

}  // namespace
}  // namespace sealkey::token
