// PIN and PUK: a try is spent on flash and read back before the secret is looked at (store/try_log.h), and the right
// secret is the one that opens its wrap (store/vault.h).
#pragma once

#include "applet/commands.h"
#include "applet/state.h"

namespace sealkey::applet {

// 0 when blocked or never set.
[[nodiscard]] std::uint8_t pin_tries_left(const Core& core);
[[nodiscard]] std::uint8_t puk_tries_left(const Core& core);

// 63Cx with the tries left, at most F.
[[nodiscard]] StatusWord tries_word(std::uint8_t left);

// Whether a new PIN may be set: 9000 or 6A80. The weak ones are refused outside the compatibility profile.
[[nodiscard]] StatusWord check_new_pin(const Core& core, Bytes padded);

// Sets the PIN in a change that is open: new wrap, epoch + 1, lock event closed, burned events forgotten (design, 5.6).
// Room for one wrap must have been reserved.
[[nodiscard]] Status set_pin(Core& core, Change& change, Bytes padded, const store::Dek& dek, bool is_default);
[[nodiscard]] Status set_puk(Core& core, Change& change, Bytes padded, const store::Dek& dek, bool is_default);

[[nodiscard]] StatusWord run_verify(Core& core, const Verify& command);
[[nodiscard]] StatusWord run_change_reference(Core& core, const ChangeReference& command);
[[nodiscard]] StatusWord run_reset_retry_counter(Core& core, const ResetRetryCounter& command);
[[nodiscard]] StatusWord run_set_retries(Core& core, const SetRetries& command);
[[nodiscard]] StatusWord run_set_bench_pin(Core& core, const SetBenchPin& command);

}  // namespace sealkey::applet
