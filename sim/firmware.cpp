#include "firmware.h"

#include <spdlog/fmt/fmt.h>

#include "applet/token.h"

namespace sealkey::sim {

namespace {

class TokenFirmware final : public Firmware {
public:
    explicit TokenFirmware(platform::Platform& platform) : platform_(platform), token_(platform), answer_(kMaxAnswer) {}

    bool manufacture(const token::ChannelKeys& transport_keys) override {
        channel::Keys keys;
        keys.enc.assign(transport_keys.enc.bytes());
        keys.mac.assign(transport_keys.mac.bytes());
        keys.dek.assign(transport_keys.dek.bytes());
        return token_.manufacture(keys).ok();
    }
    bool power_on() override { return token_.power_on().ok(); }
    void reset() override { token_.reset(); }
    std::vector<std::uint8_t> atr() override {
        const Bytes atr = applet::Token::atr();
        return {atr.begin(), atr.end()};
    }
    std::string serial() override {
        const auto& config = token_.state().config;
        if (config.lifecycle != protocol::Lifecycle::blank) return {config.serial.begin(), config.serial.end()};
        std::string out;
        for (std::size_t i = 2; i < sizeof platform_.chip_id; ++i) out += fmt::format("{:02X}", platform_.chip_id[i]);
        return out;
    }
    std::vector<std::uint8_t> transmit(Bytes command, std::size_t longest) override {
        const std::size_t size = token_.transmit(command, MutableBytes(answer_).first(longest));
        return {answer_.begin(), answer_.begin() + static_cast<std::ptrdiff_t>(size)};
    }

private:
    platform::Platform& platform_;
    applet::Token token_;
    std::vector<std::uint8_t> answer_;
};

}  // namespace

std::unique_ptr<Firmware> make_firmware(platform::Platform& platform) {
    return std::make_unique<TokenFirmware>(platform);
}

}  // namespace sealkey::sim
