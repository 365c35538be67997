#include "unit/bench/soft_attestation.h"

#include <stdexcept>

#include "ca/certificate.h"

namespace sealkey::bench {

namespace {

namespace attested = protocol::attested;
using attested::Known;
using attested::Own;
using ca::ByteVector;

void add(X509* cert, const std::string& oid, const ByteVector& contents) {
    const ca::Owned<ASN1_OBJECT, ASN1_OBJECT_free> object(OBJ_txt2obj(oid.c_str(), 1));
    const ca::Owned<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> value(ASN1_OCTET_STRING_new());
    ASN1_OCTET_STRING_set(value.get(), contents.data(), static_cast<int>(contents.size()));
    const ca::Owned<X509_EXTENSION, X509_EXTENSION_free> made(
        X509_EXTENSION_create_by_OBJ(nullptr, object.get(), 0, value.get()));
    if (X509_add_ext(cert, made.get(), -1) != 1) throw std::runtime_error("extension");
}
void add(X509* cert, Known which, const ByteVector& contents) {
    add(cert, std::string(attested::kKnownArc) + "." + std::to_string(static_cast<int>(which)), contents);
}
void add(X509* cert, Own which, std::uint8_t tag, const ByteVector& contents) {
    ByteVector der = {tag, static_cast<std::uint8_t>(contents.size())};
    der.insert(der.end(), contents.begin(), contents.end());
    add(cert, std::string(attested::kOwnArc) + "." + std::to_string(static_cast<int>(which)), der);
}

ByteVector number(std::uint32_t value) {
    ByteVector out;
    for (int shift = 24; shift >= 0; shift -= 8) {
        const auto byte = static_cast<std::uint8_t>(value >> shift);
        if (!out.empty() || byte != 0 || shift == 0) out.push_back(byte);
    }
    if ((out[0] & 0x80) != 0) out.insert(out.begin(), 0);
    return out;
}

template <class Value>
ByteVector byte_of(Value value) {
    return {static_cast<std::uint8_t>(value)};
}

}  // namespace

ByteVector soft_attestation(const ca::Attested& says, EVP_PKEY* subject, EVP_PKEY* f9, const X509* device) {
    const ca::Cert cert(X509_new());
    X509_set_version(cert.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), 7);
    X509_set_issuer_name(cert.get(), X509_get_subject_name(device));
    X509_NAME_add_entry_by_txt(X509_get_subject_name(cert.get()), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>("sealkey attestation"), -1, -1, 0);
    X509_set1_notBefore(cert.get(), X509_get0_notBefore(device));
    X509_set1_notAfter(cert.get(), X509_get0_notAfter(device));
    X509_set_pubkey(cert.get(), subject);
    add(cert.get(), Known::firmware, ByteVector(says.firmware.begin(), says.firmware.end()));
    const ByteVector serial = number(says.numeric_serial);
    ByteVector integer = {V_ASN1_INTEGER, static_cast<std::uint8_t>(serial.size())};
    integer.insert(integer.end(), serial.begin(), serial.end());
    add(cert.get(), Known::serial, integer);
    add(cert.get(), Known::policies,
        {static_cast<std::uint8_t>(says.pin_policy), static_cast<std::uint8_t>(says.touch_policy)});
    add(cert.get(), Own::serial, V_ASN1_PRINTABLESTRING, ByteVector(says.serial.begin(), says.serial.end()));
    add(cert.get(), Own::role, V_ASN1_OCTET_STRING, byte_of(says.role));
    if (says.nonce) add(cert.get(), Own::nonce, V_ASN1_OCTET_STRING, *says.nonce);
    if (says.rid) add(cert.get(), Own::rid, V_ASN1_OCTET_STRING, *says.rid);
    add(cert.get(), Own::generation, V_ASN1_INTEGER, number(says.generation));
    add(cert.get(), Own::origin, V_ASN1_ENUMERATED, byte_of(says.origin));
    add(cert.get(), Own::profile, V_ASN1_ENUMERATED, byte_of(says.profile));
    ca::sign_certificate(cert.get(), f9);
    return ca::der_of(cert.get());
}

}  // namespace sealkey::bench
