// SCP03's host side against the public vectors, against the token's side at every level and key size, and against
// tokens and lines that lie.
#include <gtest/gtest.h>

#include <functional>

#include "ca/channel_crypto.h"
#include "channel/scp03.h"
#include "channel_crypto.h"
#include "crypto/drbg.h"
#include "support/scp03_vectors.h"
#include "token/error.h"
#include "token/scp03.h"

namespace sealkey::testing {
namespace {

using protocol::SecurityLevel;
using protocol::StatusWord;
using token::Answer;
using token::ByteVector;
using token::ChannelKeys;
using token::Command;
using token::Kind;
using token::OwnedCommand;
using token::Scp03Session;

constexpr SecurityLevel kLevels[] = {SecurityLevel::mac, SecurityLevel::mac_encryption, SecurityLevel::both_macs,
                                     SecurityLevel::both_macs_encryption, SecurityLevel::full};

ByteVector sequence(std::uint8_t first, std::size_t count) {
    ByteVector out(count);
    for (std::size_t i = 0; i < count; ++i) out[i] = static_cast<std::uint8_t>(first + i);
    return out;
}

ChannelKeys keys_of(const Scp03Set& set) {
    ChannelKeys keys;
    keys.version = set.initialize_update[2];
    keys.enc.assign(set.enc);
    keys.mac.assign(set.mac);
    keys.dek.assign(set.dek);
    return keys;
}

ChannelKeys test_keys(std::size_t size, std::uint8_t first = 0x40) {
    ChannelKeys keys;
    keys.version = 1;
    keys.enc.assign(sequence(first, size));
    keys.mac.assign(sequence(static_cast<std::uint8_t>(first + 1), size));
    keys.dek.assign(sequence(static_cast<std::uint8_t>(first + 2), size));
    return keys;
}

channel::Keys firmware_keys(const ChannelKeys& keys) {
    channel::Keys out;
    out.enc.assign(keys.enc.bytes());
    out.mac.assign(keys.mac.bytes());
    out.dek.assign(keys.dek.bytes());
    return out;
}

// The application of the cards that scp03-levels.json was recorded from, their security domain.
const ByteVector kSecurityDomain = from_hex("A0000005591010FFFFFFFF8900000100");

// OpenSSL with the random numbers of a test, and where a vector's card challenge is made up, with that.
class FixedCrypto final : public token::ChannelCrypto {
public:
    explicit FixedCrypto(ByteVector random) : random_(std::move(random)) {}
    ByteVector made_up_challenge;
    void aes_cbc(bool encrypt, Bytes key, Bytes iv, Bytes in, MutableBytes out) override {
        real_.aes_cbc(encrypt, key, iv, in, out);
    }
    std::array<std::uint8_t, 16> cmac(Bytes key, std::initializer_list<Bytes> parts) override {
        auto block = real_.cmac(key, parts);
        const Bytes head = *parts.begin();
        const bool challenge = head.size() == 16 && head[11] == 0x02 && load_be16(&head[13]) == 64;
        if (challenge && parts.size() == 2)
            std::copy(made_up_challenge.begin(), made_up_challenge.end(), block.begin());
        return block;
    }
    void random(MutableBytes out) override { std::copy_n(random_.begin(), out.size(), out.begin()); }

private:
    ByteVector random_;
    ca::ChannelCrypto real_;
};

Answer answer_of(const ByteVector& apdu) {
    return {{apdu.begin(), apdu.end() - 2}, load_be16(apdu.data() + apdu.size() - 2)};
}

// As a short APDU without Le.
std::string apdu_of(const OwnedCommand& command) {
    ByteVector out{command.cla, command.ins, command.p1, command.p2, static_cast<std::uint8_t>(command.data.size())};
    out.insert(out.end(), command.data.begin(), command.data.end());
    return to_hex(out);
}
std::string without_le(const ByteVector& apdu) { return to_hex(Bytes(apdu).first(5U + apdu[4])); }

template <class F>
Kind kind_of_error(F&& f) {
    try {
        f();
    } catch (const token::TokenError& error) {
        return error.kind();
    }
    ADD_FAILURE() << "no TokenError";
    return Kind::token_failure;
}

TEST(Scp03HostVectors, WholeSessions) {
    constexpr int kMadeUpChallenges = 3;
    int sets = 0;
    int answers = 0;
    for (const Scp03Set& set : scp03_vectors()) {
        FixedCrypto crypto(ByteVector(set.initialize_update.begin() + 5, set.initialize_update.begin() + 13));
        // The first file's challenges are no derivations; the second file's are, and are recomputed here.
        const ByteVector challenge(set.initialize_update_response.begin() + 13,
                                   set.initialize_update_response.begin() + 21);
        const bool made_up = sets < kMadeUpChallenges;
        if (made_up) crypto.made_up_challenge = challenge;
        Scp03Session session(crypto, keys_of(set), static_cast<SecurityLevel>(set.level), kSecurityDomain);
        EXPECT_EQ(apdu_of(session.initialize_update()), without_le(set.initialize_update));
        const auto& card = session.check_card(answer_of(set.initialize_update_response));
        EXPECT_EQ(card.version, set.initialize_update_response[10]);
        EXPECT_EQ(apdu_of(session.external_authenticate()), without_le(set.external_authenticate)) << set.name;
        session.accept({{}, 0x9000});
        for (const Scp03Exchange& exchange : set.exchanges) {
            const ByteVector& plain = exchange.plain;
            const Bytes data = plain.size() > 5 ? Bytes(plain).subspan(5, plain[4]) : Bytes{};
            const Command command{plain[0], plain[1], plain[2], plain[3], data, true};
            EXPECT_EQ(apdu_of(session.wrap(command)), without_le(exchange.wrapped)) << set.name;
            if (exchange.response.empty()) continue;
            const Answer answer = session.unwrap(answer_of(exchange.response));
            EXPECT_EQ(answer.status_word, 0x9000);
            if (!exchange.response_plain.empty()) {
                EXPECT_EQ(to_hex(answer.data), to_hex(exchange.response_plain)) << set.name;
            }
            ++answers;
        }
        ++sets;
    }
    EXPECT_EQ(sets, 12);
    EXPECT_EQ(answers, 18);
}

// The same recordings with another counter or for another application: the challenge isn't theirs.
TEST(Scp03HostVectors, ARecordedChallengeFitsItsCounterAndApplicationOnly) {
    int met = 0;
    for (const Scp03Set& set : scp03_vectors("scp03-levels.json")) {
        FixedCrypto crypto(ByteVector(set.initialize_update.begin() + 5, set.initialize_update.begin() + 13));
        for (std::size_t bit = 0; bit < 24; ++bit) {
            Answer answer = answer_of(set.initialize_update_response);
            answer.data[29 + bit / 8] = static_cast<std::uint8_t>(answer.data[29 + bit / 8] ^ (1 << bit % 8));
            Scp03Session session(crypto, keys_of(set), static_cast<SecurityLevel>(set.level), kSecurityDomain);
            EXPECT_EQ(kind_of_error([&] { (void)session.check_card(answer); }), Kind::lying_token) << bit;
            ++met;
        }
        Scp03Session piv(crypto, keys_of(set), static_cast<SecurityLevel>(set.level));
        EXPECT_EQ(kind_of_error([&] { (void)piv.check_card(answer_of(set.initialize_update_response)); }),
                  Kind::lying_token);
    }
    EXPECT_EQ(met, 9 * 24);
}

TEST(Scp03HostVectors, KeyCheckValues) {
    ca::ChannelCrypto crypto;
    const auto content = scp03_file("scp03-levels.json");
    for (const auto& [key, value] : content.at("kcv").items()) {
        EXPECT_EQ(to_hex(token::key_check_value(crypto, from_hex(key))), to_hex(from_hex(value.get<std::string>())));
    }
}

// The firmware's cryptography and OpenSSL make the same of the same, through the two adapters.
TEST(Scp03Host, BothCryptographiesAgree) {
    ca::ChannelCrypto open_ssl;
    sim::ChannelCrypto firmware([](MutableBytes out) { std::fill(out.begin(), out.end(), 7); });
    for (const std::size_t size : {16U, 24U, 32U}) {
        const ByteVector master = sequence(3, size);
        const ByteVector kdd = sequence('0', 10);
        const auto one = token::diversified_keys(open_ssl, master, 1, kdd);
        const auto other = token::diversified_keys(firmware, master, 1, kdd);
        EXPECT_EQ(to_hex(one.enc.bytes()), to_hex(other.enc.bytes()));
        EXPECT_EQ(to_hex(one.dek.bytes()), to_hex(other.dek.bytes()));
        EXPECT_EQ(one.enc.size(), size);
        EXPECT_NE(to_hex(one.enc.bytes()), to_hex(one.mac.bytes()));
        EXPECT_NE(to_hex(one.mac.bytes()), to_hex(one.dek.bytes()));
    }
    EXPECT_THROW((void)token::diversified_keys(open_ssl, ByteVector(31), 1, ByteVector(10)), token::TokenError);
    EXPECT_THROW((void)token::diversified_keys(open_ssl, ByteVector(32), 1, ByteVector(9)), token::TokenError);
}

// A token's side over the firmware's protocol object: answers each command with its own data, or as told.
class Peer {
public:
    explicit Peer(const ChannelKeys& keys, std::uint8_t version = 1) : keys_(firmware_keys(keys)), version_(version) {}

