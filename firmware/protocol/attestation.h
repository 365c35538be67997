// The attestation's wire contract: an X.509 certificate by the token's attestation key (F9) about a key of the token.
// docs/apdu.md, section 14.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "protocol/renewal.h"

namespace sealkey::protocol {

inline constexpr std::size_t kNonceSize = 32;

// The extensions. None is critical. Dotted names for hosts, contents of the OBJECT IDENTIFIER for the token: an arc,
// and one more byte, the extension's number in it.
namespace attested {

// What common PIV clients read. The contents are bare bytes, except the serial number, which is an INTEGER.
inline constexpr char kKnownArc[] = "1.3.6.1.4.1.41482.3";
inline constexpr std::array<std::uint8_t, 9> kKnownArcDer = {0x2B, 0x06, 0x01, 0x04, 0x01, 0x82, 0xC4, 0x0A, 0x03};
enum class Known : std::uint8_t {
    firmware = 3,     // major, minor, patch: the firmware's own version
    serial = 7,       // the numeric serial
    policies = 8,     // PIN policy, touch policy
    form_factor = 9,  // 00: not specified
};

// Our own. Nobody gives us an arc under a registered one: 2.25 takes any UUID without registration (X.667).
inline constexpr char kOwnArc[] = "2.25.66343369325051997330255970519830815002";
inline constexpr std::array<std::uint8_t, 19> kOwnArcDer = {0x69, 0xE3, 0xE9, 0xA2, 0xA9, 0xC3, 0x94, 0xC2, 0x87, 0xC5,
                                                            0xA2, 0xD5, 0xCD, 0xDB, 0xC8, 0xD4, 0x93, 0xC2, 0x1A};
enum class Own : std::uint8_t {
    serial = 1,      // PrintableString, 12 characters
    nonce = 2,       // OCTET STRING, 32 bytes; absent where none was given
    role = 3,        // OCTET STRING, 1 byte: the slot
    rid = 4,         // OCTET STRING, 16 bytes: the renewal that the key was made in; absent for a bench's key
    generation = 5,  // INTEGER: renewals that the token has committed so far
    origin = 6,      // ENUMERATED: 1 made on the token, 2 brought
    profile = 7,     // ENUMERATED: 1 shipping, 2 compatibility
};

}  // namespace attested

// The CN of the attestation's subject; two hexadecimal digits of the slot follow.
inline constexpr char kAttestationName[] = "sealkey attestation ";

}  // namespace sealkey::protocol
