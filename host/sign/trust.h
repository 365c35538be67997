// What a verifier is told to trust.
#pragma once

#include <openssl/x509.h>

#include <string>
#include <vector>

#include "seal/openssl.h"
#include "seal/revocation.h"
#include "seal/sm2.h"

namespace sealkey::sign {

using seal::Crl;

// Every certificate in PEM text, or one in DER. Throws SignError bad_authority_file.
[[nodiscard]] std::vector<seal::Cert> read_certificates(Bytes file);
// Every revocation list in PEM text, or one in DER. Throws SignError bad_authority_file.
[[nodiscard]] std::vector<Crl> read_crls(Bytes file);

struct Trust {
    std::vector<seal::Cert> authorities;            // issuers of signing certificates, each trusted as it is
    std::vector<Crl> crls;                          // not empty: the signer's certificate is looked up
    std::vector<seal::Cert> seal_authorities;       // of seal makers
    std::vector<Crl> seal_crls;                     // not empty: the seal maker's certificate is looked up
    std::vector<seal::Cert> timestamp_authorities;  // empty: timestamps are passed over
};

}  // namespace sealkey::sign
