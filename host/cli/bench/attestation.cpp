// sealkey-bench attestation check
#include "bench/attest.h"

#include <openssl/pem.h>

#include "cli/bench/bench_common.h"

namespace sealkey::cli {

namespace {

struct AttestationOptions {
    BenchOptions bench;
    std::string attestation_file;
    std::string device_file;
    std::string request_file;
    std::string nonce;
    std::string slot = "9c";
    CLI::Option* slot_given = nullptr;
    bool imported = false;
};

// PEM or DER, first certificate of the file.
ca::ByteVector read_certificate(const std::string& path) {
    const std::string content = ca::read_file(path);
    const Bytes bytes(reinterpret_cast<const std::uint8_t*>(content.data()), content.size());
    const ca::Bio bio(BIO_new_mem_buf(content.data(), static_cast<int>(content.size())));
    const ca::Cert cert(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
    return cert ? ca::der_of(cert.get()) : ca::ByteVector(bytes.begin(), bytes.end());
}

ca::ByteVector read_request(const std::string& path) {
    const std::string content = ca::read_file(path);
    const ca::Bio bio(BIO_new_mem_buf(content.data(), static_cast<int>(content.size())));
    const ca::Request request(bio ? PEM_read_bio_X509_REQ(bio.get(), nullptr, nullptr, nullptr) : nullptr);
    if (!request) return {content.begin(), content.end()};
    unsigned char* der = nullptr;
    const int size = i2d_X509_REQ(request.get(), &der);
    ca::require(size > 0, "certificate request");
    ca::ByteVector out(der, der + size);
    OPENSSL_free(der);
    return out;
}

ca::Role role_of(const std::string& slot) {
    for (const auto role : ca::kRoles) {
        std::string name = ca::name_of(role);
        if (slot == name || (slot[0] == name[0] && slot.size() == 2 && std::toupper(slot[1]) == name[1])) return role;
    }
    throw Failed(Exit::usage, fill(tr("\"%1\" is none of 9a, 9c and 9d."), {slot}));
}

const char* policy_text(protocol::PinPolicy policy) {
    switch (policy) {
        case protocol::PinPolicy::once:
            return tr("asked for once");
        case protocol::PinPolicy::always:
            return tr("asked for each time");
        default:
            return tr("not asked for");
    }
}

void tell(Context& context, const ca::Attested& said, const std::vector<std::string>& open) {
    const bool made = said.origin == protocol::Origin::generated;
    context.out.say(made ? tr("The attestation is right: the private key is in this key, and was made there.")
                         : tr("The attestation is right: the private key is in this key, and was brought there."));
    context.out.field(tr("Key"), said.serial);
    context.out.field(tr("Slot"), ca::hex({&said.role, 1}));
    context.out.field(tr("Firmware"), ca::text_of(said.firmware));
    context.out.field(tr("Profile"), said.profile == protocol::Profile::shipping ? "shipping" : "compatibility");
    context.out.field(tr("PIN"), policy_text(said.pin_policy));
    context.out.field(tr("Public key (SHA-256)"), ca::sha256_hex(said.spki));
    for (const auto& what : open) context.out.note(what);
    context.out.result = {{"serial", said.serial},
                          {"numeric_serial", said.numeric_serial},
                          {"slot", ca::hex({&said.role, 1})},
                          {"firmware", ca::text_of(said.firmware)},
                          {"profile", said.profile == protocol::Profile::shipping ? "shipping" : "compatibility"},
                          {"generated", made},
                          {"pin_policy", static_cast<int>(said.pin_policy)},
                          {"touch_policy", static_cast<int>(said.touch_policy)},
                          {"generation", said.generation},
                          {"rid", said.rid ? ca::hex(*said.rid) : ""},
                          {"public_key_sha256", ca::sha256_hex(said.spki)}};
}

// Of files, as they came from elsewhere: compared is what is given.
Exit check_files(Context& context, const AttestationOptions& options, const ca::Authority& authority,
                 bench::Inventory& inventory) {
    if (options.device_file.empty()) {
        throw Failed(Exit::usage, tr("Give the device certificate too (slot F9 of the key): --device FILE."));
    }
    ca::AttestationOrder order;
    order.least_firmware = ca::version_of(authority.settings().least_firmware);
    order.imported = options.imported;
    std::vector<std::string> open;
    if (!context.choice.serial().empty()) {
        const auto row = inventory.token(context.choice.serial());
        order.serial = row.serial;
        order.numeric_serial = static_cast<std::uint32_t>(row.numeric_serial);
    } else {
        open.emplace_back(tr("Not compared: whose key it should be (--serial)."));
    }
    if (options.slot_given->count() != 0) order.role = ca::slot_of(role_of(options.slot));
    if (!options.request_file.empty()) {
        order.spki = ca::spki_of(ca::check_request(read_request(options.request_file)).get());
    } else {
        open.emplace_back(tr("Not compared: the certificate request (--request)."));
    }
    if (!options.nonce.empty()) {
        order.nonce = ca::unhex(options.nonce);
    } else {
        open.emplace_back(tr("Not compared: the nonce (--nonce). The attestation may be an old one."));
    }
    tell(context,
         ca::check_attestation(read_certificate(options.attestation_file), read_certificate(options.device_file),
                               bench::device_trust(authority, inventory), order),
         open);
    return Exit::ok;
}

// Of the key that is plugged in: asked now, compared with the inventory.
Exit check_key(Context& context, const AttestationOptions& options, const ca::Authority& authority,
               bench::Inventory& inventory) {
    const ca::Role role = role_of(options.slot);
    FoundKey key = context.choice.open();
    const auto row = inventory.token(key.status.serial);
    const auto certificate = inventory.live_certificate(row.serial, ca::name_of(role));
    if (!certificate) {
        throw Failed(Exit::not_found, fill(tr("The inventory has no valid certificate of key %1 for slot %2."),
                                           {row.serial, ca::name_of(role)}));
    }
    const ca::Cert issued = ca::certificate_of_der(ca::unhex(certificate->der));
    const ca::PKey certified(X509_get_pubkey(issued.get()));
    auto order = bench::attestation_order(authority, row, role, ca::spki_of(certified.get()));
    order.imported = options.imported;
    const auto trust = bench::device_trust(authority, inventory);
    const auto evidence = bench::require_attested(*key.token, trust, order);
    tell(context,
         ca::check_attestation(evidence.attestation, key.token->read_certificate(protocol::ref::attestation), trust,
                               order),
         {});
    return Exit::ok;
}

Exit check(Context& context, const AttestationOptions& options) {
    const ca::Authority authority(options.bench.directory());
    const auto inventory = options.bench.inventory(authority);
    return options.attestation_file.empty() ? check_key(context, options, authority, *inventory)
                                            : check_files(context, options, authority, *inventory);
}

}  // namespace

Run define_attestation(CLI::App& command) {
    auto options = std::make_shared<AttestationOptions>();
    command.require_subcommand(1);
    CLI::App& check_it = *command.add_subcommand(
        "check", tr("Check that a private key was made on the token: of the key that is plugged in, or from files"));
    check_it.fallthrough();
    check_it.group(tr("Commands"));
    options->bench.add_to(command, false);
    check_it.add_option("file", options->attestation_file, tr("The attestation, a certificate"))->type_name(tr("FILE"));
    check_it.add_option("--device", options->device_file, tr("The key's device certificate (slot F9)"))
        ->type_name(tr("FILE"));
    check_it.add_option("--request", options->request_file, tr("The certificate request that the key must be that of"))
        ->type_name(tr("FILE"));
    check_it.add_option("--nonce", options->nonce, tr("The nonce that was asked with, in hexadecimal"))
        ->type_name(tr("HEX"));
    options->slot_given =
        check_it.add_option("--slot", options->slot, tr("9a, 9c or 9d"))->capture_default_str()->type_name(tr("SLOT"));
    check_it.add_flag("--imported", options->imported,
                      tr("The key was brought by order (decryption keys): it must be called so"));
    return explained([options](Context& context) { return check(context, *options); });
}

}  // namespace sealkey::cli
