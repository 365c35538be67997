#include "ca/channel_crypto.h"

#include <openssl/core_names.h>

#include "ca/error.h"
#include "ca/openssl.h"

namespace sealkey::ca {

namespace {

using CipherCtx = Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using Cipher = Owned<EVP_CIPHER, EVP_CIPHER_free>;
using Mac = Owned<EVP_MAC, EVP_MAC_free>;
using MacCtx = Owned<EVP_MAC_CTX, EVP_MAC_CTX_free>;

const char* cbc_name(Bytes key) {
    switch (key.size()) {
        case 16:
            return "AES-128-CBC";
        case 24:
            return "AES-192-CBC";
        case 32:
            return "AES-256-CBC";
        default:
            throw CaError(Fault::bad_argument, mark("A channel key has a wrong length."));
    }
}

}  // namespace

void ChannelCrypto::aes_cbc(bool encrypt, Bytes key, Bytes iv, Bytes in, MutableBytes out) {
    const Cipher cipher(EVP_CIPHER_fetch(nullptr, cbc_name(key), nullptr));
    const CipherCtx ctx(EVP_CIPHER_CTX_new());
    int size = 0;
    require(cipher && ctx && iv.size() == 16 && in.size() == out.size() &&
                EVP_CipherInit_ex2(ctx.get(), cipher.get(), key.data(), iv.data(), encrypt ? 1 : 0, nullptr) == 1 &&
                EVP_CIPHER_CTX_set_padding(ctx.get(), 0) == 1 &&
                EVP_CipherUpdate(ctx.get(), out.data(), &size, in.data(), static_cast<int>(in.size())) == 1 &&
                static_cast<std::size_t>(size) == in.size(),
            "secure channel, AES");
}

std::array<std::uint8_t, 16> ChannelCrypto::cmac(Bytes key, std::initializer_list<Bytes> parts) {
    const Mac mac(EVP_MAC_fetch(nullptr, "CMAC", nullptr));
    require(mac != nullptr, "CMAC");
    const MacCtx ctx(EVP_MAC_CTX_new(mac.get()));
    std::string cipher = cbc_name(key);
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher.data(), 0),
                                 OSSL_PARAM_construct_end()};
    bool good = ctx && EVP_MAC_init(ctx.get(), key.data(), key.size(), params) == 1;
    for (const Bytes part : parts) {
        good = good && (part.empty() || EVP_MAC_update(ctx.get(), part.data(), part.size()) == 1);
    }
    std::array<std::uint8_t, 16> out{};
    std::size_t size = 0;
    require(good && EVP_MAC_final(ctx.get(), out.data(), &size, out.size()) == 1 && size == out.size(), "CMAC");
    return out;
}

void ChannelCrypto::random(MutableBytes out) { random_bytes(out); }

}  // namespace sealkey::ca
