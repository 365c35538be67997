// OpenSSL's objects with owners, and the few helpers that every file here needs.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace sealkey::ca {

template <auto Free>
struct Freed {
    template <class T>
    void operator()(T* p) const {
        Free(p);
    }
};
template <class T, auto Free>
using Owned = std::unique_ptr<T, Freed<Free>>;

using PKey = Owned<EVP_PKEY, EVP_PKEY_free>;
using PKeyCtx = Owned<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using MdCtx = Owned<EVP_MD_CTX, EVP_MD_CTX_free>;
using Cert = Owned<X509, X509_free>;
using Request = Owned<X509_REQ, X509_REQ_free>;
using Crl = Owned<X509_CRL, X509_CRL_free>;
using Name = Owned<X509_NAME, X509_NAME_free>;
using Bio = Owned<BIO, BIO_free_all>;

using ByteVector = std::vector<std::uint8_t>;
using Time = std::chrono::sys_seconds;

[[nodiscard]] inline Time now() {
    return std::chrono::time_point_cast<std::chrono::seconds>(std::chrono::system_clock::now());
}

// Throws CaError crypto, with what OpenSSL has to say, unless `ok`.
void require(bool ok, const char* what);

void random_bytes(MutableBytes out);
[[nodiscard]] std::string hex(Bytes data);
// Throws CaError bad_argument.
[[nodiscard]] ByteVector unhex(const std::string& text);
[[nodiscard]] ByteVector sha256(Bytes data);
[[nodiscard]] std::string sha256_hex(Bytes data);

[[nodiscard]] ByteVector der_of(const X509* certificate);
[[nodiscard]] Cert certificate_of_der(Bytes der);  // throws CaError corrupt
[[nodiscard]] std::string pem_of(const X509* certificate);
// SubjectPublicKeyInfo.
[[nodiscard]] ByteVector spki_of(EVP_PKEY* key);
// Serial number as upper-case hexadecimal digits.
[[nodiscard]] std::string serial_of(const ASN1_INTEGER* number);
[[nodiscard]] std::string serial_of(const X509* certificate);

[[nodiscard]] Time time_of(const ASN1_TIME* time);
// "2026-11-21T08:30:00Z" and back; throws CaError bad_argument.
[[nodiscard]] std::string iso_time(Time time);
[[nodiscard]] Time parse_iso_time(const std::string& text);

// Whole files. Throw CaError file. A file is written whole or not at all; with `secret` it is the owner's alone (mode
// 0600) from its creation on.
[[nodiscard]] std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& content, bool secret);

}  // namespace sealkey::ca
