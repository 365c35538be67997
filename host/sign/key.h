// A private key that signatures are made with, wherever it is.
#pragma once

#include <vector>

#include "seal/openssl.h"

namespace sealkey::sign {

using seal::ByteVector;
using seal::Time;

// The digest that goes with a public key: SHA-384 with P-384, otherwise SHA-256.
[[nodiscard]] const EVP_MD* digest_for(EVP_PKEY* public_key);

class SigningKey {
public:
    virtual ~SigningKey() = default;
    [[nodiscard]] virtual const ByteVector& certificate() const = 0;  // DER
    // Issuers' certificates that travel with signatures; may be empty.
    [[nodiscard]] virtual const std::vector<ByteVector>& chain() const = 0;
    // The signature over a digest made with digest_for(): PKCS#1 v1.5, or ECDSA as DER. Called once a signature, when
    // all else is done.
    [[nodiscard]] virtual ByteVector sign(Bytes digest) = 0;
};

// Whether a certificate says of itself that its key binds to the contents of documents (nonRepudiation, newer name
// contentCommitment). The login key's doesn't: it signs whatever a server sends, so its signature is no consent.
[[nodiscard]] bool is_for_documents(X509* certificate);

// Before anything is asked of the user: a key of a kind that is signed with, its certificate valid at `now` and for
// documents. Throws SignError: unsupported_key, expired_certificate.
void require_signing_certificate(const SigningKey& key, Time now);

// The block that an RSA key signs for a digest (RFC 8017 clause 9.2), of the modulus's size.
[[nodiscard]] ByteVector pkcs1_block(const EVP_MD* digest, Bytes value, std::size_t size);

}  // namespace sealkey::sign
