#include "firmware.h"

namespace sealkey::sim {

namespace {

// Stands in until the applet's Token is there: answers every command with 6D00.
class NoApplet final : public Firmware {
public:
    bool manufacture(Bytes) override { return true; }
    bool power_on() override { return true; }
    void reset() override {}
    std::vector<std::uint8_t> atr() override { return {0x3B, 0x80, 0x80, 0x01, 0x01}; }
    std::vector<std::uint8_t> transmit(Bytes) override { return {0x6D, 0x00}; }
};

}  // namespace

std::unique_ptr<Firmware> make_firmware(platform::Platform&) { return std::make_unique<NoApplet>(); }

}  // namespace sealkey::sim
