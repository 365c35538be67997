// Revocation lists of those who issue to seal makers, and what an entry means for what was there before it.
#pragma once

#include <openssl/x509.h>

#include <optional>

#include "seal/seal.h"

namespace sealkey::seal {

using Crl = Owned<X509_CRL, X509_CRL_free>;

// Every revocation list in PEM text, or one in DER. Empty if there is none, or if any of them can't be read.
[[nodiscard]] std::vector<Crl> revocation_lists_in(Bytes file);

// Whether an entry of a revocation list leaves good what is known to have been there at `stamped`.
//  - It does if the revocation is later. A certificate replaced, given up or held for a time was good until then.
//  - A key that was or may have been in other hands (keyCompromise, and the same of an authority): the date says when
//    that was noticed, not since when, so the entry counts for every time, unless its invalidity date says since when
//    (RFC 5280 clause 5.3.2); then what counts is that date.
//  - An invalidity date before the date of revocation counts with every reason.
//  - An entry that can't be read counts for every time.
[[nodiscard]] bool leaves_good(const X509_REVOKED* entry, Time stamped);

// The maker's certificate stands in no list of its issuer's, which is one of `authorities`. There must be a list of
// `today` by that issuer, whole, signed by the key that signed the maker's certificate; lists by others are passed
// over. `stamped`: when a timestamp says that the seal was used; a seal by itself has no time but its maker's word, so
// there every entry counts. OpenSSL 3.0 can't check a list signed by SM2, so this does it by itself. Throws SealError:
// maker_revoked, bad_revocation_list, maker_untrusted.
void require_maker_in_use(const Seal& seal, const std::vector<Cert>& authorities, const std::vector<Crl>& lists,
                          Time today, const std::optional<Time>& stamped = std::nullopt);
// The same for the maker's certificate alone, before a seal is made by it.
void require_maker_in_use(const X509* maker, const std::vector<Cert>& authorities, const std::vector<Crl>& lists,
                          Time today, const std::optional<Time>& stamped = std::nullopt);

}  // namespace sealkey::seal
