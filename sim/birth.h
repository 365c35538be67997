// The factory's part of a simulated token's life, and the birth of a plain PIV token.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "protocol/key.h"
#include "state_file.h"
#include "token/scp03.h"

namespace sealkey::sim {

// The factory's set: three random AES-256 keys.
using TransportKeys = token::ChannelKeys;
using Transmit = std::function<std::vector<std::uint8_t>(Bytes)>;

// The factory record lies beside the state file, for the bench to read: STATE.birth.json.
[[nodiscard]] std::string birth_record_path(const std::string& state_path);

// Writes the record (mode 0600, whole or not at all).
void write_birth_record(const StateFile& state, const TransportKeys& keys);
// Reads the transport keys back. Throws StateError.
[[nodiscard]] TransportKeys read_birth_record(const StateFile& state);

[[nodiscard]] TransportKeys new_transport_keys();

// What the token says of itself.
struct TokenState {
    protocol::Profile profile;
    protocol::Lifecycle lifecycle;
};
// Throws StateError when it doesn't answer as it must.
[[nodiscard]] TokenState token_state(const Transmit& transmit);

// Makes a BLANK token one of the compatibility profile, by APDUs alone, with the published default secrets. Throws
// StateError.
void initialise_compatibility(const StateFile& state, const TransportKeys& keys, const Transmit& transmit);

}  // namespace sealkey::sim
