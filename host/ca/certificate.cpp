#include "ca/certificate.h"

#include <openssl/asn1.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <array>

#include "ca/enterprise_codes.h"
#include "ca/error.h"

namespace sealkey::ca {

namespace {

constexpr std::size_t kSerialBytes = 16;
constexpr char kSm2Identity[] = "1234567812345678";
constexpr long kVersion3 = 2;

using Extension = Owned<X509_EXTENSION, X509_EXTENSION_free>;
using BigNumber = Owned<BIGNUM, BN_free>;
using Integer = Owned<ASN1_INTEGER, ASN1_INTEGER_free>;
using Object = Owned<ASN1_OBJECT, ASN1_OBJECT_free>;
using Octets = Owned<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>;
using PrintableString = Owned<ASN1_PRINTABLESTRING, ASN1_PRINTABLESTRING_free>;
using Asn1Time = Owned<ASN1_TIME, ASN1_TIME_free>;

struct ExtensionText {
    int nid;
    const char* value;
};

// The profile of a certificate, as data.
struct RoleProfile {
    Role role;
    std::uint8_t slot;
    const char* name;
    const char* usage_rsa;
    const char* usage_ec;
    const char* extended_usage;  // nullptr: none
};
constexpr std::array<RoleProfile, 3> kRoleProfiles = {{
    {Role::login, protocol::ref::authentication, "9A", "critical,digitalSignature", "critical,digitalSignature",
     "clientAuth"},
    {Role::signature, protocol::ref::signature, "9C", "critical,digitalSignature,nonRepudiation",
     "critical,digitalSignature,nonRepudiation", nullptr},
    {Role::decryption, protocol::ref::key_management, "9D", "critical,keyEncipherment", "critical,keyAgreement",
     nullptr},
}};
struct AuthorityProfile {
    AuthorityKind kind;
    const char* constraints;
    const char* usage;
};
constexpr std::array<AuthorityProfile, 5> kAuthorityProfiles = {{
    {AuthorityKind::root, "critical,CA:TRUE", "critical,keyCertSign,cRLSign"},
    {AuthorityKind::issuing, "critical,CA:TRUE,pathlen:0", "critical,keyCertSign,cRLSign"},
    {AuthorityKind::seal_root, "critical,CA:TRUE,pathlen:0", "critical,keyCertSign,cRLSign"},
    {AuthorityKind::seal_maker, "critical,CA:FALSE", "critical,digitalSignature,nonRepudiation"},
    {AuthorityKind::device_root, "critical,CA:TRUE,pathlen:1", "critical,keyCertSign,cRLSign"},
}};

const RoleProfile& profile_of(Role role) {
    for (const auto& profile : kRoleProfiles) {
        if (profile.role == role) return profile;
    }
    throw CaError(Fault::bad_argument, mark("There is no such role."));
}

void set_serial(X509* cert) {
    std::array<std::uint8_t, kSerialBytes> bytes{};
    random_bytes(bytes);
    bytes[0] = static_cast<std::uint8_t>((bytes[0] & 0x7F) | 0x40);  // positive, and always 16 bytes long
    const BigNumber number(BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
    require(number && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(cert)) != nullptr, "serial number");
}

void set_validity(X509* cert, Time from, Time to) {
    const Asn1Time begin(ASN1_TIME_set(nullptr, from.time_since_epoch().count()));
    const Asn1Time end(ASN1_TIME_set(nullptr, to.time_since_epoch().count()));
    require(begin && end && X509_set1_notBefore(cert, begin.get()) == 1 && X509_set1_notAfter(cert, end.get()) == 1,
            "validity");
}

void add_extension(X509* cert, X509V3_CTX* context, const ExtensionText& text) {
    const Extension extension(X509V3_EXT_conf_nid(nullptr, context, text.nid, text.value));
    require(extension && X509_add_ext(cert, extension.get(), -1) == 1, OBJ_nid2sn(text.nid));
}

void add_code_extension(X509* cert, const std::string& oid, const std::string& code) {
    const Object object(OBJ_txt2obj(oid.c_str(), 1));
    ERR_clear_error();
    if (!object) throw CaError(Fault::bad_argument, mark("%1 isn't an object identifier."), {oid});
    const PrintableString text(ASN1_PRINTABLESTRING_new());
    require(text && ASN1_STRING_set(text.get(), code.data(), static_cast<int>(code.size())) == 1, "code");
    unsigned char* der = nullptr;
    const int size = i2d_ASN1_PRINTABLESTRING(text.get(), &der);
    require(size > 0, "code");
    const Octets value(ASN1_OCTET_STRING_new());
    const bool set = value && ASN1_OCTET_STRING_set(value.get(), der, size) == 1;
    OPENSSL_free(der);
    require(set, "code");
    const Extension extension(X509_EXTENSION_create_by_OBJ(nullptr, object.get(), 0, value.get()));
    require(extension && X509_add_ext(cert, extension.get(), -1) == 1, "code");
}

void add_name(X509_NAME* name, int nid, const std::string& text) {
    const int type = nid == NID_countryName ? MBSTRING_ASC : MBSTRING_UTF8;
    if (text.empty() || X509_NAME_add_entry_by_NID(name, nid, type, reinterpret_cast<const unsigned char*>(text.data()),
                                                   static_cast<int>(text.size()), -1, 0) != 1) {
        ERR_clear_error();
        throw CaError(Fault::bad_argument,
                      mark("\"%1\" can't stand in a certificate: a name there has 1 to 64 characters of valid text."),
                      {text});
    }
}

void check_issuer_time(const X509* issuer, Time now, Time not_after) {
    if (now < time_of(X509_get0_notBefore(issuer)) || now > time_of(X509_get0_notAfter(issuer))) {
        throw CaError(Fault::expired, mark("The CA's own certificate isn't valid now (it ends on %1)."),
                      {iso_time(time_of(X509_get0_notAfter(issuer)))});
    }
    if (not_after <= now) throw CaError(Fault::bad_argument, mark("The certificate would end before it begins."));
    if (not_after > time_of(X509_get0_notAfter(issuer))) {
        throw CaError(Fault::expired,
                      mark("The certificate would outlive the CA's own, which ends on %1: choose fewer "
                           "days, or renew the CA."),
                      {iso_time(time_of(X509_get0_notAfter(issuer)))});
    }
}

[[noreturn]] void bad_key(const char* text, std::vector<std::string> arguments = {}) {
    throw CaError(Fault::bad_request, text, std::move(arguments));
}

void check_rsa(EVP_PKEY* key) {
    const int bits = EVP_PKEY_get_bits(key);
    if (bits != 2048 && bits != 3072 && bits != 4096) {
        bad_key(mark("The request has an RSA key of %1 bits: 2048, 3072 or 4096 are allowed."), {std::to_string(bits)});
    }
    BIGNUM* raw = nullptr;
    require(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &raw) == 1, "RSA exponent");
    const BigNumber exponent(raw);
    if (!BN_is_odd(raw) || BN_num_bits(raw) < 17 || BN_num_bits(raw) > 64) {
        bad_key(mark("The request has an RSA key with a weak exponent."));
    }
}

void check_ec(EVP_PKEY* key) {
    char group[64] = {};
    std::size_t size = 0;
    if (EVP_PKEY_get_group_name(key, group, sizeof group, &size) != 1) group[0] = 0;
    const std::string name = group;
    if (name != "prime256v1" && name != "P-256" && name != "secp384r1" && name != "P-384") {
        bad_key(mark("The request has a key on the curve \"%1\": P-256 and P-384 are allowed."), {name});
    }
    const PKeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    if (!ctx || EVP_PKEY_public_check(ctx.get()) != 1) bad_key(mark("The request has a key that isn't on its curve."));
}

}  // namespace

