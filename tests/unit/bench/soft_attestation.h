// What a token's F9 would say about a key, made in software, true or not.
#pragma once

#include "ca/attestation.h"
#include "ca/openssl.h"

namespace sealkey::bench {

// X.509 by `f9`, whose certificate is `device`, with the extensions that `says` stands for; `subject` is the attested
// key. DER.
[[nodiscard]] ca::ByteVector soft_attestation(const ca::Attested& says, EVP_PKEY* subject, EVP_PKEY* f9,
                                              const X509* device);

}  // namespace sealkey::bench
