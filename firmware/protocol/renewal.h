// The wire contract of renewal: what is staged, how it is told, and the manifest that publishes it. docs/apdu.md,
// "Renewal", is the full specification. The instructions stand in key.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "protocol/piv.h"

namespace sealkey::protocol {

// A renewal's name, chosen by the CA.
inline constexpr std::size_t kRidSize = 16;
inline constexpr std::size_t kStageNonceSize = 32;
inline constexpr std::size_t kGuidSize = 16;

// The keys that a renewal may replace, in this order everywhere: bit 0 of the roles is 9A. In P1, and in what is
// signed, a role is its key reference.
inline constexpr std::array<std::uint8_t, 3> kRoles = {ref::authentication, ref::signature, ref::key_management};
namespace role_bit {
inline constexpr std::uint8_t authentication = 0x01;
inline constexpr std::uint8_t signature = 0x02;
inline constexpr std::uint8_t key_management = 0x04;
inline constexpr std::uint8_t all = 0x07;
inline constexpr std::uint8_t enveloped = 0x80;  // 9D isn't made here but comes in an envelope
}  // namespace role_bit

// STAGE BEGIN: RID(16) roles(1) algorithms(1 each) -> keys still to be made(1), or this: it is committed.
inline constexpr std::uint8_t kAlreadyCommitted = 0xFF;

// STAGE CSR, P2: which key signs.
inline constexpr std::uint8_t kCsrByStagedKey = 0x00;
inline constexpr std::uint8_t kCsrByOldKey = 0x01;

// STAGE RECORD, P1: what is loaded.
inline constexpr std::uint8_t kStageRecordItself = 0x00;
inline constexpr std::uint8_t kStageNextIssuer = 0x01;

// STAGE CERT, SEAL, RECORD: total length(4) offset(4), then the part.
inline constexpr std::size_t kStagePartHead = 8;

// STAGE KEY's envelope: what agrees on a secret with the key in 9D, then the new key under AES key wrap (RFC 3394).
//   9D is EC: an ephemeral point (04 x y) of its curve; the secret is x of the product
//   9D is RSA: r ^ e mod n for a random r below n; the secret is r, both as long as n
// The wrapping key: HKDF-SHA256, no salt, 32 bytes, info = label || serial(12) || RID(16) || algorithm of the new
// key(1) || SHA-256 of the first part. What is wrapped: the scalar, or p q dp dq qinv, each half as long as the
// modulus.
// In a renewal the RID is the staged one's. At first issue there is none: the CA names the order by 16 bytes of its
// own.
inline constexpr char kEnvelopeLabel[] = "SEALKEY-ENVELOPE";
// STAGE KEY, P2: where the key goes.
inline constexpr std::uint8_t kEnvelopeToStaging = 0x00;  // data: envelope
inline constexpr std::uint8_t kEnvelopeToSlot = 0x01;     // data: order's name(16) algorithm(1) envelope
inline constexpr std::size_t kEnvelopeKey = 32;

// STAGE STATUS, and object 5FFF42: a list of these, in this order.
namespace staging_tag {
inline constexpr std::uint32_t version = 0x80;     // 01
inline constexpr std::uint32_t rid = 0x81;         // of what is staged; absent: nothing is
inline constexpr std::uint32_t roles = 0x82;       // as STAGE BEGIN gave them
inline constexpr std::uint32_t role = 0x83;        // StagedRole, one for each role
inline constexpr std::uint32_t seal = 0x84;        // StagedObject; absent: nothing of it was loaded
inline constexpr std::uint32_t record = 0x85;      // StagedObject
inline constexpr std::uint32_t committed = 0x86;   // RID committed last; absent: none was
inline constexpr std::uint32_t generation = 0x87;  // 2 bytes: renewals committed so far
inline constexpr std::uint32_t ready = 0x88;       // 01: every role has its key and certificate; 00: not yet
inline constexpr std::uint32_t issuer = 0x89;      // StagedObject: the next issuer certificate
inline constexpr std::uint32_t free_slots = 0x8A;  // retired slots that could take an old decryption key(1)
}  // namespace staging_tag

// StagedRole: key reference(1) algorithm(1) StageBit(1) certificate object length(2) its fingerprint(8).
inline constexpr std::size_t kStagedRoleSize = 13;
namespace stage_bit {
inline constexpr std::uint8_t key = 0x01;          // the key is there
inline constexpr std::uint8_t csr = 0x02;          // it has signed a request
inline constexpr std::uint8_t certificate = 0x04;  // the certificate is loaded
inline constexpr std::uint8_t proven = 0x08;       // it has signed the CA's nonce
}  // namespace stage_bit
// StagedObject: bytes loaded(4) bytes in all(4) fingerprint(8, 0 until all are there).
inline constexpr std::size_t kStagedObjectSize = 16;
// The first bytes of SHA-256 over the object's value.
inline constexpr std::size_t kStagedFingerprintSize = 8;

// What the token signs besides requests, always by SHA-256: the label and these, one after the other.
inline constexpr char kRequestLabel[] = "SEALKEY-REQUEST";      // RID, SHA-256(CertificationRequestInfo)
inline constexpr char kProveLabel[] = "SEALKEY-PROVE";          // RID, key reference, nonce
inline constexpr char kCommittedLabel[] = "SEALKEY-COMMITTED";  // RID

// The manifest: a list of these, in this order, each at most once.
namespace manifest_tag {
inline constexpr std::uint32_t version = 0x80;       // 01
inline constexpr std::uint32_t serial = 0x81;        // the token's, 12
inline constexpr std::uint32_t rid = 0x82;           // 16
inline constexpr std::uint32_t roles = 0x83;         // without bit 7
inline constexpr std::uint32_t certificates = 0x84;  // SHA-256 of each certificate object's value, in role order
inline constexpr std::uint32_t seal = 0x85;          // SHA-256; absent: the seal stays
inline constexpr std::uint32_t record = 0x86;        // SHA-256; absent: the record stays
inline constexpr std::uint32_t issuer = 0x87;        // SHA-256 of the next issuer certificate; absent: it stays
inline constexpr std::uint32_t guid = 0x88;          // the CHUID's new GUID, 16, another than now
inline constexpr std::uint32_t signature = 0x9E;     // over all before it, by SHA-256, with the issuer's key
}  // namespace manifest_tag
inline constexpr std::uint8_t kManifestVersion = 1;

}  // namespace sealkey::protocol
