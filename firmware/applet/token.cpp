#include "applet/token.h"

#include "applet/birth.h"
#include "applet/lock.h"
#include "crypto/arena.h"
#include "crypto/cmac.h"
#include "protocol/atr.h"

namespace sealkey::applet {

namespace {

store::SectorRange ring_of(platform::Flash& flash) {
    return {Token::kTryLogSectors, flash.geometry().sector_count - Token::kTryLogSectors};
}

// Known answers (RFC 4493, example 2): a part whose memory or code is damaged must not touch keys.
Status self_check() {
    constexpr std::uint8_t key[] = {0x2B, 0x7E, 0x15, 0x16, 0x28, 0xAE, 0xD2, 0xA6,
                                    0xAB, 0xF7, 0x15, 0x88, 0x09, 0xCF, 0x4F, 0x3C};
    constexpr std::uint8_t text[] = {0x6B, 0xC1, 0xBE, 0xE2, 0x2E, 0x40, 0x9F, 0x96,
                                     0xE9, 0x3D, 0x7E, 0x11, 0x73, 0x93, 0x17, 0x2A};
    constexpr std::uint8_t expected[] = {0x07, 0x0A, 0x16, 0xB4, 0x6B, 0x4D, 0x41, 0x44,
                                         0xF7, 0x9B, 0xDD, 0x9D, 0xD0, 0x4A, 0x28, 0x7C};
    const auto mac = crypto::cmac(key, {text});
    if (!mac || !equal(*mac, expected)) return Error::crypto_failure;
    return {};
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

Status Token::start() {
    if (Status s = self_check(); !s) return s;
    return drbg_.seed();
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
