#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

#include "seal/seal.h"
#include "sign/cms.h"
#include "sign/error.h"
#include "sign/revocation.h"

namespace sealkey::sign {

namespace {

using Cms = seal::Owned<CMS_ContentInfo, CMS_ContentInfo_free>;
using Bio = seal::Owned<BIO, BIO_free_all>;
using Store = seal::Owned<X509_STORE, X509_STORE_free>;
using StoreContext = seal::Owned<X509_STORE_CTX, X509_STORE_CTX_free>;
using Object = seal::Owned<ASN1_OBJECT, ASN1_OBJECT_free>;
struct FreeCertificates {
    void operator()(STACK_OF(X509) * list) const { sk_X509_pop_free(list, X509_free); }
};
using Certificates = std::unique_ptr<STACK_OF(X509), FreeCertificates>;

constexpr std::chrono::minutes kClockSkew{10};

Cms read_cms(Bytes der) {
    const unsigned char* p = der.data();
    Cms cms(d2i_CMS_ContentInfo(nullptr, &p, static_cast<long>(der.size())));
    ERR_clear_error();
    // A PDF fills the room left for the signature with zeros.
    const bool rest_is_zero =
        cms && std::all_of(p, der.data() + der.size(), [](unsigned char byte) { return byte == 0; });
    if (!cms || !rest_is_zero || OBJ_obj2nid(CMS_get0_type(cms.get())) != NID_pkcs7_signed ||
        CMS_is_detached(cms.get()) != 1)
        throw SignError(Fault::malformed, mark("This isn't a detached CMS signature."));
    if (sk_CMS_SignerInfo_num(CMS_get0_SignerInfos(cms.get())) != 1)
        throw SignError(Fault::malformed, mark("The signature must be by one signer."));
    return cms;
}

Bio content_of(const Pieces& data) {
    if (data.size() == 1 && data[0].size() < 0x7FFFFFFF && !data[0].empty())
        return Bio(BIO_new_mem_buf(data[0].data(), static_cast<int>(data[0].size())));
    Bio bio(BIO_new(BIO_s_mem()));
    for (const Bytes piece : data) {
        std::size_t written = 0;
        if (!piece.empty())
            require(
                bio && BIO_write_ex(bio.get(), piece.data(), piece.size(), &written) == 1 && written == piece.size(),
                "memory");
    }
    return bio;
}

void check_signature(CMS_ContentInfo* cms, const Pieces& data) {
    const Bio content = content_of(data);
    const int right = CMS_verify(cms, nullptr, nullptr, content.get(), nullptr,
                                 CMS_BINARY | CMS_DETACHED | CMS_NO_SIGNER_CERT_VERIFY);
    ERR_clear_error();
    if (right != 1)
        throw SignError(Fault::wrong_signature, mark("The signature doesn't fit: data or signature were changed."));
}

// The signed attribute with the signing time, if there is one.
std::optional<Time> signing_time(const CMS_SignerInfo* signer) {
    const int at = CMS_signed_get_attr_by_NID(signer, NID_pkcs9_signingTime, -1);
    if (at < 0) return std::nullopt;
    const ASN1_TYPE* value = X509_ATTRIBUTE_get0_type(CMS_signed_get_attr(signer, at), 0);
    std::tm parts{};
    const bool right = value != nullptr && (value->type == V_ASN1_UTCTIME || value->type == V_ASN1_GENERALIZEDTIME) &&
                       ASN1_TIME_to_tm(reinterpret_cast<const ASN1_TIME*>(value->value.asn1_string), &parts) == 1;
    ERR_clear_error();
    if (!right) throw SignError(Fault::malformed, mark("The signing time can't be read."));
    return Time(std::chrono::seconds(timegm(&parts)));
}

std::optional<ByteVector> seal_of(const CMS_SignerInfo* signer) {
    const Object name(OBJ_txt2obj(kSealAttribute, 1));
    require(name != nullptr, "seal attribute");
    const int at = CMS_signed_get_attr_by_OBJ(signer, name.get(), -1);
    if (at < 0) return std::nullopt;
    X509_ATTRIBUTE* attribute = CMS_signed_get_attr(signer, at);
    const ASN1_TYPE* value = X509_ATTRIBUTE_get0_type(attribute, 0);
    if (X509_ATTRIBUTE_count(attribute) != 1 || value == nullptr || value->type != V_ASN1_OCTET_STRING ||
        CMS_signed_get_attr_by_OBJ(signer, name.get(), at) >= 0)
        throw SignError(Fault::malformed, mark("The signature's seal can't be read."));
    const ASN1_OCTET_STRING* octets = value->value.octet_string;
    const unsigned char* p = ASN1_STRING_get0_data(octets);
    return ByteVector(p, p + ASN1_STRING_length(octets));
}

// The authorities, each trusted as it is.
Store authorities_of(const Trust& trust, unsigned long more_flags) {
    Store store(X509_STORE_new());
    require(store != nullptr, "certificate store");
    for (const auto& authority : trust.authorities) X509_STORE_add_cert(store.get(), authority.get());
    X509_VERIFY_PARAM* param = X509_STORE_get0_param(store.get());
    // Enterprises' certificates aren't for e-mail, which CMS would ask for.
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_ANY);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN | more_flags);
    return store;
}

