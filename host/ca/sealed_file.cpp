#include "ca/sealed_file.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include <nlohmann/json.hpp>

#include "ca/error.h"

namespace sealkey::ca {

namespace {

// scrypt: 16 MiB a guess, which is also what OpenSSL opens in PKCS#8 with its own limits.
constexpr std::uint64_t kScryptN = 16384;
constexpr std::uint64_t kScryptR = 8;
constexpr std::uint64_t kScryptP = 5;
constexpr std::uint64_t kMaxScryptN = 1 << 17;
constexpr std::uint64_t kMaxScryptP = 16;
constexpr std::size_t kSaltSize = 16;
constexpr std::size_t kNonceSize = 12;
constexpr std::size_t kTagSize = 16;

using Kdf = Owned<EVP_KDF, EVP_KDF_free>;
using KdfCtx = Owned<EVP_KDF_CTX, EVP_KDF_CTX_free>;
using CipherCtx = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using KeyInfo = Owned<PKCS8_PRIV_KEY_INFO, PKCS8_PRIV_KEY_INFO_free>;
using EncryptedKey = Owned<X509_SIG, X509_SIG_free>;

struct Scrypt {
    std::uint64_t n, r, p;
};

Secret<32> stretch(Bytes passphrase, Bytes salt, Scrypt cost) {
    const Kdf kdf(EVP_KDF_fetch(nullptr, "SCRYPT", nullptr));
    require(kdf != nullptr, "scrypt");
    const KdfCtx ctx(EVP_KDF_CTX_new(kdf.get()));
    std::uint64_t memory = 256ULL << 20;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, const_cast<std::uint8_t*>(passphrase.data()),
                                          passphrase.size()),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, const_cast<std::uint8_t*>(salt.data()), salt.size()),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &cost.n),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_R, &cost.r),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_P, &cost.p),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
        OSSL_PARAM_construct_end()};
    Secret<32> key;
    key.resize(32);
    require(ctx && EVP_KDF_derive(ctx.get(), key.buffer().data(), key.size(), params) == 1, "scrypt");
    return key;
}

[[noreturn]] void corrupt() { throw CaError(Fault::corrupt, mark("A sealed file of the CA is damaged.")); }
[[noreturn]] void wrong_passphrase() {
    throw CaError(Fault::bad_passphrase, mark("The passphrase is wrong, or the file was changed. Nothing was done."));
}

}  // namespace

void check_new_passphrase(Bytes passphrase) {
    if (passphrase.size() < kMinPassphrase) {
        throw CaError(Fault::bad_passphrase, mark("A passphrase for the CA has at least %1 characters."),
                      {std::to_string(kMinPassphrase)});
    }
}

std::string encrypt_key(EVP_PKEY* key, Bytes passphrase) {
    check_new_passphrase(passphrase);
    std::array<std::uint8_t, kSaltSize> salt{};
    random_bytes(salt);
    const KeyInfo info(EVP_PKEY2PKCS8(key));
    require(info != nullptr, "PKCS#8");
    X509_ALGOR* algorithm = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), salt.data(), static_cast<int>(salt.size()),
                                                  nullptr, kScryptN, kScryptR, kScryptP);
    require(algorithm != nullptr, "PKCS#8 encryption");
    const EncryptedKey encrypted(PKCS8_set0_pbe(reinterpret_cast<const char*>(passphrase.data()),
                                                static_cast<int>(passphrase.size()), info.get(), algorithm));
    if (!encrypted) X509_ALGOR_free(algorithm);
    const Bio bio(BIO_new(BIO_s_mem()));
    require(encrypted && bio && PEM_write_bio_PKCS8(bio.get(), encrypted.get()) == 1, "PKCS#8 encryption");
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

PKey decrypt_key(const std::string& pem, Bytes passphrase) {
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    const EncryptedKey encrypted(bio ? PEM_read_bio_PKCS8(bio.get(), nullptr, nullptr, nullptr) : nullptr);
    if (!encrypted) {
        ERR_clear_error();
        corrupt();
    }
    const KeyInfo info(PKCS8_decrypt(encrypted.get(), reinterpret_cast<const char*>(passphrase.data()),
                                     static_cast<int>(passphrase.size())));
    PKey key(info ? EVP_PKCS82PKEY(info.get()) : nullptr);
    ERR_clear_error();
    if (!key) wrong_passphrase();
    return key;
}

