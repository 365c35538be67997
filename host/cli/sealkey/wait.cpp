// sealkey wait [--removal] [--timeout SECONDS]
#include <chrono>
#include <memory>

#include "cli/sealkey/commands.h"
#include "cli/sealkey/describe.h"
#include "transport/usb/provider.h"

namespace sealkey::cli {

namespace {

struct WaitOptions {
    bool removal = false;
    double timeout = 0;  // seconds; 0: for ever
};

const FoundKey* match(const Found& found, const std::string& serial) {
    for (const auto& key : found.keys) {
        if (serial.empty() || key.status.serial == serial) return &key;
    }
    return nullptr;
}

Exit wait(Context& context, const WaitOptions& options) {
    using Clock = std::chrono::steady_clock;
    const auto provider = transport::make_program_provider();
    const auto end = Clock::now() + std::chrono::milliseconds(static_cast<long>(options.timeout * 1000));
    for (;;) {
        const auto known = provider->readers();
        const Found found = find_keys(*provider);
        const FoundKey* key = match(found, context.choice.serial());
        if ((key != nullptr) != options.removal) {
            if (key != nullptr) {
                context.out.say(key->status.serial + "  " + state_text(key->status));
                context.out.result = status_json(key->status);
                context.out.result["reader"] = key->reader;
            }
            return Exit::ok;
        }
        auto step = std::chrono::milliseconds(60000);
        if (options.timeout > 0) {
            step = std::min(step, std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()));
            if (step.count() <= 0) throw Failed(Exit::timeout, tr("Nothing happened within the time given."));
        }
        (void)provider->wait_for_change(known, step);
    }
}

}  // namespace

Run define_wait(CLI::App& command) {
    const auto options = std::make_shared<WaitOptions>();
    command.add_flag("--removal", options->removal, tr("Wait until the key has been taken out"));
    command.add_option("--timeout", options->timeout, tr("Give up after this many seconds"))
        ->type_name(tr("SECONDS"))
        ->check(CLI::NonNegativeNumber);
    return [options](Context& context) { return wait(context, *options); };
}

}  // namespace sealkey::cli
