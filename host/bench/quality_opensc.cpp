// Part A of the quality check: OpenSC's own driver and tools use the key.
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <stdlib.h>

#include <filesystem>

#include "base/secret.h"
#include "bench/program_run.h"
#include "bench/quality.h"
#include "ca/error.h"

namespace sealkey::bench {

namespace {

namespace fs = std::filesystem;
using ca::CaError;
using ca::Fault;
using ca::mark;

constexpr char kPinVariable[] = "SEALKEY_BENCH_CHECK_PIN";
constexpr std::chrono::seconds kLimit{120};
constexpr std::size_t kNonceSize = 32;

struct Slot {
    const char* name;
    const char* opensc_id;
};
constexpr Slot kSlots[] = {{"9A", "01"}, {"9C", "02"}, {"9D", "03"}};

class Folder {
public:
    Folder() {
        path_ = (fs::temp_directory_path() / "sealkey-check-XXXXXX").string();
        if (::mkdtemp(path_.data()) == nullptr) {
            throw CaError(Fault::file, mark("A temporary folder can't be made."));
        }
    }
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

private:
    std::string path_;
};

Bytes view(const std::string& text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }
std::string text_of(Bytes bytes) { return {bytes.begin(), bytes.end()}; }

class OpenSc {
public:
    OpenSc(const std::string& reader, Bytes pin) : reader_(reader), pin_(pin) {}