std::uint8_t slot_of(Role role) { return profile_of(role).slot; }
const char* name_of(Role role) { return profile_of(role).name; }

void check_public_key(EVP_PKEY* key) {
    switch (EVP_PKEY_get_base_id(key)) {
        case EVP_PKEY_RSA:
            return check_rsa(key);
        case EVP_PKEY_EC:
            return check_ec(key);
        default:
            bad_key(mark("The request has a key of a kind that isn't allowed."));
    }
}

PKey check_request(Bytes der, std::optional<Bytes> expected_spki) {
    const unsigned char* p = der.data();
    const Request request(d2i_X509_REQ(nullptr, &p, static_cast<long>(der.size())));
    ERR_clear_error();
    if (!request || p != der.data() + der.size()) bad_key(mark("This isn't a certificate request (PKCS#10)."));
    PKey key(X509_REQ_get_pubkey(request.get()));
    ERR_clear_error();
    if (!key) bad_key(mark("The request has a key of a kind that isn't allowed."));
    check_public_key(key.get());
    const int signature_nid = X509_REQ_get_signature_nid(request.get());
    if (signature_nid != NID_sha256WithRSAEncryption && signature_nid != NID_sha384WithRSAEncryption &&
        signature_nid != NID_sha512WithRSAEncryption && signature_nid != NID_ecdsa_with_SHA256 &&
        signature_nid != NID_ecdsa_with_SHA384) {
        bad_key(mark("The request is signed with an algorithm that isn't allowed."));
    }
    if (X509_REQ_verify(request.get(), key.get()) != 1) {
        ERR_clear_error();
        bad_key(mark("The request isn't signed by the key it asks a certificate for."));
    }
    if (expected_spki && !equal(spki_of(key.get()), *expected_spki)) {
        bad_key(mark("The request asks for another key than the one that was made."));
    }
    return key;
}

