// From blank flash to a personalised token, and back: manufacture, INITIALISE, lifecycle, reset, termination.
#include <gtest/gtest.h>

#include "support/token_fixture.h"

namespace sealkey::testing {
namespace {

namespace st = protocol::status_tag;

class Birth : public ::testing::Test {
protected:
    std::unique_ptr<TestToken> token = std::make_unique<TestToken>();
};

TEST_F(Birth, BlankFlashIsntAToken) {
    EXPECT_EQ(token->power_cycle().error(), Error::not_found);
    EXPECT_EQ(token->status().sw, 0x6F01);
    EXPECT_EQ(token->initialise_command(Profile::compatibility).sw, 0x6F01);
    EXPECT_EQ(token->raw("00 DB 3F FF 08 5C 03 5F FF 11 53 01 01").sw, 0x6F01);
}

TEST_F(Birth, ABlankTokenSaysSoAndKnowsItsChip) {
    token->manufacture();
    EXPECT_EQ(to_hex(token->status_value(st::lifecycle)), "00");
    EXPECT_EQ(to_hex(token->status_value(st::profile)), "00");
    EXPECT_EQ(token->status_value(st::serial), text("456789ABCDEF"));
    EXPECT_EQ(token->get_data(object::chuid).sw, 0x6A82);
    EXPECT_EQ(token->verify_status().sw, 0x6983) << "there is no PIN";
    EXPECT_EQ(token->verify(kDefaultPin).sw, 0x6983);
    EXPECT_EQ(token->metadata(ref::management).sw, 0x6A88) << "nor a management key";
}

TEST_F(Birth, TheTransportChannelAloneOpensABlankToken) {
    token->manufacture();
    EXPECT_EQ(token->initialise_command(Profile::compatibility).sw, 0x6982);
    EXPECT_EQ(token->open_channel(own_channel_keys()), 0x6A88);
    EXPECT_EQ(token->initialise_command(Profile::compatibility).sw, 0x6982);
    ASSERT_EQ(token->open_channel(SecurityLevel::both_macs_encryption), sw::ok);
    token->wrap_all(true);
    EXPECT_EQ(token->initialise_command(Profile::compatibility).sw, 0x6982) << "and at its full level alone";
    ASSERT_EQ(token->open_channel(), sw::ok);
    EXPECT_EQ(token->initialise_command(Profile::compatibility).sw, 0x6982) << "not beside it";
    token->wrap_all(true);
    EXPECT_EQ(token->put_data(0x5FFF11, {1}).sw, 0x6985) << "for nothing but birth";
    EXPECT_EQ(token->generate(ref::authentication).sw, 0x6985);
    EXPECT_EQ(token->set_bench_pin(kPin).sw, 0x6985);
    EXPECT_EQ(token->set_lifecycle(Lifecycle::secured).sw, 0x6985);
    EXPECT_TRUE(token->initialise_command(Profile::compatibility).ok());
}

// The door of the first slice: 9B with a transport key. A blank token has no 9B at all.
TEST_F(Birth, N21_TheManagementKeysDoorOfBirthIsGone) {
    token->manufacture();
    for (const Algorithm algorithm : {Algorithm::aes256, Algorithm::tdes, Algorithm::aes128, Algorithm::none}) {
        for (const char* ask : {"7C 02 80 00", "7C 02 81 00"}) {
            EXPECT_EQ(token->send(0x00, 0x87, static_cast<std::uint8_t>(algorithm), ref::management, from_hex(ask)).sw,
                      0x6A88);
        }
    }
    const auto transport = transport_channel_keys();
    const Bytes enc = transport.enc.bytes();
    for (const ByteVector& key : {ByteVector(32, 0), shipping_management_key(), ByteVector(enc.begin(), enc.end())}) {
        EXPECT_NE(token->authenticate(Algorithm::aes256, key), sw::ok);
        EXPECT_EQ(token->initialise_command(Profile::compatibility).sw, 0x6982);
        EXPECT_EQ(token->initialise_command(Profile::shipping).sw, 0x6982);
    }
    // And once it is born, 9B carries nothing that the channel is there for.
    token->initialise(Profile::shipping);
    ASSERT_EQ(token->authenticate(Algorithm::aes256, shipping_management_key()), sw::ok);
    EXPECT_EQ(token->set_lifecycle(Lifecycle::secured).sw, 0x6982);
    EXPECT_EQ(token->set_bench_pin(kPin).sw, 0x6982);
    EXPECT_EQ(token->generate(ref::authentication).sw, 0x6982);
    EXPECT_EQ(token->put_data(object::cert_9a, {1}).sw, 0x6982);
    EXPECT_EQ(token->put_data(object::seal, {1}).sw, 0x6982);
}

TEST_F(Birth, InitialiseHappensOnce) {
    token->manufacture();
    token->initialise(Profile::shipping);
    EXPECT_EQ(token->initialise_command(Profile::shipping).sw, 0x6985);
    ASSERT_EQ(token->authenticate(), sw::ok);
    EXPECT_EQ(token->initialise_command(Profile::compatibility).sw, 0x6985);
    EXPECT_FALSE(token->token().manufacture(firmware_keys(transport_channel_keys())))
        << "nor does the factory make it anew";
}

TEST_F(Birth, ShippingWantsItsOwnChannelKeysFirst) {
    token->manufacture();
    token->open_birth(Profile::compatibility);
    EXPECT_EQ(token->initialise_command(Profile::shipping).sw, 0x6985);
    EXPECT_EQ(to_hex(token->status_value(st::lifecycle)), "00");
    token->wrap_all(false);
    ASSERT_TRUE(token->put_keys(own_channel_keys()).ok());
    token->wrap_all(true);
    EXPECT_TRUE(token->initialise_command(Profile::shipping).ok());
}

TEST_F(Birth, Lesson34_TheTransportKeysAreDeadAfterBirth) {
    token->manufacture();
    token->initialise(Profile::shipping);
    token::ChannelKeys keys = transport_channel_keys();
    EXPECT_EQ(token->open_channel(keys), 0x6A88);
    keys.version = 0;
    EXPECT_EQ(token->open_channel(keys), 0) << "nor by another version";
    EXPECT_EQ(token->open_channel(own_channel_keys()), sw::ok);
}

TEST_F(Birth, APlainTokenKeepsNoChannelOfTheFactorys) {
    token->manufacture();
    token->open_birth(Profile::compatibility);
    ASSERT_TRUE(token->initialise_command(Profile::compatibility).ok()) << "answered under its MAC";
    EXPECT_EQ(token->secure(0x80, 0x10, 0, 0).sw, 0x6982) << "and then over";
    token->wrap_all(false);
    EXPECT_EQ(token->raw("80 50 00 00 08 0102030405060708 00").sw, 0x6A88);
    ASSERT_TRUE(token->power_cycle());
    EXPECT_EQ(token->raw("80 50 FF 00 08 0102030405060708 00").sw, 0x6A88);
    EXPECT_TRUE(token->verify(kDefaultPin).ok());
}

TEST_F(Birth, APlainTokenKeepsKeysThatWerePutIn) {
    token->manufacture();
    token->open_birth(Profile::shipping);
    ASSERT_TRUE(token->initialise_command(Profile::compatibility).ok());
    token->wrap_all(false);
    EXPECT_EQ(token->open_channel(), sw::ok);
}

TEST_F(Birth, MalformedInitialiseIsRefusedAndLeavesABlankToken) {
    token->manufacture();
    token->open_birth(Profile::shipping);
    const ByteVector serial = tlv(0x81, text(kSerial));
    const ByteVector profile = tlv(0x83, {1});
    const ByteVector number = tlv(0x89, {0, 0, 0, 1});
    const ByteVector kvn = tlv(0x8B, {1});
    const ByteVector unlock = tlv(0x8C, unlock_key());
    const ByteVector management = tlv(0x8D, concat({{0x0C}, shipping_management_key()}));
    const ByteVector id = concat({tlv(0x8E, guid()), tlv(0x8F, kdd())});
    const auto refused = [&](std::initializer_list<ByteVector> parts, const char* what) {
        EXPECT_EQ(token->send(0x80, 0x30, 0, 0, concat(parts)).sw, 0x6A80) << what;
    };
    refused({profile, number, kvn, unlock, management, id}, "no serial");
    refused({tlv(0x81, text("0123456789a")), profile, number, kvn, unlock, management, id}, "short serial");
    refused({tlv(0x81, text("0123456789ab")), profile, number, kvn, unlock, management, id}, "small letters");
    refused({serial, number, kvn, unlock, management, id}, "no profile");
    refused({serial, tlv(0x83, {3}), number, kvn, unlock, management, id}, "an unknown profile");
    refused({serial, profile, kvn, unlock, management, id}, "no number");
    refused({serial, profile, tlv(0x89, {0x80, 0, 0, 1}), kvn, unlock, management, id}, "32 bits");
    refused({serial, profile, number, unlock, management, id}, "no KVN");
    refused({serial, profile, number, kvn, management, id}, "no unlock key");
    refused({serial, profile, number, kvn, tlv(0x8C, ByteVector(16, 1)), management, id}, "a short unlock key");
    refused({serial, profile, number, kvn, unlock, id}, "no management key");
    refused({serial, profile, number, kvn, unlock, tlv(0x8D, concat({{0x03}, default_management_key()})), id}, "3DES");
    refused({serial, profile, number, kvn, unlock, tlv(0x8D, ByteVector(17, 8)), id}, "AES-128");
    refused({serial, profile, number, kvn, unlock, management, tlv(0x8F, kdd())}, "no GUID");
    refused({serial, profile, number, kvn, unlock, management, tlv(0x8E, guid())}, "no diversification data");
    refused({serial, profile, number, kvn, unlock, management, tlv(0x8E, guid()), tlv(0x8F, ByteVector(9, 1))},
            "short diversification data");
    refused({serial, profile, number, kvn, unlock, management, tlv(0x8E, ByteVector(15, 1)), tlv(0x8F, kdd())},
            "a short GUID");
    refused({serial, profile, number, kvn, unlock, management, id, {0x90}}, "half a data object");
    refused({}, "nothing");
    EXPECT_EQ(to_hex(token->status_value(st::lifecycle)), "00");
    EXPECT_EQ(token->send(0x80, 0x30, 0, 0, concat({serial, profile, number, kvn, unlock, management, id})).sw, 0x9000);
}

TEST_F(Birth, PowerCutsInBirthLeaveABlankTokenOrABornOne) {
    token->manufacture();
    ASSERT_EQ(token->open_channel(), sw::ok);
    ASSERT_TRUE(token->put_keys(own_channel_keys()).ok());
    const auto before = token->flash().state();
    const auto open = [&] {
        ASSERT_EQ(token->open_channel(), sw::ok);
        token->wrap_all(true);
    };
    open();
    const std::uint64_t start = token->flash().operations();
    ASSERT_TRUE(token->initialise_command(Profile::shipping).ok());
    const std::uint64_t operations = token->flash().operations() - start;
    int born = 0;
    int blank = 0;
    for (std::uint64_t cut = 0; cut < operations; ++cut) {
        token->flash().restore(before);
        ASSERT_TRUE(token->power_cycle());
        open();
        token->flash().cut_in(cut, test::Tear::subset, static_cast<std::uint32_t>(cut));
        (void)token->initialise_command(Profile::shipping);
        token->flash().power_on();
        ASSERT_TRUE(token->power_cycle()) << "cut " << cut;
        if (token->token().state().config.lifecycle == Lifecycle::blank) {
            ++blank;
            open();
            ASSERT_TRUE(token->initialise_command(Profile::shipping).ok());
            token->wrap_all(false);
        } else {
            ++born;
        }
        ASSERT_EQ(token->authenticate(Algorithm::aes256, shipping_management_key()), sw::ok);
        ASSERT_TRUE(token->get_data(object::chuid).ok());
    }
    EXPECT_GT(blank, 0);
    EXPECT_GE(born, 0);
}

TEST_F(Birth, CompatibilityStartsWithThePublishedValues) {
    token->manufacture();
    token->initialise(Profile::compatibility);
    EXPECT_TRUE(token->verify(kDefaultPin).ok());
    EXPECT_TRUE(token->unblock(kDefaultPuk, kDefaultPin).ok());
    EXPECT_EQ(token->authenticate(Algorithm::tdes, default_management_key()), sw::ok);
    ASSERT_TRUE(token->set_lifecycle(Lifecycle::secured).ok());
    EXPECT_TRUE(token->verify(kDefaultPin).ok()) << "securing a plain PIV token changes no PIN";
}

TEST_F(Birth, N21_ShippingHasNoPublishedValue) {
    token->manufacture();
    token->initialise(Profile::shipping);
    EXPECT_EQ(token->verify(kDefaultPin).sw, 0x6983);
    EXPECT_EQ(token->unblock(kDefaultPuk, kDefaultPin).sw, 0x6983);
    EXPECT_EQ(token->authenticate(Algorithm::tdes, default_management_key()), 0x6A86);
    EXPECT_EQ(token->verify_status().sw, 0x6983);
}

TEST_F(Birth, Lesson08_NineWrongEntriesAndAResetWipeNoEnterprisesKey) {
    token->manufacture();
    token->initialise(Profile::shipping);
    ASSERT_EQ(token->authenticate(), sw::ok);
    ASSERT_TRUE(token->generate(ref::signature).ok());
    token->secure();
    token->activate();
    for (int i = 0; i < 9; ++i) (void)token->verify(kWrongPin);
    for (int i = 0; i < 9; ++i) (void)token->unblock("87654321", kOtherPin);
    EXPECT_EQ(token->reset_applet().sw, 0x6982);
    ASSERT_EQ(token->authenticate(), sw::ok);
    EXPECT_EQ(token->reset_applet().sw, 0x6982) << "with 9B too";
    EXPECT_EQ(token->set_lifecycle(Lifecycle::terminated).sw, 0x6982);
    EXPECT_TRUE(token->metadata(ref::signature).ok()) << "the key is there";
    ASSERT_TRUE(token->redeem(token->reset_code(), kOtherPin).ok());
    ASSERT_TRUE(token->verify(kOtherPin).ok());
    EXPECT_TRUE(token->sign(ref::signature).ok()) << "and works";
}

class PlainReset : public ::testing::Test {
protected:
    PlainReset() {
        EXPECT_EQ(token->authenticate(), sw::ok);
        EXPECT_TRUE(token->generate(0x82, Algorithm::p256, PinPolicy::never).ok());
        EXPECT_TRUE(token->generate(ref::authentication).ok());
        EXPECT_TRUE(token->put_data(object::cert_9a, certificate_object(ByteVector(3000, 1))).ok());
        EXPECT_TRUE(token->put_data_chained(object::seal, ByteVector(20000, 2)).ok());
        EXPECT_TRUE(token->put_data(0x5FFF11, {1}).ok());
        EXPECT_TRUE(token->set_management_key(Algorithm::aes256, ByteVector(32, 3)).ok());
        EXPECT_TRUE(token->change(ref::pin, kDefaultPin, kOtherPin).ok());
    }
    void block_both() {
        token->lock_pin();
        for (int i = 0; i < 6; ++i) (void)token->unblock("87654321", kOtherPin);
    }
    void expect_as_new() {
        EXPECT_TRUE(token->verify(kDefaultPin).ok());
        EXPECT_EQ(token->pin_flags(), protocol::pin_flag::verified | protocol::pin_flag::default_value);
        EXPECT_EQ(token->sign(0x82).sw, 0x6A88);
        EXPECT_EQ(token->sign(ref::authentication).sw, 0x6A88);
        EXPECT_EQ(token->get_data(object::cert_9a).sw, 0x6A82);
        EXPECT_EQ(token->get_data(object::seal).sw, 0x6A82);
        EXPECT_EQ(token->get_data(0x5FFF11).sw, 0x6A82);
        EXPECT_TRUE(token->get_data(object::chuid).ok());
        EXPECT_TRUE(token->status_value(st::slot).empty());
        EXPECT_EQ(token->status_value(st::serial), text(kSerial));
        EXPECT_EQ(token->authenticate(Algorithm::tdes, default_management_key()), sw::ok);
        EXPECT_TRUE(token->unblock(kDefaultPuk, kDefaultPin).ok());
    }
    std::unique_ptr<TestToken> token = TestToken::personalised(Profile::compatibility);
};

TEST_F(PlainReset, NeedsPinAndPukBlocked) {
    EXPECT_EQ(token->reset_applet().sw, 0x6985);
    token->lock_pin();
    EXPECT_EQ(token->reset_applet().sw, 0x6985) << "the PUK still works";
    EXPECT_TRUE(token->unblock(kDefaultPuk, kOtherPin).ok());
    for (int i = 0; i < 6; ++i) (void)token->unblock("87654321", kOtherPin);
    EXPECT_EQ(token->reset_applet().sw, 0x6985) << "the PIN still works";
    token->lock_pin();
    EXPECT_EQ(token->reset_applet().sw, 0x9000);
    expect_as_new();
}

TEST_F(PlainReset, Lesson03_ResetForgetsTheSlotsPolicies) {
    block_both();
    ASSERT_TRUE(token->reset_applet().ok());
    ASSERT_EQ(token->authenticate(), sw::ok);
    ASSERT_TRUE(token->generate(0x82).ok());
    EXPECT_EQ(find(token->metadata(0x82).data, 0x02), (ByteVector{2, 1})) << "PIN once, not never as before";
    EXPECT_EQ(token->sign(0x82).sw, 0x6982);
}

TEST_F(PlainReset, TriesAreTheInitialOnesAgain) {
    ASSERT_TRUE(token->verify(kOtherPin).ok());
    ASSERT_EQ(token->authenticate(Algorithm::aes256, ByteVector(32, 3)), sw::ok);
    ASSERT_TRUE(token->set_retries(2, 2).ok());
    block_both();
    ASSERT_TRUE(token->reset_applet().ok());
    EXPECT_EQ(token->pin_tries(), 6);
}

TEST_F(PlainReset, APowerCutInAResetIsFinishedAtTheNextStart) {
    block_both();
    const auto before = token->flash().state();
    const std::uint64_t start = token->flash().operations();
    ASSERT_TRUE(token->reset_applet().ok());
    const std::uint64_t operations = token->flash().operations() - start;
    int untouched = 0;
    for (std::uint64_t cut = 0; cut < operations; cut += 3) {
        token->flash().restore(before);
        ASSERT_TRUE(token->power_cycle());
        token->flash().cut_in(cut, test::Tear::prefix, static_cast<std::uint32_t>(cut));
        (void)token->reset_applet();
        token->flash().power_on();
        ASSERT_TRUE(token->power_cycle()) << "cut " << cut;
        if (token->pin_tries() == 0) {
            ++untouched;
            // It hasn't begun: everything is as it was.
            ASSERT_TRUE(token->metadata(0x82).ok()) << "cut " << cut;
            ASSERT_TRUE(token->metadata(ref::authentication).ok()) << "cut " << cut;
            ASSERT_TRUE(token->get_data(object::cert_9a).ok()) << "cut " << cut;
            ASSERT_TRUE(token->get_data(object::seal).ok()) << "cut " << cut;
            ASSERT_TRUE(token->reset_applet().ok()) << "cut " << cut;
        }
        expect_as_new();
    }
    EXPECT_GT(untouched, 0);
}

// The try log is gone: its two sectors are blank.
class LostTryLog : public PlainReset {
protected:
    void lose_log() {
        ASSERT_TRUE(token->flash().erase(0));
        ASSERT_TRUE(token->flash().erase(1));
        ASSERT_TRUE(token->power_cycle());
        ASSERT_EQ(token->verify(kOtherPin).sw, 0x6983);
        ASSERT_EQ(token->unblock(kDefaultPuk, kOtherPin).sw, 0x6983);
    }
    void expect_tries_count() {
        expect_as_new();
        for (int left = 5; left >= 3; --left) {
            EXPECT_EQ(token->verify(kWrongPin).sw, 0x63C0 + left);
            ASSERT_TRUE(token->power_cycle());
        }
        EXPECT_EQ(token->verify(kDefaultPin).sw, 0x9000);
    }
};

TEST_F(LostTryLog, AResetMakesATokenThatWorksAndCounts) {
    lose_log();
    ASSERT_EQ(token->reset_applet().sw, 0x9000);
    expect_tries_count();
}

TEST_F(LostTryLog, PowerCutsInThatResetEndInTheSame) {
    lose_log();
    const auto before = token->flash().state();
    const std::uint64_t start = token->flash().operations();
    ASSERT_TRUE(token->reset_applet().ok());
    const std::uint64_t operations = token->flash().operations() - start;
    int torn = 0;
    for (std::uint64_t cut = 0; cut < operations; ++cut) {
        token->flash().restore(before);
        ASSERT_TRUE(token->power_cycle());
        token->flash().cut_in(cut, test::kAllTears[cut % 5], static_cast<std::uint32_t>(cut));
        (void)token->reset_applet();
        torn += token->flash().torn() ? 1 : 0;
        token->flash().power_on();
        ASSERT_TRUE(token->power_cycle()) << "cut " << cut;
        if (!token->status_value(st::slot).empty()) {
            ASSERT_EQ(token->verify(kOtherPin).sw, 0x6983) << "cut " << cut << ": a lost log opens nothing";
            ASSERT_EQ(token->reset_applet().sw, 0x9000) << "cut " << cut;
        }
        expect_tries_count();
        ASSERT_FALSE(HasFailure()) << "cut " << cut;
    }
    EXPECT_GT(torn, 0);
}

// One bit of its header reads either way: now there is a log, now there is none. Tries that nobody spent are no reason
// to wipe.
TEST_F(LostTryLog, ALogThatOnlyReadBadlyIsNotLost) {
    auto state = token->flash().state();
    for (const std::uint32_t header : {0U, 4096U})
        if (state.bytes[header] != 0xFF) state.weak[header + 9] = 0x01;
    int seen = 0;
    for (int i = 0; i < 200 && seen < 20; ++i) {
        token->flash().restore(state);
        ASSERT_TRUE(token->power_cycle());
        if (token->verify_status().sw != 0x6983) continue;
        ++seen;
        ASSERT_EQ(token->reset_applet().sw, 0x6985);
        EXPECT_TRUE(token->get_data(object::seal).ok());
        EXPECT_EQ(token->verify_status().sw, 0x63C6) << "found again";
    }
    EXPECT_EQ(seen, 20) << "the log never read badly: nothing was shown";
}

TEST_F(Birth, APlainTokenThatLostItsTryLogIsNotSecuredIntoFullTries) {
    token->manufacture();
    token->initialise(Profile::compatibility);
    ASSERT_TRUE(token->flash().erase(0));
    ASSERT_TRUE(token->flash().erase(1));
    ASSERT_TRUE(token->power_cycle());
    ASSERT_EQ(token->authenticate(), sw::ok);
    EXPECT_EQ(token->set_lifecycle(Lifecycle::secured).sw, 0x6985);
    EXPECT_EQ(token->verify(kDefaultPin).sw, 0x6983);
    EXPECT_EQ(token->unblock(kDefaultPuk, kOtherPin).sw, 0x6983);
    ASSERT_EQ(token->reset_applet().sw, 0x9000);
    EXPECT_EQ(token->verify(kDefaultPin).sw, 0x9000);
}

TEST_F(Birth, AShippingTokenThatLostItsTryLogStaysBlocked) {
    token->manufacture();
    token->initialise(Profile::shipping);
    token->secure();
    token->activate();
    ASSERT_TRUE(token->flash().erase(0));
    ASSERT_TRUE(token->flash().erase(1));
    ASSERT_TRUE(token->power_cycle());
    EXPECT_EQ(token->verify(kPin).sw, 0x6983);
    EXPECT_EQ(token->reset_applet().sw, 0x6982);
    ASSERT_EQ(token->authenticate(), sw::ok);
    EXPECT_EQ(token->reset_applet().sw, 0x6982);
    EXPECT_EQ(token->lock_state(), LockState::bench_only);
}

// The values of stored objects, as they stand in flash.
std::vector<ByteVector> stored(TestToken& token, std::initializer_list<store::ObjectId> ids) {
    store::Store store(token.flash(), {2, token.flash().geometry().sector_count - 2});
    EXPECT_TRUE(store.mount());
    std::vector<ByteVector> out;
    for (const store::ObjectId id : ids) {
        const auto size = store.size(id);
        EXPECT_TRUE(size) << "object " << std::hex << id;
        if (!size) continue;
        ByteVector value(*size);
        EXPECT_TRUE(store.read(id, 0, value));
        out.push_back(std::move(value));
    }
    return out;
}

constexpr store::ObjectId kSystemWrap = store::kFirstVaultId;
constexpr store::ObjectId kPinWrap = store::kFirstVaultId + 1;
constexpr store::ObjectId kPukWrap = store::kFirstVaultId + 3;
constexpr store::ObjectId kFirstPrivateKey = applet::id::private_key_first + 1;

TEST_F(PlainReset, N23_NothingThatOpensAKeyIsLeftInFlash) {
    const auto secrets =
        stored(*token, {kSystemWrap, kPinWrap, kPukWrap, applet::id::management_key, kFirstPrivateKey});
    for (const bool terminate : {false, true}) {
        const auto before = token->flash().state();
        if (terminate) {
            ASSERT_EQ(token->authenticate(Algorithm::aes256, ByteVector(32, 3)), sw::ok);
            ASSERT_TRUE(token->set_lifecycle(Lifecycle::terminated).ok());
        } else {
            block_both();
            ASSERT_TRUE(token->reset_applet().ok());
        }
        for (const ByteVector& secret : secrets) EXPECT_FALSE(token->flash().holds(secret)) << to_hex(secret);
        token->flash().restore(before);
        ASSERT_TRUE(token->power_cycle());
    }
    for (const ByteVector& secret : secrets) EXPECT_TRUE(token->flash().holds(secret)) << "the proof can fail";
}

TEST_F(Birth, N23_ATerminatedTokenIsEmptyAndStaysSo) {
    token->manufacture();
    token->initialise(Profile::shipping);
    ASSERT_EQ(token->authenticate(), sw::ok);
    ASSERT_TRUE(token->generate(ref::authentication).ok());
    ASSERT_TRUE(token->set_bench_pin(kPin).ok());
    const auto secrets =
        stored(*token, {kSystemWrap, kPinWrap, applet::id::management_key, applet::id::unlock_key, kFirstPrivateKey});
    ASSERT_TRUE(token->put_data(object::cert_9a, certificate_object(ByteVector(500, 1))).ok());
    ASSERT_TRUE(token->set_lifecycle(Lifecycle::terminated).ok());
    for (const ByteVector& secret : secrets) EXPECT_FALSE(token->flash().holds(secret)) << to_hex(secret);
    for (int start = 0; start < 2; ++start) {
        EXPECT_EQ(to_hex(token->status_value(st::lifecycle)), "0f");
        EXPECT_EQ(token->status_value(st::serial), text(kSerial)) << "it can still be told which it was";
        EXPECT_TRUE(token->status_value(st::slot).empty());
        EXPECT_EQ(token->get_data(object::cert_9a).sw, 0x6A82);
        EXPECT_EQ(token->get_data(object::chuid).sw, 0x6A82);
        EXPECT_EQ(token->verify(kPin).sw, 0x6985);
        EXPECT_EQ(token->authenticate(Algorithm::aes256, shipping_management_key()), 0x6985);
        EXPECT_EQ(token->initialise_command(Profile::shipping).sw, 0x6985);
        EXPECT_EQ(token->redeem("169141579270394", kPin).sw, 0x6985);
        ASSERT_TRUE(token->power_cycle());
    }
}

}  // namespace
}  // namespace sealkey::testing
