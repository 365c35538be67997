#include "applet/birth.h"

#include <algorithm>

#include "applet/channel_keys.h"
#include "applet/data_objects.h"
#include "applet/lock.h"
#include "applet/management.h"
#include "applet/pin.h"

namespace sealkey::applet {

namespace {

using store::Vault;
using store::WrapReference;

// What plain PIV clients expect of a new token (compatibility profile).
constexpr std::uint8_t kDefaultPin[] = {'1', '2', '3', '4', '5', '6', 0xFF, 0xFF};
constexpr std::uint8_t kDefaultPuk[] = {'1', '2', '3', '4', '5', '6', '7', '8'};

constexpr std::uint32_t kUnlockKeySize = 32 + Vault::kOverhead;
constexpr std::uint32_t kBirthSize =
    3 * Vault::kWrapObjectSize + kBirthObjectsSize + kManagementKeySize + kUnlockKeySize + protocol::kKddSize;
constexpr std::uint32_t kBirthObjects = 3 + 3 + 2 + 1 + kChannelKeysObjects;

// Everything secret that a compatibility token begins with, under a new DEK: no key of before opens with it.
Status put_compatibility_secrets(Core& core, Change& change) {
    auto dek = core.vault.create(change.transaction());
    if (!dek) return dek.error();
    if (Status s = set_pin(core, change, kDefaultPin, *dek, true); !s) return s;
    return set_puk(core, change, kDefaultPuk, *dek, true);
}

// A shipping token that was emptied is where INITIALISE left it: no PIN, and the bench's to fill. Its lock counter goes
// on, so that no code of before opens anything.
Status put_bench_state(Core& core, Change& change) {
    core.state.config.lifecycle = Lifecycle::initialised;
    core.state.pin.lock = LockState::none;
    core.state.pin.burned = 0;
    core.state.pin.reset_done = false;
    change.touch_pin();
    const auto dek = core.vault.create(change.transaction());
    return dek ? Status{} : Status{dek.error()};
}

Status remove_batch(Core& core, ObjectId first, std::uint32_t count) {
    constexpr std::uint32_t at_once = 8;
    std::array<ObjectId, at_once> found{};
    std::uint32_t n = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        const ObjectId object = static_cast<ObjectId>(first + i);
        if (core.store.contains(object)) found[n++] = object;
        if (n == 0 || (n < at_once && i + 1 < count)) continue;
        auto transaction = core.store.begin(0, n, Purpose::upkeep);
        if (!transaction) return transaction.error();
        for (std::uint32_t k = 0; k < n; ++k) {
            if (Status s = transaction->remove(found[k]); !s) return s;
        }
        if (Status s = transaction->commit(); !s) return s;
        n = 0;
    }
    return {};
}

// Keys, certificates, objects, policies: everything but the records that say who the token is.
Status remove_contents(Core& core) {
    if (Status s = remove_batch(core, id::private_key_first, kLastKeyId + 1U); !s) return s;
    if (Status s = remove_batch(core, id::public_key_first, kLastKeyId + 1U); !s) return s;
    if (Status s = remove_batch(core, id::slot_first, kSlotCount); !s) return s;
    if (Status s = remove_batch(core, id::watched_first, kWatchedObjects.size()); !s) return s;
    if (Status s = remove_batch(core, id::places, 3); !s) return s;  // and what is staged, and what was renewed
    if (Status s = remove_batch(core, id::pool_first, kLastPool + 1U); !s) return s;
    if (Status s = remove_batch(core, id::piv_objects, 0x100); !s) return s;
    if (Status s = remove_batch(core, id::vendor_objects, 0x100); !s) return s;
    return core.load();
}

Status finish_reset(Core& core) {
    auto change = Change::begin(core, kBirthSize, kBirthObjects, Purpose::upkeep);
    if (!change) return change.error();
    Config& config = core.state.config;
    config.wipe = Wipe::none;
    config.pin_tries = protocol::kPinTries;
    config.puk_tries = protocol::kPukTries;
    change->touch_config();
    std::array<std::uint8_t, 16> guid{};
    if (Status s = core.drbg.fill(guid); !s) return s;
    if (config.profile == Profile::shipping) {
        if (Status s = put_bench_state(core, *change); !s) return s;
    } else {
        if (Status s = put_compatibility_secrets(core, *change); !s) return s;
        if (Status s = store_management_key(core, *change, Algorithm::tdes, default_management_key(), true); !s)
            return s;
    }
    if (Status s = put_birth_objects(core, *change, guid); !s) return s;
    return change->commit();
}

Status finish_terminate(Core& core) {
    auto change = Change::begin(core, 0, 2 + kChannelKeysObjects, Purpose::upkeep);
    if (!change) return change.error();
    if (Status s = drop_channel_keys(core, change->transaction()); !s) return s;
    if (Status s = change->transaction().remove(id::management_key); !s) return s;
    if (Status s = change->transaction().remove(id::unlock_key); !s) return s;
    Config& config = core.state.config;
    config.wipe = Wipe::none;
    config.lifecycle = Lifecycle::terminated;
    config.has_unlock_key = false;
    core.state.pin.lock = LockState::none;
    change->touch_config();
    change->touch_pin();
    return change->commit();
}

// The wraps go first, the system's too: from then on no key under the DEK opens, however far the wipe comes. Keys that
// need no PIN are sealed under the device secret alone and go with the contents.
Status wipe_token(Core& core, Wipe kind) {
    core.session.clear();
    auto change = Change::begin(core, 0, 3, Purpose::upkeep);
    if (!change) return change.error();
    if (Status s = core.vault.drop_all(change->transaction()); !s) return s;
    core.state.config.wipe = kind;
    change->touch_config();
    if (Status s = change->commit(); !s) return s;
    return recover_wipe(core);
}

}  // namespace

