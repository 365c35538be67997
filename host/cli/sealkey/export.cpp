// sealkey export certificate|chain|record|seal|statement
#include <memory>

#include "cli/sealkey/certificate_view.h"
#include "cli/sealkey/commands.h"
#include "cli/sealkey/describe.h"
#include "cli/sealkey/files.h"
#include "token/record.h"

namespace sealkey::cli {

namespace {

struct ExportOptions {
    std::string what;
    std::string slot = "9A";
    std::string file = "-";
    bool der = false;
};

std::uint8_t slot_of(const std::string& text) {
    try {
        std::size_t used = 0;
        const unsigned long value = std::stoul(text, &used, 16);
        if (used == text.size() && value <= 0xFF) {
            const auto slot = static_cast<std::uint8_t>(value);
            (void)token::certificate_tag(slot);
            return slot;
        }
    } catch (const std::exception&) {  // not a number, or a slot without certificates: told below
    }
    throw Failed(Exit::usage, fill(tr("%1 is no slot. Slots are 9A, 9C, 9D, 9E, 82 to 95 and F9."), {text}));
}

token::ByteVector certificate(FoundKey& key, std::uint8_t slot) {
    try {
        return key.token->read_certificate(slot);
    } catch (const token::TokenError& error) {
        if (error.kind() != token::Kind::not_found) throw;
        throw Failed(Exit::not_found, fill(tr("There is no certificate in slot %1."), {slot_name(slot)}));
    }
}

token::ByteVector encoded(const token::ByteVector& der, bool as_der) {
    if (as_der) return der;
    const std::string pem = pem_of(der);
    return {pem.begin(), pem.end()};
}

token::ByteVector export_certificate(FoundKey& key, const ExportOptions& options) {
    return encoded(certificate(key, slot_of(options.slot)), options.der);
}

// The certificate and, if it is on the key and fits, its issuer's.
token::ByteVector export_chain(FoundKey& key, const ExportOptions& options) {
    const auto leaf = certificate(key, slot_of(options.slot));
    token::ByteVector out = encoded(leaf, options.der);
    const auto issuer = key.token->find_object(protocol::object::issuer_certificate);
    if (!issuer) throw Failed(Exit::not_found, tr("The issuer's certificate isn't on the key."));
    // Written as it is, or wrapped like other certificates.
    const bool wrapped = !issuer->empty() && issuer->front() == protocol::tag::certificate;
    const auto der = wrapped ? token::certificate_of_object(*issuer) : *issuer;
    if (!is_issued_by(leaf, der)) {
        throw Failed(Exit::not_verified, tr("The issuer's certificate on the key didn't sign this certificate."));
    }
    const auto second = encoded(der, options.der);
    out.insert(out.end(), second.begin(), second.end());
    return out;
}

token::ByteVector object(FoundKey& key, std::uint32_t tag, const char* absent) {
    const auto* info = key.status.object(tag);
    if (info == nullptr) throw Failed(Exit::not_found, absent);
    Busy busy(tr("Reading from the key"));
    return key.token->read_in_parts(tag, info->length,
                                    [&busy](std::size_t done, std::size_t total) { busy.advance(done, total); });
}

token::ByteVector export_record(FoundKey& key, const ExportOptions& options) {
    auto raw = object(key, protocol::object::enterprise_record, tr("There is no enterprise record on the key."));
    if (options.der) return raw;
    const auto record = token::decode_record(raw);
    nlohmann::json out = {{"unified_code", record.unified_code},
                          {"login_name", record.login_name},
                          {"enterprise_name", record.enterprise_name},
                          {"key_number", record.key_number},
                          {"key_limit", record.key_limit},
                          {"issued_on", record.issued_on},
                          {"valid_until", record.valid_until}};
    if (record.old_code) out["old_code"] = *record.old_code;
    if (record.english_name) out["english_name"] = *record.english_name;
    if (record.authorised_user) out["authorised_user"] = *record.authorised_user;
    const std::string text = out.dump(2) + "\n";
    return {text.begin(), text.end()};
}

token::ByteVector export_seal(FoundKey& key, const ExportOptions&) {
    return object(key, protocol::object::seal, tr("There is no seal on the key."));
}

token::ByteVector export_statement(FoundKey& key, const ExportOptions& options) {
    const auto statement = key.token->lock_statement();
    if (!statement) throw Failed(Exit::not_found, tr("The key has no lock statement: it isn't locked."));
    if (options.der) return {statement->bytes.begin(), statement->bytes.end()};
    const std::string text = hex(statement->bytes) + "\n";
    return {text.begin(), text.end()};
}

struct Thing {
    const char* name;
    token::ByteVector (*make)(FoundKey& key, const ExportOptions& options);
};
constexpr Thing kThings[] = {
    {"certificate", export_certificate}, {"chain", export_chain}, {"record", export_record}, {"seal", export_seal},
    {"statement", export_statement},
};

Exit run_export(Context& context, const ExportOptions& options) {
    if (context.out.json() && options.file == "-") {
        throw Failed(Exit::usage, tr("With --json, say where to write with --output."));
    }
    FoundKey key = context.choice.open();
    for (const auto& thing : kThings) {
        if (options.what != thing.name) continue;
        const auto content = thing.make(key, options);
        write_file(options.file, content);
        context.out.result = {{"serial", key.status.serial}, {"file", options.file}, {"bytes", content.size()}};
    }
    return Exit::ok;
}

}  // namespace

Run define_export(CLI::App& command) {
    const auto options = std::make_shared<ExportOptions>();
    std::vector<std::string> names;
    for (const auto& thing : kThings) names.emplace_back(thing.name);
    command.add_option("what", options->what, tr("certificate, chain, record, seal or statement"))
        ->required()
        ->type_name("")
        ->check(CLI::IsMember(names));
    command.add_option("--slot", options->slot, tr("The slot of the certificate (9A if not given)"))
        ->type_name("9A|9C|9D");
    command.add_option("-o,--output", options->file, tr("Write to this file (standard output if not given)"))
        ->type_name(tr("FILE"));
    command.add_flag("--der", options->der, tr("DER or the stored bytes instead of PEM, JSON or hexadecimal text"));
    return [options](Context& context) { return run_export(context, *options); };
}

}  // namespace sealkey::cli
