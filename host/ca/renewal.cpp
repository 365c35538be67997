#include "ca/renewal.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>

#include "ca/enterprise_codes.h"
#include "ca/error.h"

namespace sealkey::ca {

namespace {

using enum RenewalState;
using protocol::Algorithm;

constexpr std::size_t kOldCodeSize = 13;
// Where the organisation code stands in a unified code (positions 9-17), and in an old code (5-13).

constexpr unsigned bit(RenewalState state) { return 1U << static_cast<unsigned>(state); }

// A renewal is refused until the manifest has left the CA; from then on the token may have committed. What ends it then
// isn't in this table: the end of the key itself (RenewalBook::end_open), and the key's own word, at the desk, that it
// never will commit (RenewalBook::end_proven).
struct Row {
    RenewalState state;
    const char* name;
    bool open;
    unsigned next;
};
constexpr std::array<Row, 7> kStates = {{
    {approved, "APPROVED", true, bit(requested) | bit(refused)},
    {requested, "REQUESTED", true, bit(issued) | bit(refused)},
    {issued, "ISSUED", true, bit(proven) | bit(refused)},
    {proven, "PROVEN", true, bit(confirmed)},
    {confirmed, "CONFIRMED", true, bit(closed)},
    {closed, "CLOSED", false, 0},
    {refused, "REFUSED", false, 0},
}};
constexpr auto kList = [] {
    std::array<RenewalState, kStates.size()> list{};
    for (std::size_t i = 0; i < list.size(); ++i) list[i] = kStates[i].state;
    return list;
}();
const Row& row(RenewalState state) { return kStates[static_cast<std::size_t>(state)]; }

// SHA-256 with PKCS#1 v1.5 or ECDSA, whatever the key's size: what the token makes for statements.
bool verified(const X509* certificate, Bytes statement, Bytes signature) {
    const PKey key(X509_get_pubkey(const_cast<X509*>(certificate)));
    const MdCtx ctx(EVP_MD_CTX_new());
    const bool good =
        key && ctx && EVP_DigestVerifyInit(ctx.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
        EVP_DigestVerify(ctx.get(), signature.data(), signature.size(), statement.data(), statement.size()) == 1;
    ERR_clear_error();
    return good;
}

// CertificationRequestInfo as it was signed: re-encoding isn't needed, since only DER is accepted.
ByteVector info_of(Bytes request) {
    const unsigned char* p = request.data();
    const Request parsed(d2i_X509_REQ(nullptr, &p, static_cast<long>(request.size())));
    unsigned char* der = nullptr;
    const int size = parsed ? i2d_re_X509_REQ_tbs(parsed.get(), &der) : -1;
    require(size > 0, "certificate request");
    ByteVector out(der, der + size);
    OPENSSL_free(der);
    return out;
}

// No manifest begins like this: those begin with a tag.
ByteVector over_statement(const std::string& serial, const token::Rid& rid) {
    const std::string words = "SEALKEY-OVER" + serial;
    ByteVector out(words.begin(), words.end());
    out.insert(out.end(), rid.begin(), rid.end());
    return out;
}

ByteVector signed_by_issuer(Bytes body, const X509* issuer, EVP_PKEY* issuer_key) {
    const bool fits = X509_check_private_key(issuer, issuer_key) == 1;
    ERR_clear_error();
    if (!fits) throw CaError(Fault::crypto, mark("The CA's key isn't that of its certificate."));
    const MdCtx ctx(EVP_MD_CTX_new());
    std::size_t size = 0;
    require(ctx && EVP_DigestSignInit(ctx.get(), nullptr, EVP_sha256(), nullptr, issuer_key) == 1 &&
                EVP_DigestSign(ctx.get(), nullptr, &size, body.data(), body.size()) == 1,
            "sign for a key");
    ByteVector signature(size);
    require(EVP_DigestSign(ctx.get(), signature.data(), &size, body.data(), body.size()) == 1, "sign for a key");
    signature.resize(size);
    return signature;
}

}  // namespace

std::span<const RenewalState> all_renewal_states() { return kList; }
const char* name_of(RenewalState state) { return row(state).name; }
bool may_follow(RenewalState from, RenewalState to) { return (row(from).next & bit(to)) != 0; }
bool is_open(RenewalState state) { return row(state).open; }

RenewalState parse_renewal_state(const std::string& name) {
    for (const Row& one : kStates) {
        if (name == one.name) return one.state;
    }
    throw CaError(Fault::bad_argument, mark("\"%1\" isn't a state of a renewal."), {name});
}

Role role_of_name(const std::string& name) {
    for (const Role role : kRoles) {
        if (name == name_of(role)) return role;
    }
    throw CaError(Fault::bad_request, mark("A renewal replaces the keys 9A, 9C and 9D, and no other."));
}

Role role_of_slot(std::uint8_t slot) {
    for (const Role role : kRoles) {
        if (slot == slot_of(role)) return role;
    }
    throw CaError(Fault::bad_request, mark("A renewal replaces the keys 9A, 9C and 9D, and no other."));
}

Algorithm algorithm_of(EVP_PKEY* key) {
    const int bits = EVP_PKEY_get_bits(key);
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) {
        if (bits == 2048) return Algorithm::rsa2048;
        if (bits == 3072) return Algorithm::rsa3072;
        return bits == 4096 ? Algorithm::rsa4096 : Algorithm::none;
    }
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return Algorithm::none;
    if (bits == 256) return Algorithm::p256;
    return bits == 384 ? Algorithm::p384 : Algorithm::none;
}

void check_renewable(const X509* old, Time now) {
    const Time end = time_of(X509_get0_notAfter(old));
    if (now > end + std::chrono::hours(24) * kDaysAfterExpiry) {
        throw CaError(Fault::expired,
                      mark("The certificate ended on %1, and can't be renewed later than %2 days after "
                           "that: the enterprise needs a replacement."),
                      {iso_time(end), std::to_string(kDaysAfterExpiry)});
    }
}

void check_code_change(const std::string& now, const std::string& next) {
    check_unified_code(next);
    if (now == next) return;
    if (now.size() == kOldCodeSize) {
        check_old_code(now, next);
        return;
    }
    check_unified_code(now);
    if (organisation_of(now) != organisation_of(next)) {
        throw CaError(Fault::bad_code,
                      mark("The code %1 is another organisation's than %2 (positions 9-17): a renewal can't pass a key "
                           "on to somebody else."),
                      {next, now});
    }
}

PKey check_renewal_request(const RenewalRequest& request, const token::Rid& rid, Algorithm algorithm,
                           const X509* consenting, const X509* replaced) {
    PKey key = check_request(request.request);
    if (algorithm_of(key.get()) != algorithm) {
        throw CaError(Fault::bad_request, mark("The request for %1 has a key of another algorithm than approved."),
                      {name_of(request.role)});
    }
    const PKey before(X509_get_pubkey(const_cast<X509*>(replaced)));
    require(before != nullptr, "public key");
    if (spki_of(before.get()) == spki_of(key.get())) {
        throw CaError(Fault::bad_request, mark("The request for %1 has the old key again: a renewal makes a new one."),
                      {name_of(request.role)});
    }
    const auto statement = token::request_statement(rid, digest_of(info_of(request.request)));
    if (!verified(consenting, statement, request.consent)) {
        throw CaError(Fault::forged, mark("The request for %1 lacks the consent of the old key."),
                      {name_of(request.role)});
    }
    return key;
}

void check_key_proof(const X509* certificate, const token::Rid& rid, Role role, const token::StageNonce& nonce,
                     Bytes signature) {
    if (!verified(certificate, token::prove_statement(rid, slot_of(role), nonce), signature)) {
        throw CaError(Fault::forged, mark("The proof of the new key %1 is wrong."), {name_of(role)});
    }
}

void check_committed(const X509* certificate, const token::Rid& rid, Bytes signature) {
    if (!verified(certificate, token::committed_statement(rid), signature)) {
        throw CaError(Fault::forged, mark("The key's confirmation isn't signed by its new key."));
    }
}

token::Digest digest_of(Bytes data) {
    const ByteVector hash = sha256(data);
    token::Digest digest{};
    std::copy_n(hash.begin(), digest.size(), digest.begin());
    return digest;
}

ByteVector make_manifest(const token::Manifest& manifest, const X509* issuer, EVP_PKEY* issuer_key) {
    const ByteVector body = token::manifest_body(manifest);
    return token::signed_manifest(body, signed_by_issuer(body, issuer, issuer_key));
}

ByteVector make_over(const std::string& serial, const token::Rid& rid, const X509* issuer, EVP_PKEY* issuer_key) {
    return signed_by_issuer(over_statement(serial, rid), issuer, issuer_key);
}

void check_over(const X509* issuer, const std::string& serial, const token::Rid& rid, Bytes signature) {
    if (!verified(issuer, over_statement(serial, rid), signature)) {
        throw CaError(Fault::forged, mark("The CA's word that a renewal is over isn't signed by its key."));
    }
}

}  // namespace sealkey::ca