Status recover_wipe(Core& core) {
    const Wipe kind = core.state.config.wipe;
    if (kind == Wipe::none) return {};
    if (kind == Wipe::reset && core.try_log_missing) {
        // Nothing is left that its tries guarded. Without a log the new PIN would be blocked for ever.
        if (Status s = core.tries.format(); !s) return s;
        core.try_log_missing = false;
    }
    if (Status s = remove_contents(core); !s) return s;
    return kind == Wipe::reset ? finish_reset(core) : finish_terminate(core);
}

Status manufacture(Core& core, const channel::Keys& transport_keys) {
    ChannelKeySet set;
    set.version = protocol::kTransportKvn;
    set.keys.enc.assign(transport_keys.enc.bytes());
    set.keys.mac.assign(transport_keys.mac.bytes());
    set.keys.dek.assign(transport_keys.dek.bytes());
    auto change = Change::begin(core, kChannelKeysSize, kChannelKeysObjects);
    if (!change) return change.error();
    if (Status s = store_channel_keys(core, change->transaction(), set); !s) return s;
    change->touch_config();
    return change->commit();
}

// The shipping profile wants the CA's own channel keys first: the factory's open nothing of an enterprise's. A plain
// PIV token that keeps the factory's has no channel from here on.
StatusWord run_initialise(Core& core, const Initialise& command) {
    const auto transport = has_transport_keys(core);
    if (!transport) return status_word(transport.error());
    const bool shipping = command.profile == Profile::shipping;
    if (*transport && shipping) return sw::conditions_not_satisfied;
    auto change = Change::begin(core, kBirthSize, kBirthObjects);
    if (!change) return status_word(change.error());
    Config& config = core.state.config;
    config.lifecycle = Lifecycle::initialised;
    config.profile = command.profile;
    std::copy(command.serial.begin(), command.serial.end(), config.serial.begin());
    config.numeric_serial = command.numeric_serial;
    config.kvn = command.kvn;
    config.has_unlock_key = !command.unlock_key.empty();
    change->touch_config();
    change->touch_pin();

    Status done;
    if (command.profile == Profile::compatibility) {
        done = put_compatibility_secrets(core, *change);
    } else {
        const auto dek = core.vault.create(change->transaction());
        if (!dek) done = dek.error();
    }
    if (!done) return status_word(done);
    const bool given = !command.management_key.empty();
    const Algorithm algorithm = given ? command.management_algorithm : Algorithm::tdes;
    const Bytes key = given ? command.management_key : default_management_key();
    if (done = store_management_key(core, *change, algorithm, key, !given); !done) return status_word(done);
    if (config.has_unlock_key) {
        done = core.vault.seal_by_device(change->transaction(), id::unlock_key, command.unlock_key);
        if (!done) return status_word(done);
    }
    if (done = put_birth_objects(core, *change, command.guid); !done) return status_word(done);
    if (!command.kdd.empty()) {
        if (done = change->transaction().put(id::channel_kdd, command.kdd); !done) return status_word(done);
    }
    if (*transport) {
        if (done = drop_channel_keys(core, change->transaction()); !done) return status_word(done);
    }
    if (done = change->commit(); !done) return status_word(done);
    core.session.clear();
    return sw::ok;
}

