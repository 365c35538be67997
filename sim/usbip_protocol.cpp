#include "usbip_protocol.h"

#include <algorithm>

#include "usb/descriptors.h"

namespace sealkey::sim {

namespace {

constexpr std::uint16_t kUsbipVersion = 0x0111;
constexpr std::uint16_t kRequestList = 0x8005;
constexpr std::uint16_t kRequestImport = 0x8003;
constexpr std::uint16_t kReplyList = 0x0005;
constexpr std::uint16_t kReplyImport = 0x0003;
constexpr std::uint32_t kCommandSubmit = 1;
constexpr std::uint32_t kCommandUnlink = 2;
constexpr std::uint32_t kReturnSubmit = 3;
constexpr std::uint32_t kReturnUnlink = 4;
constexpr std::size_t kOperationSize = 8;
constexpr std::size_t kCommandSize = 48;
constexpr std::size_t kPathSize = 256;
constexpr std::uint32_t kFullSpeed = 2;
constexpr std::uint32_t kNoPackets = 0xFFFFFFFF;  // not isochronous; older hosts say 0
constexpr std::uint32_t kLastEndpoint = 15;

void put16(std::vector<std::uint8_t>& out, std::uint32_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8));
    out.push_back(static_cast<std::uint8_t>(value));
}
void put32(std::vector<std::uint8_t>& out, std::uint32_t value) {
    put16(out, value >> 16);
    put16(out, value & 0xFFFF);
}
void put_text(std::vector<std::uint8_t>& out, const std::string& text, std::size_t size) {
    const std::size_t n = std::min(text.size(), size - 1);
    out.insert(out.end(), text.begin(), text.begin() + static_cast<std::ptrdiff_t>(n));
    out.resize(out.size() + size - n);
}

void put_device(std::vector<std::uint8_t>& out, const UsbipDevice& device) {
    put_text(out, "/sealkey/" + device.bus_id, kPathSize);
    put_text(out, device.bus_id, kUsbipBusIdSize);
    put32(out, 1);
    put32(out, device.number);
    put32(out, kFullSpeed);
    put16(out, usb::kVendorId);
    put16(out, usb::kProductId);
    put16(out, usb::kDeviceRelease);
    out.insert(out.end(), {0, 0, 0});  // the class stands at the interface
    out.push_back(device.configured ? usb::kConfigurationValue : 0);
    out.insert(out.end(), {1, 1});  // configurations, interfaces
}

std::vector<std::uint8_t> operation(std::uint16_t code, std::uint32_t status) {
    std::vector<std::uint8_t> out;
    put16(out, kUsbipVersion);
    put16(out, code);
    put32(out, status);
    return out;
}

// All answers to commands have the same size.
std::vector<std::uint8_t> command_answer(std::uint32_t code, std::uint32_t sequence, std::int32_t status) {
    std::vector<std::uint8_t> out;
    put32(out, code);
    put32(out, sequence);
    for (int i = 0; i < 3; ++i) put32(out, 0);  // device, direction, endpoint: unused here
    put32(out, static_cast<std::uint32_t>(status));
    out.resize(kCommandSize);
    return out;
}

// USB's own numbers are little-endian.
usb::Setup setup_of(Bytes bytes) {
    const auto pair = [&](std::size_t at) { return static_cast<std::uint16_t>(bytes[at] | bytes[at + 1] << 8); };
    return {bytes[0], bytes[1], pair(2), pair(4), pair(6)};
}

}  // namespace

std::optional<UsbipRequest> UsbipReader::next() {
    if (broken_) return std::nullopt;
    return imported_ ? next_command() : next_operation();
}

UsbipRequest UsbipReader::nonsense(const char* what) {
    broken_ = true;
    buffer_.clear();
    return UsbipNonsense{what};
}

void UsbipReader::used(std::size_t size) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(size));
}

