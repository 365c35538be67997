#include "hash.h"

#include <mbedtls/md.h>
#include <sys/random.h>

#include <algorithm>
#include <cerrno>
#include <iterator>

namespace sealkey::pkcs11 {

namespace {

struct Row {
    Hash hash;
    CK_MECHANISM_TYPE mechanism;
    CK_RSA_PKCS_MGF_TYPE mgf;
    CK_ULONG kdf;
    mbedtls_md_type_t md;
    std::size_t size;
};
constexpr Row kRows[] = {
    {Hash::sha1, CKM_SHA_1, CKG_MGF1_SHA1, CKD_SHA1_KDF, MBEDTLS_MD_SHA1, 20},
    {Hash::sha224, CKM_SHA224, CKG_MGF1_SHA224, CKD_SHA224_KDF, MBEDTLS_MD_SHA224, 28},
    {Hash::sha256, CKM_SHA256, CKG_MGF1_SHA256, CKD_SHA256_KDF, MBEDTLS_MD_SHA256, 32},
    {Hash::sha384, CKM_SHA384, CKG_MGF1_SHA384, CKD_SHA384_KDF, MBEDTLS_MD_SHA384, 48},
    {Hash::sha512, CKM_SHA512, CKG_MGF1_SHA512, CKD_SHA512_KDF, MBEDTLS_MD_SHA512, 64},
};

const Row& row_of(Hash hash) {
    const auto row = std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& r) { return r.hash == hash; });
    require(row != std::end(kRows), CKR_GENERAL_ERROR);
    return *row;
}

void check(int code) { require(code == 0, CKR_FUNCTION_FAILED); }

}  // namespace

std::size_t hash_size(Hash hash) { return hash == Hash::none ? 0 : row_of(hash).size; }

Hash hash_of_mechanism(CK_MECHANISM_TYPE mechanism) {
    for (const Row& row : kRows) {
        if (row.mechanism == mechanism) return row.hash;
    }
    return Hash::none;
}

Hash hash_of_mgf(CK_RSA_PKCS_MGF_TYPE mgf) {
    for (const Row& row : kRows) {
        if (row.mgf == mgf) return row.hash;
    }
    return Hash::none;
}

Hash hash_of_kdf(CK_ULONG kdf) {
    for (const Row& row : kRows) {
        if (row.kdf == kdf) return row.hash;
    }
    return Hash::none;
}

Hasher::Hasher(Hash hash) : context_(std::make_unique<mbedtls_md_context_t>()), hash_(hash) {
    mbedtls_md_init(context_.get());
    check(mbedtls_md_setup(context_.get(), mbedtls_md_info_from_type(row_of(hash).md), 0));
    check(mbedtls_md_starts(context_.get()));
}

Hasher::~Hasher() { mbedtls_md_free(context_.get()); }

void Hasher::update(ByteView data) { check(mbedtls_md_update(context_.get(), data.data(), data.size())); }

ByteVector Hasher::finish() {
    ByteVector out(hash_size(hash_));
    check(mbedtls_md_finish(context_.get(), out.data()));
    return out;
}

ByteVector digest(Hash hash, ByteView data) {
    Hasher hasher(hash);
    hasher.update(data);
    return hasher.finish();
}

void random_bytes(std::span<std::uint8_t> out) {
    while (!out.empty()) {
        const ssize_t n = ::getrandom(out.data(), out.size(), 0);
        if (n < 0 && errno == EINTR) continue;
        require(n > 0, CKR_FUNCTION_FAILED);
        out = out.subspan(static_cast<std::size_t>(n));
    }
}

}  // namespace sealkey::pkcs11