std::string seal_secret(Bytes secret, Bytes passphrase, const std::string& purpose) {
    check_new_passphrase(passphrase);
    if (secret.size() > kMaxSealed) throw CaError(Fault::bad_argument, mark("This is too long to be sealed."));
    std::array<std::uint8_t, kSaltSize> salt{};
    std::array<std::uint8_t, kNonceSize> nonce{};
    random_bytes(salt);
    random_bytes(nonce);
    const Secret<32> key = stretch(passphrase, salt, {kScryptN, kScryptR, kScryptP});
    const CipherCtx ctx(EVP_CIPHER_CTX_new());
    ByteVector sealed(secret.size() + kTagSize);
    int part = 0;
    const auto* aad = reinterpret_cast<const std::uint8_t*>(purpose.data());
    require(
        ctx && EVP_EncryptInit_ex2(ctx.get(), EVP_aes_256_gcm(), key.bytes().data(), nonce.data(), nullptr) == 1 &&
            EVP_EncryptUpdate(ctx.get(), nullptr, &part, aad, static_cast<int>(purpose.size())) == 1 &&
            EVP_EncryptUpdate(ctx.get(), sealed.data(), &part, secret.data(), static_cast<int>(secret.size())) == 1 &&
            EVP_EncryptFinal_ex(ctx.get(), sealed.data() + part, &part) == 1 &&
            EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_GET_TAG, kTagSize, sealed.data() + secret.size()) == 1,
        "AES-GCM");
    const nlohmann::json content = {{"format", "sealkey-sealed"},
                                    {"version", 1},
                                    {"kdf", "scrypt"},
                                    {"n", kScryptN},
                                    {"r", kScryptR},
                                    {"p", kScryptP},
                                    {"salt", hex(salt)},
                                    {"cipher", "aes-256-gcm"},
                                    {"nonce", hex(nonce)},
                                    {"purpose", purpose},
                                    {"data", hex(sealed)}};
    return content.dump(2) + "\n";
}

SealedSecret unseal_secret(const std::string& content, Bytes passphrase, const std::string& purpose) {
    const auto json = nlohmann::json::parse(content, nullptr, false);
    Scrypt cost{};
    ByteVector salt, nonce, sealed;
    try {
        if (json.at("format") != "sealkey-sealed" || json.at("version") != 1) corrupt();
        cost = {json.at("n"), json.at("r"), json.at("p")};
        salt = unhex(json.at("salt"));
        nonce = unhex(json.at("nonce"));
        sealed = unhex(json.at("data"));
    } catch (const nlohmann::json::exception&) {
        corrupt();
    }
    const bool power_of_two = cost.n > 1 && (cost.n & (cost.n - 1)) == 0;
    if (!power_of_two || cost.n > kMaxScryptN || cost.r != kScryptR || cost.p == 0 || cost.p > kMaxScryptP ||
        salt.size() != kSaltSize || nonce.size() != kNonceSize || sealed.size() < kTagSize ||
        sealed.size() > kMaxSealed + kTagSize) {
        corrupt();
    }
    const Secret<32> key = stretch(passphrase, salt, cost);
    const CipherCtx ctx(EVP_CIPHER_CTX_new());
    SealedSecret out;
    const int size = static_cast<int>(sealed.size() - kTagSize);
    int part = 0;
    const auto* aad = reinterpret_cast<const std::uint8_t*>(purpose.data());
    require(ctx && EVP_DecryptInit_ex2(ctx.get(), EVP_aes_256_gcm(), key.bytes().data(), nonce.data(), nullptr) == 1 &&
                EVP_DecryptUpdate(ctx.get(), nullptr, &part, aad, static_cast<int>(purpose.size())) == 1 &&
                EVP_DecryptUpdate(ctx.get(), out.buffer().data(), &part, sealed.data(), size) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx.get(), EVP_CTRL_AEAD_SET_TAG, kTagSize, sealed.data() + size) == 1,
            "AES-GCM");
    if (EVP_DecryptFinal_ex(ctx.get(), out.buffer().data() + size, &part) != 1) {
        ERR_clear_error();
        wrong_passphrase();
    }
    out.resize(static_cast<std::size_t>(size));
    return out;
}

}  // namespace sealkey::ca
