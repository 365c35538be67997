// Lock events, reset and activation codes, the lock statement.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/cmac.h"
#include "support/token_fixture.h"

namespace sealkey::testing {
namespace {

namespace st = protocol::status_tag;
namespace flag = protocol::pin_flag;

std::string other_code(std::string code) {
    code[7] = code[7] == '5' ? '6' : '5';
    return code;
}

ByteVector mac(const ByteVector& data) {
    const auto out = crypto::cmac(unlock_key(), {data});
    return {out->begin(), out->end()};
}

class Lock : public ::testing::Test {
protected:
    std::unique_ptr<TestToken> token = TestToken::personalised(Profile::shipping);

    ByteVector statement() {
        const Reply reply = token->get_data(object::lock_statement);
        EXPECT_TRUE(reply.ok());
        return find(reply.data, 0x53).value_or(ByteVector{});
    }
};

TEST_F(Lock, AnActivatedTokenHasNoStatementAndTakesNoCode) {
    EXPECT_EQ(token->get_data(object::lock_statement).sw, 0x6A82);
    EXPECT_EQ(token->read_part(object::lock_statement, 0, 38).sw, 0x6A82);
    EXPECT_EQ(token->lock_state(), LockState::none);
    EXPECT_EQ(token->redeem(token->reset_code(), kOtherPin).sw, 0x6985);
    EXPECT_TRUE(token->verify(kPin).ok());
}

TEST_F(Lock, SixthWrongPinRaisesTheCounterWithANewSaltAndFiveTries) {
    const std::uint16_t counter = token->lock_counter();
    token->lock_pin();
    EXPECT_EQ(token->lock_counter(), counter + 1);
    EXPECT_LT(token->salt(), protocol::kSaltLimit);
    EXPECT_EQ(token->code_tries(), 5);
    EXPECT_EQ(token->lock_state(), LockState::locked);
    EXPECT_TRUE(token->pin_flags() & flag::blocked);
    const std::uint32_t salt = token->salt();
    ASSERT_TRUE(token->power_cycle());
    EXPECT_EQ(token->salt(), salt) << "one event, one salt";
    EXPECT_EQ(token->lock_counter(), counter + 1);
    EXPECT_EQ(token->verify(kPin).sw, 0x6983);
    EXPECT_EQ(token->lock_counter(), counter + 1) << "knocking at a locked door changes nothing";
}

TEST_F(Lock, StatementIsTheEventUnderTheUnlockKey) {
    token->lock_pin();
    const ByteVector got = statement();
    ASSERT_EQ(got.size(), protocol::kLockStatementSize);
    const ByteVector fields(got.begin(), got.begin() + 22);
    ByteVector expected = concat({{0x01, kKvn}, text(kSerial), {0x00, 0x02, 0, 0, 0, 0, 0x05, 0x01}});
    store_be32(&expected[16], token->salt());
    EXPECT_EQ(fields, expected);
    EXPECT_EQ(ByteVector(got.begin() + 22, got.end()), mac(concat({text("LOCK-STMT"), fields})));
    EXPECT_EQ(token->read_part(object::lock_statement, 22, 100).data, mac(concat({text("LOCK-STMT"), fields})));
    EXPECT_EQ(token->read_part(object::lock_statement, 38, 1).data, ByteVector{});
}

TEST_F(Lock, StatementCountsTheCodeTries) {
    token->lock_pin();
    EXPECT_EQ(token->redeem(other_code(token->reset_code()), kOtherPin).sw, 0x63C4);
    EXPECT_EQ(statement()[20], 4);
}

TEST_F(Lock, Lesson10_N11_RightCodeAndNewPinOpenTheKeyOnce) {
    token->lock_pin();
    const std::string code = token->reset_code();
    const Reply done = token->redeem(code, kOtherPin);
    EXPECT_EQ(done.sw, 0x9000);
    EXPECT_EQ(done.data, mac(concat({text("RESET-DONE"), {0x00, 0x02}})));
    EXPECT_EQ(token->status_value(st::reset_done), concat({{0x00, 0x02}, done.data}));
    EXPECT_EQ(token->verify_status().sw, 0x63C6) << "the code opens no session";
    EXPECT_EQ(token->verify(kPin).sw, 0x63C5) << "the old PIN is gone";
    EXPECT_TRUE(token->verify(kOtherPin).ok());
    EXPECT_EQ(token->get_data(object::lock_statement).sw, 0x6A82);
    EXPECT_EQ(token->redeem(code, kPin).sw, 0x6985) << "a used code is dead";
    token->lock_pin();
    EXPECT_EQ(token->redeem(code, kPin).sw, 0x63C4) << "also for the next event";
    ASSERT_TRUE(token->power_cycle());
    EXPECT_EQ(token->status_value(st::reset_done), concat({{0x00, 0x02}, done.data})) << "the receipt stays";
}

TEST_F(Lock, Lesson10_ACodeForAnotherEventOrAnotherTokensSaltOpensNothing) {
    token->lock_pin();
    const std::uint32_t salt = token->salt();
    EXPECT_EQ(token->redeem(expected_reset_code(2, (salt + 1) % 1000000), kOtherPin).sw, 0x63C4);
    EXPECT_EQ(token->redeem(expected_reset_code(1, salt), kOtherPin).sw, 0x63C3);
    EXPECT_EQ(token->redeem(expected_reset_code(3, salt), kOtherPin).sw, 0x63C2);
    EXPECT_EQ(token->verify(kOtherPin).sw, 0x6983);
    EXPECT_TRUE(token->redeem(expected_reset_code(2, salt), kOtherPin).ok());
}

TEST_F(Lock, N11_TheUserFinishesAloneDaysLater) {
    token->lock_pin();
    const std::string code = token->reset_code();
    for (int day = 0; day < 5; ++day) {
        ASSERT_TRUE(token->power_cycle());
        EXPECT_EQ(token->verify(kPin).sw, 0x6983);
    }
    EXPECT_EQ(token->reset_code(), code);
    EXPECT_TRUE(token->redeem(code, kOtherPin).ok());
    EXPECT_TRUE(token->verify(kOtherPin).ok());
}

TEST_F(Lock, WorkedVectorOfTheResetCode) {
    token->lock_pin();
    {
        // The event of the worked vector: counter 3, salt 481516.
        store::Store store(token->flash(), {2, token->flash().geometry().sector_count - 2});
        ASSERT_TRUE(store.mount());
        applet::PinRecord record = token->token().state().pin;
        record.lock_counter = 3;
        record.salt = 481516;
        std::array<std::uint8_t, applet::PinRecord::kSize> raw{};
        record.encode(raw);
        ASSERT_TRUE(store.put(applet::id::pin_record, raw));
    }
    ASSERT_TRUE(token->power_cycle());
    EXPECT_EQ(token->redeem("169141579270393", kOtherPin).sw, 0x63C4);
    EXPECT_EQ(token->redeem("000000000000000", kOtherPin).sw, 0x63C3);
    EXPECT_EQ(token->redeem("169141579270394", kOtherPin).sw, 0x9000);
    EXPECT_TRUE(token->verify(kOtherPin).ok());
}

TEST_F(Lock, WhatIsWrongInFormCostsNoCodeTry) {
    token->lock_pin();
    const std::string code = token->reset_code();
    EXPECT_EQ(token->redeem(code, "123456").sw, 0x6A80) << "weak PIN";
    EXPECT_EQ(token->redeem(code, "12345").sw, 0x6A80) << "short PIN";
    EXPECT_EQ(token->redeem("16914157927039X", kOtherPin).sw, 0x6A80) << "not a digit";
    EXPECT_EQ(token->redeem("1691415792703943", kOtherPin).sw, 0x6700) << "with the check digit";
    EXPECT_EQ(token->redeem("", kOtherPin).sw, 0x6700);
    EXPECT_EQ(token->raw("80 20 00 80").sw, 0x6700);
    EXPECT_EQ(token->raw("80 20 00 81").sw, 0x6A86);
    EXPECT_EQ(token->code_tries(), 5);
    EXPECT_TRUE(token->redeem(code, kOtherPin).ok());
}

TEST_F(Lock, FiveWrongCodesBurnTheEvent) {
    token->lock_pin();
    const std::string code = token->reset_code();
    const std::uint16_t counter = token->lock_counter();
    const std::string wrong = other_code(code);
    for (int left = 4; left >= 0; --left) EXPECT_EQ(token->redeem(wrong, kOtherPin).sw, 0x63C0 + left);
    EXPECT_EQ(token->lock_counter(), counter + 1);
    EXPECT_EQ(token->code_tries(), 5);
    EXPECT_EQ(token->status_value(st::lock)[7], 1) << "burned events";
    EXPECT_EQ(token->redeem(code, kOtherPin).sw, 0x63C4) << "the burned event's code";
    EXPECT_TRUE(token->redeem(token->reset_code(), kOtherPin).ok());
    EXPECT_EQ(token->status_value(st::lock)[7], 0) << "a right code forgets burned events";
}

TEST_F(Lock, FiveBurnedEventsInARowLeaveTheBenchAlone) {
    ASSERT_TRUE(token->verify(kPin).ok());
    token->lock_pin();
    for (int event = 0; event < 5; ++event) {
        EXPECT_EQ(token->lock_state(), LockState::locked);
        const std::string wrong = other_code(token->reset_code());
        for (int left = 4; left >= 0; --left) EXPECT_EQ(token->redeem(wrong, kOtherPin).sw, 0x63C0 + left);
    }
    EXPECT_EQ(token->lock_state(), LockState::bench_only);
    EXPECT_EQ(token->redeem(token->reset_code(), kOtherPin).sw, 0x6983) << "the right one too";
    ASSERT_TRUE(token->power_cycle());
    EXPECT_EQ(token->redeem(token->reset_code(), kOtherPin).sw, 0x6983);
    EXPECT_EQ(statement()[21], 3);
    EXPECT_EQ(statement()[20], 0);
}

TEST_F(Lock, WrongCodesDestroyNoKey) {
    auto bench = std::make_unique<TestToken>();
    bench->manufacture();
    bench->initialise(Profile::shipping);
    ASSERT_EQ(bench->authenticate(), sw::ok);
    const Reply made = bench->generate(ref::authentication);
    ASSERT_TRUE(made.ok());
    bench->secure();
    bench->activate();
    bench->lock_pin();
    const std::string wrong = other_code(bench->reset_code());
    for (int i = 0; i < 7; ++i) (void)bench->redeem(wrong, kOtherPin);
    ASSERT_TRUE(bench->redeem(bench->reset_code(), kOtherPin).ok());
    ASSERT_TRUE(bench->verify(kOtherPin).ok());
    EXPECT_TRUE(bench->sign(ref::authentication).ok());
    EXPECT_EQ(find(bench->metadata(ref::authentication).data, 0x04), find(made.data, 0x7F49)) << "the same key";
}

TEST_F(Lock, ALockedKeyStaysVisible) {
    token->lock_pin();
    EXPECT_TRUE(token->status().ok());
    EXPECT_TRUE(token->get_data(object::chuid).ok());
    EXPECT_TRUE(token->get_data(object::discovery).ok());
    EXPECT_TRUE(token->raw("00 F8 00 00 00").ok());
    EXPECT_EQ(token->get_data(object::cert_9a).sw, 0x6A82) << "absent, not forbidden";
}

TEST_F(Lock, TheCounterNeverWraps) {
    token->lock_pin();
    {
        store::Store store(token->flash(), {2, token->flash().geometry().sector_count - 2});
        ASSERT_TRUE(store.mount());
        applet::PinRecord record = token->token().state().pin;
        record.lock_counter = 0xFFFF;
        std::array<std::uint8_t, applet::PinRecord::kSize> raw{};
        record.encode(raw);
        ASSERT_TRUE(store.put(applet::id::pin_record, raw));
    }
    ASSERT_TRUE(token->power_cycle());
    const std::string wrong = other_code(token->reset_code());
    for (int i = 0; i < 5; ++i) (void)token->redeem(wrong, kOtherPin);
    EXPECT_EQ(token->lock_counter(), 0xFFFF);
    EXPECT_EQ(token->lock_state(), LockState::bench_only);
    EXPECT_EQ(token->redeem(token->reset_code(), kOtherPin).sw, 0x6983);
}

TEST_F(Lock, PowerCutInTheLastWrongTryEndsInTheSameEvent) {
    for (int i = 0; i < 5; ++i) (void)token->verify(kWrongPin);
    const auto before = token->flash().state();
    const std::uint16_t counter = token->lock_counter();
    const std::uint64_t start = token->flash().operations();
    ASSERT_EQ(token->verify(kWrongPin).sw, 0x63C0);
    const std::uint64_t operations = token->flash().operations() - start;
    ASSERT_GT(operations, 2u);
    for (std::uint64_t cut = 0; cut < operations; ++cut) {
        token->flash().restore(before);
        ASSERT_TRUE(token->power_cycle());
        token->flash().cut_in(cut, test::Tear::subset, static_cast<std::uint32_t>(cut));
        (void)token->verify(kWrongPin);
        token->flash().power_on();
        ASSERT_TRUE(token->power_cycle());
        if (token->pin_tries() > 0) {
            EXPECT_EQ(token->lock_counter(), counter);
            EXPECT_EQ(token->pin_tries(), 1) << "the try had not been spent";
        } else {
            EXPECT_EQ(token->lock_counter(), counter + 1) << "cut " << cut;
            EXPECT_EQ(token->code_tries(), 5);
            EXPECT_EQ(token->redeem(token->reset_code(), kOtherPin).sw, 0x9000);
        }
    }
}

// --- activation ---

class Activation : public ::testing::Test {
protected:
    Activation() {
        token->manufacture();
        token->initialise(Profile::shipping);
    }
    std::unique_ptr<TestToken> token = std::make_unique<TestToken>();
};

TEST_F(Activation, N21_ASecuredTokenHasNoPinThatOpensIt) {
    ASSERT_EQ(token->authenticate(), sw::ok);
    ASSERT_TRUE(token->set_bench_pin(kPin).ok());
    ASSERT_TRUE(token->verify(kPin).ok());
    token->secure();
    EXPECT_EQ(token->lock_counter(), 1);
    EXPECT_EQ(token->lock_state(), LockState::activation_pending);
    EXPECT_EQ(token->verify_status().sw, 0x6983);
    for (const std::string_view pin : {kPin, kDefaultPin, std::string_view("000000"), std::string_view("111111"),
                                       std::string_view("888888"), kDefaultPuk}) {
        EXPECT_EQ(token->verify(pin).sw, 0x6983) << pin;
        EXPECT_EQ(token->unblock(pin, kOtherPin).sw, 0x6983) << pin;
    }
    EXPECT_EQ(token->pin_flags(), flag::blocked | flag::never_set);
}

TEST_F(Activation, TheActivationCodeIsTheResetCodeOfCounterOne) {
    token->secure();
    EXPECT_EQ(token->lock_counter(), 1);
    EXPECT_EQ(token->redeem(expected_reset_code(1, (token->salt() + 1) % 1000000), kPin).sw, 0x63C4);
    EXPECT_EQ(token->redeem(expected_reset_code(1, token->salt()), kPin).sw, 0x9000);
    EXPECT_TRUE(token->verify(kPin).ok());
    EXPECT_EQ(token->pin_flags(), flag::verified);
    EXPECT_EQ(token->lock_state(), LockState::none);
}

TEST_F(Activation, WrongActivationCodesBurnAndStayActivation) {
    token->secure();
    const std::string wrong = other_code(token->reset_code());
    for (int i = 0; i < 5; ++i) (void)token->redeem(wrong, kPin);
    EXPECT_EQ(token->lock_state(), LockState::activation_pending);
    EXPECT_EQ(token->lock_counter(), 2);
    EXPECT_TRUE(token->redeem(token->reset_code(), kPin).ok());
}

TEST_F(Activation, N21_NoDefaultPinAfterAnUnlock) {
    token->secure();
    ASSERT_TRUE(token->redeem(token->reset_code(), kPin).ok());
    token->lock_pin();
    ASSERT_TRUE(token->redeem(token->reset_code(), kOtherPin).ok());
    EXPECT_EQ(token->verify("000000").sw, 0x63C5);
    EXPECT_EQ(token->verify(kDefaultPin).sw, 0x63C4);
    EXPECT_TRUE(token->verify(kOtherPin).ok());
}

TEST_F(Activation, N12_TheBenchSetsAPinOnlyBeforeTheKeyIsSecured) {
    EXPECT_EQ(token->set_bench_pin(kPin).sw, 0x6982) << "without 9B";
    ASSERT_EQ(token->authenticate(), sw::ok);
    EXPECT_EQ(token->set_bench_pin("12345").sw, 0x6A80);
    EXPECT_EQ(token->set_bench_pin("123456").sw, 0x6A80) << "weak";
    EXPECT_TRUE(token->set_bench_pin(kPin).ok());
    token->lock_pin();
    ASSERT_EQ(token->lock_state(), LockState::locked);
    EXPECT_TRUE(token->set_bench_pin(kOtherPin).ok()) << "the bench opens a locked key";
    EXPECT_EQ(token->lock_state(), LockState::none);
    EXPECT_TRUE(token->verify(kOtherPin).ok());
    token->secure();
    ASSERT_EQ(token->authenticate(), sw::ok);
    EXPECT_EQ(token->set_bench_pin(kPin).sw, 0x6985) << "no PIN leaves the bench";
    EXPECT_EQ(token->verify(kPin).sw, 0x6983);
}

}  // namespace
}  // namespace sealkey::testing