Store store_of(const Trust& trust, Time at) {
    Store store = authorities_of(trust, 0);
    X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store.get()), seal::seconds_of(at));
    return store;
}

// The lists speak of today, the chain of the time of the signature: OpenSSL
// knows one time for both, so they are asked one after the other.
Store revocation_store_of(const Trust& trust, Time now) {
    const std::time_t today = seal::seconds_of(now);
    std::time_t latest = seal::seconds_of(now + kClockSkew);
    for (const auto& crl : trust.crls) {
        std::time_t moment = today;
        const ASN1_TIME* next = X509_CRL_get0_nextUpdate(crl.get());
        if (X509_cmp_time(X509_CRL_get0_lastUpdate(crl.get()), &latest) > 0 ||
            (next != nullptr && X509_cmp_time(next, &moment) < 0))
            throw SignError(Fault::untrusted, mark("The revocation list isn't of today: get the "
                                                   "authority's new one."));
    }
    Store store = authorities_of(trust, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_NO_CHECK_TIME);
    for (const auto& crl : trust.crls) X509_STORE_add_crl(store.get(), crl.get());
    return store;
}

[[noreturn]] void refuse_chain(int error) {
    switch (error) {
        case X509_V_ERR_CERT_HAS_EXPIRED:
        case X509_V_ERR_CERT_NOT_YET_VALID:
            throw SignError(Fault::expired_certificate, mark("The signer's certificate or its issuer's wasn't "
                                                             "valid at the time of the "
                                                             "signature."));
        case X509_V_ERR_CERT_REVOKED:
            throw SignError(Fault::revoked, mark("The signer's certificate is revoked."));
        default:
            throw SignError(Fault::untrusted, mark("The signer's certificate isn't of the given authority (%1)."),
                            {X509_verify_cert_error_string(error)});
    }
}

// `stamped`: when the signature is known to have been there already.
void check_chain(X509* signer, STACK_OF(X509) * others, X509_STORE* store, const Time* stamped = nullptr) {
    StoreContext context(X509_STORE_CTX_new());
    require(context && X509_STORE_CTX_init(context.get(), store, signer, others) == 1, "certificate chain");
    if (stamped != nullptr) excuse_later_revocation(context.get(), *stamped);
    const bool right = X509_verify_cert(context.get()) == 1;
    ERR_clear_error();
    if (!right) refuse_chain(X509_STORE_CTX_get_error(context.get()));
    if (!is_for_documents(signer))
        throw SignError(Fault::untrusted, mark("The signer's certificate isn't for signing documents (key usage "
                                               "nonRepudiation): it is a login certificate, or one for something "
                                               "else."));
}

