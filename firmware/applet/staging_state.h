// What a renewal has staged, where stored values lie, and which renewal was committed last, as records.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "applet/storage_map.h"
#include "base/result.h"
#include "crypto/hash.h"
#include "protocol/limits.h"
#include "protocol/renewal.h"

namespace sealkey::applet {

using Rid = std::array<std::uint8_t, protocol::kRidSize>;
using StagedFingerprint = std::array<std::uint8_t, protocol::kStagedFingerprintSize>;

inline constexpr std::size_t kRoleCount = protocol::kRoles.size();

// Where a certificate's or a watched object's value lies, so that a commit makes a staged value the live one without
// copying it: 0 at home (object_id() of its tag), 1 to kLastPool in the pool, kHomeOf + slot at the home of that slot's
// certificate, which has moved.
using Place = std::uint8_t;
inline constexpr Place kLastPool = 63;
inline constexpr Place kHomeOf = 64;

struct Places {
    std::array<Place, kSlotCount> certificates{};
    std::array<Place, kWatchedObjects.size()> watched{};

    static constexpr std::size_t kSize = 1 + kSlotCount + kWatchedObjects.size();
    void encode(std::array<std::uint8_t, kSize>& out) const;
    [[nodiscard]] Status decode(const std::array<std::uint8_t, kSize>& in);
};

// A value that waits; place 0: there is none.
struct StagedValue {
    Place place = 0;
    std::uint32_t size = 0;
    StagedFingerprint fingerprint{};
};

// A key that waits, with its certificate; key 0: it isn't made yet. Its policies are those of the key it replaces.
struct StagedKey {
    KeyId key = 0;
    protocol::Algorithm algorithm = protocol::Algorithm::none;  // asked for at the beginning
    protocol::PinPolicy pin_policy = protocol::PinPolicy::standard;
    protocol::TouchPolicy touch_policy = protocol::TouchPolicy::standard;
    protocol::Origin origin = protocol::Origin::none;
    bool csr_signed = false;
    bool proven = false;
    StagedValue certificate;
};

struct Staging {
    Rid rid{};
    std::uint8_t roles = 0;  // role_bit; 0: nothing is staged
    std::array<StagedKey, kRoleCount> keys{};
    StagedValue seal, record, issuer;

    [[nodiscard]] bool active() const { return roles != 0; }
    [[nodiscard]] bool has(std::size_t role) const { return (roles >> role & 1) != 0; }
    // 9D's key is brought in an envelope.
    [[nodiscard]] bool enveloped(std::size_t role) const {
        return protocol::kRoles[role] == protocol::ref::key_management && (roles & protocol::role_bit::enveloped) != 0;
    }

    static constexpr std::size_t kValueSize = 1 + 4 + protocol::kStagedFingerprintSize;
    static constexpr std::size_t kKeySize = 6 + kValueSize;
    static constexpr std::size_t kSize = 1 + protocol::kRidSize + 1 + kRoleCount * kKeySize + 3 * kValueSize;
    void encode(std::array<std::uint8_t, kSize>& out) const;
    [[nodiscard]] Status decode(const std::array<std::uint8_t, kSize>& in);
};

struct Renewal {
    bool any = false;  // something was committed
    Rid committed{};   // last
    std::uint16_t generation = 0;

    static constexpr std::size_t kSize = 2 + protocol::kRidSize + 2;
    void encode(std::array<std::uint8_t, kSize>& out) const;
    [[nodiscard]] Status decode(const std::array<std::uint8_t, kSize>& in);
};

// A value of a renewal that is coming in by parts, in the store's stream.
struct StageLoad {
    enum class What : std::uint8_t { nothing, certificate, seal, record, issuer };
    What what = What::nothing;
    std::size_t role = 0;  // of a certificate
    std::uint32_t total = 0;
    std::uint32_t received = 0;
    std::optional<crypto::Sha256> hash;

    void drop() {
        what = What::nothing;
        total = 0;
        received = 0;
        hash.reset();
    }
};

[[nodiscard]] constexpr ObjectId pool_id(Place place) { return static_cast<ObjectId>(id::pool_first + place); }

// Position of a key reference among the roles; nothing: it isn't one.
[[nodiscard]] std::optional<std::size_t> role_index(std::uint8_t reference);

}  // namespace sealkey::applet
