// The electronic seal of GB/T 38540-2020 (version 4): a picture, whose it is, which signing certificates may use it and
// from when to when, signed by a seal maker with SM2.
//
//   the CA:        make_seal(order, maker's key, maker's certificate)
//   a signer:      parse_seal, verify_seal, require_valid, require_listed, then the picture
//   a verifier:    the same, at the time of the signature
#pragma once

#include <string>
#include <vector>

#include "protocol/limits.h"
#include "seal/error.h"
#include "seal/openssl.h"

namespace sealkey::seal {

inline constexpr std::size_t kMaxSeal = protocol::kMaxSeal;
inline constexpr int kMaxMillimetres = 200;  // a side of a seal on paper
inline constexpr std::size_t kMaxListed = 16;

enum class SealType { organisation = 1, person = 2 };

struct Picture {
    std::string type;  // "PNG" in what we make; GIF, BMP, JPG and SVG are read
    ByteVector data;
    int width_mm = 0;
    int height_mm = 0;
};

// SES_SealInfo: what the maker signs.
struct SealInfo {
    std::string vendor;  // vid: who made the maker's program; ASCII
    std::string id;      // esID: the seal's own number; ASCII, unique at its maker
    SealType type = SealType::organisation;
    std::string name;                      // UTF-8
    std::vector<ByteVector> certificates;  // DER of the signing certificates (certListType 1)
    std::vector<ByteVector> digests;       // or their SM3 digests (certListType 2); read, never made
    Time created{};
    Time not_before{};
    Time not_after{};
    Picture picture;
};

struct Seal {
    ByteVector der;  // the whole, as it lies on the key
    SealInfo info;
    ByteVector info_der;  // what the signature covers
    ByteVector maker_certificate;
    ByteVector signature;  // DER SEQUENCE { r, s }
};

// Makes and signs a seal; the result has been read back and its signature checked. Throws SealError: bad_argument
// (a field breaks its rule, the key isn't SM2 or doesn't fit the certificate, dates in the wrong order), bad_picture,
// bad_certificate, maker_expired (not valid at info.created), too_large, crypto.
[[nodiscard]] ByteVector make_seal(const SealInfo& info, EVP_PKEY* maker_key, const X509* maker_certificate);

// Reads a seal. Nothing is believed: DER only, every field within its bounds, the picture's type among those of the
// standard, nothing after the end. Throws SealError: malformed, unsupported, too_large, bad_certificate. No signature
// is checked here.
[[nodiscard]] Seal parse_seal(Bytes der);

// The maker's signature by the certificate in the seal. Throws SealError: wrong_signature, bad_certificate.
void verify_signature(const Seal& seal);

// The signature, and the maker's certificate: for signing, issued under one of `authorities` (the maker's own issuer,
// or a root with the issuers between, each trusted), and valid both when the seal was made and at `now`. Throws
// SealError: wrong_signature, maker_untrusted, maker_expired.
void verify_seal(const Seal& seal, const std::vector<Cert>& authorities, Time now);

// The seal's own dates. Throws SealError: not_yet_valid, expired.
void require_valid(const Seal& seal, Time now);

// The signing certificate is in the seal's list, byte by byte or by its SM3 digest. Throws certificate_not_listed.
void require_listed(const Seal& seal, Bytes certificate_der);

// "2026-11-21T08:30:00Z"
[[nodiscard]] std::string iso_time(Time time);

}  // namespace sealkey::seal