Signing::Signing(EVP_PKEY* key) : context_(EVP_MD_CTX_new()) {
    const bool sm2 = EVP_PKEY_is_a(key, "SM2") == 1;
    if (sm2) {
        sm2_.reset(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
        require(sm2_ && context_ && EVP_PKEY_CTX_set1_id(sm2_.get(), kSm2Identity, sizeof kSm2Identity - 1) == 1,
                "SM2 identity");
        EVP_MD_CTX_set_pkey_ctx(context_.get(), sm2_.get());
    }
    require(context_ && EVP_DigestSignInit(context_.get(), nullptr, sm2 ? EVP_sm3() : EVP_sha256(), nullptr, key) == 1,
            "begin a signature");
}

void sign_certificate(X509* certificate, EVP_PKEY* key) {
    require(X509_sign_ctx(certificate, Signing(key).get()) > 0, "sign a certificate");
}

Cert issue_certificate(const Issuer& issuer, Role role, const Subject& subject, EVP_PKEY* subject_key, Time now,
                       Time not_after) {
    check_unified_code(subject.unified_code);
    check_public_key(subject_key);
    check_issuer_time(issuer.certificate, now, not_after);
    const RoleProfile& profile = profile_of(role);
    Cert cert(X509_new());
    require(cert && X509_set_version(cert.get(), kVersion3) == 1, "certificate");
    set_serial(cert.get());
    set_validity(cert.get(), now - std::chrono::minutes(5), not_after);

    X509_NAME* name = X509_get_subject_name(cert.get());
    add_name(name, NID_countryName, "CN");
    add_name(name, NID_organizationName, subject.enterprise_name);
    add_name(name, NID_commonName, subject.enterprise_name);
    add_name(name, NID_userId, subject.login_name);
    require(X509_set_issuer_name(cert.get(), X509_get_subject_name(issuer.certificate)) == 1 &&
                X509_set_pubkey(cert.get(), subject_key) == 1,
            "certificate");

    X509V3_CTX context;
    X509V3_set_ctx(&context, const_cast<X509*>(issuer.certificate), cert.get(), nullptr, nullptr, 0);
    const bool rsa = EVP_PKEY_get_base_id(subject_key) == EVP_PKEY_RSA;
    add_extension(cert.get(), &context, {NID_basic_constraints, "critical,CA:FALSE"});
    add_extension(cert.get(), &context, {NID_key_usage, rsa ? profile.usage_rsa : profile.usage_ec});
    if (profile.extended_usage != nullptr) {
        add_extension(cert.get(), &context, {NID_ext_key_usage, profile.extended_usage});
    }
    add_extension(cert.get(), &context, {NID_subject_key_identifier, "hash"});
    add_extension(cert.get(), &context, {NID_authority_key_identifier, "keyid:always"});
    if (!issuer.crl_url.empty()) {
        add_extension(cert.get(), &context, {NID_crl_distribution_points, ("URI:" + issuer.crl_url).c_str()});
    }
    if (!issuer.ocsp_url.empty()) {
        add_extension(cert.get(), &context, {NID_info_access, ("OCSP;URI:" + issuer.ocsp_url).c_str()});
    }
    add_code_extension(cert.get(), issuer.code_extension, subject.unified_code);
    sign_certificate(cert.get(), issuer.key);
    return cert;
}

Cert issue_device_certificate(const X509* root, EVP_PKEY* root_key, const std::string& token_serial,
                              EVP_PKEY* attestation_key, Time now) {
    check_public_key(attestation_key);
    const Time end = time_of(X509_get0_notAfter(root));
    check_issuer_time(root, now, end);
    Cert cert(X509_new());
    require(cert && X509_set_version(cert.get(), kVersion3) == 1, "certificate");
    set_serial(cert.get());
    set_validity(cert.get(), now - std::chrono::minutes(5), end);
    X509_NAME* name = X509_get_subject_name(cert.get());
    add_name(name, NID_commonName, "sealkey " + token_serial);
    add_name(name, NID_serialNumber, token_serial);
    require(X509_set_issuer_name(cert.get(), X509_get_subject_name(root)) == 1 &&
                X509_set_pubkey(cert.get(), attestation_key) == 1,
            "certificate");
    X509V3_CTX context;
    X509V3_set_ctx(&context, const_cast<X509*>(root), cert.get(), nullptr, nullptr, 0);
    add_extension(cert.get(), &context, {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"});
    add_extension(cert.get(), &context, {NID_key_usage, "critical,keyCertSign"});
    add_extension(cert.get(), &context, {NID_subject_key_identifier, "hash"});
    add_extension(cert.get(), &context, {NID_authority_key_identifier, "keyid:always"});
    sign_certificate(cert.get(), root_key);
    return cert;
}

void check_certificate(const X509* certificate, const X509* issuer, Time now) {
    const PKey key(X509_get_pubkey(const_cast<X509*>(issuer)));
    const bool named = X509_NAME_cmp(X509_get_issuer_name(certificate), X509_get_subject_name(issuer)) == 0;
    const bool verified = key && X509_verify(const_cast<X509*>(certificate), key.get()) == 1;
    ERR_clear_error();
    if (!named || !verified) throw CaError(Fault::forged, mark("The certificate wasn't issued by this CA."));
    if (now < time_of(X509_get0_notBefore(certificate)) || now > time_of(X509_get0_notAfter(certificate))) {
        throw CaError(Fault::expired, mark("The certificate isn't valid at this time."));
    }
}

PKey generate_key(const std::string& type) {
    PKey key;
    if (type == "p256")
        key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
    else if (type == "rsa3072")
        key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(3072)));
    else if (type == "sm2")
        key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "SM2"));
    else
        throw CaError(Fault::bad_argument, mark("\"%1\" isn't a kind of key that the CA can have: p256 or rsa3072."),
                      {type});
    require(key != nullptr, "make a key");
    return key;
}

