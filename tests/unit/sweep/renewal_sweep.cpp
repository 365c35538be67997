#include "unit/sweep/renewal_sweep.h"

#include <cstdio>

namespace sealkey::testing {

namespace {

using test::Tear;

constexpr std::uint32_t kMainUnit = 256;  // of the boards: every kind of tear
constexpr std::uint32_t kTears = std::size(test::kAllTears);
// Bytes that are encrypted to the old key before the renewal: the sender's half of it.
const PKey& sender() {
    static const PKey key = new_key("P-256");
    return key;
}

ByteVector shared_secret(const PKey& peer) {
    std::shared_ptr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new(sender().get(), nullptr), EVP_PKEY_CTX_free);
    ByteVector out(32);
    std::size_t size = out.size();
    const bool done = EVP_PKEY_derive_init(context.get()) == 1 &&
                      EVP_PKEY_derive_set_peer(context.get(), peer.get()) == 1 &&
                      EVP_PKEY_derive(context.get(), out.data(), &size) == 1;
    return done ? out : ByteVector{};
}

PKey key_in(token::Token& client, std::uint8_t slot) { return key_of(client.metadata(slot).public_key); }

}  // namespace

RenewalSweep::RenewalSweep(platform::FlashGeometry geometry)
    : issued_(issued_key(ca_, Profile::shipping, geometry)),
      plan_(plan_of(1, {{ref::authentication, Algorithm::p256},
                        {ref::signature, Algorithm::p256},
                        {ref::key_management, Algorithm::p256}})) {
    plan_.seal = some_bytes(9000, 5);
    plan_.record = some_bytes(220, 6);
    token::Token client(std::make_unique<TokenConnection>(key()));
    old_chuid_ = client.read_object(object::chuid);
    old_seal_ = client.read_object(object::seal);
    old_record_ = client.read_object(object::enterprise_record);
    old_decryption_ = key_in(client, ref::key_management);
}

std::vector<RenewalSweep::Step> RenewalSweep::steps() {
    std::vector<Step> out;
    for (int i = 0; i < (plan_.centre ? 2 : 3); ++i) {
        out.push_back({"STAGE BEGIN", [this](token::Token& t, RenewalDesk&) {
                           (void)token::stage_begin(t, plan_.rid, plan_.roles, !!plan_.centre);
                       }});
    }
    if (plan_.centre) {
        out.push_back({"STAGE KEY", [this](token::Token& t, RenewalDesk&) { bring_centre_key(t, plan_); }});
    }
    for (const token::StageRole& role : plan_.roles) {
        out.push_back({"STAGE CSR and STAGE CERT", [this, role](token::Token& t, RenewalDesk& desk) {
                           request_certificate(t, desk, plan_, role.reference);
                       }});
    }
    out.push_back({"STAGE SEAL", [this](token::Token& t, RenewalDesk&) { token::stage_seal(t, *plan_.seal); }});
    out.push_back({"STAGE RECORD", [this](token::Token& t, RenewalDesk&) { token::stage_record(t, *plan_.record); }});
    for (const token::StageRole& role : plan_.roles) {
        out.push_back({"STAGE PROVE", [this, role](token::Token& t, RenewalDesk& desk) {
                           prove_role(t, desk, plan_, role.reference);
                       }});
    }
    out.push_back(
        {"COMMIT", [this](token::Token& t, RenewalDesk& desk) { token::stage_commit(t, desk.manifest(plan_)); }});
    return out;
}

void RenewalSweep::advance(std::size_t to) {
    token::Token client(std::make_unique<TokenConnection>(key()));
    ASSERT_TRUE(key().verify(issued_.pin).ok());
    const auto all = steps();
    for (std::size_t i = 0; i < to; ++i) all.at(i).run(client, desk_);
}

bool RenewalSweep::decrypts(std::uint8_t slot, const PKey& peer) {
    ByteVector point(65);
    std::size_t size = 0;
    EVP_PKEY_get_octet_string_param(sender().get(), "pub", point.data(), point.size(), &size);
    token::Token client(std::make_unique<TokenConnection>(key()));
    return client.derive(slot, Algorithm::p256, point) == shared_secret(peer);
}

void RenewalSweep::expect_usable(std::uint8_t slot, const std::string& where) {
    token::Token client(std::make_unique<TokenConnection>(key()));
    const PKey own = key_in(client, slot);
    EXPECT_EQ(EVP_PKEY_eq(key_of_certificate(client.read_certificate(slot)).get(), own.get()), 1)
        << where << ": key and certificate don't belong together";
    const ByteVector message = {1, 2, 3};
    const token::Digest digest = digest_of(message);
    EXPECT_TRUE(key().verify(issued_.pin).ok()) << where << ": the PIN doesn't open";
    EXPECT_TRUE(verifies(own, message, client.sign(slot, Algorithm::p256, digest))) << where << ": no signature";
}

bool RenewalSweep::is_before(RenewalDesk& desk, const std::string& where) {
    token::Token client(std::make_unique<TokenConnection>(key()));
    const bool before = client.read_object(object::chuid) == old_chuid_;
    const auto expect = [&](std::uint32_t tag, const ByteVector& old_value, const ByteVector& new_value) {
        EXPECT_EQ(client.read_object(tag), before ? old_value : new_value) << where << ": object " << std::hex << tag;
    };
    for (const std::uint8_t slot : protocol::kRoles) {
        const std::uint32_t tag = token::certificate_tag(slot);
        expect(tag, issued_.certificates.at(slot), before ? ByteVector{} : desk.issued(plan_.rid, slot));
    }
    expect(object::seal, old_seal_, *plan_.seal);
    expect(object::enterprise_record, old_record_, *plan_.record);
    const auto retired = client.find_object(object::cert_retired_first);
    EXPECT_EQ(retired.value_or(ByteVector{}), before ? ByteVector{} : issued_.certificates.at(ref::key_management))
        << where << ": the former certificate";
    EXPECT_EQ(client.read_object(object::key_history)[2], before ? 0 : 1) << where << ": Key History";
    const auto told = token::stage_status(client);
    EXPECT_EQ(told.generation, before ? 0 : 1) << where;
    EXPECT_EQ(told.committed.has_value(), !before) << where;
    EXPECT_FALSE(told.rid && (!before || told.rid != plan_.rid)) << where << ": another set is staged";
    return before;
}

