// sealkey activate, unlock: a one-time code and a new PIN in one command of the key.
#include <memory>

#include "cli/sealkey/commands.h"
#include "cli/sealkey/describe.h"
#include "cli/sealkey/files.h"
#include "cli/sealkey/pin_rules.h"

namespace sealkey::cli {

namespace {

struct CodeOptions {
    SecretInput code{"code", "SEALKEY_CODE"};
    SecretInput new_pin{"new-pin", "SEALKEY_NEW_PIN"};
    SecretInput puk{"puk", "SEALKEY_PUK"};
    bool by_puk = false;
    bool show = false;
    std::string statement_file;
};

nlohmann::json lock_details(const token::TokenStatus& status) {
    nlohmann::json details = {{"serial", status.serial}, {"state", state_name(state_of(status))}};
    if (const auto code = request_code(status); !code.empty()) {
        details["request_code"] = code;
        details["code_tries_left"] = status.lock.code_tries_left;
    }
    return details;
}

// A code's text to digits; the check digit is looked at before the key is.
token::CodeDigits read_code(const SecretInput& input, const char* prompt) {
    const SecretText text = input.given() ? input.read({}) : prompt_visible(prompt);
    return token::parse_code({reinterpret_cast<const char*>(text.bytes().data()), text.bytes().size()});
}

// After a wrong code the state is read again: a burned event has a new request code.
[[noreturn]] void explain_wrong_code(FoundKey& key, const token::TokenError& error) {
    const auto status = key.token->token_status();
    nlohmann::json details = lock_details(status);
    details["tries_left"] = error.tries_left().value_or(0);
    if (state_of(status) == KeyState::bench_only) {
        throw Failed(Exit::locked, std::string(tr("The code is wrong.")) + " " + state_text(status), details);
    }
    if (error.tries_left().value_or(0) > 0) {
        throw Failed(Exit::wrong_secret,
                     fill(tr("The code is wrong for this key. %1 Compare it with your mail; the key's serial number is "
                             "%2, its request code %3."),
                          {tries_left_text(*error.tries_left()), status.serial, request_code(status)}),
                     details);
    }
    throw Failed(Exit::locked,
                 fill(tr("The code is wrong, and that was the last try for it. Nothing on the key is lost. Ask your "
                         "provider for a new code with serial number %1 and request code %2."),
                      {status.serial, request_code(status)}),
                 details);
}

void redeem(FoundKey& key, const token::CodeDigits& code, const SecretText& pin) {
    try {
        key.token->redeem_code(code, pin.bytes());
    } catch (const token::TokenError& error) {
        if (error.kind() == token::Kind::wrong_code || error.kind() == token::Kind::locked) {
            explain_wrong_code(key, error);
        }
        if (error.kind() == token::Kind::bad_data) {
            throw Failed(Exit::bad_input, tr("The key refuses the new PIN: too easy to guess. No try of the code was "
                                             "spent; repeat the command with another PIN."));
        }
        throw;
    }
}

SecretText read_new_pin(const CodeOptions& options, const token::TokenStatus& status) {
    SecretText pin = options.new_pin.read(tr("New PIN (6 to 8 characters):"), true);
    require_good_pin(pin.bytes(), status);
    return pin;
}

Exit activate(Context& context, const CodeOptions& options) {
    FoundKey key = context.choice.open();
    const KeyState state = state_of(key.status);
    if (state == KeyState::ready) {
        throw Failed(Exit::not_allowed,
                     tr("This key is active already. Nothing was changed; `sealkey change-pin` changes "
                        "the PIN."),
                     lock_details(key.status));
    }
    if (state != KeyState::to_be_activated) {
        throw Failed(state == KeyState::locked || state == KeyState::bench_only ? Exit::locked : Exit::not_allowed,
                     state_text(key.status), lock_details(key.status));
    }
    const auto code = read_code(options.code, tr("Activation code (16 digits):"));
    const auto pin = read_new_pin(options, key.status);
    redeem(key, code, pin);
    context.out.say(fill(tr("Key %1 is active. The activation code is used up; from now on your PIN opens the key."),
                         {key.status.serial}));
    context.out.result = {{"serial", key.status.serial}};
    return Exit::ok;
}

void write_statement(FoundKey& key, const std::string& file) {
    const auto statement = key.token->lock_statement();
    if (!statement) throw Failed(Exit::not_found, tr("The key has no lock statement: it isn't locked."));
    const std::string text = hex(statement->bytes) + "\n";
    write_file(file, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

void show_request(Context& context, const token::TokenStatus& status) {
    context.out.field(tr("Serial number"), status.serial);
    context.out.field(tr("Request code"), request_code(status));
    context.out.field(tr("Code tries left"), std::to_string(status.lock.code_tries_left));
    context.out.say(
        tr("The key is locked. Nothing on it is lost. Send serial number and request code to your provider; "
           "with the reset code from the mail you get, run `sealkey unlock` again."));
}

Exit unlock_by_puk(Context& context, FoundKey& key, const CodeOptions& options) {
    if (key.status.profile != protocol::Profile::compatibility) {
        throw Failed(Exit::not_allowed,
                     tr("This key has no PUK: it is unlocked with a reset code from your provider. Run "
                        "`sealkey unlock`."),
                     lock_details(key.status));
    }
    if (key.status.puk.blocked) throw Failed(Exit::locked, tr("The PUK is blocked."), lock_details(key.status));
    const auto puk = options.puk.read(tr("PUK:"));
    const auto pin = read_new_pin(options, key.status);
    key.token->unblock(puk.bytes(), pin.bytes());
    context.out.say(tr("The key is unlocked with the new PIN."));
    context.out.result = {{"serial", key.status.serial}};
    return Exit::ok;
}

Exit unlock(Context& context, const CodeOptions& options) {
    FoundKey key = context.choice.open();
    if (options.by_puk || options.puk.given()) return unlock_by_puk(context, key, options);
    const KeyState state = state_of(key.status);
    if (state == KeyState::ready) {
        throw Failed(
            Exit::not_allowed,
            fill(tr("This key isn't locked. %1 Nothing was changed."), {tries_left_text(key.status.pin.tries_left)}),
            lock_details(key.status));
    }
    if (state != KeyState::locked) {
        throw Failed(state == KeyState::bench_only ? Exit::locked : Exit::not_allowed, state_text(key.status),
                     lock_details(key.status));
    }
    if (request_code(key.status).empty()) {
        throw Failed(Exit::not_allowed, state_text(key.status), lock_details(key.status));
    }
    if (!options.statement_file.empty()) write_statement(key, options.statement_file);
    if (!options.code.given()) show_request(context, key.status);
    context.out.result = lock_details(key.status);
    if (const auto statement = key.token->lock_statement()) context.out.result["statement"] = hex(statement->bytes);
    if (options.show || !options.statement_file.empty()) return Exit::ok;
    // A program that gives no code wants to know what to ask for.
    if (!options.code.given() && (context.out.json() || !has_terminal())) return Exit::ok;
    const auto code = read_code(options.code, tr("Reset code (16 digits; Ctrl-C if you don't have it yet):"));
    const auto pin = read_new_pin(options, key.status);
    redeem(key, code, pin);
    context.out.say(tr("The key is unlocked with the new PIN. The reset code is used up."));
    context.out.result = {{"serial", key.status.serial}};
    if (const auto done = key.token->token_status().reset_done) {
        context.out.result["proof"] = {{"counter", done->counter}, {"cmac", hex(done->proof)}};
    }
    return Exit::ok;
}

}  // namespace

Run define_activate(CLI::App& command) {
    const auto options = std::make_shared<CodeOptions>();
    options->code.add_to(command, tr("The activation code"));
    options->new_pin.add_to(command, tr("The first PIN"));
    return [options](Context& context) { return activate(context, *options); };
}

Run define_unlock(CLI::App& command) {
    const auto options = std::make_shared<CodeOptions>();
    options->code.add_to(command, tr("The reset code"));
    options->new_pin.add_to(command, tr("The new PIN"));
    command.add_flag("--show", options->show, tr("Only show the request code"));
    command
        .add_option("--statement", options->statement_file,
                    tr("Write the lock statement for the provider to this file"))
        ->type_name(tr("FILE"));
    command.add_flag("--puk", options->by_puk, tr("Unlock by PUK (compatibility profile)"));
    options->puk.add_to(command, tr("The PUK"));
    return [options](Context& context) { return unlock(context, *options); };
}

}  // namespace sealkey::cli
