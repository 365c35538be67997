// The address of an inventory, and what a PostgreSQL server does to it.
#include "bench/database.h"

#include <gtest/gtest.h>

#include <thread>

#include "bench/inventory.h"
#include "ca/error.h"
#include "support/inventory_place.h"

namespace sealkey::bench {
namespace {

ca::CaError refusal_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const ca::CaError& error) {
        return error;
    }
    ADD_FAILURE() << "nothing was refused";
    return {ca::Fault::crypto, ""};
}

bool says(const ca::CaError& error, const std::string& words) {
    return std::string(error.what()).find(words) != std::string::npos;
}

TEST(DatabaseUrl, SecretsInItAreRefusedAndNotRepeated) {
    for (const std::string url :
         {"postgresql://clerk:hunter2@db.example.cn/keys", "postgres://clerk:hunter2@/keys?host=/run",
          "postgresql://clerk@db.example.cn/keys?password=hunter2",
          "postgresql://db.example.cn/keys?sslmode=verify-full&sslpassword=hunter2",
          "postgresql://clerk:hunter2@db.example.cn:nonsense:5432/keys?x", "postgresql://clerk:hunter2@[/keys"}) {
        const auto error = refusal_of([&] { check_database_url(url); });
        EXPECT_EQ(error.fault(), ca::Fault::bad_argument) << url;
        EXPECT_FALSE(says(error, "hunter2")) << url;
        EXPECT_EQ(refusal_of([&] { Inventory never(url); }).fault(), ca::Fault::bad_argument) << url;
    }
    EXPECT_TRUE(says(refusal_of([] { check_database_url("postgresql://a:b@/c"); }), "PGPASSFILE"));
}

TEST(DatabaseUrl, WhatIsNoneIsRefused) {
    for (const std::string url : {"postgresql://[/keys", "postgresql:///keys?no_such_option=1", "mysql://clerk@db/keys",
                                  "host=db dbname=keys", "", "keys"}) {
        EXPECT_EQ(refusal_of([&] { check_database_url(url); }).fault(), ca::Fault::bad_argument) << url;
    }
    for (const std::string url : {"postgresql://clerk@db.example.cn:5433/keys?sslmode=verify-full", "postgres:///keys",
                                  "postgresql:///?service=keys"}) {
        EXPECT_NO_THROW(check_database_url(url)) << url;
    }
}

TEST(DatabaseUrl, OtherMachinesAreToldFromThisOne) {
    for (const char* host : {"", "/run/postgresql", "@abstract", "localhost", "127.0.0.1", "::1"}) {
        EXPECT_TRUE(stays_on_this_machine(host)) << host;
    }
    for (const char* host : {"db.example.cn", "localhost.example.cn", "127.0.0.1.example.cn", "10.0.0.1", "0.0.0.0"}) {
        EXPECT_FALSE(stays_on_this_machine(host)) << host;
    }
}

TEST(DatabaseUrl, AServerThatIsNotThereIsTold) {
    const auto error = refusal_of([] { Inventory never("postgresql:///keys?host=/nonexistent"); });
    EXPECT_EQ(error.fault(), ca::Fault::file);
    EXPECT_TRUE(says(error, "/nonexistent")) << error.what();
}

// What a server does that goes away and comes back is in bench_postgresql.py.
class PostgresqlTest : public ::testing::Test {
protected:
    void SetUp() override {
        ASSERT_TRUE(on_postgresql());
        place_ = new_place("");
        open_past_the_program(sql_, place_);
    }
    int tables() {
        int count = 0;
        sql_ << "SELECT COUNT(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema()", soci::into(count);
        return count;
    }
    static void write(Inventory& inventory, const std::string& name, int rows) {
        for (int i = 0; i < rows; ++i) {
            Inventory::Work work(inventory, name);
            work.audit("test", std::to_string(i), {});
            work.commit();
        }
    }
    // As a server that is stopped does it to each who is connected, but for `sql_`.
    void disconnect_all() {
        sql_ << "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND "
                "application_name = 'sealkey-bench'";
    }

    std::string place_;
    soci::session sql_;
};

TEST_F(PostgresqlTest, AnEmptyDatabaseIsOnlyTakenByWhoMakesACa) {
    const auto error = refusal_of([&] { Inventory never(place_, Missing::refuse); });
    EXPECT_EQ(error.fault(), ca::Fault::file);
    EXPECT_EQ(tables(), 0);
    { Inventory made(place_, Missing::make); }
    EXPECT_NO_THROW(Inventory(place_, Missing::refuse));
}

