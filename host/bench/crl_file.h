// The revocation list in the CA's folder, made from the inventory.
#pragma once

#include "bench/inventory.h"
#include "ca/authority.h"

namespace sealkey::bench {

struct WrittenCrl {
    std::uint64_t number = 0;
    std::size_t entries = 0;
    ca::Time next{};
};
// The audit row, then crl.pem and crl.der. Throws CaError expired; file: the number is used up, and what is revoked
// stands in the inventory, but the files are as before.
WrittenCrl write_crl_files(Inventory& inventory, const ca::Authority& authority, EVP_PKEY* issuing_key,
                           const std::string& operator_name, int days);

// The root's own list, which says that the issuing CA isn't revoked: programs that look at lists want one for each CA.
// root-crl.pem and root-crl.der; its number is the time, since lists of the root are rare. Throws CaError expired,
// file.
WrittenCrl write_root_crl_files(Inventory& inventory, const ca::Authority& authority, EVP_PKEY* root_key,
                                const std::string& operator_name, int days);

// The list of the root for seals about makers of seals: those of its last list, and with `reason` the present maker.
// seal-crl.pem and seal-crl.der, number as the root's. Throws CaError bad_argument (the reason), expired, corrupt,
// file.
WrittenCrl write_seal_crl_files(Inventory& inventory, const ca::Authority& authority, EVP_PKEY* seal_root_key,
                                const std::string& operator_name, int days, const std::string& reason);

}  // namespace sealkey::bench
