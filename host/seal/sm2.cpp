#include "seal/sm2.h"

#include <openssl/err.h>

#include <cstring>

#include "seal/error.h"

namespace sealkey::seal {

namespace {

// A digest context for SM2 with the identity in place. The key's context must outlive it.
struct Sm2Context {
    explicit Sm2Context(EVP_PKEY* key) : key_context(EVP_PKEY_CTX_new(key, nullptr)), digest_context(EVP_MD_CTX_new()) {
        if (!key_context || !digest_context ||
            EVP_PKEY_CTX_set1_id(key_context.get(), kDefaultIdentity, std::strlen(kDefaultIdentity)) <= 0)
            throw SealError(Fault::crypto, mark("OpenSSL failed: %1."), {"SM2 identity"});
        EVP_MD_CTX_set_pkey_ctx(digest_context.get(), key_context.get());
    }
    PKeyCtx key_context;
    MdCtx digest_context;
};

ASN1_OCTET_STRING* default_identity() {
    ASN1_OCTET_STRING* id = ASN1_OCTET_STRING_new();
    if (id == nullptr || ASN1_OCTET_STRING_set(id, reinterpret_cast<const unsigned char*>(kDefaultIdentity),
                                               static_cast<int>(std::strlen(kDefaultIdentity))) != 1) {
        ASN1_OCTET_STRING_free(id);
        throw SealError(Fault::crypto, mark("OpenSSL failed: %1."), {"SM2 identity"});
    }
    return id;
}

}  // namespace

bool is_sm2(const EVP_PKEY* key) { return key != nullptr && EVP_PKEY_is_a(key, "SM2") == 1; }

ByteVector sm2_sign(EVP_PKEY* key, Bytes message) {
    if (!is_sm2(key)) throw SealError(Fault::bad_argument, mark("The seal maker's key must be an SM2 key."));
    Sm2Context context(key);
    std::size_t size = 0;
    if (EVP_DigestSignInit(context.digest_context.get(), nullptr, EVP_sm3(), nullptr, key) <= 0 ||
        EVP_DigestSign(context.digest_context.get(), nullptr, &size, message.data(), message.size()) <= 0)
        throw SealError(Fault::crypto, mark("OpenSSL failed: %1."), {"SM2 signature"});
    ByteVector signature(size);
    if (EVP_DigestSign(context.digest_context.get(), signature.data(), &size, message.data(), message.size()) <= 0)
        throw SealError(Fault::crypto, mark("OpenSSL failed: %1."), {"SM2 signature"});
    signature.resize(size);
    return signature;
}

bool sm2_verify(EVP_PKEY* key, Bytes message, Bytes signature) {
    if (!is_sm2(key)) return false;
    Sm2Context context(key);
    const bool right = EVP_DigestVerifyInit(context.digest_context.get(), nullptr, EVP_sm3(), nullptr, key) > 0 &&
                       EVP_DigestVerify(context.digest_context.get(), signature.data(), signature.size(),
                                        message.data(), message.size()) == 1;
    ERR_clear_error();
    return right;
}

Cert certificate_of_der(Bytes der) {
    const unsigned char* p = der.data();
    Cert certificate(d2i_X509(nullptr, &p, static_cast<long>(der.size())));
    ERR_clear_error();
    if (!certificate || p != der.data() + der.size())
        throw SealError(Fault::bad_certificate, mark("This isn't a certificate (X.509, DER)."));
    give_default_identity(certificate.get());
    return certificate;
}

void give_default_identity(X509* certificate) {
    if (X509_get_signature_nid(certificate) == NID_SM2_with_SM3)
        X509_set0_distinguishing_id(certificate, default_identity());
}

ByteVector der_of(const X509* certificate) {
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate, &der);
    if (size <= 0) throw SealError(Fault::crypto, mark("OpenSSL failed: %1."), {"certificate"});
    ByteVector out(der, der + size);
    OPENSSL_free(der);
    return out;
}

}  // namespace sealkey::seal
