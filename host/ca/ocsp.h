// Answers about single certificates (OCSP, RFC 6960), by OpenSSL's responder functions.
#pragma once

#include <functional>
#include <optional>

#include "ca/crl.h"
#include "ca/openssl.h"

namespace sealkey::ca {

inline constexpr std::size_t kMaxOcspRequest = 4096;

// What is known of a certificate of this CA, by its serial number in upper-case hexadecimal digits.
struct OcspStatus {
    bool known = false;
    std::optional<Revoked> revoked;
};
using OcspLookup = std::function<OcspStatus(const std::string& serial)>;

// A key for answers alone, with a short-lived certificate of the issuing CA (id-kp-OCSPSigning, ocsp-nocheck), so that
// the program that answers strangers doesn't hold the CA's own key.
struct OcspSigner {
    PKey key;
    Cert certificate;
};
[[nodiscard]] OcspSigner make_ocsp_signer(const X509* issuer, EVP_PKEY* issuer_key, Time now, Time not_after);

// The answer in DER. What isn't a request is answered malformedRequest, and after the signer's end tryLater;
// certificates of other CAs are unknown. What `lookup` throws goes through.
[[nodiscard]] ByteVector ocsp_answer(const X509* issuer, const OcspSigner& signer, const OcspLookup& lookup,
                                     Bytes request, Time now);

}  // namespace sealkey::ca
