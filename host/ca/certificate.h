// Certificates for enterprises' keys: what a request must satisfy, and what each of the three certificates says.
#pragma once

#include <optional>
#include <string>

#include "ca/openssl.h"
#include "protocol/piv.h"

namespace sealkey::ca {

// Login 9A, signature 9C, decryption 9D.
enum class Role { login, signature, decryption };
inline constexpr Role kRoles[] = {Role::login, Role::signature, Role::decryption};
[[nodiscard]] std::uint8_t slot_of(Role role);
[[nodiscard]] const char* name_of(Role role);  // "9A", "9C", "9D"

// From the order, never from the request.
struct Subject {
    std::string enterprise_name;  // UTF-8, at most 64 characters: O and CN
    std::string unified_code;     // goes into the extension
    std::string login_name;       // UID
};

struct Issuer {
    const X509* certificate = nullptr;
    EVP_PKEY* key = nullptr;
    std::string crl_url;         // empty: no distribution point
    std::string code_extension;  // dotted OID of the extension with the unified social credit code
    std::string ocsp_url;        // empty: no responder is named
};

// Checks a PKCS#10 request: well-formed, signed by the key it asks for, a key that is good enough (RSA of 2048, 3072 or
// 4096 bits with an odd exponent above 65536; P-256; P-384) and, if `expected` is given, that very key (its
// SubjectPublicKeyInfo). Returns the public key; nothing else of the request is used. Throws CaError bad_request.
[[nodiscard]] PKey check_request(Bytes der, std::optional<Bytes> expected_spki = std::nullopt);
// The rule for keys alone.
void check_public_key(EVP_PKEY* key);

// Throws CaError: expired (the issuer isn't valid now, or not as long as the certificate would be), bad_argument (a
// subject that doesn't fit a certificate), bad_code.
[[nodiscard]] Cert issue_certificate(const Issuer& issuer, Role role, const Subject& subject, EVP_PKEY* subject_key,
                                     Time now, Time not_after);

// Signed by the issuer, and valid at `now`. Throws CaError forged or expired.
void check_certificate(const X509* certificate, const X509* issuer, Time now);

// --- for the CA's own certificates ---
[[nodiscard]] PKey generate_key(const std::string& type);  // "p256", "rsa3072", "sm2"
enum class AuthorityKind { root, issuing, seal_root, seal_maker, device_root };
struct AuthorityCertificate {
    AuthorityKind kind;
    std::string organisation;
    std::string common_name;
    Time not_before;
    Time not_after;
};
// Self-signed where `issuer` is nullptr.
[[nodiscard]] Cert make_authority_certificate(const AuthorityCertificate& what, EVP_PKEY* subject_key,
                                              const X509* issuer, EVP_PKEY* issuer_key);
// The certificate of a token's attestation key (F9): a small authority of its own that names the token, valid as long
// as the device root. Throws CaError bad_argument, bad_request (the key).
[[nodiscard]] Cert issue_device_certificate(const X509* root, EVP_PKEY* root_key, const std::string& token_serial,
                                            EVP_PKEY* attestation_key, Time now);

// A signature over a certificate or a list: SHA-256, or SM3 with the standard's default identity for an SM2 key.
class Signing {
public:
    explicit Signing(EVP_PKEY* key);
    [[nodiscard]] EVP_MD_CTX* get() const { return context_.get(); }

private:
    PKeyCtx sm2_;  // outlives the other, which uses it
    MdCtx context_;
};
void sign_certificate(X509* certificate, EVP_PKEY* key);

}  // namespace sealkey::ca
