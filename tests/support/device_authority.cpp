#include "support/device_authority.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <openssl/x509v3.h>

#include <stdexcept>

namespace sealkey::testing {

namespace {

template <auto Free>
struct Freed {
    template <class T>
    void operator()(T* p) const {
        Free(p);
    }
};
template <class T, auto Free>
using Owned = std::unique_ptr<T, Freed<Free>>;
using Key = Owned<EVP_PKEY, EVP_PKEY_free>;
using Certificate = Owned<X509, X509_free>;

void must(bool ok, const char* what) {
    if (!ok) throw std::runtime_error(std::string("OpenSSL: ") + what);
}

ByteVector der(const X509* certificate) {
    unsigned char* out = nullptr;
    const int size = i2d_X509(certificate, &out);
    must(size > 0, "encode");
    ByteVector bytes(out, out + size);
    OPENSSL_free(out);
    return bytes;
}

Certificate parse(const ByteVector& bytes) {
    const unsigned char* p = bytes.data();
    Certificate out(d2i_X509(nullptr, &p, static_cast<long>(bytes.size())));
    must(out != nullptr && p == bytes.data() + bytes.size(), "this is no certificate");
    return out;
}

Key key_of(const ByteVector& spki) {
    const unsigned char* p = spki.data();
    Key out(d2i_PUBKEY(nullptr, &p, static_cast<long>(spki.size())));
    must(out != nullptr, "this is no public key");
    return out;
}

void name(X509_NAME* where, const std::string& cn) {
    must(X509_NAME_add_entry_by_txt(where, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(cn.c_str()), -1,
                                    -1, 0) == 1,
         "name");
}

void extend(X509* certificate, X509* issuer, int nid, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const Owned<X509_EXTENSION, X509_EXTENSION_free> made(X509V3_EXT_conf_nid(nullptr, &context, nid, value));
    must(made && X509_add_ext(certificate, made.get(), -1) == 1, "extension");
}

void pad(X509* certificate, std::size_t size) {
    const ByteVector bytes(size, 0x5A);
    const Owned<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> text(ASN1_OCTET_STRING_new());
    must(ASN1_OCTET_STRING_set(text.get(), bytes.data(), static_cast<int>(size)) == 1, "padding");
    const Owned<ASN1_OBJECT, ASN1_OBJECT_free> oid(OBJ_txt2obj("2.999.1", 1));
    const Owned<X509_EXTENSION, X509_EXTENSION_free> made(
        X509_EXTENSION_create_by_OBJ(nullptr, oid.get(), 0, text.get()));
    must(made && X509_add_ext(certificate, made.get(), -1) == 1, "padding");
}

std::string text_of(const X509_NAME* what) {
    const Owned<BIO, BIO_free_all> out(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(out.get(), what, 0, XN_FLAG_RFC2253);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return {text, static_cast<std::size_t>(size)};
}

}  // namespace

struct DeviceAuthority::Parts {
    Key key;
    Certificate root;
};

DeviceAuthority::DeviceAuthority(const std::string& cn) : parts_(std::make_unique<Parts>()) {
    parts_->key.reset(EVP_EC_gen("P-256"));
    parts_->root.reset(X509_new());
    X509* root = parts_->root.get();
    X509_set_version(root, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(root), 1);
    name(X509_get_subject_name(root), cn);
    X509_set_issuer_name(root, X509_get_subject_name(root));
    X509_gmtime_adj(X509_getm_notBefore(root), -86400 * 10);
    X509_gmtime_adj(X509_getm_notAfter(root), 86400L * 7000);
    X509_set_pubkey(root, parts_->key.get());
    extend(root, root, NID_basic_constraints, "critical,CA:TRUE");
    extend(root, root, NID_key_usage, "critical,keyCertSign,cRLSign");
    extend(root, root, NID_subject_key_identifier, "hash");
    must(X509_sign(root, parts_->key.get(), EVP_sha256()) > 0, "sign");
}

DeviceAuthority::~DeviceAuthority() = default;

ByteVector DeviceAuthority::root() const { return der(parts_->root.get()); }

ByteVector DeviceAuthority::certify(const ByteVector& spki, const DeviceCertificate& what) const {
    const Certificate out(X509_new());
    X509* root = parts_->root.get();
    X509_set_version(out.get(), what.version - 1);
    ASN1_INTEGER_set(X509_get_serialNumber(out.get()), 2);
    name(X509_get_subject_name(out.get()), what.name);
    X509_set_issuer_name(out.get(), X509_get_subject_name(root));
    X509_gmtime_adj(X509_getm_notBefore(out.get()), 86400 * what.from_days);
    X509_gmtime_adj(X509_getm_notAfter(out.get()), 86400 * what.to_days);
    const Key key = key_of(spki);
    X509_set_pubkey(out.get(), key.get());
    if (what.version == 3) {
        extend(out.get(), root, NID_basic_constraints,
               what.authority ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE");
        if (what.authority) extend(out.get(), root, NID_key_usage, "critical,keyCertSign");
        extend(out.get(), root, NID_subject_key_identifier, "hash");
        extend(out.get(), root, NID_authority_key_identifier, "keyid:always");
        if (what.padding > 0) pad(out.get(), what.padding);
    }
    must(X509_sign(out.get(), parts_->key.get(), EVP_get_digestbyname(what.digest.c_str())) > 0, "sign");
    return der(out.get());
}

bool DeviceAuthority::accepts(const ByteVector& leaf, const ByteVector& device) const {
    const Certificate end = parse(leaf);
    const Certificate middle = parse(device);
    const Owned<X509_STORE, X509_STORE_free> roots(X509_STORE_new());
    const Owned<STACK_OF(X509), [](STACK_OF(X509) * s) { sk_X509_free(s); }> others(sk_X509_new_null());
    const Owned<X509_STORE_CTX, X509_STORE_CTX_free> context(X509_STORE_CTX_new());
    X509_STORE_add_cert(roots.get(), parts_->root.get());
    sk_X509_push(others.get(), middle.get());
    must(X509_STORE_CTX_init(context.get(), roots.get(), end.get(), others.get()) == 1, "verify");
    return X509_verify_cert(context.get()) == 1;
}

ByteVector spki_of_stored(const ByteVector& stored) {
    // 86 point, or 81 modulus 82 exponent; lengths in the short or long form.
    std::size_t at = 0;
    const auto next = [&](std::uint8_t tag) {
        must(at + 2 <= stored.size() && stored[at] == tag, "a stored public key");
        std::size_t size = stored[at + 1];
        at += 2;
        if (size >= 0x80) {
            std::size_t count = size & 0x7F;
            for (size = 0; count > 0; --count) size = size << 8 | stored.at(at++);
        }
        ByteVector value(stored.begin() + static_cast<std::ptrdiff_t>(at),
                         stored.begin() + static_cast<std::ptrdiff_t>(at + size));
        at += size;
        return value;
    };
    const Owned<OSSL_PARAM_BLD, OSSL_PARAM_BLD_free> build(OSSL_PARAM_BLD_new());
    const bool ec = stored.at(0) == 0x86;
    ByteVector first = next(ec ? 0x86 : 0x81);
    Owned<BIGNUM, BN_free> n, e;
    if (ec) {
        OSSL_PARAM_BLD_push_utf8_string(build.get(), OSSL_PKEY_PARAM_GROUP_NAME, first.size() == 65 ? "P-256" : "P-384",
                                        0);
        OSSL_PARAM_BLD_push_octet_string(build.get(), OSSL_PKEY_PARAM_PUB_KEY, first.data(), first.size());
    } else {
        const ByteVector second = next(0x82);
        n.reset(BN_bin2bn(first.data(), static_cast<int>(first.size()), nullptr));
        e.reset(BN_bin2bn(second.data(), static_cast<int>(second.size()), nullptr));
        OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_N, n.get());
        OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_E, e.get());
    }
    const Owned<OSSL_PARAM, OSSL_PARAM_free> parameters(OSSL_PARAM_BLD_to_param(build.get()));
    const Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free> context(
        EVP_PKEY_CTX_new_from_name(nullptr, ec ? "EC" : "RSA", nullptr));
    EVP_PKEY* raw = nullptr;
    must(EVP_PKEY_fromdata_init(context.get()) == 1 &&
             EVP_PKEY_fromdata(context.get(), &raw, EVP_PKEY_PUBLIC_KEY, parameters.get()) == 1,
         "a public key");
    const Key key(raw);
    unsigned char* out = nullptr;
    const int size = i2d_PUBKEY(raw, &out);
    must(size > 0, "encode");
    ByteVector bytes(out, out + size);
    OPENSSL_free(out);
    return bytes;
}

ByteVector spki_of_certificate(const ByteVector& certificate) {
    const Certificate parsed = parse(certificate);
    unsigned char* out = nullptr;
    const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(parsed.get()), &out);
    must(size > 0, "encode");
    ByteVector bytes(out, out + size);
    OPENSSL_free(out);
    return bytes;
}

