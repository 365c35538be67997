// AES-CMAC (RFC 4493, SP 800-38B). Keys of 16, 24 or 32 bytes.
#pragma once

#include <array>
#include <initializer_list>
#include <span>

#include "base/bytes.h"
#include "base/result.h"

namespace sealkey::crypto {

inline constexpr std::size_t kCmacSize = 16;
using Mac = std::array<std::uint8_t, kCmacSize>;

// Over the parts one after another: cmac(key, {bytes_of(kLabel), data}). invalid: the key's length.
[[nodiscard]] Result<Mac> cmac(Bytes key, std::initializer_list<Bytes> parts);
// The same where the outcome is a secret (a key derivation): it stands in `out` and nowhere else.
[[nodiscard]] Status cmac(Bytes key, std::initializer_list<Bytes> parts, std::span<std::uint8_t, kCmacSize> out);

}  // namespace sealkey::crypto
