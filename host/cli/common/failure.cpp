#include "cli/common/failure.h"

#include <iterator>

#include "cli/common/i18n.h"
#include "transport/usb/provider.h"

namespace sealkey::cli {

namespace {

using token::Kind;

struct KindRow {
    Kind kind;
    Exit code;
    const char* message;
};

// One row a kind; wrong_* and locked get their tries added below.
constexpr KindRow kKinds[] = {
    {Kind::wrong_pin, Exit::wrong_secret, mark("The PIN is wrong.")},
    {Kind::wrong_puk, Exit::wrong_secret, mark("The PUK is wrong.")},
    {Kind::wrong_code, Exit::wrong_secret, mark("The code is wrong.")},
    {Kind::locked, Exit::locked,
     mark("The key is locked. Nothing on it is lost: keys, certificates and seal are safe. Run `sealkey unlock` to "
          "see the request code for your provider.")},
    {Kind::not_verified, Exit::not_allowed,
     mark("The key wants its PIN first, or this may only be done by your provider. Nothing was changed.")},
    {Kind::not_allowed, Exit::not_allowed,
     mark("The key doesn't allow this in its present state. Nothing was changed. `sealkey status` shows the state.")},
    {Kind::bad_data, Exit::bad_input,
     mark("The key refused what it was given. Nothing was changed, no try was spent.")},
    {Kind::bad_argument, Exit::bad_input,
     mark("A PIN has 6 to 8 characters. Nothing was sent to the key, no try was spent.")},
    {Kind::not_found, Exit::not_found, mark("This isn't on the key.")},
    {Kind::no_space, Exit::not_allowed, mark("There is no room left on the key. Nothing was changed.")},
    {Kind::unsupported, Exit::not_allowed, mark("This key doesn't know the command. Nothing was changed.")},
    {Kind::not_a_sealkey, Exit::no_key, mark("The card in the reader isn't a sealkey.")},
    {Kind::lying_token, Exit::not_verified,
     mark("The card couldn't prove that it is the key it says it is. Don't use it; tell your provider.")},
    {Kind::malformed_answer, Exit::failed,
     mark("The key's answer can't be understood. Unplug it, plug it in again and repeat the command.")},
    {Kind::token_failure, Exit::failed,
     mark("The key reports a fault. Unplug it, plug it in again and repeat the command; if it stays so, ask your "
          "provider.")},
};

struct FailureRow {
    transport::Failure failure;
    Exit code;
    const char* message;
};
constexpr FailureRow kFailures[] = {
    {transport::Failure::no_service, Exit::no_service,
     mark("The smart-card service can't be reached. Start it (systemctl start pcscd.socket) and try again.")},
    {transport::Failure::no_reader, Exit::no_key, mark("The key was taken out, or the reader has gone.")},
    {transport::Failure::no_card, Exit::no_key, mark("The key was taken out, or the reader is empty.")},
    {transport::Failure::card_reset, Exit::no_service,
     mark("Another program reset the key. Nothing is lost; repeat the command.")},
    {transport::Failure::in_use, Exit::no_service,
     mark("Another program is holding the key. Close it, or wait until it has finished, and try again.")},
    {transport::Failure::timeout, Exit::no_service,
     mark("The key didn't answer in time. Unplug it, plug it in again and look at `sealkey status` before you repeat "
          "the command.")},
    {transport::Failure::communication, Exit::no_service,
     mark("The connection to the key failed. Unplug it, plug it in again and look at `sealkey status` before you "
          "repeat the command.")},
};

// Where SEALKEY_USB chose another way to the key, another cure helps.
constexpr FailureRow kUsbFailures[] = {
    {transport::Failure::no_service, Exit::no_service,
     mark("Keys can't be used over USB. Let an administrator allow this user to open them, or unset SEALKEY_USB to go "
          "through the smart-card service.")},
    {transport::Failure::in_use, Exit::no_service,
     mark("Another program is holding the key, perhaps the smart-card service. End it (systemctl stop pcscd.socket "
          "pcscd), or unset SEALKEY_USB to go through it.")},
};

constexpr const char* kExitNames[] = {"ok",           "failed",       "usage",       "no_key",     "several_keys",
                                      "wrong_secret", "locked",       "not_allowed", "not_found",  "no_service",
                                      "bad_input",    "not_verified", "cancelled",   "file_error", "timeout"};

static_assert(std::size(kExitNames) == static_cast<std::size_t>(Exit::timeout) + 1, "one name a code");

}  // namespace

const char* exit_name(Exit code) {
    const auto index = static_cast<std::size_t>(code);
    return index < std::size(kExitNames) ? kExitNames[index] : "failed";
}

std::string tries_left_text(int tries) {
    return fill(trn("%1 try left.", "%1 tries left.", static_cast<unsigned long>(tries)), {std::to_string(tries)});
}

Failed explain(const token::TokenError& error) {
    nlohmann::json details = {{"detail", error.what()}};
    if (error.status_word() != 0) details["status_word"] = error.status_word();
    if (error.tries_left()) details["tries_left"] = *error.tries_left();
    for (const auto& row : kKinds) {
        if (row.kind != error.kind()) continue;
        std::string message = tr(row.message);
        const bool presented =
            error.kind() == Kind::wrong_pin || error.kind() == Kind::wrong_puk || error.kind() == Kind::wrong_code;
        if (!presented || !error.tries_left()) return {row.code, message, details};
        if (*error.tries_left() > 0) return {row.code, message + " " + tries_left_text(*error.tries_left()), details};
        if (error.kind() == Kind::wrong_pin) {
            message += " ";
            message +=
                tr("That was the last try: the key is locked now. Nothing on it is lost. Run `sealkey unlock` "
                   "to see the request code for your provider.");
        } else if (error.kind() == Kind::wrong_code) {
            message += " ";
            message +=
                tr("That was the last try for it. Nothing on the key is lost, but it needs a new code now: run "
                   "`sealkey unlock` to see the new request code.");
        } else {
            message += " ";
            message += tr("That was the last try: the PUK is blocked now.");
        }
        return {Exit::locked, message, details};
    }
    return {Exit::failed, error.what(), details};
}

Failed explain(const transport::TransportError& error) {
    const nlohmann::json details = {{"detail", error.what()}};
    const auto usb = transport::usb_setting();
    if (usb == transport::UsbChoice::mistaken) {
        return {Exit::usage,
                tr("SEALKEY_USB must be 1, for keys over USB without the smart-card service, or 0, or not set."),
                details};
    }
    for (const auto& row : kUsbFailures) {
        if (usb == transport::UsbChoice::yes && row.failure == error.failure())
            return {row.code, tr(row.message), details};
    }
    for (const auto& row : kFailures) {
        if (row.failure == error.failure()) return {row.code, tr(row.message), details};
    }
    return {Exit::failed, error.what(), details};
}

Failed explain(const token::CodeError& error) {
    std::string message;
    switch (error.fault()) {
        case token::CodeFault::empty:
            message = tr("No code was given.");
            break;
        case token::CodeFault::not_a_digit:
            message = tr("A code has digits only.");
            break;
        case token::CodeFault::too_short:
        case token::CodeFault::too_long:
            message =
                fill(tr("A code has 16 digits in four groups; this one has %1."), {std::to_string(error.digits())});
            break;
        case token::CodeFault::wrong_check_digit:
            message = tr("The code has a typing slip: its check digit doesn't fit. Compare it with your mail.");
            break;
    }
    message += " ";
    message += tr("The key wasn't asked, no try was spent.");
    return {Exit::bad_input, message, {{"detail", error.what()}}};
}

}  // namespace sealkey::cli
