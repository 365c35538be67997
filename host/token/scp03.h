// The host's side of the secure channel (SCP03, protocol/scp03.h), apart from any connection: it turns commands into
// wrapped commands and answers into plain ones, and never sends anything. Where the two ends meet over a relay, the
// CA's side holds this object, and a PC in between carries bytes that it can neither read nor change.
#pragma once

#include <array>
#include <functional>
#include <initializer_list>

#include "base/secret.h"
#include "protocol/piv.h"
#include "protocol/scp03.h"
#include "token/apdu.h"

namespace sealkey::token {

// The cryptography, brought by the caller: this room has none. AES keys of 16, 24 or 32 bytes. Each throws when it
// can't.
class ChannelCrypto {
public:
    virtual ~ChannelCrypto() = default;
    // CBC over whole blocks without padding; `out` has the size of `in` and may be `in`.
    virtual void aes_cbc(bool encrypt, Bytes key, Bytes iv, Bytes in, MutableBytes out) = 0;
    [[nodiscard]] virtual std::array<std::uint8_t, 16> cmac(Bytes key, std::initializer_list<Bytes> parts) = 0;
    virtual void random(MutableBytes out) = 0;
};

// The static keys of one version, all of one size.
struct ChannelKeys {
    std::uint8_t version = 0;  // KVN; 0: whichever the token has
    Secret<32> enc;
    Secret<32> mac;
    Secret<32> dek;
    [[nodiscard]] ChannelKeys copy() const;
};

// Amendment D, 4.1.5. With the key diversification data as context and the constants below it is what makes a token's
// keys from a master.
void channel_derive(ChannelCrypto& crypto, Bytes key, std::uint8_t constant, Bytes context, MutableBytes out);
inline constexpr std::uint8_t kDiversifyEnc = 0x01;
inline constexpr std::uint8_t kDiversifyMac = 0x02;
inline constexpr std::uint8_t kDiversifyDek = 0x03;
// KDF3 as other tools have it: the three keys, as long as the master, for a token's KDD(10).
[[nodiscard]] ChannelKeys diversified_keys(ChannelCrypto& crypto, Bytes master, std::uint8_t version, Bytes kdd);

[[nodiscard]] std::array<std::uint8_t, protocol::kKcvSize> key_check_value(ChannelCrypto& crypto, Bytes key);

// A command that owns its data, which is wiped when it goes.
struct OwnedCommand {
    OwnedCommand() = default;
    OwnedCommand(const OwnedCommand&) = default;
    OwnedCommand& operator=(const OwnedCommand&) = default;
    ~OwnedCommand() { wipe(data); }
    std::uint8_t cla = 0;
    std::uint8_t ins = 0;
    std::uint8_t p1 = 0;
    std::uint8_t p2 = 0;
    ByteVector data;
    bool expects_data = false;
    // Views this object.
    [[nodiscard]] Command command() const { return {cla, ins, p1, p2, data, expects_data}; }
};

// What INITIALIZE UPDATE tells.
struct CardIdentity {
    std::array<std::uint8_t, protocol::kKddSize> kdd{};
    std::uint8_t version = 0;
    std::uint32_t sequence = 0;
};

class Scp03Session {
public:
    // Draws the host challenge. `application` is the one that the channel is opened with: the card's challenge is made
    // from its name. bad_argument: the keys' sizes.
    Scp03Session(ChannelCrypto& crypto, const ChannelKeys& keys,
                 protocol::SecurityLevel level = protocol::SecurityLevel::full, Bytes application = protocol::kPivAid);
    Scp03Session(const Scp03Session&) = delete;
    Scp03Session& operator=(const Scp03Session&) = delete;

    // The four steps of the opening, in this order.
    [[nodiscard]] OwnedCommand initialize_update() const;
    // Compares the card's cryptogram before anything else is made: lying_token if it is wrong, which also means that
    // the token has other keys. So it is if the challenge isn't the one that ENC gives for the counter which the token
    // states (Amendment D, 6.2.2.1): one that was chosen, or heard before. malformed_answer; other kinds by the status
    // word.
    const CardIdentity& check_card(const Answer& answer);
    [[nodiscard]] OwnedCommand external_authenticate();
    void accept(const Answer& answer);  // 9000, or the error

    // Only while open; bad_argument else.
    [[nodiscard]] OwnedCommand wrap(const Command& command);
    // The answer to the command last wrapped. An error word is handed on as it is: it is bare, so that whoever carries
    // the bytes can make one up, but no more than cutting the line would do. lying_token: the MAC is wrong, which ends
    // the session.
    [[nodiscard]] Answer unwrap(const Answer& answer);

    [[nodiscard]] bool open() const { return state_ == State::open; }
    [[nodiscard]] const CardIdentity& card() const { return card_; }
    void close();

private:
    enum class State { fresh, checked, open, closed };

    [[nodiscard]] bool has(std::uint8_t bit) const { return (static_cast<std::uint8_t>(level_) & bit) != 0; }
    void append_mac(OwnedCommand& command);
    [[nodiscard]] std::array<std::uint8_t, 16> initial_vector(bool response);
    void encipher(ByteVector& data);
    void decipher(ByteVector& data);
    [[noreturn]] void refuse(const char* what);
    [[nodiscard]] std::array<std::uint8_t, protocol::kChallengeSize> expected_challenge(Bytes counter);

    ChannelCrypto& crypto_;
    ChannelKeys keys_;
    protocol::SecurityLevel level_;
    ByteVector application_;
    State state_ = State::fresh;
    std::array<std::uint8_t, protocol::kChallengeSize> host_challenge_{};
    CardIdentity card_;
    Secret<32> encryption_;
    Secret<32> mac_;
    Secret<32> response_mac_;
    std::array<std::uint8_t, 16> chaining_{};
    std::array<std::uint8_t, 2 * protocol::kChallengeSize> context_{};
    std::uint32_t counter_ = 0;
};

// Carries one command to the token and its answer back, however.
using Carry = std::function<Answer(const Command&)>;
// All four steps. Throws as they do.
void open_session(Scp03Session& session, const Carry& carry);

// PUT KEY: the whole set replaced, enciphered under the DEK of the keys in use; to be wrapped. `replaces`: the version
// that is in.
[[nodiscard]] OwnedCommand put_key_command(ChannelCrypto& crypto, std::uint8_t replaces, Bytes dek,
                                           const ChannelKeys& keys);
// The answer must name the new version and the check values. lying_token.
void check_put_key(ChannelCrypto& crypto, const ChannelKeys& keys, const Answer& answer);

}  // namespace sealkey::token
