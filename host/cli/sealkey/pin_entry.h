// Asking for the PIN of a key, the same way in every command.
#pragma once

#include "cli/common/program.h"

namespace sealkey::cli {

// A key that no PIN opens is named as what it is before a PIN is asked for. Throws Failed: locked, not_allowed.
void require_usable_pin(const token::TokenStatus& status);
// "PIN:", with the tries left once some are spent.
[[nodiscard]] std::string pin_prompt(const token::TokenStatus& status);
// After the last wrong try the request code is at hand at once.
[[noreturn]] void explain_wrong_pin(FoundKey& key, const token::TokenError& error);

}  // namespace sealkey::cli
