#include "sign/timestamp.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ts.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <ctime>

#include "seal/seal.h"
#include "sign/error.h"

namespace sealkey::sign {

namespace {

using Request = seal::Owned<TS_REQ, TS_REQ_free>;
using Answer = seal::Owned<TS_RESP, TS_RESP_free>;
using Imprint = seal::Owned<TS_MSG_IMPRINT, TS_MSG_IMPRINT_free>;
using Algorithm = seal::Owned<X509_ALGOR, X509_ALGOR_free>;
using Integer = seal::Owned<ASN1_INTEGER, ASN1_INTEGER_free>;
using Number = seal::Owned<BIGNUM, BN_free>;
using Token = seal::Owned<PKCS7, PKCS7_free>;
using Info = seal::Owned<TS_TST_INFO, TS_TST_INFO_free>;
using Store = seal::Owned<X509_STORE, X509_STORE_free>;
using StoreContext = seal::Owned<X509_STORE_CTX, X509_STORE_CTX_free>;
struct FreeList {  // the certificates in it are lent
    void operator()(STACK_OF(X509) * list) const { sk_X509_free(list); }
};
using Lent = std::unique_ptr<STACK_OF(X509), FreeList>;

constexpr std::size_t kNonceSize = 16;
constexpr std::chrono::minutes kClockSkew{10};

[[noreturn]] void refuse(const char* text, std::vector<std::string> arguments = {}) {
    ERR_clear_error();
    throw SignError(Fault::bad_timestamp, text, std::move(arguments));
}

ByteVector digest_of(const EVP_MD* digest, Bytes message) {
    ByteVector out(static_cast<std::size_t>(EVP_MD_get_size(digest)));
    require(EVP_Digest(message.data(), message.size(), out.data(), nullptr, digest, nullptr) == 1, "digest");
    return out;
}

Bytes bytes_of(const ASN1_STRING* string) {
    return {ASN1_STRING_get0_data(string), static_cast<std::size_t>(ASN1_STRING_length(string))};
}

// What is stamped may be hashed by any SHA-2 of at least 256 bits, whatever was asked for.
const EVP_MD* known_digest(const X509_ALGOR* algorithm) {
    const ASN1_OBJECT* name = nullptr;
    X509_ALGOR_get0(&name, nullptr, nullptr, algorithm);
    switch (OBJ_obj2nid(name)) {
        case NID_sha256:
            return EVP_sha256();
        case NID_sha384:
            return EVP_sha384();
        case NID_sha512:
            return EVP_sha512();
        default:
            return nullptr;
    }
}

Info info_of(PKCS7* token) {
    if (token == nullptr || PKCS7_type_is_signed(token) == 0 || token->d.sign == nullptr ||
        token->d.sign->contents == nullptr)
        return nullptr;
    return Info(PKCS7_to_TS_TST_INFO(token));
}

void check_imprint(TS_TST_INFO* info, Bytes message) {
    TS_MSG_IMPRINT* imprint = TS_TST_INFO_get_msg_imprint(info);
    const EVP_MD* digest = known_digest(TS_MSG_IMPRINT_get_algo(imprint));
    if (digest == nullptr) refuse(mark("The timestamp is by a digest that isn't taken; SHA-256, 384 and 512 are."));
    if (!equal(bytes_of(TS_MSG_IMPRINT_get_msg(imprint)), digest_of(digest, message)))
        refuse(mark("The timestamp is for something else than this signature."));
}

Time time_of(const TS_TST_INFO* info) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(TS_TST_INFO_get_time(info), &parts) != 1) refuse(mark("The timestamp's time can't be read."));
    return Time(std::chrono::seconds(timegm(&parts)));
}

