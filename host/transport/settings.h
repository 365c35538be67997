// What a person's environment chooses about the way to a key. In a program that runs with another's rights (setuid)
// nothing is set.
#pragma once

#include <string_view>

namespace sealkey::transport {

// SEALKEY_APDU: `short` or `extended`; whatever else stands there leaves it to the reader's own word.
enum class ApduLength { of_reader, short_only, extended };
[[nodiscard]] ApduLength apdu_length_setting() noexcept;

// SEALKEY_SIM_SOCKETS: paths of simulators' sockets, separated by colons; empty: none.
[[nodiscard]] std::string_view simulator_sockets_setting() noexcept;

}  // namespace sealkey::transport
