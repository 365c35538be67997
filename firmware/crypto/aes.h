// AES (FIPS 197): single blocks, CBC (SP 800-38A), GCM (SP 800-38D). Keys of 16, 24 or 32 bytes.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

namespace sealkey::crypto {

inline constexpr std::size_t kAesBlock = 16;
using Block = std::span<std::uint8_t, kAesBlock>;
using ConstBlock = std::span<const std::uint8_t, kAesBlock>;

// One block. `out` may be `in`. invalid: the key's length.
[[nodiscard]] Status aes_encrypt_block(Bytes key, ConstBlock in, Block out);
[[nodiscard]] Status aes_decrypt_block(Bytes key, ConstBlock in, Block out);

// Whole blocks, no padding; `out` has the size of `in` and may be `in`. invalid: lengths.
[[nodiscard]] Status aes_cbc_encrypt(Bytes key, ConstBlock iv, Bytes in, MutableBytes out);
[[nodiscard]] Status aes_cbc_decrypt(Bytes key, ConstBlock iv, Bytes in, MutableBytes out);

inline constexpr std::size_t kGcmNonce = 12;
inline constexpr std::size_t kGcmTag = 16;
using GcmNonce = std::span<const std::uint8_t, kGcmNonce>;

// The tag apart. `out` has the size of `plain` and may be the same memory. A nonce must never be used twice with a key.
[[nodiscard]] Status gcm_seal(Bytes key, GcmNonce nonce, Bytes associated, Bytes plain, MutableBytes out,
                              std::span<std::uint8_t, kGcmTag> tag);
// wrong_secret: it doesn't open (wrong key, altered text, tag or associated data); `out` is wiped then.
[[nodiscard]] Status gcm_open(Bytes key, GcmNonce nonce, Bytes associated, Bytes sealed, MutableBytes out,
                              std::span<const std::uint8_t, kGcmTag> tag);

// The tag appended: text || tag. `out` of gcm_seal_appended is kGcmTag longer than `plain`; `out` of gcm_open_appended
// is kGcmTag shorter than `sealed`. invalid: a length that doesn't fit.
[[nodiscard]] Status gcm_seal_appended(Bytes key, GcmNonce nonce, Bytes associated, Bytes plain, MutableBytes out);
[[nodiscard]] Status gcm_open_appended(Bytes key, GcmNonce nonce, Bytes associated, Bytes sealed, MutableBytes out);

}  // namespace sealkey::crypto
