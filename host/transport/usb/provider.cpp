#include "transport/usb/provider.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <string_view>

#include "transport/settings.h"
#include "transport/usb/ccid_client.h"
#include "transport/usb/device.h"

namespace sealkey::transport {

namespace {

using namespace usb;

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kLongestWait{1000};
constexpr std::chrono::milliseconds kLookInterval{1000};  // where nothing tells of changes

class UsbConnection final : public Connection {
public:
    UsbConnection(std::shared_ptr<Bus> bus, const std::string& reader, std::chrono::milliseconds patience)
        : device_(std::move(bus), reader, patience), client_(device_, device_.traits()) {
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
        if (device_.is_inherited()) return;
        try {
            client_.power_off();
        } catch (const TransportError&) {
            // It has gone, or whoever takes it next brings it to a known state.
        }
    }

    ByteVector transmit(ByteView command) override {
        require_own_process();
        return client_.transmit(command);
    }
    // The interface is this connection's alone.
    void begin_transaction() override { require_own_process(); }
    void end_transaction() noexcept override {}
    ByteVector atr() const override { return atr_; }
    bool extended_length() const override {
        return client_.extended() && apdu_length_setting() != ApduLength::short_only;
    }

private:
    void require_own_process() const {
        if (device_.is_inherited()) {
            throw TransportError(Failure::communication, "a connection isn't inherited by fork");
        }
    }

    Device device_;
    CcidClient client_;
    ByteVector atr_;
};

class UsbProvider final : public Provider {
public:
    explicit UsbProvider(std::chrono::milliseconds patience) : patience_(patience) {}

    std::vector<ReaderState> readers() override { return bus()->readers(); }

    bool wait_for_change(const std::vector<ReaderState>& known, std::chrono::milliseconds timeout) override {
        // One that came before there was anything to end.
        if (cancelled_.exchange(false)) return false;
        const auto deadline = Clock::now() + timeout;
        for (;;) {
            const auto left = std::max(std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()), {});
            const auto now = bus();
            const bool result =
                now->wait_for_change(known, now->is_live() ? left : std::min(left, kLookInterval), cancelled_);
            if (!result && !cancelled_ && Clock::now() < deadline) continue;
            cancelled_ = false;
            return result;
        }
    }
    void cancel() noexcept override {
        cancelled_ = true;
        std::shared_ptr<Bus> waited_on;
        {
            const std::lock_guard lock(mutex_);
            waited_on = bus_;
        }
        // Whoever asks for the bus only now finds the flag before waiting.
        if (waited_on != nullptr && !waited_on->is_inherited()) waited_on->wake();
    }

    std::unique_ptr<Connection> connect(const std::string& reader) override {
        return std::make_unique<UsbConnection>(bus(), reader, patience_);
    }

private:
    // Kept from the first question on. A child after fork() asks for its own.
    std::shared_ptr<Bus> bus() {
        const std::lock_guard lock(mutex_);
        if (bus_ == nullptr || !bus_->is_live()) bus_ = Bus::shared();
        return bus_;
    }

    std::chrono::milliseconds patience_;
    std::atomic<bool> cancelled_ = false;
    std::mutex mutex_;  // never held while waiting
    std::shared_ptr<Bus> bus_;
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
