// CTR_DRBG with AES-256 (SP 800-90A), seeded and reseeded from the platform's entropy.
#pragma once

#include <mbedtls/ctr_drbg.h>

#include "base/bytes.h"
#include "base/result.h"
#include "platform/platform.h"

namespace sealkey::crypto {

class Drbg {
public:
    explicit Drbg(platform::Entropy& entropy);
    ~Drbg();
    Drbg(const Drbg&) = delete;
    Drbg& operator=(const Drbg&) = delete;

    // crypto_failure: the entropy source failed; nothing may be generated. May be repeated.
    [[nodiscard]] Status seed();
    // Fresh entropy before something long-lived is made (a key, a DEK): crypto_failure when the source fails its health
    // test now, whatever it did at start. Seeds if that hasn't been done.
    [[nodiscard]] Status reseed();
    // Any length. crypto_failure: not seeded, or a reseed that was due failed; `out` is wiped.
    [[nodiscard]] Status fill(MutableBytes out);

    // mbedTLS's callback form, for its own functions: mbedtls_rsa_gen_key(..., Drbg::callback, &drbg, ...).
    static int callback(void* self, unsigned char* out, std::size_t length);

private:
    platform::Entropy& entropy_;
    mbedtls_ctr_drbg_context context_;
    bool seeded_ = false;
};

}  // namespace sealkey::crypto
