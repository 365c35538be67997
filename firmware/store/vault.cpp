#include "store/vault.h"

#include <array>

#include "crypto/aes.h"
#include "crypto/kdf.h"

namespace sealkey::store {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kSystem = 0;  // reference of the system wrap; the others are WrapReference
constexpr std::size_t kSaltSize = 16;

// Wrap: version(1) reference(1) epoch(2) salt(16) nonce(12) sealed DEK(32) tag(16). The first 20 bytes are associated
// data.
constexpr std::size_t kWrapHead = 4 + kSaltSize;
constexpr std::size_t kWrapSealed = kWrapHead + crypto::kGcmNonce;
constexpr std::size_t kWrapSize = kWrapSealed + kDekSize + crypto::kGcmTag;
static_assert(kWrapSize <= Vault::kWrapObjectSize);

// Seal: version(1) nonce(12) sealed text tag(16).
constexpr std::size_t kSealHead = 1 + crypto::kGcmNonce;
static_assert(kSealHead + crypto::kGcmTag == Vault::kOverhead);

constexpr char kWrapLabel[] = "sealkey wrap 1";
constexpr char kSystemLabel[] = "sealkey system wrap 1";
constexpr char kDeviceLabel[] = "sealkey device seal 1";

constexpr ObjectId wrap_id(std::uint8_t reference) { return static_cast<ObjectId>(kFirstVaultId + reference); }

using DeviceKey = Secret<platform::DeviceSecret::kSize>;

DeviceKey read_secret(platform::DeviceSecret& from) {
    DeviceKey key;
    from.read(std::span<std::uint8_t, platform::DeviceSecret::kSize>(key.buffer()));
    key.resize(platform::DeviceSecret::kSize);
    return key;
}

std::array<std::uint8_t, 4> associated_data(std::uint8_t under, ObjectId id) {
    return {kVersion, under, static_cast<std::uint8_t>(id >> 8), static_cast<std::uint8_t>(id)};
}

}  // namespace

Vault::Vault(Store& store, crypto::Drbg& drbg, platform::DeviceSecret& device_secret)
    : store_(store), drbg_(drbg), device_secret_(device_secret) {}

// KDF(device secret, salt, secret): HKDF keyed by the device secret, so that nothing of it can be computed off the
// device. Without a secret (system wrap) the device secret is all there is.
Result<Dek> Vault::key_from_secret(std::uint8_t reference, std::uint16_t epoch, Bytes salt, Bytes secret) const {
    const DeviceKey device = read_secret(device_secret_);
    Secret<platform::DeviceSecret::kSize + kSaltSize> full_salt;
    std::memcpy(full_salt.buffer().data(), device.bytes().data(), device.size());
    std::memcpy(full_salt.buffer().data() + device.size(), salt.data(), kSaltSize);
    full_salt.resize(device.size() + kSaltSize);

    const Bytes label = reference == kSystem ? bytes_of(kSystemLabel) : bytes_of(kWrapLabel);
    std::array<std::uint8_t, sizeof kSystemLabel + 3> info{};
    std::memcpy(info.data(), label.data(), label.size());
    info[label.size()] = reference;
    store_be16(&info[label.size() + 1], epoch);
    Dek key;
    key.resize(kDekSize);
    if (auto r = crypto::hkdf_sha256(full_salt.bytes(), reference == kSystem ? device.bytes() : secret,
                                     Bytes(info).first(label.size() + 3), key.buffer());
        !r)
        return r.error();
    return key;
}

Result<Dek> Vault::device_key() const {
    const DeviceKey device = read_secret(device_secret_);
    Dek key;
    key.resize(kDekSize);
    if (auto r = crypto::hkdf_sha256({}, device.bytes(), bytes_of(kDeviceLabel), key.buffer()); !r) return r.error();
    return key;
}

Status Vault::put_wrap(Transaction& transaction, std::uint8_t reference, std::uint16_t epoch, Bytes secret,
                       const Dek& dek) {
    if (dek.size() != kDekSize) return Error::invalid;
    std::array<std::uint8_t, kWrapSize> wrap{};
    wrap[0] = kVersion;
    wrap[1] = reference;
    store_be16(&wrap[2], epoch);
    if (auto r = drbg_.fill(MutableBytes(wrap).subspan(4, kSaltSize + crypto::kGcmNonce)); !r) return r;
    const auto key = key_from_secret(reference, epoch, Bytes(wrap).subspan(4, kSaltSize), secret);
    if (!key) return key.error();
    const auto nonce = std::span<const std::uint8_t>(wrap).subspan<kWrapHead, crypto::kGcmNonce>();
    if (auto r = crypto::gcm_seal_appended(key->bytes(), nonce, Bytes(wrap).first(kWrapHead), dek.bytes(),
                                           MutableBytes(wrap).subspan(kWrapSealed));
        !r)
        return r;
    return transaction.put(wrap_id(reference), wrap, Sensitivity::secret);
}

