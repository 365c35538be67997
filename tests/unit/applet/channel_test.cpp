// The secure channel through the APDU door: what opens it, what ends it, what it may do.
#include <gtest/gtest.h>

#include <set>

#include "applet/storage_map.h"
#include "store/store.h"
#include "support/token_fixture.h"

namespace sealkey::testing {
namespace {

constexpr SecurityLevel kLevels[] = {SecurityLevel::mac, SecurityLevel::mac_encryption, SecurityLevel::both_macs,
                                     SecurityLevel::both_macs_encryption, SecurityLevel::full};
constexpr std::uint32_t kFree = 0x5FFF11;  // an object of common clients: 9B writes it

class Channel : public ::testing::Test {
protected:
    void born(Profile profile = Profile::shipping) {
        token->manufacture();
        token->initialise(profile);
        token->reset();
    }
    // A wrapped command that needs nothing, to see whether the channel is open.
    StatusWord ask() {
        try {
            return token->secure(0x80, 0x10, 0, 0).sw;
        } catch (const token::TokenError&) {
            return 0;
        }
    }
    // One wrapped as it must be, changed by the test, sent as it is.
    StatusWord bent(const std::function<void(token::OwnedCommand&)>& bend) {
        token::OwnedCommand command = token->host_session().wrap({0x80, 0x10, 0, 0, {}, true});
        bend(command);
        return token->send_plain(command.cla, command.ins, command.p1, command.p2, command.data).sw;
    }
    std::unique_ptr<TestToken> token = std::make_unique<TestToken>();
};

TEST_F(Channel, OpensAtEveryLevelAndCarriesCommands) {
    token->manufacture();
    for (const SecurityLevel level : kLevels) {
        ASSERT_EQ(token->open_channel(level), sw::ok) << static_cast<int>(level);
        const Reply status = token->secure(0x80, 0x10, 0, 0);
        EXPECT_EQ(status, token->send_plain(0x80, 0x10, 0, 0)) << "the same through the channel and beside it";
        EXPECT_EQ(token->secure(0x00, 0xCB, 0x3F, 0xFF, from_hex("5C017E")).data,
                  token->get_data(object::discovery).data);
    }
}

TEST_F(Channel, ABlankTokenTellsItsChipAndAPersonalisedOneItsOwnData) {
    token->manufacture();
    ASSERT_EQ(token->open_channel(), sw::ok);
    EXPECT_EQ(to_hex(token->host_session().card().kdd), "00000123456789abcdef");
    EXPECT_EQ(token->host_session().card().version, 0xFF);
    token->initialise(Profile::shipping);
    ASSERT_EQ(token->open_channel(), sw::ok);
    EXPECT_EQ(to_hex(token->host_session().card().kdd), to_hex(kdd()));
}

TEST_F(Channel, ChainedExtendedAndShortAreTheSameCommand) {
    born();
    ASSERT_EQ(token->open_channel(), sw::ok);
    token->wrap_all(true);
    for (const std::size_t size : {1U, 100U, 200U, 220U, 230U, 240U, 600U, 3000U, 4000U}) {
        const ByteVector value(size, static_cast<std::uint8_t>(size));
        ASSERT_TRUE(token->put_data(kFree, value).ok()) << size;
        ASSERT_TRUE(token->put_data_chained(kFree, value).ok()) << size;
        ASSERT_TRUE(token->put_data_chained(kFree, value, 17).ok()) << size;
        token->wrap_all(false);
        EXPECT_EQ(token->get_data(kFree).data, tlv(0x53, value)) << size;
        token->wrap_all(true);
    }
}

TEST_F(Channel, TheVersionIsAskedForOrWhicheverIsIn) {
    token->manufacture();
    EXPECT_EQ(token->raw("80 50 01 00 08 0102030405060708 00").sw, 0x6A88);
    EXPECT_EQ(token->raw("80 50 00 00 08 0102030405060708 00").sw, 0x9000);
    EXPECT_EQ(token->raw("80 50 FF 00 08 0102030405060708 00").sw, 0x9000);
    EXPECT_EQ(token->raw("80 50 FF 01 08 0102030405060708 00").sw, 0x6A86);
    EXPECT_EQ(token->raw("80 50 FF 00 07 01020304050607 00").sw, 0x6700);
    EXPECT_EQ(token->raw("80 50 FF 00 00").sw, 0x6700);
}

TEST_F(Channel, OtherKeysOpenNothing) {
    token->manufacture();
    token::ChannelKeys keys = transport_channel_keys();
    keys.mac.buffer()[0] ^= 1;
    EXPECT_EQ(token->open_channel(keys), 0) << "the host notices first";
    // A host that doesn't look, and one that makes it up.
    EXPECT_EQ(token->raw("84 82 33 00 10 0102030405060708 1112131415161718").sw, 0x6300);
    EXPECT_EQ(token->raw("84 82 33 00 10 0102030405060708 1112131415161718").sw, 0x6985) << "good for one attempt";
    EXPECT_EQ(token->open_channel(), sw::ok);
}

TEST_F(Channel, MalformedOpeningsSpendTheAttempt) {
    token->manufacture();
    const char* const commands[] = {"84 82 02 00 10 0102030405060708 1112131415161718",
                                    "84 82 33 01 10 0102030405060708 1112131415161718",
                                    "84 82 33 00 08 0102030405060708", "84 82 33 00"};
    for (const char* command : commands) {
        ASSERT_TRUE(token->raw("80 50 00 00 08 0102030405060708 00").ok());
        EXPECT_NE(token->raw(command).sw, 0x9000) << command;
        EXPECT_EQ(token->raw(command).sw, 0x6985) << command;
    }
}

TEST_F(Channel, WithoutOneWrappedCommandsAreRefused) {
    born();
    for (const char* command : {"84 10 00 00", "04 CB 3F FF 08 0102030405060708", "04 A4 04 00 05 A0 00 00 03 08",
                                "84 34 02 00 08 0102030405060708", "04 C0 00 00"}) {
        EXPECT_EQ(token->raw(command).sw, 0x6982) << command;
    }
}

TEST_F(Channel, SelectionEndsIt) {
    born();
    ASSERT_TRUE(token->open_channel() == sw::ok && ask() == sw::ok);
    ASSERT_TRUE(token->select().ok());
    EXPECT_EQ(ask(), 0x6982);
    ASSERT_TRUE(token->open_channel() == sw::ok && ask() == sw::ok);
    EXPECT_EQ(token->raw("00 A4 04 00 05 A0 00 00 00 02").sw, 0x6A82);
    EXPECT_EQ(ask(), 0x6982) << "an absent name, too";
}

TEST_F(Channel, SelectionLeavesThePinAsItWas) {
    token = TestToken::personalised(Profile::shipping);
    ASSERT_TRUE(token->verify(kPin).ok());
    ASSERT_EQ(token->open_channel(), sw::ok);
    (void)token->raw("00 A4 04 00 05 A0 00 00 00 02");
    EXPECT_EQ(ask(), 0x6982);
    EXPECT_EQ(token->verify_status().sw, 0x9000);
}

TEST_F(Channel, AResetEndsIt) {
    born();
    ASSERT_EQ(token->open_channel(), sw::ok);
    token->reset();
    EXPECT_EQ(ask(), 0x6982);
}

TEST_F(Channel, AnotherOpeningEndsIt) {
    born();
    ASSERT_EQ(token->open_channel(), sw::ok);
    ASSERT_TRUE(token->raw("80 50 00 00 08 0102030405060708 00").ok());
    EXPECT_EQ(ask(), 0x6982);
    ASSERT_EQ(token->open_channel(), sw::ok);
    EXPECT_EQ(token->secure(0x80, 0x50, 0, 0, ByteVector(8, 1)).sw, 0x6985) << "not inside itself";
    EXPECT_EQ(ask(), sw::ok);
}

TEST_F(Channel, WhatBreaksTheMessagingEndsIt) {
    born();
    using Command = token::OwnedCommand;
    const std::pair<const char*, std::function<void(Command&)>> bends[] = {
        {"a bit of the MAC", [](Command& c) { c.data.back() ^= 1; }},
        {"P1", [](Command& c) { c.p1 = 1; }},
        {"the instruction", [](Command& c) { c.ins = 0x12; }},
        {"the class", [](Command& c) { c.cla = 0x04; }},
        {"one byte more", [](Command& c) { c.data.insert(c.data.begin(), 0); }},
        {"no MAC", [](Command& c) { c.data.resize(7); }},
    };
    for (const auto& [name, bend] : bends) {
        ASSERT_EQ(token->open_channel(), sw::ok);
        ASSERT_EQ(ask(), sw::ok);
        const StatusWord status = bent(bend);
        EXPECT_TRUE(status == 0x6982 || status == 0x6988) << name << std::hex << status;
        EXPECT_EQ(ask(), 0x6982) << name;
    }
}

TEST_F(Channel, AnApplicationsErrorLeavesItOpen) {
    born();
    ASSERT_EQ(token->open_channel(), sw::ok);
    EXPECT_EQ(token->secure(0x00, 0xCB, 0x3F, 0xFF, from_hex("5C035FC105")).sw, 0x6A82);
    EXPECT_EQ(token->secure(0x80, 0x99, 0, 0).sw, 0x6D00);
    EXPECT_EQ(token->secure(0x00, 0xA4, 4, 0, from_hex("A000000308")).sw, 0x6D00) << "SELECT goes plain";
    EXPECT_EQ(token->secure(0x00, 0xC0, 0, 0).sw, 0x6D00) << "and GET RESPONSE";
    EXPECT_EQ(token->secure(0x80, 0x30, 0, 0, {1}).sw, 0x6A80);
    EXPECT_EQ(ask(), sw::ok);
}

TEST_F(Channel, AWrongPinIsToldUnderAMac) {
    token = TestToken::personalised(Profile::shipping);
    ASSERT_EQ(token->open_channel(), sw::ok);
    EXPECT_EQ(token->secure(0x00, 0x20, 0, ref::pin, padded(kWrongPin)).sw, 0x63C5) << "checked by the host";
    EXPECT_EQ(token->secure(0x00, 0x20, 0, ref::pin, padded(kPin)).sw, 0x9000);
    EXPECT_EQ(token->verify_status().sw, 0x9000) << "the PIN belongs to the card session";
}

TEST_F(Channel, APlainCommandHasNoneOfItsAuthorityAndLeavesItOpen) {
    born();
    ASSERT_EQ(token->open_channel(), sw::ok);
    ASSERT_EQ(ask(), sw::ok);
    EXPECT_EQ(token->set_lifecycle(Lifecycle::terminated).sw, 0x6982);
    EXPECT_EQ(token->put_data(object::seal, {1}).sw, 0x6982);
    EXPECT_EQ(token->put_keys(own_channel_keys()).sw, 0x9000) << "wrapped";
    EXPECT_EQ(token->send_plain(0x80, 0xD8, 1, 0x81, ByteVector(50, 1)).sw, 0x6982);
    EXPECT_EQ(token->status().sw, 0x9000);
    EXPECT_EQ(ask(), sw::ok);
}

TEST_F(Channel, OnlyTheFullLevelHasAuthority) {
    born();
    for (const SecurityLevel level : kLevels) {
        ASSERT_EQ(token->open_channel(level), sw::ok);
        token->wrap_all(true);
        const StatusWord expected = level == SecurityLevel::full ? 0x9000 : 0x6982;
        EXPECT_EQ(token->put_data(object::seal, {1}).sw, expected) << static_cast<int>(level);
        EXPECT_EQ(token->put_keys(own_channel_keys()).sw, expected) << static_cast<int>(level);
        token->wrap_all(false);
    }
}

// Until the token is secured the bench's channel stands for the PIN; afterwards nothing does.
TEST_F(Channel, ItStandsForThePinUntilSecured) {
    born();
    ASSERT_EQ(token->open_channel(), sw::ok);
    token->wrap_all(true);
    ASSERT_TRUE(token->generate(ref::signature).ok());
    EXPECT_TRUE(token->sign(ref::signature).ok());
    EXPECT_TRUE(token->sign(ref::signature).ok()) << "also for a key that wants it every time";
    EXPECT_EQ(token->get_data(object::fingerprints).sw, 0x6A82);
    token->wrap_all(false);
    EXPECT_EQ(token->sign(ref::signature).sw, 0x6982);
    EXPECT_EQ(token->get_data(object::fingerprints).sw, 0x6982);
    token->wrap_all(true);
    ASSERT_TRUE(token->set_lifecycle(Lifecycle::secured).ok());
    EXPECT_EQ(token->sign(ref::signature).sw, 0x6982);
    EXPECT_EQ(token->get_data(object::fingerprints).sw, 0x6982);
    EXPECT_EQ(token->status_value(protocol::status_tag::pin)[2] & protocol::pin_flag::verified, 0);
}

TEST_F(Channel, LongAnswersAreReadInParts) {
    born();
    ASSERT_EQ(token->open_channel(), sw::ok);
    token->wrap_all(true);
    ByteVector value(3000);
    for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<std::uint8_t>(i * 7);
    ASSERT_TRUE(token->put_data(kFree, value).ok());
    EXPECT_EQ(token->secure(0x00, 0xCB, 0x3F, 0xFF, from_hex("5C035FFF11")).sw, 0x6A84)
        << "longer than a wrapped answer may be";
    ByteVector read;
    while (read.size() < value.size()) {
        const Reply part = token->read_part(kFree, static_cast<std::uint32_t>(read.size()), 1024);
        ASSERT_TRUE(part.ok() && !part.data.empty());
        read.insert(read.end(), part.data.begin(), part.data.end());
    }
    EXPECT_EQ(read, value);
    const auto part_of = [&](std::uint8_t high, std::uint8_t low) {
        return token->secure(0x80, 0x12, 0, 0, {0x5F, 0xFF, 0x11, 0, 0, 0, 0, high, low});
    };
    EXPECT_EQ(part_of(0x07, 0x69).sw, 0x6A84) << 1897;
    EXPECT_EQ(part_of(0x07, 0x68).data.size(), 1896U);
}

// --- attempts and counters ---

TEST_F(Channel, AnOpeningThatFailsMakesTheNextOneWait) {
    token->manufacture();
    FakeClock& clock = token->parts().clock;
    const auto waited = [&] {
        const std::uint32_t before = clock.now;
        EXPECT_TRUE(token->raw("80 50 00 00 08 0102030405060708 00").ok()) << "never for good";
        return clock.now - before;
    };
    std::vector<std::uint32_t> times;
    for (int i = 0; i < 10; ++i) times.push_back(waited());
    EXPECT_EQ(times, (std::vector<std::uint32_t>{0, 100, 200, 400, 800, 1600, 3200, 6400, 6400, 6400}));
    token->reset();
    EXPECT_EQ(waited(), 6400U) << "a card reset doesn't help";
    ASSERT_EQ(token->open_channel(), sw::ok) << "the right keys still open";
    EXPECT_EQ(waited(), 0U);
    EXPECT_EQ(token->raw("84 82 33 00 10 0102030405060708 1112131415161718").sw, 0x6300);
    EXPECT_EQ(waited(), 200U) << "a wrong cryptogram counts besides";
    ASSERT_TRUE(token->power_cycle());
    EXPECT_EQ(waited(), 0U);
}

TEST_F(Channel, NoChallengeIsEverUsedTwice) {
    token->manufacture();
    std::set<std::string> challenges;
    std::uint32_t last = 0;
    const auto take = [&] {
        const Reply reply = token->raw("80 50 00 00 08 0102030405060708 00");
        ASSERT_TRUE(reply.ok());
        const std::uint32_t counter = std::uint32_t{reply.data[29]} << 16 | load_be16(&reply.data[30]);
        EXPECT_TRUE(challenges.empty() || counter > last) << counter;
        last = counter;
        EXPECT_TRUE(challenges.insert(to_hex(Bytes(reply.data).subspan(13, 8))).second);
    };
    for (int i = 0; i < 130; ++i) take();
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(token->power_cycle());
        take();
        take();
    }
    const std::uint64_t operations = token->flash().operations();
    for (int i = 0; i < 62; ++i) take();
    EXPECT_EQ(token->flash().operations(), operations) << "reserved in blocks of 64";
}

// As a program at the PC leaves it that reset and asked until nothing was left (docs/threat-model.md).
TEST_F(Channel, AtTheEndOfItsCounterItStaysShutAndThePinStillOpensTheRest) {
    token = TestToken::personalised(Profile::shipping);
    {
        const platform::FlashGeometry geometry = token->flash().geometry();
        store::Store store(token->flash(), {2, geometry.sector_count - 2});
        ASSERT_TRUE(store.mount());
        auto transaction = store.begin(4, 1, store::Purpose::upkeep);
        ASSERT_TRUE(transaction);
        ASSERT_TRUE(transaction->put(applet::id::channel_counter, from_hex("00FFFFC0")));
        ASSERT_TRUE(transaction->commit());
    }
    ASSERT_TRUE(token->power_cycle());
    const auto ask = [&] { return token->raw("80 50 00 00 08 0102030405060708 00"); };
    Reply last;
    for (int i = 0; i < 64; ++i) {
        last = ask();
        ASSERT_TRUE(last.ok()) << i;
    }
    EXPECT_EQ(to_hex(Bytes(last.data).last(3)), "ffffff");
    const std::uint64_t operations = token->flash().operations();
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(ask().sw, 0x6985);
        EXPECT_EQ(token->raw("84 82 33 00 10 0102030405060708 1112131415161718").sw, 0x6985)
            << "no opening is left open";
    }
    EXPECT_EQ(token->flash().operations(), operations);
    ASSERT_TRUE(token->power_cycle());
    EXPECT_EQ(ask().sw, 0x6985) << "it doesn't begin anew";
    EXPECT_TRUE(token->verify(kPin).ok());
}

