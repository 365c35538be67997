// The CA's side builds the commands, and somebody who logs and tampers carries them to the token and back: every
// tampering is refused, nothing is changed by it, and nothing secret stands in the log.
#include <gtest/gtest.h>

#include <cstdio>

#include "support/token_fixture.h"
#include "token/token.h"

namespace sealkey::testing {
namespace {

using transport::TransportError;

const ByteVector kSeal = [] {
    ByteVector out(5000);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(i * 11);
    return out;
}();

enum class Way {
    honest,
    change_class,
    change_instruction,
    change_p1,
    change_p2,
    change_data,
    change_mac,
    shorten,
    lengthen,
    repeat_earlier,  // an earlier wrapped command in the place of this one
    twice,           // this one, and once more
    drop,            // answered "done" by the carrier himself
    drop_quietly,    // not answered at all
    error_made_up,
    answer_changed,
    answer_shortened,
    answer_of_before,
};
constexpr Way kCommandWays[] = {
    Way::change_class, Way::change_instruction, Way::change_p1,      Way::change_p2, Way::change_data, Way::change_mac,
    Way::shorten,      Way::lengthen,           Way::repeat_earlier, Way::drop,      Way::drop_quietly};
constexpr Way kAnswerWays[] = {Way::answer_changed, Way::answer_shortened, Way::answer_of_before};

bool is_of_channel(const ByteVector& command) {
    return (command[0] & 0x0C) == 0x04 || (command[0] == 0x80 && command[1] == 0x50);
}
bool goes_on(const ByteVector& command) { return (command[0] & 0x10) != 0; }

class Carrier final : public transport::Connection {
public:
    Carrier(TestToken& token, bool extended) : token_(token), extended_(extended) {}

    // Tampers with the nth command of the channel, 0 the first.
    Way way = Way::honest;
    int target = -1;
    int seen = 0;
    std::uint32_t changes_before = 0;  // the token's change counter when the tampering begins
    bool tampered = false;
    std::string log;
    std::vector<ByteVector> commands;  // those of the channel
    bool quiet = false;

    transport::ByteVector transmit(transport::ByteView given) override {
        ByteVector command(given.begin(), given.end());
        log += to_hex(command) + "\n";
        const bool mine = is_of_channel(command) && seen++ == target;
        if (is_of_channel(command)) commands.push_back(command);
        if (mine) {
            changes_before = token_.token().state().changes;
            tampered = true;
        }
        ByteVector answer = mine ? tamper(command) : forward(command);
        log += "  " + to_hex(answer) + "\n";
        if (quiet) throw TransportError(transport::Failure::timeout, "no answer");
        before_ = answer;
        return answer;
    }
    void begin_transaction() override {}
    void end_transaction() noexcept override {}
    transport::ByteVector atr() const override { return {0x3B, 0x00}; }
    bool extended_length() const override { return extended_; }

private:
    ByteVector forward(const ByteVector& command) {
        const Reply reply = token_.raw(command);
        ByteVector out = reply.data;
        out.push_back(static_cast<std::uint8_t>(reply.sw >> 8));
        out.push_back(static_cast<std::uint8_t>(reply.sw));
        return out;
    }
    // Bounds of the body in the APDU.
    static std::pair<std::size_t, std::size_t> body(const ByteVector& c) {
        if (c.size() > 7 && c[4] == 0) return {7, 7U + load_be16(&c[5])};
        return c.size() > 5 ? std::pair<std::size_t, std::size_t>{5, 5U + c[4]}
                            : std::pair<std::size_t, std::size_t>{5, 5};
    }
    ByteVector tamper(ByteVector c) {
        const auto [first, last] = body(c);
        switch (way) {
            case Way::change_class:
                c[0] ^= 0x80;
                break;
            case Way::change_instruction:
                c[1] ^= 0x02;
                break;
            case Way::change_p1:
                c[2] ^= 0x02;  // the version 01 of INITIALIZE UPDATE would become 00, any, which is the same set
                break;
            case Way::change_p2:
                c[3] ^= 0x01;
                break;
            case Way::change_data:
                if (last > first) c[first] ^= 0x10;
                break;
            case Way::change_mac:
                if (last > first) c[last - 1] ^= 0x01;
                break;
            case Way::shorten:
                return forward(rebuilt(c, first, last - 1));
            case Way::lengthen: {
                ByteVector longer = c;
                longer.insert(longer.begin() + static_cast<std::ptrdiff_t>(last), 0x00);
                return forward(rebuilt(longer, first, last + 1));
            }
            case Way::repeat_earlier:
                for (std::size_t i = commands.size() - 1; i-- > 0;) {
                    if (commands[i][1] != 0x82 && commands[i][1] != 0x50) return forward(commands[i]);
                }
                return forward(commands.front());
            case Way::twice: {
                ByteVector answer = forward(c);
                (void)forward(c);
                return answer;
            }
            case Way::drop:
                return {0x90, 0x00};
            case Way::drop_quietly:
                quiet = true;
                return {};
            case Way::error_made_up:
                (void)forward(c);
                return {0x69, 0x85};
            case Way::answer_changed: {
                ByteVector answer = forward(c);
                // INITIALIZE UPDATE's ends with the counter, which the CA makes nothing of.
                const std::size_t from_end = c[1] == 0x50 ? 2 + 3 + 1 : 2 + 1;
                if (answer.size() >= from_end) answer[answer.size() - from_end] ^= 1;
                return answer;
            }
            case Way::answer_shortened: {
                ByteVector answer = forward(c);
                if (answer.size() > 2) answer.erase(answer.begin());
                return answer;
            }
            case Way::answer_of_before: {
                const ByteVector answer = forward(c);
                return before_;
            }
            case Way::honest:
                break;
        }
        return forward(c);
    }
    // The same command with a body of another length and a length byte that says so.
    static ByteVector rebuilt(const ByteVector& c, std::size_t first, std::size_t last) {
        ByteVector out(c.begin(), c.begin() + 4);
        const std::size_t size = last - first;
        if (first == 7 || size > 255) {
            out.insert(out.end(), {0, static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)});
        } else {
            out.push_back(static_cast<std::uint8_t>(size));
        }
        out.insert(out.end(), c.begin() + static_cast<std::ptrdiff_t>(first),
                   c.begin() + static_cast<std::ptrdiff_t>(last));
        return out;
    }

