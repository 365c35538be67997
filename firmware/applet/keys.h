// Private keys in slots: making, bringing, moving, using them.
#pragma once

#include "applet/commands.h"
#include "applet/key_store.h"
#include "applet/state.h"
#include "iso7816/apdu.h"
#include "iso7816/response.h"

namespace sealkey::applet {

[[nodiscard]] StatusWord run_generate(Core& core, const GenerateKey& command, iso7816::Response& response);
[[nodiscard]] StatusWord run_import(Core& core, const ImportKey& command);
[[nodiscard]] StatusWord run_move(Core& core, const MoveKey& command);
[[nodiscard]] StatusWord run_use_key(Core& core, const UseKey& command, iso7816::Response& response);

// Before each command, with its header (empty: it couldn't be read): what VERIFY opened for one operation with a
// PIN-always key is closed again unless this is a block of such an operation, so that "always" means immediately before
// (SP 800-73-4 part 1, table 4b). The compatibility profile is for clients that send other commands in between; there
// the commands of class 80 alone, which they don't know, close it.
void end_pin_always(Core& core, const iso7816::Header& header);

// A new key: its saved form in Core::key_buffer, what 7F49 wraps to the front of `out`, `size` bytes of it.
[[nodiscard]] Status make_key(Core& core, Algorithm algorithm, PublicKeyBuffer& out, std::size_t& size);

// The same for a key that is brought; its parts may lie in Core::key_buffer. `slot` and policies aren't looked at.
[[nodiscard]] Status bring_key(Core& core, const ImportKey& command, PublicKeyBuffer& out, std::size_t& size);

// Whether the touch that this policy wants is given; waits for it.
[[nodiscard]] bool touch_given(Core& core, TouchPolicy policy);

// The slot's PIN policy when a command asks for this one; nothing when the profile doesn't allow it there.
[[nodiscard]] std::optional<PinPolicy> resolve_pin_policy(const Core& core, std::uint8_t slot, PinPolicy asked);

}  // namespace sealkey::applet
