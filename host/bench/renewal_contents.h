// What a renewed key will carry besides its certificates: the enterprise record and the seal.
#pragma once

#include "bench/inventory.h"
#include "ca/authority.h"

namespace sealkey::bench {

// `signing`: the certificate in 9C from then on. Throws CaError bad_argument.
[[nodiscard]] ca::ByteVector renewed_record(const TokenRow& row, const Order& order, const X509* signing);

// The seal with `signing` in its list. The picture is `picture`, or that of the seal the key has; with neither there is
// no seal, and the answer is empty. Throws seal::SealError.
[[nodiscard]] ca::ByteVector renewed_seal(const TokenRow& row, const Order& order, Bytes picture, const X509* signing,
                                          const X509* maker, EVP_PKEY* maker_key);

}  // namespace sealkey::bench
