// From bytes to renewal's commands.
#include <bit>

#include "applet/commands.h"

namespace sealkey::applet {

namespace {

using iso7816::Command;
using protocol::OwnIns;
namespace role_bit = protocol::role_bit;

using Parsed = Result<AnyCommand, StatusWord>;

template <class T>
Parsed parsed(T command) {
    return AnyCommand(RenewalCommand(command));
}

Parsed parse_begin(const Command& c) {
    if (c.header.p1p2() != 0) return sw::wrong_p1p2;
    constexpr std::size_t head = protocol::kRidSize + 1;
    if (c.data.size() <= head || c.data.size() > head + kRoleCount) return sw::wrong_length;
    StageBegin out{c.data.first<protocol::kRidSize>(), c.data[protocol::kRidSize], {}};
    const auto made = static_cast<std::uint8_t>(out.roles & role_bit::all);
    if ((out.roles & ~(role_bit::all | role_bit::enveloped)) != 0 || made == 0) return sw::wrong_data;
    const bool enveloped = (out.roles & role_bit::enveloped) != 0;
    if (enveloped && (out.roles & role_bit::key_management) == 0) return sw::wrong_data;
    Bytes algorithms = c.data.subspan(head);
    if (algorithms.size() != static_cast<std::size_t>(std::popcount(made))) return sw::wrong_data;
    for (std::size_t role = 0; role < kRoleCount; ++role) {
        if ((made >> role & 1) == 0) continue;
        out.algorithms[role] = static_cast<Algorithm>(algorithms[0]);
        if (!is_key_algorithm(out.algorithms[role])) return sw::wrong_data;
        algorithms = algorithms.subspan(1);
    }
    return parsed(out);
}

Parsed parse_status(const Command& c) {
    if (c.header.p2 != 0) return sw::wrong_p1p2;
    StageStatus out{};
    if (c.header.p1 != 0) {
        out.role = role_index(c.header.p1);
        if (!out.role) return sw::reference_not_found;
    }
    if (!c.data.empty()) return sw::wrong_length;
    return parsed(out);
}

Parsed parse_csr(const Command& c) {
    const auto role = role_index(c.header.p1);
    if (!role) return sw::reference_not_found;
    const bool by_old_key = c.header.p2 == protocol::kCsrByOldKey;
    if (!by_old_key && c.header.p2 != protocol::kCsrByStagedKey) return sw::wrong_p1p2;
    if (c.data.empty()) return sw::wrong_length;
    return parsed(StageCsr{*role, by_old_key, c.data});
}

// STAGE ATTEST, STAGE PROVE: a role and the CA's nonce.
template <class T>
Parsed parse_nonce(const Command& c) {
    const auto role = role_index(c.header.p1);
    if (!role) return sw::reference_not_found;
    if (c.header.p2 != 0) return sw::wrong_p1p2;
    if (c.data.size() != protocol::kStageNonceSize) return sw::wrong_length;
    return parsed(T{*role, c.data});
}

// A part of nothing, or past the end, is refused here; whether it is the next one, where it is taken.
Parsed parse_part(const Command& c, StageLoad::What what, std::size_t role) {
    if (c.header.p2 != 0) return sw::wrong_p1p2;
    if (c.data.size() <= protocol::kStagePartHead) return sw::wrong_length;
    StagePart out{what, role, load_be32(c.data.data()), load_be32(&c.data[4]),
                  c.data.subspan(protocol::kStagePartHead)};
    if (out.offset >= out.total || out.part.size() > out.total - out.offset) return sw::wrong_data;
    return parsed(out);
}

Parsed parse_bring_key(const Command& c) {
    if (c.header.p1 != protocol::ref::key_management) return sw::reference_not_found;
    constexpr std::size_t head = protocol::kRidSize + 1;
    if (c.data.size() <= head) return sw::wrong_length;
    const auto algorithm = static_cast<Algorithm>(c.data[protocol::kRidSize]);
    if (!is_key_algorithm(algorithm)) return sw::wrong_data;
    return parsed(BringKey{c.data.first<protocol::kRidSize>(), algorithm, c.data.subspan(head)});
}

Parsed parse_stage_key(const Command& c) {
    const auto role = role_index(c.header.p1);
    if (!role) return sw::reference_not_found;
    if (c.header.p2 == protocol::kEnvelopeToSlot) return parse_bring_key(c);
    if (c.header.p2 != protocol::kEnvelopeToStaging) return sw::wrong_p1p2;
    if (c.data.empty()) return sw::wrong_length;
    return parsed(StageKey{*role, c.data});
}

Parsed parse_certificate(const Command& c) {
    const auto role = role_index(c.header.p1);
    if (!role) return sw::reference_not_found;
    return parse_part(c, StageLoad::What::certificate, *role);
}

Parsed parse_seal(const Command& c) {
    if (c.header.p1 != 0) return sw::wrong_p1p2;
    return parse_part(c, StageLoad::What::seal, 0);
}

Parsed parse_record(const Command& c) {
    if (c.header.p1 == protocol::kStageRecordItself) return parse_part(c, StageLoad::What::record, 0);
    if (c.header.p1 == protocol::kStageNextIssuer) return parse_part(c, StageLoad::What::issuer, 0);
    return sw::wrong_p1p2;
}

Parsed parse_commit(const Command& c) {
    if (c.header.p1p2() != 0) return sw::wrong_p1p2;
    if (c.data.empty()) return sw::wrong_length;
    return parsed(CommitRenewal{c.data});
}

Parsed parse_abort(const Command& c) {
    if (c.header.p1p2() != 0) return sw::wrong_p1p2;
    if (c.data.size() != protocol::kRidSize) return sw::wrong_length;
    return parsed(StageAbort{c.data.first<protocol::kRidSize>()});
}

Parsed parse_purge(const Command& c) {
    const bool retired = c.header.p1 >= protocol::ref::retired_first && c.header.p1 <= protocol::ref::retired_last;
    if (!retired) return sw::reference_not_found;
    if (c.header.p2 != 0) return sw::wrong_p1p2;
    if (c.data.size() != protocol::kRidSize) return sw::wrong_length;
    return parsed(RetirePurge{*slot_index(c.header.p1), c.data.first<protocol::kRidSize>()});
}

Parsed parse_confirm(const Command& c) {
    const bool signs = c.header.p1 == protocol::ref::authentication || c.header.p1 == protocol::ref::signature;
    if (!signs) return sw::reference_not_found;
    if (c.header.p2 != 0) return sw::wrong_p1p2;
    if (c.data.size() != protocol::kRidSize) return sw::wrong_length;
    return parsed(ConfirmProof{*slot_index(c.header.p1), c.data.first<protocol::kRidSize>()});
}

}  // namespace

Parsed parse_renewal(const Command& command) {
    switch (static_cast<OwnIns>(command.header.ins)) {
        case OwnIns::stage_begin:
            return parse_begin(command);
        case OwnIns::stage_status:
            return parse_status(command);
        case OwnIns::stage_csr:
            return parse_csr(command);
        case OwnIns::stage_prove:
            return parse_nonce<StageProve>(command);
        case OwnIns::stage_attest:
            return parse_nonce<StageAttest>(command);
        case OwnIns::stage_cert:
            return parse_certificate(command);
        case OwnIns::stage_seal:
            return parse_seal(command);
        case OwnIns::stage_record:
            return parse_record(command);
        case OwnIns::stage_key:
            return parse_stage_key(command);
        case OwnIns::commit:
            return parse_commit(command);
        case OwnIns::stage_abort:
            return parse_abort(command);
        case OwnIns::retire_purge:
            return parse_purge(command);
        case OwnIns::confirm_proof:
            return parse_confirm(command);
        default:
            return sw::ins_not_supported;
    }
}

}  // namespace sealkey::applet
