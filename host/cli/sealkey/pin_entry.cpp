#include "cli/sealkey/pin_entry.h"

#include "cli/sealkey/describe.h"

namespace sealkey::cli {

void require_usable_pin(const token::TokenStatus& status) {
    const KeyState state = state_of(status);
    if (state == KeyState::ready) return;
    const bool locked = state == KeyState::locked || state == KeyState::bench_only;
    nlohmann::json details = {{"state", state_name(state)}};
    if (const auto code = request_code(status); !code.empty()) details["request_code"] = code;
    throw Failed(locked ? Exit::locked : Exit::not_allowed, state_text(status), details);
}

std::string pin_prompt(const token::TokenStatus& status) {
    if (status.pin.tries_left >= status.pin.tries_max) return tr("PIN:");
    return fill(tr("PIN (%1)"), {tries_left_text(status.pin.tries_left)}) + ":";
}

void explain_wrong_pin(FoundKey& key, const token::TokenError& error) {
    const Failed told = explain(error);
    if (told.code() != Exit::locked) throw told;
    const auto status = key.token->token_status();
    auto details = told.details();
    details["state"] = state_name(state_of(status));
    if (const auto code = request_code(status); !code.empty()) details["request_code"] = code;
    throw Failed(Exit::locked, std::string(tr("The PIN is wrong.")) + " " + state_text(status), details);
}

}  // namespace sealkey::cli
