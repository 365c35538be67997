// sealkey-bench check
#include "bench/quality.h"
#include "cli/bench/bench_common.h"

namespace sealkey::cli {

namespace {

struct CheckOptions {
    BenchOptions bench;
    SecretInput pin{"pin", "SEALKEY_PIN"};
};

Exit check(Context& context, const CheckOptions& options) {
    const ca::Authority authority(options.bench.directory());
    const auto inventory = options.bench.inventory(authority);
    FoundKey key = context.choice.open();
    const auto row = inventory->token(key.status.serial);
    if (row.step != "done") {
        throw Failed(Exit::not_allowed, fill(tr("Key %1 isn't finished: run its issue again."), {row.serial}),
                     {{"serial", row.serial}});
    }
    std::vector<std::string> checks;
    const bench::Checked checked = [&](const std::string& what) {
        checks.push_back(what);
        context.out.say(fill(tr("  right: %1"), {what}));
    };
    const auto expected = bench::expected_of(*inventory, authority, row);
    bench::check_contents(*key.token, expected, authority, checked);
    const bool undelivered =
        row.profile == "shipping" && key.status.lock.state == protocol::LockState::activation_pending;
    if (undelivered) {
        const SecretText passphrase = options.bench.passphrase();
        const ca::Masters masters = authority.masters(passphrase.bytes());
        const ca::ChannelMaster channel_master = ca::read_channel_master(authority, passphrase.bytes());
        bench::check_secrets(*key.token, expected, {masters, channel_master}, {}, checked);
    }
    if (options.pin.given()) {
        const SecretText pin = options.pin.read(tr("PIN of the key: "));
        bench::check_by_opensc(key.reader, pin.bytes(), expected, checked);
    }
    context.out.say(fill(tr("Key %1 is what was ordered."), {row.serial}));
    context.out.result = {{"serial", row.serial}, {"checks", checks}};
    return Exit::ok;
}

}  // namespace

Run define_check(CLI::App& command) {
    auto options = std::make_shared<CheckOptions>();
    options->bench.add_to(command, true);
    options->pin.add_to(command, tr("PIN of the key: its private keys are used by OpenSC too"));
    return explained([options](Context& context) { return check(context, *options); });
}

}  // namespace sealkey::cli
