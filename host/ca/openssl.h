// The few helpers around OpenSSL that every file here needs.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "owned/openssl.h"

namespace sealkey::ca {

using namespace owned;  // their names are this room's too

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
