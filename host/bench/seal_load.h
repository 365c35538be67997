// A seal that arrives after its key (N15): made for the signing certificate in use and written to the finished key
// through its own secure channel.
#pragma once

#include "bench/inventory.h"
#include "ca/authority.h"
#include "seal/revocation.h"
#include "token/token.h"

namespace sealkey::bench {

struct SealOrder {
    ca::ByteVector picture;  // PNG
    int width_mm = 40;
    int height_mm = 40;
    std::string request;  // the approved request; must not be empty
    std::string operator_name;
    std::vector<seal::Crl> maker_lists;  // of the root for seals; not empty: the maker is looked up
};

struct LoadedSeal {
    TokenRow row;
    seal::Seal seal;
    bool again = false;  // it was made before, and is written once more
};

// The inventory has the seal before the key does, so a run that was cut off is finished by the same order, with the
// same seal. Throws CaError: policy (no approval; not a finished shipping key in service; a renewal is open), quality
// (another certificate on the key, or it didn't keep the seal), unknown; before anything is done
// policy (the maker is revoked); what SealError and TokenError say.
[[nodiscard]] LoadedSeal load_seal(Inventory& inventory, const ca::Authority& authority, Bytes passphrase,
                                   token::Token& token, const SealOrder& order);

}  // namespace sealkey::bench
