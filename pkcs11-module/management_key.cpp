#include "management_key.h"

#include <mbedtls/aes.h>
#include <mbedtls/des.h>

#include "hash.h"

namespace sealkey::pkcs11 {

namespace {

using protocol::Algorithm;

std::size_t size_of(Algorithm algorithm) {
    if (algorithm == Algorithm::aes128) return 16;
    return algorithm == Algorithm::aes256 ? 32 : 24;
}

int digit_of(std::uint8_t c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

void check(int code) { require(code == 0, CKR_FUNCTION_FAILED); }

}  // namespace

ManagementKey parse_management_key(ByteView pin, Algorithm algorithm) {
    const std::size_t size = size_of(algorithm);
    if (pin.size() == size) return ManagementKey(pin);
    require(pin.size() == 2 * size, CKR_PIN_INCORRECT);
    ManagementKey key;
    for (std::size_t i = 0; i < size; ++i) {
        const int high = digit_of(pin[2 * i]);
        const int low = digit_of(pin[2 * i + 1]);
        require(high >= 0 && low >= 0, CKR_PIN_INCORRECT);
        key.buffer()[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    key.resize(size);
    return key;
}

void ManagementCipher::random(MutableBytes out) { random_bytes(out); }

void ManagementCipher::run(bool encrypt, Bytes block, MutableBytes out) const {
    const Bytes key = key_.bytes();
    if (algorithm_ == Algorithm::tdes) {
        struct Context {
            Context() { mbedtls_des3_init(&des); }
            ~Context() { mbedtls_des3_free(&des); }
            mbedtls_des3_context des;
        } context;
        check(encrypt ? mbedtls_des3_set3key_enc(&context.des, key.data())
                      : mbedtls_des3_set3key_dec(&context.des, key.data()));
        check(mbedtls_des3_crypt_ecb(&context.des, block.data(), out.data()));
        return;
    }
    struct Context {
        Context() { mbedtls_aes_init(&aes); }
        ~Context() { mbedtls_aes_free(&aes); }
        mbedtls_aes_context aes;
    } context;
    const auto bits = static_cast<unsigned>(key.size() * 8);
    check(encrypt ? mbedtls_aes_setkey_enc(&context.aes, key.data(), bits)
                  : mbedtls_aes_setkey_dec(&context.aes, key.data(), bits));
    const int mode = encrypt ? MBEDTLS_AES_ENCRYPT : MBEDTLS_AES_DECRYPT;
    check(mbedtls_aes_crypt_ecb(&context.aes, mode, block.data(), out.data()));
}

}  // namespace sealkey::pkcs11
