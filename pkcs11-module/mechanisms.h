// The mechanisms, each a row: what it is for, what it does to the data before the token sees it, and what comes back.
#pragma once

#include <span>

#include "key_algorithm.h"
#include "public_key.h"
#include "rsa_padding.h"

namespace sealkey::pkcs11 {

enum class Scheme : std::uint8_t {
    digest,
    rsa_pkcs1,
    rsa_raw,
    rsa_pss,
    rsa_oaep,
    ecdsa,
    ecdh,
    generate_pair,
    generate_secret,
    aes_ecb,
    aes_cbc,
    aes_cbc_pad,
    aes_ctr,
    aes_gcm,
    aes_wrap,
    aes_wrap_pad,
    hmac,
    cmac,
};

// Whose mechanism it is. `secret` ones take AES keys too, `aes` ones nothing else.
enum class Family : std::uint8_t { none, rsa, ec, aes, secret };

struct Mechanism {
    CK_MECHANISM_TYPE type;
    const char* name;  // without CKM_
    Scheme scheme;
    Family family;
    Hash hash;  // the message is hashed here first; none: the caller gives what is signed
    CK_FLAGS flags;
    CK_ULONG min_size;  // bits; AES: bytes
    CK_ULONG max_size;
    [[nodiscard]] bool symmetric() const { return family == Family::aes || family == Family::secret; }
    [[nodiscard]] bool generates() const { return (flags & (CKF_GENERATE | CKF_GENERATE_KEY_PAIR)) != 0; }
    [[nodiscard]] bool allows(CK_FLAGS use) const { return (flags & use) == use; }
    // Whether a key of this type is right for it.
    [[nodiscard]] bool fits(CK_KEY_TYPE key) const;
};

[[nodiscard]] std::span<const Mechanism> mechanisms();
// CKR_MECHANISM_INVALID if there is no such mechanism for this use (CKF_SIGN and so on).
[[nodiscard]] const Mechanism& find_mechanism(CK_MECHANISM_TYPE type, CK_FLAGS use);

// CK_..._PARAMS by value: the caller's pointer may not be aligned. CKR_MECHANISM_PARAM_INVALID.
void read_parameters(const CK_MECHANISM& given, void* out, std::size_t size);
template <class T>
[[nodiscard]] T read_parameters(const CK_MECHANISM& given) {
    T parameters;
    read_parameters(given, &parameters, sizeof(T));
    return parameters;
}

// What the caller gave beside the name of a mechanism of RSA or ECDSA.
struct MechanismParameters {
    PssParameters pss;
    OaepParameters oaep;
};

// CKR_MECHANISM_PARAM_INVALID.
[[nodiscard]] MechanismParameters parse_parameters(const Mechanism& mechanism, const CK_MECHANISM& given);

// CKM_ECDH1_DERIVE: the other side's point, uncompressed, and how the key comes from the shared secret.
struct EcdhParameters {
    ByteVector point;
    Hash kdf = Hash::none;  // none: CKD_NULL, the shared secret itself
    ByteVector shared_data;
};
// CKR_MECHANISM_PARAM_INVALID.
[[nodiscard]] EcdhParameters parse_ecdh(const CK_MECHANISM& given, const KeyAlgorithm& key);
// The KDF of ANSI X9.63 (SEC 1, 3.6.1): `size` bytes.
[[nodiscard]] ByteVector x963_kdf(Hash hash, ByteView secret, ByteView shared_data, std::size_t size);

// The input of the private-key operation for a message, or for its hash where mechanism.hash says so.
// CKR_DATA_LEN_RANGE.
[[nodiscard]] ByteVector signing_input(const Mechanism& mechanism, const MechanismParameters& parameters,
                                       const KeyAlgorithm& key, ByteView data);
// The token's answer as PKCS#11 has it: fixed width.
[[nodiscard]] ByteVector signature_of_answer(const Mechanism& mechanism, const KeyAlgorithm& key, ByteView answer);
// Whether the signature is what the private key makes of signing_input()'s value.
[[nodiscard]] bool answers(const KeyAlgorithm& key, const PublicKeyParts& parts, ByteView input, ByteView signature);
// CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE.
void verify_signature(const Mechanism& mechanism, const MechanismParameters& parameters, const KeyAlgorithm& key,
                      const PublicKeyParts& parts, ByteView data, ByteView signature);
// What a signature with recovery holds. CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE.
[[nodiscard]] ByteVector recovered(const Mechanism& mechanism, const PublicKeyParts& parts, ByteView signature);

[[nodiscard]] ByteVector encrypt(const Mechanism& mechanism, const MechanismParameters& parameters,
                                 const KeyAlgorithm& key, const PublicKeyParts& parts, ByteView data);
// The plaintext of the block that the private-key operation gave. CKR_ENCRYPTED_DATA_INVALID.
[[nodiscard]] ByteVector decrypted(const Mechanism& mechanism, const MechanismParameters& parameters, ByteView block);
// Longest plaintext: what C_Decrypt answers to a question for the length.
[[nodiscard]] std::size_t longest_plaintext(const Mechanism& mechanism, const MechanismParameters& parameters,
                                            const KeyAlgorithm& key);

}  // namespace sealkey::pkcs11
