// The one place where mbedTLS's return codes become errors of ours.
#pragma once

#include "base/result.h"

namespace sealkey::crypto {

// invalid: the library refused an argument or a format. wrong_secret: an authenticated decryption didn't open.
// crypto_failure: everything else (no memory left in the arena, no random bytes, a failed self-check).
[[nodiscard]] Error error_of(int mbedtls_code);
[[nodiscard]] Status status_of(int mbedtls_code);

}  // namespace sealkey::crypto
