// The mechanisms, each a row: what it is for, what it does to the data before the token sees it, and what comes back.
#pragma once

#include <span>

#include "key_algorithm.h"
#include "public_key.h"
#include "rsa_padding.h"

namespace sealkey::pkcs11 {

enum class Scheme : std::uint8_t { digest, rsa_pkcs1, rsa_raw, rsa_pss, rsa_oaep, ecdsa, ecdh };

struct Mechanism {
    CK_MECHANISM_TYPE type;
    Scheme scheme;
    Hash hash;  // the message is hashed here first; none: the caller gives what is signed
    CK_FLAGS flags;
    CK_ULONG min_bits;
    CK_ULONG max_bits;
    [[nodiscard]] bool for_rsa() const { return scheme >= Scheme::rsa_pkcs1 && scheme <= Scheme::rsa_oaep; }
    [[nodiscard]] bool allows(CK_FLAGS use) const { return (flags & use) == use; }
};

[[nodiscard]] std::span<const Mechanism> mechanisms();
// CKR_MECHANISM_INVALID if there is no such mechanism for this use (CKF_SIGN and so on).
[[nodiscard]] const Mechanism& find_mechanism(CK_MECHANISM_TYPE type, CK_FLAGS use);

// What the caller gave beside the mechanism's name.
struct MechanismParameters {
    PssParameters pss;
    OaepParameters oaep;
};

// CKR_MECHANISM_PARAM_INVALID.
[[nodiscard]] MechanismParameters parse_parameters(const Mechanism& mechanism, const CK_MECHANISM& given);
// CKM_ECDH1_DERIVE with CKD_NULL: the other side's point, uncompressed. CKR_MECHANISM_PARAM_INVALID.
[[nodiscard]] ByteVector parse_ecdh(const CK_MECHANISM& given, const KeyAlgorithm& key);

// CKR_KEY_TYPE_INCONSISTENT.
void require_key_type(const Mechanism& mechanism, const KeyAlgorithm& key);

// The input of the private-key operation for a message, or for its hash where mechanism.hash says so.
// CKR_DATA_LEN_RANGE.
[[nodiscard]] ByteVector signing_input(const Mechanism& mechanism, const MechanismParameters& parameters,
                                       const KeyAlgorithm& key, ByteView data);
// The token's answer as PKCS#11 has it: fixed width.
[[nodiscard]] ByteVector signature_of_answer(const Mechanism& mechanism, const KeyAlgorithm& key, ByteView answer);
// CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE.
void verify_signature(const Mechanism& mechanism, const MechanismParameters& parameters, const KeyAlgorithm& key,
                      const PublicKeyParts& parts, ByteView data, ByteView signature);

[[nodiscard]] ByteVector encrypt(const Mechanism& mechanism, const MechanismParameters& parameters,
                                 const KeyAlgorithm& key, const PublicKeyParts& parts, ByteView data);
// The plaintext of the block that the private-key operation gave. CKR_ENCRYPTED_DATA_INVALID.
[[nodiscard]] ByteVector decrypted(const Mechanism& mechanism, const MechanismParameters& parameters, ByteView block);
// Longest plaintext: what C_Decrypt answers to a question for the length.
[[nodiscard]] std::size_t longest_plaintext(const Mechanism& mechanism, const MechanismParameters& parameters,
                                            const KeyAlgorithm& key);

}  // namespace sealkey::pkcs11
