// The CA's rules over orders (N2 to N5), in a real SQLite file and in a real PostgreSQL database.
#include "inventory_fixture.h"

namespace sealkey::bench {
namespace {

TEST_F(InventoryTest, N2_AtMostThreeLiveKeys) {
    (void)admit(order("first", "A"));
    (void)admit(order("additional", "B"));
    const auto third = admit(order("additional", "C"));
    EXPECT_EQ(refusal(order("additional", "D")), ca::Fault::policy);
    EXPECT_EQ(refusal(order("first", "D")), ca::Fault::policy);
    // Another enterprise isn't touched by that.
    (void)admit(order("first", "D", kOtherCode));
    // A revoked key makes room, and its number is free.
    {
        Inventory::Work work(*inventory_, "tester");
        work.set_state(third.serial, TokenState::revoked, "");
        work.commit();
    }
    EXPECT_EQ(admit(order("additional", "E")).key_number, 3);
    EXPECT_EQ(refusal(order("additional", "F")), ca::Fault::policy);
}

TEST_F(InventoryTest, N2_AdditionalNeedsAFirstAndFirstIsTheFirst) {
    EXPECT_EQ(refusal(order("additional", "A")), ca::Fault::policy);
    (void)admit(order("first", "A"));
    EXPECT_EQ(refusal(order("first", "B")), ca::Fault::policy);
}

// The organisation is what has keys: positions 1-8 of a code change when it moves, and the 13 characters of before are
// the same organisation's too.
TEST_F(InventoryTest, N2_AnOrganisationIsOneWhateverItsCode) {
    const auto first = admit(order("first", "A"));
    EXPECT_EQ(refusal(order("first", "B", kMovedCode)), ca::Fault::policy);
    const auto second = admit(order("additional", "B", kMovedCode));
    EXPECT_EQ(second.key_number, 2);
    {
        Inventory::Work work(*inventory_, "tester");
        Order old = order("additional", "C");
        old.unified_code = kThirteen;
        work.set_state(work.add_token("old", old, "", 3, 1).serial, TokenState::initialised, "");
        work.commit();
    }
    for (const char* code : {kCode, kMovedCode, kThirteen}) EXPECT_EQ(inventory_->tokens_of(code).size(), 3U) << code;
    for (const char* code : {kCode, kMovedCode}) {
        EXPECT_EQ(refusal(order("additional", "D", code)), ca::Fault::policy) << code;
        EXPECT_EQ(refusal(order("first", "D", code)), ca::Fault::policy) << code;
    }
    EXPECT_TRUE(inventory_->tokens_of(kOtherCode).empty());
    (void)admit(order("first", "D", kOtherCode));
    // It is the same enterprise that replaces its key, and the number is the old key's.
    auto moved = replacement(first.serial);
    moved.unified_code = kMovedCode;
    const auto fresh = admit(moved);
    EXPECT_EQ(fresh.key_number, 1);
    EXPECT_EQ(fresh.unified_code, kMovedCode);
    EXPECT_EQ(refusal(order("additional", "E")), ca::Fault::policy);
}

// A replacement that was given up, and whose place another key took under the organisation's other code.
TEST_F(InventoryTest, N2_ATakenPlaceIsTakenWhateverTheCode) {
    const auto old = admit(order("first", "A"));
    const auto half = admit(replacement(old.serial));
    (void)give_up(*inventory_, "tester", half.serial, "broke");
    (void)admit(order("first", "B", kMovedCode));
    EXPECT_EQ(refusal(replacement(old.serial)), ca::Fault::policy);
}

TEST_F(InventoryTest, N5_LoginNamesAreNeverIssuedTwice) {
    const auto first = admit(order("first", "FJSL"));
    EXPECT_EQ(refusal(order("additional", "FJSL")), ca::Fault::policy);
    EXPECT_EQ(refusal(order("additional", "fjsl")), ca::Fault::policy);
    EXPECT_EQ(refusal(order("first", "FJSL", kOtherCode)), ca::Fault::policy);
    Inventory::Work work(*inventory_, "tester");
    work.set_state(first.serial, TokenState::revoked, "");
    work.commit();
    EXPECT_EQ(refusal(order("first", "FJSL")), ca::Fault::policy);
}

TEST_F(InventoryTest, N3_N4_ReplacementRevokesFirstAndKeepsTheLoginName) {
    const auto old = admit(order("first", "FJSL"));
    const auto fresh = admit(replacement(old.serial));
    EXPECT_EQ(fresh.login_name, "FJSL");
    EXPECT_EQ(fresh.key_number, old.key_number);
    EXPECT_EQ(inventory_->token(old.serial).state, TokenState::replaced);
    ASSERT_EQ(inventory_->revoked().size(), 1U);
    EXPECT_EQ(inventory_->revoked()[0].reason, "keyCompromise");
    long long revoked = 0, admitted = 0;
    for (const auto& row : inventory_->audit_rows()) {
        if (row.action == "revoke") revoked = row.id;
        if (row.action == "admit" && row.subject == fresh.serial) admitted = row.id;
    }
    EXPECT_LT(revoked, admitted);
    const auto third = admit(replacement(fresh.serial, "FJSL", "damaged"));
    EXPECT_EQ(inventory_->revoked()[1].reason, "cessationOfOperation");
    EXPECT_EQ(third.login_name, "FJSL");
}

TEST_F(InventoryTest, N3_N4_ReplacementsThatDontFitChangeNothing) {
    const auto old = admit(order("first", "FJSL"));
    EXPECT_EQ(refusal(replacement("SK2600000996")), ca::Fault::unknown);
    EXPECT_EQ(refusal(replacement(old.serial, "OTHER")), ca::Fault::policy);
    auto foreign = replacement(old.serial);
    foreign.unified_code = kOtherCode;
    EXPECT_EQ(refusal(foreign), ca::Fault::policy);
    (void)admit(replacement(old.serial));
    EXPECT_EQ(refusal(replacement(old.serial)), ca::Fault::policy);
    EXPECT_EQ(inventory_->revoked().size(), 1U);
}

}  // namespace
}  // namespace sealkey::bench
