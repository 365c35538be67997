// USB/IP, version 1.1.1, the device's side (Linux, Documentation/usb/usbip_protocol.rst): what a host asks, cut out of
// a byte stream, and what it is answered. All numbers are big-endian but those inside USB's own bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "usb/ccid.h"

namespace sealkey::sim {

// Before a device is imported.
struct UsbipListRequest {};
struct UsbipImportRequest {
    std::string bus_id;
};
// One transfer; its data goes to the device, or its length says how much may come from there.
struct UsbipSubmit {
    std::uint32_t sequence = 0;
    bool in = false;
    std::uint8_t endpoint = 0;  // its number alone
    std::uint32_t flags = 0;
    std::uint32_t length = 0;
    usb::Setup setup;
    std::vector<std::uint8_t> data;
};
struct UsbipUnlink {
    std::uint32_t sequence = 0;
    std::uint32_t victim = 0;  // the transfer that isn't wanted any more
};
// Nothing that can follow in this stream makes sense.
struct UsbipNonsense {
    const char* what;
};
using UsbipRequest = std::variant<UsbipListRequest, UsbipImportRequest, UsbipSubmit, UsbipUnlink, UsbipNonsense>;

inline constexpr std::uint32_t kUsbipZeroPacket = 0x40;       // of the flags: end whole packets by an empty one
inline constexpr std::size_t kUsbipMaxTransfer = 256 * 1024;  // longer: nonsense; the longest message has 4 KiB
inline constexpr std::size_t kUsbipBusIdSize = 32;

// Cuts a byte stream into requests. Takes pieces of any size.
class UsbipReader {
public:
    void feed(Bytes piece) { buffer_.insert(buffer_.end(), piece.begin(), piece.end()); }
    // The next whole request. Nothing: it isn't complete. After nonsense there is nothing more.
    [[nodiscard]] std::optional<UsbipRequest> next();
    // The device was imported: transfers follow.
    void imported() { imported_ = true; }
    [[nodiscard]] std::size_t pending() const { return buffer_.size(); }

private:
    [[nodiscard]] std::optional<UsbipRequest> next_operation();
    [[nodiscard]] std::optional<UsbipRequest> next_command();
    [[nodiscard]] std::optional<UsbipRequest> submit();
    [[nodiscard]] UsbipRequest nonsense(const char* what);
    void used(std::size_t size);

    std::vector<std::uint8_t> buffer_;
    bool imported_ = false;
    bool broken_ = false;
};

// What a host is told of the device before it has it.
struct UsbipDevice {
    std::string bus_id;        // "1-1"
    std::uint32_t number = 0;  // on its bus, from 1
    bool configured = false;
};

// Status of the answers (linux/errno.h, negative there too).
inline constexpr std::int32_t kUsbipOk = 0;
inline constexpr std::int32_t kUsbipStalled = -32;    // EPIPE
inline constexpr std::int32_t kUsbipOverflow = -75;   // EOVERFLOW: the packet is longer than what is left
inline constexpr std::int32_t kUsbipUnlinked = -104;  // ECONNRESET
inline constexpr std::uint32_t kUsbipImported = 0;
inline constexpr std::uint32_t kUsbipNotThere = 1;
inline constexpr std::uint32_t kUsbipBusy = 2;

[[nodiscard]] std::vector<std::uint8_t> usbip_list(const std::vector<UsbipDevice>& devices);
// `device` where the status is kUsbipImported.
[[nodiscard]] std::vector<std::uint8_t> usbip_import(std::uint32_t status, const UsbipDevice& device);
// `data` is what came from the device; `length` what was taken or given.
[[nodiscard]] std::vector<std::uint8_t> usbip_submitted(std::uint32_t sequence, std::int32_t status, std::size_t length,
                                                        Bytes data);
[[nodiscard]] std::vector<std::uint8_t> usbip_unlinked(std::uint32_t sequence, std::int32_t status);

}  // namespace sealkey::sim
