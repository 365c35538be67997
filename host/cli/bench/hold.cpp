// sealkey-bench suspend, lost, resume
#include "bench/hold.h"

#include "cli/bench/bench_common.h"
#include "cli/bench/crl.h"

namespace sealkey::cli {

namespace {

struct HoldOptions {
    BenchOptions bench;
    std::string why;
    std::string statement;
};

using Change = int (*)(bench::Inventory&, const HoldOptions&, const std::string& serial);

// The list must follow what is written, so that the passphrase is known to be right first.
Exit change_and_publish(Context& context, const HoldOptions& options, Change change, const char* told) {
    const ca::Authority authority(options.bench.directory());
    const std::string serial = required_serial(context);
    const SecretText passphrase = options.bench.passphrase();
    (void)authority.issuing_key(passphrase.bytes());
    const auto inventory = options.bench.inventory(authority);
    const int count = change(*inventory, options, serial);
    const std::string state = bench::name_of(inventory->token(serial).state);
    context.out.say(fill(told, {serial, std::to_string(count), state}));
    context.out.result = {{"serial", serial}, {"state", state}, {"certificates", count}};
    write_crl(context, authority, *inventory, passphrase.bytes(), options.bench.operator_name(), 0);
    return Exit::ok;
}

std::shared_ptr<HoldOptions> options_of(CLI::App& command) {
    auto options = std::make_shared<HoldOptions>();
    options->bench.add_to(command, true);
    command.add_option("--why", options->why, tr("In words, for the audit trail"))->required()->type_name(tr("TEXT"));
    return options;
}

}  // namespace

Run define_suspend(CLI::App& command) {
    const auto options = options_of(command);
    return explained([options](Context& context) {
        return change_and_publish(
            context, *options,
            [](bench::Inventory& inventory, const HoldOptions& given, const std::string& serial) {
                return bench::suspend(inventory, given.bench.operator_name(), serial, given.why);
            },
            tr("Key %1 is suspended: %2 certificates are on hold."));
    });
}

Run define_lost(CLI::App& command) {
    const auto options = options_of(command);
    command.add_option("--statement", options->statement, tr("The enterprise's statement, as a file"))
        ->required()
        ->type_name(tr("FILE"));
    return explained([options](Context& context) {
        return change_and_publish(
            context, *options,
            [](bench::Inventory& inventory, const HoldOptions& given, const std::string& serial) {
                return bench::report_lost(inventory, given.bench.operator_name(), serial,
                                          ca::read_file(given.statement), given.why);
            },
            tr("Key %1 is reported lost: %2 certificates are on hold. Order its replacement, or resume it if it is "
               "found."));
    });
}

Run define_resume(CLI::App& command) {
    const auto options = options_of(command);
    return explained([options](Context& context) {
        return change_and_publish(
            context, *options,
            [](bench::Inventory& inventory, const HoldOptions& given, const std::string& serial) {
                return bench::resume(inventory, given.bench.operator_name(), serial, given.why);
            },
            tr("Key %1 is %3 again: %2 certificates are good."));
    });
}

}  // namespace sealkey::cli
