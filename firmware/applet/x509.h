// As much of X.509 (RFC 5280) and PKCS #10 (RFC 2986) as a renewal needs: whose key is in a request or a certificate,
// and whether a certificate was signed by a given key. Strict: what isn't understood is refused.
#pragma once

#include "base/der_source.h"
#include "crypto/signature.h"

namespace sealkey::applet {

// A SubjectPublicKeyInfo: RSA 2048, 3072, 4096 with e = 65537, P-256, P-384. invalid: anything else.
[[nodiscard]] Status read_public_key_info(const DerSource& source, const DerItem& info, crypto::PublicKey& out);

// The public key in a whole CertificationRequestInfo. invalid: it isn't exactly one.
[[nodiscard]] Status read_request_info(Bytes info, crypto::PublicKey& out);

// A certificate's parts.
struct Certificate {
    DerItem signed_part;  // TBSCertificate
    DerItem public_key;   // SubjectPublicKeyInfo
    DerItem signature;    // BIT STRING
    crypto::Hash hash = crypto::Hash::sha256;
    bool by_rsa = false;
};
// The certificate that fills [begin, end). invalid: it isn't one of version 3, signed by RSA (PKCS #1 v1.5) or ECDSA
// with SHA-256, SHA-384 or SHA-512.
[[nodiscard]] Result<Certificate> read_certificate(const DerSource& source, std::uint32_t begin, std::uint32_t end);

// wrong_secret: another key signed it; invalid.
[[nodiscard]] Status verify_certificate(const DerSource& source, const Certificate& certificate,
                                        const crypto::PublicKey& issuer);

}  // namespace sealkey::applet
