// The firmware as the simulator sees it: what a board's start-up code and its card interface call.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "platform/platform.h"
#include "token/scp03.h"

namespace sealkey::sim {

// The longest answer: what an extended APDU can ask for, and the status word.
inline constexpr std::size_t kMaxAnswer = 65536 + 2;

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
    // At most `longest` bytes, data and status word; what is longer follows by GET RESPONSE.
    [[nodiscard]] virtual std::vector<std::uint8_t> transmit(Bytes command, std::size_t longest) = 0;
    // The serial number, 12 characters; before birth the end of the chip's id.
    [[nodiscard]] virtual std::string serial() = 0;
};

[[nodiscard]] std::unique_ptr<Firmware> make_firmware(platform::Platform& platform);

}  // namespace sealkey::sim
