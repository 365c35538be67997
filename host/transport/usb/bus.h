// The keys at this machine's USB ports, as libusb tells of them. One for the whole process: its thread serves libusb's
// events for every provider and connection.
#pragma once

#include <libusb.h>

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "transport/usb/ccid_message.h"

namespace sealkey::transport::usb {

// A key that is plugged in, and what its descriptors say.
struct Found {
    std::shared_ptr<libusb_device> device;
    ReaderTraits traits;
    std::uint8_t interface = 0;
    std::uint8_t bulk_out = 0;
    std::uint8_t bulk_in = 0;
};

class Bus {
public:
    // The process's own; a child after fork() gets another. Throws TransportError no_service.
    [[nodiscard]] static std::shared_ptr<Bus> shared();

    Bus();
    ~Bus();
    Bus(const Bus&) = delete;
    Bus& operator=(const Bus&) = delete;

    [[nodiscard]] std::vector<ReaderState> readers() const;
    // Throws TransportError no_reader.
    [[nodiscard]] Found find(const std::string& reader) const;
    // Until the readers differ from `known`, the time is over or `cancelled` is set (and wake() called); whether they
    // differ.
    bool wait_for_change(const std::vector<ReaderState>& known, std::chrono::milliseconds timeout,
                         const bool& cancelled);
    // Runs `change` under the lock that wait_for_change() reads `cancelled` under.
    template <class Change>
    void wake(Change change) {
        const std::lock_guard lock(mutex_);
        change();
        changed_.notify_all();
    }

private:
    struct Place {
        Found found;  // device: none while nothing is plugged in
        std::uint32_t event_count = 0;
    };

    static int LIBUSB_CALL on_event(libusb_context*, libusb_device* device, libusb_hotplug_event event, void* bus);
    void arrived(libusb_device* device);
    void left(libusb_device* device);
    void serve();
    [[nodiscard]] std::vector<ReaderState> states() const;

    libusb_context* context_ = nullptr;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, Place> places_;  // by the reader's name
    int stop_ = 0;
    std::thread thread_;
};

}  // namespace sealkey::transport::usb
