// N12: a key in the bench's own hands gets a new activation code, whatever its lock was: who gets none, and what an
// interruption leaves.
#include "bench/unlock_desk.h"

#include <gtest/gtest.h>

#include "bench/hold.h"
#include "ca/error.h"
#include "ca_case.h"

namespace sealkey::bench {
namespace {

namespace fs = std::filesystem;
using ca::Fault;
using testing::TestToken;
using testing::TokenConnection;

constexpr std::string_view kFirstPin = "271828";
constexpr std::string_view kSecondPin = "314159";

class UnlockDesk : public CaCase {
protected:
    // A finished key that its holder has activated.
    void SetUp() override {
        fresh(1);
        inventory_ = std::make_unique<Inventory>(path());
        serial_ = make("shipping").serial;
        redeem(give_activation_code(*inventory_, keys_->masters, serial_, "clerk"), kFirstPin);
        ASSERT_EQ(state(), TokenState::active);
    }

    std::unique_ptr<token::Token> client(std::optional<TokenConnection::Cut> cut = std::nullopt) {
        auto connection = std::make_unique<TokenConnection>(*token_);
        connection->cut = cut;
        auto made = std::make_unique<token::Token>(std::move(connection));
        return made;
    }
    TokenRow make(
        const std::string& profile, const StepBegins& begins = [](Step) {}) {
        IssueInput input;
        input.order.profile = profile;
        const auto one = client();
        return issue(*one, std::move(input), begins).row;
    }
    void redeem(const GivenCode& given, std::string_view pin) {
        const auto one = client();
        ASSERT_TRUE(one->recognise());
        const auto proof = one->redeem_code(token::parse_code(given.code), bytes(pin));
        close_lock(*inventory_, keys_->masters, serial_, given.event.counter, proof, "clerk");
    }
    bool opens(std::string_view pin) {
        const auto one = client();
        if (!one->recognise()) return false;
        try {
            one->verify(bytes(pin));
            return true;
        } catch (const token::TokenError&) {
            return false;
        }
    }
    void lock() {
        for (int i = 0; i < 16 && !client_locked(); ++i) (void)opens("999990");
        ASSERT_TRUE(client_locked());
    }
    bool client_locked() {
        const auto one = client();
        return one->recognise() && one->lock_statement().has_value();
    }
    TokenState state() { return inventory_->token(serial_).state; }
    GivenCode unlock(std::optional<TokenConnection::Cut> cut = std::nullopt, const std::string& approval = "R-1",
                     const ca::ChannelMaster* master = nullptr) {
        const auto one = client(cut);
        if (!one->recognise()) throw ca::CaError(Fault::unknown, "no key");
        return unlock_at_bench(*inventory_, {keys_->masters, master != nullptr ? *master : keys_->channel_master}, *one,
                               {approval, "clerk", ""});
    }
    // Nothing has happened to the key or in the inventory, except for what the audit trail says of the attempt.
    void refused(Fault fault, std::size_t rows, const std::function<void()>& call) {
        const auto before = inventory_->audit_rows().size();
        const auto events = inventory_->lock_events(serial_).size();
        const TokenState was = state();
        try {
            call();
            ADD_FAILURE() << "a code was given";
        } catch (const ca::CaError& error) {
            EXPECT_EQ(error.fault(), fault) << error.what();
        } catch (const token::TokenError& error) {
            EXPECT_EQ(fault, Fault::quality) << error.what();
        }
        EXPECT_EQ(inventory_->audit_rows().size(), before + rows);
        EXPECT_EQ(inventory_->lock_events(serial_).size(), events);
        EXPECT_EQ(state(), was);
    }
    void set_state(TokenState state) {
        Inventory::Work work(*inventory_, "clerk");
        work.set_state(serial_, state, "test");
        work.commit();
    }

