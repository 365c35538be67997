// The CA's rules for who may have a key: requirements N2 to N5.
#pragma once

#include "bench/inventory.h"

namespace sealkey::bench {

struct Admission {
    Order order;  // a replacement's login name and the like filled in
    int key_number = 1;
};

// Checks the order against the inventory, inside the transaction that will write the new key. A replacement revokes the
// old key's certificates here and ends its life: before anything of the new key is made (N3).
// Throws CaError policy, unknown.
[[nodiscard]] Admission admit_order(Inventory& inventory, Inventory::Work& work, Order order);

// Finished and neither suspended, lost, damaged nor at its end: such a key is renewed and gets a seal.
[[nodiscard]] bool in_service(TokenState state);

}  // namespace sealkey::bench
