#include "unit/sweep/apdu_sweep.h"

#include <mbedtls/ecdsa.h>

#include <algorithm>
#include <cstdio>

namespace sealkey::testing {

namespace {

using test::Tear;
namespace st = protocol::status_tag;

constexpr platform::FlashGeometry geometry(std::uint32_t unit) { return {4096, 40, unit}; }

// With the page size of the boards every kind of tear; with the others, two that change from operation to operation.
constexpr std::uint32_t kMainUnit = 256;
constexpr std::uint32_t kTears = std::size(test::kAllTears);

}  // namespace

Tries tries_of(TestToken& token) {
    Tries tries;
    tries.pin = token.status_value(st::pin).at(0);
    tries.puk = token.status_value(st::puk).at(0);
    const ByteVector lock = token.status_value(st::lock);
    tries.code = lock.size() > 6 ? lock[6] : 0;
    return tries;
}

Facts facts_of(TestToken& token, bool with_guid) {
    Facts facts;
    const Reply status = token.status();
    EXPECT_TRUE(status.ok());
    TlvReader reader(status.data);
    while (!reader.at_end()) {
        const auto item = reader.next();
        if (!item) break;
        ByteVector value(item->value.begin(), item->value.end());
        if (item->tag == st::pin || item->tag == st::puk) value = {value.at(1), std::uint8_t(value.at(2) & 0xFC)};
        // Of the lock: counter, burned events, state. The salt is random, the tries are looked at apart.
        if (item->tag == st::lock) value = {value.at(0), value.at(1), value.at(7), value.at(8)};
        // Of a slot all but the check of its key: a new key has another one every time.
        if (item->tag == st::slot) std::fill(value.end() - 3, value.end(), std::uint8_t{0});
        value.insert(value.begin(), static_cast<std::uint8_t>(item->tag));
        facts.push_back(std::move(value));
    }
    for (const std::uint32_t tag : {object::chuid, object::cert_9a, object::cert_9c, object::seal}) {
        const Reply reply = token.get_data(tag);
        ByteVector value = reply.data;
        if (tag == object::chuid && !with_guid) value.assign(value.size(), 0);
        value.push_back(static_cast<std::uint8_t>(reply.sw >> 8));
        value.push_back(static_cast<std::uint8_t>(reply.sw));
        facts.push_back(std::move(value));
    }
    return facts;
}

ByteVector public_key(TestToken& token, std::uint8_t slot) {
    const Reply reply = token.metadata(slot);
    if (!reply.ok()) return {};
    const auto key = find(reply.data, 0x04);
    if (!key) return {};
    return find(*key, 0x86).value_or(ByteVector{});
}

bool key_works(TestToken& token, std::uint8_t slot) {
    const ByteVector point = public_key(token, slot);
    const Reply reply = token.sign(slot);
    if (point.empty() || !reply.ok()) return false;
    const auto dynamic = find(reply.data, 0x7C);
    const auto signature = dynamic ? find(*dynamic, 0x82) : std::nullopt;
    if (!signature) return false;
    ByteVector digest(32);
    for (std::size_t i = 0; i < digest.size(); ++i) digest[i] = static_cast<std::uint8_t>(1 + i);
    mbedtls_ecdsa_context context;
    mbedtls_ecdsa_init(&context);
    const bool right =
        mbedtls_ecp_group_load(&context.private_grp, MBEDTLS_ECP_DP_SECP256R1) == 0 &&
        mbedtls_ecp_point_read_binary(&context.private_grp, &context.private_Q, point.data(), point.size()) == 0 &&
        mbedtls_ecdsa_read_signature(&context, digest.data(), digest.size(), signature->data(), signature->size()) == 0;
    mbedtls_ecdsa_free(&context);
    return right;
}

void expect_pin_opens(Judged& judged, std::string_view pin) {
    EXPECT_EQ(judged.token.verify(pin).sw, sw::ok) << judged.where << ": the PIN doesn't open";
    EXPECT_TRUE(key_works(judged.token)) << judged.where << ": the key is lost";
}

void expect_pin_refused(Judged& judged, std::string_view pin) {
    EXPECT_NE(judged.token.verify(pin).sw, sw::ok) << judged.where << ": this PIN must not open";
}

void expect_code_opens(Judged& judged) {
    EXPECT_EQ(judged.token.redeem(judged.token.reset_code(), kOtherPin).sw, sw::ok) << judged.where << ": no way out";
    expect_pin_opens(judged, kOtherPin);
}

bool ApduSweep::judge(TestToken& token, const Case& what, const Reply& reply, const std::string& where) {
    const Status on = token.power_cycle();
    EXPECT_TRUE(on) << where << ": the token doesn't start, error " << static_cast<int>(on ? Error{} : on.error());
    if (!on) return false;
    const Facts now = facts_of(token, !what.new_guid);
    const bool told_apart = before_ != after_;
    const bool after = told_apart && now == after_;
    EXPECT_TRUE(after || now == before_) << where << ": neither before nor after";
    if (reply.ok() && told_apart && !what.other_end) {
        EXPECT_TRUE(after) << where << ": 9000 was answered, and it didn't happen";
    }
    ++(after ? counts_.after : counts_.before);
    const Tries first = tries_of(token);
    // The same at the next start.
    EXPECT_TRUE(token.power_cycle());
    EXPECT_TRUE(facts_of(token, !what.new_guid) == now) << where << ": changed its mind at the next start";
    Judged judged{token, after, reply, tries_before_, first, key_before_, where};
    what.judge(judged);
    return !HasFailure();
}

bool ApduSweep::second_cuts(TestToken& token, const Case& what, const Reply& reply, std::uint32_t seed,
                            const std::string& where) {
    const auto torn = token.flash().state();
    for (std::uint64_t j = 0;; ++j) {
        const Tear tear = test::kAllTears[(seed + j) % kTears];
        token.flash().restore(torn);
        token.flash().cut_in(j, tear, seed * 13 + static_cast<std::uint32_t>(j));
        (void)token.power_cycle().ok();
        if (!token.flash().dead()) return true;  // the recovery was over before
        ++counts_.second_cuts;
        counts_.second_torn += token.flash().torn() ? 1 : 0;
        token.flash().power_on();
        if (!judge(token, what, reply, where + ", then recovery operation " + std::to_string(j) + " " + name_of(tear)))
            return false;
    }
}

void ApduSweep::sweep(Profile profile, const Case& what) {
    counts_ = {};
    const auto token = TestToken::personalised(profile, geometry(GetParam()));
    what.set_up(*token);
    ASSERT_TRUE(token->power_cycle());
    before_ = facts_of(*token, !what.new_guid);
    tries_before_ = tries_of(*token);
    key_before_ = public_key(*token, ref::authentication);
    const auto start = token->flash().state();

    if (what.session) what.session(*token);
    const std::uint64_t from = token->flash().operations();
    const Reply uncut = what.command(*token);
    counts_.operations = token->flash().operations() - from;
    ASSERT_EQ(uncut.ok(), what.answers_ok) << ::testing::PrintToString(uncut);
    if (what.other_end) {
        token->flash().restore(start);
        ASSERT_TRUE(token->power_cycle());
        what.other_end(*token);
    }
    ASSERT_TRUE(token->power_cycle());
    after_ = facts_of(*token, !what.new_guid);

    const bool main = GetParam() == kMainUnit;
    // The short ones, which count tries, are torn in more ways.
    const bool sampled = what.samples != 0 && what.samples < counts_.operations;
    const std::uint32_t variants = sampled ? 1 : (main ? kTears : 2) * (counts_.operations < 4 ? 6 : 1);
    const std::uint64_t points = sampled ? what.samples : counts_.operations;
    for (std::uint64_t point = 0; point < points; ++point) {
        const std::uint64_t k = sampled ? point * (counts_.operations - 1) / (points - 1) : point;
        for (std::uint32_t variant = 0; variant < variants; ++variant) {
            const Tear tear = main ? test::kAllTears[(sampled ? point : variant) % kTears]
                                   : test::kAllTears[1 + (k + std::uint64_t{variant} * 2) % (kTears - 1)];
            const auto seed = static_cast<std::uint32_t>(k * variants + variant);
            token->flash().restore(start);
            ASSERT_TRUE(token->power_cycle());
            if (what.session) what.session(*token);
            token->flash().cut_in(k, tear, seed);
            const Reply reply = what.command(*token);
            ASSERT_TRUE(token->flash().dead()) << what.name << ": operation " << k << " wasn't reached";
            ++counts_.cuts;
            counts_.torn += token->flash().torn() ? 1 : 0;
            token->flash().power_on();
            const auto torn = token->flash().state();
            const std::string where = std::string(what.name) + ", operation " + std::to_string(k) + " " + name_of(tear);
            if (!judge(*token, what, reply, where)) return;
            token->flash().restore(torn);
            if (!second_cuts(*token, what, reply, seed, where)) return;
        }
    }
    std::printf(
        "[ sweep    ] unit %3u, %s: %llu flash operations, %llu cuts (%llu torn), in recovery %llu (%llu torn); "
        "before %llu, after %llu\n",
        GetParam(), what.name, static_cast<unsigned long long>(counts_.operations),
        static_cast<unsigned long long>(counts_.cuts), static_cast<unsigned long long>(counts_.torn),
        static_cast<unsigned long long>(counts_.second_cuts), static_cast<unsigned long long>(counts_.second_torn),
        static_cast<unsigned long long>(counts_.before), static_cast<unsigned long long>(counts_.after));
    EXPECT_GT(counts_.torn, 0U) << what.name << ": nothing tore";
    EXPECT_GT(counts_.second_cuts, 0U) << what.name << ": no recovery was cut";
    EXPECT_GT(counts_.second_torn, 0U) << what.name << ": nothing tore in the recovery";
}

INSTANTIATE_TEST_SUITE_P(Units, ApduSweep, ::testing::Values(4, 8, 16, 256),
                         [](const auto& unit) { return "Unit" + std::to_string(unit.param); });

}  // namespace sealkey::testing
