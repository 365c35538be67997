#include "crypto/key_wrap.h"

#include <array>

#include "base/secret.h"
#include "crypto/aes.h"

namespace sealkey::crypto {

namespace {

constexpr std::size_t kHalf = kAesBlock / 2;
constexpr int kRounds = 6;
constexpr std::array<std::uint8_t, kHalf> kCheck = {0xA6, 0xA6, 0xA6, 0xA6, 0xA6, 0xA6, 0xA6, 0xA6};

// The step's number, big-endian, into the integrity half.
void count(MutableBytes half, std::size_t step) {
    for (std::size_t i = kHalf; i-- > 0 && step != 0; step >>= 8) half[i] ^= static_cast<std::uint8_t>(step);
}

Status unwrap(Bytes key, Bytes wrapped, MutableBytes out) {
    Secret<kAesBlock> work;
    const MutableBytes block = work.buffer();
    std::memcpy(block.data(), wrapped.data(), kHalf);
    std::memcpy(out.data(), wrapped.data() + kHalf, out.size());
    const std::size_t parts = out.size() / kHalf;
    for (int round = kRounds - 1; round >= 0; --round) {
        for (std::size_t i = parts; i > 0; --i) {
            std::uint8_t* const part = &out[(i - 1) * kHalf];
            count(block.first(kHalf), parts * static_cast<std::size_t>(round) + i);
            std::memcpy(&block[kHalf], part, kHalf);
            if (Status s = aes_decrypt_block(key, block.first<kAesBlock>(), block.first<kAesBlock>()); !s) return s;
            std::memcpy(part, &block[kHalf], kHalf);
        }
    }
    return constant_time_equal(block.first(kHalf), kCheck) ? Status{} : Status{Error::wrong_secret};
}

}  // namespace

Status aes_unwrap_key(Bytes key, Bytes wrapped, MutableBytes out) {
    const bool fits = wrapped.size() >= 3 * kHalf && wrapped.size() % kHalf == 0;
    if (!fits || out.size() != wrapped.size() - kWrapOverhead) return Error::invalid;
    const Status done = unwrap(key, wrapped, out);
    if (!done) wipe(out);
    return done;
}

}  // namespace sealkey::crypto
