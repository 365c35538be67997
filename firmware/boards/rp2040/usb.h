// The CCID class on the chip's USB controller, by TinyUSB. All of TinyUSB and the class's controller side run in one
// software interrupt of the lowest priority, so that commands, which run in the main thread, never hold them up.
#pragma once

#include <string_view>

#include "usb/ccid.h"

namespace sealkey::board {

// Connects to the bus. Both must outlive the program.
void start_usb(usb::Ccid& ccid, std::string_view serial);

// Asks for the interrupt: something has to be sent, or time passed. From anywhere.
void wake_usb();

// What the interrupt does besides, each time.
using Chores = void (*)();
void set_chores(Chores chores);

}  // namespace sealkey::board
