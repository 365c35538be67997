// The end of a key that came back: requirements N13 and N23.
#pragma once

#include <string>

#include "bench/inventory.h"
#include "bench/quality.h"
#include "token/token.h"

namespace sealkey::bench {

// A revoked or replaced key is wiped, proven empty, and only then TERMINATED. What is to be done stands in the audit
// trail before the key loses anything; after an interruption the same call goes on. Throws CaError policy where the
// inventory's state doesn't allow it, bad_argument where another key is plugged in, quality naming what is left on the
// key.
void terminate(Inventory& inventory, const ca::ChannelMaster& master, token::Token& token, const std::string& serial,
               const std::string& why, const std::string& operator_name, const Checked& checked);

// Nothing is left, and nothing opens it. Throws CaError quality.
void require_empty(token::Token& token, const TokenRow& row, const ca::ChannelMaster& master, const Checked& checked);

}  // namespace sealkey::bench
