// TinyUSB for the board: a device with one class driver of our own (usb.cpp), none of TinyUSB's.
#pragma once

#define CFG_TUSB_RHPORT0_MODE OPT_MODE_DEVICE
#define CFG_TUD_ENDPOINT0_SIZE 64