// A bench that isn't sure whether PUT KEY came through sends it again: what was recorded before must not open then.
TEST_F(Channel, PuttingTheSameKeysAgainRepeatsNoChallenge) {
    born();
    std::set<std::string> challenges;
    for (int round = 0; round < 4; ++round) {
        const Reply reply = token->raw("80 50 00 00 08 0102030405060708 00");
        ASSERT_TRUE(reply.ok());
        EXPECT_TRUE(challenges.insert(to_hex(Bytes(reply.data).subspan(13, 8))).second) << round;
        ASSERT_EQ(token->open_channel(), sw::ok);
        ASSERT_TRUE(token->put_keys(own_channel_keys()).ok());
        if (round % 2 == 1) {
            ASSERT_TRUE(token->power_cycle());
        }
    }
}

TEST_F(Channel, PowerCutsInTheReservingRepeatNoChallenge) {
    token->manufacture();
    std::set<std::string> challenges;
    const auto take = [&] {
        const Reply reply = token->raw("80 50 00 00 08 0102030405060708 00");
        if (reply.ok()) {
            EXPECT_TRUE(challenges.insert(to_hex(Bytes(reply.data).subspan(13, 8))).second);
        }
        return reply.ok();
    };
    int torn = 0;
    for (std::uint64_t cut = 0; cut < 40; ++cut) {
        ASSERT_TRUE(token->power_cycle());
        token->flash().cut_in(cut % 5, test::kAllTears[cut % 5], static_cast<std::uint32_t>(cut));
        (void)take();
        torn += token->flash().torn() ? 1 : 0;
        token->flash().power_on();
        ASSERT_TRUE(token->power_cycle()) << cut;
        EXPECT_TRUE(take()) << cut;
    }
    EXPECT_GT(torn, 0);
}

