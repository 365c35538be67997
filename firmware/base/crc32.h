// CRC-32 (ISO 3309, reflected polynomial EDB88320h), with a table of 64 bytes.
#pragma once

#include "base/bytes.h"

namespace sealkey {

// `crc` is the value returned for the bytes before, 0 at the start.
[[nodiscard]] std::uint32_t crc32(Bytes data, std::uint32_t crc = 0);

}  // namespace sealkey
