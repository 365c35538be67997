// sealkey seal show|export|verify
#include <memory>

#include "cli/sealkey/commands.h"
#include "cli/sealkey/files.h"
#include "cli/sealkey/signing.h"

namespace sealkey::cli {

namespace {

struct SealOptions {
    std::string what;
    std::string from;  // a file instead of the key
    std::string output = "-";
    std::string certificate;  // of the signer, for a seal in a file
    bool picture = false;
    bool force = false;
    TrustFiles trust;
};

// The seal as it is, and the certificate in 9C that is to use it, where a key is asked.
struct Source {
    token::ByteVector der;
    std::optional<token::ByteVector> certificate;
    std::string serial;
};

Source source_of(Context& context, const SealOptions& options) {
    if (!options.from.empty()) {
        Source source{read_file(options.from, seal::kMaxSeal), std::nullopt, {}};
        if (options.certificate.empty()) return source;
        const auto signer = sign::read_certificates(read_file(options.certificate, kMaxAuthorityFile));
        source.certificate = seal::der_of(signer.front().get());
        return source;
    }
    FoundKey key = context.choice.open();
    Busy busy(tr("Reading from the key"));
    auto der = sign::read_seal(*key.token, [&busy](std::size_t done, std::size_t total) { busy.advance(done, total); });
    if (!der) throw sign::SignError(sign::Fault::no_seal, sign::mark("There is no seal on the key."));
    Source source{*der, std::nullopt, key.status.serial};
    const auto* slot = key.status.slot(0x9C);
    if (slot != nullptr && slot->has_certificate()) source.certificate = key.token->read_certificate(0x9C);
    return source;
}

void name_source(Context& context, const SealOptions& options, const Source& source) {
    if (source.serial.empty()) {
        context.out.result["file"] = options.from;
    } else {
        context.out.result["serial"] = source.serial;
    }
}

// Shows whatever can be read; what is wrong with it is said, and is no failure of the command.
Exit show(Context& context, const SealOptions& options) {
    const Source source = source_of(context, options);
    const seal::Seal seal = seal::parse_seal(source.der);
    context.out.result = {{"seal", seal_json(seal)}};
    name_source(context, options, source);
    say_seal(context.out, seal);
    nlohmann::json faults = nlohmann::json::array();
    const auto look = [&](const std::function<void()>& check) {
        try {
            check();
        } catch (const seal::SealError& error) {
            faults.push_back(seal::fault_name(error.fault()));
            context.out.field(tr("Fault"), message::filled(tr(error.text()), error.arguments()));
        }
    };
    look([&] { seal::verify_signature(seal); });
    look([&] { seal::require_valid(seal, time_now()); });
    if (source.certificate) look([&] { seal::require_listed(seal, *source.certificate); });
    context.out.result["faults"] = faults;
    return Exit::ok;
}

Exit write_out(Context& context, const SealOptions& options) {
    if (context.out.json() && options.output == "-")
        throw Failed(Exit::usage, tr("With --json, say where to write with --output."));
    require_new_file(options.output, options.from.empty() ? "-" : options.from, options.force);
    const Source source = source_of(context, options);
    const auto content = options.picture ? seal::parse_seal(source.der).info.picture.data : source.der;
    write_file(options.output, content);
    context.out.result = {{"output", options.output}, {"bytes", content.size()}};
    name_source(context, options, source);
    return Exit::ok;
}

Exit verify(Context& context, const SealOptions& options) {
    if (!options.trust.has_seal_authorities())
        throw Failed(Exit::usage, tr("Say with --seal-ca which authority for seals is trusted."));
    const sign::Trust trust = options.trust.read();
    const Source source = source_of(context, options);
    const seal::Seal seal = seal::parse_seal(source.der);
    const auto now = time_now();
    // In this order: the first thing that is wrong is what is said. Whose signatures the seal is for can be told
    // without believing its maker.
    if (source.certificate) seal::require_listed(seal, *source.certificate);
    require_maker(seal, trust, now);
    seal::require_valid(seal, now);
    context.out.result = {{"seal", seal_json(seal)}};
    name_source(context, options, source);
    say_seal(context.out, seal);
    context.out.say(tr("The seal is good."));
    return Exit::ok;
}

Exit run_seal(Context& context, const SealOptions& options) {
    if (!options.certificate.empty() && options.from.empty())
        throw Failed(Exit::usage, tr("--certificate goes with --from: a key has its own."));
    if (options.what == "show") return show(context, options);
    if (options.what == "export") return write_out(context, options);
    return verify(context, options);
}

}  // namespace

Run define_seal(CLI::App& command) {
    const auto options = std::make_shared<SealOptions>();
    command.add_option("what", options->what, tr("show, export or verify"))
        ->required()
        ->type_name("")
        ->check(CLI::IsMember({"show", "export", "verify"}));
    command.add_option("--from", options->from, tr("Take the seal from this file, not from a key"))
        ->type_name(tr("FILE"));
    command
        .add_option("--certificate", options->certificate,
                    tr("The signer's certificate (PEM or DER), which the seal of --from must list"))
        ->type_name(tr("FILE"));
    command.add_option("-o,--output", options->output, tr("Write to this file (standard output if not given)"))
        ->type_name(tr("FILE"));
    command.add_flag("--picture", options->picture, tr("Export the picture alone"));
    command.add_flag("--force", options->force, tr("Overwrite the output"));
    options->trust.add_to(command, false, true);
    return [options](Context& context) {
        return explained(Purpose::checking, [&] { return run_seal(context, *options); });
    };
}

}  // namespace sealkey::cli