Result<Dek> Vault::open_wrap(std::uint8_t reference, Bytes secret) const {
    const auto size = store_.size(wrap_id(reference));
    if (!size) return size.error();
    std::array<std::uint8_t, kWrapSize> wrap{};
    if (*size != wrap.size()) return Error::corrupt;
    if (auto r = store_.read(wrap_id(reference), 0, wrap); !r) return r.error();
    if (wrap[0] != kVersion || wrap[1] != reference) return Error::corrupt;
    const auto key = key_from_secret(reference, load_be16(&wrap[2]), Bytes(wrap).subspan(4, kSaltSize), secret);
    if (!key) return key.error();
    Dek dek;
    dek.resize(kDekSize);
    const auto nonce = std::span<const std::uint8_t>(wrap).subspan<kWrapHead, crypto::kGcmNonce>();
    if (auto r = crypto::gcm_open_appended(key->bytes(), nonce, Bytes(wrap).first(kWrapHead),
                                           Bytes(wrap).subspan(kWrapSealed), dek.buffer());
        !r)
        return r.error();
    return dek;
}

Result<Dek> Vault::create(Transaction& transaction) {
    Dek dek;
    dek.resize(kDekSize);
    if (auto r = drbg_.fill(dek.buffer()); !r) return r.error();
    if (auto r = put_wrap(transaction, kSystem, 0, {}, dek); !r) return r.error();
    return dek;
}

Result<Dek> Vault::open_by_system() const { return open_wrap(kSystem, {}); }

Result<Dek> Vault::open(WrapReference reference, Bytes secret) const {
    return open_wrap(static_cast<std::uint8_t>(reference), secret);
}

Status Vault::set_wrap(Transaction& transaction, WrapReference reference, Bytes secret, const Dek& dek,
                       std::uint16_t epoch) {
    return put_wrap(transaction, static_cast<std::uint8_t>(reference), epoch, secret, dek);
}

Status Vault::drop_wrap(Transaction& transaction, WrapReference reference) {
    return transaction.remove(wrap_id(static_cast<std::uint8_t>(reference)));
}

Status Vault::drop_all(Transaction& transaction) {
    if (auto r = transaction.remove(wrap_id(kSystem)); !r) return r;
    if (auto r = drop_wrap(transaction, WrapReference::pin); !r) return r;
    return drop_wrap(transaction, WrapReference::puk);
}

bool Vault::has_wrap(WrapReference reference) const {
    return store_.contains(wrap_id(static_cast<std::uint8_t>(reference)));
}

Result<std::uint16_t> Vault::epoch(WrapReference reference) const {
    std::array<std::uint8_t, 4> head{};
    const ObjectId id = wrap_id(static_cast<std::uint8_t>(reference));
    if (!store_.contains(id)) return Error::not_found;
    if (auto r = store_.read(id, 0, head); !r) return r.error();
    if (head[0] != kVersion) return Error::corrupt;
    return load_be16(&head[2]);
}

Status Vault::seal_under(Under under, Transaction& transaction, ObjectId id, Bytes plain, const Dek& key) {
    if (plain.size() > kMaxPlain || id >= kFirstVaultId) return Error::invalid;
    if (key.size() != kDekSize) return Error::invalid;
    std::array<std::uint8_t, kMaxPlain + kOverhead> sealed;
    sealed[0] = kVersion;
    if (auto r = drbg_.fill(MutableBytes(sealed).subspan(1, crypto::kGcmNonce)); !r) return r;
    const auto nonce = std::span<const std::uint8_t>(sealed).subspan<1, crypto::kGcmNonce>();
    const auto associated = associated_data(static_cast<std::uint8_t>(under), id);
    if (auto r = crypto::gcm_seal_appended(key.bytes(), nonce, associated, plain,
                                           MutableBytes(sealed).subspan(kSealHead, plain.size() + crypto::kGcmTag));
        !r)
        return r;
    return transaction.put(id, Bytes(sealed).first(plain.size() + kOverhead), Sensitivity::secret);
}

Result<std::size_t> Vault::unseal_under(Under under, ObjectId id, const Dek& key, MutableBytes out) const {
    const auto size = store_.size(id);
    if (!size) return size.error();
    if (*size < kOverhead || *size > kMaxPlain + kOverhead) return Error::corrupt;
    const std::size_t plain = *size - kOverhead;
    if (plain > out.size()) return Error::too_large;
    std::array<std::uint8_t, kMaxPlain + kOverhead> sealed;
    if (auto r = store_.read(id, 0, MutableBytes(sealed).first(*size)); !r) return r.error();
    if (sealed[0] != kVersion) return Error::corrupt;
    const auto nonce = std::span<const std::uint8_t>(sealed).subspan<1, crypto::kGcmNonce>();
    const auto associated = associated_data(static_cast<std::uint8_t>(under), id);
    if (auto r = crypto::gcm_open_appended(key.bytes(), nonce, associated,
                                           Bytes(sealed).subspan(kSealHead, plain + crypto::kGcmTag), out.first(plain));
        !r)
        return r.error();
    return plain;
}

Status Vault::seal(Transaction& transaction, ObjectId id, Bytes plain, const Dek& dek) {
    return seal_under(Under::dek, transaction, id, plain, dek);
}

Result<std::size_t> Vault::unseal(ObjectId id, const Dek& dek, MutableBytes out) const {
    return unseal_under(Under::dek, id, dek, out);
}

Status Vault::seal_by_device(Transaction& transaction, ObjectId id, Bytes plain) {
    const auto key = device_key();
    if (!key) return key.error();
    return seal_under(Under::device, transaction, id, plain, *key);
}

Result<std::size_t> Vault::unseal_by_device(ObjectId id, MutableBytes out) const {
    const auto key = device_key();
    if (!key) return key.error();
    return unseal_under(Under::device, id, *key, out);
}

}  // namespace sealkey::store