TEST_F(PostgresqlTest, OthersTablesStayAsTheyAre) {
    sql_ << "CREATE TABLE tokens (name TEXT)";
    EXPECT_EQ(refusal_of([&] { Inventory never(place_); }).fault(), ca::Fault::corrupt);
    sql_ << "CREATE TABLE meta (name TEXT, value TEXT)";
    EXPECT_EQ(refusal_of([&] { Inventory never(place_); }).fault(), ca::Fault::corrupt);
    sql_ << "INSERT INTO meta VALUES ('schema_version', 'x')";
    EXPECT_EQ(refusal_of([&] { Inventory never(place_); }).fault(), ca::Fault::corrupt);
    sql_ << "ALTER TABLE meta RENAME COLUMN name TO label";
    EXPECT_EQ(refusal_of([&] { Inventory never(place_); }).fault(), ca::Fault::corrupt);
    EXPECT_EQ(tables(), 2);
}

TEST_F(PostgresqlTest, ADatabaseWithoutChineseIsRefused) {
    sql_ << "CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0";
    const auto error = refusal_of([] { Inventory never("postgresql://sealkey@/latin?host=" + server_folder()); });
    EXPECT_EQ(error.fault(), ca::Fault::corrupt);
    EXPECT_TRUE(says(error, "LATIN1")) << error.what();
    EXPECT_TRUE(
        says(refusal_of([] { Inventory never("postgresql://nobody@/latin?host=" + server_folder()); }), "nobody"));
    EXPECT_TRUE(
        says(refusal_of([] { Inventory never("postgresql://sealkey@/none?host=" + server_folder()); }), "none"));
}

// In a database whose language has an I without a dot, and no order of bytes.
TEST_F(PostgresqlTest, N5_LoginNamesAreComparedTheSameInEveryLanguage) {
    sql_ << "CREATE DATABASE turkish TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'tr' LOCALE 'C.UTF-8'";
    Inventory inventory("postgresql://sealkey@/turkish?host=" + server_folder());
    Inventory::Work work(inventory, "tester");
    work.take_login_name("FUJIAN", "91350100M000100Y43");
    EXPECT_EQ(refusal_of([&] { work.take_login_name("fujian", "914403001922038216"); }).fault(), ca::Fault::policy);
    EXPECT_NO_THROW(work.take_login_name("FUJ1AN", "914403001922038216"));
}

TEST_F(PostgresqlTest, ManyWritersLoseAndReorderNoRow) {
    constexpr int kWriters = 4;
    constexpr int kRows = 25;
    std::vector<std::thread> writers;
    for (int i = 0; i < kWriters; ++i) {  // the first to come makes the tables, the others find them
        writers.emplace_back([&, i] {
            Inventory inventory(place_);
            write(inventory, "bench " + std::to_string(i), kRows);
        });
    }
    for (auto& one : writers) one.join();
    Inventory inventory(place_);
    EXPECT_NO_THROW(inventory.check_audit_chain());
    EXPECT_EQ(inventory.audit_rows().size(), std::size_t{kWriters * kRows});
}

TEST_F(PostgresqlTest, TheSecondWriterWaitsAndReadersDont) {
    Inventory first(place_);
    Inventory second(place_);
    auto work = std::make_unique<Inventory::Work>(first, "first");
    work->audit("test", "1", {});
    std::thread later([&] { write(second, "second", 1); });
    for (int waiting = 0; waiting == 0;) {
        sql_ << "SELECT COUNT(*) FROM pg_locks WHERE NOT granted AND relation = 'audit'::regclass", soci::into(waiting);
    }
    Inventory reader(place_, Missing::refuse);
    EXPECT_TRUE(reader.audit_rows().empty());
    EXPECT_THROW(sql_ << "SET lock_timeout TO '1ms'; INSERT INTO audit VALUES (1, '', '', '', '', '', '', '')",
                 soci::soci_error);
    work->commit();
    later.join();
    const auto rows = reader.audit_rows();
    ASSERT_EQ(rows.size(), 2U);
    EXPECT_EQ(rows[1].operator_name, "second");
    EXPECT_EQ(rows[1].previous, rows[0].hash);
}

TEST_F(PostgresqlTest, WhatAServerTakesAwayIsTakenBackAndTheNextIsConnectedAgain) {
    Inventory inventory(place_);
    write(inventory, "tester", 1);
    disconnect_all();
    EXPECT_EQ(inventory.audit_rows().size(), 1U) << "between two transactions nobody notices";
    disconnect_all();
    write(inventory, "tester", 1);
    {
        Inventory::Work work(inventory, "tester");
        work.audit("test", "lost", {});
        disconnect_all();
        EXPECT_THROW(work.audit("test", "lost too", {}), soci::soci_error);
    }
    {
        Inventory::Work work(inventory, "tester");
        work.audit("test", "lost", {});
        disconnect_all();
        EXPECT_EQ(refusal_of([&] { work.commit(); }).fault(), ca::Fault::file);
    }
    write(inventory, "tester", 1);
    EXPECT_EQ(inventory.audit_rows().size(), 3U);
    EXPECT_NO_THROW(inventory.check_audit_chain());
}

}  // namespace
}  // namespace sealkey::bench
