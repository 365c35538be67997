// Elliptic curves P-256 and P-384 (FIPS 186-4, SEC 1): keys, ECDSA, ECDH.
#pragma once

#include <mbedtls/ecp.h>

#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/drbg.h"

namespace sealkey::crypto {

enum class Curve : std::uint8_t { p256 = 1, p384 = 2 };  // the numbers stand in saved keys

inline constexpr std::size_t kMaxEcScalar = 48;
inline constexpr std::size_t kMaxEcPoint = 1 + 2 * kMaxEcScalar;
inline constexpr std::size_t kMaxEcSignature = 2 * (kMaxEcScalar + 3) + 3;  // DER
inline constexpr std::size_t kEcSavedMax = 2 + kMaxEcScalar + kMaxEcPoint;

// Bytes of a scalar and of a coordinate: 32, 48.
[[nodiscard]] constexpr std::size_t ec_scalar_size(Curve curve) { return curve == Curve::p256 ? 32 : 48; }
// Bytes of an uncompressed point 04 || x || y: 65, 97.
[[nodiscard]] constexpr std::size_t ec_point_size(Curve curve) { return 1 + 2 * ec_scalar_size(curve); }

class EcPrivateKey {
public:
    EcPrivateKey();
    ~EcPrivateKey();
    EcPrivateKey(const EcPrivateKey&) = delete;
    EcPrivateKey& operator=(const EcPrivateKey&) = delete;

    // All three replace what was held; after a failure nothing is held.
    [[nodiscard]] Status generate(Drbg& drbg, Curve curve);  // crypto_failure: no random bytes
    // A scalar of exactly ec_scalar_size bytes. invalid: another length, zero, or not below the group's order.
    [[nodiscard]] Status import(Drbg& drbg, Curve curve, Bytes scalar);
    // What save() wrote. invalid: it isn't that.
    [[nodiscard]] Status load(Bytes saved);

    // Writes the key to the front of `out` and returns the length, at most kEcSavedMax. It is secret.
    [[nodiscard]] Result<std::size_t> save(MutableBytes out) const;

    [[nodiscard]] std::optional<Curve> curve() const { return curve_; }  // nothing: no key is held
    // The public point, uncompressed, to the front of `out`; returns ec_point_size.
    [[nodiscard]] Result<std::size_t> public_point(MutableBytes out) const;

    // ECDSA over a digest made elsewhere (1 to 64 bytes; the leftmost bits count if it is longer than the order), with
    // a random k. Writes DER, SEQUENCE { r, s }, to the front of `out` (kMaxEcSignature is always enough); returns its
    // length.
    [[nodiscard]] Result<std::size_t> sign(Drbg& drbg, Bytes digest, MutableBytes out);
    // The x coordinate of d * peer, ec_scalar_size bytes. invalid: `peer` isn't an uncompressed point of this curve.
    [[nodiscard]] Result<Secret<kMaxEcScalar>> ecdh(Drbg& drbg, Bytes peer);

private:
    void clear();
    Status start(Curve curve);

    mbedtls_ecp_keypair pair_;
    std::optional<Curve> curve_;
};

// invalid: the point or the signature is malformed; wrong_secret: well-formed and doesn't verify.
[[nodiscard]] Status ecdsa_verify(Curve curve, Bytes point, Bytes digest, Bytes der_signature);

}  // namespace sealkey::crypto
