#include "token/codes.h"

#include <cstdio>
#include <vector>

namespace sealkey::token {

namespace {

// H. M. Damm's totally anti-symmetric quasigroup of order 10.
constexpr std::uint8_t kDamm[10][10] = {{0, 3, 1, 7, 5, 9, 8, 6, 4, 2}, {7, 0, 9, 2, 1, 5, 4, 8, 6, 3},
                                        {4, 2, 0, 6, 8, 7, 1, 3, 5, 9}, {1, 7, 5, 0, 9, 8, 3, 4, 2, 6},
                                        {6, 1, 2, 3, 0, 4, 5, 9, 7, 8}, {3, 6, 7, 4, 2, 0, 9, 5, 8, 1},
                                        {5, 8, 6, 9, 7, 2, 0, 1, 3, 4}, {8, 9, 4, 5, 3, 6, 2, 0, 1, 7},
                                        {9, 4, 3, 8, 6, 1, 7, 2, 0, 5}, {2, 5, 8, 1, 4, 3, 6, 7, 9, 0}};

// The next character of UTF-8 text; a broken sequence is the byte itself above the range of characters.
char32_t next_character(std::string_view& text) {
    const auto lead = static_cast<std::uint8_t>(text[0]);
    std::size_t length = 1;
    char32_t value = lead;
    if (lead >= 0xF0 && lead < 0xF8) {
        length = 4;
        value = lead & 0x07;
    } else if (lead >= 0xE0 && lead < 0xF0) {
        length = 3;
        value = lead & 0x0F;
    } else if (lead >= 0xC0 && lead < 0xE0) {
        length = 2;
        value = lead & 0x1F;
    }
    for (std::size_t i = 1; i < length; ++i) {
        const auto byte = i < text.size() ? static_cast<std::uint8_t>(text[i]) : std::uint8_t{0};
        if ((byte & 0xC0) != 0x80) {
            text.remove_prefix(1);
            return 0x110000U + lead;
        }
        value = (value << 6) | (byte & 0x3FU);
    }
    text.remove_prefix(length);
    return value;
}

bool is_separator(char32_t c) {
    if (c == U' ' || (c >= U'\t' && c <= U'\r') || c == U'-') return true;
    const bool space = c == 0x00A0 || (c >= 0x2000 && c <= 0x200B) || c == 0x202F || c == 0x3000 || c == 0xFEFF;
    const bool dash = c == 0x00AD || (c >= 0x2010 && c <= 0x2015) || c == 0x2212 || c == 0xFE63 || c == 0xFF0D ||
                      c == 0x30FC || c == 0x2500;
    return space || dash;
}

// ASCII digits of `text` without what separates them; wiped by its destructor.
using Digits = Secret<64>;
Digits digits_of(std::string_view text, std::size_t expected) {
    Digits digits;
    std::size_t count = 0;
    while (!text.empty()) {
        const char32_t c = next_character(text);
        if (is_separator(c)) continue;
        std::uint8_t digit = 0;
        if (c >= U'0' && c <= U'9') {
            digit = static_cast<std::uint8_t>(c);
        } else if (c >= 0xFF10 && c <= 0xFF19) {
            digit = static_cast<std::uint8_t>('0' + (c - 0xFF10));
        } else {
            throw CodeError(CodeFault::not_a_digit, "the code holds a character that is no digit");
        }
        if (count < Digits::capacity()) digits.buffer()[count] = digit;
        ++count;
    }
    const int found = static_cast<int>(count);
    if (count == 0) throw CodeError(CodeFault::empty, "the code is empty");
    if (count < expected) throw CodeError(CodeFault::too_short, "the code has too few digits", found);
    if (count > expected) throw CodeError(CodeFault::too_long, "the code has too many digits", found);
    digits.resize(count);
    return digits;
}

std::string_view text_of(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

void require_check_digit(Bytes digits) {
    if (damm_digit(text_of(digits)) != '0') {
        throw CodeError(CodeFault::wrong_check_digit, "the check digit doesn't fit: a digit was mistyped");
    }
}

}  // namespace

char damm_digit(std::string_view digits) {
    std::uint8_t interim = 0;
    for (const char c : digits) {
        if (c < '0' || c > '9') throw CodeError(CodeFault::not_a_digit, "not a digit");
        interim = kDamm[interim][c - '0'];
    }
    return static_cast<char>('0' + interim);
}

CodeDigits parse_code(std::string_view text) {
    const auto digits = digits_of(text, protocol::kCodeDigits + 1);
    require_check_digit(digits.bytes());
    return CodeDigits(digits.bytes().first(protocol::kCodeDigits));
}

std::string format_code(Bytes digits) {
    if (digits.size() != protocol::kCodeDigits) {
        throw CodeError(CodeFault::too_short, "a code has 15 digits", static_cast<int>(digits.size()));
    }
    const char check = damm_digit(text_of(digits));
    std::string out;
    out.reserve(19);
    for (std::size_t i = 0; i < 16; ++i) {
        if (i != 0 && i % 4 == 0) out += '-';
        out += i < digits.size() ? static_cast<char>(digits[i]) : check;
    }
    return out;
}

std::string format_request_code(std::uint16_t lock_counter, std::uint32_t salt) {
    char text[16];
    std::snprintf(text, sizeof(text), "%03u%06u", lock_counter % 1000U, salt % protocol::kSaltLimit);
    std::string code = text;
    code += damm_digit(code);
    return code.insert(5, " ");
}

RequestCode parse_request_code(std::string_view text) {
    const auto digits = digits_of(text, 10);
    require_check_digit(digits.bytes());
    RequestCode code;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 9; ++i) {
        value = value * 10 + (digits.bytes()[i] - '0');
        if (i == 2) {
            code.counter_mod_1000 = static_cast<std::uint16_t>(value);
            value = 0;
        }
    }
    code.salt = value;
    return code;
}

}  // namespace sealkey::token
