// The rules of a renewal at the CA: its states, what a request, a proof and a confirmation must satisfy, and the
// manifest that the token believes. Nothing here knows the inventory.
//
//   request   the new keys sign their requests, and the old key of each consents
//   prove     the new keys sign the CA's nonce, with their certificates loaded: only then the manifest leaves the CA
//   confirm   a new key says that the token has committed: only then the old certificates are revoked
#pragma once

#include <span>
#include <string>

#include "ca/certificate.h"
#include "ca/openssl.h"
#include "token/staging.h"

namespace sealkey::ca {

enum class RenewalState { approved, requested, issued, proven, confirmed, closed, refused };
[[nodiscard]] std::span<const RenewalState> all_renewal_states();
[[nodiscard]] const char* name_of(RenewalState state);  // "APPROVED", ...
// Throws CaError bad_argument.
[[nodiscard]] RenewalState parse_renewal_state(const std::string& name);
// A table. A state doesn't follow itself; nothing follows "closed" and "refused".
[[nodiscard]] bool may_follow(RenewalState from, RenewalState to);
// A renewal that a token may go on with: it isn't refused, and not over.
[[nodiscard]] bool is_open(RenewalState state);

// "9A" <-> the key's reference. Throws CaError bad_request.
[[nodiscard]] Role role_of_name(const std::string& name);
[[nodiscard]] Role role_of_slot(std::uint8_t slot);
// Of a key that a request may hold; `none` for any other.
[[nodiscard]] protocol::Algorithm algorithm_of(EVP_PKEY* key);

// A certificate may be renewed until this long after its end.
inline constexpr int kDaysAfterExpiry = 30;
// Throws CaError expired.
void check_renewable(const X509* old, Time now);

// N7, N16: the code that a key carries now, 13 or 18 characters, against the unified code it shall carry. Throws
// CaError bad_code where a check character is wrong or the two aren't the same organisation's.
void check_code_change(const std::string& now, const std::string& next);

struct RenewalRequest {
    Role role = Role::login;
    ByteVector request;  // PKCS#10
    ByteVector consent;  // of the old key, over token::request_statement()
};
// `consenting`: the old certificate of the role; for 9D that of 9C. `replaced`: the role's own. Returns the new key.
// Throws CaError bad_request (not a request, not signed by its key, another algorithm than `algorithm`, the old key
// again) or forged (no consent by the old key for this renewal and this request).
[[nodiscard]] PKey check_renewal_request(const RenewalRequest& request, const token::Rid& rid,
                                         protocol::Algorithm algorithm, const X509* consenting, const X509* replaced);
// `certificate`: the new one of the role. Throw CaError forged.
void check_key_proof(const X509* certificate, const token::Rid& rid, Role role, const token::StageNonce& nonce,
                     Bytes signature);
void check_committed(const X509* certificate, const token::Rid& rid, Bytes signature);

// The CA's signed word that this renewal of this key is over, or never was one: what a key holds for it may go. By the
// issuer's key, as a manifest.
[[nodiscard]] ByteVector make_over(const std::string& serial, const token::Rid& rid, const X509* issuer,
                                   EVP_PKEY* issuer_key);
// Throws CaError forged.
void check_over(const X509* issuer, const std::string& serial, const token::Rid& rid, Bytes signature);

[[nodiscard]] token::Digest digest_of(Bytes data);  // SHA-256
// Signed by the issuer's key. Throws CaError crypto where key and certificate don't belong together.
[[nodiscard]] ByteVector make_manifest(const token::Manifest& manifest, const X509* issuer, EVP_PKEY* issuer_key);

}  // namespace sealkey::ca
