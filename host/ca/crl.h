// Certificate revocation lists (RFC 5280 section 5).
#pragma once

#include <span>
#include <string>
#include <vector>

#include "ca/openssl.h"

namespace sealkey::ca {

struct Revoked {
    std::string serial;  // hexadecimal
    Time when;
    std::string reason;  // one of revocation_reasons(), or kHold
};

// "unspecified", "keyCompromise", "affiliationChanged", "superseded", "cessationOfOperation", "privilegeWithdrawn".
[[nodiscard]] std::span<const char* const> revocation_reasons();
// Throws CaError bad_argument.
void check_revocation_reason(const std::string& reason);
// Of a certificate on hold, which isn't revoked for good.
inline constexpr char kHold[] = "certificateHold";
// CRLReason of RFC 5280, for these and kHold. Throws CaError bad_argument.
[[nodiscard]] int revocation_code(const std::string& reason);

// Throws CaError expired if the issuer isn't valid at `this_update`.
[[nodiscard]] Crl make_crl(const X509* issuer, EVP_PKEY* issuer_key, std::span<const Revoked> revoked,
                           std::uint64_t number, Time this_update, Time next_update);
// What stands in a list that was made here. Throws CaError corrupt.
[[nodiscard]] std::vector<Revoked> entries_of(const std::string& pem);
[[nodiscard]] std::string pem_of(const X509_CRL* crl);
[[nodiscard]] ByteVector der_of(const X509_CRL* crl);

}  // namespace sealkey::ca
