// The codes by which enterprises are known, with their check characters: requirements N7.
#pragma once

#include <string>
#include <string_view>

namespace sealkey::ca {

// GB 11714: the check character of the 8 characters of an organisation code ('0'..'9' or 'X'). Throws CaError bad_code
// if they aren't 8 characters of 0-9 A-Z.
[[nodiscard]] char organisation_check_character(std::string_view eight);
// GB 32100: the check character of the first 17 of a unified social credit code. Throws CaError bad_code.
[[nodiscard]] char unified_check_character(std::string_view seventeen);

// Throws CaError bad_code saying what is wrong: length, a character outside the alphabet (with its position), the check
// character. Positions 9-17, the organisation code, are checked by their own check character too.
void check_unified_code(std::string_view code);
// The 9 characters of GB 11714.
void check_organisation_code(std::string_view code);
// The old 13-character enterprise code against the unified code it became: its characters 5-13 are an organisation code
// and equal positions 9-17 of the new one.
void check_old_code(std::string_view old_code, std::string_view unified_code);

// Who is meant by a code: the organisation code in it, which stays when an enterprise moves (other positions 1-8) or
// gets its 18 characters for the 13 of before. A text of another length is its own organisation. Nothing else is
// checked.
[[nodiscard]] std::string organisation_of(std::string_view code);

}  // namespace sealkey::ca
