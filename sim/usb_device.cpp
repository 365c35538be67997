#include "usb_device.h"

#include <algorithm>
#include <utility>

namespace sealkey::sim {

namespace {

using Data = std::optional<std::vector<std::uint8_t>>;

// Standard requests (table 9-4): request type and number together.
constexpr std::uint16_t standard(std::uint8_t type, std::uint8_t request) {
    return static_cast<std::uint16_t>(type << 8 | request);
}
constexpr std::uint16_t kGetDeviceStatus = standard(0x80, 0);
constexpr std::uint16_t kGetInterfaceStatus = standard(0x81, 0);
constexpr std::uint16_t kGetEndpointStatus = standard(0x82, 0);
constexpr std::uint16_t kClearEndpointFeature = standard(0x02, 1);
constexpr std::uint16_t kSetEndpointFeature = standard(0x02, 3);
constexpr std::uint16_t kSetAddress = standard(0x00, 5);
constexpr std::uint16_t kGetDescriptor = standard(0x80, 6);
constexpr std::uint16_t kGetConfiguration = standard(0x80, 8);
constexpr std::uint16_t kSetConfiguration = standard(0x00, 9);
constexpr std::uint16_t kGetInterface = standard(0x81, 10);
constexpr std::uint16_t kSetInterface = standard(0x01, 11);
constexpr std::uint16_t kMicrosoft = standard(0xC0, usb::kMicrosoftRequest);
constexpr std::uint16_t kEndpointHalt = 0;

constexpr std::uint8_t kClassOfInterface = 0x21;  // and the same with bit 7

Data list(std::initializer_list<std::uint8_t> from) { return std::vector<std::uint8_t>(from); }
Data bytes(Bytes from) { return std::vector<std::uint8_t>(from.begin(), from.end()); }

}  // namespace

void UsbDevice::reset(const std::string& serial) {
    serial_ = serial;
    configured_ = false;
    for (Endpoint& endpoint : endpoints_) {
        endpoint.halted = false;
        endpoint.waiting.clear();
    }
    finished_.clear();
    ccid_.reset();
}

void UsbDevice::submit(UsbTransfer transfer) {
    if ((transfer.endpoint & 0x7F) == 0) {
        control(transfer);
        finished_.push_back(std::move(transfer));
    } else if (Endpoint* endpoint = configured_ ? find(transfer.endpoint) : nullptr) {
        endpoint->waiting.push_back(std::move(transfer));
    } else {
        transfer.state = UsbTransfer::State::stalled;
        finished_.push_back(std::move(transfer));
    }
}

bool UsbDevice::cancel(std::uint32_t id) {
    for (Endpoint& endpoint : endpoints_) {
        const auto erased = std::erase_if(endpoint.waiting, [&](const UsbTransfer& one) { return one.id == id; });
        if (erased > 0) return true;
    }
    return false;
}

UsbDevice::Endpoint* UsbDevice::find(std::uint8_t address) {
    for (Endpoint& endpoint : endpoints_) {
        if (endpoint.address == address) return &endpoint;
    }
    return nullptr;
}

void UsbDevice::finish(Endpoint& endpoint, UsbTransfer::State state) {
    endpoint.waiting.front().state = state;
    finished_.push_back(std::move(endpoint.waiting.front()));
    endpoint.waiting.pop_front();
}

std::vector<UsbTransfer> UsbDevice::pump() {
    for (bool moved = true; moved;) {
        moved = false;
        for (Endpoint& endpoint : endpoints_) moved = move(endpoint) || moved;
    }
    return std::exchange(finished_, {});
}

// One packet, of the first transfer only: a reply that two transfers shared would be none for either.
bool UsbDevice::move(Endpoint& endpoint) {
    if (endpoint.waiting.empty()) return false;
    if (endpoint.halted) {
        finish(endpoint, UsbTransfer::State::stalled);
        return true;
    }
    UsbTransfer& transfer = endpoint.waiting.front();
    return endpoint.address == usb::kBulkOut ? give(transfer, endpoint) : take(transfer, endpoint);
}

bool UsbDevice::give(UsbTransfer& transfer, Endpoint& endpoint) {
    if (!ccid_.ready()) return false;
    const std::size_t n = std::min(usb::kBulkPacket, transfer.data.size() - transfer.taken);
    ccid_.received(Bytes(transfer.data).subspan(transfer.taken, n));
    transfer.taken += n;
    const bool all = transfer.taken == transfer.data.size();
    if (all && (n < usb::kBulkPacket || !transfer.end_by_empty_packet)) finish(endpoint, UsbTransfer::State::done);
    return true;
}

bool UsbDevice::take(UsbTransfer& transfer, Endpoint& endpoint) {
    const bool bulk = endpoint.address == usb::kBulkIn;
    const auto packet = bulk ? ccid_.next() : ccid_.next_event();
    if (!packet) return false;
    const bool fits = packet->size() <= transfer.length - transfer.data.size();
    if (fits) transfer.data.insert(transfer.data.end(), packet->begin(), packet->end());
    const bool last = packet->size() < (bulk ? usb::kBulkPacket : usb::kInterruptPacket);
    bulk ? ccid_.sent() : ccid_.event_sent();
    if (!fits) {
        finish(endpoint, UsbTransfer::State::overflow);
    } else if (last || transfer.data.size() == transfer.length) {
        finish(endpoint, UsbTransfer::State::done);
    }
    return true;
}

// ---- endpoint 0 -----------------------------------------------------------------------------------------------------

void UsbDevice::control(UsbTransfer& transfer) {
    auto data = answer(transfer.setup);
    transfer.state = data ? UsbTransfer::State::done : UsbTransfer::State::stalled;
    const bool in = (transfer.setup.request_type & 0x80) != 0;
    transfer.taken = transfer.data.size();
    if (!in) return;
    transfer.data = data.value_or(std::vector<std::uint8_t>());
    transfer.data.resize(std::min({transfer.data.size(), std::size_t{transfer.setup.length}, transfer.length}));
}

Data UsbDevice::answer(const usb::Setup& setup) {
    if ((setup.request_type & 0x7F) == kClassOfInterface) {
        const auto from_class = ccid_.control(setup);
        return from_class ? bytes(*from_class) : std::nullopt;
    }
    switch (standard(setup.request_type, setup.request)) {
        case kGetDeviceStatus:
        case kGetInterfaceStatus:
            return list({0, 0});
        case kGetDescriptor:
            return descriptor(static_cast<std::uint8_t>(setup.value >> 8), static_cast<std::uint8_t>(setup.value));
        case kSetAddress:
            return list({});
        case kGetConfiguration:
            return list({configured_ ? usb::kConfigurationValue : std::uint8_t{0}});
        case kSetConfiguration:
            if (setup.value != 0 && setup.value != usb::kConfigurationValue) return std::nullopt;
            configure(setup.value != 0);
            return list({});
        case kGetInterface:
            if (!configured_ || setup.index != usb::kInterface) return std::nullopt;
            return list({0});
        case kSetInterface:
            if (!configured_ || setup.index != usb::kInterface || setup.value != 0) return std::nullopt;
            configure(true);
            return list({});
        case kGetEndpointStatus:
        case kClearEndpointFeature:
        case kSetEndpointFeature:
            return endpoint_request(setup);
        case kMicrosoft:
            return setup.index == usb::kMicrosoftDescriptorIndex ? bytes(usb::kMicrosoftDescriptorSet) : std::nullopt;
        default:
            return std::nullopt;
    }
}

Data UsbDevice::descriptor(std::uint8_t type, std::uint8_t index) const {
    if (type == usb::type::string) {
        std::vector<std::uint8_t> out(usb::kMaxString);
        out.resize(usb::string_descriptor(index, serial_, out));
        return out.empty() ? std::nullopt : Data(out);
    }
    if (index != 0) return std::nullopt;
    switch (type) {
        case usb::type::device:
            return bytes(usb::kDeviceDescriptor);
        case usb::type::configuration:
            return bytes(usb::kConfigurationDescriptor);
        case usb::type::bos:
            return bytes(usb::kBosDescriptor);
        default:
            return std::nullopt;  // the device qualifier too: full speed only
    }
}

Data UsbDevice::endpoint_request(const usb::Setup& setup) {
    const auto address = static_cast<std::uint8_t>(setup.index);
    Endpoint* endpoint = configured_ ? find(address) : nullptr;
    const bool control = (address & 0x7F) == 0;
    if (endpoint == nullptr && !control) return std::nullopt;
    if (setup.request == 0)
        return list({endpoint != nullptr && endpoint->halted ? std::uint8_t{1} : std::uint8_t{0}, 0});
    if (setup.value != kEndpointHalt) return std::nullopt;
    if (endpoint == nullptr) return list({});
    endpoint->halted = setup.request == 3;
    if (!endpoint->halted) ccid_.halt_cleared(address);
    return list({});
}

// Also where the same was set already: halts and the session end (USB 2.0, 9.1.1.5).
void UsbDevice::configure(bool on) {
    configured_ = on;
    for (Endpoint& endpoint : endpoints_) endpoint.halted = false;
    on ? ccid_.configured() : ccid_.reset();
}

}  // namespace sealkey::sim
