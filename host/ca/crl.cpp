#include "ca/crl.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>

#include "ca/certificate.h"
#include "ca/error.h"

namespace sealkey::ca {

namespace {

using Asn1Time = Owned<ASN1_TIME, ASN1_TIME_free>;
using Integer = Owned<ASN1_INTEGER, ASN1_INTEGER_free>;
using Enumerated = Owned<ASN1_ENUMERATED, ASN1_ENUMERATED_free>;
using BigNumber = Owned<BIGNUM, BN_free>;
using Entry = Owned<X509_REVOKED, X509_REVOKED_free>;
using Extension = Owned<X509_EXTENSION, X509_EXTENSION_free>;

constexpr std::array<const char*, 6> kReasons = {"unspecified", "keyCompromise",        "affiliationChanged",
                                                 "superseded",  "cessationOfOperation", "privilegeWithdrawn"};
constexpr std::array<int, 6> kReasonCodes = {0, 1, 3, 4, 5, 9};

int code_of(const std::string& reason) {
    if (reason == kHold) return CRL_REASON_CERTIFICATE_HOLD;
    for (std::size_t i = 0; i < kReasons.size(); ++i) {
        if (reason == kReasons[i]) return kReasonCodes[i];
    }
    throw CaError(Fault::bad_argument, mark("\"%1\" isn't a reason for a revocation."), {reason});
}

std::string reason_of(long code) {
    if (code == CRL_REASON_CERTIFICATE_HOLD) return kHold;
    for (std::size_t i = 0; i < kReasons.size(); ++i) {
        if (code == kReasonCodes[i]) return kReasons[i];
    }
    return kReasons[0];
}

Asn1Time asn1_time(Time time) { return Asn1Time(ASN1_TIME_set(nullptr, time.time_since_epoch().count())); }

void add_entry(X509_CRL* crl, const Revoked& revoked) {
    BIGNUM* raw = nullptr;
    require(BN_hex2bn(&raw, revoked.serial.c_str()) == static_cast<int>(revoked.serial.size()), "serial number");
    const BigNumber number(raw);
    const Integer serial(BN_to_ASN1_INTEGER(raw, nullptr));
    const Asn1Time when = asn1_time(revoked.when);
    Entry entry(X509_REVOKED_new());
    require(entry && serial && when && X509_REVOKED_set_serialNumber(entry.get(), serial.get()) == 1 &&
                X509_REVOKED_set_revocationDate(entry.get(), when.get()) == 1,
            "CRL entry");
    // RFC 5280 5.3.1: "unspecified" is said by leaving the reason out.
    if (const int code = code_of(revoked.reason); code != 0) {
        const Enumerated reason(ASN1_ENUMERATED_new());
        require(reason && ASN1_ENUMERATED_set(reason.get(), code) == 1 &&
                    X509_REVOKED_add1_ext_i2d(entry.get(), NID_crl_reason, reason.get(), 0, 0) == 1,
                "CRL reason");
    }
    require(X509_CRL_add0_revoked(crl, entry.get()) == 1, "CRL entry");
    (void)entry.release();
}

}  // namespace

std::span<const char* const> revocation_reasons() { return kReasons; }
int revocation_code(const std::string& reason) { return code_of(reason); }
void check_revocation_reason(const std::string& reason) {
    if (code_of(reason) == CRL_REASON_CERTIFICATE_HOLD)
        throw CaError(Fault::bad_argument, mark("\"%1\" isn't a reason for a revocation."), {reason});
}

Crl make_crl(const X509* issuer, EVP_PKEY* issuer_key, std::span<const Revoked> revoked, std::uint64_t number,
             Time this_update, Time next_update) {
    if (this_update < time_of(X509_get0_notBefore(issuer)) || this_update > time_of(X509_get0_notAfter(issuer))) {
        throw CaError(Fault::expired, mark("The CA's own certificate isn't valid now (it ends on %1)."),
                      {iso_time(time_of(X509_get0_notAfter(issuer)))});
    }
    if (next_update <= this_update)
        throw CaError(Fault::bad_argument, mark("The next list can't come before this one."));
    Crl crl(X509_CRL_new());
    const Asn1Time last = asn1_time(this_update);
    const Asn1Time next = asn1_time(next_update);
    require(crl && X509_CRL_set_version(crl.get(), 1) == 1 &&
                X509_CRL_set_issuer_name(crl.get(), X509_get_subject_name(issuer)) == 1 &&
                X509_CRL_set1_lastUpdate(crl.get(), last.get()) == 1 &&
                X509_CRL_set1_nextUpdate(crl.get(), next.get()) == 1,
            "CRL");
    for (const Revoked& one : revoked) add_entry(crl.get(), one);
    X509_CRL_sort(crl.get());
    const Integer crl_number(ASN1_INTEGER_new());
    require(crl_number && ASN1_INTEGER_set_uint64(crl_number.get(), number) == 1 &&
                X509_CRL_add1_ext_i2d(crl.get(), NID_crl_number, crl_number.get(), 0, 0) == 1,
            "CRL number");
    X509V3_CTX context;
    X509V3_set_ctx(&context, const_cast<X509*>(issuer), nullptr, nullptr, crl.get(), 0);
    const Extension key_id(X509V3_EXT_conf_nid(nullptr, &context, NID_authority_key_identifier, "keyid:always"));
    require(key_id && X509_CRL_add_ext(crl.get(), key_id.get(), -1) == 1, "CRL");
    require(X509_CRL_sign_ctx(crl.get(), Signing(issuer_key).get()) > 0, "sign a CRL");
    return crl;
}

std::vector<Revoked> entries_of(const std::string& pem) {
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    const Crl crl(bio ? PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr) : nullptr);
    ERR_clear_error();
    if (!crl) throw CaError(Fault::corrupt, mark("The former revocation list is damaged."));
    std::vector<Revoked> out;
    const STACK_OF(X509_REVOKED)* list = X509_CRL_get_REVOKED(crl.get());
    for (int i = 0; i < sk_X509_REVOKED_num(list); ++i) {
        const X509_REVOKED* entry = sk_X509_REVOKED_value(list, i);
        const Owned<ASN1_ENUMERATED, ASN1_ENUMERATED_free> reason(
            static_cast<ASN1_ENUMERATED*>(X509_REVOKED_get_ext_d2i(entry, NID_crl_reason, nullptr, nullptr)));
        out.push_back({serial_of(X509_REVOKED_get0_serialNumber(entry)),
                       time_of(X509_REVOKED_get0_revocationDate(entry)),
                       reason_of(reason ? ASN1_ENUMERATED_get(reason.get()) : CRL_REASON_UNSPECIFIED)});
    }
    ERR_clear_error();
    return out;
}

std::string pem_of(const X509_CRL* crl) {
    const Bio bio(BIO_new(BIO_s_mem()));
    require(bio && PEM_write_bio_X509_CRL(bio.get(), crl) == 1, "write a CRL");
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

ByteVector der_of(const X509_CRL* crl) {
    unsigned char* der = nullptr;
    const int size = i2d_X509_CRL(crl, &der);
    require(size > 0, "encode a CRL");
    ByteVector out(der, der + size);
    OPENSSL_free(der);
    return out;
}

}  // namespace sealkey::ca
