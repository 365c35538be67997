// A certificate authority in a directory:
//
//   ca.json                        the settings
//   root.pem      root.key        the root; its key is used once and belongs in a safe, away from this machine
//   issuing.pem   issuing.key     signs enterprises' certificates and the CRL
//   seal-root.pem seal-root.key   the root for seals (SM2), used once like the other
//   seal-maker.pem seal-maker.key the maker of electronic seals (SM2)
//   device-root.pem device-root.key  certifies the attestation key of each token
//   device-roots/*.pem            device roots of others that are trusted too; put there by hand
//   masters.json                  the masters for the unlock keys and the management keys
//   channel.json                   the master for the keys of the tokens' secure channels
//   crl.pem crl.der               the last CRL made
//   root-crl.pem root-crl.der     the root's last CRL, about the issuing CA
//   seal-crl.pem seal-crl.der     the last CRL of the root for seals, about makers of seals
//   inventory.sqlite              the bench's inventory, unless the settings name a database elsewhere
//
// Every .key file is PKCS#8 under the passphrase; masters.json is sealed under it.
#pragma once

#include <string>
#include <vector>

#include "ca/certificate.h"
#include "ca/crl.h"
#include "ca/openssl.h"
#include "ca/unlock.h"

namespace sealkey::ca {

inline constexpr char kDefaultCodeExtension[] = "1.2.156.10260.4.1.4";

struct Settings {
    std::string name;               // of the CA provider: the O of its certificates
    std::string key_type = "p256";  // "p256" or "rsa3072"
    std::string crl_url;            // http(s) address, or empty
    std::string code_extension = kDefaultCodeExtension;
    int root_days = 7300;
    int issuing_days = 3650;
    int certificate_days = 1095;           // of an enterprise's certificate where the order doesn't say
    std::string least_firmware = "0.1.0";  // a token with an older one is refused
    std::string ocsp_url;                  // http(s) address, or empty
    std::string key_centre;                // the program that orders decryption keys from a key centre, or empty
    std::string inventory;                 // URL of its database (host/bench); empty: inventory.sqlite in the folder
};

class Authority {
public:
    // Whether create() would find a free place and good settings; changes nothing, throws as create() does.
    static void check_new(const std::string& directory, const Settings& settings, Bytes passphrase);
    // Makes all of it, whole or not at all. Throws CaError exists (the directory is there and not empty),
    // bad_passphrase, bad_argument, file.
    static void create(const std::string& directory, const Settings& settings, Bytes passphrase, Time now);
    // Reads settings and certificates; nothing secret. Throws CaError file, corrupt.
    explicit Authority(const std::string& directory);

    [[nodiscard]] const std::string& directory() const { return directory_; }
    [[nodiscard]] std::string path(const std::string& name) const { return directory_ + "/" + name; }
    [[nodiscard]] const Settings& settings() const { return settings_; }
    [[nodiscard]] const X509* root() const { return root_.get(); }
    [[nodiscard]] const X509* issuing() const { return issuing_.get(); }
    // For issue_certificate(); `key` is issuing_key().
    [[nodiscard]] Issuer issuer(EVP_PKEY* key) const {
        return {issuing(), key, settings_.crl_url, settings_.code_extension, settings_.ocsp_url};
    }
    [[nodiscard]] const X509* seal_root() const { return seal_root_.get(); }
    [[nodiscard]] const X509* seal_maker() const { return seal_maker_.get(); }
    // Throws CaError unknown for a CA that was made before there were device roots (add_device_root()).
    [[nodiscard]] const X509* device_root() const;
    // That one, if there is one, and the trusted ones of others.
    [[nodiscard]] const std::vector<Cert>& device_roots() const { return device_roots_; }
    // For a CA that was made before there were device roots. Throws CaError exists, bad_passphrase, file.
    void add_device_root(Bytes passphrase, Time now);

    // The settings name another database from now on. Throws CaError file.
    void use_inventory(const std::string& url);

    // Each throws CaError bad_passphrase, corrupt, file.
    [[nodiscard]] PKey issuing_key(Bytes passphrase) const;
    // Throws CaError file too where root.key lies elsewhere, as it should.
    [[nodiscard]] PKey root_key(Bytes passphrase) const;
    // Throws CaError policy too if the maker is revoked: no more seals are made by it.
    [[nodiscard]] PKey seal_maker_key(Bytes passphrase) const;
    [[nodiscard]] PKey seal_root_key(Bytes passphrase) const;
    // Makers that are revoked, by seal-crl.pem. Throws CaError corrupt, file.
    [[nodiscard]] std::vector<Revoked> revoked_makers() const;
    // A new maker under the root for seals. The former one's certificate stays as seal-maker-SERIAL.pem; its key is
    // replaced. Cut off between key and certificate, the two don't fit: the same command again makes another pair.
    // Throws CaError bad_passphrase, expired, file (seal-root.key lies elsewhere, as it should).
    void replace_seal_maker(Bytes passphrase, Time now);
    [[nodiscard]] PKey device_root_key(Bytes passphrase) const;
    [[nodiscard]] Masters masters(Bytes passphrase) const;

private:
    [[nodiscard]] Cert read_certificate(const std::string& file) const;
    void read_device_roots();
    [[nodiscard]] PKey read_key(const std::string& name, const X509* certificate, Bytes passphrase) const;

    std::string directory_;
    Settings settings_;
    Cert root_, issuing_, seal_root_, seal_maker_;
    bool has_device_root_ = false;
    std::vector<Cert> device_roots_;  // our own is the first, if there is one
};

}  // namespace sealkey::ca
