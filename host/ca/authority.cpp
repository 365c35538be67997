#include "ca/authority.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "ca/attestation.h"
#include "ca/channel_master.h"
#include "ca/error.h"
#include "ca/sealed_file.h"

namespace sealkey::ca {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kSealMaker[] = "seal-maker";
constexpr char kDeviceRoot[] = "device-root";
constexpr char kDeviceRoots[] = "device-roots";
constexpr char kMastersPurpose[] = "sealkey masters";
constexpr int kMaxDays = 36500;
constexpr std::size_t kMasterRecord = 1 + 32 + 32;  // KVN || unlock || management

// One that can stand in OpenSSL's text of an extension, where commas and semicolons begin something else, and in a
// certificate, where the text is ASCII (RFC 5280 clause 4.2.1.6).
bool is_web_address(const std::string& url) {
    const auto plain = [](char c) { return c > ' ' && c < 0x7F && c != ',' && c != ';'; };
    const std::size_t host = url.rfind("http://", 0) == 0 ? 7 : url.rfind("https://", 0) == 0 ? 8 : 0;
    return host != 0 && url.size() > host && std::all_of(url.begin(), url.end(), plain);
}

void check_settings(const Settings& s) {
    if (s.name.empty()) throw CaError(Fault::bad_argument, mark("The CA needs a name."));
    for (const int days : {s.root_days, s.issuing_days, s.certificate_days}) {
        if (days < 1 || days > kMaxDays) throw CaError(Fault::bad_argument, mark("A number of days is out of range."));
    }
    if (s.issuing_days > s.root_days) {
        throw CaError(Fault::bad_argument, mark("The issuing CA can't outlive its root."));
    }
    if (!s.crl_url.empty() && !is_web_address(s.crl_url)) {
        throw CaError(Fault::bad_argument, mark("The address of the CRL is http://... or https://..., without spaces, "
                                                "commas and semicolons."));
    }
    if (!s.ocsp_url.empty() && !is_web_address(s.ocsp_url)) {
        throw CaError(Fault::bad_argument, mark("The address of the OCSP responder is http://... or https://..., "
                                                "without spaces, commas and semicolons."));
    }
    (void)version_of(s.least_firmware);
    if (!s.key_centre.empty() && s.key_centre.front() != '/') {
        throw CaError(Fault::bad_argument, mark("The program for the key centre is given by its whole path."));
    }
    const Owned<ASN1_OBJECT, ASN1_OBJECT_free> oid(OBJ_txt2obj(s.code_extension.c_str(), 1));
    ERR_clear_error();
    if (!oid) throw CaError(Fault::bad_argument, mark("%1 isn't an object identifier."), {s.code_extension});
}

json to_json(const Settings& s) {
    return {{"format", "sealkey-ca"},
            {"version", 1},
            {"name", s.name},
            {"key_type", s.key_type},
            {"crl_url", s.crl_url},
            {"code_extension", s.code_extension},
            {"root_days", s.root_days},
            {"issuing_days", s.issuing_days},
            {"certificate_days", s.certificate_days},
            {"least_firmware", s.least_firmware},
            {"ocsp_url", s.ocsp_url},
            {"key_centre", s.key_centre},
            {"inventory", s.inventory}};
}

std::string seal_new_masters(Bytes passphrase) {
    SealedSecret record;
    record.resize(kMasterRecord);
    record.buffer()[0] = 1;
    random_bytes(record.buffer().subspan(1, kMasterRecord - 1));
    return seal_secret(record.bytes(), passphrase, kMastersPurpose);
}

std::chrono::hours days(int n) { return std::chrono::hours(24) * n; }

void save(const std::string& dir, const std::string& name, const Cert& cert, const PKey& key, Bytes passphrase) {
    // The certificate last: it is by the certificate that the pair is found.
    write_file(dir + "/" + name + ".key", encrypt_key(key.get(), passphrase), true);
    write_file(dir + "/" + name + ".pem", pem_of(cert.get()), false);
}

void make_device_root(const std::string& dir, const Settings& s, Bytes passphrase, Time now) {
    const PKey key = generate_key("p256");  // tokens do best with it, and nobody else meets it
    const Cert cert = make_authority_certificate({AuthorityKind::device_root, s.name, "Enterprise Key Device Root CA",
                                                  now - std::chrono::minutes(5), now + days(s.root_days)},
                                                 key.get(), nullptr, key.get());
    save(dir, kDeviceRoot, cert, key, passphrase);
}

struct NewMaker {
    PKey key;
    Cert certificate;
};
NewMaker make_seal_maker(const std::string& name, Time now, Time end, const X509* root, EVP_PKEY* root_key) {
    PKey key = generate_key("sm2");
    Cert certificate = make_authority_certificate(
        {AuthorityKind::seal_maker, name, "Electronic Seal Maker", now - std::chrono::minutes(5), end}, key.get(), root,
        root_key);
    return {std::move(key), std::move(certificate)};
}

// Writes everything into an empty directory of its own.
void fill(const std::string& dir, const Settings& s, Bytes passphrase, Time now) {
    const auto save = [&](const std::string& name, const Cert& cert, const PKey& key) {
        sealkey::ca::save(dir, name, cert, key, passphrase);
    };
    const Time from = now - std::chrono::minutes(5);
    const PKey root_key = generate_key(s.key_type);
    const Cert root = make_authority_certificate(
        {AuthorityKind::root, s.name, "Enterprise Key Root CA", from, now + days(s.root_days)}, root_key.get(), nullptr,
        root_key.get());
    save("root", root, root_key);
    const PKey issuing_key = generate_key(s.key_type);
    save("issuing",
         make_authority_certificate(
             {AuthorityKind::issuing, s.name, "Enterprise Key Issuing CA", from, now + days(s.issuing_days)},
             issuing_key.get(), root.get(), root_key.get()),
         issuing_key);
    const PKey seal_root_key = generate_key("sm2");
    const Cert seal_root = make_authority_certificate(
        {AuthorityKind::seal_root, s.name, "Electronic Seal Root CA", from, now + days(s.root_days)},
        seal_root_key.get(), nullptr, seal_root_key.get());
    save("seal-root", seal_root, seal_root_key);
    const NewMaker maker =
        make_seal_maker(s.name, now, now + days(s.issuing_days), seal_root.get(), seal_root_key.get());
    save(kSealMaker, maker.certificate, maker.key);
    make_device_root(dir, s, passphrase, now);
    write_file(dir + "/masters.json", seal_new_masters(passphrase), true);
    create_channel_master(dir, passphrase);
    write_file(dir + "/ca.json", to_json(s).dump(2) + "\n", false);
}

}  // namespace

