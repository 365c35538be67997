#include "cli/sealkey/certificate_view.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509.h>

#include <array>
#include <memory>

#include "cli/common/failure.h"
#include "cli/common/i18n.h"
#include "cli/common/output.h"
#include "cli/sealkey/describe.h"

namespace sealkey::cli {

namespace {

template <auto free_function>
struct Free {
    template <class T>
    void operator()(T* p) const {
        free_function(p);
    }
};
using X509Ptr = std::unique_ptr<X509, Free<X509_free>>;
using BioPtr = std::unique_ptr<BIO, Free<BIO_free_all>>;
using BignumPtr = std::unique_ptr<BIGNUM, Free<BN_free>>;

X509Ptr parse(Bytes der) {
    const unsigned char* p = der.data();
    X509Ptr certificate(d2i_X509(nullptr, &p, static_cast<long>(der.size())));
    ERR_clear_error();
    if (!certificate || p != der.data() + der.size()) {
        throw Failed(Exit::failed, tr("A certificate on the key can't be read."));
    }
    return certificate;
}

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long length = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(length)};
}

std::string name_of(const X509_NAME* name) {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(bio.get(), name, 0, (XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) | XN_FLAG_SEP_CPLUS_SPC);
    return printable(text_of(bio.get()));
}

std::string common_name_of(const X509_NAME* name) {
    const int index = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    if (index < 0) return {};
    unsigned char* text = nullptr;
    const int length = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
    if (length < 0) return {};
    std::string out(reinterpret_cast<char*>(text), static_cast<std::size_t>(length));
    OPENSSL_free(text);
    return printable(out);
}

std::string time_of(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return {};
    char text[32];
    std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

std::string key_of(const X509* certificate) {
    EVP_PKEY* key = X509_get0_pubkey(certificate);
    if (key == nullptr) return "?";
    std::array<char, 64> group{};
    if (EVP_PKEY_get_group_name(key, group.data(), group.size(), nullptr) == 1) {
        const std::string name = group.data();
        return name == "prime256v1" ? "P-256" : name == "secp384r1" ? "P-384" : name;
    }
    const char* type = EVP_PKEY_get0_type_name(key);
    return std::string(type == nullptr ? "?" : type) + "-" + std::to_string(EVP_PKEY_get_bits(key));
}

}  // namespace

CertificateView view_certificate(Bytes der) {
    const X509Ptr certificate = parse(der);
    CertificateView view;
    view.subject = name_of(X509_get_subject_name(certificate.get()));
    view.common_name = common_name_of(X509_get_subject_name(certificate.get()));
    view.issuer = name_of(X509_get_issuer_name(certificate.get()));
    const BignumPtr serial(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate.get()), nullptr));
    if (serial) {
        char* text = BN_bn2hex(serial.get());
        view.serial = text == nullptr ? "" : text;
        OPENSSL_free(text);
    }
    view.not_before = time_of(X509_get0_notBefore(certificate.get()));
    view.not_after = time_of(X509_get0_notAfter(certificate.get()));
    view.not_yet_valid = X509_cmp_current_time(X509_get0_notBefore(certificate.get())) > 0;
    view.expired = X509_cmp_current_time(X509_get0_notAfter(certificate.get())) < 0;
    view.key = key_of(certificate.get());
    std::array<std::uint8_t, SHA256_DIGEST_LENGTH> digest{};
    SHA256(der.data(), der.size(), digest.data());
    view.sha256 = hex(digest);
    return view;
}

nlohmann::json certificate_json(const CertificateView& view) {
    return {{"subject", view.subject},
            {"common_name", view.common_name},
            {"issuer", view.issuer},
            {"serial", view.serial},
            {"not_before", view.not_before},
            {"not_after", view.not_after},
            {"key", view.key},
            {"sha256", view.sha256},
            {"expired", view.expired},
            {"not_yet_valid", view.not_yet_valid}};
}

std::string pem_of(Bytes der) {
    const X509Ptr certificate = parse(der);
    const BioPtr bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), certificate.get());
    return text_of(bio.get());
}

bool is_issued_by(Bytes certificate, Bytes issuer) {
    const X509Ptr one = parse(certificate);
    const X509Ptr other = parse(issuer);
    const bool result = X509_verify(one.get(), X509_get0_pubkey(other.get())) == 1;
    ERR_clear_error();
    return result;
}

}  // namespace sealkey::cli
