// The few DER structures that PKCS#11 takes apart: certificates (X.509), SubjectPublicKeyInfo and ECDSA signatures.
// Written over the tree's TLV reader and not a certificate library, so that a certificate with an algorithm which no
// library here knows (SM2) still shows its subject and serial number.
#pragma once

#include <optional>
#include <string>

#include "cryptoki.h"

namespace sealkey::pkcs11 {

struct PublicKeyParts {
    ByteVector modulus;   // RSA, no leading zero
    ByteVector exponent;  // RSA
    ByteVector point;     // EC, uncompressed
    ByteVector info;      // SubjectPublicKeyInfo, DER
};

struct Certificate {
    ByteVector der;
    ByteVector subject;        // DER
    ByteVector issuer;         // DER
    ByteVector serial_number;  // DER INTEGER
    std::optional<CK_DATE> start_date;
    std::optional<CK_DATE> end_date;
    PublicKeyParts key;  // info always; the parts if it is RSA or EC
};

// Nothing if the bytes aren't a certificate.
[[nodiscard]] std::optional<Certificate> parse_certificate(ByteView der);

// SubjectPublicKeyInfo from its parts; ec_params empty: RSA.
[[nodiscard]] ByteVector public_key_info(const PublicKeyParts& key, ByteView ec_params);

// As the token's metadata tells a public key: 81 modulus and 82 exponent, or 86 point.
[[nodiscard]] ByteVector public_key_fields(const PublicKeyParts& key);

// DER OCTET STRING around the bytes (CKA_EC_POINT), and the bytes of a point that may or may not be wrapped so.
[[nodiscard]] ByteVector octet_string(ByteView bytes);
[[nodiscard]] ByteView unwrap_point(ByteView point);

// Lower-case hexadecimal digits.
[[nodiscard]] std::string hex_text(ByteView bytes);

// ECDSA: SEQUENCE of two INTEGERs to r || s, each `width` bytes. CKR_DEVICE_ERROR if the token's DER is malformed.
[[nodiscard]] ByteVector ecdsa_from_der(ByteView der, std::size_t width);

}  // namespace sealkey::pkcs11
