// Where a key goes back to after a hold, and what its end does to a renewal that is open.
#include "bench/hold.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "bench/parcel.h"
#include "bench/renewal_book.h"
#include "ca/error.h"

namespace sealkey::bench {
namespace {

class HoldTest : public ::testing::Test {
protected:
    void SetUp() override {
        folder_ = (std::filesystem::temp_directory_path() / "sealkey-hold-XXXXXX").string();
        ASSERT_NE(::mkdtemp(folder_.data()), nullptr);
        inventory_ = std::make_unique<Inventory>(folder_ + "/inventory.sqlite");
    }
    void TearDown() override {
        inventory_.reset();
        std::filesystem::remove_all(folder_);
    }

    std::string finished(const std::vector<TokenState>& way) {
        Inventory::Work work(*inventory_, "tester");
        Order order;
        order.unified_code = "91350100M000100Y43";
        const std::string serial = work.add_token("chip" + std::to_string(++chips_), order, "", 1, 1).serial;
        work.add_certificate({"AA" + std::to_string(chips_), serial, "9A", "00", "spki" + std::to_string(chips_),
                              "2030-01-01T00:00:00Z", "", ""});
        work.set_state(serial, TokenState::initialised, "");
        for (const TokenState state : way) work.set_state(serial, state, "");
        work.set_step(serial, "done");
        work.commit();
        return serial;
    }
    TokenState state(const std::string& serial) { return inventory_->token(serial).state; }