void RenewalSweep::expect_whole(RenewalDesk& desk, const std::string& where) {
    ASSERT_TRUE(key().verify(issued_.pin).ok()) << where << ": the PIN doesn't open";
    const bool before = is_before(desk, where);
    ++(before ? counts_.before : counts_.after);
    expect_usable(ref::authentication, where);
    expect_usable(ref::signature, where);
    EXPECT_TRUE(decrypts(before ? ref::key_management : ref::retired_first, old_decryption_))
        << where << ": files of before are lost";
}

void RenewalSweep::expect_completes(RenewalDesk desk, const std::string& where) {
    token::Token client(std::make_unique<TokenConnection>(key()));
    try {
        run_renewal(client, issued_.pin, desk, plan_);
    } catch (const std::exception& error) {
        FAIL() << where << ": it doesn't complete: " << error.what();
    }
    EXPECT_TRUE(desk.confirmed(plan_.rid)) << where;
    EXPECT_FALSE(is_before(desk, where + ", completed"));
    EXPECT_TRUE(decrypts(ref::retired_first, old_decryption_)) << where << ", completed: files of before are lost";
    if (plan_.centre) {
        EXPECT_TRUE(decrypts(ref::key_management, plan_.centre)) << where << ": not the centre's key";
    }
    EXPECT_EQ(token::stage_status(client).free_retired_slots, 19) << where;
    ++counts_.completed;
}

void RenewalSweep::cut_power_in(const Step& step) {
    ASSERT_TRUE(key().power_cycle());
    const auto start = key().flash().state();
    // How long it is, uncut.
    std::uint64_t operations = 0;
    {
        RenewalDesk desk = desk_;
        ASSERT_TRUE(key().verify(issued_.pin).ok());
        const std::uint64_t from = key().flash().operations();
        token::Token client(std::make_unique<TokenConnection>(key()));
        step.run(client, desk);
        operations = key().flash().operations() - from;
    }
    ASSERT_GT(operations, 0U) << step.name << " writes nothing";
    const bool main = GetParam() == kMainUnit;
    const std::uint32_t variants = main ? kTears : 1;
    for (std::uint64_t k = 0; k < operations; ++k) {
        for (std::uint32_t variant = 0; variant < variants; ++variant) {
            const Tear tear = test::kAllTears[main ? variant : 1 + k % (kTears - 1)];
            const std::string where = std::string(step.name) + ", operation " + std::to_string(k) + " " + name_of(tear);
            key().flash().restore(start);
            ASSERT_TRUE(key().power_cycle());
            ASSERT_TRUE(key().verify(issued_.pin).ok());
            key().flash().cut_in(k, tear, static_cast<std::uint32_t>(k * kTears + variant));
            RenewalDesk desk = desk_;
            bool answered = false;
            try {
                token::Token client(std::make_unique<TokenConnection>(key()));
                step.run(client, desk);
                answered = true;
            } catch (const token::TokenError&) {
            }
            ASSERT_TRUE(key().flash().dead()) << where << ": wasn't reached";
            ++counts_.runs;
            counts_.torn += key().flash().torn() ? 1 : 0;
            key().flash().power_on();
            const auto torn = key().flash().state();
            ASSERT_TRUE(key().power_cycle()) << where << ": the token doesn't start";
            expect_whole(desk, where);
            EXPECT_FALSE(answered && std::string(step.name) == "COMMIT" && is_before(desk, where))
                << where << ": 9000 was answered, and it didn't happen";
            expect_completes(desk, where);
            if (HasFailure()) return;
            for (std::uint64_t j = 0;; ++j) {
                const Tear second = test::kAllTears[(k + variant + j) % kTears];
                key().flash().restore(torn);
                key().flash().cut_in(j, second, static_cast<std::uint32_t>(j * 13 + k));
                (void)key().power_cycle().ok();
                if (!key().flash().dead()) break;  // the recovery was over before
                ++counts_.second_runs;
                counts_.second_torn += key().flash().torn() ? 1 : 0;
                key().flash().power_on();
                const std::string there =
                    where + ", then recovery operation " + std::to_string(j) + " " + name_of(second);
                ASSERT_TRUE(key().power_cycle()) << there << ": the token doesn't start";
                expect_whole(desk, there);
                expect_completes(desk, there);
                if (HasFailure()) return;
            }
        }
    }
}

void RenewalSweep::print(const char* what) {
    const auto n = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
    std::printf(
        "[ sweep    ] unit %3u, %s: %llu runs (%llu torn), in recovery %llu (%llu torn); before %llu, after %llu; "
        "completed %llu of %llu\n",
        GetParam(), what, n(counts_.runs), n(counts_.torn), n(counts_.second_runs), n(counts_.second_torn),
        n(counts_.before), n(counts_.after), n(counts_.completed), n(counts_.runs + counts_.second_runs));
    EXPECT_EQ(counts_.completed, counts_.runs + counts_.second_runs);
}

}  // namespace sealkey::testing
