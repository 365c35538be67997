#include "applet/token.h"

#include "applet/birth.h"
#include "applet/lock.h"
#include "applet/pin.h"
#include "crypto/arena.h"
#include "protocol/atr.h"

namespace sealkey::applet {

namespace {

store::SectorRange ring_of(platform::Flash& flash) {
    return {Token::kTryLogSectors, flash.geometry().sector_count - Token::kTryLogSectors};
}

}  // namespace

Token::Token(platform::Platform& platform)
    : platform_(platform),
      drbg_((crypto::init_arena(), platform.entropy)),
      store_(platform.flash, ring_of(platform.flash)),
      tries_(platform.flash, {0, kTryLogSectors}),
      vault_(store_, drbg_, platform.device_secret),
      core_{platform, store_, tries_, vault_, drbg_},
      applet_(core_),
      dispatcher_(applet_) {}

Bytes Token::atr() { return protocol::kAtr; }

bool Token::pin_blocked() const { return core_.personalised() && pin_tries_left(core_) == 0; }

Status Token::start() {
    return drbg_.seed();  // and the known answers of what needs no key
}

Status Token::manufacture(const channel::Keys& transport_keys) {
    if (!transport_keys.valid()) return Error::invalid;
    if (Status s = start(); !s) return s;
    const Status mounted = store_.mount();
    if (mounted && core_.load() && core_.state.config.lifecycle != Lifecycle::blank) return Error::invalid;
    if (!mounted && mounted.error() == Error::unsupported_format) return mounted;
    if (Status s = tries_.format(); !s) return s;
    if (Status s = store_.format(); !s) return s;
    if (Status s = core_.load(); !s) return s;
    return applet::manufacture(core_, transport_keys);
}

Status Token::mount() {
    if (Status s = start(); !s) return s;
    if (Status s = store_.mount(); !s) return s;
    if (Status s = core_.load(); !s) return s;
    if (!store_.contains(id::channel_keys) && core_.state.config.lifecycle == Lifecycle::blank) {
        return Error::not_found;  // the factory's part was cut short
    }
    const Status tries = tries_.mount();
    if (!tries && tries.error() != Error::not_found) return tries;
    core_.try_log_missing = !tries;
    if (Status s = recover_wipe(core_); !s) return s;
    recover_lock(core_);
    // Bookkeeping that couldn't be written is no reason to be dumb: reading goes on, if the records can be read.
    return core_.failed ? core_.load() : Status{};
}

Status Token::power_on() {
    dispatcher_.reset();
    const Status mounted = mount();
    core_.failed = !mounted;
    platform_.indicator.show(mounted.ok() ? platform::Indication::idle : platform::Indication::error);
    return mounted;
}

}  // namespace sealkey::applet
