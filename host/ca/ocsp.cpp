#include "ca/ocsp.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "ca/certificate.h"
#include "ca/error.h"

namespace sealkey::ca {

namespace {

using OcspRequest = Owned<OCSP_REQUEST, OCSP_REQUEST_free>;
using OcspResponse = Owned<OCSP_RESPONSE, OCSP_RESPONSE_free>;
using OcspBasic = Owned<OCSP_BASICRESP, OCSP_BASICRESP_free>;
using OcspId = Owned<OCSP_CERTID, OCSP_CERTID_free>;
using AnswerTime = Owned<ASN1_TIME, ASN1_TIME_free>;
using Extension = Owned<X509_EXTENSION, X509_EXTENSION_free>;

constexpr int kMaxQuestions = 16;
constexpr long kVersion3 = 2;

ByteVector encoded(int status, OCSP_BASICRESP* basic) {
    const OcspResponse response(OCSP_response_create(status, basic));
    require(response != nullptr, "OCSP");
    unsigned char* der = nullptr;
    const int size = i2d_OCSP_RESPONSE(response.get(), &der);
    require(size > 0, "OCSP");
    ByteVector out(der, der + size);
    OPENSSL_free(der);
    return out;
}

std::string hex_of(const ASN1_INTEGER* number) {
    const Owned<BIGNUM, BN_free> value(ASN1_INTEGER_to_BN(number, nullptr));
    require(value != nullptr, "serial number");
    char* text = BN_bn2hex(value.get());
    require(text != nullptr, "serial number");
    std::string out = text;
    OPENSSL_free(text);
    return out;
}

// Whether a question is about a certificate of this CA: by whichever digest it names the CA with.
bool is_about(OCSP_CERTID* id, const X509* issuer) {
    ASN1_OBJECT* digest = nullptr;
    if (OCSP_id_get0_info(nullptr, &digest, nullptr, nullptr, id) != 1) return false;
    const EVP_MD* md = EVP_get_digestbyobj(digest);
    if (md == nullptr) return false;
    const OcspId own(OCSP_cert_id_new(md, X509_get_subject_name(issuer), X509_get0_pubkey_bitstr(issuer), nullptr));
    return own && OCSP_id_issuer_cmp(own.get(), id) == 0;
}

AnswerTime asn1(Time time) {
    AnswerTime out(ASN1_GENERALIZEDTIME_set(nullptr, time.time_since_epoch().count()));
    require(out != nullptr, "time");
    return out;
}

// False: the name of the certificate can't be written down again, though it could be read.
[[nodiscard]] bool add_status(OCSP_BASICRESP* basic, OCSP_CERTID* id, const OcspStatus& status, ASN1_TIME* now) {
    const bool revoked = status.known && status.revoked;
    const int word = revoked        ? V_OCSP_CERTSTATUS_REVOKED
                     : status.known ? V_OCSP_CERTSTATUS_GOOD
                                    : V_OCSP_CERTSTATUS_UNKNOWN;
    // As in the list: "unspecified" is said by leaving the reason out.
    int reason = revoked ? revocation_code(status.revoked->reason) : OCSP_REVOKED_STATUS_NOSTATUS;
    if (reason == OCSP_REVOKED_STATUS_UNSPECIFIED) reason = OCSP_REVOKED_STATUS_NOSTATUS;
    const AnswerTime when = revoked ? asn1(status.revoked->when) : nullptr;
    return OCSP_basic_add1_status(basic, id, word, reason, when.get(), now, nullptr) != nullptr;
}

void add_extension(X509* certificate, X509V3_CTX* context, int nid, const char* text) {
    const Extension extension(X509V3_EXT_conf_nid(nullptr, context, nid, text));
    require(extension && X509_add_ext(certificate, extension.get(), -1) == 1, OBJ_nid2sn(nid));
}

}  // namespace

OcspSigner make_ocsp_signer(const X509* issuer, EVP_PKEY* issuer_key, Time now, Time not_after) {
    OcspSigner out{generate_key("p256"), Cert(X509_new())};
    X509* certificate = out.certificate.get();
    ByteVector serial(16);
    random_bytes(serial);
    serial[0] = static_cast<std::uint8_t>((serial[0] & 0x3F) | 0x40);
    const Owned<BIGNUM, BN_free> number(BN_bin2bn(serial.data(), static_cast<int>(serial.size()), nullptr));
    const AnswerTime begin(ASN1_TIME_set(nullptr, (now - std::chrono::minutes(5)).time_since_epoch().count()));
    const AnswerTime end(ASN1_TIME_set(nullptr, not_after.time_since_epoch().count()));
    static constexpr unsigned char kName[] = "OCSP";
    require(certificate != nullptr && number && begin && end && X509_set_version(certificate, kVersion3) == 1 &&
                BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr &&
                X509_set1_notBefore(certificate, begin.get()) == 1 && X509_set1_notAfter(certificate, end.get()) == 1 &&
                X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName, MBSTRING_ASC, kName, -1,
                                           -1, 0) == 1 &&
                X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
                X509_set_pubkey(certificate, out.key.get()) == 1,
            "OCSP certificate");
    X509V3_CTX context;
    X509V3_set_ctx(&context, const_cast<X509*>(issuer), certificate, nullptr, nullptr, 0);
    add_extension(certificate, &context, NID_basic_constraints, "critical,CA:FALSE");
    add_extension(certificate, &context, NID_key_usage, "critical,digitalSignature");
    add_extension(certificate, &context, NID_ext_key_usage, "OCSPSigning");
    add_extension(certificate, &context, NID_id_pkix_OCSP_noCheck, "");
    add_extension(certificate, &context, NID_authority_key_identifier, "keyid:always");
    sign_certificate(certificate, issuer_key);
    return out;
}

