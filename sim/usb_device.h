// The part of a USB device that a controller and its stack are on a board (USB 2.0 chapter 9): standard requests, and
// transfers cut into packets. One device with the key's CCID interface; knows no USB/IP.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "usb/ccid.h"

namespace sealkey::sim {

// A transfer of the host, and what became of it.
struct UsbTransfer {
    enum class State : std::uint8_t { waiting, done, stalled, overflow };

    std::uint32_t id = 0;
    std::uint8_t endpoint = 0;  // with the direction in bit 7
    std::size_t length = 0;     // to be taken at most, or given
    bool end_by_empty_packet = false;
    usb::Setup setup;                // of endpoint 0
    std::vector<std::uint8_t> data;  // to the device, or from it
    std::size_t taken = 0;           // of the data to the device
    State state = State::waiting;
};

class UsbDevice {
public:
    explicit UsbDevice(usb::Ccid& ccid) : ccid_(ccid) {}

    // Plugged into a host, or taken out of it: as after a bus reset.
    void reset(const std::string& serial);

    void submit(UsbTransfer transfer);
    // False: it isn't waiting (any more).
    bool cancel(std::uint32_t id);
    // Moves packets while there is anything to move, one transfer of an endpoint after the other; what is finished
    // then, in order of finishing.
    [[nodiscard]] std::vector<UsbTransfer> pump();
    [[nodiscard]] bool configured() const { return configured_; }

private:
    struct Endpoint {
        std::uint8_t address;
        bool halted = false;
        std::deque<UsbTransfer> waiting{};
    };

    Endpoint* find(std::uint8_t address);
    void finish(Endpoint& endpoint, UsbTransfer::State state);
    bool move(Endpoint& endpoint);
    bool give(UsbTransfer& transfer, Endpoint& endpoint);
    bool take(UsbTransfer& transfer, Endpoint& endpoint);
    void control(UsbTransfer& transfer);
    [[nodiscard]] std::optional<std::vector<std::uint8_t>> answer(const usb::Setup& setup);
    [[nodiscard]] std::optional<std::vector<std::uint8_t>> descriptor(std::uint8_t type, std::uint8_t index) const;
    [[nodiscard]] std::optional<std::vector<std::uint8_t>> endpoint_request(const usb::Setup& setup);
    void configure(bool on);

    usb::Ccid& ccid_;
    std::string serial_;
    bool configured_ = false;
    Endpoint endpoints_[3] = {{usb::kBulkOut}, {usb::kBulkIn}, {usb::kInterruptIn}};
    std::vector<UsbTransfer> finished_;
};

}  // namespace sealkey::sim
