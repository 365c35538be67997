// Detached CMS signatures (RFC 5652) at the level of CAdES-B: signed attributes, the signing certificate (v2) among
// them; with a timestamp over the signature, an unsigned attribute, CAdES-T.
#pragma once

#include <optional>

#include "sign/key.h"
#include "sign/timestamp.h"
#include "sign/trust.h"

namespace sealkey::sign {

// The seal that a document was stamped with: a signed attribute that holds the seal's DER in an OCTET STRING. The
// number is a UUID (ITU-T X.667), which needs no registration.
inline constexpr char kSealAttribute[] = "2.25.21257567693727898269697243517213145662";

// The signed data, in pieces, in order (a PDF's signature leaves itself out).
using Pieces = std::vector<Bytes>;

struct CmsOptions {
    std::optional<Time> signing_time;  // left out where the document says the time itself (PDF)
    std::optional<ByteVector> seal;    // DER
    Timestamper timestamp{};           // empty: none; what it throws leaves nothing signed
};

// Signs `data`; the private key is asked last. Throws SignError, and what the key throws.
[[nodiscard]] ByteVector sign_detached(SigningKey& key, const Pieces& data, const CmsOptions& options);

struct Verified {
    ByteVector certificate;  // DER, the signer's
    Time signed_at{};        // the timestamp's time; as the signer says it; or `now` if nothing says it
    bool says_time = false;
    std::optional<Timestamp> timestamp;  // checked, under trust.timestamp_authorities
    bool has_timestamp = false;          // there is one, checked or not
    std::optional<ByteVector> seal;      // DER, its signature not checked yet
};

// The signature fits data and certificate; the certificate leads to one of the authorities, was valid at the time that
// the signature says (`claimed` where the document says it; otherwise the signed attribute; otherwise `now`), isn't
// revoked by the lists given, and is the one that the signed attributes name. The time is the signer's word alone, so
// a revoked certificate is refused whatever it says.
// With a timestamp and trust.timestamp_authorities, the timestamp's time counts instead, and a certificate revoked
// later is good, unless its key was compromised (revocation.h). Throws SignError: malformed, wrong_signature,
// untrusted, expired_certificate, revoked, bad_time, bad_timestamp, untrusted_timestamp.
[[nodiscard]] Verified verify_detached(Bytes cms, const Pieces& data, const Trust& trust, Time now,
                                       std::optional<Time> claimed = std::nullopt);

}  // namespace sealkey::sign
