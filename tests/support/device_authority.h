// A maker of device certificates for F9 by means of OpenSSL alone, and OpenSSL's own judgement of attestations: the
// tests' counterpart, which shares no code with what it tests. Its certificates can be made wrong in many ways.
#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sealkey::testing {

using ByteVector = std::vector<std::uint8_t>;

// The public key that GENERATE answers or metadata tells (what 7F49 wraps) as SubjectPublicKeyInfo.
ByteVector spki_of_stored(const ByteVector& public_key);

struct DeviceCertificate {
    std::string name = "a token's attestation key";  // CN
    int version = 3;
    bool authority = true;  // basicConstraints CA:TRUE
    std::string digest = "SHA256";
    long from_days = -1;
    long to_days = 3650;
    std::size_t padding = 0;  // octets in an extension, to make it long
};

class DeviceAuthority {
public:
    explicit DeviceAuthority(const std::string& name = "test device root");
    ~DeviceAuthority();
    DeviceAuthority(const DeviceAuthority&) = delete;
    DeviceAuthority& operator=(const DeviceAuthority&) = delete;

    // DER.
    [[nodiscard]] ByteVector root() const;
    [[nodiscard]] ByteVector certify(const ByteVector& spki, const DeviceCertificate& what) const;
    [[nodiscard]] ByteVector certify(const ByteVector& spki) const { return certify(spki, DeviceCertificate{}); }
    // Whether X509_verify_cert takes the chain leaf <- device <- this root, with strict checks.
    [[nodiscard]] bool accepts(const ByteVector& leaf, const ByteVector& device) const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

// Of a certificate in DER, as OpenSSL reads it.
ByteVector spki_of_certificate(const ByteVector& certificate);
// The bytes in an extension; nothing where there is none, or where it is there twice.
std::optional<ByteVector> extension_of(const ByteVector& certificate, const std::string& oid);
std::string subject_of(const ByteVector& certificate);
std::string issuer_of(const ByteVector& certificate);
std::string serial_number_of(const ByteVector& certificate);
std::string validity_of(const ByteVector& certificate);  // "notBefore notAfter", as text
int extensions_of(const ByteVector& certificate);

}  // namespace sealkey::testing
