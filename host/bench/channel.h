// The bench's side of a key's secure channel.
#pragma once

#include <optional>

#include "ca/channel_master.h"
#include "token/token.h"

namespace sealkey::bench {

// Whether these channel keys open the token, and who it says it is; nothing is left open. Anything but a refusal (the
// token gone, an answer that can't be understood) is thrown on: it proves nothing.
[[nodiscard]] std::optional<token::CardIdentity> opened_by(token::Token& token, const token::ChannelKeys& keys);
[[nodiscard]] bool channel_opens(token::Token& token, const token::ChannelKeys& keys);

// Whether the factory's keys open it, by their own version or by any.
[[nodiscard]] bool transport_opens(token::Token& token, const token::ChannelKeys& transport);

// Whether it has no transport keys any more: by any keys of their version, the keys' own or not.
[[nodiscard]] bool transport_replaced(token::Token& token, const token::ChannelKeys& any);

// From the factory's keys to its own, whole or not at all, and also where that was done before. The channel is open
// with its own afterwards. Throws CaError quality if the factory's still open it.
void take_over(token::Token& token, ca::ChannelCrypto& crypto, const token::ChannelKeys& transport,
               const token::ChannelKeys& own);

}  // namespace sealkey::bench
