// The signed attributes are built with OpenSSL and signed outside of it: no private key is ever shown to OpenSSL, and
// no engine, method or provider is needed for one on a token.
#include "sign/cms.h"

#include <openssl/asn1t.h>
#include <openssl/cms.h>
#include <openssl/err.h>

#include "seal/seal.h"
#include "sign/error.h"

namespace sealkey::sign {

namespace {

using Cms = seal::Owned<CMS_ContentInfo, CMS_ContentInfo_free>;
using Asn1Time = seal::Owned<ASN1_TIME, ASN1_TIME_free>;
using Object = seal::Owned<ASN1_OBJECT, ASN1_OBJECT_free>;

// What is signed: the attributes as a SET OF in DER (RFC 5652 clause 5.4).
using Attributes = STACK_OF(X509_ATTRIBUTE);
// clang-format off
ASN1_ITEM_TEMPLATE(Attributes) = ASN1_EX_TEMPLATE_TYPE(ASN1_TFLG_SET_ORDER, 0, Attributes, X509_ATTRIBUTE)
static_ASN1_ITEM_TEMPLATE_END(Attributes)
    // clang-format on

    ByteVector digest_of(const EVP_MD* digest, const Pieces& data) {
    seal::MdCtx context(EVP_MD_CTX_new());
    require(context && EVP_DigestInit_ex2(context.get(), digest, nullptr) == 1, "digest");
    for (const Bytes piece : data) require(EVP_DigestUpdate(context.get(), piece.data(), piece.size()) == 1, "digest");
    ByteVector out(static_cast<std::size_t>(EVP_MD_get_size(digest)));
    require(EVP_DigestFinal_ex(context.get(), out.data(), nullptr) == 1, "digest");
    return out;
}

void add_attributes(CMS_SignerInfo* signer, Bytes digest, const CmsOptions& options) {
    if (CMS_signed_get_attr_by_NID(signer, NID_pkcs9_contentType, -1) < 0)
        require(CMS_signed_add1_attr_by_NID(signer, NID_pkcs9_contentType, V_ASN1_OBJECT, OBJ_nid2obj(NID_pkcs7_data),
                                            -1) == 1,
                "content type");
    require(CMS_signed_add1_attr_by_NID(signer, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING, digest.data(),
                                        static_cast<int>(digest.size())) == 1,
            "message digest");
    if (options.signing_time) {
        const Asn1Time time(ASN1_TIME_set(nullptr, seal::seconds_of(*options.signing_time)));
        require(time && CMS_signed_add1_attr_by_NID(signer, NID_pkcs9_signingTime, time->type, time.get(), -1) == 1,
                "signing time");
    }
    if (options.seal) {
        const Object name(OBJ_txt2obj(kSealAttribute, 1));
        require(name && CMS_signed_add1_attr_by_OBJ(signer, name.get(), V_ASN1_OCTET_STRING, options.seal->data(),
                                                    static_cast<int>(options.seal->size())) == 1,
                "seal attribute");
    }
}

ByteVector signed_bytes(const CMS_SignerInfo* signer) {
    Attributes* list = sk_X509_ATTRIBUTE_new_null();
    for (int i = 0; i < CMS_signed_get_attr_count(signer); ++i)
        sk_X509_ATTRIBUTE_push(list, CMS_signed_get_attr(signer, i));
    unsigned char* der = nullptr;
    const int size = ASN1_item_i2d(reinterpret_cast<const ASN1_VALUE*>(list), &der, ASN1_ITEM_rptr(Attributes));
    sk_X509_ATTRIBUTE_free(list);  // its entries stay the signer's
    require(size > 0, "signed attributes");
    ByteVector out(der, der + size);
    OPENSSL_free(der);
    return out;
}

}  // namespace

ByteVector sign_detached(SigningKey& key, const Pieces& data, const CmsOptions& options) {
    const seal::Cert certificate = seal::certificate_of_der(key.certificate());
    EVP_PKEY* public_key = X509_get0_pubkey(certificate.get());
    const EVP_MD* digest = digest_for(public_key);
    const unsigned flags = CMS_PARTIAL | CMS_DETACHED | CMS_BINARY | CMS_CADES | CMS_NOSMIMECAP;
    const Cms cms(CMS_sign(nullptr, nullptr, nullptr, nullptr, flags));
    require(cms != nullptr, "CMS");
    // OpenSSL only compares public keys here.
    CMS_SignerInfo* signer = CMS_add1_signer(cms.get(), certificate.get(), public_key, digest, flags);
    require(signer != nullptr, "CMS signer");
    for (const ByteVector& issuer : key.chain())
        require(CMS_add1_cert(cms.get(), seal::certificate_of_der(issuer).get()) == 1, "CMS certificates");
    add_attributes(signer, digest_of(digest, data), options);
    const ByteVector to_sign = signed_bytes(signer);
    const ByteVector signature = key.sign(digest_of(digest, {to_sign}));
    require(ASN1_OCTET_STRING_set(CMS_SignerInfo_get0_signature(signer), signature.data(),
                                  static_cast<int>(signature.size())) == 1,
            "CMS signature");
    if (options.timestamp) {
        const ByteVector token = options.timestamp(signature);
        require(CMS_unsigned_add1_attr_by_NID(signer, NID_id_smime_aa_timeStampToken, V_ASN1_SEQUENCE, token.data(),
                                              static_cast<int>(token.size())) == 1,
                "timestamp attribute");
    }
    unsigned char* der = nullptr;
    const int size = i2d_CMS_ContentInfo(cms.get(), &der);
    require(size > 0, "CMS");
    ByteVector out(der, der + size);
    OPENSSL_free(der);
    return out;
}

}  // namespace sealkey::sign
