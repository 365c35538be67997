// SCP03's token side against public vectors, and against everything that may be wrong with what comes in.
#include "channel/scp03.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "crypto/aes.h"
#include "crypto/arena.h"
#include "support/scp03_vectors.h"

namespace sealkey::testing {
namespace {

using channel::Challenge;
using channel::Keys;
using channel::Scp03;
using ByteVector = std::vector<std::uint8_t>;
using iso7816::Command;
using protocol::StatusWord;
namespace sw = protocol::sw;

Keys keys_of(const Scp03Set& set) {
    Keys keys;
    keys.enc.assign(set.enc);
    keys.mac.assign(set.mac);
    keys.dek.assign(set.dek);
    return keys;
}

Command command_of(const ByteVector& apdu) { return iso7816::parse_command(apdu).value(); }

Bytes part(const ByteVector& bytes, std::size_t at, std::size_t size) { return Bytes(bytes).subspan(at, size); }

// A session of a vector, as far as the challenge.
void begin(Scp03& session, const Scp03Set& set) {
    const Keys keys = keys_of(set);
    Challenge challenge{};
    const Bytes given = part(set.initialize_update_response, 13, 8);
    std::copy(given.begin(), given.end(), challenge.begin());
    const auto cryptogram = session.begin(keys, command_of(set.initialize_update).data, challenge);
    ASSERT_TRUE(cryptogram) << set.name;
    EXPECT_EQ(to_hex(*cryptogram), to_hex(part(set.initialize_update_response, 21, 8))) << set.name;
}
StatusWord authenticate(Scp03& session, const ByteVector& apdu) {
    const Command command = command_of(apdu);
    return session.authenticate(command.header, command.data);
}
void open(Scp03& session, const Scp03Set& set) {
    begin(session, set);
    ASSERT_EQ(authenticate(session, set.external_authenticate), sw::ok) << set.name;
}

// The vector's command as the token must see it.
std::string unwrapped(Scp03& session, const ByteVector& apdu) {
    const Command command = command_of(apdu);
    ByteVector data(command.data.begin(), command.data.end());
    const auto size = session.unwrap(command.header, data);
    if (!size) return "refused";
    return to_hex(Bytes(data).first(*size));
}

TEST(Scp03Vectors, CardChallenge) {
    // The second file was recorded from cards, whose security domain has this name; the first one's challenge is made
    // up.
    const ByteVector aid = from_hex("A0000005591010FFFFFFFF8900000100");
    int met = 0;
    for (const Scp03Set& set : scp03_vectors("scp03-levels.json")) {
        const auto challenge = channel::card_challenge(keys_of(set), part(set.initialize_update_response, 29, 3), aid);
        ASSERT_TRUE(challenge);
        EXPECT_EQ(to_hex(*challenge), to_hex(part(set.initialize_update_response, 13, 8))) << set.name;
        ++met;
    }
    EXPECT_EQ(met, 9);
}

TEST(Scp03Vectors, KeyCheckValues) {
    const auto values = scp03_file("scp03-levels.json").at("kcv");
    ASSERT_EQ(values.size(), 3U);
    for (const auto& [key, value] : values.items()) {
        EXPECT_EQ(to_hex(channel::key_check_value(from_hex(key)).value()), to_hex(from_hex(value.get<std::string>())));
    }
}

TEST(Scp03Vectors, WholeSessions) {
    std::set<std::string> seen;
    for (const Scp03Set& set : scp03_vectors()) {
        Scp03 session;
        open(session, set);
        EXPECT_EQ(static_cast<int>(session.level()), set.level);
        for (const Scp03Exchange& exchange : set.exchanges) {
            const Command plain = command_of(exchange.plain);
            const Command wrapped = command_of(exchange.wrapped);
            EXPECT_EQ(wrapped.header.cla, plain.header.cla | protocol::kClaSecure);
            EXPECT_EQ(unwrapped(session, exchange.wrapped), to_hex(plain.data)) << set.name;
            if (exchange.response_plain.empty()) continue;
            ByteVector answer = exchange.response_plain;
            const std::size_t size = answer.size();
            answer.resize(size + Scp03::kWrapRoom);
            const auto done = session.wrap(sw::ok, answer, size);
            ASSERT_TRUE(done);
            EXPECT_EQ(to_hex(Bytes(answer).first(*done)),
                      to_hex(part(exchange.response, 0, exchange.response.size() - 2)))
                << set.name;
        }
        seen.insert(set.name);
    }
    // Three key sizes at three levels.
    EXPECT_EQ(seen.size(), 9U);
}

// A recorded answer's plain text, opened with this test's own session key.
ByteVector opened(const Scp03Set& set, std::uint32_t counter, Bytes sealed) {
    const ByteVector context =
        from_hex(to_hex(command_of(set.initialize_update).data) + to_hex(part(set.initialize_update_response, 13, 8)));
    ByteVector key(set.enc.size());
    EXPECT_TRUE(channel::derive(set.enc, 0x04, context, key));
    std::array<std::uint8_t, 16> vector{};
    vector[0] = 0x80;
    store_be32(&vector[12], counter);
    EXPECT_TRUE(crypto::aes_encrypt_block(key, vector, vector));
    ByteVector plain(sealed.size());
    EXPECT_TRUE(crypto::aes_cbc_decrypt(key, vector, sealed, plain));
    while (!plain.empty() && plain.back() == 0) plain.pop_back();
    EXPECT_TRUE(!plain.empty() && plain.back() == 0x80) << "not padded";
    if (!plain.empty()) plain.pop_back();
    return plain;
}

// The first file tells no plain answers: opened apart, and wrapped again by the session, they must be the same bytes.
TEST(Scp03Vectors, AnswersAreMadeAsRecorded) {
    int made = 0;
    for (const Scp03Set& set : scp03_vectors()) {
        Scp03 session;
        open(session, set);
        std::uint32_t counter = 0;
        for (const Scp03Exchange& exchange : set.exchanges) {
            (void)unwrapped(session, exchange.wrapped);
            ++counter;
            if (set.level != 0x33 || exchange.response.empty()) continue;
            const Bytes recorded = part(exchange.response, 0, exchange.response.size() - 2);
            ByteVector answer = opened(set, counter, recorded.first(recorded.size() - 8));
            const std::size_t size = answer.size();
            if (size / 16 * 16 + 24 != recorded.size())
                continue;  // some were padded by a block more than the standard's
            answer.resize(size + Scp03::kWrapRoom);
            EXPECT_EQ(to_hex(Bytes(answer).first(session.wrap(sw::ok, answer, size).value())), to_hex(recorded))
                << set.name;
            ++made;
        }
    }
    EXPECT_EQ(made, 10);
}

class Scp03Session : public ::testing::Test {
protected:
    static Scp03Set full() {
        for (Scp03Set& set : all_) {
            if (set.level == 0x33) return set;
        }
        return {};
    }
    static inline std::vector<Scp03Set> all_ = scp03_vectors();
    Scp03Set set = full();
    Scp03 session;
};

TEST_F(Scp03Session, EveryBitOfExternalAuthenticateCounts) {
    for (std::size_t at = 2; at < set.external_authenticate.size(); ++at) {
        if (at == 4) continue;  // Lc: the APDU's form
        for (int bit = 0; bit < 8; ++bit) {
            begin(session, set);
            ByteVector apdu = set.external_authenticate;
            apdu[at] = static_cast<std::uint8_t>(apdu[at] ^ (1 << bit));
            const StatusWord status = authenticate(session, apdu);
            EXPECT_EQ(status, at == 3 || (at == 2 && !protocol::is_security_level(apdu[2])) ? 0x6A86 : 0x6300)
                << "byte " << at << " bit " << bit;
            EXPECT_FALSE(session.open());
            // Good for one attempt: the right one comes too late.
            EXPECT_EQ(authenticate(session, set.external_authenticate), 0x6985);
        }
    }
}

TEST_F(Scp03Session, ExternalAuthenticateNeedsItsLengthAndAChallenge) {
    EXPECT_EQ(authenticate(session, set.external_authenticate), 0x6985);
    for (const std::size_t size : {0U, 8U, 15U, 17U, 32U}) {
        begin(session, set);
        const ByteVector data(size, 0x11);
        EXPECT_EQ(session.authenticate({0x84, 0x82, 0x33, 0}, data), 0x6700) << size;
        EXPECT_FALSE(session.challenged());
    }
}

TEST_F(Scp03Session, EveryBitOfAWrappedCommandCounts) {
    const ByteVector& good = set.exchanges.at(0).wrapped;
    for (std::size_t at = 0; at < good.size(); ++at) {
        if (at == 4) continue;
        for (int bit = 0; bit < 8; ++bit) {
            open(session, set);
            ByteVector apdu = good;
            apdu[at] = static_cast<std::uint8_t>(apdu[at] ^ (1 << bit));
            ByteVector data(apdu.begin() + 5, apdu.end());
            const auto size = session.unwrap({apdu[0], apdu[1], apdu[2], apdu[3]}, data);
            ASSERT_FALSE(size) << "byte " << at << " bit " << bit;
            EXPECT_EQ(size.error(), 0x6982);
            EXPECT_FALSE(session.open());
            EXPECT_EQ(to_hex(data), std::string(data.size() * 2, '0')) << "the bytes weren't wiped";
            EXPECT_EQ(unwrapped(session, good), "refused") << "the channel isn't closed";
        }
    }
}

TEST_F(Scp03Session, ReplayOrderAndLossAreSeen) {
    const ByteVector& first = set.exchanges.at(0).wrapped;
    const ByteVector& second = set.exchanges.at(1).wrapped;
    open(session, set);
    EXPECT_NE(unwrapped(session, first), "refused");
    EXPECT_EQ(unwrapped(session, first), "refused");
    open(session, set);
    EXPECT_EQ(unwrapped(session, second), "refused");  // the first one was dropped
    Scp03Set other;
    for (const Scp03Set& candidate : all_) {
        if (candidate.level == 0x33 && candidate.enc != set.enc) other = candidate;
    }
    open(session, other);
    EXPECT_EQ(unwrapped(session, first), "refused");  // of another session
}

TEST_F(Scp03Session, TooShortForAMac) {
    for (std::size_t size = 0; size < 8; ++size) {
        open(session, set);
        ByteVector data(size, 0x22);
        const auto done = session.unwrap({0x84, 0xF2, 0x20, 0x02}, data);
        ASSERT_FALSE(done);
        EXPECT_EQ(done.error(), 0x6988) << size;
        EXPECT_FALSE(session.open());
    }
}

TEST_F(Scp03Session, NothingWithoutAChannel) {
    ByteVector data(24, 0x22);
    EXPECT_EQ(session.unwrap({0x84, 0xF2, 0, 0}, data).error(), 0x6982);
    begin(session, set);
    EXPECT_EQ(session.unwrap({0x84, 0xF2, 0, 0}, data).error(), 0x6982);
    EXPECT_FALSE(session.challenged()) << "a wrapped command before its time ends the attempt";
    ByteVector answer(64);
    EXPECT_FALSE(session.wrap(sw::ok, answer, 1));
}

TEST_F(Scp03Session, ErrorsGoBareAndWarningsDont) {
    open(session, set);
    (void)unwrapped(session, set.exchanges.at(0).wrapped);
    ByteVector answer(64, 0x33);
    for (const StatusWord status : std::initializer_list<StatusWord>{0x6982, 0x6985, 0x6A80, 0x6F00, 0x6700, 0x6983}) {
        EXPECT_EQ(session.wrap(status, answer, 20).value(), 0U) << std::hex << status;
    }
    EXPECT_EQ(session.wrap(0x63C5, answer, 0).value(), 8U);
    EXPECT_EQ(session.wrap(sw::ok, answer, 0).value(), 8U);
    EXPECT_EQ(session.wrap(sw::ok, answer, 16).value(), 40U);  // a full block is padded by another
    EXPECT_TRUE(session.open()) << "an application's error leaves the channel open";
}

TEST_F(Scp03Session, AnAnswerThatDoesntFitClosesTheChannel) {
    open(session, set);
    (void)unwrapped(session, set.exchanges.at(0).wrapped);
    ByteVector answer(40);
    const auto done = session.wrap(sw::ok, answer, 20);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error(), Error::too_large);
    EXPECT_FALSE(session.open());
}

TEST_F(Scp03Session, KeysOfUnequalOrWrongSizesAreRefused) {
    Keys keys = keys_of(set);
    keys.mac.resize(keys.mac.size() == 32 ? 24 : keys.mac.size() + 8);
    EXPECT_FALSE(session.begin(keys, ByteVector(8), Challenge{}));
    Keys odd;
    for (auto* key : {&odd.enc, &odd.mac, &odd.dek}) key->assign(ByteVector(20));
    EXPECT_FALSE(session.begin(odd, ByteVector(8), Challenge{}));
    EXPECT_FALSE(session.begin(keys_of(set), ByteVector(7), Challenge{}));
    EXPECT_FALSE(session.challenged());
}

TEST_F(Scp03Session, TheArenaIsLeftAsItWas) {
    const std::size_t level = crypto::arena_in_use();
    crypto::reset_arena_peak();
    open(session, set);
    (void)unwrapped(session, set.exchanges.at(0).wrapped);
    ByteVector answer(1200);
    ASSERT_TRUE(session.wrap(sw::ok, answer, 1024));
    EXPECT_EQ(crypto::arena_in_use(), level);
    std::cout << "arena peak, secure channel: " << crypto::arena_peak() << " of " << crypto::kArenaSize << " bytes\n";
    EXPECT_LE(crypto::arena_peak(), std::size_t{24} * 1024);
}

}  // namespace
}  // namespace sealkey::testing