    // Runs pkcs11-tool; the PIN goes by the environment of that process alone, never by its arguments.
    void run(const std::string& slot, std::vector<std::string> arguments, bool login) const {
        std::vector<std::string> command = {"pkcs11-tool", "--slot-description", reader_};
        std::vector<std::pair<std::string, std::string>> environment;
        if (login) {
            command.insert(command.end(), {"--login", "--pin", std::string("env:") + kPinVariable});
            environment.emplace_back(kPinVariable, text_of(pin_.bytes()));
        }
        command.insert(command.end(), arguments.begin(), arguments.end());
        const ProgramResult result = run_program(command, environment, kLimit);
        for (auto& [name, value] : environment) wipe({reinterpret_cast<std::uint8_t*>(value.data()), value.size()});
        if (result.timed_out) throw CaError(Fault::quality, mark("OpenSC's pkcs11-tool didn't end (slot %1)."), {slot});
        if (result.code != 0) {
            throw CaError(Fault::quality, mark("OpenSC's pkcs11-tool can't use slot %1: %2"), {slot, result.output});
        }
    }

private:
    std::string reader_;
    Secret<16> pin_;
};

ca::PKey key_of(const X509* certificate) { return ca::PKey(X509_get_pubkey(const_cast<X509*>(certificate))); }
bool is_rsa(EVP_PKEY* key) { return EVP_PKEY_is_a(key, "RSA") == 1; }

ca::ByteVector nonce() {
    ca::ByteVector bytes(kNonceSize);
    ca::random_bytes(bytes);
    return bytes;
}

void check_signature(const OpenSc& opensc, const Folder& folder, const Slot& slot, EVP_PKEY* key) {
    const auto message = nonce();
    const std::string in = folder / "in";
    const std::string out = folder / "out";
    fs::remove(out);
    if (is_rsa(key)) {
        ca::write_file(in, text_of(message), true);
        opensc.run(slot.name, {"--sign", "--id", slot.opensc_id, "-m", "SHA256-RSA-PKCS", "-i", in, "-o", out}, true);
    } else {
        ca::write_file(in, text_of(ca::sha256(message)), true);
        opensc.run(
            slot.name,
            {"--sign", "--id", slot.opensc_id, "-m", "ECDSA", "--signature-format", "openssl", "-i", in, "-o", out},
            true);
    }
    const std::string signature = ca::read_file(out);
    const ca::MdCtx md(EVP_MD_CTX_new());
    const bool right =
        md && EVP_DigestVerifyInit(md.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
        EVP_DigestVerify(md.get(), view(signature).data(), signature.size(), message.data(), message.size()) == 1;
    if (!right) {
        throw CaError(Fault::quality, mark("The signature made with slot %1 doesn't fit its certificate."),
                      {slot.name});
    }
}

void check_decryption(const OpenSc& opensc, const Folder& folder, const Slot& slot, EVP_PKEY* key) {
    const auto message = nonce();
    const ca::PKeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
    ca::ByteVector sealed(static_cast<std::size_t>(EVP_PKEY_get_size(key)));
    std::size_t size = sealed.size();
    ca::require(ctx && EVP_PKEY_encrypt_init(ctx.get()) == 1 &&
                    EVP_PKEY_CTX_set_rsa_padding(ctx.get(), RSA_PKCS1_PADDING) == 1 &&
                    EVP_PKEY_encrypt(ctx.get(), sealed.data(), &size, message.data(), message.size()) == 1,
                "encryption");
    const std::string in = folder / "in";
    const std::string out = folder / "out";
    ca::write_file(in, text_of(sealed), true);
    fs::remove(out);
    opensc.run(slot.name, {"--decrypt", "--id", slot.opensc_id, "-m", "RSA-PKCS", "-i", in, "-o", out}, true);
    if (!equal(view(ca::read_file(out)), message)) {
        throw CaError(Fault::quality, mark("Slot %1 doesn't decrypt what was encrypted for its certificate."),
                      {slot.name});
    }
}

// What both sides of an ECDH arrive at must be the same.
void check_agreement(const OpenSc& opensc, const Folder& folder, const Slot& slot, EVP_PKEY* key) {
    char group[64] = {};
    std::size_t used = 0;
    ca::require(EVP_PKEY_get_group_name(key, group, sizeof group, &used) == 1, "curve");
    const ca::PKey peer(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", group));
    const ca::PKeyCtx ctx(EVP_PKEY_CTX_new_from_pkey(nullptr, peer.get(), nullptr));
    ca::ByteVector secret(66);
    std::size_t size = secret.size();
    ca::require(peer && ctx && EVP_PKEY_derive_init(ctx.get()) == 1 && EVP_PKEY_derive_set_peer(ctx.get(), key) == 1 &&
                    EVP_PKEY_derive(ctx.get(), secret.data(), &size) == 1,
                "ECDH");
    const std::string in = folder / "in";
    const std::string out = folder / "out";
    ca::write_file(in, text_of(ca::spki_of(peer.get())), true);
    fs::remove(out);
    opensc.run(slot.name, {"--derive", "--id", slot.opensc_id, "-m", "ECDH1-DERIVE", "-i", in, "-o", out}, true);
    if (!equal(view(ca::read_file(out)), Bytes(secret).first(size))) {
        throw CaError(Fault::quality, mark("Slot %1 doesn't decrypt what was encrypted for its certificate."),
                      {slot.name});
    }
}

}  // namespace

void check_by_opensc(const std::string& reader, Bytes pin, const Expected& expected, const Checked& checked) {
    const Folder folder;
    const OpenSc opensc(reader, pin);
    for (const auto& row : expected.certificates) {
        const Slot* slot = nullptr;
        for (const auto& one : kSlots) {
            if (row.slot == one.name) slot = &one;
        }
        if (slot == nullptr) continue;
        const auto der = ca::unhex(row.der);
        const ca::Cert certificate = ca::certificate_of_der(der);
        const ca::PKey key = key_of(certificate.get());
        const std::string out = folder / "certificate";
        fs::remove(out);
        opensc.run(slot->name, {"--read-object", "--type", "cert", "--id", slot->opensc_id, "-o", out}, false);
        if (!equal(view(ca::read_file(out)), der)) {
            throw CaError(Fault::quality, mark("The certificate in slot %1 isn't the one that was issued for it."),
                          {slot->name});
        }
        if (row.slot == "9D") {
            is_rsa(key.get()) ? check_decryption(opensc, folder, *slot, key.get())
                              : check_agreement(opensc, folder, *slot, key.get());
        } else {
            check_signature(opensc, folder, *slot, key.get());
        }
        checked(std::string("opensc:") + slot->name);
    }
}

}  // namespace sealkey::bench