std::optional<ByteVector> extension_of(const ByteVector& certificate, const std::string& oid) {
    const Certificate parsed = parse(certificate);
    const Owned<ASN1_OBJECT, ASN1_OBJECT_free> wanted(OBJ_txt2obj(oid.c_str(), 1));
    const int at = X509_get_ext_by_OBJ(parsed.get(), wanted.get(), -1);
    if (at < 0 || X509_get_ext_by_OBJ(parsed.get(), wanted.get(), at) >= 0) return std::nullopt;
    const ASN1_OCTET_STRING* value = X509_EXTENSION_get_data(X509_get_ext(parsed.get(), at));
    const unsigned char* data = ASN1_STRING_get0_data(value);
    return ByteVector(data, data + ASN1_STRING_length(value));
}

std::string subject_of(const ByteVector& certificate) {
    return text_of(X509_get_subject_name(parse(certificate).get()));
}
std::string issuer_of(const ByteVector& certificate) { return text_of(X509_get_issuer_name(parse(certificate).get())); }

std::string serial_number_of(const ByteVector& certificate) {
    const Certificate parsed = parse(certificate);
    const Owned<BIGNUM, BN_free> number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(parsed.get()), nullptr));
    char* text = BN_bn2hex(number.get());
    std::string out(text);
    OPENSSL_free(text);
    return out;
}

std::string validity_of(const ByteVector& certificate) {
    const Certificate parsed = parse(certificate);
    std::string out;
    for (const ASN1_TIME* time : {X509_get0_notBefore(parsed.get()), X509_get0_notAfter(parsed.get())}) {
        const auto* data = reinterpret_cast<const char*>(ASN1_STRING_get0_data(time));
        out += std::string(data, static_cast<std::size_t>(ASN1_STRING_length(time))) + ' ';
    }
    return out;
}

int extensions_of(const ByteVector& certificate) { return X509_get_ext_count(parse(certificate).get()); }

}  // namespace sealkey::testing
