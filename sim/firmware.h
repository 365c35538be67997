// The firmware as the simulator sees it: what a board's start-up code and its card interface call.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "platform/platform.h"
#include "token/scp03.h"

namespace sealkey::sim {

class Firmware {
public:
    virtual ~Firmware() = default;

    // The factory's part, once, on blank flash: the token keeps the transport keys. False: it failed.
    [[nodiscard]] virtual bool manufacture(const token::ChannelKeys& transport_keys) = 0;
    // Start: mounts the flash. False: the token is in its error state, and answers every command with that.
    virtual bool power_on() = 0;
    // A card reset: the session's state goes.
    virtual void reset() = 0;
    [[nodiscard]] virtual std::vector<std::uint8_t> atr() = 0;
    [[nodiscard]] virtual std::vector<std::uint8_t> transmit(Bytes command) = 0;
};

[[nodiscard]] std::unique_ptr<Firmware> make_firmware(platform::Platform& platform);

}  // namespace sealkey::sim
