// Which stored object holds what. Ids are below store::kFirstHiddenId and never change their meaning.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "protocol/piv.h"
#include "store/store.h"

namespace sealkey::applet {

using store::ObjectId;

namespace id {
inline constexpr ObjectId config = 0x0001;
inline constexpr ObjectId pin_record = 0x0002;
inline constexpr ObjectId change_counter = 0x0003;
inline constexpr ObjectId management_key = 0x0004;     // algorithm(1) || key, sealed under the device secret
inline constexpr ObjectId unlock_key = 0x0005;         // K_unlock, sealed under the device secret
inline constexpr ObjectId channel_keys = 0x0010;       // KVN(1) size(1) ENC MAC DEK, sealed under the device secret
inline constexpr ObjectId channel_counter = 0x0011;    // sequence counters up to here may have been used; 4 bytes
inline constexpr ObjectId channel_kdd = 0x0012;        // the key diversification data that INITIALISE gave
inline constexpr ObjectId places = 0x0006;             // where certificates and watched objects lie, if not at home
inline constexpr ObjectId staging = 0x0007;            // the renewal that is staged; absent: none
inline constexpr ObjectId renewal = 0x0008;            // the renewal committed last
inline constexpr ObjectId slot_first = 0x0100;         // + slot index
inline constexpr ObjectId watched_first = 0x0180;      // + index of the watched object
inline constexpr ObjectId public_key_first = 0x0200;   // + key id: what 7F49 wraps
inline constexpr ObjectId private_key_first = 0x0300;  // + key id: sealed
inline constexpr ObjectId pool_first = 0x0400;         // + place: a value that was staged, or still is
inline constexpr ObjectId piv_objects = 0x1000;        // + last byte of 5FC1xx
inline constexpr ObjectId vendor_objects = 0x1100;     // + last byte of 5FFFxx
}  // namespace id

// A key's own name, apart from the slot it stands in, so that a key moves between slots without being sealed anew.
// 0: no key.
using KeyId = std::uint8_t;
inline constexpr KeyId kLastKeyId = 64;

inline constexpr std::size_t kSlotCount = 25;
inline constexpr std::array<std::uint8_t, 5> kFirstSlots = {
    protocol::ref::authentication, protocol::ref::signature, protocol::ref::key_management,
    protocol::ref::card_authentication, protocol::ref::attestation};

// 9A 9C 9D 9E F9 82..95 -> 0..24; nothing for any other reference.
[[nodiscard]] constexpr std::optional<std::size_t> slot_index(std::uint8_t reference) {
    for (std::size_t i = 0; i < kFirstSlots.size(); ++i) {
        if (kFirstSlots[i] == reference) return i;
    }
    if (reference >= protocol::ref::retired_first && reference <= protocol::ref::retired_last) {
        return kFirstSlots.size() + (reference - protocol::ref::retired_first);
    }
    return std::nullopt;
}

[[nodiscard]] constexpr std::uint8_t slot_reference(std::size_t index) {
    return index < kFirstSlots.size()
               ? kFirstSlots[index]
               : static_cast<std::uint8_t>(protocol::ref::retired_first + (index - kFirstSlots.size()));
}

// The data object that holds the slot's certificate.
[[nodiscard]] constexpr std::uint32_t certificate_tag(std::size_t index) {
    constexpr std::array<std::uint32_t, 5> first = {protocol::object::cert_9a, protocol::object::cert_9c,
                                                    protocol::object::cert_9d, protocol::object::cert_9e,
                                                    protocol::object::cert_attestation};
    return index < first.size()
               ? first[index]
               : protocol::object::cert_retired_first + static_cast<std::uint32_t>(index - first.size());
}

// The slot whose certificate this data object is.
[[nodiscard]] constexpr std::optional<std::size_t> slot_of_certificate(std::uint32_t tag) {
    for (std::size_t i = 0; i < kSlotCount; ++i) {
        if (certificate_tag(i) == tag) return i;
    }
    return std::nullopt;
}

// Vendor objects whose length and fingerprint the token status tells.
inline constexpr std::array<std::uint32_t, 3> kWatchedObjects = {
    protocol::object::seal, protocol::object::enterprise_record, protocol::object::issuer_certificate};

[[nodiscard]] constexpr std::optional<std::size_t> watched_index(std::uint32_t tag) {
    for (std::size_t i = 0; i < kWatchedObjects.size(); ++i) {
        if (kWatchedObjects[i] == tag) return i;
    }
    return std::nullopt;
}

// Where a data object's value lies; nothing for a tag that names no data object of ours.
[[nodiscard]] constexpr std::optional<ObjectId> object_id(std::uint32_t tag) {
    if (tag >> 8 == 0x5FC1) return static_cast<ObjectId>(id::piv_objects + (tag & 0xFF));
    if (tag >> 8 == 0x5FFF) return static_cast<ObjectId>(id::vendor_objects + (tag & 0xFF));
    return std::nullopt;
}

}  // namespace sealkey::applet
