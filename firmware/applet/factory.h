// A token with the factory's door: on a board the transport keys come in over USB, once, while its flash is blank. (The
// simulator makes its tokens itself and has no such door.)
#pragma once

#include "applet/token.h"

namespace sealkey::applet {

class FactoryDoor {
public:
    FactoryDoor(Token& token, const platform::Platform& platform) : token_(token), platform_(platform) {}

    // As Token::power_on(); not_found: blank flash, MANUFACTURE is waited for.
    Status power_on();
    // The door stands open.
    [[nodiscard]] bool blank() const { return state_ == State::blank; }
    // The token works, or waits to be made.
    [[nodiscard]] bool usable() const { return state_ != State::failed; }
    // Something else is wrong with the board: from now on every command is answered with 6F01.
    void fail() { state_ = State::failed; }

    std::size_t transmit(Bytes command, MutableBytes response);

private:
    enum class State : std::uint8_t { failed, blank, made };
    protocol::StatusWord manufacture(Bytes command);

    Token& token_;
    const platform::Platform& platform_;
    State state_ = State::failed;
};

}  // namespace sealkey::applet
