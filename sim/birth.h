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

namespace sealkey::sim {

using TransportKey = std::array<std::uint8_t, 32>;
using Transmit = std::function<std::vector<std::uint8_t>(Bytes)>;

// The factory record lies beside the state file, for the bench to read: STATE.birth.json.
[[nodiscard]] std::string birth_record_path(const std::string& state_path);

// Writes the record (mode 0600, whole or not at all).
void write_birth_record(const StateFile& state, const TransportKey& key);
// Reads the transport key back. Throws StateError.
[[nodiscard]] TransportKey read_birth_record(const StateFile& state);

// What the token says of itself.
struct TokenState {
    protocol::Profile profile;
    protocol::Lifecycle lifecycle;
};
// Throws StateError when it doesn't answer as it must.
[[nodiscard]] TokenState token_state(const Transmit& transmit);

// Makes a BLANK token one of the compatibility profile, by APDUs alone, with the published default secrets. Throws
// StateError.
void initialise_compatibility(const StateFile& state, const TransportKey& key, const Transmit& transmit);

}  // namespace sealkey::sim
