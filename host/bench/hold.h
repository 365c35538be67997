// Keys that are set aside without being at their end: suspended by the provider, or reported lost by the enterprise.
// Their certificates are on hold, which can be undone, and is made final by a revocation or a replacement.
#pragma once

#include "bench/inventory.h"

namespace sealkey::bench {

// All return how many certificates changed, and throw CaError: policy (the key's state doesn't allow it, nothing says
// why), unknown.
int suspend(Inventory& inventory, const std::string& operator_name, const std::string& serial, const std::string& why);

// The enterprise's statement in writing, whose digest goes to the audit trail. Throws bad_argument for an empty one.
int report_lost(Inventory& inventory, const std::string& operator_name, const std::string& serial,
                const std::string& statement, const std::string& why);

// Suspended or lost before: its certificates are good again, and it is in the state that it was set aside in; ACTIVE if
// a code was redeemed since.
int resume(Inventory& inventory, const std::string& operator_name, const std::string& serial, const std::string& why);

}  // namespace sealkey::bench