// --- PUT KEY ---

class PutKey : public Channel {
protected:
    PutKey() {
        token->manufacture();
        EXPECT_EQ(token->open_channel(), sw::ok);
    }
    static token::ChannelKeys keys_of(std::size_t size, std::uint8_t version = 1) {
        token::ChannelKeys keys;
        keys.version = version;
        for (Secret<32>* key : {&keys.enc, &keys.mac, &keys.dek}) key->assign(ByteVector(size, ++fill_));
        return keys;
    }
    // The data of a right one, to be bent.
    ByteVector data(const token::ChannelKeys& keys) {
        sim::ChannelCrypto crypto([](MutableBytes) {});
        return token::put_key_command(crypto, 0, transport_channel_keys().dek.bytes(), keys).data;
    }
    Reply put(std::uint8_t p1, std::uint8_t p2, const ByteVector& bytes) {
        return token->secure(0x80, 0xD8, p1, p2, bytes);
    }
    static inline std::uint8_t fill_ = 0x60;
};

TEST_F(PutKey, ReplacesTheSetWithKeysOfEverySize) {
    std::uint8_t version = 1;
    for (const std::size_t size : {16U, 24U, 32U, 16U}) {
        const token::ChannelKeys before = token->channel_keys().copy();
        const token::ChannelKeys keys = keys_of(size, version++);
        ASSERT_TRUE(token->put_keys(keys).ok()) << size;
        EXPECT_EQ(ask(), sw::ok) << "the session goes on";
        EXPECT_NE(token->open_channel(before), sw::ok) << "the old set is dead";
        ASSERT_EQ(token->open_channel(keys), sw::ok) << size;
        ASSERT_TRUE(token->power_cycle());
        ASSERT_EQ(token->open_channel(keys), sw::ok) << size;
    }
}

