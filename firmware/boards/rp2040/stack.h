// The stack's depth. It is painted at the start: what was never used still shows the paint, in a debugger, in the
// emulator and to the check below. The memory protection unit guards the lowest bytes as well, where there is one.
#pragma once

#include <cstdint>

namespace sealkey::board {

inline constexpr std::uint32_t kStackPaint = 0x5EA1CE75;

// From main(), before anything else.
void paint_stack();

// False: the stack has been used to its last few bytes. What lies below may be damaged.
[[nodiscard]] bool stack_sound();

}  // namespace sealkey::board
