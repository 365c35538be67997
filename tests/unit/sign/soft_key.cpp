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