std::optional<UsbipRequest> UsbipReader::next_operation() {
    if (buffer_.size() < kOperationSize) return std::nullopt;
    const std::uint8_t* head = buffer_.data();
    if (load_be16(head) != kUsbipVersion) return nonsense("another version than 1.1.1");
    const std::uint16_t code = load_be16(head + 2);
    if (code == kRequestList) {
        used(kOperationSize);
        return UsbipListRequest{};
    }
    if (code != kRequestImport) return nonsense("an unknown operation");
    if (buffer_.size() < kOperationSize + kUsbipBusIdSize) return std::nullopt;
    const auto* id = reinterpret_cast<const char*>(head + kOperationSize);
    std::string bus_id(id, std::find(id, id + kUsbipBusIdSize, '\0'));
    used(kOperationSize + kUsbipBusIdSize);
    return UsbipImportRequest{std::move(bus_id)};
}

std::optional<UsbipRequest> UsbipReader::next_command() {
    if (buffer_.size() < kCommandSize) return std::nullopt;
    switch (load_be32(buffer_.data())) {
        case kCommandSubmit:
            return submit();
        case kCommandUnlink: {
            const UsbipUnlink unlink{load_be32(&buffer_[4]), load_be32(&buffer_[20])};
            used(kCommandSize);
            return unlink;
        }
        default:
            return nonsense("an unknown command");
    }
}

std::optional<UsbipRequest> UsbipReader::submit() {
    const std::uint8_t* head = buffer_.data();
    UsbipSubmit out;
    out.sequence = load_be32(head + 4);
    const std::uint32_t direction = load_be32(head + 12);
    const std::uint32_t endpoint = load_be32(head + 16);
    out.flags = load_be32(head + 20);
    out.length = load_be32(head + 24);
    const std::uint32_t packets = load_be32(head + 32);
    if (direction > 1) return nonsense("a direction that is none");
    if (endpoint > kLastEndpoint) return nonsense("an endpoint that is none");
    if (packets != 0 && packets != kNoPackets) return nonsense("an isochronous transfer");
    if (out.length > kUsbipMaxTransfer) return nonsense("a transfer too long for this device");
    out.in = direction == 1;
    out.endpoint = static_cast<std::uint8_t>(endpoint);
    out.setup = setup_of(Bytes(buffer_).subspan(40, 8));
    const std::size_t data = out.in ? 0 : out.length;
    if (buffer_.size() < kCommandSize + data) return std::nullopt;
    const auto begin = buffer_.begin() + kCommandSize;
    out.data.assign(begin, begin + static_cast<std::ptrdiff_t>(data));
    used(kCommandSize + data);
    return out;
}

std::vector<std::uint8_t> usbip_list(const std::vector<UsbipDevice>& devices) {
    std::vector<std::uint8_t> out = operation(kReplyList, 0);
    put32(out, static_cast<std::uint32_t>(devices.size()));
    for (const UsbipDevice& device : devices) {
        put_device(out, device);
        out.insert(out.end(), {protocol::ccid::kInterfaceClass, 0, 0,
                               0});  // its interface: smart card, subclass, protocol, padding
    }
    return out;
}

std::vector<std::uint8_t> usbip_import(std::uint32_t status, const UsbipDevice& device) {
    std::vector<std::uint8_t> out = operation(kReplyImport, status);
    if (status == kUsbipImported) put_device(out, device);
    return out;
}

std::vector<std::uint8_t> usbip_submitted(std::uint32_t sequence, std::int32_t status, std::size_t length, Bytes data) {
    std::vector<std::uint8_t> out = command_answer(kReturnSubmit, sequence, status);
    store_be32(&out[24], static_cast<std::uint32_t>(length));
    out.insert(out.end(), data.begin(), data.end());
    return out;
}

std::vector<std::uint8_t> usbip_unlinked(std::uint32_t sequence, std::int32_t status) {
    return command_answer(kReturnUnlink, sequence, status);
}

}  // namespace sealkey::sim