ByteVector ocsp_answer(const X509* issuer, const OcspSigner& signer, const OcspLookup& lookup, Bytes request,
                       Time now) {
    if (now > time_of(X509_get0_notAfter(signer.certificate.get())))
        return encoded(OCSP_RESPONSE_STATUS_TRYLATER, nullptr);
    const unsigned char* p = request.data();
    const OcspRequest asked(
        request.size() > kMaxOcspRequest ? nullptr : d2i_OCSP_REQUEST(nullptr, &p, static_cast<long>(request.size())));
    ERR_clear_error();
    const int questions = asked ? OCSP_request_onereq_count(asked.get()) : 0;
    if (questions < 1 || questions > kMaxQuestions || p != request.data() + request.size())
        return encoded(OCSP_RESPONSE_STATUS_MALFORMEDREQUEST, nullptr);
    const OcspBasic basic(OCSP_BASICRESP_new());
    require(basic != nullptr, "OCSP");
    const AnswerTime produced = asn1(now);
    for (int i = 0; i < questions; ++i) {
        OCSP_CERTID* id = OCSP_onereq_get0_id(OCSP_request_onereq_get0(asked.get(), i));
        ASN1_INTEGER* serial = nullptr;
        const bool readable = OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial, id) == 1 && serial != nullptr;
        const bool ours = readable && is_about(id, issuer);
        if (!add_status(basic.get(), id, ours ? lookup(hex_of(serial)) : OcspStatus{}, produced.get())) {
            ERR_clear_error();
            return encoded(OCSP_RESPONSE_STATUS_MALFORMEDREQUEST, nullptr);
        }
    }
    OCSP_copy_nonce(basic.get(), asked.get());
    const bool made =
        OCSP_basic_sign(basic.get(), signer.certificate.get(), signer.key.get(), EVP_sha256(), nullptr, 0) == 1;
    require(made, "sign an OCSP answer");
    ERR_clear_error();
    return encoded(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get());
}

}  // namespace sealkey::ca
