// Renewal (design, section 8): keys, certificates, seal and record are staged beside those in use and published by one
// transaction. Until then everything in use stays as it is; afterwards everything is new.
#pragma once

#include "applet/commands.h"
#include "applet/state.h"
#include "iso7816/response.h"

namespace sealkey::applet {

// The right has been looked at.
[[nodiscard]] StatusWord run_renewal(Core& core, const RenewalCommand& command, iso7816::Response& response);

// The list of protocol::staging_tag, to the front of `out`; returns its length, 0 when `out` is too short.
inline constexpr std::size_t kMaxStagingStatus = 192;
[[nodiscard]] std::size_t staging_status(const Core& core, MutableBytes out);

// A value that was coming in by parts won't be finished.
void abandon_loading(Core& core);

// For those who bring or attest a staged key: it as a slot's would be, so that the key store's functions take it.
// Nothing is staged for the role, or its key isn't there yet: `key` is 0.
[[nodiscard]] Slot staged_slot(const Core& core, std::size_t role);
// Puts a key that was made or brought in its place in what is staged, in one transaction. The policies are those that
// StagedKey has.
[[nodiscard]] Status install_staged_key(Core& core, std::size_t role, Bytes saved, Bytes public_key, Origin origin);

}  // namespace sealkey::applet