    std::string folder_;
    std::unique_ptr<Inventory> inventory_;
    int chips_ = 0;
};

TEST_F(HoldTest, AKeyGoesBackToTheStateThatItWasSetAsideIn) {
    using enum TokenState;
    const std::vector<std::vector<TokenState>> ways = {{personalised},
                                                       {personalised, packed},
                                                       {personalised, packed, in_transit},
                                                       {personalised, packed, at_authority},
                                                       {personalised, packed, delivered},
                                                       {personalised, active},
                                                       {personalised, active, locked}};
    for (const auto& way : ways) {
        SCOPED_TRACE(name_of(way.back()));
        const std::string serial = finished(way);
        EXPECT_EQ(suspend(*inventory_, "tester", serial, "asked"), 1);
        EXPECT_EQ(resume(*inventory_, "tester", serial, "settled"), 1);
        EXPECT_EQ(state(serial), way.back());
        // Set aside twice over, and once before: still there.
        EXPECT_EQ(suspend(*inventory_, "tester", serial, "asked"), 1);
        EXPECT_EQ(report_lost(*inventory_, "tester", serial, "a statement", "gone"), 0);
        EXPECT_EQ(resume(*inventory_, "tester", serial, "found"), 1);
        EXPECT_EQ(state(serial), way.back());
    }
    // Its parcel is followed again.
    const std::string serial = finished({personalised, packed});
    (void)suspend(*inventory_, "tester", serial, "asked");
    EXPECT_THROW(move_keys(*inventory_, "tester", {serial}, TokenEvent::shipped, ""), ca::CaError);
    (void)resume(*inventory_, "tester", serial, "settled");
    move_keys(*inventory_, "tester", {serial}, TokenEvent::shipped, "");
    EXPECT_EQ(state(serial), in_transit);
}

TEST_F(HoldTest, ACodeRedeemedMeanwhileMakesItOneInUse) {
    using enum TokenState;
    for (const TokenState before : {packed, active, locked}) {
        SCOPED_TRACE(name_of(before));
        std::vector<TokenState> way = {personalised};
        if (before == locked) way.push_back(active);
        way.push_back(before);
        const std::string serial = finished(way);
        const std::string other = finished({personalised, packed});
        (void)suspend(*inventory_, "tester", serial, "asked");
        (void)suspend(*inventory_, "tester", other, "asked");
        {
            Inventory::Work work(*inventory_, "tester");
            work.note_redeemed(serial, 2);
            work.commit();
        }
        (void)resume(*inventory_, "tester", serial, "settled");
        EXPECT_EQ(state(serial), active);
        (void)resume(*inventory_, "tester", other, "settled");
        EXPECT_EQ(state(other), packed) << "it was another key's code";
        // Redeemed before the hold: that says nothing about now.
        (void)suspend(*inventory_, "tester", serial, "again");
        (void)resume(*inventory_, "tester", serial, "settled");
        EXPECT_EQ(state(serial), active);
    }
}

TEST_F(HoldTest, NothingElseLeadsOutOfAHold) {
    using enum TokenState;
    const std::string serial = finished({personalised, packed});
    (void)suspend(*inventory_, "tester", serial, "asked");
    // By its own event alone, and only to where a key can have been.
    for (const TokenState to : {packed, in_transit, at_authority, delivered, personalised, locked}) {
        Inventory::Work work(*inventory_, "tester");
        EXPECT_THROW(work.set_state(serial, to, ""), ca::CaError) << name_of(to);
    }
    for (const TokenState to : {blank, initialised, suspended, lost, damaged, replaced, revoked, terminated}) {
        Inventory::Work work(*inventory_, "tester");
        EXPECT_THROW(work.set_back(serial, to, ""), ca::CaError) << name_of(to);
    }
    EXPECT_EQ(state(serial), suspended);
    const std::string other = finished({personalised, active});
    for (const TokenState to : all_states()) {
        Inventory::Work work(*inventory_, "tester");
        EXPECT_THROW(work.set_back(other, to, ""), ca::CaError) << "it was never set aside: " << name_of(to);
    }
    EXPECT_EQ(state(other), active);
    EXPECT_THROW((void)resume(*inventory_, "tester", serial, " "), ca::CaError);
    {
        Inventory::Work work(*inventory_, "tester");
        work.set_state(serial, revoked, "");
        work.commit();
    }
    EXPECT_THROW((void)resume(*inventory_, "tester", serial, "x"), ca::CaError);
    EXPECT_EQ(state(serial), revoked);
}

TEST_F(HoldTest, AnOpenRenewalEndsWithItsKey) {
    using ca::RenewalState;
    RenewalBook book(*inventory_);
    const std::vector<RenewalState> steps = {RenewalState::approved, RenewalState::requested, RenewalState::issued,
                                             RenewalState::proven,   RenewalState::confirmed, RenewalState::closed};
    for (const TokenState end : {TokenState::revoked, TokenState::replaced, TokenState::suspended}) {
        for (std::size_t reached = 0; reached < steps.size(); ++reached) {
            SCOPED_TRACE(std::string(name_of(end)) + " " + ca::name_of(steps[reached]));
            const std::string serial = finished({TokenState::personalised, TokenState::active});
            RenewalRow row;
            row.rid = ca::sha256_hex(Bytes(reinterpret_cast<const std::uint8_t*>(serial.data()), serial.size()))
                          .substr(0, 32);
            row.token = serial;
            row.order_text = "{}";
            row.keys.push_back({"9A", "AA" + std::to_string(chips_), "", "", "", ""});
            {
                Inventory::Work work(*inventory_, "tester");
                book.add(work, row);
                for (std::size_t i = 1; i <= reached; ++i) book.advance(work, row, steps[i], nlohmann::json::object());
                work.commit();
            }
            const auto set = [&](bool kept) {
                Inventory::Work work(*inventory_, "tester");
                work.set_state(serial, end, "test");
                if (kept) work.commit();
            };
            set(false);
            EXPECT_EQ(book.renewal(row.rid).state, steps[reached]) << "in one transaction with the key's state";
            set(true);
            const RenewalRow after = book.renewal(row.rid);
            // What only sets the key aside leaves its renewal; what is confirmed still gets closed by the list.
            const bool ended = end != TokenState::suspended && steps[reached] != RenewalState::confirmed &&
                               steps[reached] != RenewalState::closed;
            EXPECT_EQ(after.state, ended ? RenewalState::refused : steps[reached]);
            EXPECT_EQ(after.remark, ended ? std::string("The key is ") + name_of(end) + "." : "");
        }
    }
    inventory_->check_audit_chain();
}

}  // namespace
}  // namespace sealkey::bench
