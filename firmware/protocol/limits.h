// Every limit that both sides must know.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sealkey::protocol {

inline constexpr std::size_t kMaxCommandData = 4096;  // longer: 6700; use chaining or parts
inline constexpr std::size_t kMaxSeal = 32 * 1024;
inline constexpr std::size_t kMaxCertificateObject = 8 * 1024;
inline constexpr std::size_t kMaxDeviceCertificate = 2 * 1024;  // the object of F9's certificate
inline constexpr std::size_t kMaxObject = 4 * 1024;             // any other data object
inline constexpr std::size_t kPinSize = 8;                      // on the wire, padded with FF
inline constexpr std::size_t kMinPin = 6;
inline constexpr std::uint8_t kPinTries = 6;
inline constexpr std::uint8_t kPukTries = 6;
inline constexpr std::uint8_t kCodeTries = 5;
inline constexpr std::uint8_t kMaxBurned = 5;
inline constexpr std::uint16_t kLastLockCounter = 0xFFFF;

}  // namespace sealkey::protocol
