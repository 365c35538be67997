// What the CA's tests share: a time, a passphrase, and the name of what was refused.
#pragma once

#include <gtest/gtest.h>

#include <functional>

#include "ca/certificate.h"
#include "ca/error.h"

namespace sealkey::ca {

inline const Bytes kPassphrase = bytes_of("correct horse");
inline const Time kNow = parse_iso_time("2026-11-21T08:00:00Z");

// Which fault `call` throws; a failed test if it throws none.
inline Fault fault_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const CaError& error) {
        return error.fault();
    }
    ADD_FAILURE() << "nothing was refused";
    return Fault::crypto;
}

}  // namespace sealkey::ca
