#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "seal/seal.h"
#include "seal/sm2.h"

namespace sealkey::seal {

namespace {

using Store = Owned<X509_STORE, X509_STORE_free>;
using StoreContext = Owned<X509_STORE_CTX, X509_STORE_CTX_free>;

[[noreturn]] void untrusted(const char* reason) {
    throw SealError(Fault::maker_untrusted, mark("The seal's maker isn't one of the given authorities' (%1)."),
                    {reason});
}

// The chain at one time. Every certificate in `store` has its identity, so chains of any length check.
int chain_error(X509* certificate, X509_STORE* store, Time time) {
    StoreContext context(X509_STORE_CTX_new());
    if (!context || X509_STORE_CTX_init(context.get(), store, certificate, nullptr) != 1)
        throw SealError(Fault::crypto, mark("OpenSSL failed: %1."), {"certificate chain"});
    X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_time(param, seconds_of(time));
    // The authority that is given is trusted as it is, whether it is a root or not.
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    const bool right = X509_verify_cert(context.get()) == 1;
    ERR_clear_error();
    return right ? X509_V_OK : X509_STORE_CTX_get_error(context.get());
}

}  // namespace

void verify_signature(const Seal& seal) {
    const Cert maker = certificate_of_der(seal.maker_certificate);
    EVP_PKEY* key = X509_get0_pubkey(maker.get());
    ERR_clear_error();
    if (!is_sm2(key))
        throw SealError(Fault::bad_certificate, mark("The seal maker's certificate isn't for an SM2 key."));
    if (!sm2_verify(key, seal.info_der, seal.signature))
        throw SealError(Fault::wrong_signature, mark("The seal maker's signature doesn't fit: the seal was changed."));
}

void verify_seal(const Seal& seal, const std::vector<Cert>& authorities, Time now) {
    verify_signature(seal);
    const Cert maker = certificate_of_der(seal.maker_certificate);
    if ((X509_get_key_usage(maker.get()) & KU_DIGITAL_SIGNATURE) == 0) untrusted("key usage");
    Store store(X509_STORE_new());
    if (!store) throw SealError(Fault::crypto, mark("OpenSSL failed: %1."), {"certificate chain"});
    for (const Cert& authority : authorities) {
        give_default_identity(authority.get());
        // The maker's own certificate among the authorities would trust itself: an authority issues, it doesn't make.
        if (X509_cmp(authority.get(), maker.get()) != 0) X509_STORE_add_cert(store.get(), authority.get());
    }
    for (const Time time : {seal.info.created, now}) {
        const int error = chain_error(maker.get(), store.get(), time);
        if (error == X509_V_OK) continue;
        if (error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID)
            throw SealError(Fault::maker_expired, mark("The seal maker's certificate isn't valid at %1."),
                            {iso_time(time)});
        untrusted(X509_verify_cert_error_string(error));
    }
}

void require_valid(const Seal& seal, Time now) {
    if (now < seal.info.not_before)
        throw SealError(Fault::not_yet_valid, mark("The seal is valid from %1 on."), {iso_time(seal.info.not_before)});
    if (now > seal.info.not_after)
        throw SealError(Fault::expired, mark("The seal was valid until %1."), {iso_time(seal.info.not_after)});
}

void require_listed(const Seal& seal, Bytes certificate_der) {
    const auto same = [&](const ByteVector& entry) { return equal(entry, certificate_der); };
    if (std::any_of(seal.info.certificates.begin(), seal.info.certificates.end(), same)) return;
    std::uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (EVP_Digest(certificate_der.data(), certificate_der.size(), digest, &size, EVP_sm3(), nullptr) != 1)
        throw SealError(Fault::crypto, mark("OpenSSL failed: %1."), {"SM3"});
    const auto same_digest = [&](const ByteVector& entry) { return equal(entry, Bytes(digest, size)); };
    if (std::any_of(seal.info.digests.begin(), seal.info.digests.end(), same_digest)) return;
    throw SealError(Fault::certificate_not_listed,
                    mark("The signing certificate isn't one of those that the seal was made for."));
}

}  // namespace sealkey::seal
