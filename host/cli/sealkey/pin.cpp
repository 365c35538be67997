// sealkey check-pin, change-pin
#include <memory>

#include "cli/sealkey/commands.h"
#include "cli/sealkey/pin_entry.h"
#include "cli/sealkey/pin_rules.h"

namespace sealkey::cli {

namespace {

struct PinOptions {
    SecretInput pin{"pin", "SEALKEY_PIN"};
    SecretInput new_pin{"new-pin", "SEALKEY_NEW_PIN"};
};

Exit check_pin(Context& context, const PinOptions& options) {
    FoundKey key = context.choice.open();
    require_usable_pin(key.status);
    const auto pin = options.pin.read(pin_prompt(key.status));
    try {
        key.token->verify(pin.bytes());
    } catch (const token::TokenError& error) {
        explain_wrong_pin(key, error);
    }
    // Another program's login, if there was one, isn't ours to end.
    if (!key.status.pin.verified) key.token->logout();
    context.out.say(tr("The PIN is right."));
    context.out.result = {{"serial", key.status.serial}};
    return Exit::ok;
}

Exit change_pin(Context& context, const PinOptions& options) {
    FoundKey key = context.choice.open();
    require_usable_pin(key.status);
    const auto old_pin = options.pin.read(pin_prompt(key.status));
    const auto new_pin = options.new_pin.read(tr("New PIN (6 to 8 characters):"), true);
    require_good_pin(new_pin.bytes(), key.status);
    try {
        key.token->change_pin(old_pin.bytes(), new_pin.bytes());
    } catch (const token::TokenError& error) {
        if (error.kind() == token::Kind::bad_data) {
            throw Failed(Exit::bad_input,
                         tr("The key refuses the new PIN: too easy to guess. The old PIN stays; no try "
                            "was spent."));
        }
        explain_wrong_pin(key, error);
    }
    context.out.say(tr("The PIN is changed."));
    context.out.result = {{"serial", key.status.serial}};
    return Exit::ok;
}

}  // namespace

Run define_check_pin(CLI::App& command) {
    const auto options = std::make_shared<PinOptions>();
    options->pin.add_to(command, tr("The PIN"));
    return [options](Context& context) { return check_pin(context, *options); };
}

Run define_change_pin(CLI::App& command) {
    const auto options = std::make_shared<PinOptions>();
    options->pin.add_to(command, tr("The PIN"));
    options->new_pin.add_to(command, tr("The new PIN"));
    return [options](Context& context) { return change_pin(context, *options); };
}

}  // namespace sealkey::cli
