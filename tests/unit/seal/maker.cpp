#include "unit/seal/maker.h"

#include <openssl/x509v3.h>
#include <png.h>

#include <stdexcept>

namespace sealkey::seal::test {

PKey new_key(const char* kind) {
    const bool sm2 = std::string(kind) == "SM2";
    return PKey(sm2 ? EVP_PKEY_Q_keygen(nullptr, nullptr, "SM2") : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", kind));
}

namespace {

void add_extension(X509* certificate, int nid, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

void sign(X509* certificate, EVP_PKEY* key) {
    if (!is_sm2(key)) {
        X509_sign(certificate, key, EVP_sha256());
        return;
    }
    PKeyCtx key_context(EVP_PKEY_CTX_new(key, nullptr));
    MdCtx context(EVP_MD_CTX_new());
    EVP_PKEY_CTX_set1_id(key_context.get(), kDefaultIdentity, 16);
    EVP_MD_CTX_set_pkey_ctx(context.get(), key_context.get());
    EVP_DigestSignInit(context.get(), nullptr, EVP_sm3(), nullptr, key);
    X509_sign_ctx(certificate, context.get());
}

}  // namespace

Cert new_certificate(const CertificateOrder& order, EVP_PKEY* key, const X509* issuer, EVP_PKEY* issuer_key) {
    Cert certificate(X509_new());
    X509_set_version(certificate.get(), 2);
    static long serial = 1;
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
    X509_NAME* name = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(order.name), -1, -1,
                               0);
    X509_set_issuer_name(certificate.get(), issuer != nullptr ? X509_get_subject_name(issuer) : name);
    ASN1_TIME_set(X509_getm_notBefore(certificate.get()), std::chrono::system_clock::to_time_t(order.not_before));
    ASN1_TIME_set(X509_getm_notAfter(certificate.get()), std::chrono::system_clock::to_time_t(order.not_after));
    X509_set_pubkey(certificate.get(), key);
    add_extension(certificate.get(), NID_basic_constraints, order.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
    const std::string usage = order.authority ? "critical,keyCertSign,cRLSign" : order.key_usage;
    if (!usage.empty()) add_extension(certificate.get(), NID_key_usage, usage.c_str());
    sign(certificate.get(), issuer_key != nullptr ? issuer_key : key);
    return certificate_of_der(der_of(certificate.get()));
}

ByteVector png(unsigned width, unsigned height, bool noise) {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = width;
    image.height = height;
    image.format = PNG_FORMAT_RGBA;
    ByteVector pixels(PNG_IMAGE_SIZE(image));
    std::uint32_t state = 1;
    for (std::size_t i = 0; i < pixels.size(); ++i) {
        state = state * 1664525 + 1013904223;
        pixels[i] = noise ? static_cast<std::uint8_t>(state >> 24) : static_cast<std::uint8_t>(i % 4 == 0 ? 200 : 30);
    }
    png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
    ByteVector out(size);
    if (png_image_write_to_memory(&image, out.data(), &size, 0, pixels.data(), 0, nullptr) == 0)
        throw std::runtime_error(image.message);
    out.resize(size);
    return out;
}

Maker::Maker() : root_key(new_key("SM2")), key(new_key("SM2")), signer_key(new_key("P-256")) {
    root = new_certificate({.name = "seal root", .authority = true}, root_key.get(), nullptr, nullptr);
    certificate = new_certificate({}, key.get(), root.get(), root_key.get());
    signer = new_certificate({.name = "signer"}, signer_key.get(), nullptr, nullptr);
}

SealInfo Maker::order() const {
    SealInfo info;
    info.vendor = "sealkey";
    info.id = "35010000000001";
    info.name = "福建示例进出口有限公司";
    info.certificates = {der_of(signer.get())};
    info.created = kNow;
    info.not_before = kNow - days(1);
    info.not_after = kNow + days(365);
    info.picture = {"PNG", png(40, 40), 40, 42};
    return info;
}

std::vector<Cert> Maker::authorities() const {
    std::vector<Cert> list;
    list.push_back(certificate_of_der(der_of(root.get())));
    return list;
}

}  // namespace sealkey::seal::test
