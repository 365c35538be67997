// The wire contract of sealkey's own commands, CLA 80. docs/apdu.md is the full specification.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace sealkey::protocol {

inline constexpr std::uint8_t kClaOwn = 0x80;

enum class OwnIns : std::uint8_t {
    // -> the token status TLV below. No access condition. P1 P2 = 00 00.
    token_status = 0x10,
    // data = object tag(3) || offset(4) || length(2) -> that part of the object's value (what GET DATA wraps in 53);
    // shorter at the end, empty at or past it. The object's own read rule applies.
    read_part = 0x12,
    // data = object tag(3) || total length(4) || offset(4) || part. A value longer than one command, published by its
    // last
    // part in one transaction; a total of 0 removes the object. The object's own write rule applies to every part.
    //   6985 an offset that isn't the next one: what was written of it is dropped · 6A80 past the total, or no part
    write_part = 0x14,
    // data = code digits(15, ASCII) || new PIN(8, padded with FF) -> CMAC(16) over "RESET-DONE" || LC. P1 P2 = 00 80.
    //   6985 not blocked · 6700 wrong length · 6A80 a digit or the new PIN breaks its rule (no try spent)
    //   63Cx wrong code, x tries left for this event; 63C0: event burned, there is a new request code
    //   6983 five burned events in a row: only the bench can help
    redeem_code = 0x20,
    // Birth, BLANK only, once, through the secure channel. data = TLV list:
    //   81 serial(12, ASCII) · 83 profile(1) · 89 numeric serial(4, < 2^31) · 8B KVN(1) · 8C K_unlock(32)
    //   8D management key (algorithm(1) || key) · 8E GUID(16) · 8F key diversification data(10)
    // Shipping: 6985 while the factory's channel keys are in.
    // Compatibility profile: 8C and 8D are absent and the values that plain PIV clients expect are set; the factory's
    // channel keys, if they are still in, are dropped by it.
    initialise = 0x30,
    // Before the lifecycle is secured, with the authority of the bench (the channel; compatibility: 9B):
    // data = PIN(8, padded with FF). Sets the PIN for the bench's own checks (section 5.6 of the design: one
    // transaction).
    set_bench_pin = 0x32,
    // P1 = target lifecycle (Lifecycle), no data. INITIALISED -> SECURED: the bench PIN's wrap is dropped, the PIN is
    // blocked, LC = 1 with a new salt, and (shipping profile) the PUK stays blocked. Authority of the bench. SECURED ->
    // SECURED, shipping: a new activation event, LC + 1: unlocking at the bench.
    set_lifecycle = 0x34,
    // P1 = slot, P2 = 00, data = nonce(32) -> the attestation certificate (protocol/attestation.h).
    //   6A88 no key there · 6985 the key was brought or moved (a brought one of 9D is attested as such), or no F9
    attest = 0x36,
    // Renewal (protocol/renewal.h). All but stage_status need the PIN, and none needs the management key.
    // data = RID(16) roles(1) algorithms(1 for each role) -> keys still to be made(1). Makes one key a call; the host
    // repeats it until the answer is 00. Idempotent by RID.
    stage_begin = 0x40,
    // P1 00 -> the list of staging_tag; P1 role -> 7F49, the staged public key.
    stage_status = 0x41,
    // P1 role, data = nonce(32) -> the attestation certificate of the staged key, with the RID in it.
    stage_attest = 0x42,
    // P1 role, P2 which key signs, data = CertificationRequestInfo -> signature.
    stage_csr = 0x43,
    // P1 role, data = nonce(32) -> signature.
    stage_prove = 0x44,
    // P1 role (CERT), 00 (SEAL), what (RECORD), data = total(4) offset(4) part.
    stage_cert = 0x45,
    stage_seal = 0x46,
    stage_record = 0x47,
    // P1 9D, data = envelope (renewal.h): the decryption key of a key centre.
    stage_key = 0x48,
    // data = manifest: everything staged becomes what is in use, in one transaction.
    commit = 0x49,
    // data = RID(16): what is staged goes.
    stage_abort = 0x4A,
    // P1 = retired slot, data = RID(16) committed last: the former decryption key and its certificate go.
    retire_purge = 0x4B,
    // P1 = 9A or 9C, data = RID(16) committed last -> signature of the new key.
    confirm_proof = 0x4C,
};

enum class Profile : std::uint8_t { none = 0, shipping = 1, compatibility = 2 };

// The token's own view; the inventory's fifteen states are the CA's.
enum class Lifecycle : std::uint8_t { blank = 0, initialised = 1, secured = 2, terminated = 0x0F };

