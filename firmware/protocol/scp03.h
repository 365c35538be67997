// The secure channel's wire contract: GlobalPlatform SCP03 (Amendment D 1.2) in S8 mode, i = 70: pseudo-random card
// challenge, R-MAC, R-ENC. One AES key set of 128, 192 or 256 bits.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sealkey::protocol {

inline constexpr std::uint8_t kClaSecure = 0x04;     // the bit that a wrapped command adds to its class: 00->04, 80->84
inline constexpr std::uint8_t kClaSecureOwn = 0x84;  // what EXTERNAL AUTHENTICATE has

enum class ChannelIns : std::uint8_t {
    // 80 50 KVN(or 00) 00 host challenge(8)
    // -> KDD(10) KVN 03 70 card challenge(8) card cryptogram(8) sequence counter(3)
    initialize_update = 0x50,
    // 84 82 level 00 host cryptogram(8) MAC(8)
    external_authenticate = 0x82,
    // wrapped: 84 D8 KVN-to-replace 81 new KVN, three times 88 length(key's length, encrypted key) 03 KCV(3)
    // -> new KVN, three KCVs
    put_key = 0xD8,
};

// What protects a session; P1 of EXTERNAL AUTHENTICATE.
enum class SecurityLevel : std::uint8_t {
    none = 0x00,
    mac = 0x01,
    mac_encryption = 0x03,
    both_macs = 0x11,
    both_macs_encryption = 0x13,
    full = 0x33,  // both directions, MAC and encryption
};
inline constexpr std::uint8_t kLevelMac = 0x01;
inline constexpr std::uint8_t kLevelEncryption = 0x02;
inline constexpr std::uint8_t kLevelResponseMac = 0x10;
inline constexpr std::uint8_t kLevelResponseEncryption = 0x20;

[[nodiscard]] constexpr bool is_security_level(std::uint8_t value) {
    switch (static_cast<SecurityLevel>(value)) {
        case SecurityLevel::mac:
        case SecurityLevel::mac_encryption:
        case SecurityLevel::both_macs:
        case SecurityLevel::both_macs_encryption:
        case SecurityLevel::full:
            return true;
        case SecurityLevel::none:
            break;
    }
    return false;
}

// Derivation constants (Amendment D, table 4-1).
enum class ChannelDerivation : std::uint8_t {
    card_cryptogram = 0x00,
    host_cryptogram = 0x01,
    card_challenge = 0x02,
    encryption = 0x04,
    mac = 0x06,
    response_mac = 0x07,
};

inline constexpr std::uint8_t kChannelProtocol = 0x03;
inline constexpr std::uint8_t kChannelParameter = 0x70;
inline constexpr std::uint8_t kTransportKvn = 0xFF;  // the factory's keys; can't be set again
inline constexpr std::uint8_t kLastKvn = 0x7F;       // 01..7F are the CA's
inline constexpr std::size_t kChallengeSize = 8;
inline constexpr std::size_t kCryptogramSize = 8;
inline constexpr std::size_t kChannelMacSize = 8;
inline constexpr std::size_t kKddSize = 10;
inline constexpr std::size_t kSequenceCounterSize = 3;
inline constexpr std::size_t kInitializeUpdateAnswer = 32;
inline constexpr std::uint8_t kAesKeyType = 0x88;
inline constexpr std::size_t kKcvSize = 3;

// A status word whose answer is protected: 9000 and the warnings 62xx and 63xx. Errors go bare.
[[nodiscard]] constexpr bool is_protected_answer(std::uint16_t status_word) {
    return status_word == 0x9000 || status_word >> 8 == 0x62 || status_word >> 8 == 0x63;
}

}  // namespace sealkey::protocol
