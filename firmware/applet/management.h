// The management key (9B): single and mutual authentication, SP 800-73-4 part 2, 3.2.4 and appendix A.
#pragma once

#include "applet/commands.h"
#include "applet/state.h"
#include "iso7816/response.h"

namespace sealkey::applet {

struct ManagementKey {
    Algorithm algorithm = Algorithm::none;
    Secret<32> key;
};

[[nodiscard]] Result<ManagementKey> load_management_key(const Core& core);
// In a change that is open, with room for kManagementKeySize bytes in one object.
[[nodiscard]] Status store_management_key(Core& core, Change& change, Algorithm algorithm, Bytes key, bool is_default);
inline constexpr std::uint32_t kManagementKeySize = 33 + store::Vault::kOverhead;

// What plain PIV clients expect (compatibility profile): 3DES.
[[nodiscard]] Bytes default_management_key();

[[nodiscard]] StatusWord run_authenticate_management(Core& core, const AuthenticateManagement& command,
                                                     iso7816::Response& response);
[[nodiscard]] StatusWord run_set_management_key(Core& core, const SetManagementKey& command);

}  // namespace sealkey::applet
