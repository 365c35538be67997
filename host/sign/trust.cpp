#include "sign/trust.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include "sign/error.h"

namespace sealkey::sign {

namespace {

using Bio = seal::Owned<BIO, BIO_free_all>;

Bio reader(Bytes file) {
    if (file.size() > 16 * 1024 * 1024) throw SignError(Fault::too_large, mark("The file is too large."));
    if (file.empty()) throw SignError(Fault::bad_authority_file, mark("The file is empty."));
    Bio bio(BIO_new_mem_buf(file.data(), static_cast<int>(file.size())));
    require(bio != nullptr, "memory");
    return bio;
}

}  // namespace

std::vector<seal::Cert> read_certificates(Bytes file) {
    std::vector<seal::Cert> out;
    const Bio pem = reader(file);
    while (X509* certificate = PEM_read_bio_X509(pem.get(), nullptr, nullptr, nullptr)) out.emplace_back(certificate);
    if (out.empty()) {
        if (X509* certificate = d2i_X509_bio(reader(file).get(), nullptr)) out.emplace_back(certificate);
    }
    ERR_clear_error();
    if (out.empty())
        throw SignError(Fault::bad_authority_file, mark("There is no certificate in the authorities' file."));
    for (const auto& certificate : out) seal::give_default_identity(certificate.get());
    return out;
}

std::vector<Crl> read_crls(Bytes file) {
    (void)reader(file);
    std::vector<Crl> out = seal::revocation_lists_in(file);
    if (out.empty()) throw SignError(Fault::bad_authority_file, mark("There is no revocation list in the file."));
    return out;
}

}  // namespace sealkey::sign