TEST_F(PutKey, Lesson34_TheTransportSetIsDead) {
    ASSERT_TRUE(token->put_keys(own_channel_keys()).ok());
    token::ChannelKeys old = transport_channel_keys();
    EXPECT_EQ(token->open_channel(old), 0x6A88) << "its version is gone";
    old.version = 0;
    EXPECT_EQ(token->open_channel(old), 0) << "and its keys";
    // The version alone isn't what refuses: a forged host cryptogram made with the old keys opens nothing.
    old.version = 1;
    EXPECT_EQ(token->open_channel(old), 0);
    ASSERT_EQ(token->open_channel(), sw::ok);
}

// The sealed set's own bytes, as they stand in a flash.
ByteVector sealed_set(const test::FlashModel& flash) {
    test::FlashModel copy(flash.geometry());
    copy.restore(flash.state());
    constexpr std::uint32_t first = applet::Token::kTryLogSectors;
    store::Store store(copy, {first, copy.geometry().sector_count - first});
    EXPECT_TRUE(store.mount());
    ByteVector out(store.size(applet::id::channel_keys).value());
    EXPECT_TRUE(store.read(applet::id::channel_keys, 0, out));
    return out;
}

TEST_F(PutKey, NoCopyOfTheOldSetStaysInFlash) {
    const ByteVector before = sealed_set(token->flash());
    const auto found = [&] {
        const auto bytes = token->flash().state().bytes;
        return std::search(bytes.begin(), bytes.end(), before.begin(), before.end()) != bytes.end();
    };
    ASSERT_TRUE(found());
    ASSERT_TRUE(token->put_keys(own_channel_keys()).ok());
    EXPECT_NE(sealed_set(token->flash()), before);
    EXPECT_FALSE(found());
}

