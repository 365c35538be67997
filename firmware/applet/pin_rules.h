// What a PIN may be. SP 800-73-4 part 2, 2.4.3: 6 to 8 bytes, padded with FF to 8.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"

namespace sealkey::applet {

// The PIN without its padding; nothing when it isn't 6 to 8 bytes followed only by FF.
[[nodiscard]] std::optional<Bytes> unpadded_pin(Bytes padded);

// True for what everybody tries first: one character repeated, a run up or down, a short pattern repeated, and
// well-known sequences. `pin` is unpadded.
[[nodiscard]] bool is_weak_pin(Bytes pin);

}  // namespace sealkey::applet
