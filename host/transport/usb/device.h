// A key's interface, claimed for one program as long as this lives. In a child after fork() it is its parent's: nothing
// is released there, and nothing may be asked of it.
#pragma once

#include "transport/usb/bus.h"
#include "transport/usb/pipe.h"

namespace sealkey::transport::usb {

class Device final : public Pipe {
public:
    // Throws TransportError: in_use after `patience`, no_service without the right to open it, no_reader.
    Device(std::shared_ptr<Bus> bus, const std::string& reader, std::chrono::milliseconds patience);
    ~Device() override;
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

    [[nodiscard]] bool is_inherited() const { return !maker_.is_this_process(); }
    [[nodiscard]] const ReaderTraits& traits() const { return found_.traits; }
    // A reset of its port, the last resort. Throws TransportError no_reader where it doesn't come back as it was.
    void reset();

    [[nodiscard]] Moved out(std::span<const std::uint8_t> data, std::chrono::milliseconds wait) override;
    [[nodiscard]] Moved in(std::span<std::uint8_t> into, std::chrono::milliseconds wait) override;
    [[nodiscard]] Moved control(std::uint8_t request, std::uint16_t value, std::chrono::milliseconds wait) override;
    void clear_halts() override;

private:
    const Maker maker_;
    std::shared_ptr<Bus> bus_;
    Found found_;
    libusb_device_handle* handle_ = nullptr;
};

}  // namespace sealkey::transport::usb
