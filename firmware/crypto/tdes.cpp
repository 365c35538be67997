#include "crypto/tdes.h"

#include <mbedtls/des.h>

#include "crypto/mbedtls_status.h"

namespace sealkey::crypto {

namespace {

class Tdes {
public:
    Tdes() { mbedtls_des3_init(&context_); }
    ~Tdes() { mbedtls_des3_free(&context_); }
    Tdes(const Tdes&) = delete;
    Tdes& operator=(const Tdes&) = delete;
    mbedtls_des3_context* get() { return &context_; }

private:
    mbedtls_des3_context context_;
};

}  // namespace

Status tdes_encrypt_block(TdesKey key, std::span<const std::uint8_t, kTdesBlock> in,
                          std::span<std::uint8_t, kTdesBlock> out) {
    Tdes tdes;
    if (const int failed = mbedtls_des3_set3key_enc(tdes.get(), key.data()); failed != 0) return error_of(failed);
    return status_of(mbedtls_des3_crypt_ecb(tdes.get(), in.data(), out.data()));
}

Status tdes_decrypt_block(TdesKey key, std::span<const std::uint8_t, kTdesBlock> in,
                          std::span<std::uint8_t, kTdesBlock> out) {
    Tdes tdes;
    if (const int failed = mbedtls_des3_set3key_dec(tdes.get(), key.data()); failed != 0) return error_of(failed);
    return status_of(mbedtls_des3_crypt_ecb(tdes.get(), in.data(), out.data()));
}

bool tdes_is_weak(TdesKey key) {
    bool weak = false;
    for (std::size_t part = 0; part < kTdesKey; part += kTdesBlock) {
        // The library's table has the parity bits set right; a client's key may not.
        unsigned char one[MBEDTLS_DES_KEY_SIZE];
        std::memcpy(one, key.data() + part, sizeof one);
        mbedtls_des_key_set_parity(one);
        weak = mbedtls_des_key_check_weak(one) != 0 || weak;
        wipe(one);
    }
    return weak;
}

}  // namespace sealkey::crypto
