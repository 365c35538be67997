// What becomes of a renewal whose key, or which itself, isn't what it was when a step began.
#include <soci/sqlite3/soci-sqlite3.h>

#include "unit/bench/renewal_fixture.h"

namespace sealkey::bench {
namespace {

TEST_F(RenewalTest, AKeyWhoseMakingIsntFinishedIsntRenewed) {
    const auto set_step = [&](const std::string& step) {
        Inventory::Work work(*inventory_, "clerk");
        work.set_step(token_.serial, step);
        work.commit();
    };
    set_step("check");
    refused(Fault::policy, [&] { (void)desk_->approve(wish()); });
    set_step("done");
    const std::string rid = begin();
    set_step("given-up");
    refused(Fault::policy, [&] { (void)desk_->answer("look", {{"serial", token_.serial}}); });
    refused(Fault::policy, [&] { (void)request(rid); });
    set_step("done");
    EXPECT_EQ(closed(rid), "CLOSED");
}

// Another process between two transactions of one step: SQLite does its part by itself.
class RenewalMeanwhile : public RenewalTest {
protected:
    void SetUp() override {
        if (on_postgresql()) GTEST_SKIP() << "its triggers are written in another way";
        RenewalTest::SetUp();
    }
    void when(const std::string& what, const std::string& then) {
        soci::session sql(soci::sqlite3, "db=" + path());
        sql << "CREATE TRIGGER meanwhile AFTER " + what + " BEGIN " + then + "; END";
    }
};

TEST_F(RenewalMeanwhile, ARenewalThatEndsWithinItsRequestSaysSoAndGetsNoCertificate) {
    const std::string rid = begin();
    when("UPDATE OF state ON renewals WHEN NEW.state = 'REQUESTED'",
         "UPDATE renewals SET state = 'REFUSED', remark = 'a mistake' WHERE rid = NEW.rid");
    try {
        (void)request(rid);
        ADD_FAILURE() << "certificates were made";
    } catch (const ca::CaError& error) {
        EXPECT_EQ(error.fault(), Fault::policy);
        EXPECT_NE(std::string(error.what()).find("a mistake"), std::string::npos) << error.what();
    }
    EXPECT_TRUE(live("9C.next").empty());
}

TEST_F(RenewalMeanwhile, ARenewalThatAnotherProcessClosesIsClosedOnce) {
    const std::string rid = begin();
    (void)proven(rid);
    when("INSERT ON audit WHEN NEW.action = 'crl'", "UPDATE renewals SET state = 'CLOSED' WHERE state = 'CONFIRMED'");
    EXPECT_EQ(desk_->answer("confirm", token_.confirmation(rid)).at("state"), "CLOSED");
    for (const auto& row : inventory_->audit_rows()) {
        EXPECT_EQ(row.detail.find(R"("to":"CLOSED")"), std::string::npos) << row.detail;
    }
    EXPECT_EQ(desk_->close_confirmed(), 0);
}

}  // namespace
}  // namespace sealkey::bench
