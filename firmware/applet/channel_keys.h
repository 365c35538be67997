// The secure channel on the token: its stored key set, opening it, replacing the keys (docs/apdu.md, "The secure
// channel").
#pragma once

#include "applet/commands.h"
#include "applet/state.h"
#include "iso7816/response.h"

namespace sealkey::applet {

struct ChannelKeySet {
    std::uint8_t version = 0;  // KVN
    channel::Keys keys;
};

// not_found: this token has no channel.
[[nodiscard]] Result<ChannelKeySet> load_channel_keys(const Core& core);
// In a transaction with room for kChannelKeysSize bytes in kChannelKeysObjects objects. Sequence counters begin anew.
[[nodiscard]] Status store_channel_keys(Core& core, store::Transaction& transaction, const ChannelKeySet& set);
[[nodiscard]] Status drop_channel_keys(Core& core, store::Transaction& transaction);
inline constexpr std::uint32_t kChannelKeysSize = 98 + store::Vault::kOverhead;
inline constexpr std::uint32_t kChannelKeysObjects = 2;

// Whether the factory's keys are still in.
[[nodiscard]] Result<bool> has_transport_keys(const Core& core);

[[nodiscard]] StatusWord run_initialize_update(Core& core, const InitializeUpdate& command,
                                               iso7816::Response& response);
[[nodiscard]] StatusWord run_external_authenticate(Core& core, const ExternalAuthenticate& command);
[[nodiscard]] StatusWord run_put_key(Core& core, const PutKey& command, iso7816::Response& response);

}  // namespace sealkey::applet
