// An empty inventory, in a SQLite file or in a PostgreSQL database (new_place), and the CA's work with it.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <functional>

#include "bench/inventory.h"
#include "bench/policy.h"
#include "ca/error.h"
#include "support/inventory_place.h"

namespace sealkey::bench {

inline constexpr char kCode[] = "91350100M000100Y43";
inline constexpr char kOtherCode[] = "914403001922038216";
inline constexpr char kMovedCode[] = "91440300M000100Y40";  // of kCode's organisation
inline constexpr char kThirteen[] = "3501M000100Y4";        // and of before the unified codes

inline ca::Fault fault_of(const std::function<void()>& call) {
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
        std::string pattern = (std::filesystem::temp_directory_path() / "sealkey-inventory-XXXXXX").string();
        ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
        folder_ = pattern;
        path_ = new_place(folder_ + "/inventory.sqlite");
        inventory_ = std::make_unique<Inventory>(path_);
    }
    void TearDown() override {
        inventory_.reset();
        std::filesystem::remove_all(folder_);
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

}  // namespace sealkey::bench
