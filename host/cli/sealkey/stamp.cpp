// sealkey stamp
#include <cstdlib>
#include <memory>

#include "cli/sealkey/commands.h"
#include "cli/sealkey/describe.h"
#include "cli/sealkey/files.h"
#include "cli/sealkey/pin_entry.h"
#include "cli/sealkey/signing.h"
#include "sign/pdf_stamp.h"

namespace sealkey::cli {

namespace {

struct StampOptions {
    std::string input;
    std::string output;
    int page = 1;
    std::string at;
    std::string reason;
    bool force = false;
    TrustFiles trust;
    TimestampChoice timestamp;
    SecretInput pin{"pin", "SEALKEY_PIN"};
};

// "120,200": two numbers with a dot, whatever the locale.
std::pair<double, double> parse_place(const std::string& text) {
    const char* p = text.c_str();
    char* end = nullptr;
    const double x = std::strtod(p, &end);
    if (end != p && *end == ',') {
        p = end + 1;
        const double y = std::strtod(p, &end);
        if (end != p && *end == '\0') return {x, y};
    }
    throw Failed(Exit::usage, tr("--at wants two numbers, millimetres from the left and the top edge: --at 120,200"));
}

seal::Seal seal_on(FoundKey& key) {
    Busy busy(tr("Reading from the key"));
    const auto der =
        sign::read_seal(*key.token, [&busy](std::size_t done, std::size_t total) { busy.advance(done, total); });
    if (!der) throw sign::SignError(sign::Fault::no_seal, sign::mark("There is no seal on the key."));
    return seal::parse_seal(*der);
}

Exit stamp_file(Context& context, StampOptions& options) {
    const auto [x, y] = parse_place(options.at);
    if (context.out.json() && options.output == "-")
        throw Failed(Exit::usage, tr("With --json, say where to write with --output."));
    require_new_file(options.output, options.input, options.force);
    const auto timestamper = options.timestamp.timestamper();
    const auto pdf = read_file(options.input, kMaxSignedFile);
    const sign::Trust trust = options.trust.read();
    FoundKey key = context.choice.open();
    require_usable_pin(key.status);
    const seal::Seal seal = seal_on(key);
    const auto signer = signing_key(key, 0x9C, options.pin);
    const auto now = time_now();
    sign::require_stampable(*signer, seal, now);
    if (options.trust.has_seal_authorities()) require_maker(seal, trust, now);
    const auto stamped = sign::stamp_pdf(pdf, *signer, seal, {options.page, x, y, options.reason, timestamper}, now);
    write_file(options.output, stamped);
    if (options.output != "-")
        context.out.say(fill(tr("Stamped with the seal of %1: %2, page %3."),
                             {printable(seal.info.name), options.output, std::to_string(options.page)}));
    context.out.result = {{"serial", key.status.serial},
                          {"file", options.input},
                          {"stamped", options.output},
                          {"page", options.page},
                          {"x_mm", x},
                          {"y_mm", y},
                          {"bytes", stamped.size()},
                          {"timestamp", options.timestamp.said(context.out)},
                          {"seal", seal_json(seal)}};
    return Exit::ok;
}

}  // namespace

Run define_stamp(CLI::App& command) {
    const auto options = std::make_shared<StampOptions>();
    command.add_option("input", options->input, tr("The PDF to stamp; it stays as it is"))->required()->type_name("");
    command.add_option("output", options->output, tr("Where to write the stamped PDF"))->required()->type_name("");
    command.add_option("--page", options->page, tr("The page, from 1 on (1 if not given)"))->type_name("N");
    command
        .add_option("--at", options->at,
                    tr("Where the seal's upper left corner goes: millimetres from the left and the top edge"))
        ->required()
        ->type_name("X,Y");
    command.add_option("--reason", options->reason, tr("Why it is stamped, for the signature's properties"))
        ->type_name(tr("TEXT"));
    options->trust.add_to(command, false, true);
    command.add_flag("--force", options->force, tr("Overwrite the output"));
    options->timestamp.add_to(command);
    options->pin.add_to(command, tr("The PIN"));
    return [options](Context& context) {
        return explained(Purpose::making, [&] { return stamp_file(context, *options); });
    };
}

}  // namespace sealkey::cli