    std::string serial_;
};
TEST_F(UnlockDesk, N12_ALockedKeyGetsANewActivationAndItsOldPinIsDead) {
    lock();
    const auto before = inventory_->audit_rows().size();
    const GivenCode given = unlock();
    EXPECT_FALSE(given.given_before);
    EXPECT_EQ(given.event.serial, serial_);
    EXPECT_GT(given.event.counter, 1) << "not the delivery's event again";
    const auto rows = inventory_->audit_rows();
    EXPECT_EQ(rows.at(before).action, "bench-unlock") << "before anything was done to the key";
    EXPECT_NE(rows.at(before).detail.find("R-1"), std::string::npos);
    EXPECT_FALSE(opens(kFirstPin));
    redeem(given, kSecondPin);
    EXPECT_TRUE(opens(kSecondPin));
    EXPECT_FALSE(opens(kFirstPin));
    EXPECT_EQ(state(), TokenState::active);
    inventory_->check_audit_chain();
}

TEST_F(UnlockDesk, N12_AKeyThatIsntLockedGetsOneToo) {
    const GivenCode given = unlock();
    EXPECT_FALSE(opens(kFirstPin)) << "no PIN outlives the bench";
    redeem(given, kSecondPin);
    EXPECT_TRUE(opens(kSecondPin));
}

TEST_F(UnlockDesk, N12_EachUnlockIsAnEventOfItsOwnAndTheCodeBeforeOpensNothing) {
    const GivenCode first = unlock();
    const GivenCode second = unlock();
    EXPECT_EQ(second.event.counter, first.event.counter + 1);
    EXPECT_NE(first.code, second.code);
    {
        const auto one = client();
        ASSERT_TRUE(one->recognise());
        EXPECT_THROW((void)one->redeem_code(token::parse_code(first.code), bytes(kSecondPin)), token::TokenError);
    }
    redeem(second, kSecondPin);
    EXPECT_TRUE(opens(kSecondPin));
}

TEST_F(UnlockDesk, N12_WithoutAnApprovalNothingIsDone) {
    for (const char* none : {"", " ", "\t"}) {
        refused(Fault::policy, 0, [&] { (void)unlock(std::nullopt, none); });
    }
    EXPECT_TRUE(opens(kFirstPin));
}

TEST_F(UnlockDesk, N12_AKeyThatIsOutOfServiceOrInDoubtGetsNoCode) {
    const auto no_code = [&] {
        refused(Fault::policy, 0, [&] { (void)unlock(); });
        EXPECT_TRUE(opens(kFirstPin)) << name_of(state());
    };
    set_state(TokenState::suspended);
    no_code();
    set_state(TokenState::lost);
    no_code();
    set_state(TokenState::active);
    set_state(TokenState::damaged);
    no_code();
    set_state(TokenState::revoked);
    no_code();
    set_state(TokenState::terminated);
    no_code();
}

TEST_F(UnlockDesk, N12_AKeyOfAnotherInventoryGetsNoCode) {
    inventory_.reset();
    fs::remove(path());
    inventory_ = std::make_unique<Inventory>(path());
    try {
        (void)unlock();
        ADD_FAILURE() << "a code was given";
    } catch (const ca::CaError& error) {
        EXPECT_EQ(error.fault(), Fault::unknown) << error.what();
    }
    EXPECT_TRUE(inventory_->audit_rows().empty());
    EXPECT_TRUE(opens(kFirstPin));
}

TEST_F(UnlockDesk, N12_AnUnfinishedKeyGetsNoCode) {
    fs::remove(path());
    inventory_ = std::make_unique<Inventory>(path());
    token_ = std::make_unique<TestToken>(platform::FlashGeometry{4096, 128, 256}, 2);
    token_->manufacture();
    EXPECT_THROW((void)make("shipping",
                            [](Step step) {
                                if (step == Step::check_b) throw std::runtime_error("the bench stops here");
                            }),
                 std::runtime_error);
    serial_ = inventory_->tokens().at(0).serial;
    refused(Fault::policy, 0, [&] { (void)unlock(); });
}

TEST_F(UnlockDesk, N12_AKeyOfTheCompatibilityProfileHasAPukAndGetsNoCode) {
    fs::remove(path());
    inventory_ = std::make_unique<Inventory>(path());
    token_ = std::make_unique<TestToken>(platform::FlashGeometry{4096, 128, 256}, 3);
    token_->manufacture();
    serial_ = make("compatibility").serial;
    refused(Fault::policy, 0, [&] { (void)unlock(); });
    EXPECT_TRUE(opens("123456"));
}

// The attempt is in the audit trail, and the key is as it was.
TEST_F(UnlockDesk, N12_WithAnotherCasChannelMasterTheKeyStaysAsItIs) {
    std::string wrong = folder_ + "/other";
    fs::remove_all(wrong);
    ca::Settings settings;
    settings.name = "OTHER";
    ca::Authority::create(wrong, settings, bytes(kFolderPassphrase), ca::now());
    const auto foreign = ca::read_channel_master(ca::Authority(wrong), bytes(kFolderPassphrase));
    refused(Fault::quality, 1, [&] { (void)unlock(std::nullopt, "R-1", &foreign); });
    EXPECT_TRUE(opens(kFirstPin));
}

// Pulled out at each APDU, with the command or its answer lost: one more unlock gives a code that opens the key.
TEST_F(UnlockDesk, N12_Lesson36_PulledOutAtEveryApduOneMoreUnlockOpensIt) {
    std::size_t runs = 0;
    for (const bool answer_lost : {false, true}) {
        std::size_t after = 0;
        for (bool broke = true; broke; ++after) {
            SCOPED_TRACE("APDU " + std::to_string(after + 1) + (answer_lost ? ", its answer lost" : ""));
            broke = false;
            try {
                (void)unlock(TokenConnection::Cut{after, answer_lost});
            } catch (const std::exception&) {
                broke = true;
            }
            ASSERT_TRUE(token_->power_cycle());
            // Either nothing was done, or the key waits for its code: never open with a PIN that nobody gave it.
            EXPECT_NE(opens(kFirstPin), client_locked());
            redeem(unlock(), kFirstPin);
            ASSERT_TRUE(opens(kFirstPin));
            ++runs;
            if (after > 200) FAIL() << "no end";
        }
    }
    inventory_->check_audit_chain();
    std::printf("bench unlock cut at every APDU: %zu runs, all opened by one more\n", runs);
    EXPECT_GT(runs, 10U);
}

}  // namespace
}  // namespace sealkey::bench