    Answer carry(const Command& command) {
        const iso7816::Header header{command.cla, command.ins, command.p1, command.p2};
        if (command.ins == 0x50) return identify(command);
        if (command.ins == 0x82) return {{}, side_.authenticate(header, command.data)};
        ByteVector data(command.data.begin(), command.data.end());
        const auto size = side_.unwrap(header, data);
        if (!size) return {{}, size.error()};
        data.resize(*size);
        received.push_back(data);
        data.resize(*size + channel::Scp03::kWrapRoom);
        const auto done = side_.wrap(word, data, *size);
        data.resize(done.value());
        return {data, word};
    }
    token::Carry carrier() {
        return [this](const Command& command) { return carry(command); };
    }

    StatusWord word = 0x9000;
    std::vector<ByteVector> received;
    std::function<void(ByteVector&)> bend_identity;  // changes the answer to INITIALIZE UPDATE
    std::uint8_t counter = 5;                        // what the token states
    std::uint8_t used_counter = 5;                   // what its challenge is made from
    int authentications = 0;

private:
    Answer identify(const Command& command) {
        const ByteVector used{0, 0, used_counter};
        const channel::Challenge challenge = channel::card_challenge(keys_, used, protocol::kPivAid).value();
        const auto cryptogram = side_.begin(keys_, command.data, challenge);
        ByteVector out(10, '9');
        out.insert(out.end(), {version_, 0x03, 0x70});
        out.insert(out.end(), challenge.begin(), challenge.end());
        out.insert(out.end(), cryptogram->begin(), cryptogram->end());
        out.insert(out.end(), {0, 0, counter});
        if (bend_identity) bend_identity(out);
        return {out, 0x9000};
    }
    channel::Keys keys_;
    std::uint8_t version_;
    channel::Scp03 side_;
};

TEST(Scp03Host, BothSidesAtEveryLevelAndKeySize) {
    ca::ChannelCrypto crypto;
    for (const std::size_t key_size : {16U, 24U, 32U}) {
        for (const SecurityLevel level : kLevels) {
            Peer peer(test_keys(key_size));
            Scp03Session session(crypto, test_keys(key_size), level);
            token::open_session(session, peer.carrier());
            ASSERT_TRUE(session.open());
            EXPECT_EQ(session.card().sequence, 5U);
            for (const std::size_t size : {0U, 1U, 15U, 16U, 17U, 231U, 232U, 239U, 240U, 247U, 248U, 255U, 4000U}) {
                const ByteVector data = sequence(static_cast<std::uint8_t>(size), size);
                const Answer answer =
                    session.unwrap(peer.carry(session.wrap({0x80, 0x10, 1, 2, data, true}).command()));
                EXPECT_EQ(peer.received.back(), data) << size;
                EXPECT_EQ(answer.data, data) << size;
            }
            peer.word = 0x63C3;
            EXPECT_EQ(session.unwrap(peer.carry(session.wrap({0, 0x20, 0, 0x80, {}, true}).command())).status_word,
                      0x63C3);
            peer.word = 0x6A80;
            EXPECT_EQ(session.unwrap(peer.carry(session.wrap({0, 0x20, 0, 0x80, {}, true}).command())).status_word,
                      0x6A80);
            peer.word = 0x9000;
            EXPECT_TRUE(session.unwrap(peer.carry(session.wrap({0, 0x20, 0, 0x80, {}, true}).command())).ok());
        }
    }
}

// Lesson 9: a host that computes the card's cryptogram and never compares it.
TEST(Scp03Host, Lesson09_ATokenThatLiesAboutItsCryptogramIsRefused) {
    ca::ChannelCrypto crypto;
    for (std::size_t bit = 0; bit < 64; ++bit) {
        Peer peer(test_keys(32));
        peer.bend_identity = [bit](ByteVector& answer) {
            answer[21 + bit / 8] = static_cast<std::uint8_t>(answer[21 + bit / 8] ^ (1 << bit % 8));
        };
        Scp03Session session(crypto, test_keys(32));
        int sent = 0;
        const auto carry = [&](const Command& command) {
            ++sent;
            return peer.carry(command);
        };
        EXPECT_EQ(kind_of_error([&] { token::open_session(session, carry); }), Kind::lying_token) << bit;
        EXPECT_EQ(sent, 1) << "the host proved itself to a liar";
        EXPECT_FALSE(session.open());
        EXPECT_EQ(kind_of_error([&] { (void)session.external_authenticate(); }), Kind::bad_argument);
        EXPECT_EQ(kind_of_error([&] { (void)session.wrap({0, 0x20, 0, 0x80}); }), Kind::bad_argument);
    }
}

TEST(Scp03Host, Lesson09_ATokenThatAgreesToEverythingIsRefused) {
    ca::ChannelCrypto crypto;
    Scp03Session session(crypto, test_keys(32));
    // Knows no key: sends zeros, or what it was sent, and always 9000.
    const auto yes = [](const Command& command) {
        ByteVector out(32);
        out[10] = 1;
        out[11] = 0x03;
        out[12] = 0x70;
        std::copy(command.data.begin(), command.data.end(), out.begin() + 21);
        return Answer{out, 0x9000};
    };
    EXPECT_EQ(kind_of_error([&] { token::open_session(session, yes); }), Kind::lying_token);
}

// A token that has the keys, or somebody with a recording and a cryptogram oracle, and yet no counter that goes on: its
// cryptogram is right, its challenge is an old one or one of its own choice.
TEST(Scp03Host, AChallengeThatIsNotTheOneOfTheStatedCounterIsRefused) {
    ca::ChannelCrypto crypto;
    for (const int used : {0, 4, 6, 255}) {
        Peer peer(test_keys(32));
        peer.used_counter = static_cast<std::uint8_t>(used);
        Scp03Session session(crypto, test_keys(32));
        int sent = 0;
        const auto carry = [&](const Command& command) {
            ++sent;
            return peer.carry(command);
        };
        EXPECT_EQ(kind_of_error([&] { token::open_session(session, carry); }), Kind::lying_token) << used;
        EXPECT_EQ(sent, 1) << "the host proved itself to a liar";
        EXPECT_FALSE(session.open());
    }
    Peer honest(test_keys(32));
    honest.counter = honest.used_counter = 9;
    Scp03Session session(crypto, test_keys(32));
    token::open_session(session, honest.carrier());
    EXPECT_EQ(session.card().sequence, 9U);
}

TEST(Scp03Host, OtherKeysAreNoticedOnBothSides) {
    ca::ChannelCrypto crypto;
    Peer peer(test_keys(32, 0x50));
    Scp03Session session(crypto, test_keys(32, 0x40));
    EXPECT_EQ(kind_of_error([&] { token::open_session(session, peer.carrier()); }), Kind::lying_token);
    // One key of three is enough to differ.
    for (int which = 0; which < 2; ++which) {
        ChannelKeys keys = test_keys(32);
        (which == 0 ? keys.enc : keys.mac).buffer()[31] ^= 1;
        Peer other(keys);
        Scp03Session second(crypto, test_keys(32));
        // ENC isn't in the cryptograms: the challenge shows it.
        EXPECT_EQ(kind_of_error([&] { token::open_session(second, other.carrier()); }), Kind::lying_token) << which;
    }
}

TEST(Scp03Host, MalformedIdentitiesAreRefused) {
    ca::ChannelCrypto crypto;
    using Bend = std::function<void(ByteVector&)>;
    const std::pair<const char*, Bend> bends[] = {
        {"empty", [](ByteVector& a) { a.clear(); }},
        {"short", [](ByteVector& a) { a.pop_back(); }},
        {"random challenge's form", [](ByteVector& a) { a.resize(29); }},
        {"long", [](ByteVector& a) { a.push_back(0); }},
        {"another version", [](ByteVector& a) { a[10] = 2; }},
        {"SCP02", [](ByteVector& a) { a[11] = 2; }},
        {"another i", [](ByteVector& a) { a[12] = 0x60; }},
    };
    for (const auto& [name, bend] : bends) {
        Peer peer(test_keys(32));
        peer.bend_identity = bend;
        Scp03Session session(crypto, test_keys(32));
        EXPECT_EQ(kind_of_error([&] { token::open_session(session, peer.carrier()); }), Kind::malformed_answer) << name;
    }
    Scp03Session session(crypto, test_keys(32));
    EXPECT_EQ(kind_of_error([&] { token::open_session(session, [](const Command&) {
                                      return Answer{{}, 0x6A88};
                                  }); }),
              Kind::not_found);
}

TEST(Scp03Host, ARefusedCryptogramIsSaid) {
    ca::ChannelCrypto crypto;
    Peer peer(test_keys(32));
    Scp03Session session(crypto, test_keys(32));
    const auto carry = [&](const Command& command) {
        return command.ins == 0x82 ? Answer{{}, 0x6300} : peer.carry(command);
    };
    EXPECT_EQ(kind_of_error([&] { token::open_session(session, carry); }), Kind::not_verified);
    EXPECT_FALSE(session.open());
}

class Scp03Answers : public ::testing::TestWithParam<SecurityLevel> {
protected:
    ca::ChannelCrypto crypto;
};

TEST_P(Scp03Answers, EveryTamperedBitIsRefused) {
    for (std::size_t bit = 0;; ++bit) {
        Peer other(test_keys(32));
        Scp03Session fresh(crypto, test_keys(32), GetParam());
        token::open_session(fresh, other.carrier());
        Answer answer = other.carry(fresh.wrap({0x80, 0x10, 0, 0, sequence(1, 20), true}).command());
        if (bit == answer.data.size() * 8) break;
        answer.data[bit / 8] = static_cast<std::uint8_t>(answer.data[bit / 8] ^ (1 << bit % 8));
        EXPECT_EQ(kind_of_error([&] { (void)fresh.unwrap(answer); }), Kind::lying_token) << bit;
        EXPECT_FALSE(fresh.open());
        EXPECT_EQ(kind_of_error([&] { (void)fresh.wrap({0, 0x20, 0, 0x80}); }), Kind::bad_argument);
    }
}

TEST_P(Scp03Answers, CutLengthenedReplayedAndRelabelledAnswersAreRefused) {
    const std::pair<const char*, std::function<void(Answer&, const Answer&)>> bends[] = {
        {"nothing", [](Answer& a, const Answer&) { a.data.clear(); }},
        {"seven bytes", [](Answer& a, const Answer&) { a.data.resize(7); }},
        {"one less", [](Answer& a, const Answer&) { a.data.pop_back(); }},
        {"one more", [](Answer& a, const Answer&) { a.data.push_back(0); }},
        {"the answer before", [](Answer& a, const Answer& before) { a = before; }},
        {"a success made a warning", [](Answer& a, const Answer&) { a.status_word = 0x6310; }},
        {"an error that carries data", [](Answer& a, const Answer&) { a.status_word = 0x6985; }},
    };
    for (const auto& [name, bend] : bends) {
        Peer other(test_keys(32));
        Scp03Session fresh(crypto, test_keys(32), GetParam());
        token::open_session(fresh, other.carrier());
        const auto ask = [&] { return other.carry(fresh.wrap({0x80, 0x10, 0, 0, sequence(1, 20), true}).command()); };
        const Answer before = ask();
        EXPECT_TRUE(fresh.unwrap(before).ok());
        Answer answer = ask();
        bend(answer, before);
        EXPECT_EQ(kind_of_error([&] { (void)fresh.unwrap(answer); }), Kind::lying_token) << name;
        EXPECT_FALSE(fresh.open()) << name;
    }
}

INSTANTIATE_TEST_SUITE_P(Levels, Scp03Answers,
                         ::testing::Values(SecurityLevel::both_macs, SecurityLevel::both_macs_encryption,
                                           SecurityLevel::full),
                         [](const auto& level) {
                             return "Level" + to_hex({reinterpret_cast<const std::uint8_t*>(&level.param), 1});
                         });

TEST(Scp03Host, PutKeyIsBuiltAndItsAnswerChecked) {
    ca::ChannelCrypto crypto;
    for (const std::size_t size : {16U, 24U, 32U}) {
        const ChannelKeys keys = test_keys(size, 0x60);
        const ByteVector dek = sequence(0x42, 32);
        const OwnedCommand command = token::put_key_command(crypto, 0xFF, dek, keys);
        const std::size_t block = size == 16 ? 16 : 32;
        ASSERT_EQ(command.data.size(), 1 + 3 * (3 + block + 4));
        EXPECT_EQ(command.data[0], 1);
        EXPECT_EQ(command.data[1], 0x88);
        EXPECT_EQ(command.data[2], block + 1);
        EXPECT_EQ(command.data[3], size);
        // No key stands in it as it is.
        const std::string text = to_hex(command.data);
        EXPECT_EQ(text.find(to_hex(keys.enc.bytes())), std::string::npos);
        ByteVector good{1};
        for (const auto* key : {&keys.enc, &keys.mac, &keys.dek}) {
            const auto kcv = token::key_check_value(crypto, key->bytes());
            good.insert(good.end(), kcv.begin(), kcv.end());
        }
        token::check_put_key(crypto, keys, {good, 0x9000});
        for (std::size_t at = 0; at < good.size(); ++at) {
            ByteVector bad = good;
            bad[at] ^= 1;
            EXPECT_EQ(kind_of_error([&] { token::check_put_key(crypto, keys, {bad, 0x9000}); }), Kind::lying_token);
        }
        EXPECT_EQ(kind_of_error([&] { token::check_put_key(crypto, keys, {{}, 0x9000}); }), Kind::lying_token);
        EXPECT_EQ(kind_of_error([&] { token::check_put_key(crypto, keys, {{}, 0x6A80}); }), Kind::bad_data);
    }
}

}  // namespace
}  // namespace sealkey::testing