TEST_F(PutKey, MalformedOnesChangeNothing) {
    const ByteVector good = data(keys_of(32));
    const auto with = [&](std::size_t at, std::uint8_t value) {
        ByteVector out = good;
        out.at(at) = value;
        return out;
    };
    const auto flash = token->flash().operations();
    EXPECT_EQ(put(0xFF, 0x01, good).sw, 0x6A86);
    EXPECT_EQ(put(0x02, 0x81, good).sw, 0x6A88) << "another version isn't in";
    EXPECT_EQ(put(0xFF, 0x81, {}).sw, 0x6700);
    EXPECT_EQ(put(0xFF, 0x81, with(0, 0x00)).sw, 0x6A80);
    EXPECT_EQ(put(0xFF, 0x81, with(0, 0x80)).sw, 0x6A80);
    EXPECT_EQ(put(0xFF, 0x81, with(0, 0xFF)).sw, 0x6A80) << "the transport version can't be set again";
    EXPECT_EQ(put(0xFF, 0x81, with(1, 0x80)).sw, 0x6A80) << "not AES";
    EXPECT_EQ(put(0xFF, 0x81, with(2, 0x20)).sw, 0x6A80) << "length";
    EXPECT_EQ(put(0xFF, 0x81, with(3, 0x10)).sw, 0x6A80) << "the key's own length";
    EXPECT_EQ(put(0xFF, 0x81, with(4, 0x00)).sw, 0x6A80) << "the key doesn't meet its check value";
    EXPECT_EQ(put(0xFF, 0x81, with(36, 0x00)).sw, 0x6A80) << "no check value";
    EXPECT_EQ(put(0xFF, 0x81, with(37, static_cast<std::uint8_t>(good[37] ^ 1))).sw, 0x6A80);
    EXPECT_EQ(put(0xFF, 0x81, {good.begin(), good.end() - 1}).sw, 0x6A80);
    EXPECT_EQ(put(0xFF, 0x81, {good.begin(), good.begin() + 1 + 2 * 39}).sw, 0x6A80) << "two keys";
    EXPECT_EQ(put(0xFF, 0x81, concat({good, {0}})).sw, 0x6A80) << "something behind";
    token::ChannelKeys unequal = keys_of(32);
    unequal.dek.assign(ByteVector(16, 9));
    EXPECT_EQ(put(0xFF, 0x81, data(unequal)).sw, 0x6A80);
    EXPECT_EQ(token->flash().operations(), flash) << "something was written";
    ASSERT_EQ(token->open_channel(transport_channel_keys()), sw::ok);
    EXPECT_EQ(put(0xFF, 0x81, good).sw, 0x9000);
}

