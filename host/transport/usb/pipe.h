// What a CCID client needs of a USB device's interface: its three ways in and out, and nothing of libusb.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sealkey::transport::usb {

enum class PipeFault {
    none,
    timeout,  // what had come by then is counted
    stalled,  // the device refuses; the endpoint is halted
    gone,     // it was pulled out
    failed,   // anything else, more bytes than there was room for among it
};

struct Moved {
    PipeFault fault = PipeFault::none;
    std::size_t size = 0;
};

class Pipe {
public:
    virtual ~Pipe() = default;
    // One transfer to the device.
    [[nodiscard]] virtual Moved out(std::span<const std::uint8_t> data, std::chrono::milliseconds wait) = 0;
    // One transfer from it, up to its short packet or until `into` is full; that is whole packets long.
    [[nodiscard]] virtual Moved in(std::span<std::uint8_t> into, std::chrono::milliseconds wait) = 0;
    // A class request to the interface, without data.
    [[nodiscard]] virtual Moved control(std::uint8_t request, std::uint16_t value, std::chrono::milliseconds wait) = 0;
    // Both bulk endpoints begin anew after a halt.
    virtual void clear_halts() = 0;
};

}  // namespace sealkey::transport::usb