void Authority::check_new(const std::string& directory, const Settings& settings, Bytes passphrase) {
    check_settings(settings);
    check_new_passphrase(passphrase);
    std::error_code error;
    if (fs::exists(directory, error) && !(fs::is_directory(directory, error) && fs::is_empty(directory, error))) {
        throw CaError(Fault::exists, mark("%1 exists and isn't an empty folder: nothing was changed."), {directory});
    }
}

void Authority::create(const std::string& directory, const Settings& settings, Bytes passphrase, Time now) {
    check_new(directory, settings, passphrase);
    std::error_code error;
    std::string temporary = directory;
    while (temporary.size() > 1 && temporary.back() == '/') temporary.pop_back();
    temporary += ".new-XXXXXX";
    if (::mkdtemp(temporary.data()) == nullptr) {
        throw CaError(Fault::file, mark("%1 can't be written: %2."), {directory, std::strerror(errno)});
    }
    try {
        fill(temporary, settings, passphrase, now);
        fs::rename(temporary, directory);
    } catch (const fs::filesystem_error& e) {
        fs::remove_all(temporary, error);
        throw CaError(Fault::file, mark("%1 can't be written: %2."), {directory, e.code().message()});
    } catch (...) {
        fs::remove_all(temporary, error);
        throw;
    }
}

void Authority::use_inventory(const std::string& url) {
    Settings next = settings_;
    next.inventory = url;
    write_file(path("ca.json"), to_json(next).dump(2) + "\n", false);
    settings_ = next;
}

Authority::Authority(const std::string& directory) : directory_(directory) {
    std::error_code error;
    if (!fs::exists(directory + "/ca.json", error)) {
        throw CaError(Fault::file, mark("There is no CA in %1: \"sealkey-bench ca init\" makes one."), {directory});
    }
    const json j = json::parse(read_file(path("ca.json")), nullptr, false);
    try {
        if (j.at("format") != "sealkey-ca" || j.at("version") != 1) {
            throw CaError(Fault::corrupt, mark("%1 is of a form that this program doesn't know."), {path("ca.json")});
        }
        settings_ = {j.at("name"),
                     j.at("key_type"),
                     j.at("crl_url"),
                     j.at("code_extension"),
                     j.at("root_days"),
                     j.at("issuing_days"),
                     j.at("certificate_days"),
                     j.value("least_firmware", Settings{}.least_firmware),
                     j.value("ocsp_url", std::string{}),
                     j.value("key_centre", ""),
                     j.value("inventory", std::string())};
    } catch (const json::exception&) {
        throw CaError(Fault::corrupt, mark("%1 is damaged."), {path("ca.json")});
    }
    check_settings(settings_);
    root_ = read_certificate(path("root.pem"));
    issuing_ = read_certificate(path("issuing.pem"));
    seal_root_ = read_certificate(path("seal-root.pem"));
    seal_maker_ = read_certificate(path("seal-maker.pem"));
    read_device_roots();
}

