#include "ca/request_builder.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "ca/error.h"

namespace sealkey::ca {

namespace {

using ParamBuilder = Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Params = Owned<OSSL_PARAM, OSSL_PARAM_free>;
using BigNumber = Owned<BIGNUM, BN_free>;
using AlgorithmId = Owned<X509_ALGOR, X509_ALGOR_free>;
using BitString = Owned<ASN1_BIT_STRING, ASN1_BIT_STRING_free>;

bool is_rsa(const token::PublicKey& key) { return !key.modulus.empty(); }

const char* group_of(protocol::Algorithm algorithm) {
    return algorithm == protocol::Algorithm::p384 ? "P-384" : "P-256";
}

ByteVector taken(unsigned char* der, int size) {
    require(size > 0, "certificate request");
    ByteVector out(der, der + size);
    OPENSSL_free(der);
    return out;
}

}  // namespace

PKey public_key_of(const token::PublicKey& key) {
    const ParamBuilder builder(OSSL_PARAM_BLD_new());
    BigNumber n, e;
    bool ok = builder != nullptr;
    if (is_rsa(key)) {
        n.reset(BN_bin2bn(key.modulus.data(), static_cast<int>(key.modulus.size()), nullptr));
        e.reset(BN_bin2bn(key.exponent.data(), static_cast<int>(key.exponent.size()), nullptr));
        ok = ok && n && e && OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
             OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1;
    } else {
        ok = ok &&
             OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, group_of(key.algorithm), 0) ==
                 1 &&
             OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, key.point.data(),
                                              key.point.size()) == 1;
    }
    const Params params(ok ? OSSL_PARAM_BLD_to_param(builder.get()) : nullptr);
    const PKeyCtx ctx(EVP_PKEY_CTX_new_from_name(nullptr, is_rsa(key) ? "RSA" : "EC", nullptr));
    EVP_PKEY* raw = nullptr;
    require(params && ctx && EVP_PKEY_fromdata_init(ctx.get()) == 1 &&
                EVP_PKEY_fromdata(ctx.get(), &raw, EVP_PKEY_PUBLIC_KEY, params.get()) == 1,
            "the key's public key");
    return PKey(raw);
}

RequestBuilder::RequestBuilder(EVP_PKEY* key, int signature_nid) : request_(X509_REQ_new()) {
    const AlgorithmId algorithm(X509_ALGOR_new());
    const int parameter = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ? V_ASN1_NULL : V_ASN1_UNDEF;
    require(request_ && algorithm && X509_REQ_set_version(request_.get(), 0) == 1 &&
                X509_REQ_set_pubkey(request_.get(), key) == 1 &&
                X509_ALGOR_set0(algorithm.get(), OBJ_nid2obj(signature_nid), parameter, nullptr) == 1 &&
                X509_REQ_set1_signature_algo(request_.get(), algorithm.get()) == 1,
            "certificate request");
}

ByteVector RequestBuilder::info() const {
    unsigned char* der = nullptr;
    const int size = i2d_re_X509_REQ_tbs(request_.get(), &der);
    return taken(der, size);
}

ByteVector RequestBuilder::finish(Bytes signature) {
    BitString bits(ASN1_BIT_STRING_new());
    require(bits && ASN1_BIT_STRING_set(bits.get(), const_cast<unsigned char*>(signature.data()),
                                        static_cast<int>(signature.size())) == 1,
            "certificate request");
    bits->flags = (bits->flags & ~0x07L) | ASN1_STRING_FLAG_BITS_LEFT;  // no unused bits
    X509_REQ_set0_signature(request_.get(), bits.release());
    unsigned char* der = nullptr;
    const int size = i2d_X509_REQ(request_.get(), &der);
    return taken(der, size);
}

}  // namespace sealkey::ca
