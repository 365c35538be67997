// What PKCS#11 says about each algorithm that a token's key can have: one row each.
#pragma once

#include "cryptoki.h"
#include "protocol/piv.h"

namespace sealkey::pkcs11 {

struct KeyAlgorithm {
    protocol::Algorithm algorithm;
    CK_KEY_TYPE type;
    CK_ULONG bits;
    ByteView ec_params;  // the curve's OID, DER; empty for RSA
    [[nodiscard]] bool is_rsa() const { return type == CKK_RSA; }
    [[nodiscard]] std::size_t bytes() const { return bits / 8; }  // modulus, or field
    [[nodiscard]] std::size_t signature_size() const { return is_rsa() ? bytes() : 2 * bytes(); }
};

// nullptr: an algorithm that this module doesn't know.
[[nodiscard]] const KeyAlgorithm* key_algorithm(protocol::Algorithm algorithm);
[[nodiscard]] const KeyAlgorithm* rsa_algorithm(std::size_t bits);
[[nodiscard]] const KeyAlgorithm* ec_algorithm(ByteView ec_params);

}  // namespace sealkey::pkcs11
