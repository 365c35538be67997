#include "support/key_centre.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>

namespace sealkey::testing {

namespace {

void openssl_must(bool good, const char* what) {
    if (!good) throw std::runtime_error(what);
}
using Context = std::shared_ptr<EVP_PKEY_CTX>;
Context context_of(const PKey& key) { return Context(EVP_PKEY_CTX_new(key.get(), nullptr), EVP_PKEY_CTX_free); }

ByteVector number_of(const PKey& key, const char* name, std::size_t size) {
    BIGNUM* value = nullptr;
    openssl_must(EVP_PKEY_get_bn_param(key.get(), name, &value) == 1, name);
    ByteVector out(size);
    openssl_must(BN_bn2binpad(value, out.data(), static_cast<int>(size)) == static_cast<int>(size), name);
    BN_clear_free(value);
    return out;
}

struct Agreed {
    ByteVector opening, secret;
};

Agreed by_ecdh(const PKey& recipient) {
    const PKey fresh = new_key(EVP_PKEY_get_bits(recipient.get()) == 256 ? "P-256" : "P-384");
    Agreed out;
    out.opening.resize(97);
    std::size_t size = 0;
    openssl_must(
        EVP_PKEY_get_octet_string_param(fresh.get(), "pub", out.opening.data(), out.opening.size(), &size) == 1, "pub");
    out.opening.resize(size);
    const Context context = context_of(fresh);
    out.secret.resize(48);
    size = out.secret.size();
    openssl_must(EVP_PKEY_derive_init(context.get()) == 1 &&
                     EVP_PKEY_derive_set_peer(context.get(), recipient.get()) == 1 &&
                     EVP_PKEY_derive(context.get(), out.secret.data(), &size) == 1,
                 "ECDH");
    out.secret.resize(size);
    return out;
}

Agreed by_rsa(const PKey& recipient) {
    const Context context = context_of(recipient);
    std::size_t opening = 0, secret = 0;
    openssl_must(EVP_PKEY_encapsulate_init(context.get(), nullptr) == 1 &&
                     EVP_PKEY_CTX_set_kem_op(context.get(), "RSASVE") == 1 &&
                     EVP_PKEY_encapsulate(context.get(), nullptr, &opening, nullptr, &secret) == 1,
                 "RSASVE");
    Agreed out{ByteVector(opening), ByteVector(secret)};
    openssl_must(EVP_PKEY_encapsulate(context.get(), out.opening.data(), &opening, out.secret.data(), &secret) == 1,
                 "RSASVE");
    return out;
}

ByteVector wrapping_key(const Agreed& agreed, const EnvelopeFor& what) {
    const auto digest = digest_of(agreed.opening);
    const std::string label = "SEALKEY-ENVELOPE";
    ByteVector info = concat({ByteVector(label.begin(), label.end()),
                              ByteVector(what.serial.begin(), what.serial.end()),
                              what.rid,
                              {static_cast<std::uint8_t>(what.algorithm)},
                              ByteVector(digest.begin(), digest.end())});
    ByteVector secret = agreed.secret;
    const std::shared_ptr<EVP_KDF> hkdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr), EVP_KDF_free);
    const std::shared_ptr<EVP_KDF_CTX> context(EVP_KDF_CTX_new(hkdf.get()), EVP_KDF_CTX_free);
    char sha256[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, sha256, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret.data(), secret.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info.data(), info.size()), OSSL_PARAM_construct_end()};
    ByteVector out(32);
    openssl_must(EVP_KDF_derive(context.get(), out.data(), out.size(), parameters) == 1, "HKDF");
    return out;
}

}  // namespace

ByteVector private_parts(const PKey& key) {
    if (EVP_PKEY_get_base_id(key.get()) == EVP_PKEY_EC) {
        return number_of(key, "priv", EVP_PKEY_get_bits(key.get()) == 256 ? 32 : 48);
    }
    const auto half = static_cast<std::size_t>(EVP_PKEY_get_bits(key.get()) / 16);
    ByteVector out;
    for (const char* name : {"rsa-factor1", "rsa-factor2", "rsa-exponent1", "rsa-exponent2", "rsa-coefficient1"}) {
        const ByteVector part = number_of(key, name, half);
        out.insert(out.end(), part.begin(), part.end());
    }
    return out;
}

ByteVector make_envelope(const ByteVector& parts, const PKey& recipient, const EnvelopeFor& what) {
    const Agreed agreed = EVP_PKEY_get_base_id(recipient.get()) == EVP_PKEY_EC ? by_ecdh(recipient) : by_rsa(recipient);
    const ByteVector key = wrapping_key(agreed, what);
    const std::shared_ptr<EVP_CIPHER_CTX> context(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free);
    EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    ByteVector wrapped(parts.size() + 8);
    int size = 0;
    openssl_must(
        EVP_EncryptInit_ex(context.get(), EVP_aes_256_wrap(), nullptr, key.data(), nullptr) == 1 &&
            EVP_EncryptUpdate(context.get(), wrapped.data(), &size, parts.data(), static_cast<int>(parts.size())) == 1,
        "AES key wrap");
    return concat({agreed.opening, wrapped});
}

}  // namespace sealkey::testing
