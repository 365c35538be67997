// What else happens to a token while a renewal is staged.
#include "unit/renewal/renewal_fixture.h"

namespace sealkey::testing {
namespace {

using Interplay = RenewalTest;

TEST_F(Interplay, StagedThingsOutliveWhatHappensToThePin) {
    const ByteVector manifest = ca().manifest(stage_all(1, ca()));
    ASSERT_TRUE(key().change(ref::pin, issued_.pin, kOtherPin).ok());
    ASSERT_TRUE(key().power_cycle());
    key().lock_pin();
    EXPECT_TRUE(token::stage_status(client()).ready) << "a locked key still tells";
    EXPECT_EQ(commit(manifest).sw, 0x6982);
    ASSERT_TRUE(key().unblock(kDefaultPuk, kPin).ok());
    ASSERT_TRUE(key().verify(kPin).ok());
    issued_.pin = kPin;
    EXPECT_TRUE(commit(manifest).ok());
    EXPECT_TRUE(usable(ref::authentication));
    EXPECT_TRUE(usable(ref::signature));
}

TEST_F(Interplay, Lesson12_KeysMadeInBetweenAreReplacedWithTheirCertificates) {
    const ByteVector manifest = ca().manifest(stage_all(1, ca()));
    ASSERT_EQ(key().authenticate(), sw::ok);
    ASSERT_TRUE(key().generate(ref::authentication).ok());
    const PKey made = key_in(ref::authentication);
    EXPECT_EQ(key().get_data(object::cert_9a).sw, 0x6A82);
    ASSERT_TRUE(key().import_p256(ref::signature).ok());
    ASSERT_TRUE(key().put_data(object::cert_9c, certificate_object(some_bytes(900, 1))).ok());
    EXPECT_TRUE(token::stage_status(client()).ready);
    ASSERT_TRUE(commit(manifest).ok());
    EXPECT_TRUE(usable(ref::authentication));
    EXPECT_TRUE(usable(ref::signature));
    EXPECT_NE(EVP_PKEY_eq(key_in(ref::authentication).get(), made.get()), 1);
}

TEST_F(Interplay, Lesson13_AMovedDecryptionKeyIsNotLost) {
    const PKey old = key_in(ref::key_management);
    const ByteVector manifest = ca().manifest(stage_all(1, ca()));
    ASSERT_EQ(key().authenticate(), sw::ok);
    ASSERT_TRUE(key().move(ref::key_management, ref::retired_first).ok());
    ASSERT_TRUE(commit(manifest).ok());
    EXPECT_TRUE(decrypts(ref::retired_first, old));
    EXPECT_TRUE(decrypts(ref::key_management, key_in(ref::key_management)));
    EXPECT_EQ(key().metadata(0x83).sw, 0x6A88) << "there was nothing to retire";
}

TEST_F(Interplay, CertificatesAreWrittenWhereTheyNowLie) {
    ASSERT_TRUE(commit(ca().manifest(stage_all(1, ca()))).ok());
    const ByteVector former = client().read_object(object::cert_retired_first);
    ASSERT_EQ(key().authenticate(), sw::ok);
    // The home of 9D's certificate is the former one's now: a new one must not hit it.
    for (const std::size_t size : {700, 3000, 100}) {
        const ByteVector fresh = certificate_object(some_bytes(size, 4));
        ASSERT_TRUE(key().put_data(object::cert_9d, fresh).ok());
        EXPECT_EQ(client().read_object(object::cert_9d), fresh);
        EXPECT_EQ(client().read_object(object::cert_retired_first), former);
        EXPECT_EQ(client().token_status().slot(0x9D)->certificate_length, fresh.size());
    }
    ASSERT_TRUE(key().put_data(object::cert_9d, {}).ok());
    EXPECT_EQ(key().get_data(object::cert_9d).sw, 0x6A82);
    EXPECT_EQ(client().read_object(object::cert_retired_first), former);
    ASSERT_TRUE(key().put_data(object::cert_retired_first, {}).ok());
    EXPECT_EQ(key().get_data(object::cert_retired_first).sw, 0x6A82);
    ASSERT_TRUE(key().put_data(object::cert_9d, former).ok());
    ASSERT_TRUE(key().put_data_chained(object::seal, some_bytes(5000, 1)).ok());
    EXPECT_EQ(client().read_object(object::seal), some_bytes(5000, 1));
    EXPECT_EQ(client().read_object(object::cert_9d), former);
    EXPECT_EQ(key().get_data(object::cert_retired_first).sw, 0x6A82);
}

TEST_F(Interplay, ARenewalOfEmptySlots) {
    ASSERT_EQ(key().authenticate(), sw::ok);
    for (const std::uint8_t slot : protocol::kRoles) {
        ASSERT_TRUE(key().move(slot, 0xFF).ok());
        ASSERT_TRUE(key().put_data(token::certificate_tag(slot), {}).ok());
    }
    ASSERT_TRUE(key().put_data(object::seal, {}).ok());
    begin_all(1);
    const ByteVector info = request_info(staged_key(ref::authentication));
    EXPECT_EQ(csr(ref::authentication, info, 1).sw, 0x6A88) << "there is no old key to consent";
    ASSERT_TRUE(abort(1).ok());
    ASSERT_TRUE(commit(ca().manifest(stage_all(2, ca()))).ok());
    EXPECT_TRUE(usable(ref::authentication));
    EXPECT_EQ(client().metadata(ref::signature).pin_policy, PinPolicy::always);
    EXPECT_EQ(key().metadata(ref::retired_first).sw, 0x6A88);
}

TEST_F(Interplay, AFullTokenRefusesAPartAndLosesNothing) {
    IssuedKey small = issued_key(ca(), Profile::compatibility, {4096, 24, 256});
    token::Token host(std::make_unique<TokenConnection>(*small.token));
    ASSERT_TRUE(small.token->verify(small.pin).ok());
    token::Rid name{};
    name.fill(1);
    ASSERT_EQ(token::stage_begin(host, name, {{ref::authentication, Algorithm::p256}}).missing, 0);
    ASSERT_EQ(small.token->authenticate(), sw::ok);
    for (std::uint32_t i = 0; small.token->put_data(0x5FFF60 + i, some_bytes(4000, 1)).ok(); ++i) ASSERT_LT(i, 24U);
    const ByteVector seal = small.token->get_data(object::seal).data;
    try {
        token::stage_seal(host, some_bytes(32000, 1));
        ADD_FAILURE() << "there was room after all";
    } catch (const token::TokenError& error) {
        EXPECT_EQ(error.kind(), token::Kind::no_space);
    }
    EXPECT_EQ(small.token->get_data(object::seal).data, seal);
    // On the full token what is staged can still be dropped, or committed.
    EXPECT_TRUE(small.token->power_cycle());
    ASSERT_TRUE(small.token->verify(small.pin).ok());
    token::stage_abort(host, name);
    EXPECT_FALSE(token::stage_status(host).rid);
}

// Others fill the token between the last part and COMMIT.
TEST_F(Interplay, AFullTokenCommits) {
    const std::vector<token::StageRole> decryption = {{ref::key_management, Algorithm::p256}};
    for (const bool everything : {false, true}) {
        issued_ = issued_key(ca(), Profile::compatibility, {4096, 40, 256});
        token::Token host(std::make_unique<TokenConnection>(key()));
        ASSERT_TRUE(key().verify(issued_.pin).ok());
        RenewalDesk desk(ca());
        RenewalPlan plan = plan_of(1, everything ? all_roles() : decryption);
        if (everything) plan.seal = some_bytes(9000, 1);
        std::uint32_t filled = 0;
        const auto fill = [&] {
            if (key().authenticate() != sw::ok) return;
            for (const std::size_t size : {4000, 20}) {
                while (filled < 150 && key().put_data(0x5FFF60 + filled, some_bytes(size, 1)).ok()) ++filled;
            }
        };
        try {
            run_renewal(host, issued_.pin, desk, plan, fill);
        } catch (const token::TokenError& error) {
            // Nothing is lost by it: with a little room it goes on.
            EXPECT_TRUE(everything);
            EXPECT_EQ(error.kind(), token::Kind::no_space);
            EXPECT_TRUE(token::stage_status(host).ready);
            for (std::uint32_t i = 0; i < 2; ++i) ASSERT_TRUE(key().put_data(0x5FFF60 + i, {}).ok());
            run_renewal(host, issued_.pin, desk, plan);
        }
        EXPECT_GT(filled, 10U);
        EXPECT_EQ(host.read_object(object::cert_9d), desk.issued(plan.rid, ref::key_management));
        EXPECT_FALSE(host.read_certificate(ref::retired_first).empty());
    }
}

TEST_F(Interplay, ResetTakesWhatIsStagedWithIt) {
    ASSERT_TRUE(commit(ca().manifest(stage_all(1, ca()))).ok());
    (void)stage_all(2, ca());
    token::stage_seal(client(), some_bytes(5000, 1));
    key().lock_pin();
    for (int i = 0; i < 6; ++i) (void)key().unblock("87654321", kOtherPin);
    ASSERT_TRUE(key().reset_applet().ok());
    EXPECT_EQ(status(), from_hex("800101 87020000 880100 8A0114"));
    EXPECT_EQ(own(0x41, 0x9A, 0).sw, 0x6A88);
    for (const std::uint32_t tag : {object::cert_9a, object::cert_9d, object::cert_retired_first, object::seal}) {
        EXPECT_EQ(key().get_data(tag).sw, 0x6A82);
    }
    // And it can be used anew, from the beginning.
    ASSERT_TRUE(key().verify(kDefaultPin).ok());
    ASSERT_EQ(key().authenticate(), sw::ok);
    ASSERT_TRUE(key().put_data(object::issuer_certificate, certificate_object(ca().certificate())).ok());
    issued_.pin = kDefaultPin;
    ASSERT_TRUE(commit(ca().manifest(stage_all(1, ca()))).ok());
    EXPECT_TRUE(usable(ref::authentication));
}

TEST_F(Interplay, N23_TerminationTakesWhatIsStagedWithIt) {
    (void)stage_all(1, ca());
    const ByteVector seal = some_bytes(1500, 77);
    token::stage_seal(client(), seal);
    ASSERT_TRUE(key().flash().holds(Bytes(seal).first(600)));
    ASSERT_EQ(key().authenticate(), sw::ok);
    ASSERT_TRUE(key().set_lifecycle(Lifecycle::terminated).ok());
    EXPECT_EQ(status(), from_hex("800101 87020000 880100 8A0114"));
    EXPECT_EQ(begin(1, 0x01, {0x11}).sw, 0x6985);
    EXPECT_EQ(commit(ByteVector(10)).sw, 0x6985);
    EXPECT_EQ(own(0x41, 0x9A, 0).sw, 0x6A88);
}

TEST_F(Interplay, ABlankTokenStagesNothing) {
    TestToken blank;
    blank.manufacture();
    EXPECT_EQ(blank.send(0x80, 0x41, 0, 0).data, from_hex("800101 87020000 880100 8A0114"));
    for (const std::uint8_t ins : {0x40, 0x43, 0x44, 0x45, 0x46, 0x47, 0x49, 0x4A, 0x4B, 0x4C}) {
        const ByteVector data = ins == 0x40                  ? concat({rid(1), {0x01, 0x11}})
                                : ins == 0x44                ? ByteVector(32)
                                : ins >= 0x45 && ins <= 0x47 ? part(1, 0, {1})
                                                             : rid(1);
        const std::uint8_t p1 = ins == 0x46 || ins == 0x47 || ins == 0x40 || ins == 0x49 || ins == 0x4A ? 0
                                : ins == 0x4B                                                           ? 0x82
                                                                                                        : 0x9A;
        EXPECT_EQ(blank.send(0x80, ins, p1, 0, data).sw, 0x6985) << std::hex << int{ins};
    }
}

}  // namespace
}  // namespace sealkey::testing
