// Signatures over digests that the token has built itself.
#pragma once

#include "applet/state.h"
#include "crypto/hash.h"

namespace sealkey::applet {

// Signs with the saved key in Core::key_buffer, which is cleared: PKCS #1 v1.5 for RSA, DER for ECDSA. `out` has room
// for crypto::kMaxRsaModulus bytes; returns the length.
[[nodiscard]] Result<std::size_t> sign_digest(Core& core, Algorithm algorithm, crypto::Hash hash, Bytes digest,
                                              MutableBytes out);

// The key that stands in `slot`, whose PIN policy the caller has seen to; asks for its touch. 6982, or what went wrong;
// 9000: `out` holds `size` bytes.
[[nodiscard]] StatusWord sign_with(Core& core, const Slot& slot, crypto::Hash hash, Bytes digest, MutableBytes out,
                                   std::size_t& size);

}  // namespace sealkey::applet
