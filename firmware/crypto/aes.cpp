#include "crypto/aes.h"

#include <mbedtls/aes.h>
#include <mbedtls/gcm.h>

#include <algorithm>
#include <array>

#include "crypto/arena.h"
#include "crypto/mbedtls_status.h"

namespace sealkey::crypto {

namespace {

bool is_aes_key(Bytes key) { return key.size() == 16 || key.size() == 24 || key.size() == 32; }

unsigned bits(Bytes key) { return static_cast<unsigned>(key.size() * 8); }

// A keyed context that is wiped when it goes.
class Aes {
public:
    Aes(Bytes key, int mode) {
        mbedtls_aes_init(&context_);
        if (!is_aes_key(key)) {
            status_ = MBEDTLS_ERR_AES_INVALID_KEY_LENGTH;
        } else if (mode == MBEDTLS_AES_ENCRYPT) {
            status_ = mbedtls_aes_setkey_enc(&context_, key.data(), bits(key));
        } else {
            status_ = mbedtls_aes_setkey_dec(&context_, key.data(), bits(key));
        }
    }
    ~Aes() { mbedtls_aes_free(&context_); }
    Aes(const Aes&) = delete;
    Aes& operator=(const Aes&) = delete;

    [[nodiscard]] int status() const { return status_; }
    mbedtls_aes_context* get() { return &context_; }

private:
    mbedtls_aes_context context_;
    int status_;
};

class Gcm {
public:
    explicit Gcm(Bytes key) {
        init_arena();
        mbedtls_gcm_init(&context_);
        status_ = is_aes_key(key) ? mbedtls_gcm_setkey(&context_, MBEDTLS_CIPHER_ID_AES, key.data(), bits(key))
                                  : MBEDTLS_ERR_GCM_BAD_INPUT;
    }
    ~Gcm() { mbedtls_gcm_free(&context_); }
    Gcm(const Gcm&) = delete;
    Gcm& operator=(const Gcm&) = delete;

    [[nodiscard]] int status() const { return status_; }
    mbedtls_gcm_context* get() { return &context_; }

private:
    mbedtls_gcm_context context_;
    int status_;
};

Status one_block(Bytes key, ConstBlock in, Block out, int mode) {
    Aes aes(key, mode);
    if (aes.status() != 0) return error_of(aes.status());
    return status_of(mbedtls_aes_crypt_ecb(aes.get(), mode, in.data(), out.data()));
}

Status cbc(Bytes key, ConstBlock iv, Bytes in, MutableBytes out, int mode) {
    if (in.size() % kAesBlock != 0 || out.size() != in.size()) return Error::invalid;
    Aes aes(key, mode);
    if (aes.status() != 0) return error_of(aes.status());
    std::array<std::uint8_t, kAesBlock> chain;
    std::copy(iv.begin(), iv.end(), chain.begin());
    const int failed = mbedtls_aes_crypt_cbc(aes.get(), mode, in.size(), chain.data(), in.data(), out.data());
    wipe(chain);
    return status_of(failed);
}

}  // namespace

Status aes_encrypt_block(Bytes key, ConstBlock in, Block out) { return one_block(key, in, out, MBEDTLS_AES_ENCRYPT); }

Status aes_decrypt_block(Bytes key, ConstBlock in, Block out) { return one_block(key, in, out, MBEDTLS_AES_DECRYPT); }

Status aes_cbc_encrypt(Bytes key, ConstBlock iv, Bytes in, MutableBytes out) {
    return cbc(key, iv, in, out, MBEDTLS_AES_ENCRYPT);
}

Status aes_cbc_decrypt(Bytes key, ConstBlock iv, Bytes in, MutableBytes out) {
    return cbc(key, iv, in, out, MBEDTLS_AES_DECRYPT);
}

Status gcm_seal(Bytes key, GcmNonce nonce, Bytes associated, Bytes plain, MutableBytes out,
                std::span<std::uint8_t, kGcmTag> tag) {
    if (out.size() != plain.size()) return Error::invalid;
    Gcm gcm(key);
    if (gcm.status() != 0) return error_of(gcm.status());
    return status_of(mbedtls_gcm_crypt_and_tag(gcm.get(), MBEDTLS_GCM_ENCRYPT, plain.size(), nonce.data(), nonce.size(),
                                               associated.data(), associated.size(), plain.data(), out.data(),
                                               tag.size(), tag.data()));
}

Status gcm_open(Bytes key, GcmNonce nonce, Bytes associated, Bytes sealed, MutableBytes out,
                std::span<const std::uint8_t, kGcmTag> tag) {
    if (out.size() != sealed.size()) return Error::invalid;
    Gcm gcm(key);
    if (gcm.status() != 0) return error_of(gcm.status());
    const int failed = mbedtls_gcm_auth_decrypt(gcm.get(), sealed.size(), nonce.data(), nonce.size(), associated.data(),
                                                associated.size(), tag.data(), tag.size(), sealed.data(), out.data());
    if (failed != 0) wipe(out);
    return status_of(failed);
}

Status gcm_seal_appended(Bytes key, GcmNonce nonce, Bytes associated, Bytes plain, MutableBytes out) {
    if (out.size() != plain.size() + kGcmTag) return Error::invalid;
    return gcm_seal(key, nonce, associated, plain, out.first(plain.size()), out.last<kGcmTag>());
}

Status gcm_open_appended(Bytes key, GcmNonce nonce, Bytes associated, Bytes sealed, MutableBytes out) {
    if (sealed.size() < kGcmTag || out.size() != sealed.size() - kGcmTag) return Error::invalid;
    return gcm_open(key, nonce, associated, sealed.first(out.size()), out, sealed.last<kGcmTag>());
}

}  // namespace sealkey::crypto
