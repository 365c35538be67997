// The key as a USB device for any Linux machine: a USB/IP server whose devices `usbip attach` plugs in. The class that
// answers is the one that boards run; its commands are executed in a thread, so that the bus lives on meanwhile.
#pragma once

#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "event_loop.h"
#include "socket.h"
#include "usb_device.h"
#include "usbip_protocol.h"
#include "virtual_token.h"

namespace sealkey::sim {

// One token behind the class.
class UsbipKey final : public usb::Slot {
public:
    // `wake` is called from the thread whenever there may be something to send.
    UsbipKey(VirtualToken& token, std::string bus_id, std::function<void()> wake);
    ~UsbipKey();
    UsbipKey(const UsbipKey&) = delete;
    UsbipKey& operator=(const UsbipKey&) = delete;

    [[nodiscard]] VirtualToken& token() { return token_; }
    [[nodiscard]] const std::string& bus_id() const { return bus_id_; }
    [[nodiscard]] UsbDevice& device() { return device_; }
    [[nodiscard]] usb::Ccid& ccid() { return ccid_; }
    // A host has it.
    [[nodiscard]] bool attached() const { return attached_; }
    void attach();
    void detach();
    // The thread looks for a command.
    void work();

    Bytes power_on() override;
    void power_off() override;
    std::size_t transmit(Bytes command, MutableBytes response) override;

private:
    void serve();

    VirtualToken& token_;
    std::string bus_id_;
    std::function<void()> wake_;
    usb::Ccid ccid_{*this};
    UsbDevice device_{ccid_};
    bool attached_ = false;
    std::vector<std::uint8_t> atr_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool work_ = false;
    bool end_ = false;
    std::thread thread_;
};

class UsbipFront final : public EventSource {
public:
    // One device for each token, "1-1" and on. Throws std::runtime_error where it can't listen.
    UsbipFront(const std::vector<VirtualToken*>& tokens, const std::string& host, std::uint16_t port);

    void collect(PollSet& set) override;
    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] bool attached(const VirtualToken& token) const;

private:
    struct Connection {
        Socket socket;
        UsbipReader requests{};
        std::vector<std::uint8_t> output{};
        UsbipKey* key = nullptr;  // once it was imported
        std::uint64_t generation = 0;
    };
    using Connections = std::list<Connection>;

    void serve(Connections::iterator connection);
    // False: this connection ends.
    bool answer(Connection& connection, UsbipRequest& request);
    void import(Connection& connection, const std::string& bus_id);
    void submit(Connection& connection, UsbipSubmit& submit);
    void list(Connection& connection);
    void pump(Connection& connection);
    void close(Connections::iterator connection);
    void on_wake();
    void on_tick();

    Socket wake_;
    std::vector<std::unique_ptr<UsbipKey>> keys_;
    Socket listener_;
    std::uint16_t port_ = 0;
    Connections connections_;
    PollSet::Clock::time_point next_tick_{};
};

}  // namespace sealkey::sim
