#include "ca/enterprise_codes.h"

#include <array>

#include "ca/error.h"

namespace sealkey::ca {

namespace {

constexpr std::string_view kUnifiedAlphabet = "0123456789ABCDEFGHJKLMNPQRTUWXY";
constexpr std::array<int, 17> kUnifiedWeights = {1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28};
constexpr std::array<int, 8> kOrganisationWeights = {3, 7, 9, 10, 5, 8, 4, 2};
constexpr std::size_t kUnifiedSize = 18;
constexpr std::size_t kOrganisationSize = 9;
constexpr std::size_t kOldSize = 13;
constexpr std::size_t kOrganisationInUnified = 8;
constexpr std::size_t kOrganisationInOld = 4;

[[noreturn]] void wrong_length(const char* text, std::size_t length) {
    throw CaError(Fault::bad_code, text, {std::to_string(length)});
}

int alphanumeric(std::string_view text, std::size_t i) {
    const char c = text[i];
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
    throw CaError(Fault::bad_code, mark("Character %1 of the organisation code is none of 0-9 A-Z."),
                  {std::to_string(i + 1)});
}

}  // namespace

char organisation_check_character(std::string_view eight) {
    if (eight.size() != kOrganisationWeights.size()) {
        wrong_length(mark("An organisation code has 8 characters before its check character, not %1."), eight.size());
    }
    int sum = 0;
    for (std::size_t i = 0; i < eight.size(); ++i) sum += alphanumeric(eight, i) * kOrganisationWeights[i];
    const int check = 11 - sum % 11;
    return check == 10 ? 'X' : check == 11 ? '0' : static_cast<char>('0' + check);
}

char unified_check_character(std::string_view seventeen) {
    if (seventeen.size() != kUnifiedWeights.size()) {
        wrong_length(mark("A unified social credit code has 17 characters before its check character, not %1."),
                     seventeen.size());
    }
    int sum = 0;
    for (std::size_t i = 0; i < seventeen.size(); ++i) {
        const std::size_t value = kUnifiedAlphabet.find(seventeen[i]);
        if (value == std::string_view::npos) {
            throw CaError(Fault::bad_code,
                          mark("Character %1 of the unified social credit code can't stand there: digits and capital "
                               "letters without I, O, S, V and Z only."),
                          {std::to_string(i + 1)});
        }
        sum += static_cast<int>(value) * kUnifiedWeights[i];
    }
    return kUnifiedAlphabet[static_cast<std::size_t>((31 - sum % 31) % 31)];
}

void check_organisation_code(std::string_view code) {
    if (code.size() != kOrganisationSize) {
        wrong_length(mark("An organisation code has 9 characters, not %1."), code.size());
    }
    if (organisation_check_character(code.substr(0, 8)) != code[8]) {
        throw CaError(Fault::bad_code,
                      mark("The check character of the organisation code %1 is wrong: one of its "
                           "characters was mistyped."),
                      {std::string(code)});
    }
}

void check_unified_code(std::string_view code) {
    if (code.size() != kUnifiedSize) {
        wrong_length(mark("A unified social credit code has 18 characters, not %1."), code.size());
    }
    if (unified_check_character(code.substr(0, 17)) != code[17]) {
        throw CaError(Fault::bad_code,
                      mark("The check character of the unified social credit code %1 is wrong: one "
                           "of its characters was mistyped."),
                      {std::string(code)});
    }
    check_organisation_code(code.substr(kOrganisationInUnified, kOrganisationSize));
}

void check_old_code(std::string_view old_code, std::string_view unified_code) {
    if (old_code.size() != kOldSize)
        wrong_length(mark("An old enterprise code has 13 characters, not %1."), old_code.size());
    for (const char c : old_code.substr(0, kOrganisationInOld)) {
        if ((c < '0' || c > '9') && (c < 'A' || c > 'Z')) {
            throw CaError(Fault::bad_code, mark("The old enterprise code %1 has a character that is none of 0-9 A-Z."),
                          {std::string(old_code)});
        }
    }
    const std::string organisation = organisation_of(old_code);
    check_organisation_code(organisation);
    if (organisation != organisation_of(unified_code)) {
        throw CaError(Fault::bad_code,
                      mark("The old enterprise code %1 and the unified social credit code %2 belong to different "
                           "organisations."),
                      {std::string(old_code), std::string(unified_code)});
    }
}

std::string organisation_of(std::string_view code) {
    if (code.size() == kUnifiedSize) return std::string(code.substr(kOrganisationInUnified, kOrganisationSize));
    if (code.size() == kOldSize) return std::string(code.substr(kOrganisationInOld));
    return std::string(code);
}

}  // namespace sealkey::ca
