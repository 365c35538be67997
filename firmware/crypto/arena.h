// The static memory that mbedTLS works in on the token: no call of ours or of mbedTLS reaches a system heap.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sealkey::crypto {

// For everything up to RSA-4096; a test prints the peak and holds it to this figure.
inline constexpr std::size_t kArenaSize = 24 * 1024;

// Gives mbedTLS the arena; to be called before anything else of this room. Repeated calls do nothing.
void init_arena();

// Bytes in use now, and at most since the last reset.
std::size_t arena_in_use();
std::size_t arena_peak();
void reset_arena_peak();

}  // namespace sealkey::crypto
