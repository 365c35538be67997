// SEALKEY_LOG=PATH (or "stderr"): one line a call with its return code and time, and one a command to the card, without
// its data. Never a PIN, a key, a message or a signature.
#pragma once

#include <chrono>

#include "cryptoki.h"

namespace sealkey::pkcs11::log {

[[nodiscard]] bool enabled();
// printf's rules; a line break is added.
[[gnu::format(printf, 1, 2)]] void line(const char* format, ...);

// A call from its entry to its end.
class Call {
public:
    explicit Call(const char* name);
    // What the call is about, kept for its line: handles, mechanism, counts.
    [[gnu::format(printf, 2, 3)]] void note(const char* format, ...);
    CK_RV done(CK_RV code);

private:
    const char* name_;
    bool enabled_;
    char note_[120] = "";
    std::chrono::steady_clock::time_point start_;
};

[[nodiscard]] const char* name_of(CK_RV code);

}  // namespace sealkey::pkcs11::log
