#include "firmware.h"

#include "applet/token.h"

namespace sealkey::sim {

namespace {

// The longest answer: what an extended APDU can ask for, and the status word.
constexpr std::size_t kMaxAnswer = 65536 + 2;

class TokenFirmware final : public Firmware {
public:
    explicit TokenFirmware(platform::Platform& platform) : token_(platform), answer_(kMaxAnswer) {}

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
    std::vector<std::uint8_t> transmit(Bytes command) override {
        const std::size_t size = token_.transmit(command, answer_);
        return {answer_.begin(), answer_.begin() + static_cast<std::ptrdiff_t>(size)};
    }

private:
    applet::Token token_;
    std::vector<std::uint8_t> answer_;
};

}  // namespace

std::unique_ptr<Firmware> make_firmware(platform::Platform& platform) {
    return std::make_unique<TokenFirmware>(platform);
}

}  // namespace sealkey::sim
