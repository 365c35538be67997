#include "transport/settings.h"

#include <cstdlib>

namespace sealkey::transport {

namespace {

std::string_view text_of(const char* value) { return value == nullptr ? "" : value; }

}  // namespace

ApduLength apdu_length_setting() noexcept {
    const auto choice = text_of(::secure_getenv("SEALKEY_APDU"));
    if (choice == "short") return ApduLength::short_only;
    if (choice == "extended") return ApduLength::extended;
    return ApduLength::of_reader;
}

std::string_view simulator_sockets_setting() noexcept { return text_of(::secure_getenv("SEALKEY_SIM_SOCKETS")); }

}  // namespace sealkey::transport
