// Timestamps (RFC 3161): an authority's word that a signature was there at a time.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "seal/openssl.h"
#include "seal/sm2.h"

namespace sealkey::sign {

using seal::ByteVector;
using seal::Time;

inline constexpr std::size_t kMaxTimestampAnswer = 64 * 1024;
inline constexpr std::size_t kRoomForTimestamp = 16 * 1024;  // in a PDF; a token with its certificates has 2 to 8 KiB

// Asks for a timestamp over a signature's value; the token in DER. Called when the signature has been made.
using Timestamper = std::function<ByteVector(Bytes signature)>;

struct TimestampRequest {
    ByteVector der;
    ByteVector nonce;  // big-endian, no leading zeros
};

struct Timestamp {
    ByteVector token;  // DER
    Time time{};
    ByteVector authority;  // certificate, DER
};

// SHA-256 of `message`, a fresh nonce, the authority's certificate wanted.
[[nodiscard]] TimestampRequest request_timestamp(Bytes message);

// The token in the authority's answer, checked as far as it can be without knowing whom to trust: it answers this
// request (message and nonce), the signature fits the certificate that it carries, that one is for timestamps and was
// valid, the time is about now. Throws SignError: no_timestamp (the authority refuses), bad_timestamp.
[[nodiscard]] Timestamp read_timestamp_answer(Bytes answer, Bytes message, Bytes nonce, Time now);

// A token that came with a signature: over this message, whole, by a certificate for timestamps that was valid then
// and leads to one of the authorities, and not from the future. Throws SignError: bad_timestamp, untrusted_timestamp.
[[nodiscard]] Timestamp verify_timestamp(Bytes token, Bytes message, const std::vector<seal::Cert>& authorities,
                                         Time now);

// Posts a request to an authority by HTTP or HTTPS. Throws SignError no_timestamp: no connection, no answer in time,
// an answer other than 200 or too long.
[[nodiscard]] ByteVector post_timestamp_request(const std::string& url, Bytes request);

}  // namespace sealkey::sign
