#include "led.h"

#include <hardware/gpio.h>

namespace sealkey::board {

namespace {

using platform::Indication;

struct Pattern {
    std::uint16_t period;  // milliseconds
    std::uint16_t lit;
};

Pattern pattern_of(Indication what) {
    switch (what) {
        case Indication::idle:
            return {1000, 1000};
        case Indication::busy:
            return {100, 50};
        case Indication::locked:
            return {1000, 60};
        case Indication::error:
            return {250, 125};
    }
    return {250, 125};
}

}  // namespace

Led::Led() {
    gpio_init(PICO_DEFAULT_LED_PIN);
    gpio_set_dir(PICO_DEFAULT_LED_PIN, GPIO_OUT);
}

void Led::tick(std::uint32_t now) {
    Indication what = state_.load(std::memory_order_relaxed);
    if (what != Indication::error && busy_.load(std::memory_order_relaxed)) what = Indication::busy;
    const Pattern pattern = pattern_of(what);
    gpio_put(PICO_DEFAULT_LED_PIN, now % pattern.period < pattern.lit);
}

}  // namespace sealkey::board
