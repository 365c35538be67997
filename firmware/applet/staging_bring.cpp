// What the CA learns of a staged key by the token's own word.
#include "applet/attestation.h"
#include "applet/key_store.h"
#include "applet/staging_parts.h"

namespace sealkey::applet {

StatusWord run_stage_attest(Core& core, const StageAttest& command, iso7816::Response& response) {
    const Staging& staging = core.state.staging;
    if (!staging.active()) return sw::conditions_not_satisfied;
    if (!staging.has(command.role)) return sw::reference_not_found;
    const Slot staged = staged_slot(core, command.role);
    if (staged.key == 0) return sw::conditions_not_satisfied;
    PublicKeyBuffer public_key{};
    const auto size = read_public_key(core, staged, public_key);
    if (!size) return status_word(size.error());
    const Statement statement{protocol::kRoles[command.role],
                              staged.algorithm,
                              staged.pin_policy,
                              staged.touch_policy,
                              staged.origin,
                              Bytes(public_key).first(*size),
                              command.nonce,
                              staging.rid,
                              core.state.renewal.generation};
    return answer_attestation(core, statement, response);
}

}  // namespace sealkey::applet