// --- WRITE PART ---

class WriteParts : public Channel {
protected:
    WriteParts() {
        born();
        open();
        for (std::size_t i = 0; i < value.size(); ++i) value[i] = static_cast<std::uint8_t>(i * 13);
    }
    void open() {
        EXPECT_EQ(token->open_channel(), sw::ok);
        token->wrap_all(true);
    }
    ByteVector slice(std::size_t at, std::size_t size) {
        return {value.begin() + static_cast<std::ptrdiff_t>(at),
                value.begin() + static_cast<std::ptrdiff_t>(at + size)};
    }
    Reply part(std::size_t at, std::size_t size, std::uint32_t tag = object::seal) {
        return token->write_part(tag, static_cast<std::uint32_t>(value.size()), static_cast<std::uint32_t>(at),
                                 slice(at, size));
    }
    Reply all(std::uint32_t tag = object::seal) {
        Reply reply;
        for (std::size_t at = 0; at < value.size(); at += 2000) {
            reply = part(at, std::min<std::size_t>(2000, value.size() - at), tag);
            if (!reply.ok()) break;
        }
        return reply;
    }
    ByteVector read(std::uint32_t tag = object::seal) {
        token->wrap_all(false);
        const Reply reply = token->get_data(tag);
        token->wrap_all(true);
        return reply.ok() ? find(reply.data, 0x53).value() : ByteVector{};
    }
    ByteVector value = ByteVector(30000);
};

TEST_F(WriteParts, ASealIsPublishedByItsLastPart) {
    ASSERT_TRUE(token->put_data(object::seal, {7, 7}).ok());
    for (std::size_t at = 0; at + 3000 < value.size(); at += 3000) {
        ASSERT_TRUE(part(at, 3000).ok());
        EXPECT_EQ(read(), (ByteVector{7, 7})) << "until then the old one reads";
    }
    ASSERT_TRUE(part(27000, 3000).ok());
    EXPECT_EQ(read(), value);
    ASSERT_TRUE(token->power_cycle());
    EXPECT_EQ(read(), value);
}

TEST_F(WriteParts, ShortOnesAndTheRemoval) {
    value.resize(1);
    ASSERT_TRUE(all().ok());
    EXPECT_EQ(read(), value);
    EXPECT_TRUE(token->write_part(object::seal, 0, 0, {}).ok());
    EXPECT_TRUE(read().empty());
    EXPECT_EQ(token->status_value(protocol::status_tag::object), ByteVector{});
}

