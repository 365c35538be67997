#include "applet/lock.h"

#include <algorithm>

#include "applet/pin.h"
#include "crypto/cmac.h"
#include "crypto/kdf.h"

namespace sealkey::applet {

namespace {

using protocol::kCodeDigits;
using store::TryReference;
using store::Vault;

using UnlockKey = Secret<32>;
using Digits = Secret<kCodeDigits>;

bool awaits_code(LockState state) { return state == LockState::locked || state == LockState::activation_pending; }

Result<UnlockKey> unlock_key(const Core& core) {
    UnlockKey key;
    const auto size = core.vault.unseal_by_device(id::unlock_key, key.buffer());
    if (!size) return size.error();
    if (*size != key.capacity()) return Error::corrupt;
    key.resize(*size);
    return key;
}

// Uniform in 0..999999: values in the last, incomplete stretch of 2^32 are drawn again.
Result<std::uint32_t> new_salt(Core& core) {
    constexpr std::uint32_t usable = UINT32_MAX - UINT32_MAX % protocol::kSaltLimit;
    std::array<std::uint8_t, 4> raw{};
    std::uint32_t value = 0;
    do {
        if (Status s = core.drbg.fill(raw); !s) return s.error();
        value = load_be32(raw.data());
    } while (value >= usable);
    return value % protocol::kSaltLimit;
}

// int(KDF(K_unlock, "PIN-RESET-CODE", KVN || serial || LC || salt || 80, 128)) mod 10^15 as 15 digits.
Result<Digits> expected_code(const Core& core, const UnlockKey& key) {
    const Config& config = core.state.config;
    std::array<std::uint8_t, 1 + protocol::kSerialSize + 2 + 4 + 1> context{};
    context[0] = config.kvn;
    std::copy(config.serial.begin(), config.serial.end(), context.begin() + 1);
    store_be16(&context[13], core.state.pin.lock_counter);
    store_be32(&context[15], core.state.pin.salt);
    context[19] = protocol::kPurposePin;
    auto derived = crypto::derive<16>(key.bytes(), bytes_of(protocol::kCodeLabel), context);
    if (!derived) return derived.error();
    // Digit by digit, so that the code never stands in a variable that isn't wiped; what is carried past the first
    // digit is what mod 10^15 drops.
    Digits digits;
    digits.resize(kCodeDigits);
    const MutableBytes code = digits.buffer();
    for (const std::uint8_t byte : derived->bytes()) {
        std::uint32_t carry = byte;
        for (std::size_t i = kCodeDigits; i-- > 0;) {
            carry += std::uint32_t{code[i]} * 256;
            code[i] = static_cast<std::uint8_t>(carry % 10);
            carry /= 10;
        }
    }
    for (std::uint8_t& digit : code) digit = static_cast<std::uint8_t>('0' + digit);
    return digits;
}

// The event's tries are spent: it is dead, a new one takes its place. Five in a row, and only the bench can help.
Status burn_event(Core& core) {
    auto change = Change::begin(core, 0, 0, Purpose::upkeep);
    if (!change) return change.error();
    PinRecord& record = core.state.pin;
    ++record.burned;
    const LockState next = record.burned >= protocol::kMaxBurned ? LockState::bench_only : record.lock;
    if (Status s = open_event(core, *change, next); !s) return s;
    return change->commit();
}

StatusWord wrong_code(Core& core) {
    const std::uint8_t left = code_tries_left(core);
    // If power goes before the burn is written, the next start writes it.
    if (left == 0) {
        if (const Status burned = burn_event(core); !burned) return status_word(burned);
    }
    return tries_word(left);
}

StatusWord right_code(Core& core, const UnlockKey& key, Bytes new_pin, iso7816::Response& response) {
    std::array<std::uint8_t, 2> counter{};
    store_be16(counter.data(), core.state.pin.lock_counter);
    const auto mac = crypto::cmac(key.bytes(), {bytes_of(protocol::kResetDoneLabel), counter});
    if (!mac) return status_word(mac.error());
    auto dek = core.vault.open_by_system();
    if (!dek) return status_word(dek.error());
    auto change = Change::begin(core, Vault::kWrapObjectSize, 1, Purpose::upkeep);
    if (!change) return status_word(change.error());
    PinRecord& record = core.state.pin;
    record.reset_done = true;
    record.reset_done_counter = record.lock_counter;
    std::copy(mac->begin(), mac->end(), record.reset_done_mac.begin());
    if (const Status set = set_pin(core, *change, new_pin, *dek, false); !set) return status_word(set);
    if (const Status done = change->commit(); !done) return status_word(done);
    core.session.log_out();
    return response.set(*mac);
}

}  // namespace

Status open_event(Core& core, Change& change, LockState state) {
    PinRecord& record = core.state.pin;
    const auto salt = new_salt(core);
    if (!salt) return salt.error();
    if (record.lock_counter == protocol::kLastLockCounter) {
        state = LockState::bench_only;  // the counter never wraps
    } else {
        ++record.lock_counter;
    }
    record.salt = *salt;
    record.lock = state;
    change.touch_pin();
    return {};
}

void begin_lock_event(Core& core) {
    core.session.log_out();
    if (!core.state.config.has_unlock_key) return;
    auto change = Change::begin(core, 0, 0, Purpose::upkeep);
    if (!change) return;
    if (!open_event(core, *change, LockState::locked)) return;
    (void)change->commit().ok();  // not durable: the spent tries are, and the next start comes here again
}

void recover_lock(Core& core) {
    if (!core.personalised() || !core.state.config.has_unlock_key || core.try_log_missing) return;
    if (core.state.pin.lock == LockState::none && core.vault.has_wrap(store::WrapReference::pin) &&
        pin_tries_left(core) == 0) {
        begin_lock_event(core);
    }
    if (awaits_code(core.state.pin.lock) && code_tries_left(core) == 0) (void)burn_event(core).ok();
}

std::uint8_t code_tries_left(const Core& core) {
    if (core.try_log_missing || !awaits_code(core.state.pin.lock)) return 0;
    const std::uint8_t spent = core.tries.spent(TryReference::code, core.state.pin.lock_counter);
    return spent >= protocol::kCodeTries ? 0 : static_cast<std::uint8_t>(protocol::kCodeTries - spent);
}

Result<LockStatement> lock_statement(const Core& core) {
    const PinRecord& record = core.state.pin;
    if (record.lock == LockState::none || !core.state.config.has_unlock_key) return Error::not_found;
    LockStatement out{};
    out[0] = 0x01;
    out[1] = core.state.config.kvn;
    std::copy(core.state.config.serial.begin(), core.state.config.serial.end(), out.begin() + 2);
    store_be16(&out[14], record.lock_counter);
    store_be32(&out[16], record.salt);
    out[20] = code_tries_left(core);
    out[21] = static_cast<std::uint8_t>(record.lock);
    const auto key = unlock_key(core);
    if (!key) return key.error();
    const Bytes fields = Bytes(out).first(protocol::kLockStatementSigned);
    const auto mac = crypto::cmac(key->bytes(), {bytes_of(protocol::kLockStatementLabel), fields});
    if (!mac) return mac.error();
    std::copy(mac->begin(), mac->end(), out.begin() + protocol::kLockStatementSigned);
    return out;
}

StatusWord run_redeem(Core& core, const RedeemCode& command, iso7816::Response& response) {
    const LockState state = core.state.pin.lock;
    if (!core.state.config.has_unlock_key || state == LockState::none) return sw::conditions_not_satisfied;
    if (!awaits_code(state) || code_tries_left(core) == 0) return sw::authentication_blocked;
    for (const std::uint8_t digit : command.digits) {
        if (digit < '0' || digit > '9') return sw::wrong_data;
    }
    if (const StatusWord status = check_new_pin(core, command.new_pin); status != sw::ok) return status;
    if (const Status room = Change::require_room(core, Vault::kWrapObjectSize, 1); !room) return status_word(room);
    if (!core.tries.spend(TryReference::code, core.state.pin.lock_counter)) return sw::memory_failure;
    const auto key = unlock_key(core);
    if (!key) return status_word(key.error());
    const auto expected = expected_code(core, *key);
    if (!expected) return status_word(expected.error());
    if (!constant_time_equal(expected->bytes(), command.digits)) return wrong_code(core);
    return right_code(core, *key, command.new_pin, response);
}

}  // namespace sealkey::applet
