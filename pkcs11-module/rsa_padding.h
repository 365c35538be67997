// RSA encodings (RFC 8017), done here: the token computes the bare private-key operation.
#pragma once

#include "hash.h"

namespace sealkey::pkcs11 {

struct PssParameters {
    Hash hash = Hash::none;
    Hash mgf = Hash::none;
    std::size_t salt = 0;
};

struct OaepParameters {
    Hash hash = Hash::none;
    Hash mgf = Hash::none;
    ByteVector label;
};

// MGF1 (RFC 8017, B.2.1) of the seed, applied to the data by exclusive or.
void apply_mgf1(std::span<std::uint8_t> data, ByteView seed, Hash hash);

// `size` is the modulus's length in bytes, a multiple of 8 bits in all keys that a token can hold.

// DigestInfo of a hash value (RFC 8017, 9.2 note 1).
[[nodiscard]] ByteVector digest_info(Hash hash, ByteView value);
// EMSA-PKCS1-v1_5 without DigestInfo: CKR_DATA_LEN_RANGE if the data is too long.
[[nodiscard]] ByteVector pad_signature(ByteView data, std::size_t size);
// EMSA-PSS with a fresh salt: CKR_DATA_LEN_RANGE unless the data is as long as the hash; CKR_KEY_SIZE_RANGE if the key
// is too short for the salt.
[[nodiscard]] ByteVector pad_pss(ByteView hash_value, const PssParameters& parameters, std::size_t size);
// EME-PKCS1-v1_5 and EME-OAEP decoding: CKR_ENCRYPTED_DATA_INVALID for any fault, without saying which.
[[nodiscard]] ByteVector unpad_pkcs1(ByteView block);
[[nodiscard]] ByteVector unpad_oaep(ByteView block, const OaepParameters& parameters);

}  // namespace sealkey::pkcs11
