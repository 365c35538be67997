// AES key wrap (RFC 3394, SP 800-38F "KW"): the opening half, which is all that a token needs.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

namespace sealkey::crypto {

inline constexpr std::size_t kWrapOverhead = 8;

// `wrapped` is at least 24 bytes and a multiple of 8; `out` is 8 bytes shorter and may not overlap it. invalid:
// lengths, the key's length. wrong_secret: it doesn't open; `out` is wiped then.
[[nodiscard]] Status aes_unwrap_key(Bytes key, Bytes wrapped, MutableBytes out);

}  // namespace sealkey::crypto
