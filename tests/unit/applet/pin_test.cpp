// VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER, set-retries: through the APDU door.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/token_fixture.h"

namespace sealkey::testing {
namespace {

class Pin : public ::testing::TestWithParam<Profile> {
protected:
    std::unique_ptr<TestToken> token = TestToken::personalised(GetParam());
    std::string_view pin = GetParam() == Profile::shipping ? kPin : kDefaultPin;
};
INSTANTIATE_TEST_SUITE_P(Profiles, Pin, ::testing::Values(Profile::shipping, Profile::compatibility),
                         [](const auto& profile) {
                             return profile.param == Profile::shipping ? "shipping" : "compatibility";
                         });

TEST_P(Pin, RightPinVerifies) {
    EXPECT_EQ(token->verify(pin).sw, 0x9000);
    EXPECT_EQ(token->verify_status().sw, 0x9000);
    EXPECT_EQ(token->pin_tries(), 6);
}

TEST_P(Pin, Lesson04_VerifyEmptyBodyTellsVerifiedTriesOrBlocked) {
    EXPECT_EQ(token->verify_status().sw, 0x63C6);
    EXPECT_EQ(token->verify(kWrongPin).sw, 0x63C5);
    EXPECT_EQ(token->verify_status().sw, 0x63C5);
    EXPECT_EQ(token->verify_status().sw, 0x63C5) << "asking costs nothing";
    ASSERT_TRUE(token->verify(pin).ok());
    EXPECT_EQ(token->verify_status().sw, 0x9000);
    token->lock_pin();
    EXPECT_EQ(token->verify_status().sw, 0x6983);
}

TEST_P(Pin, Lesson06_WrongLengthOrFormatSpendsNoTry) {
    EXPECT_EQ(token->raw("00 20 00 80 06 31 32 33 34 35 36").sw, 0x6700);
    EXPECT_EQ(token->raw("00 20 00 80 09 31 32 33 34 35 36 37 38 39").sw, 0x6700);
    EXPECT_EQ(token->raw("00 20 00 80 08 31 32 33 34 35 FF FF FF").sw, 0x6A80) << "five characters";
    EXPECT_EQ(token->raw("00 20 00 80 08 31 32 FF 33 34 35 36 37").sw, 0x6A80) << "padding inside";
    EXPECT_EQ(token->raw("00 20 00 80 08 FF FF FF FF FF FF FF FF").sw, 0x6A80);
    EXPECT_EQ(token->raw("00 20 00 81 08 31 32 33 34 35 36 FF FF").sw, 0x6A88) << "the PUK isn't verified";
    EXPECT_EQ(token->raw("00 20 01 80 08 31 32 33 34 35 36 FF FF").sw, 0x6A86);
    EXPECT_EQ(token->raw("00 24 00 80 08 31 32 33 34 35 36 FF FF").sw, 0x6700);
    EXPECT_EQ(token->change(ref::pin, "12345", "271829").sw, 0x6A80);
    EXPECT_EQ(token->change(ref::pin, pin, "12345").sw, 0x6A80) << "new PIN too short";
    EXPECT_EQ(token->raw("00 2C 00 80 08 31 32 33 34 35 36 FF FF").sw, 0x6700);
    EXPECT_EQ(token->pin_tries(), 6);
}

TEST_P(Pin, WrongPinEndsAVerifiedSession) {
    ASSERT_TRUE(token->verify(pin).ok());
    EXPECT_EQ(token->verify(kWrongPin).sw, 0x63C5);
    EXPECT_EQ(token->verify_status().sw, 0x63C5);
}

TEST_P(Pin, WrongFormatLeavesAVerifiedSession) {
    ASSERT_TRUE(token->verify(pin).ok());
    EXPECT_EQ(token->raw("00 20 00 80 01 31").sw, 0x6700);
    EXPECT_TRUE(token->verify_status().ok());
}

TEST_P(Pin, LogOutResetAndPowerOffEndTheSession) {
    ASSERT_TRUE(token->verify(pin).ok());
    EXPECT_EQ(token->log_out().sw, 0x9000);
    EXPECT_EQ(token->verify_status().sw, 0x63C6);
    ASSERT_TRUE(token->verify(pin).ok());
    token->reset();
    EXPECT_EQ(token->verify_status().sw, 0x63C6);
    ASSERT_TRUE(token->verify(pin).ok());
    ASSERT_TRUE(token->power_cycle());
    EXPECT_EQ(token->verify_status().sw, 0x63C6);
}

TEST_P(Pin, SelectionKeepsThePinState) {
    ASSERT_TRUE(token->verify(pin).ok());
    EXPECT_TRUE(token->select().ok());
    EXPECT_TRUE(token->verify_status().ok()) << "PIV again";
    EXPECT_EQ(token->raw("00 A4 04 00 08 A0 00 00 01 51 00 00 00 00").sw, 0x6A82);
    EXPECT_TRUE(token->verify_status().ok()) << "an absent name";
}

TEST_P(Pin, N10_PinLocksAfterSixWrongTriesAndTheRightOneRefills) {
    for (int left = 5; left >= 1; --left) EXPECT_EQ(token->verify(kWrongPin).sw, 0x63C0 + left);
    ASSERT_TRUE(token->verify(pin).ok()) << "the sixth try is the right one";
    EXPECT_EQ(token->pin_tries(), 6);
    for (int left = 5; left >= 0; --left) EXPECT_EQ(token->verify(kWrongPin).sw, 0x63C0 + left);
    EXPECT_EQ(token->verify(kWrongPin).sw, 0x6983);
    EXPECT_EQ(token->verify(pin).sw, 0x6983) << "the right one too";
    EXPECT_EQ(token->change(ref::pin, pin, "271829").sw, 0x6983);
    ASSERT_TRUE(token->power_cycle());
    EXPECT_EQ(token->verify(pin).sw, 0x6983);
}

TEST_P(Pin, N10_TriesAreSpentAcrossPowerCyclesAndResets) {
    for (int left = 5; left >= 0; --left) {
        EXPECT_EQ(token->verify(kWrongPin).sw, 0x63C0 + left);
        if (left % 2 == 0) {
            ASSERT_TRUE(token->power_cycle());
        } else {
            token->reset();
        }
    }
    EXPECT_EQ(token->verify(pin).sw, 0x6983);
}

TEST_P(Pin, Lesson05_TheTryIsOnFlashBeforeThePinIsLookedAt) {
    // Power goes at the first flash operation of a VERIFY: the token doesn't say whether the PIN was right. At the
    // second, the try is on flash already.
    for (const auto tear : test::kAllTears) {
        const auto before = token->flash().state();
        token->flash().cut_in(0, tear, 7);
        EXPECT_EQ(token->verify(pin).sw, 0x6581);
        token->flash().power_on();
        ASSERT_TRUE(token->power_cycle());
        EXPECT_GE(token->pin_tries(), 5);
        token->flash().restore(before);
        ASSERT_TRUE(token->power_cycle());
    }
    const auto operations = token->flash().operations();
    EXPECT_EQ(token->verify(kWrongPin).sw, 0x63C5);
    EXPECT_GT(token->flash().operations(), operations);
    ASSERT_TRUE(token->power_cycle());
    EXPECT_EQ(token->pin_tries(), 5);
}

// A part whose programming has no effect, whether it says so or not.
class StuckFlash final : public platform::Flash {
public:
    explicit StuckFlash(test::FlashModel& part) : part_(part) {}
    [[nodiscard]] platform::FlashGeometry geometry() const override { return part_.geometry(); }
    [[nodiscard]] bool read(std::uint32_t offset, MutableBytes out) override { return part_.read(offset, out); }
    [[nodiscard]] bool program(std::uint32_t offset, Bytes data) override {
        return stuck ? says_so == false : part_.program(offset, data);
    }
    [[nodiscard]] bool erase(std::uint32_t sector) override { return stuck ? says_so == false : part_.erase(sector); }
    bool stuck = false;
    bool says_so = false;

private:
    test::FlashModel& part_;
};

TEST_P(Pin, Lesson05_NoTryOnFlashNoLookAtThePin) {
    for (const bool says_so : {true, false}) {
        StuckFlash flash(token->flash());
        TestPlatform& parts = token->parts();
        platform::Platform platform{flash,
                                    parts.entropy,
                                    parts.clock,
                                    parts.indicator,
                                    parts.presence,
                                    parts.device_secret,
                                    {1, 2, 3, 4, 5, 6, 7, 8}};
        auto firmware = std::make_unique<applet::Token>(platform);
        ASSERT_TRUE(firmware->power_on());
        flash.says_so = says_so;
        flash.stuck = true;
        for (const std::string_view guess : {pin, kWrongPin, pin}) {
            const ByteVector apdu = concat({from_hex("00 20 00 80 08"), padded(guess)});
            std::array<std::uint8_t, 258> answer{};
            ASSERT_EQ(firmware->transmit(apdu, answer), 2u);
            EXPECT_EQ(load_be16(answer.data()), 0x6581) << "right and wrong look the same";
            ASSERT_EQ(firmware->transmit(from_hex("00 20 00 80"), answer), 2u);
            EXPECT_NE(load_be16(answer.data()), 0x9000);
        }
    }
}

TEST_P(Pin, ChangeNeedsTheOldPinAndSpendsATryOnAWrongOne) {
    EXPECT_EQ(token->change(ref::pin, kWrongPin, kOtherPin).sw, 0x63C5);
    EXPECT_EQ(token->verify(kOtherPin).sw, 0x63C4);
    EXPECT_EQ(token->change(ref::pin, pin, kOtherPin).sw, 0x9000);
    EXPECT_EQ(token->pin_tries(), 6) << "a new PIN has all its tries";
    EXPECT_EQ(token->verify(pin).sw, 0x63C5) << "the old one is wrong now";
    EXPECT_TRUE(token->verify(kOtherPin).ok());
}

TEST_P(Pin, ChangeAloneDoesNotOpenASession) {
    ASSERT_TRUE(token->change(ref::pin, pin, kOtherPin).ok());
    EXPECT_EQ(token->verify_status().sw, 0x63C6);
}

TEST_P(Pin, WrongChangesLockThePinToo) {
    for (int left = 5; left >= 0; --left) EXPECT_EQ(token->change(ref::pin, kWrongPin, kOtherPin).sw, 0x63C0 + left);
    EXPECT_EQ(token->verify(pin).sw, 0x6983);
}

TEST_P(Pin, ALostTryLogMeansBlockedNeverFull) {
    ASSERT_TRUE(token->flash().erase(0));
    ASSERT_TRUE(token->flash().erase(1));
    ASSERT_TRUE(token->power_cycle());
    EXPECT_EQ(token->verify_status().sw, 0x6983);
    EXPECT_EQ(token->verify(pin).sw, 0x6983);
    EXPECT_EQ(token->lock_state(), LockState::bench_only);
}

// --- compatibility: PUK and tries ---

class PlainPin : public ::testing::Test {
protected:
    std::unique_ptr<TestToken> token = TestToken::personalised(Profile::compatibility);
};

TEST_F(PlainPin, PukUnblocksAndSetsANewPin) {
    token->lock_pin();
    EXPECT_EQ(token->unblock(kDefaultPuk, kOtherPin).sw, 0x9000);
    EXPECT_EQ(token->pin_tries(), 6);
    EXPECT_EQ(token->verify(kDefaultPin).sw, 0x63C5);
    EXPECT_TRUE(token->verify(kOtherPin).ok());
}

TEST_F(PlainPin, Lesson02_AWrongPukAfterARightOneIsRefusedAndCounted) {
    ASSERT_TRUE(token->unblock(kDefaultPuk, kOtherPin).ok());
    EXPECT_EQ(token->unblock("87654321", "161803").sw, 0x63C5);
    EXPECT_EQ(token->unblock("87654321", "161803").sw, 0x63C4);
    EXPECT_EQ(token->change(ref::puk, "87654321", "11223344").sw, 0x63C3);
    EXPECT_TRUE(token->verify(kOtherPin).ok()) << "and the PIN is as it was";
    ASSERT_TRUE(token->unblock(kDefaultPuk, kOtherPin).ok());
    EXPECT_EQ(token->unblock("87654321", "161803").sw, 0x63C5) << "a right one gives the tries back";
}

TEST_F(PlainPin, SixWrongPuksBlockIt) {
    for (int left = 5; left >= 0; --left) EXPECT_EQ(token->unblock("87654321", kOtherPin).sw, 0x63C0 + left);
    EXPECT_EQ(token->unblock(kDefaultPuk, kOtherPin).sw, 0x6983);
    EXPECT_EQ(token->change(ref::puk, kDefaultPuk, "87654321").sw, 0x6983);
    EXPECT_TRUE(token->verify(kDefaultPin).ok()) << "the PIN isn't touched by it";
}

TEST_F(PlainPin, PukChanges) {
    EXPECT_EQ(token->change(ref::puk, kDefaultPuk, "87654321").sw, 0x9000);
    EXPECT_EQ(token->unblock(kDefaultPuk, kOtherPin).sw, 0x63C5);
    EXPECT_TRUE(token->unblock("87654321", kOtherPin).ok());
}

TEST_F(PlainPin, Lesson03_SetRetriesKeepsPinAndPuk) {
    ASSERT_TRUE(token->change(ref::pin, kDefaultPin, kOtherPin).ok());
    ASSERT_TRUE(token->change(ref::puk, kDefaultPuk, "87654321").ok());
    ASSERT_TRUE(token->verify(kOtherPin).ok());
    ASSERT_EQ(token->authenticate(), sw::ok);
    EXPECT_EQ(token->set_retries(0, 4).sw, 0x6A86);
    EXPECT_EQ(token->set_retries(4, 0).sw, 0x6A86);
    EXPECT_TRUE(token->set_retries(9, 4).ok());
    ASSERT_TRUE(token->power_cycle());
    EXPECT_EQ(token->verify(kDefaultPin).sw, 0x63C8) << "the published PIN isn't back";
    EXPECT_EQ(token->unblock(kDefaultPuk, kDefaultPin).sw, 0x63C3);
    EXPECT_TRUE(token->verify(kOtherPin).ok());
    EXPECT_TRUE(token->unblock("87654321", kOtherPin).ok());
}

TEST_F(PlainPin, Lesson03_SetRetriesOpensNoBlockedPuk) {
    while (token->unblock("00000000", kOtherPin).sw != 0x6983) {
    }
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    ASSERT_EQ(token->authenticate(), sw::ok);
    EXPECT_EQ(token->set_retries(6, 8).sw, 0x6983);
    EXPECT_TRUE(token->set_retries(6, 3).ok());
    EXPECT_EQ(token->set_retries(6, 15).sw, 0x6983);
    EXPECT_EQ(token->unblock(kDefaultPuk, kOtherPin).sw, 0x6983);
}

TEST_F(PlainPin, SetRetriesNeedsManagementKeyAndPin) {
    EXPECT_EQ(token->set_retries(9, 9).sw, 0x6982);
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    EXPECT_EQ(token->set_retries(9, 9).sw, 0x6982);
    ASSERT_TRUE(token->log_out().ok());
    ASSERT_EQ(token->authenticate(), sw::ok);
    EXPECT_EQ(token->set_retries(9, 9).sw, 0x6982);
    EXPECT_EQ(token->status_value(protocol::status_tag::pin)[1], 6);
}

TEST_F(PlainPin, MoreThanFifteenTriesAreToldAsFifteen) {
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    ASSERT_EQ(token->authenticate(), sw::ok);
    ASSERT_TRUE(token->set_retries(40, 3).ok());
    EXPECT_EQ(token->verify(kWrongPin).sw, 0x63CF);
    EXPECT_EQ(token->pin_tries(), 39);
}

// --- shipping: no PUK, no weak PIN ---

class EnterprisePin : public ::testing::Test {
protected:
    std::unique_ptr<TestToken> token = TestToken::personalised(Profile::shipping);
};

TEST_F(EnterprisePin, PukIsBlockedFromBirth) {
    EXPECT_EQ(token->unblock(kDefaultPuk, kOtherPin).sw, 0x6983);
    EXPECT_EQ(token->change(ref::puk, kDefaultPuk, "87654321").sw, 0x6983);
    EXPECT_EQ(token->status_value(protocol::status_tag::puk)[0], 0);
    EXPECT_TRUE(token->verify(kPin).ok());
}

TEST_F(EnterprisePin, WeakPinsAreRefusedByTheToken) {
    for (const std::string_view weak :
         {"000000", "111111", "88888888", "123456",   "1234567", "12345678", "234567",  "654321",   "87654321",
          "567890", "098765", "121212",   "12121212", "123123",  "12341234", "112233",  "11223344", "332211",
          "111222", "123321", "12344321", "147258",   "159357",  "520520",   "5201314", "abcdef",   "password"}) {
        EXPECT_EQ(token->change(ref::pin, kPin, weak).sw, 0x6A80) << weak;
    }
    EXPECT_EQ(token->pin_tries(), 6) << "a refused new PIN spends nothing";
    EXPECT_TRUE(token->verify(kPin).ok());
    for (const std::string_view good : {"314159", "902174", "7391826", "20483175", "Vx4Kq2"}) {
        EXPECT_EQ(token->change(ref::pin, kPin, good).sw, 0x9000) << good;
        ASSERT_TRUE(token->change(ref::pin, good, kPin).ok());
    }
}

}  // namespace
}  // namespace sealkey::testing
