#include "base/crc32.h"

namespace sealkey {

std::uint32_t crc32(Bytes data, std::uint32_t crc) {
    crc = ~crc;
    for (std::uint8_t byte : data) {
        crc ^= byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0xEDB88320U & (0U - (crc & 1U)));
    }
    return ~crc;
}

}  // namespace sealkey
