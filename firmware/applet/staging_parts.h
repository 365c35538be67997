// Between the files that make up renewal: staging.cpp, staging_load.cpp, staging_sign.cpp, staging_commit.cpp.
#pragma once

#include "applet/staging.h"
#include "base/der_source.h"
#include "crypto/signature.h"

namespace sealkey::applet {

[[nodiscard]] StatusWord run_stage_attest(Core& core, const StageAttest& command, iso7816::Response& response);
[[nodiscard]] StatusWord run_stage_key(Core& core, const StageKey& command);
[[nodiscard]] StatusWord run_bring_key(Core& core, const BringKey& command);
[[nodiscard]] StatusWord run_stage_csr(Core& core, const StageCsr& command, iso7816::Response& response);
[[nodiscard]] StatusWord run_stage_prove(Core& core, const StageProve& command, iso7816::Response& response);
[[nodiscard]] StatusWord run_confirm_proof(Core& core, const ConfirmProof& command, iso7816::Response& response);
[[nodiscard]] StatusWord run_stage_part(Core& core, const StagePart& command);
[[nodiscard]] StatusWord run_commit(Core& core, const CommitRenewal& command);

// Reads a value that lies in the store.
class StoredDer final : public DerSource {
public:
    StoredDer(const store::Store& store, ObjectId object) : store_(store), object_(object) {}
    [[nodiscard]] bool read(std::uint32_t offset, MutableBytes out) const override {
        return store_.read(object_, offset, out).ok();
    }

private:
    const store::Store& store_;
    ObjectId object_;
};

// Where the DER certificate lies in a PIV certificate object: 70, then 71 00 and FE 00. invalid: not exactly that (a
// compressed one can't be looked into).
struct DerRange {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
};
[[nodiscard]] Result<DerRange> certificate_range(const DerSource& source, std::uint32_t size);

// Whether this is the public key of the staged key. wrong_secret: another one.
[[nodiscard]] Status compare_staged_key(const Core& core, std::size_t role, const crypto::PublicKey& key);
// Whether the certificate that is loaded for the role is one of the staged key. invalid, wrong_secret.
[[nodiscard]] Status check_staged_certificate(const Core& core, std::size_t role);

// What COMMIT writes at most, and in how many objects: whatever is staged leaves room for it.
inline constexpr std::uint32_t kCommitPayload = Change::kRenewalRecordsSize + Slot::kSize + 2 * Watched::kSize + 80;
inline constexpr std::uint32_t kCommitObjects = Change::kRenewalRecords + 2 + 3 * kRoleCount + 2 * 3;

// A retired slot with neither key nor certificate.
[[nodiscard]] std::optional<std::size_t> free_retired_slot(const State& state);

}  // namespace sealkey::applet
