// OpenSSL's objects and its times.
#pragma once

#include <chrono>
#include <ctime>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "owned/openssl.h"

namespace sealkey::seal {

using namespace owned;  // their names are this room's too

using ByteVector = std::vector<std::uint8_t>;
using Time = std::chrono::sys_seconds;

// As OpenSSL takes a time. Not by system_clock, which counts nanoseconds: a year outside of 1678 to 2262, which a
// signature or an answer from outside may name, would become another there.
[[nodiscard]] constexpr std::time_t seconds_of(Time time) { return time.time_since_epoch().count(); }

}  // namespace sealkey::seal
