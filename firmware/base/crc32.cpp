#include "base/crc32.h"

#include <array>

namespace sealkey {

namespace {

// Four bits at a time: 64 bytes of table for half the time of going bit by bit, which mount() is made of.
constexpr std::array<std::uint32_t, 16> make_table() {
    std::array<std::uint32_t, 16> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        std::uint32_t crc = i;
        for (int bit = 0; bit < 4; ++bit) crc = (crc >> 1) ^ (0xEDB88320U & (0U - (crc & 1U)));
        table[i] = crc;
    }
    return table;
}
constexpr auto kTable = make_table();

}  // namespace

std::uint32_t crc32(Bytes data, std::uint32_t crc) {
    crc = ~crc;
    for (const std::uint8_t byte : data) {
        crc = kTable[(crc ^ byte) & 15U] ^ (crc >> 4);
        crc = kTable[(crc ^ (byte >> 4U)) & 15U] ^ (crc >> 4);
    }
    return ~crc;
}

}  // namespace sealkey
