// What lives from one reset to the next. Power-off clears it; selecting an application doesn't.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "store/vault.h"

namespace sealkey::applet {

// A value given out by GENERAL AUTHENTICATE with 9B, good for one answer.
struct Challenge {
    Challenge() = default;
    Challenge(const Challenge&) = default;
    Challenge& operator=(const Challenge&) = default;
    ~Challenge() { wipe(value); }  // the awaited answer is a secret until it is given

    enum class Kind : std::uint8_t { none, single, mutual };
    Kind kind = Kind::none;
    std::array<std::uint8_t, 16> value{};
    std::uint8_t size = 0;

    void clear() {
        kind = Kind::none;
        wipe(value);
        size = 0;
    }
};

struct Session {
    bool pin_verified = false;
    bool pin_always_ready = false;  // one operation with a PIN-always key is open (keys.h, end_pin_always)
    bool management = false;        // 9B was proven
    store::Dek dek;                 // present while pin_verified
    Challenge challenge;
    bool channel_command = false;  // the command being run came wrapped in a channel of level 33
    bool touched = false;          // a touch for a "cached" key, at touched_at
    std::uint32_t touched_at = 0;

    void log_out() {
        pin_verified = false;
        pin_always_ready = false;
        dek.clear();
    }
    void clear() {
        log_out();
        management = false;
        challenge.clear();
        touched = false;
    }
};

}  // namespace sealkey::applet
