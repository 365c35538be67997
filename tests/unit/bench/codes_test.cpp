// Who gets a code (N24), as the inventory knows a key.
#include "bench/parcel.h"
#include "bench/unlock_desk.h"
#include "inventory_fixture.h"

namespace sealkey::bench {
namespace {

TEST_F(InventoryTest, N24_CodesNeedAFinishedLiveKeyAnApprovalAndByTelephoneTwoPeople) {
    const ca::Masters masters = zero_masters();
    const std::array<std::uint8_t, 16> bytes{};
    const auto row = admit(order("first", "A"));
    const std::string request = token::format_request_code(2, 481516);
    const auto telephone = [&](const CodeRequest& who) {
        return give_reset_code_by_telephone(*inventory_, masters, row.serial, request, who);
    };
    const CodeRequest good{"R-1", "one", "two"};
    EXPECT_EQ(fault_of([&] { (void)telephone(good); }), ca::Fault::policy);  // not finished
    EXPECT_EQ(fault_of([&] { (void)give_activation_code(*inventory_, masters, row.serial, "one"); }),
              ca::Fault::policy);
    {
        Inventory::Work work(*inventory_, "tester");
        work.set_delivery_salt(row.serial, 4711);
        work.set_step(row.serial, "done");
        work.commit();
    }
    EXPECT_EQ(fault_of([&] { (void)telephone({"", "one", "two"}); }), ca::Fault::policy);
    EXPECT_EQ(fault_of([&] { (void)telephone({"R-1", "one", ""}); }), ca::Fault::policy);
    EXPECT_EQ(fault_of([&] { (void)telephone({"R-1", "one", "one"}); }), ca::Fault::policy);
    const auto activation = give_activation_code(*inventory_, masters, row.serial, "one");
    EXPECT_EQ(activation.event.counter, 1);
    const auto code = telephone(good);
    EXPECT_EQ(code.event.counter, 2);
    EXPECT_FALSE(code.given_before);
    const auto again = telephone(good);
    EXPECT_EQ(again.code, code.code);
    EXPECT_TRUE(again.given_before);
    EXPECT_EQ(inventory_->token(row.serial).last_seen, 1);  // told, not proven
    // N22: a caller who lied doesn't keep the activation code from the key's owner.
    EXPECT_EQ(give_activation_code(*inventory_, masters, row.serial, "one").code, activation.code);
    EXPECT_EQ(fault_of([&] { close_lock(*inventory_, masters, row.serial, 2, bytes, "one"); }), ca::Fault::forged);
    for (const auto& audit : inventory_->audit_rows()) {
        EXPECT_EQ(audit.detail.find(code.code), std::string::npos);
    }
    {
        Inventory::Work work(*inventory_, "tester");
        work.set_state(row.serial, TokenState::revoked, "");
        work.commit();
    }
    EXPECT_EQ(fault_of([&] { (void)telephone(good); }), ca::Fault::policy);
}

TEST_F(InventoryTest, N24_RequestCodeThatTheKeyItselfContradictsIsRefused) {
    const ca::Masters masters = zero_masters();
    const auto row = finished(order("first", "A"), 4711);
    const CodeRequest good{"R-1", "one", "two"};
    const auto telephone = [&](std::uint16_t lock, std::uint32_t salt) {
        return give_reset_code_by_telephone(*inventory_, masters, row.serial, token::format_request_code(lock, salt),
                                            good);
    };
    const auto rows = inventory_->audit_rows().size();
    for (const std::uint32_t salt : {0U, 4710U, 999999U}) {
        EXPECT_EQ(fault_of([&] { (void)telephone(1, salt); }), ca::Fault::bad_code) << salt;
    }
    EXPECT_EQ(inventory_->audit_rows().size(), rows);
    EXPECT_TRUE(inventory_->lock_events(row.serial).empty());
    // The delivery's own: N24, the same event, the same code.
    const auto code = telephone(1, 4711);
    EXPECT_EQ(give_activation_code(*inventory_, masters, row.serial, "one").code, code.code);
    // A lock whose salt a checked statement told.
    {
        Inventory::Work work(*inventory_, "one");
        work.note_seen(row.serial, 3);
        work.note_code({row.serial, 3, 55, "statement", "R-2", "one", "", "", ""});
        work.commit();
    }
    EXPECT_EQ(fault_of([&] { (void)telephone(3, 56); }), ca::Fault::bad_code);
    EXPECT_EQ(telephone(3, 55).event.counter, 3);
    EXPECT_EQ(fault_of([&] { (void)give_activation_code(*inventory_, masters, row.serial, "one"); }),
              ca::Fault::replayed);
}

TEST_F(InventoryTest, N24_KeysInDoubtGetNoCodesOfAnyKind) {
    const ca::Masters masters = zero_masters();
    for (const TokenState state : {TokenState::suspended, TokenState::lost, TokenState::damaged, TokenState::revoked}) {
        SCOPED_TRACE(name_of(state));
        const auto row = finished(order("first", name_of(state)), 4711);
        {
            Inventory::Work work(*inventory_, "tester");
            work.set_state(row.serial, state, "");
            work.commit();
        }
        const auto rows = inventory_->audit_rows().size();
        const CodeRequest good{"R-1", "one", "two"};
        const std::string request = token::format_request_code(2, 77);
        EXPECT_EQ(fault_of([&] { (void)give_activation_code(*inventory_, masters, row.serial, "one"); }),
                  ca::Fault::policy);
        EXPECT_EQ(
            fault_of([&] { (void)give_reset_code_by_telephone(*inventory_, masters, row.serial, request, good); }),
            ca::Fault::policy);
        EXPECT_EQ(
            fault_of([&] { (void)give_reset_code(*inventory_, masters, statement(masters, row.serial, 2, 77), good); }),
            ca::Fault::policy);
        EXPECT_EQ(inventory_->audit_rows().size(), rows);
        if (state == TokenState::revoked) continue;
        Inventory::Work work(*inventory_, "tester");
        work.set_state(row.serial, TokenState::revoked, "");
        work.commit();
    }
    // The statement is one that a key in use gets its code for.
    const auto row = finished(order("first", "USED"), 4711);
    EXPECT_EQ(
        give_reset_code(*inventory_, masters, statement(masters, row.serial, 2, 77), {"R-1", "one", ""}).event.counter,
        2);
}

TEST_F(InventoryTest, N24_ProofOfAnUnlockingThatIsOverReopensNothing) {
    const ca::Masters masters = zero_masters();
    const auto row = finished(order("first", "A"), 4711);
    close_lock(*inventory_, masters, row.serial, 2, proof(masters, row.serial, 2), "one");
    EXPECT_EQ(inventory_->token(row.serial).state, TokenState::active);
    (void)check_statement(*inventory_, masters, statement(masters, row.serial, 3, 5), "one");
    ASSERT_EQ(inventory_->token(row.serial).state, TokenState::locked);
    const auto rows = inventory_->audit_rows().size();
    for (const std::uint16_t old : {1, 2}) {
        EXPECT_EQ(fault_of([&] {
                      close_lock(*inventory_, masters, row.serial, old, proof(masters, row.serial, old), "one");
                  }),
                  ca::Fault::replayed)
            << old;
    }
    EXPECT_EQ(inventory_->token(row.serial).state, TokenState::locked);
    EXPECT_EQ(inventory_->audit_rows().size(), rows);
    close_lock(*inventory_, masters, row.serial, 3, proof(masters, row.serial, 3), "one");
    EXPECT_EQ(inventory_->token(row.serial).state, TokenState::active);
    close_lock(*inventory_, masters, row.serial, 3, proof(masters, row.serial, 3), "one");  // told twice: no harm
}

}  // namespace
}  // namespace sealkey::bench
