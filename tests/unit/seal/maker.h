// A seal authority with a maker under it, signing certificates, and an order that is right in every field.
#pragma once

#include "seal/seal.h"
#include "seal/sm2.h"

namespace sealkey::seal::test {

inline constexpr Time kNow = std::chrono::sys_days(std::chrono::year(2026) / 11 / 21) + std::chrono::hours(8);
using std::chrono::days;

struct CertificateOrder {
    const char* name = "maker";
    Time not_before = kNow - days(100);
    Time not_after = kNow + days(1000);
    bool authority = false;
    const char* key_usage = "critical,digitalSignature,nonRepudiation";
};
[[nodiscard]] PKey new_key(const char* kind);  // "SM2", "P-256"
// Self-signed where there is no issuer.
[[nodiscard]] Cert new_certificate(const CertificateOrder& order, EVP_PKEY* key, const X509* issuer,
                                   EVP_PKEY* issuer_key);
[[nodiscard]] ByteVector png(unsigned width, unsigned height, bool noise = false);

struct Maker {
    Maker();
    PKey root_key, key, signer_key;
    Cert root, certificate, signer;
    [[nodiscard]] SealInfo order() const;
    [[nodiscard]] ByteVector seal() const { return make_seal(order(), key.get(), certificate.get()); }
    [[nodiscard]] std::vector<Cert> authorities() const;
};

// The fault that `work` ends with; fails the test if it ends well.
template <class Work>
std::string fault_of(Work work) {
    try {
        work();
    } catch (const SealError& error) {
        return fault_name(error.fault());
    }
    return "no fault";
}

}  // namespace sealkey::seal::test
