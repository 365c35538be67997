// Operations with public keys on the host, by mbedTLS: verification and encryption.
#pragma once

#include "der.h"
#include "key_algorithm.h"
#include "rsa_padding.h"

namespace sealkey::pkcs11 {

// CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE.
// RSA: the block that the signature opens to.
[[nodiscard]] ByteVector rsa_public(const PublicKeyParts& key, ByteView block);
void verify_pss(const PublicKeyParts& key, ByteView hash_value, const PssParameters& parameters, ByteView signature);
void verify_ecdsa(const KeyAlgorithm& algorithm, const PublicKeyParts& key, ByteView hash_value, ByteView signature);

// CKR_DATA_LEN_RANGE.
[[nodiscard]] ByteVector encrypt_pkcs1(const PublicKeyParts& key, ByteView data);
[[nodiscard]] ByteVector encrypt_oaep(const PublicKeyParts& key, ByteView data, const OaepParameters& parameters);

}  // namespace sealkey::pkcs11
