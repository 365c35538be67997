// Views of bytes, big-endian loads and stores, and the two operations on secrets that the compiler must not improve.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace sealkey {

using Bytes = std::span<const std::uint8_t>;
using MutableBytes = std::span<std::uint8_t>;

inline constexpr std::uint16_t load_be16(const std::uint8_t* p) {
    return static_cast<std::uint16_t>((p[0] << 8) | p[1]);
}
inline constexpr std::uint32_t load_be32(const std::uint8_t* p) {
    return (std::uint32_t{p[0]} << 24) | (std::uint32_t{p[1]} << 16) | (std::uint32_t{p[2]} << 8) | p[3];
}
inline constexpr void store_be16(std::uint8_t* p, std::uint16_t v) {
    p[0] = static_cast<std::uint8_t>(v >> 8);
    p[1] = static_cast<std::uint8_t>(v);
}
inline constexpr void store_be32(std::uint8_t* p, std::uint32_t v) {
    p[0] = static_cast<std::uint8_t>(v >> 24);
    p[1] = static_cast<std::uint8_t>(v >> 16);
    p[2] = static_cast<std::uint8_t>(v >> 8);
    p[3] = static_cast<std::uint8_t>(v);
}

// Views a trivially copyable value's own bytes (for fixed arrays and string literals without their NUL).
template <std::size_t N>
constexpr Bytes bytes_of(const char (&text)[N]) {
    return {reinterpret_cast<const std::uint8_t*>(text), N - 1};
}

// True when both have the same length and content. The time depends on the length alone.
[[nodiscard]] bool constant_time_equal(Bytes a, Bytes b);

// Overwrites with zeros; never optimised away.
void wipe(MutableBytes b);

// True when the two views hold the same bytes; for public data.
[[nodiscard]] inline bool equal(Bytes a, Bytes b) {
    return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size()) == 0);
}

}  // namespace sealkey
