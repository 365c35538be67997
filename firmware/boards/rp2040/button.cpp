#include "button.h"

#include <hardware/gpio.h>
#include <hardware/structs/ioqspi.h>
#include <hardware/structs/sio.h>
#include <hardware/sync.h>
#include <pico/platform.h>

namespace sealkey::board {

namespace {

constexpr std::uint32_t kSelectPin = 1;        // QSPI_SS among the six pins of the flash
constexpr std::uint32_t kSettleCycles = 1000;  // the pull-up needs some microseconds
constexpr std::uint32_t kPollMilliseconds = 20;

// Runs from RAM with interrupts off: nothing is fetched from flash while its select line floats.
bool __no_inline_not_in_flash_func(pressed)() {
    const std::uint32_t interrupts = save_and_disable_interrupts();
    hw_write_masked(&ioqspi_hw->io[kSelectPin].ctrl, GPIO_OVERRIDE_LOW << IO_QSPI_GPIO_QSPI_SS_CTRL_OEOVER_LSB,
                    IO_QSPI_GPIO_QSPI_SS_CTRL_OEOVER_BITS);
    busy_wait_at_least_cycles(kSettleCycles);
    const bool low = (sio_hw->gpio_hi_in & (1U << kSelectPin)) == 0;
    hw_write_masked(&ioqspi_hw->io[kSelectPin].ctrl, GPIO_OVERRIDE_NORMAL << IO_QSPI_GPIO_QSPI_SS_CTRL_OEOVER_LSB,
                    IO_QSPI_GPIO_QSPI_SS_CTRL_OEOVER_BITS);
    restore_interrupts(interrupts);
    return low;
}

}  // namespace

// A button that is held down from before is no answer to this question: it must be seen up first.
bool BootselButton::confirmed(std::uint32_t wait_milliseconds) {
    const std::uint32_t start = clock_.milliseconds();
    bool seen_up = false;
    do {
        const bool down = pressed();
        if (down && seen_up) return true;
        seen_up = seen_up || !down;
        clock_.delay(kPollMilliseconds);
    } while (clock_.milliseconds() - start < wait_milliseconds);
    return false;
}

}  // namespace sealkey::board
