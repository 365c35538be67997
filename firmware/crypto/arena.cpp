#include "crypto/arena.h"

#include <mbedtls/memory_buffer_alloc.h>

namespace sealkey::crypto {

namespace {

// One per process, as mbedTLS has one allocator; the tokens of one simulator process take turns.
alignas(16) std::uint8_t g_arena[kArenaSize];
bool g_ready = false;

// The allocator counts what was asked for; each block costs a header of eight words besides.
constexpr std::size_t kBlockHeader = 8 * sizeof(std::size_t);

}  // namespace

void init_arena() {
    if (g_ready) return;
    mbedtls_memory_buffer_alloc_init(g_arena, sizeof g_arena);
    g_ready = true;
}

std::size_t arena_peak() {
    std::size_t used = 0;
    std::size_t blocks = 0;
    mbedtls_memory_buffer_alloc_max_get(&used, &blocks);
    return used + blocks * kBlockHeader;
}

void reset_arena_peak() { mbedtls_memory_buffer_alloc_max_reset(); }

std::size_t arena_in_use() {
    std::size_t used = 0;
    std::size_t blocks = 0;
    mbedtls_memory_buffer_alloc_cur_get(&used, &blocks);
    return used;
}

}  // namespace sealkey::crypto
