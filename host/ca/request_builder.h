// A certificate request whose key lies elsewhere: the bytes to sign first, the whole once the signature is there.
#pragma once

#include "ca/openssl.h"
#include "token/token.h"

namespace sealkey::ca {

// The token's public key as OpenSSL has it. Throws CaError crypto for one that makes no sense.
[[nodiscard]] PKey public_key_of(const token::PublicKey& key);

// With an empty subject: the CA takes the subject from its own records.
class RequestBuilder {
public:
    // `signature_nid`: NID_sha256WithRSAEncryption, NID_ecdsa_with_SHA256, ...
    RequestBuilder(EVP_PKEY* key, int signature_nid);
    [[nodiscard]] ByteVector info() const;  // CertificationRequestInfo
    [[nodiscard]] ByteVector finish(Bytes signature);

private:
    Request request_;
};

}  // namespace sealkey::ca
