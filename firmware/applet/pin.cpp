#include "applet/pin.h"

#include <algorithm>

#include "applet/lock.h"
#include "applet/pin_rules.h"

namespace sealkey::applet {

namespace {

using store::TryReference;
using store::Vault;
using store::WrapReference;

TryReference tries_of(WrapReference reference) {
    return reference == WrapReference::pin ? TryReference::pin : TryReference::puk;
}

std::uint8_t tries_left(const Core& core, WrapReference reference) {
    if (core.try_log_missing) return 0;
    const auto epoch = core.vault.epoch(reference);
    if (!epoch) return 0;
    const std::uint8_t most =
        reference == WrapReference::pin ? core.state.config.pin_tries : core.state.config.puk_tries;
    const std::uint8_t spent = core.tries.spent(tries_of(reference), *epoch);
    return spent >= most ? 0 : static_cast<std::uint8_t>(most - spent);
}

// Spends a try, then opens the DEK with the secret. 6983 nothing left · 63Cx wrong · 6581 the try couldn't be spent.
StatusWord spend_and_open(Core& core, WrapReference reference, Bytes secret, store::Dek& out) {
    const std::uint8_t before = reference == WrapReference::pin ? pin_tries_left(core) : puk_tries_left(core);
    const auto epoch = core.vault.epoch(reference);
    if (before == 0 || !epoch) return sw::authentication_blocked;
    if (!core.tries.spend(tries_of(reference), *epoch)) return sw::memory_failure;
    auto dek = core.vault.open(reference, secret);
    if (dek) {
        out = std::move(*dek);
        return sw::ok;
    }
    if (dek.error() != Error::wrong_secret) return status_word(dek.error());
    if (reference == WrapReference::pin) core.session.log_out();
    const std::uint8_t left = tries_left(core, reference);
    // The tries are spent on flash already: if power goes before the lock event is written, the next start writes it.
    if (left == 0 && reference == WrapReference::pin) begin_lock_event(core);
    return tries_word(left);
}

}  // namespace

std::uint8_t pin_tries_left(const Core& core) {
    if (core.state.pin.lock != LockState::none) return 0;
    return tries_left(core, WrapReference::pin);
}

std::uint8_t puk_tries_left(const Core& core) { return tries_left(core, WrapReference::puk); }

StatusWord tries_word(std::uint8_t left) {
    return static_cast<StatusWord>(sw::verify_failed | std::min<std::uint8_t>(left, 0x0F));
}

StatusWord check_new_pin(const Core& core, Bytes padded) {
    const auto pin = unpadded_pin(padded);
    if (!pin) return sw::wrong_data;
    if (core.state.config.profile != Profile::compatibility && is_weak_pin(*pin)) return sw::wrong_data;
    return sw::ok;
}

Status set_pin(Core& core, Change& change, Bytes padded, const store::Dek& dek, bool is_default) {
    PinRecord& record = core.state.pin;
    ++record.pin_epoch;
    record.lock = LockState::none;
    record.burned = 0;
    record.pin_default = is_default;
    change.touch_pin();
    return core.vault.set_wrap(change.transaction(), WrapReference::pin, padded, dek, record.pin_epoch);
}

Status set_puk(Core& core, Change& change, Bytes padded, const store::Dek& dek, bool is_default) {
    PinRecord& record = core.state.pin;
    ++record.puk_epoch;
    record.puk_default = is_default;
    change.touch_pin();
    return core.vault.set_wrap(change.transaction(), WrapReference::puk, padded, dek, record.puk_epoch);
}

StatusWord run_verify(Core& core, const Verify& command) {
    if (command.action == Verify::Action::log_out) {
        core.session.log_out();
        return sw::ok;
    }
    if (command.action == Verify::Action::ask) {
        if (core.session.pin_verified) return sw::ok;
        const std::uint8_t left = pin_tries_left(core);
        return left == 0 ? sw::authentication_blocked : tries_word(left);
    }
    if (pin_tries_left(core) == 0) return sw::authentication_blocked;
    if (!unpadded_pin(command.pin)) return sw::wrong_data;
    store::Dek dek;
    if (const StatusWord status = spend_and_open(core, WrapReference::pin, command.pin, dek); status != sw::ok) {
        return status;
    }
    if (const Status cleared = core.tries.clear(TryReference::pin, core.state.pin.pin_epoch); !cleared) {
        return status_word(cleared);
    }
    core.session.dek = std::move(dek);
    core.session.pin_verified = true;
    core.session.pin_always_ready = true;
    return sw::ok;
}

StatusWord run_change_reference(Core& core, const ChangeReference& command) {
    const WrapReference reference = command.reference == protocol::ref::pin ? WrapReference::pin : WrapReference::puk;
    const bool pin = reference == WrapReference::pin;
    if ((pin ? pin_tries_left(core) : puk_tries_left(core)) == 0) return sw::authentication_blocked;
    // Everything that costs no try comes first.
    if (!unpadded_pin(command.old_value)) return sw::wrong_data;
    if (const StatusWord status = check_new_pin(core, command.new_value); status != sw::ok) return status;
    if (const Status room = Change::require_room(core, Vault::kWrapObjectSize, 1); !room) return status_word(room);
    store::Dek dek;
    if (const StatusWord status = spend_and_open(core, reference, command.old_value, dek); status != sw::ok) {
        return status;
    }
    auto change = Change::begin(core, Vault::kWrapObjectSize, 1, Purpose::upkeep);
    if (!change) return status_word(change.error());
    // The new epoch gives all tries back.
    const Status set = pin ? set_pin(core, *change, command.new_value, dek, false)
                           : set_puk(core, *change, command.new_value, dek, false);
    if (!set) return status_word(set);
    return status_word(change->commit());
}

StatusWord run_reset_retry_counter(Core& core, const ResetRetryCounter& command) {
    if (puk_tries_left(core) == 0) return sw::authentication_blocked;
    if (!unpadded_pin(command.puk)) return sw::wrong_data;
    if (const StatusWord status = check_new_pin(core, command.new_pin); status != sw::ok) return status;
    if (const Status room = Change::require_room(core, Vault::kWrapObjectSize, 1); !room) return status_word(room);
    store::Dek dek;
    if (const StatusWord status = spend_and_open(core, WrapReference::puk, command.puk, dek); status != sw::ok) {
        return status;
    }
    auto change = Change::begin(core, Vault::kWrapObjectSize, 1, Purpose::upkeep);
    if (!change) return status_word(change.error());
    if (const Status set = set_pin(core, *change, command.new_pin, dek, false); !set) return status_word(set);
    if (const Status done = change->commit(); !done) return status_word(done);
    core.session.log_out();
    return status_word(core.tries.clear(TryReference::puk, core.state.pin.puk_epoch));
}

// Keeps PIN and PUK: only the number of tries changes.
StatusWord run_set_retries(Core& core, const SetRetries& command) {
    // More tries would open a PUK that wrong ones have closed.
    if (puk_tries_left(core) == 0 && command.puk > core.state.config.puk_tries) return sw::authentication_blocked;
    auto change = Change::begin(core, 0, 0, Purpose::upkeep);
    if (!change) return status_word(change.error());
    core.state.config.pin_tries = command.pin;
    core.state.config.puk_tries = command.puk;
    change->touch_config();
    return status_word(change->commit());
}

StatusWord run_set_bench_pin(Core& core, const SetBenchPin& command) {
    if (const StatusWord status = check_new_pin(core, command.pin); status != sw::ok) return status;
    auto dek = core.vault.open_by_system();
    if (!dek) return status_word(dek.error());
    auto change = Change::begin(core, Vault::kWrapObjectSize, 1, Purpose::upkeep);
    if (!change) return status_word(change.error());
    if (const Status set = set_pin(core, *change, command.pin, *dek, false); !set) return status_word(set);
    if (const Status done = change->commit(); !done) return status_word(done);
    core.session.log_out();
    return sw::ok;
}

}  // namespace sealkey::applet