X509* signer_of(PKCS7* token) {
    const STACK_OF(PKCS7_SIGNER_INFO)* infos = PKCS7_get_signer_info(token);
    if (infos == nullptr || sk_PKCS7_SIGNER_INFO_num(infos) != 1)
        refuse(mark("The timestamp must be by one authority."));
    X509_ALGOR* digest = nullptr;
    PKCS7_SIGNER_INFO_get0_algs(sk_PKCS7_SIGNER_INFO_value(infos, 0), nullptr, &digest, nullptr);
    if (known_digest(digest) == nullptr)
        refuse(mark("The timestamp is by a digest that isn't taken; SHA-256, 384 and 512 are."));
    const Lent signers(PKCS7_get0_signers(token, nullptr, 0));
    if (!signers || sk_X509_num(signers.get()) != 1)
        refuse(mark("The timestamp doesn't carry its authority's certificate."));
    X509* signer = sk_X509_value(signers.get(), 0);
    // RFC 3161 clause 2.3: the extended key usage is timeStamping alone, and critical.
    if (X509_check_purpose(signer, X509_PURPOSE_TIMESTAMP_SIGN, 0) != 1)
        refuse(mark("The timestamp's certificate isn't one for timestamps (extended key usage timeStamping)."));
    return signer;
}

Store new_store(Time at) {
    Store store(X509_STORE_new());
    require(store != nullptr, "certificate store");
    X509_VERIFY_PARAM* param = X509_STORE_get0_param(store.get());
    X509_VERIFY_PARAM_set_time(param, seal::seconds_of(at));
    X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_TIMESTAMP_SIGN);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
    return store;
}

void check_chain(PKCS7* token, X509* signer, X509_STORE* store) {
    StoreContext context(X509_STORE_CTX_new());
    require(context && X509_STORE_CTX_init(context.get(), store, signer, token->d.sign->cert) == 1,
            "certificate chain");
    const bool right = X509_verify_cert(context.get()) == 1;
    ERR_clear_error();
    if (right) return;
    const int error = X509_STORE_CTX_get_error(context.get());
    if (error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID)
        refuse(
            mark("The certificate of the timestamp's authority or its issuer's wasn't valid at the timestamp's time."));
    throw SignError(Fault::untrusted_timestamp, mark("The timestamp isn't by the given authority (%1)."),
                    {X509_verify_cert_error_string(error)});
}

// `authorities` null: the certificate that the token carries is taken as it is.
Timestamp check_token(PKCS7* token, TS_TST_INFO* info, Bytes message, const std::vector<seal::Cert>* authorities) {
    if (TS_TST_INFO_get_version(info) != 1) refuse(mark("The timestamp is of another version."));
    check_imprint(info, message);
    Timestamp out;
    out.time = time_of(info);
    X509* signer = signer_of(token);
    seal::give_default_identity(signer);
    const Store store = new_store(out.time);
    if (authorities == nullptr) {
        X509_STORE_add_cert(store.get(), signer);
    } else {
        for (const auto& authority : *authorities) X509_STORE_add_cert(store.get(), authority.get());
    }
    check_chain(token, signer, store.get());
    // The signature over the token, and the signed attribute that names the certificate.
    if (TS_RESP_verify_signature(token, nullptr, store.get(), nullptr) != 1)
        refuse(mark("The timestamp's signature doesn't fit: it was changed."));
    out.authority = seal::der_of(signer);
    unsigned char* der = nullptr;
    const int size = i2d_PKCS7(token, &der);
    require(size > 0, "timestamp");
    out.token.assign(der, der + size);
    OPENSSL_free(der);
    return out;
}

void require_granted(TS_RESP* answer) {
    const TS_STATUS_INFO* status = TS_RESP_get_status_info(answer);
    const long code = ASN1_INTEGER_get(TS_STATUS_INFO_get0_status(status));
    if (code == TS_STATUS_GRANTED || code == TS_STATUS_GRANTED_WITH_MODS) return;
    std::string said;
    const STACK_OF(ASN1_UTF8STRING)* lines = TS_STATUS_INFO_get0_text(status);
    for (int i = 0; lines != nullptr && i < sk_ASN1_UTF8STRING_num(lines); ++i) {
        const Bytes line = bytes_of(sk_ASN1_UTF8STRING_value(lines, i));
        said += (said.empty() ? "" : " ") + std::string(line.begin(), line.end());
    }
    ERR_clear_error();
    throw SignError(Fault::no_timestamp, mark("The timestamp authority refuses (status %1): %2"),
                    {std::to_string(code), said.empty() ? "-" : said});
}