// The unsigned attribute with the timestamp's token, if there is one.
std::optional<ByteVector> token_of(const CMS_SignerInfo* signer) {
    const int at = CMS_unsigned_get_attr_by_NID(signer, NID_id_smime_aa_timeStampToken, -1);
    if (at < 0) return std::nullopt;
    X509_ATTRIBUTE* attribute = CMS_unsigned_get_attr(signer, at);
    if (X509_ATTRIBUTE_count(attribute) != 1 ||
        CMS_unsigned_get_attr_by_NID(signer, NID_id_smime_aa_timeStampToken, at) >= 0)
        throw SignError(Fault::bad_timestamp, mark("The signature bears more than one timestamp."));
    const ASN1_TYPE* value = X509_ATTRIBUTE_get0_type(attribute, 0);
    if (value == nullptr || value->type != V_ASN1_SEQUENCE)
        throw SignError(Fault::bad_timestamp, mark("The signature's timestamp can't be read."));
    const ASN1_STRING* sequence = value->value.sequence;
    const unsigned char* p = ASN1_STRING_get0_data(sequence);
    return ByteVector(p, p + ASN1_STRING_length(sequence));
}

// When it was signed: what the signer says, or what an authority vouches for.
void settle_time(CMS_SignerInfo* info, const Trust& trust, Time now, std::optional<Time> said, Verified& out) {
    out.says_time = said.has_value();
    out.signed_at = said.value_or(now);
    if (out.signed_at > now + kClockSkew)
        throw SignError(Fault::bad_time, mark("The signature says it was made at %1, which is yet to come."),
                        {seal::iso_time(out.signed_at)});
    out.has_timestamp = CMS_unsigned_get_attr_by_NID(info, NID_id_smime_aa_timeStampToken, -1) >= 0;
    if (!out.has_timestamp || trust.timestamp_authorities.empty()) return;
    const ASN1_OCTET_STRING* signature = CMS_SignerInfo_get0_signature(info);
    const Bytes value(ASN1_STRING_get0_data(signature), static_cast<std::size_t>(ASN1_STRING_length(signature)));
    out.timestamp = verify_timestamp(*token_of(info), value, trust.timestamp_authorities, now);
    if (out.says_time && out.signed_at > out.timestamp->time + kClockSkew)
        throw SignError(Fault::bad_time, mark("The signature says it was made at %1, after its timestamp (%2)."),
                        {seal::iso_time(out.signed_at), seal::iso_time(out.timestamp->time)});
    out.signed_at = out.timestamp->time;
}

}  // namespace

Verified verify_detached(Bytes der, const Pieces& data, const Trust& trust, Time now, std::optional<Time> claimed) {
    const Cms cms = read_cms(der);
    check_signature(cms.get(), data);
    Certificates signers(CMS_get0_signers(cms.get()));
    if (!signers || sk_X509_num(signers.get()) != 1)
        throw SignError(Fault::malformed, mark("The signature doesn't carry its signer's certificate."));
    X509* signer = X509_dup(sk_X509_value(signers.get(), 0));
    const seal::Cert owner(signer);
    // CMS_get0_signers lends its certificates.
    sk_X509_free(signers.release());

    CMS_SignerInfo* info = sk_CMS_SignerInfo_value(CMS_get0_SignerInfos(cms.get()), 0);
    Verified out;
    out.certificate = seal::der_of(signer);
    settle_time(info, trust, now, claimed ? claimed : signing_time(info), out);
    const Store store = store_of(trust, out.signed_at);
    const Certificates others(CMS_get1_certs(cms.get()));
    check_chain(signer, others.get(), store.get());
    if (!trust.crls.empty())
        check_chain(signer, others.get(), revocation_store_of(trust, now).get(),
                    out.timestamp ? &out.timestamp->time : nullptr);
    // Once more by OpenSSL as a whole, which also holds the signed attributes to
    // the certificate that they name.
    const Bio content = content_of(data);
    const int right =
        CMS_verify(cms.get(), nullptr, store.get(), content.get(), nullptr, CMS_BINARY | CMS_DETACHED | CMS_CADES);
    ERR_clear_error();
    if (right != 1)
        throw SignError(Fault::malformed, mark("The signed attributes don't name the signer's certificate."));
    out.seal = seal_of(info);
    return out;
}

}  // namespace sealkey::sign
