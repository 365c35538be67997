#include "transport/usb/device.h"

#include <algorithm>

namespace sealkey::transport::usb {

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kRetryInterval{20};
constexpr std::uint8_t kClassRequestOut =
    LIBUSB_ENDPOINT_OUT | std::uint8_t{LIBUSB_REQUEST_TYPE_CLASS} | std::uint8_t{LIBUSB_RECIPIENT_INTERFACE};

PipeFault fault_of(int code) {
    switch (code) {
        case LIBUSB_ERROR_TIMEOUT:
            return PipeFault::timeout;
        case LIBUSB_ERROR_PIPE:
            return PipeFault::stalled;
        case LIBUSB_ERROR_NO_DEVICE:
            return PipeFault::gone;
        default:
            return code < 0 ? PipeFault::failed : PipeFault::none;
    }
}

// 0 would mean to wait for ever.
unsigned in_milliseconds(std::chrono::milliseconds wait) {
    return static_cast<unsigned>(std::max<std::int64_t>(wait.count(), 1));
}

[[noreturn]] void fail(int code, const std::string& reader) {
    switch (code) {
        case LIBUSB_ERROR_NO_DEVICE:
            throw TransportError(Failure::no_reader, "the key at " + reader + " was taken out");
        case LIBUSB_ERROR_BUSY:
            throw TransportError(Failure::in_use, "another program has the key at " + reader +
                                                      ": the smart-card service (pcscd), or one of ours");
        case LIBUSB_ERROR_ACCESS:
            throw TransportError(Failure::no_service, "this user may not open the USB device at " + reader);
        default:
            throw TransportError(Failure::communication,
                                 "opening the USB device at " + reader + ": " + libusb_strerror(code));
    }
}

}  // namespace

Device::Device(std::shared_ptr<Bus> bus, const std::string& reader, std::chrono::milliseconds patience)
    : bus_(std::move(bus)), found_(bus_->find(reader)) {
    if (const int code = libusb_open(found_.device.get(), &handle_); code != 0) fail(code, reader);
    // Debian's kernel has no driver for this class; where one is, it gives the key back afterwards.
    (void)libusb_set_auto_detach_kernel_driver(handle_, 1);
    const auto deadline = Clock::now() + patience;
    for (;;) {
        const int code = libusb_claim_interface(handle_, found_.interface);
        if (code == 0) return;
        if (code != LIBUSB_ERROR_BUSY || Clock::now() >= deadline) {
            libusb_close(handle_);
            fail(code, reader);
        }
        std::this_thread::sleep_for(kRetryInterval);
    }
}

Device::~Device() {
    if (is_inherited()) return;
    (void)libusb_release_interface(handle_, found_.interface);
    libusb_close(handle_);
}

void Device::reset() {
    if (libusb_reset_device(handle_) != 0) throw TransportError(Failure::no_reader, "the key has gone from its port");
}

Moved Device::out(std::span<const std::uint8_t> data, std::chrono::milliseconds wait) {
    int moved = 0;
    // libusb's argument isn't const, but nothing is written there for this direction.
    const int code = libusb_bulk_transfer(handle_, found_.bulk_out, const_cast<std::uint8_t*>(data.data()),
                                          static_cast<int>(data.size()), &moved, in_milliseconds(wait));
    return {fault_of(code), static_cast<std::size_t>(moved)};
}

Moved Device::in(std::span<std::uint8_t> into, std::chrono::milliseconds wait) {
    int moved = 0;
    const int code = libusb_bulk_transfer(handle_, found_.bulk_in, into.data(), static_cast<int>(into.size()), &moved,
                                          in_milliseconds(wait));
    return {fault_of(code), static_cast<std::size_t>(moved)};
}

Moved Device::control(std::uint8_t request, std::uint16_t value, std::chrono::milliseconds wait) {
    const int code = libusb_control_transfer(handle_, kClassRequestOut, request, value, found_.interface, nullptr, 0,
                                             in_milliseconds(wait));
    return {fault_of(code), 0};
}

void Device::clear_halts() {
    (void)libusb_clear_halt(handle_, found_.bulk_out);
    (void)libusb_clear_halt(handle_, found_.bulk_in);
}

}  // namespace sealkey::transport::usb
