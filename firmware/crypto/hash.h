// Hashes (FIPS 180-4). They work in their own context and take nothing from the arena.
#pragma once

#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>

#include <array>

#include "base/bytes.h"
#include "base/result.h"

namespace sealkey::crypto {

inline constexpr std::size_t kSha256Size = 32;
using Sha256Digest = std::array<std::uint8_t, kSha256Size>;

// SHA-256 in pieces: update() any number of times, then finish() once.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(const Sha256&) = delete;
    Sha256& operator=(const Sha256&) = delete;

    Sha256& update(Bytes piece);
    [[nodiscard]] Sha256Digest finish();

private:
    mbedtls_sha256_context context_;
};

[[nodiscard]] Sha256Digest sha256(Bytes data);

enum class Hash : std::uint8_t { sha1, sha224, sha256, sha384, sha512 };
inline constexpr std::size_t kMaxHashSize = 64;

[[nodiscard]] std::size_t hash_size(Hash hash);
// Writes hash_size(hash) bytes to the front of `out` and returns that number; invalid: `out` is too short.
[[nodiscard]] Result<std::size_t> hash_of(Hash hash, Bytes data, MutableBytes out);

// SHA-256, SHA-384 or SHA-512 in pieces, chosen when it runs; made with another hash, it aborts.
class HashStream {
public:
    explicit HashStream(Hash hash);
    ~HashStream();
    HashStream(const HashStream&) = delete;
    HashStream& operator=(const HashStream&) = delete;

    HashStream& update(Bytes piece);
    // Writes hash_size() bytes to the front of `out`, which has room for kMaxHashSize; returns their number. Once.
    std::size_t finish(std::array<std::uint8_t, kMaxHashSize>& out);

private:
    Hash hash_;
    mbedtls_sha256_context small_;
    mbedtls_sha512_context large_;
};

}  // namespace sealkey::crypto
