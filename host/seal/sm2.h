// SM2 signatures with SM3 and the default identity, as GB/T 38540 has them (GB/T 32918.2, GB/T 35276).
#pragma once

#include "seal/openssl.h"

namespace sealkey::seal {

inline constexpr char kDefaultIdentity[] = "1234567812345678";
inline constexpr char kSm2WithSm3[] = "1.2.156.10197.1.501";

[[nodiscard]] bool is_sm2(const EVP_PKEY* key);
// DER SEQUENCE { r, s }. Throws SealError: bad_argument (not an SM2 key), crypto.
[[nodiscard]] ByteVector sm2_sign(EVP_PKEY* key, Bytes message);
[[nodiscard]] bool sm2_verify(EVP_PKEY* key, Bytes message, Bytes signature);

// Throws SealError bad_certificate: not exactly one certificate. A certificate signed by SM2 is given the default
// identity, without which OpenSSL can't check its signature.
[[nodiscard]] Cert certificate_of_der(Bytes der);
void give_default_identity(X509* certificate);
[[nodiscard]] ByteVector der_of(const X509* certificate);

}  // namespace sealkey::seal