// Token status: a list of these, in this order, in one reply (at most 256 bytes with four certificates, the seal, the
// record and the issuer certificate present).
namespace status_tag {
inline constexpr std::uint32_t version = 0x80;    // 01
inline constexpr std::uint32_t serial = 0x81;     // 12 ASCII; before birth the chip id as 12 hexadecimal digits
inline constexpr std::uint32_t firmware = 0x82;   // major, minor, patch
inline constexpr std::uint32_t profile = 0x83;    // Profile
inline constexpr std::uint32_t lifecycle = 0x84;  // Lifecycle
inline constexpr std::uint32_t pin = 0x85;        // tries left, tries at most, flags (PinFlag)
inline constexpr std::uint32_t puk = 0x86;        // tries left, tries at most, flags (blocked only)
inline constexpr std::uint32_t lock =
    0x87;  // LC(2), salt(4), code tries left(1), burned events in a row(1), LockState(1)
inline constexpr std::uint32_t change_counter =
    0x88;  // 4; changes with every change of any key, object or PIN state's epoch
inline constexpr std::uint32_t numeric_serial = 0x89;  // 4
inline constexpr std::uint32_t reset_done = 0x8A;      // LC(2) || CMAC(16) of the last redeemed code; absent if none
inline constexpr std::uint32_t slot = 0x90;  // SlotStatus, one for each slot that holds a key or a certificate
inline constexpr std::uint32_t object =
    0x91;  // ObjectStatus, for seal, enterprise record, issuer certificate if present
}  // namespace status_tag

// The further tags of INITIALISE's data.
namespace birth_tag {
inline constexpr std::uint32_t kvn = 0x8B;
inline constexpr std::uint32_t unlock_key = 0x8C;
inline constexpr std::uint32_t management_key = 0x8D;
inline constexpr std::uint32_t guid = 0x8E;
inline constexpr std::uint32_t kdd = 0x8F;  // 10: key diversification data of the secure channel
}  // namespace birth_tag

namespace pin_flag {
inline constexpr std::uint8_t blocked = 0x01;
inline constexpr std::uint8_t verified = 0x02;       // in the current card session
inline constexpr std::uint8_t never_set = 0x04;      // delivered, to be activated
inline constexpr std::uint8_t default_value = 0x08;  // compatibility profile: still the published value
}  // namespace pin_flag

// In the lock statement and in the token status.
enum class LockState : std::uint8_t {
    none = 0,
    locked = 1,              // six wrong tries: a reset code opens it
    activation_pending = 2,  // never had a user's PIN: an activation code opens it
    bench_only = 3,          // five burned events in a row, or LC = FFFF
};

// SlotStatus: reference(1) algorithm(1) PIN policy(1) touch policy(1) origin(1) certificate object length(2)
// change counter of the certificate(2) fingerprint(16) key check(3). Length and fingerprint are 0 without a
// certificate. The fingerprint is the first 16 bytes of SHA-256 over the certificate object's value (what GET DATA
// wraps in 53). The key check is the first 3 bytes of SHA-256 over the public key as GET METADATA tells it (what is in
// its 04), 0 without a key: it says whether a certificate at hand is the key's. Not against a forger: it is short, so
// that the status of a key with four certificates and its own fits one short APDU.
inline constexpr std::size_t kSlotStatusSize = 28;
inline constexpr std::size_t kKeyCheckSize = 3;
// ObjectStatus: last byte of the tag(1) length(4) fingerprint(8, first bytes of SHA-256 over the value).
inline constexpr std::size_t kObjectStatusSize = 13;
inline constexpr std::size_t kFingerprintSize = 16;

// Lock statement (object 5FFF43): version(1)=01 KVN(1) serial(12) LC(2) salt(4) code tries left(1) LockState(1)
// CMAC(16) over "LOCK-STMT" || the fields before, under K_unlock. The salt is 0..999999, big-endian.
inline constexpr std::size_t kLockStatementSize = 38;
inline constexpr std::size_t kLockStatementSigned = 22;

inline constexpr std::size_t kSerialSize = 12;
inline constexpr std::size_t kCodeDigits = 15;  // a Damm digit follows on paper
inline constexpr std::uint32_t kSaltLimit = 1000000;
inline constexpr char kUnlockLabel[] = "USBKEY-UNLOCK-v1";
inline constexpr char kManagementLabel[] = "USBKEY-9B-v1";
inline constexpr char kCodeLabel[] = "PIN-RESET-CODE";
inline constexpr char kLockStatementLabel[] = "LOCK-STMT";
inline constexpr char kResetDoneLabel[] = "RESET-DONE";
inline constexpr std::uint8_t kPurposePin = 0x80;  // last byte of the code's context

}  // namespace sealkey::protocol
