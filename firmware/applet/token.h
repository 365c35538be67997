// The whole firmware behind a card interface: what a board's start-up code and its USB driver, or the simulator, call.
#pragma once

#include "applet/applet.h"
#include "applet/state.h"
#include "crypto/drbg.h"
#include "iso7816/dispatcher.h"
#include "platform/platform.h"
#include "store/store.h"
#include "store/try_log.h"
#include "store/vault.h"

namespace sealkey::applet {

class Token {
public:
    // The try log lies in the first two sectors of the flash, the store in the others.
    static constexpr std::uint32_t kTryLogSectors = 2;

    explicit Token(platform::Platform& platform);
    Token(const Token&) = delete;
    Token& operator=(const Token&) = delete;

    // The factory's part, once: formats the flash and keeps the transport keys, with which the bench opens its channel.
    // Also allowed again as long as the token is blank (a factory whose power went). invalid: the keys' lengths, or a
    // token that has been personalised. power_on() comes after it.
    [[nodiscard]] Status manufacture(const channel::Keys& transport_keys);

    // Start after power came: mounts the flash, finishes what a power cut left, checks itself. not_found: blank flash,
    // manufacture() first. After any failure every command is answered with 6F01.
    [[nodiscard]] Status power_on();

    // A card reset: no session state is left.
    void reset() { dispatcher_.reset(); }

    // Answer to reset (ISO/IEC 7816-3 clause 8).
    [[nodiscard]] static Bytes atr();

    // One command APDU; returns the length of what was written to `response`: data and status word. 258 bytes are
    // enough for every answer to a short APDU.
    std::size_t transmit(Bytes command, MutableBytes response) { return dispatcher_.transmit(command, response); }

    [[nodiscard]] const State& state() const { return core_.state; }
    // No PIN opens it: it was never activated, or its tries are spent. Of a key that was personalised.
    [[nodiscard]] bool pin_blocked() const;

private:
    Status start();
    Status mount();

    platform::Platform& platform_;
    crypto::Drbg drbg_;
    store::Store store_;
    store::TryLog tries_;
    store::Vault vault_;
    Core core_;
    Applet applet_;
    iso7816::Dispatcher dispatcher_;
};

}  // namespace sealkey::applet
