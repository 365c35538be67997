// The factory's command (protocol/factory.h): a board that was just flashed waits for its transport keys.
#pragma once

#include <array>

#include "token/scp03.h"
#include "token/token.h"

namespace sealkey::token {

using ChipNumber = std::array<std::uint8_t, 8>;

// Whether this is a key of ours whose door stands open. Changes nothing, on any card. Throws TransportError, and
// TokenError token_failure for one that is in its error state.
[[nodiscard]] bool waits_for_manufacture(Token& token);

// MANUFACTURE, sent once. The keys are in when this is back; when it throws they may be.
[[nodiscard]] ChipNumber manufacture(Token& token, const ChannelKeys& transport);

}  // namespace sealkey::token
