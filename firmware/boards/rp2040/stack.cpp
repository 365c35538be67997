#include "stack.h"

#include <cstddef>

extern "C" std::uint32_t __StackBottom[];  // NOLINT(*-reserved-identifier,*-identifier-naming): the linker's

namespace sealkey::board {

namespace {

constexpr std::size_t kMargin = 64;      // words that must stay unused
constexpr std::size_t kGuardWords = 16;  // the memory protection unit's: not to be written
constexpr std::size_t kOwnWords = 32;    // this function's frame, and some to spare

}  // namespace

void paint_stack() {
    std::uintptr_t here = 0;
    asm volatile("mov %0, sp" : "=r"(here));
    const std::uintptr_t end = here - kOwnWords * sizeof(std::uint32_t);
    for (volatile std::uint32_t* word = __StackBottom + kGuardWords; reinterpret_cast<std::uintptr_t>(word) < end;
         ++word) {
        *word = kStackPaint;
    }
}

bool stack_sound() {
    std::uint32_t different = 0;
    for (std::size_t i = 0; i < kMargin; ++i) different |= __StackBottom[kGuardWords + i] ^ kStackPaint;
    return different == 0;
}

}  // namespace sealkey::board
