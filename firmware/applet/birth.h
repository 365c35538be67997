// From blank flash to a personalised token, and back: manufacture, INITIALISE, lifecycle, wiping.
#pragma once

#include "applet/commands.h"
#include "applet/state.h"

namespace sealkey::applet {

// On an empty store and try log: the token keeps the transport keys as its channel's, version FF.
[[nodiscard]] Status manufacture(Core& core, const channel::Keys& transport_keys);

[[nodiscard]] StatusWord run_initialise(Core& core, const Initialise& command);
[[nodiscard]] StatusWord run_set_lifecycle(Core& core, const SetLifecycle& command);
// As other tokens do it: PIN and PUK must both be blocked. A shipping token is emptied by the bench's channel alone,
// and is INITIALISED then.
[[nodiscard]] StatusWord run_reset(Core& core);

// Finishes a wipe that power cut short.
[[nodiscard]] Status recover_wipe(Core& core);

}  // namespace sealkey::applet
