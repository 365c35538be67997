// What a revocation means for a signature whose time is vouched for: seal::leaves_good(), put into OpenSSL's check.
#pragma once

#include <openssl/x509_vfy.h>

#include "seal/revocation.h"

namespace sealkey::sign {

using seal::leaves_good;

// Lets `context` pass over revocations that leave a signature good that was there at `stamped`, which must outlive it.
void excuse_later_revocation(X509_STORE_CTX* context, const seal::Time& stamped);

}  // namespace sealkey::sign
