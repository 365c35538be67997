// Renewal's commands as types (protocol/renewal.h).
#pragma once

#include <optional>
#include <variant>

#include "applet/staging_state.h"
#include "base/bytes.h"

namespace sealkey::applet {

// Where a command says RID, it is that many bytes; where it says role, an index among protocol::kRoles.
using RidBytes = std::span<const std::uint8_t, protocol::kRidSize>;

struct StageBegin {
    RidBytes rid;
    std::uint8_t roles;                                      // role_bit
    std::array<protocol::Algorithm, kRoleCount> algorithms;  // none where the role isn't in `roles`
};
struct StageStatus {
    std::optional<std::size_t> role;  // its public key is asked for
};
struct StageCsr {
    std::size_t role;
    bool by_old_key;
    Bytes request_info;
};
struct StageAttest {
    std::size_t role;
    Bytes nonce;
};
struct StageProve {
    std::size_t role;
    Bytes nonce;
};
struct StageKey {
    std::size_t role;
    Bytes envelope;
};
// First issue: into 9D itself, in the place of the key that the envelope is for.
struct BringKey {
    RidBytes order;
    protocol::Algorithm algorithm;
    Bytes envelope;
};
// A part of a value: STAGE CERT, SEAL, RECORD.
struct StagePart {
    StageLoad::What what;
    std::size_t role;  // of a certificate
    std::uint32_t total;
    std::uint32_t offset;
    Bytes part;
};
struct CommitRenewal {
    Bytes manifest;
};
struct StageAbort {
    RidBytes rid;
};
struct RetirePurge {
    std::size_t slot;  // index of a retired one
    RidBytes rid;
};
struct ConfirmProof {
    std::size_t slot;  // index of 9A or 9C
    RidBytes rid;
};

using RenewalCommand = std::variant<StageBegin, StageStatus, StageAttest, StageCsr, StageProve, StageKey, BringKey,
                                    StagePart, CommitRenewal, StageAbort, RetirePurge, ConfirmProof>;

}  // namespace sealkey::applet
