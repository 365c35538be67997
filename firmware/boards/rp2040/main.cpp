// The key on a Raspberry Pi Pico: its parts put together, and the two things that go on: commands in the main thread,
// USB in a software interrupt.
#include <hardware/clocks.h>
#include <hardware/structs/systick.h>
#include <hardware/sync.h>
#include <pico/unique_id.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include "applet/factory.h"
#include "applet/token.h"
#include "button.h"
#include "clock.h"
#include "entropy/conditioned.h"
#include "factory.h"
#include "flash.h"
#include "led.h"
#include "noise.h"
#include "stack.h"
#include "usb.h"
#include "watchdog.h"

namespace sealkey::board {

namespace {

constexpr std::uint32_t kTicksPerSecond = 100;

#ifdef SEALKEY_LONG_COMMAND
// In the tests' image alone: 80 F0 P1 00 takes P1 seconds. 0: another command.
std::size_t run_long_command(Bytes command, MutableBytes response) {
    if (command.size() < 4 || command[0] != 0x80 || command[1] != 0xF0) return 0;
    TimerClock().delay(command[2] * 1000U);
    store_be16(response.data(), protocol::sw::ok);
    return 2;
}
#endif

// The token in the CCID class's slot.
class TokenSlot final : public usb::Slot {
public:
    TokenSlot(applet::Token& token, applet::FactoryDoor& door, Led& led) : token_(token), door_(door), led_(led) {}

    Bytes power_on() override {
        token_.reset();
        return applet::Token::atr();
    }
    void power_off() override { token_.reset(); }
    std::size_t transmit(Bytes command, MutableBytes response) override {
        led_.busy(true);
#ifdef SEALKEY_LONG_COMMAND
        if (const std::size_t done = run_long_command(command, response)) {
            led_.busy(false);
            return done;
        }
#endif
        const std::size_t size = door_.transmit(command, response);
        led_.busy(false);
        show_state();
        return size;
    }
    void show_state() {
        using platform::Indication;
        const bool blocked = token_.pin_blocked();
        led_.show(!door_.usable() ? Indication::error : blocked ? Indication::locked : Indication::idle);
    }

private:
    applet::Token& token_;
    applet::FactoryDoor& door_;
    Led& led_;
};

// In static memory, built in this order at the first call of board(), and never destroyed.
struct Board {
    Led led;
    TimerClock clock;
    RingFlash flash;
    RingOscillatorNoise noise;
    entropy::ConditionedEntropy entropy{noise};
    BootselButton button{clock};
    FlashDeviceSecret secret;
    platform::Platform platform{flash, entropy, clock, led, button, secret, {}};
    applet::Token token{platform};
    applet::FactoryDoor door{token, platform};
    TokenSlot slot{token, door, led};
    usb::Ccid ccid{slot};
    Watchdog watchdog;
    char serial[2 * sizeof platform.chip_id + 1] = {};
};

Board& board() {
    alignas(Board) static std::byte memory[sizeof(Board)];
    static Board* const the_board = new (memory) Board;
    return *the_board;
}

void every_tick() {
    Board& b = board();
    const std::uint32_t now = b.clock.milliseconds();
    b.ccid.tick(now);
    b.led.tick(now);
    b.watchdog.tick(now);
}

void start_tick() {
    set_chores(every_tick);
    systick_hw->rvr = clock_get_hz(clk_sys) / kTicksPerSecond - 1;
    systick_hw->cvr = 0;
    systick_hw->csr = M0PLUS_SYST_CSR_CLKSOURCE_BITS | M0PLUS_SYST_CSR_TICKINT_BITS | M0PLUS_SYST_CSR_ENABLE_BITS;
}

// What a host shows of the key: the serial that the bench gave it, the chip's own number before that.
std::string_view name_board(Board& b) {
    const auto& config = b.token.state().config;
    if (b.door.usable() && config.lifecycle != protocol::Lifecycle::blank) {
        std::memcpy(b.serial, config.serial.data(), config.serial.size());
        return {b.serial, config.serial.size()};
    }
    pico_get_unique_board_id_string(b.serial, sizeof b.serial);
    return b.serial;
}

void start(Board& b) {
    pico_unique_board_id_t id;
    pico_get_unique_board_id(&id);
    static_assert(sizeof id.id == sizeof b.platform.chip_id);
    std::memcpy(b.platform.chip_id, id.id, sizeof id.id);
    (void)b.door.power_on();  // usable() says what came of it
    // A device secret that is gone while the store isn't: nothing sealed under it would open again.
    if (!b.door.blank() && !b.secret.present()) b.door.fail();
    b.slot.show_state();
}

// Interrupts are off between the question and the sleep; one that comes in between wakes it nevertheless.
void sleep_until_interrupt(const usb::Ccid& ccid) {
    const std::uint32_t interrupts = save_and_disable_interrupts();
    if (!ccid.pending()) __wfi();
    restore_interrupts(interrupts);
}

}  // namespace

}  // namespace sealkey::board

extern "C" void isr_systick() { sealkey::board::wake_usb(); }

int main() {
    using namespace sealkey::board;
    paint_stack();
    Board& b = board();
    b.watchdog.start();
    start(b);
    start_usb(b.ccid, name_board(b));
    start_tick();
    for (;;) {
        if (!stack_sound()) abort();
        b.watchdog.alive();
        if (b.ccid.run()) {
            wake_usb();
        } else {
            sleep_until_interrupt(b.ccid);
        }
    }
}
