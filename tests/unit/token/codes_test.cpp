// Codes as people type them: every slip of the hand is found before the token is asked.
#include "token/codes.h"

#include <gtest/gtest.h>

namespace sealkey::token {
namespace {

std::string typed(const CodeDigits& code) {
    return {reinterpret_cast<const char*>(code.bytes().data()), code.bytes().size()};
}

CodeFault fault_of(std::string_view text) {
    try {
        (void)parse_code(text);
    } catch (const CodeError& error) {
        return error.fault();
    }
    ADD_FAILURE() << "taken: " << text;
    return CodeFault::empty;
}

constexpr char kWorked[] = "1691-4157-9270-3943";

TEST(Codes, WorkedVectorOfTheDesign) {
    EXPECT_EQ(format_request_code(3, 481516), "00348 15166");
    const auto code = parse_code(kWorked);
    EXPECT_EQ(typed(code), "169141579270394");
    EXPECT_EQ(format_code(code.bytes()), kWorked);
    const auto request = parse_request_code("00348 15166");
    EXPECT_EQ(request.counter_mod_1000, 3);
    EXPECT_EQ(request.salt, 481516U);
}

TEST(Codes, RequestCodeKeepsLeadingZerosAndTheLastThreeDigitsOfTheCounter) {
    const std::string code = format_request_code(65535, 0);
    EXPECT_EQ(code.substr(0, 10), "53500 0000");
    EXPECT_EQ(parse_request_code(code).counter_mod_1000, 535);
    EXPECT_EQ(parse_request_code(code).salt, 0U);
}

TEST(Codes, EverySingleWrongDigitIsFound) {
    const std::string right = "1691415792703943";
    int slips = 0;
    for (std::size_t i = 0; i < right.size(); ++i) {
        for (char c = '0'; c <= '9'; ++c) {
            if (c == right[i]) continue;
            std::string slip = right;
            slip[i] = c;
            EXPECT_EQ(fault_of(slip), CodeFault::wrong_check_digit) << slip;
            ++slips;
        }
    }
    EXPECT_EQ(slips, 16 * 9);
}

TEST(Codes, EverySwapOfNeighboursIsFound) {
    // All pairs in all states of the check, not only those that one code happens to have.
    int swaps = 0;
    for (int state = 0; state < 10; ++state) {
        for (char a = '0'; a <= '9'; ++a) {
            for (char b = '0'; b <= '9'; ++b) {
                if (a == b) continue;
                const std::string head = std::to_string(state) + "7";
                EXPECT_NE(damm_digit(head + a + b), damm_digit(head + b + a));
                ++swaps;
            }
        }
    }
    EXPECT_EQ(swaps, 900);
    const std::string right = "1691415792703943";
    for (std::size_t i = 0; i + 1 < right.size(); ++i) {
        if (right[i] == right[i + 1]) continue;
        std::string slip = right;
        std::swap(slip[i], slip[i + 1]);
        EXPECT_EQ(fault_of(slip), CodeFault::wrong_check_digit) << slip;
    }
}

TEST(Codes, RequestCodeSlipsAreFoundToo) {
    for (const char* slip : {"00348 15167", "00384 15166", "10348 15166", "00348 15616"}) {
        EXPECT_THROW((void)parse_request_code(slip), CodeError) << slip;
    }
}

TEST(Codes, SpacesHyphensAndFullWidthDigitsAreTaken) {
    for (const char* text : {
             "1691415792703943",
             " 1691 4157\t9270 3943 \r\n",
             "1691\u20134157\u20149270\u20103943",  // dashes that word processors make
             "1691\u30004157\u30009270\u30003943",  // ideographic space
             "\uFF11\uFF16\uFF19\uFF11\uFF0D\uFF14\uFF11\uFF15\uFF17\uFF0D9270\u22123943",
             "\uFEFF1691\u00A04157\u00A09270\u00A03943",
         }) {
        EXPECT_EQ(typed(parse_code(text)), "169141579270394") << text;
    }
}

TEST(Codes, WhatIsNoCodeIsRefusedByName) {
    EXPECT_EQ(fault_of(""), CodeFault::empty);
    EXPECT_EQ(fault_of(" - - "), CodeFault::empty);
    EXPECT_EQ(fault_of("1691-4157-9270-394"), CodeFault::too_short);
    EXPECT_EQ(fault_of("1691-4157-9270-39433"), CodeFault::too_long);
    EXPECT_EQ(fault_of("I691-4157-9270-3943"), CodeFault::not_a_digit);
    EXPECT_EQ(fault_of("1691-4157-927O-3943"), CodeFault::not_a_digit);
    EXPECT_EQ(fault_of("\xFF\xFE"), CodeFault::not_a_digit);
    EXPECT_EQ(fault_of("1691-4157-9270-394\xEF\xBC"), CodeFault::not_a_digit);  // cut inside a character
    EXPECT_EQ(fault_of(std::string("1691\0", 5)), CodeFault::not_a_digit);
    EXPECT_EQ(fault_of(std::string(100000, '1')), CodeFault::too_long);
    EXPECT_THROW((void)parse_request_code("1691-4157-9270-3943"), CodeError);
    EXPECT_THROW((void)damm_digit("12a"), CodeError);
}

TEST(Codes, FormattingWantsFifteenDigits) {
    EXPECT_THROW((void)format_code(bytes_of("12345678901234")), CodeError);
    EXPECT_THROW((void)format_code(bytes_of("12345678901234x")), CodeError);
}

}  // namespace
}  // namespace sealkey::token
