// What a revocation means for a signature whose time is vouched for.
#pragma once

#include <openssl/x509_vfy.h>

#include "seal/openssl.h"

namespace sealkey::sign {

// Whether an entry of a revocation list leaves a signature good that was there at `stamped`.
//  - It does if the revocation is later. A certificate replaced, given up or held for a time was good until then.
//  - A key that was or may have been in other hands (keyCompromise, and the same of an authority): the date says when
//    that was noticed, not since when, so the entry counts for every time, unless its invalidity date says since when
//    (RFC 5280 clause 5.3.2); then what counts is that date.
//  - An invalidity date before the date of revocation counts with every reason.
//  - An entry that can't be read counts for every time.
[[nodiscard]] bool leaves_good(const X509_REVOKED* entry, seal::Time stamped);

// Lets `context` pass over revocations that leave a signature good that was there at `stamped`, which must outlive it.
void excuse_later_revocation(X509_STORE_CTX* context, const seal::Time& stamped);

}  // namespace sealkey::sign
