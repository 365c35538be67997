// Certificates by the fingerprint that the token status tells: a token that comes back, or that the next program opens,
// isn't read again.
//
// On disk a certificate object lies under the name that its own content has (the first 16 bytes of its SHA-256, which
// is the fingerprint), so whatever stands in such a file is the certificate or isn't taken. Nothing there is secret or
// trusted; the folder is the user's alone because which companies' keys were here is nobody else's business. A full
// disk, a folder that isn't ours or a file that is damaged means only that the token is read.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "der.h"
#include "protocol/key.h"

namespace sealkey::pkcs11 {

using CertificateFingerprint = std::array<std::uint8_t, protocol::kFingerprintSize>;

// The folder on disk: SEALKEY_CACHE (a folder's whole path, or "off"), else sealkey/certificates in the user's cache
// folder (XDG_CACHE_HOME, or .cache in HOME). Files of mode 0600 in a folder of mode 0700.
class CertificateFolder {
public:
    CertificateFolder();
    // The object's value (what GET DATA wraps in 53); nothing if it isn't there, or isn't what its name says.
    [[nodiscard]] std::optional<ByteVector> find(const CertificateFingerprint& fingerprint) const;
    // A value that doesn't have this fingerprint isn't kept. The oldest go when there are too many.
    void store(const CertificateFingerprint& fingerprint, ByteView value) const;

private:
    [[nodiscard]] std::string path_of(const CertificateFingerprint& fingerprint) const;
    std::string path_;  // empty: none
};

// In memory, over the folder.
class CertificateCache {
public:
    [[nodiscard]] std::shared_ptr<const Certificate> find(const CertificateFingerprint& fingerprint);
    // The value of a certificate object as the token gave it. Nothing if no certificate is in it. One that doesn't have
    // the fingerprint is not kept: the token changed in between, or it lies, and what another token shows must not
    // depend on it.
    [[nodiscard]] std::shared_ptr<const Certificate> store(const CertificateFingerprint& fingerprint, ByteView value);

private:
    [[nodiscard]] std::shared_ptr<const Certificate> keep(const CertificateFingerprint& fingerprint, ByteView value);

    std::map<CertificateFingerprint, std::shared_ptr<const Certificate>> entries_;
    CertificateFolder folder_;
};

}  // namespace sealkey::pkcs11