TEST_F(WriteParts, WrongOrderDropsWhatWasWritten) {
    ASSERT_TRUE(token->put_data(object::seal, {7}).ok());
    EXPECT_EQ(part(2000, 2000).sw, 0x6985) << "nothing begun";
    ASSERT_TRUE(part(0, 2000).ok());
    EXPECT_EQ(part(4000, 2000).sw, 0x6985) << "a part left out";
    EXPECT_EQ(part(2000, 2000).sw, 0x6985) << "dropped";
    ASSERT_TRUE(part(0, 2000).ok());
    ASSERT_TRUE(part(0, 2000).ok()) << "begun anew";
    EXPECT_EQ(token->write_part(object::seal, 100, 2000, {1}).sw, 0x6985) << "another total";
    ASSERT_TRUE(part(0, 2000).ok());
    EXPECT_EQ(part(2000, 2000, object::enterprise_record).sw, 0x6985) << "another object";
    ASSERT_TRUE(part(0, 2000).ok());
    ASSERT_TRUE(token->put_data(kFree, {1}).ok());
    EXPECT_EQ(part(2000, 2000).sw, 0x6985) << "another writing in between";
    EXPECT_EQ(read(), (ByteVector{7}));
    EXPECT_TRUE(all().ok());
    EXPECT_EQ(read(), value);
}

TEST_F(WriteParts, MalformedParts) {
    EXPECT_EQ(token->send(0x80, 0x14, 0, 0, ByteVector(10)).sw, 0x6700);
    EXPECT_EQ(token->send(0x80, 0x14, 1, 0, ByteVector(11)).sw, 0x6A86);
    EXPECT_EQ(token->write_part(object::seal, 10, 0, {}).sw, 0x6A80) << "no part";
    EXPECT_EQ(token->write_part(object::seal, 0, 0, {1}).sw, 0x6A80) << "a part of nothing";
    EXPECT_EQ(token->write_part(object::seal, 2, 0, {1, 2, 3}).sw, 0x6A80) << "past the total";
    EXPECT_EQ(token->write_part(object::seal, 40000, 0, {1}).sw, 0x6A84);
    EXPECT_EQ(token->write_part(object::seal, 0xFFFFFFFF, 0, {1}).sw, 0x6A84);
    EXPECT_EQ(token->write_part(0x123456, 1, 0, {1}).sw, 0x6A82);
    EXPECT_EQ(token->write_part(object::lock_statement, 1, 0, {1}).sw, 0x6985);
    EXPECT_TRUE(read().empty());
}

TEST_F(WriteParts, EveryPartNeedsTheRight) {
    ASSERT_TRUE(part(0, 4000).ok());
    token->wrap_all(false);
    EXPECT_EQ(part(4000, 2000).sw, 0x6982);
    token->wrap_all(true);
    EXPECT_EQ(part(4000, 2000).sw, 0x6985) << "dropped";
    ASSERT_TRUE(part(0, 2000).ok());
    token->reset();
    open();
    EXPECT_EQ(part(2000, 2000).sw, 0x6985) << "nor goes it on after a reset";
}

// --- what only the channel does once a shipping token is secured ---

class Secured : public Channel {
protected:
    Secured() {
        token->manufacture();
        token->initialise(Profile::shipping);
        EXPECT_EQ(token->open_channel(), sw::ok);
        token->wrap_all(true);
        EXPECT_TRUE(token->generate(ref::authentication).ok());
        EXPECT_TRUE(token->put_data(object::cert_9a, certificate_object(ByteVector(300, 5))).ok());
        EXPECT_TRUE(token->set_lifecycle(Lifecycle::secured).ok());
        token->wrap_all(false);
        token->activate();
        EXPECT_TRUE(token->put_keys(own_channel_keys()).ok());
        token->reset();
    }
    void open() {
        ASSERT_EQ(token->open_channel(), sw::ok);
        token->wrap_all(true);
    }
};

// N12: whatever state the lock is in, the bench opens a new activation event; no PIN leaves the bench.
TEST_F(Secured, N12_TheBenchUnlocksByANewActivation) {
    for (int i = 0; i < 5; ++i) {  // five burned events: nothing but the bench helps
        token->lock_pin();
        for (int k = 0; k < 5; ++k) (void)token->redeem("000000000000000", kOtherPin);
    }
    ASSERT_EQ(token->lock_state(), LockState::bench_only);
    const std::uint16_t before = token->lock_counter();
    EXPECT_EQ(token->set_lifecycle(Lifecycle::secured).sw, 0x6982) << "by the channel alone";
    open();
    ASSERT_TRUE(token->set_lifecycle(Lifecycle::secured).ok());
    token->wrap_all(false);
    EXPECT_EQ(token->lock_state(), LockState::activation_pending);
    EXPECT_EQ(token->lock_counter(), before + 1);
    EXPECT_EQ(token->code_tries(), 5);
    EXPECT_EQ(token->verify(kPin).sw, 0x6983) << "the old PIN is dead";
    token->activate(kOtherPin);
    ASSERT_TRUE(token->verify(kOtherPin).ok());
    EXPECT_TRUE(token->sign(ref::authentication).ok()) << "and nothing is lost";
}

