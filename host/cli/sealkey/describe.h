// A key's state in words and in JSON, the same for every command.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "token/status.h"

namespace sealkey::cli {

// What a user can do with the key now; the name stands in JSON.
enum class KeyState { blank, at_bench, to_be_activated, ready, locked, bench_only, terminated };
[[nodiscard]] KeyState state_of(const token::TokenStatus& status);
[[nodiscard]] const char* state_name(KeyState state);
// One sentence, and what to do next.
[[nodiscard]] std::string state_text(const token::TokenStatus& status);

[[nodiscard]] const char* profile_name(protocol::Profile profile);  // "shipping", for JSON
[[nodiscard]] std::string profile_text(protocol::Profile profile);
[[nodiscard]] std::string slot_text(std::uint8_t slot);                   // "9A (login)"
[[nodiscard]] std::string slot_name(std::uint8_t slot);                   // "9A"
[[nodiscard]] std::string algorithm_name(protocol::Algorithm algorithm);  // "RSA-2048"
[[nodiscard]] std::string pin_text(const token::TokenStatus& status);
[[nodiscard]] std::string hex(Bytes bytes);

// The request code of an open lock event, empty if there is none.
[[nodiscard]] std::string request_code(const token::TokenStatus& status);
[[nodiscard]] nlohmann::json status_json(const token::TokenStatus& status);

}  // namespace sealkey::cli
