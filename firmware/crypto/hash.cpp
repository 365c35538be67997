#include "crypto/hash.h"

#include <mbedtls/md.h>

#include <cstdlib>

#include "crypto/mbedtls_status.h"

namespace sealkey::crypto {

namespace {

struct HashRow {
    Hash hash;
    mbedtls_md_type_t type;
    std::size_t size;
};
constexpr HashRow kHashes[] = {
    {Hash::sha1, MBEDTLS_MD_SHA1, 20},     {Hash::sha224, MBEDTLS_MD_SHA224, 28}, {Hash::sha256, MBEDTLS_MD_SHA256, 32},
    {Hash::sha384, MBEDTLS_MD_SHA384, 48}, {Hash::sha512, MBEDTLS_MD_SHA512, 64},
};

const HashRow& row_of(Hash hash) {
    for (const HashRow& row : kHashes) {
        if (row.hash == hash) return row;
    }
    std::abort();  // a value outside the enumeration
}

// The software SHA-256 can't fail; an answer without a digest would be worse than none.
void must(int mbedtls_code) {
    if (mbedtls_code != 0) std::abort();
}

}  // namespace

Sha256::Sha256() {
    mbedtls_sha256_init(&context_);
    must(mbedtls_sha256_starts(&context_, 0));
}

Sha256::~Sha256() { mbedtls_sha256_free(&context_); }

Sha256& Sha256::update(Bytes piece) {
    must(mbedtls_sha256_update(&context_, piece.data(), piece.size()));
    return *this;
}

Sha256Digest Sha256::finish() {
    Sha256Digest digest;
    must(mbedtls_sha256_finish(&context_, digest.data()));
    return digest;
}

Sha256Digest sha256(Bytes data) { return Sha256().update(data).finish(); }

std::size_t hash_size(Hash hash) { return row_of(hash).size; }

Result<std::size_t> hash_of(Hash hash, Bytes data, MutableBytes out) {
    const HashRow& row = row_of(hash);
    if (out.size() < row.size) return Error::invalid;
    const int failed = mbedtls_md(mbedtls_md_info_from_type(row.type), data.data(), data.size(), out.data());
    if (failed != 0) return error_of(failed);
    return row.size;
}

HashStream::HashStream(Hash hash) : hash_(hash) {
    mbedtls_sha256_init(&small_);
    mbedtls_sha512_init(&large_);
    if (hash == Hash::sha256) {
        must(mbedtls_sha256_starts(&small_, 0));
    } else if (hash == Hash::sha384 || hash == Hash::sha512) {
        must(mbedtls_sha512_starts(&large_, hash == Hash::sha384 ? 1 : 0));
    } else {
        std::abort();
    }
}

HashStream::~HashStream() {
    mbedtls_sha256_free(&small_);
    mbedtls_sha512_free(&large_);
}

HashStream& HashStream::update(Bytes piece) {
    must(hash_ == Hash::sha256 ? mbedtls_sha256_update(&small_, piece.data(), piece.size())
                               : mbedtls_sha512_update(&large_, piece.data(), piece.size()));
    return *this;
}

std::size_t HashStream::finish(std::array<std::uint8_t, kMaxHashSize>& out) {
    must(hash_ == Hash::sha256 ? mbedtls_sha256_finish(&small_, out.data())
                               : mbedtls_sha512_finish(&large_, out.data()));
    return hash_size(hash_);
}

}  // namespace sealkey::crypto
