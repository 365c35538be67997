// Commands as types: bytes become one of these first, and nothing behind this line looks at an APDU again.
// SP 800-73-4 part 2; the vendor commands as common clients send them; protocol/key.h for our own.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "applet/renewal_commands.h"
#include "applet/state.h"
#include "base/bytes.h"
#include "base/result.h"
#include "iso7816/apdu.h"

namespace sealkey::applet {

struct GetData {
    std::uint32_t tag;
};
struct Verify {
    enum class Action : std::uint8_t { ask, present, log_out };
    Action action;
    Bytes pin;  // kPinSize bytes when presented
};
struct ChangeReference {
    std::uint8_t reference;  // ref::pin or ref::puk
    Bytes old_value;
    Bytes new_value;
};
struct ResetRetryCounter {
    Bytes puk;
    Bytes new_pin;
};
struct GenerateKey {
    std::uint8_t slot;
    Algorithm algorithm;
    PinPolicy pin_policy;
    TouchPolicy touch_policy;
};
// 9B: which of the tags of 7C came, decides which step it is.
struct AuthenticateManagement {
    Algorithm algorithm;
    std::optional<Bytes> witness;
    std::optional<Bytes> challenge;
    std::optional<Bytes> response;
};
struct UseKey {
    std::uint8_t slot;
    Algorithm algorithm;
    bool agreement;  // ECDH: input is the other side's point
    Bytes input;
};
struct ImportKey {
    std::uint8_t slot;
    Algorithm algorithm;
    PinPolicy pin_policy;
    TouchPolicy touch_policy;
    Bytes p, q, dp, dq, qinv;  // RSA
    Bytes scalar;              // EC
};
struct MoveKey {
    std::uint8_t from;
    std::uint8_t to;  // FF: delete
};
struct GetMetadata {
    std::uint8_t reference;
};
struct GetSerial {};
struct GetVersion {};
struct Attest {
    std::uint8_t slot;
    Bytes nonce;  // kNonceSize bytes; empty: as common clients ask
};
struct SetRetries {
    std::uint8_t pin;
    std::uint8_t puk;
};
struct SetManagementKey {
    Algorithm algorithm;
    Bytes key;
};
struct ResetApplet {};
struct TokenStatus {};
struct ReadPart {
    std::uint32_t tag;
    std::uint32_t offset;
    std::uint16_t length;
};
struct RedeemCode {
    Bytes digits;
    Bytes new_pin;
};
struct Initialise {
    Bytes kdd;  // key diversification data of the secure channel
    Bytes serial;
    Profile profile;
    std::uint32_t numeric_serial;
    std::uint8_t kvn;
    Bytes unlock_key;  // empty: none
    Algorithm management_algorithm;
    Bytes management_key;  // empty: the published default
    Bytes guid;
};
struct SetBenchPin {
    Bytes pin;
};
struct SetLifecycle {
    Lifecycle target;
};
struct WritePart {
    std::uint32_t tag;
    std::uint32_t total;
    std::uint32_t offset;
    Bytes part;
};
struct InitializeUpdate {
    std::uint8_t version;  // 0: whichever is in
    Bytes host_challenge;
};
// Length and P1 P2 are the protocol's matter: anything wrong spends the attempt.
struct ExternalAuthenticate {
    iso7816::Header header;
    Bytes data;
};
struct PutKey {
    std::uint8_t replaces;  // 0: whichever is in
    std::uint8_t version;
    Bytes keys;  // three key data fields
};

using AnyCommand =
    std::variant<GetData, Verify, ChangeReference, ResetRetryCounter, GenerateKey, AuthenticateManagement, UseKey,
                 ImportKey, MoveKey, GetMetadata, GetSerial, GetVersion, Attest, SetRetries, SetManagementKey,
                 ResetApplet, TokenStatus, ReadPart, RedeemCode, Initialise, SetBenchPin, SetLifecycle, WritePart,
                 InitializeUpdate, ExternalAuthenticate, PutKey, RenewalCommand>;

// 6D00 unknown instruction · 6A86 P1 P2 · 6700 a length · 6A80 the data's form · 6A88 no such key reference.
[[nodiscard]] Result<AnyCommand, StatusWord> parse(const iso7816::Command& command);

// The part of parse() for renewal's commands (commands_renewal.cpp).
[[nodiscard]] Result<AnyCommand, StatusWord> parse_renewal(const iso7816::Command& command);

// Class and instruction of every command that parse() knows. SELECT and GET RESPONSE are the dispatcher's; PUT DATA
// goes through parse_put_data().
struct CommandId {
    std::uint8_t cla;
    std::uint8_t ins;
    bool operator==(const CommandId&) const = default;
};
inline constexpr std::size_t kParsedCommands = 39;
[[nodiscard]] CommandId parsed_command(std::size_t index);

// The head of PUT DATA (5C tag, then 53 with its length), whose value may come in later blocks.
struct PutDataHead {
    std::uint32_t tag;
    std::uint32_t value_size;
    std::size_t head_size;  // bytes of the head itself
};
[[nodiscard]] Result<PutDataHead, StatusWord> parse_put_data(const iso7816::Header& header, Bytes first_block);

[[nodiscard]] bool is_key_algorithm(Algorithm algorithm);
// Bytes of a management key; 0: not an algorithm for one.
[[nodiscard]] std::size_t management_key_size(Algorithm algorithm);

}  // namespace sealkey::applet
