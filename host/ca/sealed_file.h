// Secrets at rest under a passphrase: private keys as encrypted PKCS#8 (PBES2: scrypt, AES-256-CBC), other secrets as
// scrypt with AES-256-GCM in a small JSON file.
#pragma once

#include <string>

#include "base/secret.h"
#include "ca/openssl.h"

namespace sealkey::ca {

inline constexpr std::size_t kMinPassphrase = 8;
inline constexpr std::size_t kMaxSealed = 1024;
using SealedSecret = Secret<kMaxSealed>;

// Throws CaError bad_passphrase if a new passphrase is shorter than kMinPassphrase bytes.
void check_new_passphrase(Bytes passphrase);

// PEM "ENCRYPTED PRIVATE KEY".
[[nodiscard]] std::string encrypt_key(EVP_PKEY* key, Bytes passphrase);
// Throws CaError bad_passphrase, or corrupt where this is no encrypted key.
[[nodiscard]] PKey decrypt_key(const std::string& pem, Bytes passphrase);

// `purpose` is bound to the content: a file can't stand for another one.
[[nodiscard]] std::string seal_secret(Bytes secret, Bytes passphrase, const std::string& purpose);
// Throws CaError bad_passphrase (which a changed file looks like too), or corrupt.
[[nodiscard]] SealedSecret unseal_secret(const std::string& content, Bytes passphrase, const std::string& purpose);

}  // namespace sealkey::ca
