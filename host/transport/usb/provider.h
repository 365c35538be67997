// Keys over USB without a smart-card service, and how our programs choose between the ways to a key.
#pragma once

#include <memory>

#include "transport/transport.h"

namespace sealkey::transport {

// Every sealkey at a USB port, each a reader by the name "USB BUS-PORT.PORT SERIAL", which stays the same for a key
// in a port. A connection claims the key for itself until it ends: nobody else reaches it, not even pcscd, and the
// card's session begins and ends with it. No answer to reset stands in a ReaderState, since asking would take the key.
// After fork() the parent's connections stay the parent's; the child ends its copies without harm and connects anew.
[[nodiscard]] std::unique_ptr<Provider> make_usb_provider();
// The same with its waiting time for a key that another program holds.
[[nodiscard]] std::unique_ptr<Provider> make_usb_provider(std::chrono::milliseconds patience);

// SEALKEY_USB: 1, or 0 or nothing; anything else is `mistaken`. Simulators' sockets go before it.
enum class UsbChoice { no, yes, mistaken };
[[nodiscard]] UsbChoice usb_setting() noexcept;

// Whether SEALKEY_USB=1 is set and SEALKEY_SIM_SOCKETS isn't. Throws TransportError no_service where it has another
// value than 1, 0 or nothing.
[[nodiscard]] bool usb_is_chosen();

// What our programs reach keys by: USB where it is chosen, otherwise make_default_provider().
[[nodiscard]] std::unique_ptr<Provider> make_program_provider();

}  // namespace sealkey::transport