TEST_F(Secured, N12_AlsoAfterTheTriesWereLost) {
    ASSERT_TRUE(token->flash().erase(0));
    ASSERT_TRUE(token->flash().erase(1));
    ASSERT_TRUE(token->power_cycle());
    ASSERT_EQ(token->verify(kPin).sw, 0x6983);
    open();
    ASSERT_TRUE(token->set_lifecycle(Lifecycle::secured).ok());
    token->wrap_all(false);
    token->activate(kOtherPin);
    EXPECT_EQ(token->verify(kWrongPin).sw, 0x63C5) << "counted again";
    ASSERT_TRUE(token->verify(kOtherPin).ok());
    EXPECT_TRUE(token->sign(ref::authentication).ok());
    ASSERT_TRUE(token->power_cycle());
    EXPECT_TRUE(token->verify(kOtherPin).ok());
}

TEST_F(Secured, NoPinIsSetAtTheBench) {
    open();
    EXPECT_NE(token->set_bench_pin(kOtherPin).sw, 0x9000);
    token->wrap_all(false);
    EXPECT_TRUE(token->verify(kPin).ok());
}

TEST_F(Secured, Lesson08_OnlyTheChannelEmptiesIt) {
    ASSERT_EQ(token->authenticate(), sw::ok);
    ASSERT_TRUE(token->verify(kPin).ok());
    EXPECT_EQ(token->reset_applet().sw, 0x6982);
    const std::uint16_t counter = token->lock_counter();
    open();
    ASSERT_TRUE(token->reset_applet().ok());
    token->wrap_all(false);
    EXPECT_EQ(token->status_value(protocol::status_tag::lifecycle), ByteVector{1});
    EXPECT_TRUE(token->status_value(protocol::status_tag::slot).empty());
    EXPECT_EQ(token->get_data(object::cert_9a).sw, 0x6A82);
    EXPECT_EQ(token->verify(kPin).sw, 0x6983);
    EXPECT_EQ(token->verify(kDefaultPin).sw, 0x6983) << "no published value";
    EXPECT_EQ(token->unblock(kDefaultPuk, kOtherPin).sw, 0x6983);
    EXPECT_EQ(token->authenticate(), sw::ok) << "its own 9B stays";
    EXPECT_EQ(token->status_value(protocol::status_tag::serial), text(kSerial));
    open();
    ASSERT_TRUE(token->generate(ref::authentication).ok()) << "and it can be filled again";
    ASSERT_TRUE(token->set_lifecycle(Lifecycle::secured).ok());
    token->wrap_all(false);
    EXPECT_EQ(token->lock_counter(), counter + 1) << "no code of before opens it";
    token->activate();
    ASSERT_TRUE(token->verify(kPin).ok());
    EXPECT_TRUE(token->sign(ref::authentication).ok());
}

TEST_F(Secured, TheManagementKeyIsReplacedByAnAesOne) {
    EXPECT_EQ(token->set_management_key(Algorithm::aes256, ByteVector(32, 5)).sw, 0x6982);
    open();
    EXPECT_EQ(token->set_management_key(Algorithm::tdes, default_management_key()).sw, 0x6A80);
    EXPECT_EQ(token->set_management_key(Algorithm::aes128, ByteVector(16, 5)).sw, 0x6A80);
    ASSERT_TRUE(token->set_management_key(Algorithm::aes256, ByteVector(32, 5)).ok());
    token->wrap_all(false);
    EXPECT_EQ(token->authenticate(Algorithm::aes256, ByteVector(32, 5)), sw::ok);
}

TEST_F(Secured, ATerminatedTokenHasNoChannel) {
    open();
    ASSERT_TRUE(token->set_lifecycle(Lifecycle::terminated).ok()) << "answered under its MAC";
    token->wrap_all(false);
    EXPECT_EQ(token->raw("80 50 00 00 08 0102030405060708 00").sw, 0x6985);
    ASSERT_TRUE(token->power_cycle());
    EXPECT_EQ(token->raw("80 50 00 00 08 0102030405060708 00").sw, 0x6985);
}

}  // namespace
}  // namespace sealkey::testing
