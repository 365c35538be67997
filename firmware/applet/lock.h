// Lock events, reset codes and the lock statement (docs/apdu.md, "Lock and reset code").
#pragma once

#include <array>

#include "applet/commands.h"
#include "applet/state.h"
#include "iso7816/response.h"

namespace sealkey::applet {

// The tries of the PIN are spent: PIN blocked, lock counter + 1, new salt, full code tries, in one transaction. A token
// without K_unlock (compatibility profile) has no such events; its PIN is just blocked.
void begin_lock_event(Core& core);

// A new event in a change that is open, in the given state.
[[nodiscard]] Status open_event(Core& core, Change& change, LockState state);

// Completes what a power cut left: exhausted PIN tries without an event, an exhausted event that isn't burned. Where
// the flash refuses that, the spent tries keep the token blocked, and it is read all the same; the next start tries
// again.
void recover_lock(Core& core);

[[nodiscard]] std::uint8_t code_tries_left(const Core& core);

// The lock statement's bytes; not_found when not locked.
using LockStatement = std::array<std::uint8_t, protocol::kLockStatementSize>;
[[nodiscard]] Result<LockStatement> lock_statement(const Core& core);

[[nodiscard]] StatusWord run_redeem(Core& core, const RedeemCode& command, iso7816::Response& response);

}  // namespace sealkey::applet
