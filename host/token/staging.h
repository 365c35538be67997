// Renewal as the token takes it (protocol/renewal.h): one function a command, and what both the CA and a user's program
// need to build and to check. None of it needs a secret but the PIN, which must have been verified.
//
// The functions throw as Token's do. What a status word means here:
//   not_verified  no PIN              not_allowed  another renewal is staged, or nothing, or it isn't time yet
//   no_space      no room, or no retired slot free for the old decryption key
//   bad_data      the token refuses a request, certificate or manifest    not_found  no such key
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "protocol/renewal.h"
#include "token/token.h"

namespace sealkey::token {

using Rid = std::array<std::uint8_t, protocol::kRidSize>;
using StageNonce = std::array<std::uint8_t, protocol::kStageNonceSize>;
using Digest = std::array<std::uint8_t, 32>;
using Guid = std::array<std::uint8_t, protocol::kGuidSize>;
using StagedFingerprint = std::array<std::uint8_t, protocol::kStagedFingerprintSize>;

// One key to be replaced.
struct StageRole {
    std::uint8_t reference = 0;  // 9A, 9C, 9D
    protocol::Algorithm algorithm = protocol::Algorithm::none;
};

struct StagedRole {
    std::uint8_t reference = 0;
    protocol::Algorithm algorithm = protocol::Algorithm::none;
    bool has_key = false;
    bool csr_signed = false;
    bool has_certificate = false;
    bool proven = false;
    std::size_t certificate_length = 0;  // of the certificate object
    StagedFingerprint fingerprint{};     // SHA-256's first bytes over that object
};

struct StagedObject {
    std::uint32_t loaded = 0;
    std::uint32_t total = 0;
    StagedFingerprint fingerprint{};  // zeros until all is there
    [[nodiscard]] bool complete() const { return total != 0 && loaded == total; }
};

struct StagingStatus {
    std::optional<Rid> rid;  // of what is staged
    std::uint8_t roles = 0;
    std::vector<StagedRole> staged;
    std::optional<StagedObject> seal;
    std::optional<StagedObject> record;
    std::optional<StagedObject> issuer;
    std::optional<Rid> committed;  // last
    std::uint16_t generation = 0;
    bool ready = false;  // every role has its key and certificate
    int free_retired_slots = 0;

    [[nodiscard]] const StagedRole* role(std::uint8_t reference) const;  // nullptr: not in this renewal
};

// Throws TokenError malformed_answer. Tags not known here are passed over.
[[nodiscard]] StagingStatus parse_staging_status(Bytes data);

// The bits of STAGE BEGIN and of the manifest. TokenError bad_argument: none, one twice, another key.
[[nodiscard]] std::uint8_t role_bits(const std::vector<StageRole>& roles);

// --- the commands ---
struct BeginAnswer {
    int missing = 0;         // keys still to be made: call again until 0
    bool committed = false;  // this renewal is through: nothing was begun
};
// Makes at most one key. `enveloped`: 9D comes in an envelope and isn't made.
BeginAnswer stage_begin(Token& token, const Rid& rid, const std::vector<StageRole>& roles, bool enveloped = false);
// Over the channel that is open, so that nobody in between can have changed the answer, or as anybody asks.
enum class Way { plain, channel };
[[nodiscard]] StagingStatus stage_status(Token& token, Way way = Way::plain);
// The new key's public half, no PIN needed; not_found until it is made.
[[nodiscard]] PublicKey stage_public_key(Token& token, const StagedRole& role, Way way = Way::plain);
// The token's word on the staged key, as Token::attest() is on others, with the RID in it.
[[nodiscard]] ByteVector stage_attest(Token& token, std::uint8_t role, const StageNonce& nonce);
// 9D's new key in an envelope for the key in 9D now (protocol/renewal.h), after stage_begin(enveloped). Again with the
// same key: nothing happens. bad_data: it doesn't open, for this renewal and this token.
void stage_key(Token& token, ByteView envelope);
// At first issue, over the channel: the same, straight into 9D, in the place of the key that it is for. `order`: the
// name that the envelope is bound to. Only once: the key that could open it is gone then.
void bring_key(Token& token, const Rid& order, protocol::Algorithm algorithm, ByteView envelope);
// `request_info`: DER CertificationRequestInfo of the staged public key, at most 4096 bytes. The signature: PKCS#1 v1.5
// with SHA-256, or ECDSA (DER) with SHA-256, P-384 with SHA-384.
[[nodiscard]] ByteVector stage_csr(Token& token, std::uint8_t role, ByteView request_info);
// The consent of the key that stands in the slot now (for 9D: 9C's), over request_statement(). SHA-256 always.
[[nodiscard]] ByteVector stage_csr_consent(Token& token, std::uint8_t role, ByteView request_info);
// Over prove_statement(). SHA-256 always. The role's certificate must have been loaded.
[[nodiscard]] ByteVector stage_prove(Token& token, std::uint8_t role, const StageNonce& nonce);
// Whole values, sent in parts from the start; what was loaded before is replaced. `object`: as object_of_certificate().
void stage_certificate(Token& token, std::uint8_t role, ByteView object, const Progress& progress = {});
void stage_seal(Token& token, ByteView seal, const Progress& progress = {});
void stage_record(Token& token, ByteView record, const Progress& progress = {});
void stage_next_issuer(Token& token, ByteView object, const Progress& progress = {});
// A signed manifest. Also success when this renewal is committed already.
void stage_commit(Token& token, ByteView manifest);
void stage_abort(Token& token, const Rid& rid);
// A former decryption key (82-95) goes, for good. `committed`: the renewal committed last.
void retire_purge(Token& token, std::uint8_t slot, const Rid& committed);
// 9A's or 9C's key, over committed_statement(). SHA-256 always.
[[nodiscard]] ByteVector confirm_proof(Token& token, std::uint8_t slot, const Rid& committed);

// --- what is signed ---
[[nodiscard]] ByteVector request_statement(const Rid& rid, const Digest& request_info_sha256);
[[nodiscard]] ByteVector prove_statement(const Rid& rid, std::uint8_t role, const StageNonce& nonce);
[[nodiscard]] ByteVector committed_statement(const Rid& rid);

struct Manifest {
    std::string serial;  // 12 characters
    Rid rid{};
    std::uint8_t roles = 0;            // role_bits()
    std::vector<Digest> certificates;  // SHA-256 of each certificate object's value, in the order 9A 9C 9D
    std::optional<Digest> seal;
    std::optional<Digest> record;
    std::optional<Digest> issuer;  // of the next issuer certificate's object value
    Guid guid{};                   // another than the token's now
};
// What the issuer's key signs (SHA-256; PKCS#1 v1.5 or ECDSA), and the whole with its signature. TokenError
// bad_argument: serial or number of certificates.
[[nodiscard]] ByteVector manifest_body(const Manifest& manifest);
[[nodiscard]] ByteVector signed_manifest(ByteView body, ByteView signature);

}  // namespace sealkey::token
