// The way to the provider's key centre: a program named in the CA's settings.
#pragma once

#include <memory>

#include "bench/order.h"
#include "ca/authority.h"
#include "ca/key_centre.h"

namespace sealkey::bench {

// The program gets the question on its standard input and writes the answer to its standard output; what it says on
// standard error goes to ours. It has half a minute. order() throws CaError quality for one that fails, is too late or
// answers something else. Nothing where the settings name no program.
[[nodiscard]] std::shared_ptr<ca::KeyCentre> key_centre_of(const ca::Authority& authority);

// Throws CaError policy for an order whose decryption key is to come from a centre that there isn't.
void require_centre(const ca::Authority& authority, const Order& order);

}  // namespace sealkey::bench