Cert Authority::read_certificate(const std::string& file) const {
    const std::string pem = read_file(file);
    const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    Cert cert(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
    ERR_clear_error();
    if (!cert) throw CaError(Fault::corrupt, mark("%1 is damaged."), {file});
    return cert;
}

PKey Authority::read_key(const std::string& name, const X509* certificate, Bytes passphrase) const {
    const std::string file = path(name + ".key");
    PKey key = decrypt_key(read_file(file), passphrase);
    if (X509_check_private_key(certificate, key.get()) != 1) {
        ERR_clear_error();
        throw CaError(Fault::corrupt, mark("%1 isn't the key of its certificate."), {file});
    }
    return key;
}

void Authority::read_device_roots() {
    std::error_code error;
    const std::string own = path(std::string(kDeviceRoot) + ".pem");
    device_roots_.clear();
    has_device_root_ = fs::exists(own, error);
    std::vector<std::string> files;
    if (has_device_root_) files.push_back(own);
    std::vector<std::string> others;
    for (const auto& entry : fs::directory_iterator(path(kDeviceRoots), error)) {
        if (entry.path().extension() == ".pem") others.push_back(entry.path().string());
    }
    std::sort(others.begin(), others.end());
    files.insert(files.end(), others.begin(), others.end());
    for (const std::string& file : files) {
        Cert cert = read_certificate(file);
        // A root is its own issuer and may issue: anything else would widen the trust unseen.
        const bool root = X509_check_ca(cert.get()) == 1 && X509_self_signed(cert.get(), 1) == 1;
        ERR_clear_error();
        if (!root) throw CaError(Fault::corrupt, mark("%1 isn't a root certificate."), {file});
        device_roots_.push_back(std::move(cert));
    }
}

const X509* Authority::device_root() const {
    if (has_device_root_) return device_roots_.front().get();
    throw CaError(Fault::unknown, mark("This CA has no device root: \"sealkey-bench ca device-root\" makes one."));
}

void Authority::add_device_root(Bytes passphrase, Time now) {
    if (has_device_root_) throw CaError(Fault::exists, mark("This CA has a device root: nothing was changed."));
    (void)issuing_key(passphrase);  // one passphrase for the whole folder
    make_device_root(directory_, settings_, passphrase, now);
    read_device_roots();
}

PKey Authority::device_root_key(Bytes passphrase) const { return read_key(kDeviceRoot, device_root(), passphrase); }

PKey Authority::issuing_key(Bytes passphrase) const { return read_key("issuing", issuing(), passphrase); }
PKey Authority::root_key(Bytes passphrase) const { return read_key("root", root(), passphrase); }
PKey Authority::seal_root_key(Bytes passphrase) const { return read_key("seal-root", seal_root(), passphrase); }

std::vector<Revoked> Authority::revoked_makers() const {
    std::error_code error;
    const std::string file = path("seal-crl.pem");
    return fs::exists(file, error) ? entries_of(read_file(file)) : std::vector<Revoked>{};
}

PKey Authority::seal_maker_key(Bytes passphrase) const {
    const std::string serial = serial_of(seal_maker());
    for (const Revoked& one : revoked_makers()) {
        if (one.serial == serial) {
            throw CaError(Fault::policy,
                          mark("The maker of seals (%1) is revoked since %2: \"sealkey-bench ca seal-maker\" "
                               "makes a new one."),
                          {serial, iso_time(one.when)});
        }
    }
    return read_key(kSealMaker, seal_maker(), passphrase);
}

void Authority::replace_seal_maker(Bytes passphrase, Time now) {
    const PKey root_key = seal_root_key(passphrase);
    const Time end = std::min(now + days(settings_.issuing_days), time_of(X509_get0_notAfter(seal_root())));
    if (now < time_of(X509_get0_notBefore(seal_root())) || end <= now) {
        throw CaError(Fault::expired, mark("The CA's own certificate isn't valid now (it ends on %1)."),
                      {iso_time(time_of(X509_get0_notAfter(seal_root())))});
    }
    NewMaker made = make_seal_maker(settings_.name, now, end, seal_root(), root_key.get());
    write_file(path(std::string(kSealMaker) + "-" + serial_of(seal_maker()) + ".pem"), pem_of(seal_maker()), false);
    save(directory_, kSealMaker, made.certificate, made.key, passphrase);
    seal_maker_ = std::move(made.certificate);
}

Masters Authority::masters(Bytes passphrase) const {
    const SealedSecret record = unseal_secret(read_file(path("masters.json")), passphrase, kMastersPurpose);
    if (record.size() != kMasterRecord) throw CaError(Fault::corrupt, mark("%1 is damaged."), {path("masters.json")});
    Masters masters;
    masters.key_version = record.bytes()[0];
    masters.unlock.assign(record.bytes().subspan(1, 32));
    masters.management.assign(record.bytes().subspan(33, 32));
    return masters;
}

}  // namespace sealkey::ca
