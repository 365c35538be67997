// What the tool itself says about a new PIN before it asks the key: better words than the key's status word.
#pragma once

#include "base/bytes.h"
#include "token/status.h"

namespace sealkey::cli {

// Throws Failed bad_input if the PIN breaks a rule that the key has: 6 to 8 characters; in the shipping profile not one
// character repeated and no run up or down. The key checks again.
void require_good_pin(Bytes pin, const token::TokenStatus& status);

}  // namespace sealkey::cli
