// The process's steady clock, which a test can move: what the module does after a time is seen without waiting.
#pragma once

#include <chrono>

namespace sealkey::test {

void move_clock(std::chrono::milliseconds by);
// Back to the system's time: whoever waits for a time waits by that.
void reset_clock();

}  // namespace sealkey::test
