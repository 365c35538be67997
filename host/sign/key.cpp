#include "sign/key.h"

#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "seal/seal.h"
#include "seal/sm2.h"
#include "sign/error.h"

namespace sealkey::sign {

namespace {

using AlgorithmDigest = seal::Owned<X509_SIG, X509_SIG_free>;

bool is_supported(EVP_PKEY* key) {
    if (EVP_PKEY_is_a(key, "RSA") == 1) return EVP_PKEY_get_bits(key) >= 2048;
    char group[32] = "";
    std::size_t size = 0;
    return EVP_PKEY_is_a(key, "EC") == 1 && EVP_PKEY_get_group_name(key, group, sizeof group, &size) == 1 &&
           (std::string(group) == "prime256v1" || std::string(group) == "secp384r1");
}

}  // namespace

const EVP_MD* digest_for(EVP_PKEY* public_key) {
    return EVP_PKEY_is_a(public_key, "EC") == 1 && EVP_PKEY_get_bits(public_key) > 256 ? EVP_sha384() : EVP_sha256();
}

bool is_for_documents(X509* certificate) {
    // Without the extension OpenSSL answers with every bit: one that says nothing commits to nothing.
    return (X509_get_extension_flags(certificate) & EXFLAG_KUSAGE) != 0 &&
           (X509_get_key_usage(certificate) & X509v3_KU_NON_REPUDIATION) != 0;
}

void require_signing_certificate(const SigningKey& key, Time now) {
    const seal::Cert certificate = seal::certificate_of_der(key.certificate());
    EVP_PKEY* public_key = X509_get0_pubkey(certificate.get());
    if (public_key == nullptr || !is_supported(public_key))
        throw SignError(Fault::unsupported_key, mark("Signatures are made with RSA from 2048 bits, P-256 and P-384."));
    if (!is_for_documents(certificate.get()))
        throw SignError(Fault::unsupported_key,
                        mark("The certificate isn't for signing documents (key usage nonRepudiation)."));
    std::time_t at = seal::seconds_of(now);
    if (X509_cmp_time(X509_get0_notBefore(certificate.get()), &at) > 0)
        throw SignError(Fault::expired_certificate, mark("The signing certificate isn't valid yet."));
    if (X509_cmp_time(X509_get0_notAfter(certificate.get()), &at) < 0)
        throw SignError(Fault::expired_certificate, mark("The signing certificate has expired."));
}

ByteVector pkcs1_block(const EVP_MD* digest, Bytes value, std::size_t size) {
    AlgorithmDigest info(X509_SIG_new());
    X509_ALGOR* algorithm = nullptr;
    ASN1_OCTET_STRING* octets = nullptr;
    X509_SIG_getm(info.get(), &algorithm, &octets);
    require(X509_ALGOR_set0(algorithm, OBJ_nid2obj(EVP_MD_get_type(digest)), V_ASN1_NULL, nullptr) == 1 &&
                ASN1_OCTET_STRING_set(octets, value.data(), static_cast<int>(value.size())) == 1,
            "digest");
    unsigned char* der = nullptr;
    const int length = i2d_X509_SIG(info.get(), &der);
    require(length > 0 && static_cast<std::size_t>(length) + 11 <= size, "digest");
    ByteVector block(size, 0xFF);
    block[0] = 0x00;
    block[1] = 0x01;
    block[size - static_cast<std::size_t>(length) - 1] = 0x00;
    std::copy(der, der + length, block.end() - length);
    OPENSSL_free(der);
    return block;
}

}  // namespace sealkey::sign