namespace {

// A log that only read badly when power came is no lost one: who didn't spend the tries may not wipe. So it is looked
// for again, often enough that bits which read either way don't hide it; once found, it counts again.
Status look_for_try_log(Core& core) {
    constexpr int looks = 32;
    for (int i = 0; i < looks; ++i) {
        const Status mounted = core.tries.mount();
        if (!mounted && mounted.error() == Error::not_found) continue;
        core.try_log_missing = !mounted;
        return mounted;
    }
    return {};
}

// INITIALISED -> SECURED. A shipping token that is secured already gets a new activation event: the bench's way of
// unlocking, by which no PIN leaves the bench.
StatusWord secure(Core& core) {
    const bool again = core.state.config.lifecycle == Lifecycle::secured;
    if (again && core.state.config.profile != Profile::shipping) return sw::conditions_not_satisfied;
    if (core.try_log_missing) {
        if (const Status looked = look_for_try_log(core); !looked) return status_word(looked);
    }
    const bool shipping = core.state.config.profile == Profile::shipping;
    // A plain token's PIN and PUK outlive this: without the log that guards them they stay blocked. RESET is the way
    // out.
    if (!shipping && core.try_log_missing) return sw::conditions_not_satisfied;
    auto change = Change::begin(core, 0, 1, Purpose::upkeep);
    if (!change) return status_word(change.error());
    core.state.config.lifecycle = Lifecycle::secured;
    change->touch_config();
    if (shipping) {
        // The bench's PIN goes; the key leaves blocked, and an activation code opens it.
        if (const Status s = core.vault.drop_wrap(change->transaction(), WrapReference::pin); !s) return status_word(s);
        ++core.state.pin.pin_epoch;
        core.state.pin.burned = 0;
        if (const Status s = open_event(core, *change, LockState::activation_pending); !s) return status_word(s);
    }
    if (const Status s = change->commit(); !s) return status_word(s);
    core.session.clear();
    if (!core.try_log_missing) return sw::ok;
    // No PIN is left that a lost log would have guarded; the new event's tries need one.
    const Status formatted = core.tries.format();
    core.try_log_missing = !formatted;
    return status_word(formatted);
}

}  // namespace

StatusWord run_set_lifecycle(Core& core, const SetLifecycle& command) {
    if (command.target == Lifecycle::secured) return secure(core);
    return status_word(wipe_token(core, Wipe::terminate));
}

// In the shipping profile the table lets the bench's channel in, and nobody else: it asks for no blocked PIN.
StatusWord run_reset(Core& core) {
    if (core.state.config.profile == Profile::shipping) return status_word(wipe_token(core, Wipe::reset));
    if (core.try_log_missing) {
        if (const Status looked = look_for_try_log(core); !looked) return status_word(looked);
    }
    if (pin_tries_left(core) != 0 || puk_tries_left(core) != 0) return sw::conditions_not_satisfied;
    return status_word(wipe_token(core, Wipe::reset));
}

}  // namespace sealkey::applet
