#include "ca/openssl.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <fstream>
#include <sstream>
#include <system_error>

#include "ca/error.h"
#include "files/whole_file.h"

namespace sealkey::ca {

namespace {

std::string text_of(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return {data, static_cast<std::size_t>(size)};
}

int digit_of(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

void require(bool ok, const char* what) {
    if (ok) return;
    char reason[256] = "no reason given";
    if (const unsigned long code = ERR_get_error()) ERR_error_string_n(code, reason, sizeof reason);
    ERR_clear_error();
    throw CaError(Fault::crypto, mark("OpenSSL failed: %1 (%2)."), {what, reason});
}

void random_bytes(MutableBytes out) {
    require(RAND_priv_bytes(out.data(), static_cast<int>(out.size())) == 1, "random bytes");
}

std::string hex(Bytes data) {
    constexpr char digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(2 * data.size());
    for (const std::uint8_t byte : data) {
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

ByteVector unhex(const std::string& text) {
    ByteVector out;
    int high = -1;
    for (const char c : text) {
        if (c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == ':') continue;
        const int digit = digit_of(c);
        if (digit < 0) throw CaError(Fault::bad_argument, mark("This isn't hexadecimal text."));
        if (high < 0) {
            high = digit;
        } else {
            out.push_back(static_cast<std::uint8_t>(high * 16 + digit));
            high = -1;
        }
    }
    if (high >= 0) throw CaError(Fault::bad_argument, mark("The hexadecimal text ends in the middle of a byte."));
    return out;
}

ByteVector sha256(Bytes data) {
    ByteVector out(32);
    require(EVP_Digest(data.data(), data.size(), out.data(), nullptr, EVP_sha256(), nullptr) == 1, "SHA-256");
    return out;
}

std::string sha256_hex(Bytes data) { return hex(sha256(data)); }

ByteVector der_of(const X509* certificate) {
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate, &der);
    require(size > 0, "encode a certificate");
    ByteVector out(der, der + size);
    OPENSSL_free(der);
    return out;
}

Cert certificate_of_der(Bytes der) {
    const unsigned char* p = der.data();
    Cert cert(d2i_X509(nullptr, &p, static_cast<long>(der.size())));
    ERR_clear_error();
    if (!cert || p != der.data() + der.size()) throw CaError(Fault::corrupt, mark("This isn't a certificate."));
    return cert;
}

std::string pem_of(const X509* certificate) {
    const Bio bio(BIO_new(BIO_s_mem()));
    require(bio && PEM_write_bio_X509(bio.get(), certificate) == 1, "write a certificate");
    return text_of(bio.get());
}

ByteVector spki_of(EVP_PKEY* key) {
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key, &der);
    require(size > 0, "encode a public key");
    ByteVector out(der, der + size);
    OPENSSL_free(der);
    return out;
}

std::string serial_of(const X509* certificate) { return serial_of(X509_get0_serialNumber(certificate)); }

std::string serial_of(const ASN1_INTEGER* integer) {
    const Owned<BIGNUM, BN_free> number(ASN1_INTEGER_to_BN(integer, nullptr));
    require(number != nullptr, "serial number");
    char* text = BN_bn2hex(number.get());
    std::string out(text);
    OPENSSL_free(text);
    return out;
}

Time time_of(const ASN1_TIME* time) {
    std::tm tm{};
    require(ASN1_TIME_to_tm(time, &tm) == 1, "read a time");
    return Time(std::chrono::seconds(timegm(&tm)));
}

std::string iso_time(Time time) {
    const std::time_t seconds = time.time_since_epoch().count();
    std::tm tm{};
    gmtime_r(&seconds, &tm);
    char text[32];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return text;
}

Time parse_iso_time(const std::string& text) {
    std::tm tm{};
    const char* end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (end == nullptr || *end != 0) throw CaError(Fault::bad_argument, mark("%1 isn't a time."), {text});
    return Time(std::chrono::seconds(timegm(&tm)));
}

std::string read_file(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream content;
    if (in) content << in.rdbuf();
    if (!in || in.bad()) {
        throw CaError(Fault::file, mark("%1 can't be read: %2."), {path, std::strerror(errno != 0 ? errno : EIO)});
    }
    return content.str();
}

void write_file(const std::string& path, const std::string& content, bool secret) {
    try {
        files::write_whole(path, {reinterpret_cast<const std::uint8_t*>(content.data()), content.size()},
                           secret ? 0600 : 0644, files::Existing::replace);
    } catch (const std::system_error& error) {
        throw CaError(Fault::file, mark("%1 can't be written: %2."), {path, std::strerror(error.code().value())});
    }
}

}  // namespace sealkey::ca
