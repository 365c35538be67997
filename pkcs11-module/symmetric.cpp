#include "symmetric.h"

#include <mbedtls/aes.h>
#include <mbedtls/cipher.h>
#include <mbedtls/cmac.h>
#include <mbedtls/gcm.h>
#include <mbedtls/md.h>
#include <mbedtls/nist_kw.h>

#include <algorithm>
#include <cstring>

#include "base/bytes.h"

namespace sealkey::pkcs11 {

namespace {

void check(int code) { require(code == 0, CKR_FUNCTION_FAILED); }

unsigned bits_of(ByteView key) { return static_cast<unsigned>(key.size() * 8); }

mbedtls_md_type_t md_of(Hash hash) {
    switch (hash) {
        case Hash::sha1:
            return MBEDTLS_MD_SHA1;
        case Hash::sha224:
            return MBEDTLS_MD_SHA224;
        case Hash::sha256:
            return MBEDTLS_MD_SHA256;
        case Hash::sha384:
            return MBEDTLS_MD_SHA384;
        case Hash::sha512:
            return MBEDTLS_MD_SHA512;
        case Hash::none:
            break;
    }
    refuse(CKR_GENERAL_ERROR);
}

ByteVector copy_of(const void* data, std::size_t size) {
    require(data != nullptr || size == 0, CKR_MECHANISM_PARAM_INVALID);
    const auto* bytes = static_cast<const std::uint8_t*>(data);
    return size == 0 ? ByteVector() : ByteVector(bytes, bytes + size);
}

}  // namespace

// --- streams ---

BlockStream::BlockStream(const Mechanism& mechanism, const CK_MECHANISM& given, ByteView key, bool encrypt)
    : context_(std::make_unique<mbedtls_aes_context>()), scheme_(mechanism.scheme), encrypt_(encrypt) {
    if (scheme_ == Scheme::aes_ecb) {
        require(given.ulParameterLen == 0, CKR_MECHANISM_PARAM_INVALID);
    } else if (scheme_ == Scheme::aes_ctr) {
        const auto raw = read_parameters<CK_AES_CTR_PARAMS>(given);
        // The whole block counts, as everybody uses it.
        require(raw.ulCounterBits == 8 * kAesBlock, CKR_MECHANISM_PARAM_INVALID);
        std::copy_n(raw.cb, kAesBlock, iv_.begin());
    } else {
        iv_ = read_parameters<std::array<std::uint8_t, kAesBlock>>(given);
    }
    mbedtls_aes_init(context_.get());
    const bool forwards = encrypt || scheme_ == Scheme::aes_ctr;
    check(forwards ? mbedtls_aes_setkey_enc(context_.get(), key.data(), bits_of(key))
                   : mbedtls_aes_setkey_dec(context_.get(), key.data(), bits_of(key)));
}

BlockStream::~BlockStream() {
    mbedtls_aes_free(context_.get());
    wipe(pending_);
    wipe(key_stream_);
}

std::size_t BlockStream::update_size(std::size_t input) const {
    if (scheme_ == Scheme::aes_ctr) return input;
    const std::size_t total = pending_.size() + input;
    const bool hold = scheme_ == Scheme::aes_cbc_pad && !encrypt_;
    return (hold && total > 0 ? total - 1 : total) / kAesBlock * kAesBlock;
}

std::size_t BlockStream::longest(std::size_t input) const {
    if (scheme_ == Scheme::aes_ctr) return input;
    const std::size_t total = pending_.size() + input;
    return scheme_ == Scheme::aes_cbc_pad && encrypt_ ? (total / kAesBlock + 1) * kAesBlock : total;
}

void BlockStream::crypt(ByteView blocks, std::uint8_t* out) {
    const int mode = encrypt_ ? MBEDTLS_AES_ENCRYPT : MBEDTLS_AES_DECRYPT;
    if (scheme_ != Scheme::aes_ecb) {
        check(mbedtls_aes_crypt_cbc(context_.get(), mode, blocks.size(), iv_.data(), blocks.data(), out));
        return;
    }
    for (std::size_t at = 0; at < blocks.size(); at += kAesBlock) {
        check(mbedtls_aes_crypt_ecb(context_.get(), mode, blocks.data() + at, out + at));
    }
}

ByteVector BlockStream::update(ByteView data) {
    ByteVector out(update_size(data.size()));
    if (scheme_ == Scheme::aes_ctr) {
        check(mbedtls_aes_crypt_ctr(context_.get(), data.size(), &key_stream_at_, iv_.data(), key_stream_.data(),
                                    data.data(), out.data()));
        return out;
    }
    ByteVector whole = std::move(pending_);
    pending_.clear();
    whole.insert(whole.end(), data.begin(), data.end());
    if (!out.empty()) crypt(ByteView(whole).first(out.size()), out.data());
    pending_.assign(whole.begin() + static_cast<std::ptrdiff_t>(out.size()), whole.end());
    wipe(whole);
    return out;
}

ByteVector BlockStream::finish() {
    if (scheme_ != Scheme::aes_cbc_pad) {
        require(pending_.empty(), encrypt_ ? CKR_DATA_LEN_RANGE : CKR_ENCRYPTED_DATA_LEN_RANGE);
        return {};
    }
    ByteVector last(kAesBlock);
    if (encrypt_) {
        const std::size_t padding = kAesBlock - pending_.size();
        pending_.resize(kAesBlock, static_cast<std::uint8_t>(padding));
        crypt(pending_, last.data());
        return last;
    }
    require(pending_.size() == kAesBlock, CKR_ENCRYPTED_DATA_LEN_RANGE);
    crypt(pending_, last.data());
    const std::uint8_t padding = last.back();
    // Every byte is looked at, whatever the padding says.
    unsigned bad = padding == 0 || padding > kAesBlock ? 1 : 0;
    for (std::size_t i = 0; i < kAesBlock; ++i) {
        if (kAesBlock - i <= padding) bad |= static_cast<unsigned>(last[i] ^ padding);
    }
    if (bad != 0) {
        wipe(last);
        refuse(CKR_ENCRYPTED_DATA_INVALID);
    }
    last.resize(kAesBlock - padding);
    return last;
}

// --- the whole at once ---

WholeCipher::WholeCipher(const Mechanism& mechanism, const CK_MECHANISM& given, ByteView key)
    : scheme_(mechanism.scheme), key_(key.begin(), key.end()) {
    if (scheme_ != Scheme::aes_gcm) {
        // The standard's own initial values, and no others.
        require(given.ulParameterLen == 0, CKR_MECHANISM_PARAM_INVALID);
        return;
    }
    const auto raw = read_parameters<CK_GCM_PARAMS>(given);
    constexpr CK_ULONG kMostAssociated = 1UL << 20;
    require(raw.ulIvLen > 0 && raw.ulIvLen <= 256 && raw.ulAADLen <= kMostAssociated, CKR_MECHANISM_PARAM_INVALID);
    // Shorter tags are no protection.
    require(raw.ulTagBits >= 96 && raw.ulTagBits <= 128 && raw.ulTagBits % 8 == 0, CKR_MECHANISM_PARAM_INVALID);
    iv_ = copy_of(raw.pIv, raw.ulIvLen);
    associated_ = copy_of(raw.pAAD, raw.ulAADLen);
    tag_ = raw.ulTagBits / 8;
}

WholeCipher::~WholeCipher() { wipe(key_); }

std::size_t WholeCipher::longest(std::size_t input, bool encrypt) const {
    if (scheme_ == Scheme::aes_gcm) return encrypt ? input + tag_ : input - std::min(input, tag_);
    if (!encrypt) return input - std::min<std::size_t>(input, 8);
    return (input + 7) / 8 * 8 + 8;
}

ByteVector WholeCipher::gcm(ByteView data, bool encrypt) const {
    struct Context {
        Context() { mbedtls_gcm_init(&gcm); }
        ~Context() { mbedtls_gcm_free(&gcm); }
        mbedtls_gcm_context gcm;
    } context;
    check(mbedtls_gcm_setkey(&context.gcm, MBEDTLS_CIPHER_ID_AES, key_.data(), bits_of(key_)));
    if (encrypt) {
        ByteVector out(data.size() + tag_);
        check(mbedtls_gcm_crypt_and_tag(&context.gcm, MBEDTLS_GCM_ENCRYPT, data.size(), iv_.data(), iv_.size(),
                                        associated_.data(), associated_.size(), data.data(), out.data(), tag_,
                                        out.data() + data.size()));
        return out;
    }
    require(data.size() >= tag_, CKR_ENCRYPTED_DATA_LEN_RANGE);
    ByteVector out(data.size() - tag_);
    const int code =
        mbedtls_gcm_auth_decrypt(&context.gcm, out.size(), iv_.data(), iv_.size(), associated_.data(),
                                 associated_.size(), data.data() + out.size(), tag_, data.data(), out.data());
    require(code == 0, CKR_ENCRYPTED_DATA_INVALID);
    return out;
}

ByteVector WholeCipher::wrap(ByteView data, bool encrypt) const {
    struct Context {
        Context() { mbedtls_nist_kw_init(&kw); }
        ~Context() { mbedtls_nist_kw_free(&kw); }
        mbedtls_nist_kw_context kw;
    } context;
    check(mbedtls_nist_kw_setkey(&context.kw, MBEDTLS_CIPHER_ID_AES, key_.data(), bits_of(key_), encrypt ? 1 : 0));
    const auto mode = scheme_ == Scheme::aes_wrap ? MBEDTLS_KW_MODE_KW : MBEDTLS_KW_MODE_KWP;
    ByteVector out(data.size() + 2 * kAesBlock);
    std::size_t size = 0;
    if (encrypt) {
        check(mbedtls_nist_kw_wrap(&context.kw, mode, data.data(), data.size(), out.data(), &size, out.size()));
    } else {
        const int code =
            mbedtls_nist_kw_unwrap(&context.kw, mode, data.data(), data.size(), out.data(), &size, out.size());
        require(code == 0, CKR_ENCRYPTED_DATA_INVALID);
    }
    out.resize(size);
    return out;
}

ByteVector WholeCipher::encrypt(ByteView data) const {
    if (scheme_ == Scheme::aes_gcm) return gcm(data, true);
    const bool fits = scheme_ == Scheme::aes_wrap ? data.size() >= 16 && data.size() % 8 == 0 : !data.empty();
    require(fits, CKR_DATA_LEN_RANGE);
    return wrap(data, true);
}

ByteVector WholeCipher::decrypt(ByteView data) const {
    if (scheme_ == Scheme::aes_gcm) return gcm(data, false);
    const std::size_t least = scheme_ == Scheme::aes_wrap ? 24 : 16;
    require(data.size() >= least && data.size() % 8 == 0, CKR_ENCRYPTED_DATA_LEN_RANGE);
    return wrap(data, false);
}

// --- codes ---

Mac::Mac(const Mechanism& mechanism, ByteView key)
    : size_(mechanism.scheme == Scheme::cmac ? kAesBlock : hash_size(mechanism.hash)) {
    if (mechanism.scheme == Scheme::cmac) {
        const auto* info =
            mbedtls_cipher_info_from_values(MBEDTLS_CIPHER_ID_AES, static_cast<int>(bits_of(key)), MBEDTLS_MODE_ECB);
        cmac_ = std::make_unique<mbedtls_cipher_context_t>();
        mbedtls_cipher_init(cmac_.get());
        check(mbedtls_cipher_setup(cmac_.get(), info));
        check(mbedtls_cipher_cmac_starts(cmac_.get(), key.data(), bits_of(key)));
        return;
    }
    hmac_ = std::make_unique<mbedtls_md_context_t>();
    mbedtls_md_init(hmac_.get());
    check(mbedtls_md_setup(hmac_.get(), mbedtls_md_info_from_type(md_of(mechanism.hash)), 1));
    check(mbedtls_md_hmac_starts(hmac_.get(), key.data(), key.size()));
}

Mac::~Mac() {
    if (cmac_) mbedtls_cipher_free(cmac_.get());
    if (hmac_) mbedtls_md_free(hmac_.get());
}

void Mac::update(ByteView data) {
    // mbedTLS's CMAC refuses a null pointer even for no bytes.
    if (data.empty()) return;
    check(cmac_ ? mbedtls_cipher_cmac_update(cmac_.get(), data.data(), data.size())
                : mbedtls_md_hmac_update(hmac_.get(), data.data(), data.size()));
}

ByteVector Mac::finish() {
    ByteVector out(size_);
    check(cmac_ ? mbedtls_cipher_cmac_finish(cmac_.get(), out.data())
                : mbedtls_md_hmac_finish(hmac_.get(), out.data()));
    return out;
}

}  // namespace sealkey::pkcs11
