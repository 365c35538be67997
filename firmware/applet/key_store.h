// Where a key's parts lie in the store, and how one replaces another.
#pragma once

#include "applet/state.h"

namespace sealkey::applet {

// Longest public key as stored: 81 modulus, 82 exponent of RSA-4096.
inline constexpr std::size_t kMaxPublicKey = 4 + 512 + 5;
using PublicKeyBuffer = std::array<std::uint8_t, kMaxPublicKey>;

struct NewKey {
    Algorithm algorithm;
    PinPolicy pin_policy;  // resolved
    TouchPolicy touch_policy;
    Origin origin;
    Bytes saved;       // secret, as the crypto room writes it
    Bytes public_key;  // what 7F49 wraps
};

// Puts the key in the slot, in one transaction; the key that stood there is gone from flash when it returns.
// `drop_certificate`: the slot's certificate belonged to the key before and goes with it.
[[nodiscard]] Status install_key(Core& core, std::size_t slot, const NewKey& key, bool drop_certificate);

// The parts of it, for a change that is open. A key id that no slot and no renewal uses; there are more ids than both.
[[nodiscard]] KeyId free_key_id(const State& state);
[[nodiscard]] Status store_key(Core& core, Change& change, KeyId key, const NewKey& fresh);
[[nodiscard]] Status remove_stored_key(Change& change, KeyId key);
// Room for store_key(), two objects.
[[nodiscard]] inline std::uint32_t stored_key_size(const NewKey& fresh) {
    return static_cast<std::uint32_t>(fresh.saved.size() + store::Vault::kOverhead + fresh.public_key.size());
}

// Removes the key that stands in the slot, in a change that is open, with room for two removes.
[[nodiscard]] Status remove_key(Core& core, Change& change, std::size_t slot);

// The saved private key into Core::key_buffer. wrong_secret: the DEK that it needs isn't in the session. `by_system`:
// the bench's channel stands for the PIN, and the system wrap opens the DEK.
[[nodiscard]] Status load_private_key(Core& core, const Slot& slot, bool by_system);

// The stored public key; returns its length. not_found.
[[nodiscard]] Result<std::size_t> read_public_key(const Core& core, const Slot& slot, MutableBytes out);

// Bits of the modulus; 0 for another kind of key.
[[nodiscard]] std::size_t rsa_bits(Algorithm algorithm);

}  // namespace sealkey::applet
