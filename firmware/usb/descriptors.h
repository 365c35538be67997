// What the key tells a host about itself: USB 2.0 chapter 9, CCID 1.1 section 5.1, USB 3.2 section 9.6.2 (BOS) and
// "Microsoft OS 2.0 Descriptors". All are constant but the serial number's string.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/bytes.h"
#include "protocol/ccid.h"
#include "protocol/usb.h"

namespace sealkey::usb {

using protocol::usb::kProductId;
using protocol::usb::kVendorId;
inline constexpr std::uint16_t kDeviceRelease = 0x0100;

inline constexpr std::uint8_t kInterface = 0;
inline constexpr std::uint8_t kConfigurationValue = 1;
inline constexpr std::uint8_t kBulkOut = 0x01;
inline constexpr std::uint8_t kBulkIn = 0x81;
inline constexpr std::uint8_t kInterruptIn = 0x82;
inline constexpr std::size_t kControlPacket = 64;
inline constexpr std::size_t kBulkPacket = 64;
inline constexpr std::size_t kInterruptPacket = 8;

// The longest CCID message, header included: an extended APDU with 4096 bytes of data (Ccid checks the sum).
inline constexpr std::uint32_t kMaxMessage = protocol::ccid::kHeaderSize + 4105;
inline constexpr std::uint32_t kClockKilohertz = 4000;  // nominal: there is no card clock
inline constexpr std::uint32_t kBitsPerSecond = 10752;  // nominal too: that clock over 372
// Of T=1 (CCID 6.2.3): Fi and Di, checksum LRC, no extra guard time, waiting integers, clock doesn't stop, IFSC, NAD.
inline constexpr std::array<std::uint8_t, 7> kDefaultParameters{0x11, 0x10, 0x00, 0x45, 0x00, 0xFE, 0x00};

enum StringIndex : std::uint8_t { kLanguages, kManufacturer, kProduct, kSerial };
inline constexpr std::string_view kManufacturerText = "sealkey";
inline constexpr std::string_view kProductText = "sealkey USB key";

// Microsoft's request is a vendor request to the device with this bRequest and wIndex 7.
inline constexpr std::uint8_t kMicrosoftRequest = 0x20;
inline constexpr std::uint16_t kMicrosoftDescriptorIndex = 7;

namespace type {
inline constexpr std::uint8_t device = 0x01;
inline constexpr std::uint8_t configuration = 0x02;
inline constexpr std::uint8_t string = 0x03;
inline constexpr std::uint8_t interface = 0x04;
inline constexpr std::uint8_t endpoint = 0x05;
inline constexpr std::uint8_t bos = 0x0F;
inline constexpr std::uint8_t device_capability = 0x10;
inline constexpr std::uint8_t ccid = protocol::ccid::kDescriptorType;
}  // namespace type

namespace detail {
constexpr std::uint8_t low(std::uint32_t value) { return static_cast<std::uint8_t>(value); }
constexpr std::uint8_t high(std::uint32_t value) { return static_cast<std::uint8_t>(value >> 8); }
constexpr std::uint8_t third(std::uint32_t value) { return static_cast<std::uint8_t>(value >> 16); }
constexpr std::uint8_t fourth(std::uint32_t value) { return static_cast<std::uint8_t>(value >> 24); }
}  // namespace detail

// What GET_CLOCK_FREQUENCIES and GET_DATA_RATES answer, and the answer to SetDataRateAndClockFrequency.
inline constexpr std::array<std::uint8_t, 8> kClockAndRate{
    detail::low(kClockKilohertz),    detail::high(kClockKilohertz), detail::third(kClockKilohertz),
    detail::fourth(kClockKilohertz), detail::low(kBitsPerSecond),   detail::high(kBitsPerSecond),
    detail::third(kBitsPerSecond),   detail::fourth(kBitsPerSecond)};

// USB 2.01, the first with a BOS; the class stands at the interface.
// clang-format off
inline constexpr std::array<std::uint8_t, 18> kDeviceDescriptor{
    18, type::device, 0x01, 0x02, 0, 0, 0, kControlPacket, detail::low(kVendorId), detail::high(kVendorId),
    detail::low(kProductId), detail::high(kProductId), detail::low(kDeviceRelease), detail::high(kDeviceRelease),
    kManufacturer, kProduct, kSerial, 1};
// clang-format on

// dwFeatures: what a host must not do itself. Parameters from the ATR, voltage, clock and rate by itself, negotiation
// by itself, IFSD by itself; exchange level short and extended APDU.
inline constexpr std::uint32_t kFeatures =
    protocol::ccid::kExtendedApduLevel | 0x0400 | 0x40 | 0x20 | 0x10 | 0x08 | 0x02;
inline constexpr std::uint8_t kConfigurationSize = 9 + 9 + protocol::ccid::kDescriptorSize + 3 * 7;

// Bus-powered, 100 mA, no remote wake-up; one interface.
// clang-format off
inline constexpr std::array<std::uint8_t, kConfigurationSize> kConfigurationDescriptor{
    9, type::configuration, kConfigurationSize, 0, 1, kConfigurationValue, 0, 0x80, 50,
    9, type::interface, kInterface, 0, 3, protocol::ccid::kInterfaceClass, 0, 0, 0,
    // One slot, 5, 3 and 1.8 V, T=1.
    protocol::ccid::kDescriptorSize, type::ccid, 0x10, 0x01, 0, 0x07, 0x02, 0, 0, 0,
    // Clock now and at most, one to choose from; bit rate likewise. Windows asks for both lists.
    detail::low(kClockKilohertz), detail::high(kClockKilohertz), 0, 0,
    detail::low(kClockKilohertz), detail::high(kClockKilohertz), 0, 0, 1,
    detail::low(kBitsPerSecond), detail::high(kBitsPerSecond), 0, 0,
    detail::low(kBitsPerSecond), detail::high(kBitsPerSecond), 0, 0, 1,
    // IFSD at most, no synchronous cards, nothing mechanical.
    254, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    detail::low(kFeatures), detail::high(kFeatures), detail::third(kFeatures), detail::fourth(kFeatures),
    detail::low(kMaxMessage), detail::high(kMaxMessage), detail::third(kMaxMessage), detail::fourth(kMaxMessage),
    // GET RESPONSE and ENVELOPE with the command's class, no display, no PIN pad, one slot may be busy.
    0xFF, 0xFF, 0, 0, 0, 1,
    7, type::endpoint, kBulkOut, 0x02, kBulkPacket, 0, 0,
    7, type::endpoint, kBulkIn, 0x02, kBulkPacket, 0, 0,
    7, type::endpoint, kInterruptIn, 0x03, kInterruptPacket, 0, 32};
// clang-format on

// Windows takes its own CCID driver by the interface's class. This set, which has no compatible id, tells it in so many
// words that the device wants no other, so that no INF and no search for one is needed.
// clang-format off
inline constexpr std::array<std::uint8_t, 30> kMicrosoftDescriptorSet{
    10, 0, 0x00, 0x00, 0x00, 0x00, 0x03, 0x06, 30, 0,  // header: Windows 8.1 and later; the set's length
    20, 0, 0x03, 0x00, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};  // compatible and subcompatible id: none

inline constexpr std::array<std::uint8_t, 33> kBosDescriptor{
    5, type::bos, 33, 0, 1,
    // Platform capability D8DD60DF-4589-4CC7-9CD2-659D9E648A9F.
    28, type::device_capability, 5, 0,
    0xDF, 0x60, 0xDD, 0xD8, 0x89, 0x45, 0xC7, 0x4C, 0x9C, 0xD2, 0x65, 0x9D, 0x9E, 0x64, 0x8A, 0x9F,
    0x00, 0x00, 0x03, 0x06, kMicrosoftDescriptorSet.size(), 0, kMicrosoftRequest, 0};
// clang-format on

inline constexpr std::array<std::uint8_t, 4> kLanguageDescriptor{4, type::string, 0x09, 0x04};  // English alone
inline constexpr std::size_t kMaxString = 2 + 2 * 32;

// The string descriptor of an ASCII text, of which at most 32 characters are taken; its length. `out` has kMaxString.
std::size_t string_descriptor(std::string_view text, MutableBytes out);
// By index; `serial` is the token's own. 0: there is no such string.
std::size_t string_descriptor(std::uint8_t index, std::string_view serial, MutableBytes out);

}  // namespace sealkey::usb
