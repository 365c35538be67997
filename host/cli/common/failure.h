// How a command ends: one table of exit codes for `sealkey` and `sealkey-bench` (docs/cli.md), and the exception that
// carries one to main().
#pragma once

#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

#include "token/codes.h"
#include "token/error.h"
#include "transport/transport.h"

namespace sealkey::cli {

enum class Exit : int {
    ok = 0,
    failed = 1,         // anything not named below
    usage = 2,          // the command line isn't right; nothing was done
    no_key = 3,         // no key plugged in, or none with this serial
    several_keys = 4,   // more than one: --serial or --reader chooses
    wrong_secret = 5,   // wrong PIN, PUK, code or passphrase
    locked = 6,         // the PIN, PUK or code has no tries left
    not_allowed = 7,    // the key's state or a rule doesn't allow it
    not_found = 8,      // what was asked for isn't on the key or in the file
    no_service = 9,     // the smart-card service or the reader can't be used
    bad_input = 10,     // a file, code or new PIN was refused before the key was asked to change anything
    not_verified = 11,  // a signature, seal or check turned out wrong
    cancelled = 12,     // the user stopped it, or no secret was given
    file_error = 13,    // a file can't be read or written
    timeout = 14,       // nothing happened within the time given
};

// The name in JSON: "wrong_secret".
[[nodiscard]] const char* exit_name(Exit code);

// `message` is translated and for people: what happened, what is still safe, what to do next.
class Failed : public std::runtime_error {
public:
    Failed(Exit code, const std::string& message, nlohmann::json details = nlohmann::json::object())
        : std::runtime_error(message), code_(code), details_(std::move(details)) {}
    [[nodiscard]] Exit code() const { return code_; }
    [[nodiscard]] const nlohmann::json& details() const { return details_; }  // further fields of the JSON error

private:
    Exit code_;
    nlohmann::json details_;
};

// What the rooms below throw, told for people.
[[nodiscard]] Failed explain(const token::TokenError& error);
[[nodiscard]] Failed explain(const transport::TransportError& error);
[[nodiscard]] Failed explain(const token::CodeError& error);

// "5 tries left.", "This was the last try but one …": one text for every place.
[[nodiscard]] std::string tries_left_text(int tries);

}  // namespace sealkey::cli
