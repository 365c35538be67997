#include "transport/usb/provider.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "transport/settings.h"
#include "transport/usb/ccid_client.h"
#include "transport/usb/device.h"

namespace sealkey::transport {

namespace {

using namespace usb;

constexpr std::chrono::milliseconds kLongestWait{1000};

class UsbConnection final : public Connection {
public:
    UsbConnection(std::shared_ptr<Bus> bus, const std::string& reader, std::chrono::milliseconds patience)
        : device_(std::move(bus), reader, patience), client_(device_, device_.traits()), pid_(::getpid()) {
        try {
            client_.synchronise();
        } catch (const TransportError& error) {
            if (error.failure() != Failure::communication) throw;
            device_.reset();
            client_.synchronise();
        }
        atr_ = client_.power_on();
    }
    ~UsbConnection() override {
        if (pid_ != ::getpid()) return;
        try {
            client_.power_off();
        } catch (const TransportError&) {
            // It has gone, or whoever takes it next brings it to a known state.
        }
    }

    ByteVector transmit(ByteView command) override {
        if (pid_ != ::getpid()) {
            throw TransportError(Failure::communication, "a connection isn't inherited by fork");
        }
        return client_.transmit(command);
    }
    // The interface is this connection's alone.
    void begin_transaction() override {}
    void end_transaction() noexcept override {}
    ByteVector atr() const override { return atr_; }
    bool extended_length() const override {
        return client_.extended() && apdu_length_setting() != ApduLength::short_only;
    }

private:
    Device device_;
    CcidClient client_;
    pid_t pid_;
    ByteVector atr_;
};

class UsbProvider final : public Provider {
public:
    explicit UsbProvider(std::chrono::milliseconds patience) : patience_(patience) {}

    std::vector<ReaderState> readers() override { return bus().readers(); }

    bool wait_for_change(const std::vector<ReaderState>& known, std::chrono::milliseconds timeout) override {
        const bool result = bus().wait_for_change(known, timeout, cancelled_);
        bus().wake([this] { cancelled_ = false; });
        return result;
    }
    void cancel() noexcept override {
        if (bus_ != nullptr) bus_->wake([this] { cancelled_ = true; });
    }

    std::unique_ptr<Connection> connect(const std::string& reader) override {
        bus();
        return std::make_unique<UsbConnection>(bus_, reader, patience_);
    }

private:
    Bus& bus() {
        std::call_once(asked_, [this] { bus_ = Bus::shared(); });
        return *bus_;
    }

    std::chrono::milliseconds patience_;
    std::once_flag asked_;
    std::shared_ptr<Bus> bus_;
    bool cancelled_ = false;  // under the bus's lock
};

}  // namespace

std::unique_ptr<Provider> make_usb_provider() { return make_usb_provider(kLongestWait); }

std::unique_ptr<Provider> make_usb_provider(std::chrono::milliseconds patience) {
    return std::make_unique<UsbProvider>(patience);
}

UsbChoice usb_setting() noexcept {
    const char* text = ::secure_getenv("SEALKEY_USB");
    const std::string_view choice = text == nullptr ? "" : text;
    if (choice != "" && choice != "0" && choice != "1") return UsbChoice::mistaken;
    return choice == "1" && simulator_sockets_setting().empty() ? UsbChoice::yes : UsbChoice::no;
}

bool usb_is_chosen() {
    const UsbChoice choice = usb_setting();
    if (choice == UsbChoice::mistaken) {
        throw TransportError(Failure::no_service, "SEALKEY_USB is 1, or 0, or not set");
    }
    return choice == UsbChoice::yes;
}

std::unique_ptr<Provider> make_program_provider() {
    return usb_is_chosen() ? make_usb_provider() : make_default_provider();
}

}  // namespace sealkey::transport
