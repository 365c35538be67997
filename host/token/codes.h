// Reset, activation and request codes as people read, type and dictate them.
//
// A code's last digit is a Damm check digit, verified here first: a slip of the hand never reaches the token and costs
// no try. Spaces, hyphens of every kind and full-width digits are taken.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "protocol/key.h"

namespace sealkey::token {

enum class CodeFault { empty, not_a_digit, too_short, too_long, wrong_check_digit };

class CodeError : public std::runtime_error {
public:
    CodeError(CodeFault fault, const std::string& what, int digits = 0)
        : std::runtime_error(what), fault_(fault), digits_(digits) {}
    [[nodiscard]] CodeFault fault() const { return fault_; }
    [[nodiscard]] int digits() const { return digits_; }  // how many were found, for too_short and too_long

private:
    CodeFault fault_;
    int digits_;
};

// The Damm check digit ('0'..'9') of ASCII digits: finds every wrong digit and every swap of neighbours.
// Throws CodeError not_a_digit.
[[nodiscard]] char damm_digit(std::string_view digits);

// Fifteen ASCII digits, without the check digit: what the token takes.
using CodeDigits = Secret<protocol::kCodeDigits>;

// `text` as typed. Throws CodeError.
[[nodiscard]] CodeDigits parse_code(std::string_view text);
// `digits` are 15 ASCII digits: "dddd-dddd-dddd-dddd". Throws CodeError. The string is the caller's to wipe.
[[nodiscard]] std::string format_code(Bytes digits);

// LLL SSSSSS C in two groups of five: the lock counter modulo 1000, the salt, a Damm digit.
struct RequestCode {
    std::uint16_t counter_mod_1000 = 0;
    std::uint32_t salt = 0;
};
[[nodiscard]] std::string format_request_code(std::uint16_t lock_counter, std::uint32_t salt);
[[nodiscard]] RequestCode parse_request_code(std::string_view text);  // throws CodeError

}  // namespace sealkey::token
