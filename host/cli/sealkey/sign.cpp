// sealkey sign
#include <memory>

#include "cli/sealkey/commands.h"
#include "cli/sealkey/describe.h"
#include "cli/sealkey/files.h"
#include "cli/sealkey/pin_entry.h"
#include "cli/sealkey/signing.h"

namespace sealkey::cli {

namespace {

struct SignOptions {
    std::string input;
    std::string output;
    bool force = false;
    TimestampChoice timestamp;
    SecretInput pin{"pin", "SEALKEY_PIN"};
};

Exit sign_file(Context& context, SignOptions& options) {
    const std::string output = options.output.empty() ? options.input + ".p7s" : options.output;
    if (options.input == "-" && options.output.empty())
        throw Failed(Exit::usage, tr("Say where to write the signature with --output."));
    if (context.out.json() && output == "-")
        throw Failed(Exit::usage, tr("With --json, say where to write with --output."));
    require_new_file(output, options.input, options.force);
    const auto timestamper = options.timestamp.timestamper();
    const auto data = read_file(options.input, kMaxSignedFile);
    FoundKey key = context.choice.open();
    require_usable_pin(key.status);
    const auto signer = signing_key(key, 0x9C, options.pin);
    const auto now = time_now();
    sign::require_signing_certificate(*signer, now);
    const auto signature = sign::sign_detached(*signer, {data}, {now, std::nullopt, timestamper});
    write_file(output, signature);
    if (output != "-") context.out.say(fill(tr("Signed: the signature is in %1."), {output}));
    context.out.result = {{"serial", key.status.serial}, {"slot", "9C"},
                          {"file", options.input},       {"signature", output},
                          {"bytes", signature.size()},   {"timestamp", options.timestamp.said(context.out)}};
    return Exit::ok;
}

}  // namespace

Run define_sign(CLI::App& command) {
    const auto options = std::make_shared<SignOptions>();
    command.add_option("file", options->input, tr("The file to sign (- for standard input); it stays as it is"))
        ->required()
        ->type_name("");
    command.add_option("-o,--output", options->output, tr("Write the signature here (FILE.p7s if not given)"))
        ->type_name(tr("FILE"));
    command.add_flag("--force", options->force, tr("Overwrite the output"));
    options->timestamp.add_to(command);
    options->pin.add_to(command, tr("The PIN"));
    return [options](Context& context) {
        return explained(Purpose::making, [&] { return sign_file(context, *options); });
    };
}

}  // namespace sealkey::cli
