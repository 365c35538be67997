// The master of the tokens' secure channels: channel.json in the CA's folder, sealed under its passphrase like
// masters.json and apart from it, since the first CAs had none.
#pragma once

#include <string_view>

#include "ca/authority.h"
#include "ca/channel_crypto.h"

namespace sealkey::ca {

struct ChannelMaster {
    std::uint8_t version = 1;  // KVN of the keys made from it
    Key256 key;
};

// Throws CaError exists, file. Part of making a CA, and for one that was made before there were secure channels.
void create_channel_master(const std::string& directory, Bytes passphrase);
// Throws CaError unknown where there is none (says what to do), bad_passphrase, corrupt, file.
[[nodiscard]] ChannelMaster read_channel_master(const Authority& authority, Bytes passphrase);

// A token's key diversification data(10): the ten digits of its serial. Throws CaError bad_argument.
[[nodiscard]] std::array<std::uint8_t, protocol::kKddSize> channel_kdd(std::string_view serial);
// Its keys: AES-256, KDF of SCP03 over the KDD with constants 01 ENC, 02 MAC, 03 DEK.
[[nodiscard]] token::ChannelKeys channel_keys(const ChannelMaster& master, std::string_view serial);

}  // namespace sealkey::ca
