// PIV certificate objects (SP 800-73-4 part 1, table 10): the certificate in 70, 71 = 01 if it is gzip-compressed.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"

namespace sealkey::token {

// The data object that holds the certificate of a slot (9A, 9C, 9D, 9E, 82-95, F9); TokenError bad_argument for others.
[[nodiscard]] std::uint32_t certificate_tag(std::uint8_t slot);

// The DER certificate inside an object's value (what GET DATA wraps in 53). TokenError malformed_answer; an object
// without a certificate is not_found.
[[nodiscard]] std::vector<std::uint8_t> certificate_of_object(Bytes object);

// The object's value for a DER certificate, uncompressed.
[[nodiscard]] std::vector<std::uint8_t> object_of_certificate(Bytes der);

}  // namespace sealkey::token
