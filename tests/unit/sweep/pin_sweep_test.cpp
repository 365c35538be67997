// Power cuts in everything that counts or sets a PIN, a PUK or a code.
#include "unit/sweep/apdu_sweep.h"

namespace sealkey::testing {
namespace {

constexpr std::string_view kNewPin = "577215";
constexpr std::string_view kNewPuk = "66260701";

// A shipping token in use can't get a key any more, and RSA is too slow here: a P-256 key is made before it is secured.
void renew_as_shipping(TestToken& token) {
    token.flash().restore(test::FlashModel(token.flash().geometry()).state());
    token.manufacture();
    token.initialise(Profile::shipping);
    ASSERT_EQ(token.authenticate(), sw::ok);
    ASSERT_TRUE(token.set_bench_pin(kPin).ok());
    ASSERT_TRUE(token.generate(ref::authentication).ok());
    token.secure();
}

std::function<void(TestToken&)> activated_with_tries(int left) {
    return [left](TestToken& token) {
        renew_as_shipping(token);
        token.activate(kPin);
        while (token.pin_tries() > left) (void)token.verify(kWrongPin);
        ASSERT_EQ(token.pin_tries(), left);
    };
}

std::function<void(TestToken&)> locked_with_tries(int left) {
    return [left](TestToken& token) {
        renew_as_shipping(token);
        token.activate(kPin);
        token.lock_pin();
        while (token.code_tries() > left) (void)token.redeem("000000000000000", kOtherPin);
        ASSERT_EQ(token.code_tries(), left);
    };
}

void compatibility_with_key(TestToken& token) {
    ASSERT_EQ(token.authenticate(), sw::ok);
    ASSERT_TRUE(token.generate(ref::authentication).ok());
}

// Facts before, tries between the two, the owner's PIN still opens.
void judge_pin_tries(Judged& j, int least) {
    EXPECT_LE(j.now.pin, j.before.pin) << j.where << ": a try gained";
    EXPECT_GE(j.now.pin, least) << j.where << ": too many tries lost";
}

// The event is open and all is there.
void judge_locked(Judged& j) {
    EXPECT_EQ(j.token.lock_state(), LockState::locked) << j.where;
    EXPECT_EQ(j.now.pin, 0) << j.where;
    EXPECT_EQ(j.now.code, protocol::kCodeTries) << j.where;
    expect_pin_refused(j, kPin);
    expect_code_opens(j);
}

TEST_P(ApduSweep, Lesson05_VerifyWithTheRightPin) {
    sweep(Profile::shipping, {"VERIFY, right",
                              activated_with_tries(4),
                              {},
                              [](TestToken& t) { return t.verify(kPin); },
                              [](Judged& j) {
                                  if (j.reply.ok()) {
                                      EXPECT_EQ(j.now.pin, protocol::kPinTries) << j.where;
                                  }
                                  if (j.now.pin != protocol::kPinTries) judge_pin_tries(j, j.before.pin - 2);
                                  expect_pin_opens(j, kPin);
                              }});
}

TEST_P(ApduSweep, Lesson05_VerifyWithAWrongPin) {
    sweep(Profile::shipping, {"VERIFY, wrong",
                              activated_with_tries(4),
                              {},
                              [](TestToken& t) { return t.verify(kWrongPin); },
                              [](Judged& j) {
                                  judge_pin_tries(j, j.before.pin - 1);
                                  if (j.reply.sw >> 4 == 0x63C) {
                                      EXPECT_EQ(j.now.pin, j.before.pin - 1) << j.where;
                                  }
                                  expect_pin_opens(j, kPin);
                              },
                              false});
}

// The sixth wrong entry: the try is left, or there is one lock event with all its code tries.
TEST_P(ApduSweep, Lesson05_VerifyWithTheLastWrongPin) {
    sweep(Profile::shipping, {"VERIFY, last wrong",
                              activated_with_tries(1),
                              {},
                              [](TestToken& t) { return t.verify(kWrongPin); },
                              [](Judged& j) {
                                  if (j.reply.sw >> 4 == 0x63C) {
                                      EXPECT_TRUE(j.after) << j.where;
                                  }
                                  if (j.after) return judge_locked(j);
                                  EXPECT_EQ(j.now.pin, 1) << j.where;
                                  expect_pin_opens(j, kPin);
                              },
                              false});
}

// The right PIN on the last try: at worst an open lock event, which the code ends.
TEST_P(ApduSweep, Lesson05_VerifyWithTheRightPinOnTheLastTry) {
    sweep(Profile::shipping, {"VERIFY, right, last try",
                              activated_with_tries(1),
                              {},
                              [](TestToken& t) { return t.verify(kPin); },
                              [](Judged& j) {
                                  if (j.after) return judge_locked(j);
                                  EXPECT_TRUE(j.now.pin == 1 || j.now.pin == protocol::kPinTries) << j.where;
                                  if (j.reply.ok()) {
                                      EXPECT_EQ(j.now.pin, protocol::kPinTries) << j.where;
                                  }
                                  expect_pin_opens(j, kPin);
                              },
                              true,
                              [](TestToken& t) { (void)t.verify(kWrongPin); }});
}

TEST_P(ApduSweep, ChangePin) {
    sweep(Profile::shipping, {"CHANGE PIN",
                              activated_with_tries(4),
                              {},
                              [](TestToken& t) { return t.change(ref::pin, kPin, kNewPin); },
                              [](Judged& j) {
                                  if (j.after) {
                                      EXPECT_EQ(j.now.pin, protocol::kPinTries) << j.where;
                                      expect_pin_refused(j, kPin);
                                      return expect_pin_opens(j, kNewPin);
                                  }
                                  judge_pin_tries(j, j.before.pin - 1);
                                  expect_pin_refused(j, kNewPin);
                                  expect_pin_opens(j, kPin);
                              }});
}

TEST_P(ApduSweep, ChangeWithAWrongPin) {
    sweep(Profile::shipping, {"CHANGE PIN, wrong",
                              activated_with_tries(4),
                              {},
                              [](TestToken& t) { return t.change(ref::pin, kWrongPin, kNewPin); },
                              [](Judged& j) {
                                  judge_pin_tries(j, j.before.pin - 1);
                                  expect_pin_refused(j, kNewPin);
                                  expect_pin_opens(j, kPin);
                              },
                              false});
}

TEST_P(ApduSweep, ChangePuk) {
    sweep(Profile::compatibility, {"CHANGE PUK",
                                   compatibility_with_key,
                                   {},
                                   [](TestToken& t) { return t.change(ref::puk, kDefaultPuk, kNewPuk); },
                                   [](Judged& j) {
                                       if (j.after) {
                                           EXPECT_EQ(j.now.puk, protocol::kPukTries) << j.where;
                                       }
                                       EXPECT_GE(j.now.puk, j.before.puk - 1) << j.where;
                                       const auto right = j.after ? kNewPuk : kDefaultPuk;
                                       const auto wrong = j.after ? kDefaultPuk : kNewPuk;
                                       EXPECT_NE(j.token.unblock(wrong, kNewPin).sw, sw::ok) << j.where;
                                       EXPECT_EQ(j.token.unblock(right, kNewPin).sw, sw::ok) << j.where;
                                       expect_pin_opens(j, kNewPin);
                                   }});
}

TEST_P(ApduSweep, ResetByPuk) {
    sweep(Profile::compatibility, {"RESET by PUK",
                                   [](TestToken& t) {
                                       compatibility_with_key(t);
                                       t.lock_pin();
                                       (void)t.unblock("11111111", kNewPin);
                                   },
                                   {},
                                   [](TestToken& t) { return t.unblock(kDefaultPuk, kNewPin); },
                                   [](Judged& j) {
                                       EXPECT_GE(j.now.puk, j.before.puk - 2) << j.where;
                                       if (j.after) {
                                           EXPECT_EQ(j.now.pin, protocol::kPinTries) << j.where;
                                           return expect_pin_opens(j, kNewPin);
                                       }
                                       EXPECT_LE(j.now.puk, j.before.puk) << j.where << ": a try gained";
                                       EXPECT_EQ(j.now.pin, 0) << j.where << ": a try gained";
                                       EXPECT_EQ(j.token.unblock(kDefaultPuk, kNewPin).sw, sw::ok)
                                           << j.where << ": no way out";
                                       expect_pin_opens(j, kNewPin);
                                   }});
}

TEST_P(ApduSweep, ResetByCode) {
    std::string code;
    sweep(Profile::shipping, {"RESET by code",
                              [&](TestToken& t) {
                                  locked_with_tries(3)(t);
                                  code = t.reset_code();
                              },
                              {},
                              [&](TestToken& t) { return t.redeem(code, kNewPin); },
                              [&](Judged& j) {
                                  expect_pin_refused(j, kPin);
                                  if (j.after) {
                                      EXPECT_EQ(j.now.pin, protocol::kPinTries) << j.where;
                                      EXPECT_EQ(j.token.redeem(code, kOtherPin).sw, sw::conditions_not_satisfied)
                                          << j.where << ": the used code still works";
                                      return expect_pin_opens(j, kNewPin);
                                  }
                                  EXPECT_LE(j.now.code, j.before.code) << j.where << ": a try gained";
                                  EXPECT_GE(j.now.code, j.before.code - 1) << j.where;
                                  expect_code_opens(j);
                              }});
}

TEST_P(ApduSweep, ResetByAWrongCode) {
    sweep(Profile::shipping, {"RESET by code, wrong",
                              locked_with_tries(3),
                              {},
                              [](TestToken& t) { return t.redeem("000000000000000", kNewPin); },
                              [](Judged& j) {
                                  EXPECT_LE(j.now.code, j.before.code) << j.where << ": a try gained";
                                  EXPECT_GE(j.now.code, j.before.code - 1) << j.where;
                                  expect_pin_refused(j, kNewPin);
                                  expect_code_opens(j);
                              },
                              false});
}

// The fifth wrong code: the try is left, or the event is burned and another one is open with all its tries.
TEST_P(ApduSweep, ResetByTheLastWrongCode) {
    sweep(Profile::shipping, {"RESET by code, last wrong",
                              locked_with_tries(1),
                              {},
                              [](TestToken& t) { return t.redeem("000000000000000", kNewPin); },
                              [](Judged& j) {
                                  EXPECT_EQ(j.now.code, j.after ? protocol::kCodeTries : 1) << j.where;
                                  expect_code_opens(j);
                              },
                              false});
}

TEST_P(ApduSweep, Activation) {
    std::string code;
    sweep(Profile::shipping, {"activation",
                              [&](TestToken& t) {
                                  renew_as_shipping(t);
                                  code = t.reset_code();
                              },
                              {},
                              [&](TestToken& t) { return t.redeem(code, kNewPin); },
                              [&](Judged& j) {
                                  if (j.after) {
                                      EXPECT_EQ(j.token.redeem(code, kOtherPin).sw, sw::conditions_not_satisfied);
                                      return expect_pin_opens(j, kNewPin);
                                  }
                                  EXPECT_EQ(j.token.lock_state(), LockState::activation_pending) << j.where;
                                  EXPECT_GE(j.now.code, j.before.code - 1) << j.where;
                                  expect_pin_refused(j, kNewPin);
                                  expect_code_opens(j);
                              }});
}

TEST_P(ApduSweep, SetRetries) {
    sweep(Profile::compatibility, {"set retries", compatibility_with_key,
                                   [](TestToken& t) {
                                       ASSERT_EQ(t.authenticate(), sw::ok);
                                       ASSERT_TRUE(t.verify(kDefaultPin).ok());
                                   },
                                   [](TestToken& t) { return t.set_retries(9, 8); },
                                   [](Judged& j) {
                                       EXPECT_EQ(j.now.pin, j.after ? 9 : protocol::kPinTries) << j.where;
                                       EXPECT_EQ(j.now.puk, j.after ? 8 : protocol::kPukTries) << j.where;
                                       expect_pin_opens(j, kDefaultPin);
                                   }});
}

}  // namespace
}  // namespace sealkey::testing
