// Private keys in slots: making, bringing, moving, using them.
#pragma once

#include "applet/commands.h"
#include "applet/state.h"
#include "iso7816/response.h"

namespace sealkey::applet {

[[nodiscard]] StatusWord run_generate(Core& core, const GenerateKey& command, iso7816::Response& response);
[[nodiscard]] StatusWord run_import(Core& core, const ImportKey& command);
[[nodiscard]] StatusWord run_move(Core& core, const MoveKey& command);
[[nodiscard]] StatusWord run_use_key(Core& core, const UseKey& command, iso7816::Response& response);

// The slot's PIN policy when a command asks for this one; nothing when the profile doesn't allow it there.
[[nodiscard]] std::optional<PinPolicy> resolve_pin_policy(const Core& core, std::uint8_t slot, PinPolicy asked);

}  // namespace sealkey::applet
