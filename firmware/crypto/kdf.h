// Key derivation: SP 800-108 in counter mode with AES-CMAC, and HKDF with SHA-256 (RFC 5869).
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"

namespace sealkey::crypto {

// K(i) = AES-CMAC(key, i(1) || label || 00 || context || L(4, bits, big-endian)), i from 01; L = 8 * out.size().
// `out` at most 255 blocks of 16. invalid: lengths.
[[nodiscard]] Status kdf_counter_cmac(Bytes key, Bytes label, Bytes context, MutableBytes out);

// The same into a secret of N bytes.
template <std::size_t N>
[[nodiscard]] Result<Secret<N>> derive(Bytes key, Bytes label, Bytes context) {
    Secret<N> out;
    if (Status s = kdf_counter_cmac(key, label, context, out.buffer()); !s) return s.error();
    out.resize(N);
    return out;
}

// RFC 5869, extract and expand. `out` at most 255 * 32 bytes.
[[nodiscard]] Status hkdf_sha256(Bytes salt, Bytes key_material, Bytes info, MutableBytes out);

}  // namespace sealkey::crypto
