// The keys at this machine's USB ports, as libusb tells of them. One for the whole process: its thread serves libusb's
// events for every provider and connection.
#pragma once

#include <libusb.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "transport/usb/ccid_message.h"

namespace sealkey::transport::usb {

// The process that made something. A child after fork() has a copy, of which it may undo nothing: a key's claim, what
// libusb counts and the thread are its parent's.
class Maker {
public:
    [[nodiscard]] bool is_this_process() const { return pid_ == ::getpid(); }

private:
    pid_t pid_ = ::getpid();
};

// A key that is plugged in, and what its descriptors say.
struct Found {
    std::shared_ptr<libusb_device> device;  // given back to libusb by its own process alone
    ReaderTraits traits;
    std::uint8_t interface = 0;
    std::uint8_t bulk_out = 0;
    std::uint8_t bulk_in = 0;
};

class Bus {
public:
    // The process's own. A child after fork() gets another, and where its copies of the parent's go they stay whole.
    // Throws TransportError no_service.
    [[nodiscard]] static std::shared_ptr<Bus> shared();

    Bus(const Bus&) = delete;
    Bus& operator=(const Bus&) = delete;

    // Whether it is this process's and goes with what happens at the ports. libusb has one thread in a process that
    // hears of that, at a socket which a child shares: a child of a process that had a Bus has no such thread. There a
    // Bus is what was plugged in when it was made, and shared() makes a new one each time. (Not more often than needed:
    // libusb looks at that socket then, and what it finds the parent doesn't hear.)
    [[nodiscard]] bool is_live() const { return maker_.is_this_process() && hears_; }
    [[nodiscard]] bool is_inherited() const { return !maker_.is_this_process(); }

    [[nodiscard]] std::vector<ReaderState> readers() const;
    // Throws TransportError no_reader.
    [[nodiscard]] Found find(const std::string& reader) const;
    // Until the readers differ from `known`, the time is over or `cancelled` is set (and then wake() called); whether
    // they differ.
    bool wait_for_change(const std::vector<ReaderState>& known, std::chrono::milliseconds timeout,
                         const std::atomic<bool>& cancelled);
    void wake();

private:
    explicit Bus(bool hears);
    ~Bus();

    struct Place {
        Found found;  // device: none while nothing is plugged in
        std::uint32_t event_count = 0;
    };

    static int LIBUSB_CALL on_event(libusb_context*, libusb_device* device, libusb_hotplug_event event, void* bus);
    void arrived(libusb_device* device);
    void left(libusb_device* device);
    void serve();
    [[nodiscard]] std::vector<ReaderState> states() const;

    const Maker maker_;
    const bool hears_;
    libusb_context* context_ = nullptr;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::map<std::string, Place> places_;  // by the reader's name
    int stop_ = 0;
    std::thread thread_;
};

}  // namespace sealkey::transport::usb