Cert make_authority_certificate(const AuthorityCertificate& what, EVP_PKEY* subject_key, const X509* issuer,
                                EVP_PKEY* issuer_key) {
    const auto* profile = &kAuthorityProfiles[0];
    for (const auto& candidate : kAuthorityProfiles) {
        if (candidate.kind == what.kind) profile = &candidate;
    }
    Cert cert(X509_new());
    require(cert && X509_set_version(cert.get(), kVersion3) == 1, "certificate");
    set_serial(cert.get());
    set_validity(cert.get(), what.not_before, what.not_after);
    X509_NAME* name = X509_get_subject_name(cert.get());
    add_name(name, NID_countryName, "CN");
    add_name(name, NID_organizationName, what.organisation);
    add_name(name, NID_commonName, what.common_name);
    const X509* by = issuer != nullptr ? issuer : cert.get();
    require(X509_set_issuer_name(cert.get(), X509_get_subject_name(by)) == 1 &&
                X509_set_pubkey(cert.get(), subject_key) == 1,
            "certificate");
    X509V3_CTX context;
    X509V3_set_ctx(&context, const_cast<X509*>(by), cert.get(), nullptr, nullptr, 0);
    add_extension(cert.get(), &context, {NID_basic_constraints, profile->constraints});
    add_extension(cert.get(), &context, {NID_key_usage, profile->usage});
    add_extension(cert.get(), &context, {NID_subject_key_identifier, "hash"});
    add_extension(cert.get(), &context, {NID_authority_key_identifier, "keyid:always"});
    sign_certificate(cert.get(), issuer_key);
    return cert;
}

}  // namespace sealkey::ca
