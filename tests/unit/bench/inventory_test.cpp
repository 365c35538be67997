// The inventory itself: its rows, its versions and its audit trail, in a real SQLite file and in a real PostgreSQL
// database.
#include "bench/inventory.h"

#include <sys/stat.h>

#include <set>

#include "inventory_fixture.h"

namespace sealkey::bench {
namespace {

namespace fs = std::filesystem;

TEST_F(InventoryTest, FileIsTheOwnersAlone) {
    if (on_postgresql()) return;
    struct stat st {};
    ASSERT_EQ(::stat(path_.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0600U);
}

TEST_F(InventoryTest, EveryTokenHasNumbersOfItsOwn) {
    std::set<std::string> seen;
    (void)admit(order("first", "A"));
    (void)admit(order("additional", "B"));
    (void)admit(order("first", "C", kOtherCode));
    for (const auto& row : inventory_->tokens()) {
        for (const auto& value : {row.serial, std::to_string(row.numeric_serial), row.guid, row.diversification}) {
            EXPECT_TRUE(seen.insert(value).second) << value;
        }
        EXPECT_NO_THROW(ca::check_token_serial(row.serial));
        EXPECT_LT(row.numeric_serial, 0x80000000LL);
        EXPECT_EQ(row.diversification.size(), 20U);
    }
}

// Between what a certificate was made from and its row the key may have ended, by another bench.
TEST_F(InventoryTest, AKeyThatEndedMeanwhileGetsNoCertificate) {
    const auto row = admit(order("first", "A"));
    const std::vector<std::vector<TokenState>> ways = {
        {TokenState::revoked},  {TokenState::revoked, TokenState::terminated},
        {TokenState::replaced}, {TokenState::suspended},
        {TokenState::lost},     {TokenState::damaged}};
    const auto add = [&](Inventory::Work& work) {
        work.add_certificate({"BB", row.serial, "9C", "00", "another", "", "", ""});
    };
    for (const auto& way : ways) {
        Inventory::Work work(*inventory_, "tester");
        for (const TokenState state : way) work.set_state(row.serial, state, "");
        EXPECT_EQ(fault_of([&] { add(work); }), ca::Fault::policy) << name_of(way.back());
        work.commit();
        EXPECT_EQ(inventory_->certificates_of(row.serial).size(), 1U);
        soci::session sql;
        open_past_the_program(sql, path_);
        sql << "UPDATE tokens SET state = 'PERSONALISED'";
    }
    {
        Inventory::Work work(*inventory_, "tester");
        add(work);  // so that it isn't refused for something else
    }
    (void)give_up(*inventory_, "tester", row.serial, "broke");
    soci::session sql;
    open_past_the_program(sql, path_);
    sql << "UPDATE tokens SET state = 'INITIALISED'";
    Inventory::Work work(*inventory_, "tester");
    EXPECT_EQ(fault_of([&] { add(work); }), ca::Fault::policy);
}

TEST_F(InventoryTest, ASlotHasOneLiveCertificate) {
    const auto row = admit(order("first", "A"));
    const auto add = [&](const char* serial) {
        Inventory::Work work(*inventory_, "tester");
        work.add_certificate({serial, row.serial, "9A", "00", std::string("key") + serial, "", "", ""});
        work.commit();
    };
    EXPECT_EQ(fault_of([&] { add("BB"); }), ca::Fault::policy);
    // The database holds to it, whoever writes there.
    soci::session sql;
    open_past_the_program(sql, path_);
    const auto past = [&](const std::string& serial, const std::string& slot) {
        sql << "INSERT INTO certificates (serial, token, slot, der, spki, not_after, number) VALUES ('" + serial +
                   "', '" + row.serial + "', '" + slot + "', '00', 'k" + serial + "', '', 100)";
    };
    EXPECT_THROW(past("CC", "9A"), soci::soci_error);
    EXPECT_NO_THROW(past("DD", "9A.next"));
    {
        Inventory::Work work(*inventory_, "tester");
        EXPECT_EQ(work.hold_certificates(row.serial, ca::now()), 2);
        EXPECT_EQ(work.release_certificates(row.serial), 2);
        work.revoke_certificate("AA1", "superseded", ca::now());
        work.commit();
    }
    add("BB");
    EXPECT_EQ(inventory_->live_certificate(row.serial, "9A")->serial, "BB");
}

TEST_F(InventoryTest, WhatWasRevokedSinceTheLastListIsNoticed) {
    const auto row = admit(order("first", "A"));
    EXPECT_FALSE(inventory_->list_is_behind());
    const auto change = [&](const std::function<void(Inventory::Work&)>& what) {
        Inventory::Work work(*inventory_, "tester");
        what(work);
        work.commit();
    };
    const auto list = [&] { change([](Inventory::Work& work) { work.audit("crl", "1", {}); }); };
    const std::vector<std::function<void(Inventory::Work&)>> changes = {
        [&](auto& work) { (void)work.hold_certificates(row.serial, ca::now()); },
        [&](auto& work) { (void)work.release_certificates(row.serial); },
        [&](auto& work) { work.revoke_certificate("AA1", "superseded", ca::now()); }};
    for (const auto& what : changes) {
        change(what);
        EXPECT_TRUE(inventory_->list_is_behind());
        list();
        EXPECT_FALSE(inventory_->list_is_behind());
    }
}

// Version 6 counts by organisation and has one live certificate a slot; where an inventory has two, nobody can tell
// from there which one is on the key.
TEST_F(InventoryTest, Version5IsTakenOverUnlessASlotHasTwoLiveCertificates) {
    const auto row = admit(order("first", "A"));
    inventory_.reset();
    soci::session sql;
    open_past_the_program(sql, path_);
    back_to_version_5(sql);
    sql << "INSERT INTO certificates (serial, token, slot, der, spki, not_after, number) VALUES ('BB', '" + row.serial +
               "', '9A', '00', 'k', '', 2)";
    try {
        Inventory again(path_);
        ADD_FAILURE() << "nothing was refused";
    } catch (const ca::CaError& error) {
        EXPECT_EQ(error.fault(), ca::Fault::corrupt);
        EXPECT_NE(std::string(error.what()).find(row.serial), std::string::npos) << error.what();
    }
    sql << "DROP INDEX tokens_by_enterprise";  // still there: nothing was changed
    sql << "CREATE INDEX tokens_by_enterprise ON tokens (unified_code)";
    sql << "UPDATE certificates SET revoked_at = '2026-01-01T00:00:00Z', reason = 'superseded' WHERE serial = 'AA1'";
    Inventory again(path_);
    EXPECT_EQ(again.live_certificate(row.serial, "9A")->serial, "BB");
    EXPECT_EQ(again.tokens_of(kMovedCode).size(), 1U);
    EXPECT_THROW(sql << "UPDATE certificates SET revoked_at = ''", soci::soci_error);
}

TEST_F(InventoryTest, WorkWithoutCommitLeavesNothing) {
    const auto row = admit(order("first", "A"));
    const auto rows = inventory_->audit_rows().size();
    {
        Inventory::Work work(*inventory_, "tester");
        work.set_state(row.serial, TokenState::revoked, "");
        work.revoke_certificates(row.serial, "superseded", ca::now());
        (void)work.next_crl_number();
    }
    EXPECT_EQ(inventory_->token(row.serial).state, TokenState::personalised);
    EXPECT_TRUE(inventory_->revoked().empty());
    EXPECT_EQ(inventory_->audit_rows().size(), rows);
}

TEST_F(InventoryTest, OneKeyGetsOneCertificateOnly) {
    const auto row = admit(order("first", "A"));
    Inventory::Work work(*inventory_, "tester");
    EXPECT_EQ(fault_of([&] {
                  work.add_certificate({"BB", row.serial, "9C", "00", "spki1", "", "", ""});
              }),
              ca::Fault::policy);
    EXPECT_EQ(fault_of([&] { work.revoke_certificates(row.serial, "because", ca::now()); }), ca::Fault::bad_argument);
    EXPECT_EQ(fault_of([&] { work.set_state(row.serial, TokenState::blank, ""); }), ca::Fault::policy);
}

TEST_F(InventoryTest, ChangedAuditRowIsFound) {
    (void)admit(order("first", "A"));
    (void)admit(order("additional", "B"));
    EXPECT_NO_THROW(inventory_->check_audit_chain());
    soci::session sql;
    open_past_the_program(sql, path_);
    EXPECT_THROW(sql << "UPDATE audit SET detail = '{}' WHERE id = 2", soci::soci_error);
    EXPECT_THROW(sql << "DELETE FROM audit WHERE id = 2", soci::soci_error);
    if (on_postgresql()) {
        EXPECT_THROW(sql << "TRUNCATE audit", soci::soci_error);
        sql << "DROP TRIGGER audit_stays ON audit";
    } else {
        sql << "DROP TRIGGER audit_stays_1";
        sql << "DROP TRIGGER audit_stays_2";
    }
    for (const char* column : {"at", "operator", "action", "subject", "detail", "previous", "hash"}) {
        std::string before;
        sql << std::string("SELECT ") + column + " FROM audit WHERE id = 3", soci::into(before);
        sql << std::string("UPDATE audit SET ") + column + " = 'x' WHERE id = 3";
        EXPECT_EQ(fault_of([&] { inventory_->check_audit_chain(); }), ca::Fault::corrupt) << column;
        sql << std::string("UPDATE audit SET ") + column + " = :b WHERE id = 3", soci::use(before);
        EXPECT_NO_THROW(inventory_->check_audit_chain()) << column;
    }
}

// Whoever may write to the file without the program: each kind of change is found and named.
TEST_F(InventoryTest, AuditRowsTakenOutMovedCutOffOrWrittenAnewAreFound) {
    (void)admit(order("first", "A"));
    const AuditHead noted = inventory_->audit_head();
    (void)admit(order("additional", "B"));
    const auto rows = inventory_->audit_rows();
    const AuditHead end = inventory_->audit_head();
    ASSERT_EQ(end.id, static_cast<long long>(rows.size()));
    EXPECT_NO_THROW(check_chain(rows, end, std::nullopt));
    EXPECT_NO_THROW(check_chain(rows, end, noted));
    EXPECT_NO_THROW(check_chain(rows, end, end));
    EXPECT_NO_THROW(check_chain({}, {}, std::nullopt));

    const auto refused = [&](std::vector<AuditRow> changed, const AuditHead& head,
                             const std::optional<AuditHead>& note) {
        return fault_of([&] { check_chain(changed, head, note); }) == ca::Fault::corrupt;
    };
    for (std::size_t i = 0; i < rows.size(); ++i) {
        SCOPED_TRACE(i + 1);
        auto out = rows;
        out.erase(out.begin() + static_cast<std::ptrdiff_t>(i));
        EXPECT_TRUE(refused(out, end, std::nullopt));
        for (std::size_t k = i; k < out.size(); ++k) --out[k].id;  // and the numbers closed up
        EXPECT_TRUE(refused(out, end, std::nullopt));
        auto moved = rows;
        std::swap(moved[i], moved[(i + 1) % rows.size()]);
        EXPECT_TRUE(refused(moved, end, std::nullopt));
        std::swap(moved[i].id, moved[(i + 1) % rows.size()].id);
        EXPECT_TRUE(refused(moved, end, std::nullopt));
        const std::vector<AuditRow> cut(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(i));
        EXPECT_TRUE(refused(cut, end, std::nullopt));
        // With the note in the inventory changed too, only one that stands elsewhere shows it.
        const AuditHead shorter = i == 0 ? AuditHead{} : AuditHead{cut.back().id, cut.back().hash};
        EXPECT_NO_THROW(check_chain(cut, shorter, std::nullopt));
        EXPECT_TRUE(refused(cut, shorter, end));
    }
    auto anew = rows;
    std::string previous;
    for (AuditRow& row : anew) {
        row.operator_name = "somebody else";
        row.previous = previous;
        row.hash = previous = chain_hash(row);
    }
    const AuditHead new_end{end.id, previous};
    EXPECT_NO_THROW(check_chain(anew, new_end, std::nullopt));
    EXPECT_TRUE(refused(anew, new_end, noted));
    EXPECT_TRUE(refused(rows, {end.id, noted.hash}, std::nullopt));
    auto longer = rows;
    longer.push_back(rows.back());
    longer.back().id = end.id + 1;
    longer.back().previous = end.hash;
    longer.back().hash = chain_hash(longer.back());
    EXPECT_TRUE(refused(longer, end, std::nullopt));
}

TEST_F(InventoryTest, AuditHeadsThatAreNoneAreRefused) {
    (void)admit(order("first", "A"));
    const std::string good = text_of(inventory_->audit_head());
    EXPECT_EQ(parse_audit_head(good), inventory_->audit_head());
    for (const std::string& bad :
         {std::string(), std::string(":"), std::string("1"), "x" + good, good + "0", good.substr(0, good.size() - 1),
          "0" + good.substr(1), "9999999999999999999" + good.substr(1), "-" + good}) {
        EXPECT_EQ(fault_of([&] { (void)parse_audit_head(bad); }), ca::Fault::bad_argument) << bad;
    }
}

// An inventory of the version before notes its last row when it is opened.
TEST_F(InventoryTest, OlderInventoryIsTakenOver) {
    (void)admit(order("first", "A"));
    const AuditHead head = inventory_->audit_head();
    inventory_.reset();
    {
        soci::session sql;
        open_past_the_program(sql, path_);
        back_to_version_5(sql);
        sql << "DROP INDEX certificates_by_number";
        sql << "ALTER TABLE certificates DROP COLUMN number";
        sql << "DROP TABLE jobs";
        sql << "ALTER TABLE renewal_keys DROP COLUMN centre_key";
        sql << "ALTER TABLE renewal_keys DROP COLUMN envelope";
        sql << "DELETE FROM meta WHERE name = 'audit_head'";
        set_version(sql, "2");
    }
    Inventory again(path_);
    EXPECT_EQ(again.audit_head(), head);
    EXPECT_NO_THROW(again.check_audit_chain());
}

// Version 5 counts the certificates; those of before keep the order in which they were issued.
TEST_F(InventoryTest, CertificatesKeepTheirOrder) {
    const auto row = admit(order("first", "A"));
    {
        Inventory::Work work(*inventory_, "tester");
        for (const char* serial : {"FF", "01", "80"}) {
            work.revoke_certificates(row.serial, "superseded", ca::now());
            work.add_certificate({serial, row.serial, "9A", "00", std::string("key") + serial, "", "", ""});
        }
        work.commit();
    }
    const auto serials = [&](Inventory& inventory) {
        std::vector<std::string> all;
        for (const auto& one : inventory.certificates_of(row.serial)) all.push_back(one.serial);
        return all;
    };
    const std::vector<std::string> expected{"AA1", "FF", "01", "80"};
    EXPECT_EQ(serials(*inventory_), expected);
    EXPECT_EQ(inventory_->live_certificate(row.serial, "9A")->serial, "80");
    if (on_postgresql()) return;
    inventory_.reset();
    {
        soci::session sql;
        open_past_the_program(sql, path_);
        back_to_version_5(sql);
        sql << "DROP INDEX certificates_by_number";
        sql << "ALTER TABLE certificates DROP COLUMN number";
        sql << "ALTER TABLE renewal_keys DROP COLUMN centre_key";
        sql << "ALTER TABLE renewal_keys DROP COLUMN envelope";
        set_version(sql, "4");
    }
    Inventory again(path_);
    EXPECT_EQ(serials(again), expected);
}

TEST_F(InventoryTest, UnknownVersionIsRefusedAndUntouched) {
    inventory_.reset();
    {
        soci::session sql;
        open_past_the_program(sql, path_);
        set_version(sql, "99");
    }
    if (on_postgresql()) {
        EXPECT_EQ(fault_of([&] { Inventory again(path_); }), ca::Fault::corrupt);
        return;
    }
    const std::string before = ca::read_file(path_);
    EXPECT_EQ(fault_of([&] { Inventory again(path_); }), ca::Fault::corrupt);
    EXPECT_EQ(ca::read_file(path_), before);
    ca::write_file(path_, "this is no database, it is a letter of some length", true);
    EXPECT_EQ(fault_of([&] { Inventory again(path_); }), ca::Fault::corrupt);
    EXPECT_EQ(fault_of([&] { Inventory nowhere(folder_ + "/none/inventory.sqlite"); }), ca::Fault::file);
}

}  // namespace
}  // namespace sealkey::bench
