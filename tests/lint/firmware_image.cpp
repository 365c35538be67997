// The whole firmware on the smallest board that can be thought of, linked without the C++ library: what it wants from
// outside is what a board has to give. It is linked and looked at, never run for its own sake.
#include <cstdlib>
#include <new>

#include "applet/token.h"
#include "usb/ccid.h"

using namespace sealkey;

namespace {

constexpr platform::FlashGeometry kGeometry = {4096, 32, 256};
std::uint8_t g_cells[kGeometry.sector_size * kGeometry.sector_count];

class RamFlash final : public platform::Flash {
public:
    [[nodiscard]] platform::FlashGeometry geometry() const override { return kGeometry; }
    [[nodiscard]] bool read(std::uint32_t offset, MutableBytes out) override {
        if (offset > sizeof g_cells || out.size() > sizeof g_cells - offset) return false;
        std::memcpy(out.data(), g_cells + offset, out.size());
        return true;
    }
    [[nodiscard]] bool program(std::uint32_t offset, Bytes data) override {
        if (offset > sizeof g_cells || data.size() > sizeof g_cells - offset) return false;
        for (std::size_t i = 0; i < data.size(); ++i) g_cells[offset + i] &= data[i];
        return true;
    }
    [[nodiscard]] bool erase(std::uint32_t sector) override {
        if (sector >= kGeometry.sector_count) return false;
        std::memset(g_cells + std::size_t{sector} * kGeometry.sector_size, 0xFF, kGeometry.sector_size);
        return true;
    }
};

// Counts; good enough for a program that is only linked.
class NoEntropy final : public platform::Entropy {
public:
    [[nodiscard]] bool fill(MutableBytes out) override {
        for (std::uint8_t& byte : out) byte = next_++;
        return true;
    }

private:
    std::uint8_t next_ = 0;
};

class NoClock final : public platform::Clock {
public:
    [[nodiscard]] std::uint32_t milliseconds() override { return 0; }
    void delay(std::uint32_t) override {}
};

class NoIndicator final : public platform::Indicator {
public:
    void show(platform::Indication) override {}
};

class NoPresence final : public platform::Presence {
public:
    [[nodiscard]] bool confirmed(std::uint32_t) override { return false; }
};

class NoSecret final : public platform::DeviceSecret {
public:
    void read(std::span<std::uint8_t, kSize> out) override { std::memset(out.data(), 0, out.size()); }
};

class TokenSlot final : public usb::Slot {
public:
    explicit TokenSlot(applet::Token& token) : token_(token) {}
    [[nodiscard]] Bytes power_on() override {
        token_.reset();
        return applet::Token::atr();
    }
    void power_off() override { token_.reset(); }
    [[nodiscard]] std::size_t transmit(Bytes command, MutableBytes response) override {
        return token_.transmit(command, response);
    }

private:
    applet::Token& token_;
};

// IccPowerOn, and its answer's size: the message's header and the answer to reset.
std::size_t power_on_by_usb(applet::Token& token) {
    static std::uint8_t place[sizeof(usb::Ccid)] __attribute__((aligned(alignof(usb::Ccid))));
    TokenSlot slot(token);
    auto* reader = new (place) usb::Ccid(slot);
    reader->configured();
    const std::uint8_t power_on[usb::Ccid::kHeaderSize] = {0x62};
    reader->received(power_on);
    (void)reader->run();
    reader->tick(0);
    const auto packet = reader->next();
    return packet ? packet->size() : 0;
}

}  // namespace

// An abstract class's empty place; start-up code on a board has the same.
extern "C" [[noreturn]] void __cxa_pure_virtual() { std::abort(); }

int main(int count, char**) {
    RamFlash flash;
    NoEntropy entropy;
    NoClock clock;
    NoIndicator indicator;
    NoPresence presence;
    NoSecret secret;
    for (std::uint32_t sector = 0; sector < kGeometry.sector_count; ++sector) (void)flash.erase(sector);
    platform::Platform board{flash, entropy, clock, indicator, presence, secret, {}};
    applet::Token token(board);
    std::uint8_t bytes[258] = {0x00, 0xA4, 0x04, 0x00};
    channel::Keys keys;
    for (Secret<32>* key : {&keys.enc, &keys.mac, &keys.dek}) key->assign({bytes, 32});
    if (!token.manufacture(keys) || !token.power_on()) return 1;
    if (power_on_by_usb(token) != usb::Ccid::kHeaderSize + applet::Token::atr().size()) return 1;
    return token.transmit({bytes, static_cast<std::size_t>(count) + 3}, bytes) == 2 ? 0 : 1;
}
