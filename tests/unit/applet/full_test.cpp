// A full store: content finds no room any more, and what opens, locks, empties or ends a token still does.
#include <gtest/gtest.h>

#include <functional>

#include "support/token_fixture.h"

namespace sealkey::testing {
namespace {

enum class Filling : std::uint8_t {
    many,  // as many small objects as the index takes
    big,   // as many bytes as the flash takes
};

struct Full {
    Filling filling;
    platform::FlashGeometry geometry;
};

constexpr std::uint32_t kFirstOfMany = 0x5FFF50;
// Names of plain objects: what means something to the token stays out.
std::vector<std::uint32_t> names() {
    std::vector<std::uint32_t> out;
    for (std::uint32_t tag = kFirstOfMany; tag <= 0x5FFFFF; ++tag) out.push_back(tag);
    for (std::uint32_t tag = 0x5FC130; tag <= 0x5FC1FF; ++tag) out.push_back(tag);
    return out;
}

class FullStore : public ::testing::TestWithParam<Full> {
protected:
    // By 9B: writes until nothing goes in any more, not even one byte.
    void fill() {
        const bool many = GetParam().filling == Filling::many;
        std::vector<std::size_t> sizes = {4000, 1500, 700, 200, 1};
        if (many) sizes = {1};
        std::size_t size = 0;
        for (const std::uint32_t tag : names()) {
            for (;; ++size) {
                if (size == sizes.size()) return;
                const Reply reply = token->put_data(tag, ByteVector(sizes[size], static_cast<std::uint8_t>(tag)));
                if (reply.ok()) {
                    ++written;
                    bytes += sizes[size];
                    break;
                }
                ASSERT_EQ(reply.sw, 0x6A84) << "object " << written;
            }
        }
        FAIL() << "the store didn't fill";
    }
    void start(Profile profile) {
        token = std::make_unique<TestToken>(GetParam().geometry);
        token->manufacture();
        token->initialise(profile);
        ASSERT_EQ(token->authenticate(), sw::ok);
        ASSERT_TRUE(token->generate(ref::authentication).ok());
        if (profile == Profile::shipping) {
            token->secure();
            ASSERT_EQ(token->authenticate(), sw::ok);
        }
        fill();
        std::cout << written << " objects until 6A84\n";
        EXPECT_GT(written, GetParam().filling == Filling::many ? 250 : 15);
    }
    // How the objects fit into sectors differs a little.
    void expect_as_much_room_as_at_first() {
        const auto before = static_cast<double>(bytes);
        bytes = 0;
        written = 0;
        fill();
        EXPECT_GT(static_cast<double>(bytes), 0.9 * before);
        EXPECT_LT(static_cast<double>(bytes), 1.1 * before);
    }
    void expect_content_refused() {
        ASSERT_EQ(token->authenticate(), sw::ok);
        EXPECT_EQ(token->put_data(0x5FFF20, {1}).sw, 0x6A84);
        EXPECT_EQ(token->put_data_chained(0x5FFF20, ByteVector(4096, 1)).sw, 0x6A84);
        if (token->token().state().config.profile == Profile::shipping) {
            ASSERT_EQ(token->open_channel(), sw::ok) << "the CA gets in, however full it is";
            token->wrap_all(true);
        }
        EXPECT_EQ(token->generate(ref::card_authentication).sw, 0x6A84);
        token->wrap_all(false);
    }
    // Locks and unlocks, with a restart at each step.
    void lock_and_redeem(std::string_view fresh) {
        token->lock_pin();
        ASSERT_TRUE(token->power_cycle());
        ASSERT_EQ(token->lock_state(), LockState::locked);
        ASSERT_TRUE(token->get_data(object::lock_statement).ok());
        ASSERT_EQ(token->verify(fresh).sw, 0x6983);
        ASSERT_EQ(token->redeem(token->reset_code(), fresh).sw, 0x9000);
        ASSERT_TRUE(token->power_cycle());
        ASSERT_EQ(token->verify(fresh).sw, 0x9000);
    }
    std::unique_ptr<TestToken> token;
    int written = 0;
    std::size_t bytes = 0;
};

TEST_P(FullStore, N11_TheFirstActivationAndEveryLockAfterItWork) {
    start(Profile::shipping);
    expect_content_refused();
    // The PIN's wrap is new here: it was dropped when the key left the bench.
    ASSERT_EQ(token->redeem(token->reset_code(), kPin).sw, 0x9000);
    for (int round = 0; round < 30; ++round) {
        lock_and_redeem(kOtherPin);
        ASSERT_FALSE(HasFatalFailure()) << "round " << round;
        ASSERT_EQ(token->change(ref::pin, kOtherPin, kPin).sw, 0x9000) << "round " << round;
    }
    ASSERT_TRUE(token->verify(kPin).ok());
    EXPECT_TRUE(token->sign(ref::authentication).ok());
}

TEST_P(FullStore, WrongCodesBurnTheirEvent) {
    start(Profile::shipping);
    std::string wrong = token->reset_code();
    wrong[0] = wrong[0] == '1' ? '2' : '1';
    const std::uint16_t counter = token->lock_counter();
    for (int i = 0; i < 5; ++i) (void)token->redeem(wrong, kPin);
    EXPECT_EQ(token->lock_counter(), counter + 1);
    ASSERT_TRUE(token->power_cycle());
    EXPECT_EQ(token->redeem(token->reset_code(), kPin).sw, 0x9000);
}

TEST_P(FullStore, ObjectsCanBeRemovedAndMakeRoom) {
    start(Profile::shipping);
    expect_content_refused();
    std::vector<std::uint32_t> all = names();
    all.resize(static_cast<std::size_t>(written));
    for (const std::uint32_t tag : all) ASSERT_EQ(token->put_data(tag, {}).sw, 0x9000) << std::hex << tag;
    ASSERT_TRUE(token->power_cycle());
    ASSERT_EQ(token->authenticate(), sw::ok);
    expect_as_much_room_as_at_first();
}

class FullIndex : public FullStore {};

TEST_P(FullIndex, WhatIsThereCanBeWrittenAgain) {
    start(Profile::shipping);
    EXPECT_EQ(token->put_data(kFirstOfMany, {9, 9}).sw, 0x9000);
    EXPECT_EQ(token->get_data(kFirstOfMany).data, tlv(0x53, {9, 9}));
    EXPECT_EQ(token->put_data(0x5FFF20, {1}).sw, 0x6A84);
}

// Otherwise whoever holds 9B could use up, with records about nothing, what the lock needs.
TEST_P(FullStore, RemovingWhatIsntThereChangesNothing) {
    start(Profile::shipping);
    const std::uint32_t changes = token->change_counter();
    const std::uint64_t operations = token->flash().operations();
    for (std::uint32_t tag = object::mscmap_first; tag < kFirstOfMany; ++tag) {
        if (tag >= object::seal && tag <= object::issuer_certificate) continue;
        EXPECT_EQ(token->put_data(tag, {}).sw, 0x9000);
    }
    EXPECT_EQ(token->put_data(object::printed_information, {}).sw, 0x9000);
    EXPECT_EQ(token->change_counter(), changes);
    EXPECT_EQ(token->flash().operations(), operations);
}

TEST_P(FullStore, CompatibilityKeepsItsBooks) {
    start(Profile::compatibility);
    expect_content_refused();
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    EXPECT_EQ(token->set_retries(4, 4).sw, 0x9000);
    EXPECT_EQ(token->change(ref::puk, kDefaultPuk, "24681357").sw, 0x9000);
    for (int round = 0; round < 30; ++round) {
        token->lock_pin();
        ASSERT_EQ(token->unblock("24681357", kOtherPin).sw, 0x9000) << "round " << round;
    }
    ASSERT_EQ(token->authenticate(), sw::ok);
    EXPECT_EQ(token->move(ref::authentication, 0xFF).sw, 0x9000) << "a key can be deleted";
}

TEST_P(FullStore, Lesson06_AFullTokenCostsNoTry) {
    start(Profile::compatibility);
    for (int i = 0; i < 8; ++i) ASSERT_EQ(token->change(ref::pin, kDefaultPin, kDefaultPin).sw, 0x9000) << i;
    EXPECT_EQ(token->pin_tries(), 6);
}

TEST_P(FullStore, ResetMakesAnEmptyToken) {
    start(Profile::compatibility);
    token->lock_pin();
    for (int i = 0; i < 6; ++i) (void)token->unblock("87654321", kOtherPin);
    ASSERT_EQ(token->reset_applet().sw, 0x9000);
    ASSERT_TRUE(token->power_cycle());
    EXPECT_TRUE(token->verify(kDefaultPin).ok());
    EXPECT_EQ(token->get_data(kFirstOfMany).sw, 0x6A82);
    ASSERT_EQ(token->authenticate(), sw::ok);
    EXPECT_TRUE(token->generate(ref::authentication).ok());
    expect_as_much_room_as_at_first();
}

TEST_P(FullStore, N23_TerminateWorks) {
    start(Profile::compatibility);
    ASSERT_EQ(token->set_lifecycle(Lifecycle::terminated).sw, 0x9000);
    ASSERT_TRUE(token->power_cycle());
    EXPECT_EQ(to_hex(token->status_value(protocol::status_tag::lifecycle)), "0f");
    EXPECT_EQ(token->get_data(kFirstOfMany).sw, 0x6A82);
}

// Each operation of the last wrong PIN, of a code and of a removal, cut: the token starts, and goes on.
TEST_P(FullStore, PowerCutsOnAFullTokenLeaveAWayOn) {
    start(Profile::shipping);
    ASSERT_EQ(token->redeem(token->reset_code(), kPin).sw, 0x9000);
    for (int i = 0; i < 5; ++i) (void)token->verify(kWrongPin);
    const auto last_try = token->flash().state();
    (void)token->verify(kWrongPin);
    const auto locked = token->flash().state();
    struct Step {
        const char* name;
        const test::FlashModel::State& from;
        std::function<Reply()> command;
    };
    const std::vector<Step> steps = {
        {"last wrong PIN", last_try, [&] { return token->verify(kWrongPin); }},
        {"code", locked, [&] { return token->redeem(token->reset_code(), kOtherPin); }},
        {"removal", last_try, [&] { return token->put_data(kFirstOfMany, {}); }},
    };
    for (const Step& step : steps) {
        int torn = 0;
        for (std::uint64_t cut = 0;; ++cut) {
            token->flash().restore(step.from);
            ASSERT_TRUE(token->power_cycle());
            ASSERT_EQ(token->authenticate(), sw::ok);
            token->flash().cut_in(cut, test::kAllTears[cut % 5], static_cast<std::uint32_t>(cut));
            (void)step.command();
            if (!token->flash().dead()) break;
            torn += token->flash().torn() ? 1 : 0;
            token->flash().power_on();
            ASSERT_TRUE(token->power_cycle()) << step.name << ", operation " << cut;
            if (token->pin_tries() > 0) token->lock_pin();
            ASSERT_EQ(token->lock_state(), LockState::locked) << step.name << ", operation " << cut;
            ASSERT_EQ(token->redeem(token->reset_code(), kOtherPin).sw, 0x9000) << step.name << ", operation " << cut;
            ASSERT_TRUE(token->verify(kOtherPin).ok());
            ASSERT_TRUE(token->sign(ref::authentication).ok());
            ASSERT_EQ(token->authenticate(), sw::ok);
            ASSERT_EQ(token->put_data(kFirstOfMany + 1, {}).sw, 0x9000) << step.name << ", operation " << cut;
        }
        EXPECT_GT(torn, 0) << step.name;
    }
}

std::string name_of(const ::testing::TestParamInfo<Full>& full) {
    return std::string(full.param.filling == Filling::many ? "Index" : "Bytes") + "Unit" +
           std::to_string(full.param.geometry.unit_size) + "Sectors" + std::to_string(full.param.geometry.sector_count);
}

constexpr Full kByIndex[] = {{Filling::many, {4096, 40, 256}}, {Filling::many, {4096, 40, 8}}};
constexpr Full kByBytes[] = {
    {Filling::big, {4096, 40, 256}}, {Filling::big, {4096, 40, 8}}, {Filling::big, {4096, 24, 256}}};

INSTANTIATE_TEST_SUITE_P(Index, FullStore, ::testing::ValuesIn(kByIndex), name_of);
INSTANTIATE_TEST_SUITE_P(Bytes, FullStore, ::testing::ValuesIn(kByBytes), name_of);
INSTANTIATE_TEST_SUITE_P(Index, FullIndex, ::testing::ValuesIn(kByIndex), name_of);

// A worn flash that takes no write any more: the token stays blocked, and says who it is.
class WornFlash : public ::testing::Test {
protected:
    // The command is cut before its first operation in the store, after those of the try log, which lies in the first
    // two sectors.
    void cut_before_the_store(const std::function<void()>& command) {
        const auto before = token->flash().state();
        for (std::uint64_t cut = 0; cut < 20; ++cut) {
            token->flash().restore(before);
            ASSERT_TRUE(token->power_cycle());
            token->flash().cut_in(cut, test::Tear::nothing, 1);
            command();
            ASSERT_TRUE(token->flash().dead());
            token->flash().power_on();
            if (token->flash().last().offset >= 2 * 4096) return;
        }
        FAIL() << "the store wasn't reached";
    }
    void expect_blocked_and_readable() {
        token->flash().refuse_writes(true);
        ASSERT_TRUE(token->power_cycle());
        EXPECT_TRUE(token->status().ok());
        EXPECT_TRUE(token->get_data(object::chuid).ok());
        EXPECT_EQ(token->verify_status().sw, 0x6983);
        EXPECT_EQ(token->verify(kPin).sw, 0x6983);
        EXPECT_NE(token->redeem(token->reset_code(), kOtherPin).sw, 0x9000);
        EXPECT_TRUE(token->status().ok()) << "still";
        token->flash().refuse_writes(false);
        ASSERT_TRUE(token->power_cycle());
    }
    std::unique_ptr<TestToken> token = TestToken::personalised(Profile::shipping);
};

TEST_F(WornFlash, ALockThatCantBeWrittenBlocksAndReads) {
    for (int i = 0; i < 5; ++i) (void)token->verify(kWrongPin);
    cut_before_the_store([&] { (void)token->verify(kWrongPin); });
    expect_blocked_and_readable();
    EXPECT_EQ(token->lock_state(), LockState::locked) << "written at the next start that can";
    EXPECT_EQ(token->redeem(token->reset_code(), kOtherPin).sw, 0x9000);
}

TEST_F(WornFlash, ABurnThatCantBeWrittenBlocksAndReads) {
    token->lock_pin();
    const std::uint16_t counter = token->lock_counter();
    std::string wrong = token->reset_code();
    wrong[0] = wrong[0] == '1' ? '2' : '1';
    for (int i = 0; i < 4; ++i) (void)token->redeem(wrong, kOtherPin);
    cut_before_the_store([&] { (void)token->redeem(wrong, kOtherPin); });
    expect_blocked_and_readable();
    EXPECT_EQ(token->lock_counter(), counter + 1) << "written at the next start that can";
    EXPECT_EQ(token->redeem(token->reset_code(), kOtherPin).sw, 0x9000);
}

}  // namespace
}  // namespace sealkey::testing