ByteVector number_of(const ASN1_INTEGER* integer) {
    const Number number(integer == nullptr ? nullptr : ASN1_INTEGER_to_BN(integer, nullptr));
    if (!number || BN_is_negative(number.get()) == 1) return {};
    ByteVector out(static_cast<std::size_t>(BN_num_bytes(number.get())));
    BN_bn2bin(number.get(), out.data());
    return out;
}

}  // namespace

TimestampRequest request_timestamp(Bytes message) {
    TimestampRequest out;
    out.nonce.resize(kNonceSize);
    require(RAND_bytes(out.nonce.data(), static_cast<int>(out.nonce.size())) == 1, "random numbers");
    out.nonce[0] |= 0x40;  // always as long, and positive
    const ByteVector digest = digest_of(EVP_sha256(), message);
    const Request request(TS_REQ_new());
    const Imprint imprint(TS_MSG_IMPRINT_new());
    const Algorithm algorithm(X509_ALGOR_new());
    const Number number(BN_bin2bn(out.nonce.data(), static_cast<int>(out.nonce.size()), nullptr));
    const Integer nonce(number ? BN_to_ASN1_INTEGER(number.get(), nullptr) : nullptr);
    require(request && imprint && algorithm && nonce, "timestamp request");
    X509_ALGOR_set_md(algorithm.get(), EVP_sha256());
    require(TS_MSG_IMPRINT_set_algo(imprint.get(), algorithm.get()) == 1 &&
                TS_MSG_IMPRINT_set_msg(imprint.get(), const_cast<unsigned char*>(digest.data()),
                                       static_cast<int>(digest.size())) == 1 &&
                TS_REQ_set_version(request.get(), 1) == 1 &&
                TS_REQ_set_msg_imprint(request.get(), imprint.get()) == 1 &&
                TS_REQ_set_nonce(request.get(), nonce.get()) == 1 && TS_REQ_set_cert_req(request.get(), 1) == 1,
            "timestamp request");
    unsigned char* der = nullptr;
    const int size = i2d_TS_REQ(request.get(), &der);
    require(size > 0, "timestamp request");
    out.der.assign(der, der + size);
    OPENSSL_free(der);
    return out;
}

Timestamp read_timestamp_answer(Bytes answer, Bytes message, Bytes nonce, Time now) {
    const unsigned char* p = answer.data();
    const Answer read(d2i_TS_RESP(nullptr, &p, static_cast<long>(answer.size())));
    if (!read || p != answer.data() + answer.size()) refuse(mark("What the authority sent is no timestamp."));
    require_granted(read.get());
    PKCS7* token = TS_RESP_get_token(read.get());
    const Info info = info_of(token);
    if (!info) refuse(mark("What the authority sent is no timestamp."));
    if (!equal(number_of(TS_TST_INFO_get_nonce(info.get())), nonce))
        refuse(mark("The timestamp answers another request (its nonce differs)."));
    Timestamp out = check_token(token, info.get(), message, nullptr);
    if (out.time > now + kClockSkew || out.time < now - kClockSkew)
        refuse(mark("The timestamp says %1, but this computer's clock says %2."),
               {seal::iso_time(out.time), seal::iso_time(now)});
    return out;
}

Timestamp verify_timestamp(Bytes token, Bytes message, const std::vector<seal::Cert>& authorities, Time now) {
    const unsigned char* p = token.data();
    const Token read(d2i_PKCS7(nullptr, &p, static_cast<long>(token.size())));
    const Info info = read && p == token.data() + token.size() ? info_of(read.get()) : nullptr;
    if (!info) refuse(mark("The signature's timestamp can't be read."));
    Timestamp out = check_token(read.get(), info.get(), message, &authorities);
    if (out.time > now + kClockSkew)
        refuse(mark("The timestamp says %1, which is yet to come."), {seal::iso_time(out.time)});
    return out;
}

}  // namespace sealkey::sign
