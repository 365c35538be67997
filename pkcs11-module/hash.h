// Hashes on the host, by mbedTLS.
#pragma once

#include <memory>

#include "cryptoki.h"

struct mbedtls_md_context_t;

namespace sealkey::pkcs11 {

enum class Hash : std::uint8_t { none, sha1, sha224, sha256, sha384, sha512 };

[[nodiscard]] std::size_t hash_size(Hash hash);
// From CKM_SHA256 and so on; Hash::none if it isn't one of ours.
[[nodiscard]] Hash hash_of_mechanism(CK_MECHANISM_TYPE mechanism);
// From CKG_MGF1_SHA256 and so on.
[[nodiscard]] Hash hash_of_mgf(CK_RSA_PKCS_MGF_TYPE mgf);

// From CKD_SHA256_KDF and so on.
[[nodiscard]] Hash hash_of_kdf(CK_ULONG kdf);

class Hasher {
public:
    explicit Hasher(Hash hash);
    ~Hasher();
    Hasher(const Hasher&) = delete;
    Hasher& operator=(const Hasher&) = delete;
    void update(ByteView data);
    // Ends it: nothing may follow.
    [[nodiscard]] ByteVector finish();

private:
    std::unique_ptr<mbedtls_md_context_t> context_;
    Hash hash_;
};

[[nodiscard]] ByteVector digest(Hash hash, ByteView data);
// From the kernel; CKR_FUNCTION_FAILED if it has none.
void random_bytes(std::span<std::uint8_t> out);

}  // namespace sealkey::pkcs11
