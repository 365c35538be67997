// The inventory and the CA's rules over it, in a real SQLite file and in a real PostgreSQL database.
#include "bench/inventory.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>

#include "bench/parcel.h"
#include "bench/policy.h"
#include "bench/unlock_desk.h"
#include "ca/error.h"
#include "support/inventory_place.h"

namespace sealkey::bench {
namespace {

namespace fs = std::filesystem;
constexpr char kCode[] = "91350100M000100Y43";
constexpr char kOtherCode[] = "914403001922038216";
constexpr char kMovedCode[] = "91440300M000100Y40";  // of kCode's organisation
constexpr char kThirteen[] = "3501M000100Y4";        // and of before the unified codes

ca::Fault fault_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const ca::CaError& error) {
        return error.fault();
    }
    ADD_FAILURE() << "nothing was refused";
    return ca::Fault::crypto;
}

class InventoryTest : public ::testing::Test {
protected:
    void SetUp() override {
        std::string pattern = (fs::temp_directory_path() / "sealkey-inventory-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        path_ = new_place(folder_ + "/inventory.sqlite");
        inventory_ = std::make_unique<Inventory>(path_);
    }
    void TearDown() override {
        inventory_.reset();
        fs::remove_all(folder_);
    }

    static Order order(const char* kind, const char* login, const char* code = kCode) {
        Order order;
        order.kind = kind;
        order.enterprise_name = "X";
        order.unified_code = code;
        order.login_name = login;
        order.reason = "because";
        return order;
    }
    Order replacement(const std::string& serial, const char* login = "", const char* what = "lost") {
        Order order = InventoryTest::order("replacement", login);
        order.replaces = serial;
        order.lost_or_damaged = what;
        return order;
    }
    // As the bench does it: policy and row in one transaction, then the key's making.
    TokenRow admit(const Order& order) {
        Inventory::Work work(*inventory_, "tester");
        const Admission admission = admit_order(*inventory_, work, order);
        const std::string chip = "chip" + std::to_string(++chips_);
        const TokenRow row = work.add_token(chip, admission.order, "", admission.key_number, 1);
        work.set_state(row.serial, TokenState::initialised, "");
        work.add_certificate(
            {"AA" + std::to_string(chips_), row.serial, "9A", "00", "spki" + std::to_string(chips_), "", "", ""});
        work.set_state(row.serial, TokenState::personalised, "");
        work.commit();
        return inventory_->token(row.serial);
    }
    ca::Fault refusal(const Order& order) {
        const auto before = inventory_->tokens().size();
        const auto rows = inventory_->audit_rows().size();
        const auto fault = fault_of([&] { (void)admit(order); });
        EXPECT_EQ(inventory_->tokens().size(), before);
        EXPECT_EQ(inventory_->audit_rows().size(), rows);
        return fault;
    }

    static void set_version(soci::session& sql, const std::string& version) {
        sql << (on_postgresql() ? "UPDATE meta SET value = '" + version + "' WHERE name = 'schema_version'"
                                : "PRAGMA user_version = " + version);
    }
    static ca::Masters zero_masters() {
        ca::Masters masters;
        masters.unlock.assign(std::array<std::uint8_t, 32>{});
        masters.management.assign(std::array<std::uint8_t, 32>{});
        return masters;
    }
    // As it leaves the bench.
    TokenRow finished(const Order& order, std::uint32_t salt) {
        const auto row = admit(order);
        Inventory::Work work(*inventory_, "tester");
        work.set_delivery_salt(row.serial, salt);
        work.set_step(row.serial, "done");
        work.commit();
        return inventory_->token(row.serial);
    }
    // What the key itself makes: "LOCK-STMT" || statement, and "RESET-DONE" || LC, under its unlock key.
    static ca::ByteVector statement(const ca::Masters& masters, const std::string& serial, std::uint8_t lock,
                                    std::uint8_t salt) {
        const std::string head = {1, static_cast<char>(masters.key_version)};
        const std::string lock_part = {0, static_cast<char>(lock), 0, 0,
                                       0, static_cast<char>(salt), 5, static_cast<char>(protocol::LockState::locked)};
        const std::string body = head + serial + lock_part;
        const auto mac = maced(masters, serial, "LOCK-STMT" + body);
        ca::ByteVector out(body.begin(), body.end());
        out.insert(out.end(), mac.begin(), mac.end());
        return out;
    }
    static ca::ByteVector proof(const ca::Masters& masters, const std::string& serial, std::uint16_t lock) {
        const std::string counter = {static_cast<char>(lock >> 8), static_cast<char>(lock)};
        return maced(masters, serial, "RESET-DONE" + counter);
    }
    static ca::ByteVector maced(const ca::Masters& masters, const std::string& serial, const std::string& text) {
        const ca::ByteVector input(text.begin(), text.end());
        const auto mac = ca::cmac(ca::unlock_key(masters, serial).bytes(), input);
        return {mac.begin(), mac.end()};
    }

    std::string folder_, path_;
    std::unique_ptr<Inventory> inventory_;
    int chips_ = 0;
};

TEST_F(InventoryTest, FileIsTheOwnersAlone) {
    if (on_postgresql()) return;
    struct stat st {};
    ASSERT_EQ(::stat(path_.c_str(), &st), 0);
    EXPECT_EQ(st.st_mode & 0777, 0600U);
}

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
