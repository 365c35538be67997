// Power cuts in the steps of a token's life: birth, leaving the bench, a key that moves, a reset.
#include "unit/sweep/apdu_sweep.h"

namespace sealkey::testing {
namespace {

void make_anew(TestToken& token) {
    token.flash().restore(test::FlashModel(token.flash().geometry()).state());
    token.manufacture();
}

void open_channel(TestToken& token) {
    ASSERT_EQ(token.open_channel(), sw::ok);
    token.wrap_all(true);
}

// The keys are replaced whole or not at all: one set opens, never both and never none.
TEST_P(ApduSweep, PutKey) {
    const auto opens = [](TestToken& t, const token::ChannelKeys& keys) { return t.open_channel(keys) == sw::ok; };
    sweep(Profile::shipping, {"PUT KEY", make_anew,
                              [](TestToken& t) {
                                  t.knows_keys(transport_channel_keys());
                                  open_channel(t);
                              },
                              [](TestToken& t) { return t.put_keys(own_channel_keys()); },
                              [&](Judged& j) {
                                  const bool transport = opens(j.token, transport_channel_keys());
                                  const bool own = opens(j.token, own_channel_keys());
                                  EXPECT_EQ(own, j.after) << j.where;
                                  EXPECT_EQ(transport, !j.after) << j.where;
                                  if (!transport) return;
                                  j.token.knows_keys(transport_channel_keys());
                                  open_channel(j.token);
                                  EXPECT_TRUE(j.token.put_keys(own_channel_keys()).ok()) << j.where;
                              }});
}

TEST_P(ApduSweep, Initialise) {
    sweep(Profile::shipping,
          {"INITIALISE",
           [](TestToken& t) {
               make_anew(t);
               t.open_birth(Profile::shipping);
           },
           [](TestToken& t) { open_channel(t); }, [](TestToken& t) { return t.initialise_command(Profile::shipping); },
           [](Judged& j) {
               // Its own 9B from birth on, and never before.
               const bool own = j.token.authenticate(Algorithm::aes256, shipping_management_key()) == sw::ok;
               EXPECT_EQ(own, j.after) << j.where;
               open_channel(j.token);
               if (!j.after) {
                   EXPECT_TRUE(j.token.initialise_command(Profile::shipping).ok())
                       << j.where << ": birth can't be finished";
               }
           }});
}

// A plain PIV token is born with the factory's keys and loses them by it.
TEST_P(ApduSweep, InitialisePlain) {
    sweep(Profile::compatibility, {"INITIALISE, compatibility", make_anew, [](TestToken& t) { open_channel(t); },
                                   [](TestToken& t) { return t.initialise_command(Profile::compatibility); },
                                   [](Judged& j) {
                                       const bool channel = j.token.open_channel() == sw::ok;
                                       EXPECT_EQ(channel, !j.after) << j.where;
                                       EXPECT_EQ(j.token.verify(kDefaultPin).ok(), j.after) << j.where;
                                   }});
}

// Unlocking at the bench: the old PIN until then, the new activation code after it.
TEST_P(ApduSweep, UnlockingAtTheBench) {
    sweep(Profile::shipping,
          {"SET LIFECYCLE, secured again",
           [](TestToken& t) {
               make_anew(t);
               t.initialise(Profile::shipping);
               open_channel(t);
               ASSERT_TRUE(t.generate(ref::authentication).ok());
               t.secure();
               t.activate();
           },
           [](TestToken& t) { open_channel(t); }, [](TestToken& t) { return t.set_lifecycle(Lifecycle::secured); },
           [](Judged& j) {
               if (!j.after) return expect_pin_opens(j, kPin);
               EXPECT_EQ(j.token.lock_state(), LockState::activation_pending) << j.where;
               expect_pin_refused(j, kPin);
               expect_code_opens(j);
           }});
}

TEST_P(ApduSweep, LeavingTheBench) {
    sweep(Profile::shipping, {"SET LIFECYCLE, secured",
                              [](TestToken& t) {
                                  make_anew(t);
                                  t.initialise(Profile::shipping);
                                  ASSERT_EQ(t.authenticate(), sw::ok);
                                  ASSERT_TRUE(t.set_bench_pin(kPin).ok());
                                  ASSERT_TRUE(t.generate(ref::authentication).ok());
                              },
                              [](TestToken& t) { ASSERT_EQ(t.authenticate(), sw::ok); },
                              [](TestToken& t) { return t.set_lifecycle(Lifecycle::secured); },
                              [](Judged& j) {
                                  if (!j.after) return expect_pin_opens(j, kPin);
                                  EXPECT_EQ(j.token.lock_state(), LockState::activation_pending) << j.where;
                                  expect_pin_refused(j, kPin);
                                  expect_code_opens(j);
                              }});
}

TEST_P(ApduSweep, MoveKey) {
    sweep(Profile::compatibility, {"move key",
                                   [](TestToken& t) {
                                       ASSERT_EQ(t.authenticate(), sw::ok);
                                       ASSERT_TRUE(t.generate(ref::authentication).ok());
                                   },
                                   [](TestToken& t) { ASSERT_EQ(t.authenticate(), sw::ok); },
                                   [](TestToken& t) { return t.move(ref::authentication, ref::retired_first); },
                                   [](Judged& j) {
                                       const std::uint8_t here = j.after ? ref::retired_first : ref::authentication;
                                       const std::uint8_t gone = j.after ? ref::authentication : ref::retired_first;
                                       EXPECT_EQ(public_key(j.token, here), j.key_before) << j.where;
                                       EXPECT_TRUE(public_key(j.token, gone).empty()) << j.where;
                                       EXPECT_TRUE(j.token.verify(kDefaultPin).ok()) << j.where;
                                       EXPECT_TRUE(key_works(j.token, here)) << j.where << ": the key is lost";
                                   }});
}

void fill(TestToken& token) {
    ASSERT_EQ(token.authenticate(), sw::ok);
    ASSERT_TRUE(token.generate(ref::authentication).ok());
    ASSERT_TRUE(token.generate(ref::card_authentication).ok());
    ASSERT_TRUE(token.put_data(object::cert_9a, certificate_object(ByteVector(900, 1))).ok());
    ASSERT_TRUE(token.put_data_chained(object::seal, ByteVector(3000, 2)).ok());
    ASSERT_TRUE(token.change(ref::pin, kDefaultPin, kPin).ok());
}

// A token that was whole before is whole; what is wiped in part is wiped wholly by the next start. In between nobody
// uses a key that the PIN guarded: its wraps went first.
void expect_whole(Judged& j) {
    EXPECT_EQ(public_key(j.token, ref::authentication), j.key_before) << j.where;
    EXPECT_TRUE(key_works(j.token, ref::card_authentication)) << j.where;
}
void expect_no_key(Judged& j) {
    EXPECT_EQ(j.token.status_value(protocol::status_tag::slot), ByteVector{}) << j.where;
    for (const std::uint8_t slot : {ref::authentication, ref::card_authentication})
        EXPECT_FALSE(j.token.sign(slot).ok()) << j.where << ": a key is left";
}

TEST_P(ApduSweep, Reset) {
    Case what{"RESET",
              [](TestToken& t) {
                  fill(t);
                  t.lock_pin();
                  for (int i = 0; i < 6; ++i) (void)t.unblock("87654321", kOtherPin);
              },
              {},
              [](TestToken& t) { return t.reset_applet(); },
              [](Judged& j) {
                  if (!j.after) {
                      expect_whole(j);
                      expect_pin_refused(j, kPin);
                      expect_pin_refused(j, kDefaultPin);
                      EXPECT_TRUE(j.token.reset_applet().ok()) << j.where << ": it can't be repeated";
                  }
                  expect_no_key(j);
                  expect_pin_refused(j, kPin);
                  EXPECT_TRUE(j.token.verify(kDefaultPin).ok()) << j.where << ": no way in";
                  expect_no_key(j);
              }};
    what.new_guid = true;
    sweep(Profile::compatibility, what);
}

TEST_P(ApduSweep, N23_Terminate) {
    Case what{"SET LIFECYCLE, terminated", fill, [](TestToken& t) { ASSERT_EQ(t.authenticate(), sw::ok); },
              [](TestToken& t) { return t.set_lifecycle(Lifecycle::terminated); },
              [](Judged& j) {
                  if (j.after) {
                      expect_no_key(j);
                      EXPECT_FALSE(j.token.verify(kPin).ok()) << j.where;
                      return;
                  }
                  expect_whole(j);
                  expect_pin_opens(j, kPin);
              }};
    sweep(Profile::compatibility, what);
}

}  // namespace
}  // namespace sealkey::testing
