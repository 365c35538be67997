// What people want to know of a certificate (read with OpenSSL).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace sealkey::cli {

struct CertificateView {
    std::string subject;  // RFC 2253 order, UTF-8 as it is
    std::string common_name;
    std::string issuer;
    std::string serial;      // hexadecimal
    std::string not_before;  // YYYY-MM-DDTHH:MM:SSZ
    std::string not_after;
    std::string key;     // "RSA-2048"
    std::string sha256;  // of the DER
    bool expired = false;
    bool not_yet_valid = false;
};

// Throws Failed (failed) if the DER is no certificate.
[[nodiscard]] CertificateView view_certificate(Bytes der);
[[nodiscard]] nlohmann::json certificate_json(const CertificateView& view);
[[nodiscard]] std::string pem_of(Bytes der);
// Whether `certificate`'s signature was made by `issuer`'s key.
[[nodiscard]] bool is_issued_by(Bytes certificate, Bytes issuer);

}  // namespace sealkey::cli
