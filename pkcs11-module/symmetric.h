// Ciphers and message authentication codes with session keys: on the host, by mbedTLS.
#pragma once

#include <array>
#include <memory>

#include "mechanisms.h"

struct mbedtls_aes_context;
struct mbedtls_cipher_context_t;
struct mbedtls_md_context_t;

namespace sealkey::pkcs11 {

inline constexpr std::size_t kAesBlock = 16;

// AES in a mode that gives its output as the input comes: ECB, CBC, CBC with padding, CTR.
class BlockStream {
public:
    // CKR_MECHANISM_PARAM_INVALID
    BlockStream(const Mechanism& mechanism, const CK_MECHANISM& given, ByteView key, bool encrypt);
    ~BlockStream();
    BlockStream(const BlockStream&) = delete;
    BlockStream& operator=(const BlockStream&) = delete;

    // What update() gives for an input of this size, exactly; and all that can still come if this much follows.
    [[nodiscard]] std::size_t update_size(std::size_t input) const;
    [[nodiscard]] std::size_t longest(std::size_t input) const;
    [[nodiscard]] ByteVector update(ByteView data);
    // CKR_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_INVALID
    [[nodiscard]] ByteVector finish();

private:
    void crypt(ByteView blocks, std::uint8_t* out);

    std::unique_ptr<mbedtls_aes_context> context_;
    Scheme scheme_;
    bool encrypt_;
    std::array<std::uint8_t, kAesBlock> iv_{};  // CTR: the counter block
    std::array<std::uint8_t, kAesBlock> key_stream_{};
    std::size_t key_stream_at_ = 0;
    ByteVector pending_;  // less than a block; or one block, while it may be the last with its padding
};

// The modes that need the whole input first: GCM and the key wraps of RFC 3394 and RFC 5649.
class WholeCipher {
public:
    // CKR_MECHANISM_PARAM_INVALID
    WholeCipher(const Mechanism& mechanism, const CK_MECHANISM& given, ByteView key);
    ~WholeCipher();
    WholeCipher(const WholeCipher&) = delete;
    WholeCipher& operator=(const WholeCipher&) = delete;
    // CKR_DATA_LEN_RANGE
    [[nodiscard]] ByteVector encrypt(ByteView data) const;
    // CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_INVALID
    [[nodiscard]] ByteVector decrypt(ByteView data) const;
    [[nodiscard]] std::size_t longest(std::size_t input, bool encrypt) const;

private:
    [[nodiscard]] ByteVector gcm(ByteView data, bool encrypt) const;
    [[nodiscard]] ByteVector wrap(ByteView data, bool encrypt) const;

    Scheme scheme_;
    ByteVector key_;
    ByteVector iv_;
    ByteVector associated_;
    std::size_t tag_ = 0;
};

// HMAC and CMAC.
class Mac {
public:
    Mac(const Mechanism& mechanism, ByteView key);
    ~Mac();
    Mac(const Mac&) = delete;
    Mac& operator=(const Mac&) = delete;
    [[nodiscard]] std::size_t size() const { return size_; }
    void update(ByteView data);
    [[nodiscard]] ByteVector finish();

private:
    std::unique_ptr<mbedtls_md_context_t> hmac_;
    std::unique_ptr<mbedtls_cipher_context_t> cmac_;
    std::size_t size_;
};

}  // namespace sealkey::pkcs11
