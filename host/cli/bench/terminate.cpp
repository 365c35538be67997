// sealkey-bench terminate
#include "bench/terminate.h"

#include "cli/bench/bench_common.h"

namespace sealkey::cli {

namespace {

struct TerminateOptions {
    BenchOptions bench;
    std::string why;
};

Exit terminate_key(Context& context, const TerminateOptions& options) {
    const ca::Authority authority(options.bench.directory());
    const std::string serial = required_serial(context);
    const SecretText passphrase = options.bench.passphrase();
    const ca::ChannelMaster master = ca::read_channel_master(authority, passphrase.bytes());
    const auto inventory = options.bench.inventory(authority);
    (void)inventory->token(serial);  // unknown here is told as that, whatever is plugged in
    FoundKey key = context.choice.open();
    auto checks = nlohmann::json::array();
    bench::terminate(*inventory, master, *key.token, serial, options.why, options.bench.operator_name(),
                     [&](const std::string& what) {
                         checks.push_back(what);
                         context.out.say(fill(tr("  right: %1"), {what}));
                     });
    context.out.say(fill(tr("Key %1 is terminated: nothing is on it, and nothing opens it."), {serial}));
    context.out.result = {
        {"serial", serial}, {"state", bench::name_of(inventory->token(serial).state)}, {"checks", checks}};
    return Exit::ok;
}

}  // namespace

Run define_terminate(CLI::App& command) {
    auto options = std::make_shared<TerminateOptions>();
    options->bench.add_to(command, true);
    command.add_option("--why", options->why, tr("In words, for the audit trail"))->required()->type_name(tr("TEXT"));
    return explained([options](Context& context) { return terminate_key(context, *options); });
}

}  // namespace sealkey::cli
