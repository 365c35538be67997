// PINs, codes and passphrases: from a hidden prompt, a file or the environment. Never from an argument, where every
// user of the machine can read them.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "base/bytes.h"
#include "base/secret.h"

namespace sealkey::cli {

inline constexpr std::size_t kMaxSecret = 1024;
using SecretText = Secret<kMaxSecret>;

// One secret that a command may need. Order: --NAME-file, the environment variable (removed from the environment once
// read), a prompt on the terminal with echo off.
class SecretInput {
public:
    // `name` "new-pin" gives --new-pin-file; `environment` "SEALKEY_NEW_PIN".
    SecretInput(std::string name, std::string environment) : name_(std::move(name)), env_(std::move(environment)) {}

    // Adds --NAME-file to a command. Its help text says what the secret is.
    void add_to(CLI::App& command, const std::string& what);

    // True when file or environment give it, so that no prompt is needed.
    [[nodiscard]] bool given() const;

    // Reads it once; a trailing line end is cut off. Throws Failed: cancelled if nobody can be asked or the user
    // stopped, file_error, bad_input if longer than kMaxSecret.
    // `confirm`: a prompt asks twice; the two must agree (bad_input; asked three times at most).
    [[nodiscard]] SecretText read(const std::string& prompt, bool confirm = false) const;

private:
    std::string name_;
    std::string env_;
    std::string file_;
};

// Whether there is a terminal to ask on.
[[nodiscard]] bool has_terminal();
// One line from the terminal with echo off; the echo comes back whatever happens, Ctrl-C included.
[[nodiscard]] SecretText prompt_hidden(const std::string& prompt);
// One line from the terminal, seen (a reset code is read from paper and may be compared). Wiped like the others.
[[nodiscard]] SecretText prompt_visible(const std::string& prompt);

}  // namespace sealkey::cli
