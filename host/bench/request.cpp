#include "bench/request.h"

#include <openssl/core_names.h>
#include <openssl/param_build.h>

#include "ca/error.h"

namespace sealkey::bench {

namespace {

using ca::Owned;
using ca::require;
using ParamBuilder = Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free>;
using Params = Owned<OSSL_PARAM, OSSL_PARAM_free>;
using BigNumber = Owned<BIGNUM, BN_free>;
using Algorithm = Owned<X509_ALGOR, X509_ALGOR_free>;
using BitString = Owned<ASN1_BIT_STRING, ASN1_BIT_STRING_free>;

// DigestInfo of SHA-256 before the hash (RFC 8017 9.2, note 1).
constexpr std::uint8_t kSha256Info[] = {0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                        0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

bool is_rsa(const token::PublicKey& key) { return !key.modulus.empty(); }

const char* group_of(protocol::Algorithm algorithm) {
    return algorithm == protocol::Algorithm::p384 ? "P-384" : "P-256";
}

// EMSA-PKCS1-v1_5 (RFC 8017 9.2): the token does the bare RSA operation.
ca::ByteVector padded(Bytes hash, std::size_t size) {
    ca::ByteVector block(size, 0xFF);
    const std::size_t tail = sizeof kSha256Info + hash.size();
    if (size < tail + 11) throw ca::CaError(ca::Fault::crypto, ca::mark("The key is too short to sign with SHA-256."));
    block[0] = 0;
    block[1] = 1;
    block[size - tail - 1] = 0;
    auto at =
        std::copy(std::begin(kSha256Info), std::end(kSha256Info), block.end() - static_cast<std::ptrdiff_t>(tail));
    std::copy(hash.begin(), hash.end(), at);
    return block;
}

}  // namespace

ca::PKey public_key_of(const token::PublicKey& key) {
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
    const ca::PKeyCtx ctx(EVP_PKEY_CTX_new_from_name(nullptr, is_rsa(key) ? "RSA" : "EC", nullptr));
    EVP_PKEY* raw = nullptr;
    require(params && ctx && EVP_PKEY_fromdata_init(ctx.get()) == 1 &&
                EVP_PKEY_fromdata(ctx.get(), &raw, EVP_PKEY_PUBLIC_KEY, params.get()) == 1,
            "the key's public key");
    return ca::PKey(raw);
}

ca::ByteVector make_request(token::Token& token, std::uint8_t slot, const token::PublicKey& key) {
    const ca::PKey public_key = public_key_of(key);
    const ca::Request request(X509_REQ_new());
    require(request && X509_REQ_set_version(request.get(), 0) == 1 &&
                X509_REQ_set_pubkey(request.get(), public_key.get()) == 1,
            "certificate request");
    const Algorithm algorithm(X509_ALGOR_new());
    const int nid = is_rsa(key) ? NID_sha256WithRSAEncryption : NID_ecdsa_with_SHA256;
    require(algorithm &&
                X509_ALGOR_set0(algorithm.get(), OBJ_nid2obj(nid), is_rsa(key) ? V_ASN1_NULL : V_ASN1_UNDEF, nullptr) ==
                    1 &&
                X509_REQ_set1_signature_algo(request.get(), algorithm.get()) == 1,
            "certificate request");
    unsigned char* tbs = nullptr;
    const int size = i2d_re_X509_REQ_tbs(request.get(), &tbs);
    require(size > 0, "certificate request");
    ca::ByteVector input = ca::sha256({tbs, static_cast<std::size_t>(size)});
    OPENSSL_free(tbs);
    if (is_rsa(key)) input = padded(input, key.modulus.size());
    const auto signature = token.sign(slot, key.algorithm, input);

    BitString bits(ASN1_BIT_STRING_new());
    require(bits && ASN1_BIT_STRING_set(bits.get(), const_cast<unsigned char*>(signature.data()),
                                        static_cast<int>(signature.size())) == 1,
            "certificate request");
    bits->flags = (bits->flags & ~0x07L) | ASN1_STRING_FLAG_BITS_LEFT;  // no unused bits
    X509_REQ_set0_signature(request.get(), bits.release());
    unsigned char* der = nullptr;
    const int length = i2d_X509_REQ(request.get(), &der);
    require(length > 0, "certificate request");
    ca::ByteVector out(der, der + length);
    OPENSSL_free(der);
    return out;
}

}  // namespace sealkey::bench
