// What a token says about itself: token status, metadata.
#pragma once

#include "applet/commands.h"
#include "applet/state.h"
#include "iso7816/response.h"

namespace sealkey::applet {

inline constexpr std::array<std::uint8_t, 3> kFirmwareVersion = {0, 1, 0};

[[nodiscard]] StatusWord run_token_status(Core& core, iso7816::Response& response);
[[nodiscard]] StatusWord run_get_metadata(Core& core, const GetMetadata& command, iso7816::Response& response);
[[nodiscard]] StatusWord run_get_serial(const Core& core, iso7816::Response& response);

}  // namespace sealkey::applet
