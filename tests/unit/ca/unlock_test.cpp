// The CA's side of lock, reset code and activation (design section 7; requirement N24).
#include "ca/unlock.h"

#include <gtest/gtest.h>

#include <functional>
#include <numeric>

#include "ca/openssl.h"
#include "unit/ca/refusal.h"

namespace sealkey::ca {
namespace {

constexpr char kSerial[] = "0123456789AB";

Masters masters_of(std::uint8_t first, std::uint8_t key_version = 1) {
    std::array<std::uint8_t, 32> bytes{};
    std::iota(bytes.begin(), bytes.end(), first);
    Masters masters;
    masters.key_version = key_version;
    masters.unlock.assign(bytes);
    masters.management.assign(bytes);
    return masters;
}

// A statement as a token makes it.
ByteVector statement_of(const Masters& masters, const std::string& serial, std::uint16_t counter, std::uint32_t salt,
                        protocol::LockState state = protocol::LockState::locked) {
    ByteVector out(protocol::kLockStatementSigned);
    out[0] = 1;
    out[1] = masters.key_version;
    std::copy(serial.begin(), serial.end(), out.begin() + 2);
    store_be16(&out[14], counter);
    store_be32(&out[16], salt);
    out[20] = 5;
    out[21] = static_cast<std::uint8_t>(state);
    ByteVector input(bytes_of(protocol::kLockStatementLabel).begin(), bytes_of(protocol::kLockStatementLabel).end());
    input.insert(input.end(), out.begin(), out.end());
    const auto mac = cmac(unlock_key(masters, serial).bytes(), input);
    out.insert(out.end(), mac.begin(), mac.end());
    return out;
}

TEST(Derivation, AesCmacIsThatOfSp80038b) {
    // SP 800-38B appendix D.3, examples 9 and 10 (AES-256).
    const auto key = unhex("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4");
    EXPECT_EQ(hex(cmac(key, {})), "028962f61b7bf89efc6b551f4667d983");
    EXPECT_EQ(hex(cmac(key, unhex("6bc1bee22e409f96e93d7e117393172a"))), "28a7023f452e8f82bd4bf28d8c37c35c");
}

TEST(Derivation, WorkedVectorOfTheDesign) {
    const Masters masters = masters_of(0);
    EXPECT_EQ(hex(unlock_key(masters, kSerial).bytes()),
              "c9991162a828e49bf892026372f92040ad0bfcfa2f1bfe018407426cad790d62");
    EXPECT_EQ(token::format_request_code(3, 481516), "00348 15166");
    EXPECT_EQ(token::format_code(reset_code(masters, {kSerial, 3, 481516}).bytes()), "1691-4157-9270-3943");
}

TEST(Derivation, PurposesVersionsAndSerialsGiveDifferentKeys) {
    const Masters masters = masters_of(0);
    const auto unlock = hex(unlock_key(masters, kSerial).bytes());
    EXPECT_NE(unlock, hex(management_key(masters, kSerial).bytes()));
    EXPECT_NE(unlock, hex(unlock_key(masters_of(0, 2), kSerial).bytes()));
    EXPECT_NE(unlock, hex(unlock_key(masters_of(1), kSerial).bytes()));
    EXPECT_NE(unlock, hex(unlock_key(masters, "0123456789AC").bytes()));
}

TEST(Derivation, SerialsOfAnotherLengthAreRefused) {
    for (const char* serial : {"", "0123456789A", "0123456789ABC"}) {
        EXPECT_EQ(fault_of([&] { (void)unlock_key(masters_of(0), serial); }), Fault::bad_argument) << serial;
    }
}

TEST(N24_ResetCode, SameEventSameCode_AnotherEventAnotherCode) {
    const Masters masters = masters_of(7);
    const auto code = [&](std::uint16_t counter, std::uint32_t salt, const char* serial = kSerial) {
        return token::format_code(reset_code(masters, {serial, counter, salt}).bytes());
    };
    EXPECT_EQ(code(4, 17), code(4, 17));
    EXPECT_NE(code(4, 17), code(5, 17));
    EXPECT_NE(code(4, 17), code(4, 18));
    EXPECT_NE(code(4, 17), code(4, 17, "0123456789AC"));
}

TEST(N24_ResetCode, ThereIsNoneForAnEventThatCantBe) {
    const Masters masters = masters_of(7);
    EXPECT_EQ(fault_of([&] { (void)reset_code(masters, {kSerial, 0, 1}); }), Fault::bad_argument);
    EXPECT_EQ(fault_of([&] { (void)reset_code(masters, {kSerial, 0xFFFF, 1}); }), Fault::bad_argument);
    EXPECT_EQ(fault_of([&] { (void)reset_code(masters, {kSerial, 1, 1000000}); }), Fault::bad_argument);
}

TEST(N24_LockStatement, RightOneIsTaken) {
    const Masters masters = masters_of(3);
    const auto statement = check_lock_statement(masters, {kSerial, 1, 2, 1}, statement_of(masters, kSerial, 2, 999999));
    EXPECT_EQ(statement.lock.counter, 2);
    EXPECT_EQ(statement.lock.salt, 999999U);
    // The same again: the same event gives the same code, so it isn't refused.
    EXPECT_NO_THROW((void)check_lock_statement(masters, {kSerial, 1, 2, 1}, statement_of(masters, kSerial, 2, 999999)));
}

TEST(N24_LockStatement, EveryChangedBitIsRefused) {
    const Masters masters = masters_of(3);
    const ByteVector good = statement_of(masters, kSerial, 2, 4711);
    int tried = 0;
    for (std::size_t i = 0; i < good.size(); ++i) {
        for (int bit = 0; bit < 8; ++bit) {
            ByteVector bad = good;
            bad[i] = static_cast<std::uint8_t>(bad[i] ^ (1 << bit));
            EXPECT_THROW((void)check_lock_statement(masters, {kSerial, 1, 0, 0}, bad), CaError) << i << "." << bit;
            ++tried;
        }
    }
    EXPECT_EQ(tried, 38 * 8);
}

TEST(N24_LockStatement, WrongLengthsAreRefused) {
    const Masters masters = masters_of(3);
    const ByteVector good = statement_of(masters, kSerial, 2, 4711);
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_EQ(fault_of([&] {
                      (void)check_lock_statement(masters, {kSerial, 1, 0, 0}, Bytes(good).first(size));
                  }),
                  Fault::bad_argument);
    }
    ByteVector longer = good;
    longer.push_back(0);
    EXPECT_EQ(fault_of([&] { (void)check_lock_statement(masters, {kSerial, 1, 0, 0}, longer); }), Fault::bad_argument);
}

TEST(N24_LockStatement, ReplayOfAnEndedLockIsRefused) {
    const Masters masters = masters_of(3);
    const ByteVector statement = statement_of(masters, kSerial, 5, 4711);
    EXPECT_EQ(fault_of([&] { (void)check_lock_statement(masters, {kSerial, 1, 5, 5}, statement); }), Fault::replayed);
    EXPECT_EQ(fault_of([&] { (void)check_lock_statement(masters, {kSerial, 1, 9, 8}, statement); }), Fault::replayed);
    EXPECT_EQ(fault_of([&] { (void)check_lock_statement(masters, {kSerial, 1, 6, 4}, statement); }), Fault::replayed);
    EXPECT_NO_THROW((void)check_lock_statement(masters, {kSerial, 1, 5, 4}, statement));
}

TEST(N24_LockStatement, AnotherTokensOrAnotherKeyVersionsIsRefused) {
    const Masters masters = masters_of(3);
    EXPECT_EQ(fault_of([&] {
                  (void)check_lock_statement(masters, {kSerial, 1, 0, 0}, statement_of(masters, "0123456789AC", 2, 1));
              }),
              Fault::unknown);
    const Masters other_version = masters_of(3, 2);
    EXPECT_EQ(fault_of([&] {
                  (void)check_lock_statement(masters, {kSerial, 1, 0, 0}, statement_of(other_version, kSerial, 2, 1));
              }),
              Fault::unknown);
    // A token of another CA, whose serial happens to be the same.
    EXPECT_EQ(fault_of([&] {
                  (void)check_lock_statement(masters, {kSerial, 1, 0, 0}, statement_of(masters_of(4), kSerial, 2, 1));
              }),
              Fault::forged);
}

TEST(N24_LockStatement, UnlockedAndBenchOnlyStatesGetNoCode) {
    const Masters masters = masters_of(3);
    for (const auto state : {protocol::LockState::none, protocol::LockState::bench_only}) {
        EXPECT_EQ(
            fault_of([&] {
                (void)check_lock_statement(masters, {kSerial, 1, 0, 0}, statement_of(masters, kSerial, 2, 1, state));
            }),
            Fault::policy);
    }
}

TEST(N24_RequestCode, MeansTheNextLockWithItsDigits) {
    EXPECT_EQ(event_of_request({kSerial, 1, 1, 1}, {3, 481516}).counter, 3);
    EXPECT_EQ(event_of_request({kSerial, 1, 3, 1}, {3, 481516}).counter, 3);
    EXPECT_EQ(event_of_request({kSerial, 1, 999, 999}, {2, 481516}).counter, 1002);
    EXPECT_EQ(event_of_request({kSerial, 1, 1002, 1001}, {2, 481516}).counter, 1002);
    EXPECT_EQ(event_of_request({kSerial, 1, 1002, 1002}, {2, 481516}).counter, 2002);
    EXPECT_EQ(fault_of([] { (void)event_of_request({kSerial, 1, 65500, 65500}, {1, 1}); }), Fault::replayed);
    EXPECT_EQ(fault_of([] { (void)event_of_request({kSerial, 1, 65535, 65535}, {1, 1}); }), Fault::replayed);
}

TEST(ResetDone, OnlyTheTokensOwnProofForThisLockIsTaken) {
    const Masters masters = masters_of(3);
    ByteVector input(bytes_of(protocol::kResetDoneLabel).begin(), bytes_of(protocol::kResetDoneLabel).end());
    input.push_back(0);
    input.push_back(9);
    const auto proof = cmac(unlock_key(masters, kSerial).bytes(), input);
    EXPECT_NO_THROW(check_reset_done(masters, kSerial, 9, proof));
    EXPECT_EQ(fault_of([&] { check_reset_done(masters, kSerial, 8, proof); }), Fault::forged);
    EXPECT_EQ(fault_of([&] { check_reset_done(masters, "0123456789AC", 9, proof); }), Fault::forged);
    EXPECT_EQ(fault_of([&] { check_reset_done(masters, kSerial, 9, Bytes(proof).first(15)); }), Fault::forged);
    EXPECT_EQ(fault_of([&] { check_reset_done(masters, kSerial, 9, {}); }), Fault::forged);
    for (std::size_t i = 0; i < proof.size(); ++i) {
        auto bad = proof;
        bad[i] ^= 0x10;
        EXPECT_EQ(fault_of([&] { check_reset_done(masters, kSerial, 9, bad); }), Fault::forged);
    }
}

TEST(TokenSerial, EverySlipOfOneDigitIsNoticed) {
    const std::string serial = make_token_serial(2026, 42);
    EXPECT_EQ(serial.substr(0, 11), "SK260000042");
    EXPECT_NO_THROW(check_token_serial(serial));
    for (std::size_t i = 2; i < serial.size(); ++i) {
        for (char c = '0'; c <= '9'; ++c) {
            std::string wrong = serial;
            wrong[i] = c;
            if (wrong != serial) {
                EXPECT_THROW(check_token_serial(wrong), CaError) << wrong;
            }
        }
    }
    for (const char* wrong : {"", "SK", "SK26000004", "XX2600000420", "SK26000004A0"}) {
        EXPECT_THROW(check_token_serial(wrong), CaError) << wrong;
    }
    EXPECT_THROW((void)make_token_serial(2026, 0), CaError);
    EXPECT_THROW((void)make_token_serial(2026, 10000000), CaError);
}

}  // namespace
}  // namespace sealkey::ca
