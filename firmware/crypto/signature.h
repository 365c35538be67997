// Signatures of others, checked: RSA by PKCS #1 v1.5 (RFC 8017, 8.2) and ECDSA. And the padding of the first, for ours.
#pragma once

#include <array>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/ec.h"
#include "crypto/hash.h"
#include "crypto/rsa.h"

namespace sealkey::crypto {

enum class KeyKind : std::uint8_t { rsa, p256, p384 };

struct PublicKey {
    KeyKind kind = KeyKind::rsa;
    std::array<std::uint8_t, kMaxRsaModulus> value{};  // modulus without leading zeros (e = 65537), or point 04 x y
    std::size_t size = 0;

    [[nodiscard]] Bytes bytes() const { return Bytes(value).first(size); }
};

// 00 01 FF.. 00 DigestInfo, as long as `out`. invalid: a hash without a DigestInfo here (SHA-1, SHA-224), a digest of
// another length, or no room for 8 bytes of FF.
[[nodiscard]] Status pkcs1_encode(Hash hash, Bytes digest, MutableBytes out);

// `digest` is of the given hash. invalid: key or signature is malformed; wrong_secret: it doesn't verify.
[[nodiscard]] Status verify_signature(const PublicKey& key, Hash hash, Bytes digest, Bytes signature);

}  // namespace sealkey::crypto
