#include "unit/sign/soft_key.h"

#include <openssl/rsa.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "sign/error.h"

namespace sealkey::sign::test {

SoftKey::SoftKey(const char* kind, const seal::test::CertificateOrder& order, const SoftKey* issuer)
    : key_(std::string(kind) == "RSA" ? seal::PKey(EVP_RSA_gen(2048)) : seal::test::new_key(kind)) {
    const seal::Cert above = issuer == nullptr ? nullptr : seal::certificate_of_der(issuer->certificate());
    certificate_ = seal::der_of(
        seal::test::new_certificate(order, key_.get(), above.get(), issuer == nullptr ? nullptr : issuer->key_.get())
            .get());
}

ByteVector SoftKey::sign(Bytes digest) {
    ++asked;
    seal::PKeyCtx context(EVP_PKEY_CTX_new(key_.get(), nullptr));
    require(EVP_PKEY_sign_init(context.get()) == 1, "sign");
    ByteVector input(digest.begin(), digest.end());
    if (EVP_PKEY_is_a(key_.get(), "RSA") == 1) {
        // As a token does it: the whole padded block, raw.
        EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_NO_PADDING);
        input = pkcs1_block(digest_for(key_.get()), digest, static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())));
    }
    std::size_t size = 1024;
    ByteVector out(size);
    require(EVP_PKEY_sign(context.get(), out.data(), &size, input.data(), input.size()) == 1, "sign");
    out.resize(size);
    return out;
}

Crl SoftKey::list(seal::Time made, seal::Time next, const std::vector<const SoftKey*>& revoked) const {
    const auto asn1 = [](seal::Time time) {
        return seal::Owned<ASN1_TIME, ASN1_TIME_free>(
            ASN1_TIME_set(nullptr, std::chrono::system_clock::to_time_t(time)));
    };
    const auto read = [](const ByteVector& der) {
        const unsigned char* at = der.data();
        return seal::Cert(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
    };
    Crl out(X509_CRL_new());
    X509_CRL_set_version(out.get(), X509_CRL_VERSION_2);
    X509_CRL_set_issuer_name(out.get(), X509_get_subject_name(read(certificate_).get()));
    X509_CRL_set1_lastUpdate(out.get(), asn1(made).get());
    X509_CRL_set1_nextUpdate(out.get(), asn1(next).get());
    for (const SoftKey* key : revoked) {
        X509_REVOKED* entry = X509_REVOKED_new();
        X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(read(key->certificate()).get()));
        X509_REVOKED_set_revocationDate(entry, asn1(made).get());
        X509_CRL_add0_revoked(out.get(), entry);
    }
    X509_CRL_sign(out.get(), key_.get(), EVP_sha256());
    // As it would be read from a file: OpenSSL sorts a list that it looks into, and only one that was read keeps its
    // bytes.
    ByteVector der(static_cast<std::size_t>(i2d_X509_CRL(out.get(), nullptr)));
    unsigned char* end = der.data();
    i2d_X509_CRL(out.get(), &end);
    const unsigned char* at = der.data();
    return Crl(d2i_X509_CRL(nullptr, &at, static_cast<long>(der.size())));
}

Trust trust_in(const ByteVector& certificate) {
    Trust trust;
    trust.authorities.push_back(seal::certificate_of_der(certificate));
    return trust;
}

Folder::Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "sealkey-sign-XXXXXX").string();
    path_ = mkdtemp(name.data());
}
Folder::~Folder() { std::filesystem::remove_all(path_); }

std::string Folder::write(const std::string& name, Bytes content) const {
    const std::string path = *this / name;
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
    return path;
}

Ran run(const std::string& command) {
    FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    std::string out;
    std::array<char, 4096> part{};
    while (const std::size_t got = fread(part.data(), 1, part.size(), pipe)) out.append(part.data(), got);
    return {pclose(pipe), out};
}

}  // namespace sealkey::sign::test
