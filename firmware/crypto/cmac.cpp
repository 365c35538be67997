#include "crypto/cmac.h"

#include <mbedtls/cipher.h>
#include <mbedtls/cmac.h>

#include "crypto/arena.h"
#include "crypto/mbedtls_status.h"

namespace sealkey::crypto {

namespace {

class Cipher {
public:
    Cipher() {
        init_arena();
        mbedtls_cipher_init(&context_);
    }
    ~Cipher() { mbedtls_cipher_free(&context_); }
    Cipher(const Cipher&) = delete;
    Cipher& operator=(const Cipher&) = delete;
    mbedtls_cipher_context_t* get() { return &context_; }

private:
    mbedtls_cipher_context_t context_;
};

}  // namespace

Status cmac(Bytes key, std::initializer_list<Bytes> parts, std::span<std::uint8_t, kCmacSize> out) {
    if (key.size() != 16 && key.size() != 24 && key.size() != 32) return Error::invalid;
    const int key_bits = static_cast<int>(key.size() * 8);
    Cipher cipher;
    const auto* kind = mbedtls_cipher_info_from_values(MBEDTLS_CIPHER_ID_AES, key_bits, MBEDTLS_MODE_ECB);
    int failed = mbedtls_cipher_setup(cipher.get(), kind);
    if (failed == 0) failed = mbedtls_cipher_cmac_starts(cipher.get(), key.data(), static_cast<std::size_t>(key_bits));
    for (Bytes part : parts) {
        if (failed == 0 && !part.empty()) failed = mbedtls_cipher_cmac_update(cipher.get(), part.data(), part.size());
    }
    if (failed == 0) failed = mbedtls_cipher_cmac_finish(cipher.get(), out.data());
    return status_of(failed);
}

Result<Mac> cmac(Bytes key, std::initializer_list<Bytes> parts) {
    Mac mac;
    if (const Status done = cmac(key, parts, mac); !done) return done.error();
    return mac;
}

}  // namespace sealkey::crypto
