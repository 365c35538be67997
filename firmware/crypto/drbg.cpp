#include "crypto/drbg.h"

#include <algorithm>

#include "crypto/arena.h"
#include "crypto/mbedtls_status.h"

namespace sealkey::crypto {

namespace {

// Names the use, so that two generators over one source differ (SP 800-90A, 8.7.1).
constexpr char kPersonalisation[] = "sealkey token";

int entropy_callback(void* entropy, unsigned char* out, std::size_t length) {
    return static_cast<platform::Entropy*>(entropy)->fill({out, length}) ? 0
                                                                         : MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
}

}  // namespace

Drbg::Drbg(platform::Entropy& entropy, std::span<const KnownAnswer> tests) : entropy_(entropy), tests_(tests) {
    init_arena();
    mbedtls_ctr_drbg_init(&context_);
}

Drbg::~Drbg() { mbedtls_ctr_drbg_free(&context_); }

Status Drbg::seed() {
    if (Status s = tests_.before(Tested::symmetric); !s) return s;
    // A context can be seeded once only; a second seeding starts from a clean one.
    mbedtls_ctr_drbg_free(&context_);
    mbedtls_ctr_drbg_init(&context_);
    const Bytes name = bytes_of(kPersonalisation);
    const int failed = mbedtls_ctr_drbg_seed(&context_, entropy_callback, &entropy_, name.data(), name.size());
    seeded_ = failed == 0;
    if (!seeded_) return Error::crypto_failure;
    return {};
}

Status Drbg::reseed() {
    if (!seeded_) return seed();
    if (mbedtls_ctr_drbg_reseed(&context_, nullptr, 0) != 0) return Error::crypto_failure;
    return {};
}

Status Drbg::fill(MutableBytes out) {
    if (callback(this, out.data(), out.size()) != 0) return Error::crypto_failure;
    return {};
}

int Drbg::callback(void* self, unsigned char* out, std::size_t length) {
    auto* drbg = static_cast<Drbg*>(self);
    const MutableBytes whole(out, length);
    int failed = drbg->seeded_ ? 0 : MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
    MutableBytes rest = whole;
    while (failed == 0 && !rest.empty()) {
        const std::size_t piece = std::min<std::size_t>(rest.size(), MBEDTLS_CTR_DRBG_MAX_REQUEST);
        failed = mbedtls_ctr_drbg_random(&drbg->context_, rest.data(), piece);
        rest = rest.subspan(piece);
    }
    if (failed != 0) wipe(whole);
    return failed;
}

}  // namespace sealkey::crypto
