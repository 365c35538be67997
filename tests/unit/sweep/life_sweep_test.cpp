// Power cuts in the steps of a token's life: birth, leaving the bench, a key that moves, a reset.
#include "unit/sweep/apdu_sweep.h"

namespace sealkey::testing {
namespace {

void make_anew(TestToken& token) {
    token.flash().restore(test::FlashModel(token.flash().geometry()).state());
    token.manufacture();
}

TEST_P(ApduSweep, Initialise) {
    sweep(Profile::shipping,
          {"INITIALISE", make_anew,
           [](TestToken& t) { ASSERT_EQ(t.authenticate(Algorithm::aes256, transport_key()), sw::ok); },
           [](TestToken& t) { return t.initialise_command(Profile::shipping); },
           [](Judged& j) {
               // One set of keys opens, never both and never none.
               const bool transport = j.token.authenticate(Algorithm::aes256, transport_key()) == sw::ok;
               const bool own = j.token.authenticate(Algorithm::aes256, shipping_management_key()) == sw::ok;
               EXPECT_EQ(own, j.after) << j.where;
               EXPECT_EQ(transport, !j.after) << j.where;
               if (transport) {
                   EXPECT_TRUE(j.token.authenticate(Algorithm::aes256, transport_key()) == sw::ok &&
                               j.token.initialise_command(Profile::shipping).ok())
                       << j.where << ": birth can't be finished";
               }
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

}  // namespace
}  // namespace sealkey::testing
