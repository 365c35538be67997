#include "cli/sealkey/pin_rules.h"

#include <algorithm>

#include "cli/common/failure.h"
#include "cli/common/i18n.h"
#include "protocol/limits.h"

namespace sealkey::cli {

namespace {

// Every step from one character to the next is the same: 111111, 123456, 876543, 135791 isn't.
bool is_run(Bytes pin) {
    const int step = pin[1] - pin[0];
    if (step < -1 || step > 1) return false;
    for (std::size_t i = 2; i < pin.size(); ++i) {
        if (pin[i] - pin[i - 1] != step) return false;
    }
    return true;
}

}  // namespace

void require_good_pin(Bytes pin, const token::TokenStatus& status) {
    if (pin.size() < protocol::kMinPin || pin.size() > protocol::kPinSize) {
        throw Failed(Exit::bad_input,
                     tr("A PIN has 6 to 8 characters. Nothing was sent to the key, no try was spent."));
    }
    if (std::any_of(pin.begin(), pin.end(), [](std::uint8_t c) { return c < 0x20 || c > 0x7E; })) {
        throw Failed(Exit::bad_input, tr("A PIN has digits, letters and signs of the plain keyboard only. Nothing was "
                                         "sent to the key, no try was spent."));
    }
    if (status.profile == protocol::Profile::shipping && is_run(pin)) {
        throw Failed(Exit::bad_input, tr("This PIN is too easy to guess (one character repeated, or a run). Choose "
                                         "another; nothing was sent to the key, no try was spent."));
    }
}

}  // namespace sealkey::cli
