// CTR_DRBG with AES-256 (SP 800-90A), seeded and reseeded from the platform's entropy.
#pragma once

#include <mbedtls/ctr_drbg.h>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/self_test.h"
#include "platform/platform.h"

namespace sealkey::crypto {

class Drbg {
public:
    // `tests`: what must hold before a key is used with this generator. seed() runs the symmetric ones.
    explicit Drbg(platform::Entropy& entropy, std::span<const KnownAnswer> tests = known_answers());
    ~Drbg();
    Drbg(const Drbg&) = delete;
    Drbg& operator=(const Drbg&) = delete;

    // crypto_failure: the entropy source or a self-test failed; nothing may be generated. May be repeated.
    [[nodiscard]] Status seed();
    // Fresh entropy before something long-lived is made (a key, a DEK): crypto_failure when the source fails its health
    // test now, whatever it did at start. Seeds if that hasn't been done.
    [[nodiscard]] Status reseed();
    // Any length. crypto_failure: not seeded, or a reseed that was due failed; `out` is wiped.
    [[nodiscard]] Status fill(MutableBytes out);

    // mbedTLS's callback form, for its own functions: mbedtls_rsa_gen_key(..., Drbg::callback, &drbg, ...).
    static int callback(void* self, unsigned char* out, std::size_t length);

    // Every operation with a private key brings its generator along, and through it asks for its algorithm's tests.
    [[nodiscard]] SelfTests& tests() { return tests_; }

private:
    platform::Entropy& entropy_;
    SelfTests tests_;
    mbedtls_ctr_drbg_context context_;
    bool seeded_ = false;
};

}  // namespace sealkey::crypto
