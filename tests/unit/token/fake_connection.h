// A card that answers as a test tells it, and remembers what it was asked.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "token/token.h"

namespace sealkey::token::test {

inline ByteVector bytes(const std::string& hex_text) {
    ByteVector out;
    std::string digits;
    for (const char c : hex_text) {
        if (c != ' ') digits += c;
    }
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
        out.push_back(static_cast<std::uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
    }
    return out;
}

inline std::string hex_of(ByteView data) {
    static constexpr char kDigits[] = "0123456789ABCDEF";
    std::string out;
    for (const auto byte : data) {
        out += kDigits[byte >> 4];
        out += kDigits[byte & 15];
    }
    return out;
}

struct FakeCard {
    // Answers in order; after the last one, 6F00. A step may throw instead.
    struct Step {
        ByteVector answer;
        std::optional<transport::Failure> failure;
    };
    std::deque<Step> steps;
    std::deque<std::optional<transport::Failure>> begins;  // what the next begin_transaction() calls throw
    std::vector<std::string> sent;                         // hexadecimal
    bool extended = false;
    ByteVector atr{0x3B, 0x00};  // nobody's
    int open_transactions = 0;
    int transactions = 0;

    FakeCard& answers(const std::string& hex_text) {
        steps.push_back({bytes(hex_text), std::nullopt});
        return *this;
    }
    FakeCard& fails(transport::Failure failure) {
        steps.push_back({{}, failure});
        return *this;
    }
};

class FakeConnection final : public transport::Connection {
public:
    explicit FakeConnection(FakeCard& card) : card_(card) {}
    ByteVector transmit(ByteView command) override {
        EXPECT_GT(card_.open_transactions, 0) << "a command outside a transaction";
        card_.sent.push_back(hex_of(command));
        if (card_.steps.empty()) return {0x6F, 0x00};
        const auto step = card_.steps.front();
        card_.steps.pop_front();
        if (step.failure) throw transport::TransportError(*step.failure, "told to fail");
        return step.answer;
    }
    void begin_transaction() override {
        if (card_.open_transactions == 0 && !card_.begins.empty()) {
            const auto failure = card_.begins.front();
            card_.begins.pop_front();
            if (failure) throw transport::TransportError(*failure, "told to fail");
        }
        ++card_.open_transactions;
        ++card_.transactions;
    }
    void end_transaction() noexcept override { --card_.open_transactions; }
    ByteVector atr() const override { return card_.atr; }
    bool extended_length() const override { return card_.extended; }

private:
    FakeCard& card_;
};

inline constexpr char kSelect[] =
    "00A404000BA000000308000010000100"
    "00";
inline constexpr char kSelected[] = "6106 4F04 00001000 9000";
// version, serial 0123456789AB, firmware 0.1.0, shipping, secured, PIN 6 of 6, PUK 0 of 6 blocked, no lock, counter 7.
inline constexpr char kStatus[] =
    "800101 810C303132333435363738394142 8203000100 830101 840102 8503060600 8603000601"
    "8709 0000 00000000 00 00 00 88040000 0007 890400001234"
    "901C 9A 07 02 01 01 0400 0001 00112233445566778899AABBCCDDEEFF A1A2A3"
    "910D 40 00004000 0102030405060708";

template <class F>
inline TokenError token_error_of(F&& f) {
    try {
        f();
    } catch (const TokenError& error) {
        return error;
    }
    ADD_FAILURE() << "no TokenError";
    return {Kind::token_failure, "none"};
}

}  // namespace sealkey::token::test
