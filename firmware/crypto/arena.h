// The static memory that mbedTLS works in on the token: no call of ours or of mbedTLS reaches a system heap.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sealkey::crypto {

// For everything up to RSA-4096; a test prints the peak and holds it to this figure.
inline constexpr std::size_t kArenaSize = 24 * 1024;

// Gives mbedTLS the arena; to be called before anything else of this room. Repeated calls do nothing.
void init_arena();

// Bytes that mbedTLS holds now.
std::size_t arena_in_use();
// At most since the last reset, the allocator's own block headers included (the most blocks and the most bytes, even if
// they weren't at the same moment).
std::size_t arena_peak();
void reset_arena_peak();

}  // namespace sealkey::crypto
