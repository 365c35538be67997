// Triple DES, single blocks (SP 800-67): the compatibility profile's management key alone.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

namespace sealkey::crypto {

inline constexpr std::size_t kTdesKey = 24;
inline constexpr std::size_t kTdesBlock = 8;
using TdesKey = std::span<const std::uint8_t, kTdesKey>;

// Parity bits of the key are ignored. `out` may be `in`.
[[nodiscard]] Status tdes_encrypt_block(TdesKey key, std::span<const std::uint8_t, kTdesBlock> in,
                                        std::span<std::uint8_t, kTdesBlock> out);
[[nodiscard]] Status tdes_decrypt_block(TdesKey key, std::span<const std::uint8_t, kTdesBlock> in,
                                        std::span<std::uint8_t, kTdesBlock> out);
// True when one of the three keys is one of DES's weak or semi-weak keys; set-management-key refuses it.
[[nodiscard]] bool tdes_is_weak(TdesKey key);

}  // namespace sealkey::crypto
