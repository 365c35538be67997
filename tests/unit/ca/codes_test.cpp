// Requirement N7: the codes of enterprises and their check characters.
#include <gtest/gtest.h>

#include <functional>

#include "ca/enterprise_codes.h"
#include "unit/ca/refusal.h"

namespace sealkey::ca {
namespace {

const char* const kValid[] = {"91350100M000100Y43", "914403001922038216"};

TEST(N7_UnifiedCode, WorkedExamplesAreTaken) {
    for (const char* code : kValid) EXPECT_NO_THROW(check_unified_code(code)) << code;
    EXPECT_EQ(unified_check_character("91350100M000100Y4"), '3');
    EXPECT_EQ(unified_check_character("91440300192203821"), '6');
}

TEST(N7_UnifiedCode, EverySingleWrongCharacterIsFound) {
    int tried = 0;
    for (const std::string code : kValid) {
        for (std::size_t i = 0; i < code.size(); ++i) {
            for (const char c : std::string("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-a ")) {
                if (c == code[i]) continue;
                std::string wrong = code;
                wrong[i] = c;
                EXPECT_EQ(fault_of([&] { check_unified_code(wrong); }), Fault::bad_code) << wrong;
                ++tried;
            }
        }
    }
    EXPECT_GT(tried, 1000);
}

TEST(N7_UnifiedCode, WrongLengthsAndLettersOutsideTheAlphabetAreNamed) {
    for (const char* code :
         {"", "9", "91350100M000100Y4", "91350100M000100Y433", "91350100m000100y43", "9135010OM000100Y43"}) {
        EXPECT_EQ(fault_of([&] { check_unified_code(code); }), Fault::bad_code) << code;
    }
    try {
        check_unified_code("9135010OM000100Y43");
    } catch (const CaError& error) {
        EXPECT_NE(std::string(error.what()).find("Character 8"), std::string::npos) << error.what();
    }
}

TEST(N7_UnifiedCode, OrganisationCodeInsideIsCheckedToo) {
    // A right last character over a wrong organisation code.
    std::string code = "91350100M000200Y4";
    code += unified_check_character(code);
    EXPECT_EQ(fault_of([&] { check_unified_code(code); }), Fault::bad_code);
}

TEST(N7_OrganisationCode, WorkedExamplesAreTaken) {
    EXPECT_EQ(organisation_check_character("M000100Y"), '4');
    EXPECT_EQ(organisation_check_character("19220382"), '1');
    EXPECT_NO_THROW(check_organisation_code("M000100Y4"));
    // The two check values that don't fit one digit.
    EXPECT_EQ(organisation_check_character("00000000"), '0');
    EXPECT_EQ(organisation_check_character("00000006"), 'X');  // 11 - 12 mod 11 = 10
}

TEST(N7_OrganisationCode, WrongOnesAreRefused) {
    for (const char* code : {"", "M000100Y", "M000100Y5", "M000100Y44", "m000100Y4", "19220382X", "1922038-1"}) {
        EXPECT_EQ(fault_of([&] { check_organisation_code(code); }), Fault::bad_code) << code;
    }
}

TEST(N7_OldCode, BelongsToTheUnifiedCodeItBecame) {
    EXPECT_NO_THROW(check_old_code("4403192203821", "914403001922038216"));
    EXPECT_NO_THROW(check_old_code("3501M000100Y4", "91350100M000100Y43"));
}

TEST(N7_OldCode, AnotherOrganisationsOrAMistypedOneIsRefused) {
    EXPECT_EQ(fault_of([&] { check_old_code("3501M000100Y4", "914403001922038216"); }), Fault::bad_code);
    for (const char* code :
         {"", "440319220382", "44031922038211", "4403192203822", "4403192203812", "44o3192203821", "192203821"}) {
        EXPECT_EQ(fault_of([&] { check_old_code(code, "914403001922038216"); }), Fault::bad_code) << code;
    }
}

}  // namespace
}  // namespace sealkey::ca
