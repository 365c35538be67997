// RSA with two primes and e = 65537 (FIPS 186-4, PKCS #1): made or brought, kept as bytes, one private operation.
// Padding is the caller's.
#pragma once

#include <mbedtls/rsa.h>

#include <array>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/drbg.h"

namespace sealkey::crypto {

inline constexpr std::size_t kMaxRsaModulus = 512;                         // bytes
inline constexpr std::size_t kRsaSavedMax = 2 + 5 * (kMaxRsaModulus / 2);  // what save() writes for RSA-4096
inline constexpr std::array<std::uint8_t, 3> kRsaExponent = {0x01, 0x00, 0x01};

// 2048, 3072 or 4096.
[[nodiscard]] bool is_rsa_size(std::size_t modulus_bits);

// The five parts of PKCS #1's private key that an import brings; each at most half the modulus long, big-endian.
struct RsaParts {
    Bytes p, q, dp, dq, qinv;
};

class RsaPrivateKey {
public:
    RsaPrivateKey();
    ~RsaPrivateKey();
    RsaPrivateKey(const RsaPrivateKey&) = delete;
    RsaPrivateKey& operator=(const RsaPrivateKey&) = delete;

    // All three replace what was held; after a failure nothing is held.
    // A new key; takes seconds on a small part. crypto_failure: no random bytes.
    [[nodiscard]] Status generate(Drbg& drbg, std::size_t modulus_bits);
    // invalid: p or q isn't prime or p * q hasn't modulus_bits, dp, dq or qinv don't belong to them and e = 65537.
    [[nodiscard]] Status import(Drbg& drbg, std::size_t modulus_bits, const RsaParts& parts);
    // What save() wrote. invalid: it isn't that.
    [[nodiscard]] Status load(Bytes saved);
    // The same of any size: for a self-test, which has no time for a key that is good for something.
    [[nodiscard]] Status load_any_size(Bytes saved);

    // Writes the key to the front of `out` and returns the length, at most kRsaSavedMax. It is secret.
    [[nodiscard]] Result<std::size_t> save(MutableBytes out) const;

    [[nodiscard]] std::size_t modulus_size() const;  // bytes; 0 when no key is held
    // Writes the modulus, modulus_size() bytes, to the front of `out`. The public exponent is kRsaExponent.
    [[nodiscard]] Status modulus(MutableBytes out) const;

    // out = in ^ d mod n, by CRT, blinded, checked against faults. Both have modulus_size() bytes; `out` may be `in`.
    // invalid: a length, or `in` isn't below the modulus.
    [[nodiscard]] Status private_operation(Drbg& drbg, Bytes in, MutableBytes out);

private:
    void clear();
    Status check_parts(Drbg& drbg, std::size_t modulus_bits);

    mbedtls_rsa_context context_;
};

// out = in ^ 65537 mod n. All three have the same size. invalid: a length, or `in` isn't below the modulus.
[[nodiscard]] Status rsa_public_operation(Bytes modulus, Bytes in, MutableBytes out);

}  // namespace sealkey::crypto
