#include "bench/management_cipher.h"

#include <array>

#include "ca/error.h"
#include "ca/openssl.h"

namespace sealkey::bench {

namespace {

using protocol::Algorithm;
using CipherCtx = ca::Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free>;
using Cipher = ca::Owned<EVP_CIPHER, EVP_CIPHER_free>;

struct Row {
    Algorithm algorithm;
    const char* name;
    std::size_t key_size;
};
constexpr Row kRows[] = {{Algorithm::tdes, "DES-EDE3-ECB", 24},
                         {Algorithm::aes128, "AES-128-ECB", 16},
                         {Algorithm::aes192, "AES-192-ECB", 24},
                         {Algorithm::aes256, "AES-256-ECB", 32}};

const Row& row_of(Algorithm algorithm) {
    for (const Row& row : kRows) {
        if (row.algorithm == algorithm) return row;
    }
    throw ca::CaError(ca::Fault::bad_argument, ca::mark("This isn't an algorithm for a management key."));
}

constexpr std::array<std::uint8_t, 24> kDefault = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4,
                                                   5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8};

}  // namespace

Bytes default_management_key() { return kDefault; }

ManagementCipher::ManagementCipher(Algorithm algorithm, Bytes key) : algorithm_(algorithm) {
    if (key.size() != row_of(algorithm).key_size) {
        throw ca::CaError(ca::Fault::bad_argument, ca::mark("A management key has a wrong length."));
    }
    key_.assign(key);
}

void ManagementCipher::run(Bytes block, MutableBytes out, int encrypting) {
    const Cipher cipher(EVP_CIPHER_fetch(nullptr, row_of(algorithm_).name, nullptr));
    const CipherCtx ctx(EVP_CIPHER_CTX_new());
    int size = 0;
    ca::require(
        cipher && ctx &&
            EVP_CipherInit_ex2(ctx.get(), cipher.get(), key_.bytes().data(), nullptr, encrypting, nullptr) == 1 &&
            EVP_CIPHER_CTX_set_padding(ctx.get(), 0) == 1 &&
            EVP_CipherUpdate(ctx.get(), out.data(), &size, block.data(), static_cast<int>(block.size())) == 1 &&
            static_cast<std::size_t>(size) == block.size(),
        "management cipher");
}

void ManagementCipher::random(MutableBytes out) { ca::random_bytes(out); }

bool management_key_opens(token::Token& token, Algorithm algorithm, Bytes key) {
    ManagementCipher cipher(algorithm, key);
    try {
        token.authenticate_management(cipher);
        return true;
    } catch (const token::TokenError& error) {
        switch (error.kind()) {
            case token::Kind::bad_argument:  // the token's management key is of another algorithm
            case token::Kind::not_verified:
            case token::Kind::not_allowed:
            case token::Kind::bad_data:
            case token::Kind::lying_token:
            case token::Kind::wrong_pin:
            case token::Kind::locked:
            case token::Kind::token_failure:
                return false;
            default:
                throw;
        }
    }
}

}  // namespace sealkey::bench
