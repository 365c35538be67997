// Try counters that an attacker can't wind back by cutting the power: a two-sector unary log, apart from the store.
//
// A try is spent on flash, and read back, before the secret is looked at. Each unit carries {reference, epoch, kind}.
// A unit that is neither erased nor valid counts as spent for every reference.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "platform/platform.h"
#include "store/store.h"

namespace sealkey::store {

enum class TryReference : std::uint8_t { pin = 1, code = 2, puk = 3 };

class TryLog {
public:
    // `sectors` are exactly two.
    TryLog(platform::Flash& flash, SectorRange sectors) : flash_(flash), sectors_(sectors) {}

    // not_found: no log there (blank flash). On a personalised token the caller treats that as every counter spent.
    [[nodiscard]] Status mount();
    [[nodiscard]] Status format();

    // Tries spent for this reference in this epoch since its last CLEAR; units of another epoch don't count.
    [[nodiscard]] std::uint8_t spent(TryReference reference, std::uint16_t epoch) const;
    // Programs one SPENT unit and reads it back. Any failure: the caller must not look at the secret.
    [[nodiscard]] Status spend(TryReference reference, std::uint16_t epoch);
    // Programs one CLEAR unit after success.
    [[nodiscard]] Status clear(TryReference reference, std::uint16_t epoch);

private:
    platform::Flash& flash_;
    SectorRange sectors_;
};

}  // namespace sealkey::store