    TestToken& token_;
    bool extended_;
    ByteVector before_;
};

token::ByteView view(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

class Relayed : public ::testing::TestWithParam<bool> {
protected:
    Relayed() {
        token_.manufacture();
        start_ = token_.flash().state();
    }
    // What the CA does, from the factory's keys to the token that leaves the bench.
    void work(token::Token& ca) {
        ca.open_channel(crypto_, transport_channel_keys());
        ca.put_channel_keys(crypto_, transport_channel_keys(), own_channel_keys());
        ca.open_channel(crypto_, own_channel_keys());
        token::InitialValues values;
        values.serial = std::string(kSerial);
        const ByteVector unlock = unlock_key();
        const ByteVector management = shipping_management_key();
        values.unlock_key = unlock;
        values.management_key = management;
        values.numeric_serial = 7;
        const ByteVector data = kdd();
        std::copy(data.begin(), data.end(), values.kdd.begin());
        ca.initialise(values);
        ca.set_bench_pin(view(kPin));
        (void)ca.generate(ref::authentication, Algorithm::p256);
        ca.verify(view(kPin));
        const ByteVector digest(32, 0x5A);
        (void)ca.sign(ref::authentication, Algorithm::p256, digest);
        ca.write_certificate(ref::authentication, ByteVector(700, 0x30));
        ca.write_object(object::seal, kSeal);
        ca.set_lifecycle(Lifecycle::secured);
    }
    // Whether the CA noticed.
    bool refused(Carrier& carrier_out, Way way, int target, std::string* log = nullptr) {
        token_.flash().restore(start_);
        EXPECT_TRUE(token_.power_cycle());
        auto connection = std::make_unique<Carrier>(token_, GetParam());
        Carrier& carrier = *connection;
        carrier.way = way;
        carrier.target = target;
        token::Token ca(std::move(connection));
        bool thrown = false;
        try {
            work(ca);
        } catch (const token::TokenError&) {
            thrown = true;
        } catch (const TransportError&) {
            thrown = true;
        }
        carrier_out.seen = carrier.seen;
        carrier_out.tampered = carrier.tampered;
        carrier_out.changes_before = carrier.changes_before;
        carrier_out.commands = carrier.commands;
        if (log != nullptr) *log = carrier.log;
        return thrown;
    }

    TestToken token_{{4096, 40, 256}};
    test::FlashModel::State start_;
    std::uint8_t random_ = 0;
    sim::ChannelCrypto crypto_{[this](MutableBytes out) { std::fill(out.begin(), out.end(), ++random_); }};
};

TEST_P(Relayed, AnHonestCarrierSeesNothingSecret) {
    Carrier seen(token_, GetParam());
    std::string log;
    ASSERT_FALSE(refused(seen, Way::honest, -1, &log));
    EXPECT_EQ(token_.token().state().config.lifecycle, Lifecycle::secured);
    EXPECT_EQ(find(token_.get_data(object::seal).data, 0x53), kSeal);
    const token::ChannelKeys own = own_channel_keys();
    const token::ChannelKeys transport = transport_channel_keys();
    std::vector<std::pair<const char*, ByteVector>> secrets = {{"unlock key", unlock_key()},
                                                               {"management key", shipping_management_key()},
                                                               {"PIN", padded(kPin)},
                                                               {"PIN, bare", text(kPin)}};
    for (const token::ChannelKeys* keys : {&own, &transport}) {
        for (const Secret<32>* key : {&keys->enc, &keys->mac, &keys->dek}) {
            secrets.push_back({"a channel key", {key->bytes().begin(), key->bytes().end()}});
        }
    }
    ASSERT_GT(log.size(), 10000U);
    for (const auto& [name, secret] : secrets) {
        // Half of it would be too much.
        const std::string hex = to_hex(Bytes(secret).first(std::min<std::size_t>(secret.size(), 12)));
        EXPECT_EQ(log.find(hex), std::string::npos) << name;
    }
    EXPECT_EQ(log.find(to_hex(Bytes(kSeal).first(16))), std::string::npos) << "nor what is only private to the deal";
}

TEST_P(Relayed, EveryTamperingIsRefusedAndChangesNothing) {
    Carrier seen(token_, GetParam());
    ASSERT_FALSE(refused(seen, Way::honest, -1));
    const int commands = seen.seen;
    const std::vector<ByteVector> honest = seen.commands;
    ASSERT_GT(commands, 12);
    int runs = 0;
    for (int target = 0; target < commands; ++target) {
        for (const Way way : kCommandWays) {
            if (way == Way::repeat_earlier && target == 0) continue;  // there is none
            const std::string where =
                "command " + std::to_string(target) + ", way " + std::to_string(static_cast<int>(way));
            EXPECT_TRUE(refused(seen, way, target)) << where;
            ASSERT_TRUE(seen.tampered) << where;
            EXPECT_EQ(token_.token().state().changes, seen.changes_before) << where << ": something was changed";
            ++runs;
        }
        // What is told of a command that has been run: the CA doesn't believe it. A block that isn't a chain's last has
        // no answer of its own.
        if (goes_on(honest[static_cast<std::size_t>(target)])) continue;
        for (const Way way : kAnswerWays) {
            const std::string where =
                "answer " + std::to_string(target) + ", way " + std::to_string(static_cast<int>(way));
            if (honest[static_cast<std::size_t>(target)][1] == 0x82) continue;  // EXTERNAL AUTHENTICATE answers nothing
            EXPECT_TRUE(refused(seen, way, target)) << where;
            ++runs;
        }
        EXPECT_TRUE(refused(seen, Way::error_made_up, target)) << target;
        ASSERT_FALSE(HasFailure()) << "command " << target;
    }
    std::printf("%d commands of the channel, %d tamperings, all refused\n", commands, runs);
}

// Sent once more, the last command of a channel has no later one that would show it: nothing may come of it all the
// same.
TEST_P(Relayed, WhatIsSentTwiceHappensOnce) {
    Carrier seen(token_, GetParam());
    ASSERT_FALSE(refused(seen, Way::honest, -1));
    const std::vector<ByteVector> honest = seen.commands;
    const std::uint32_t changes = token_.token().state().changes;
    for (std::size_t target = 0; target < honest.size(); ++target) {
        const bool last = target + 1 == honest.size() || honest[target + 1][1] == 0x50;
        EXPECT_EQ(refused(seen, Way::twice, static_cast<int>(target)), !last) << target;
        EXPECT_LE(token_.token().state().changes, changes) << target;
    }
}

INSTANTIATE_TEST_SUITE_P(Lengths, Relayed, ::testing::Values(true, false),
                         [](const auto& extended) { return extended.param ? "Extended" : "Short"; });

}  // namespace
}  // namespace sealkey::testing
