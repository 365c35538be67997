// The key hierarchy over the store: one random data-encryption key (DEK) per token, wrapped by the PIN, by the PUK and
// by the system; private keys sealed under it. AES-256-GCM, random nonce, the object id as associated data.
//
// No PIN is stored, not even hashed: the right PIN is the one that opens its wrap.
#pragma once

#include <cstdint>

#include "base/secret.h"
#include "crypto/drbg.h"
#include "platform/platform.h"
#include "store/store.h"

namespace sealkey::store {

inline constexpr std::size_t kDekSize = 32;
using Dek = Secret<kDekSize>;

// Object ids of the vault's own; the applet's are below.
inline constexpr ObjectId kFirstVaultId = 0x7F00;

enum class WrapReference : std::uint8_t { pin = 1, puk = 3 };

class Vault {
public:
    // Bytes that sealing adds: version(1) nonce(12) tag(16).
    static constexpr std::size_t kOverhead = 29;
    // Longest plain text: an RSA-4096 private key as crypto/rsa.h writes it.
    static constexpr std::size_t kMaxPlain = 2048;
    // Reserve this much, one object, for each of create/set_wrap/drop_wrap in a transaction.
    static constexpr std::uint32_t kWrapObjectSize = 128;

    Vault(Store& store, crypto::Drbg& drbg, platform::DeviceSecret& device_secret);

    // A new DEK under the system wrap (birth).
    [[nodiscard]] Result<Dek> create(Transaction& transaction);
    // The DEK by the system wrap: after a right reset code, to seal a new key made under the bench's authority.
    [[nodiscard]] Result<Dek> open_by_system() const;
    // The DEK by PIN or PUK. wrong_secret; not_found: there is no such wrap (never set).
    [[nodiscard]] Result<Dek> open(WrapReference reference, Bytes secret) const;

    // Sets the wrap with a new salt and the epoch given; supersedes the one before, of which no copy stays in flash.
    [[nodiscard]] Status set_wrap(Transaction& transaction, WrapReference reference, Bytes secret, const Dek& dek,
                                  std::uint16_t epoch);
    [[nodiscard]] Status drop_wrap(Transaction& transaction, WrapReference reference);
    // Drops every wrap, the system's too: no key that was sealed under the DEK opens any more. Reserve three objects.
    [[nodiscard]] Status drop_all(Transaction& transaction);
    [[nodiscard]] bool has_wrap(WrapReference reference) const;
    // Epoch of the wrap; not_found.
    [[nodiscard]] Result<std::uint16_t> epoch(WrapReference reference) const;

    // Seals a private key under the DEK, as object `id`, Sensitivity::secret.
    [[nodiscard]] Status seal(Transaction& transaction, ObjectId id, Bytes plain, const Dek& dek);
    // Into `out`; returns the length. wrong_secret: doesn't open (altered, moved, another token's).
    [[nodiscard]] Result<std::size_t> unseal(ObjectId id, const Dek& dek, MutableBytes out) const;

    // The same under the device secret: keys that need no PIN (9E, F9) and the CA's secrets.
    [[nodiscard]] Status seal_by_device(Transaction& transaction, ObjectId id, Bytes plain);
    [[nodiscard]] Result<std::size_t> unseal_by_device(ObjectId id, MutableBytes out) const;

private:
    // Who holds the key of a seal; part of the associated data.
    enum class Under : std::uint8_t { dek = 1, device = 2 };

    [[nodiscard]] Result<Dek> key_from_secret(std::uint8_t reference, std::uint16_t epoch, Bytes salt,
                                              Bytes secret) const;
    [[nodiscard]] Result<Dek> device_key() const;
    [[nodiscard]] Status put_wrap(Transaction& transaction, std::uint8_t reference, std::uint16_t epoch, Bytes secret,
                                  const Dek& dek);
    [[nodiscard]] Result<Dek> open_wrap(std::uint8_t reference, Bytes secret) const;
    [[nodiscard]] Status seal_under(Under under, Transaction& transaction, ObjectId id, Bytes plain, const Dek& key);
    [[nodiscard]] Result<std::size_t> unseal_under(Under under, ObjectId id, const Dek& key, MutableBytes out) const;

    Store& store_;
    crypto::Drbg& drbg_;
    platform::DeviceSecret& device_secret_;
};

}  // namespace sealkey::store
