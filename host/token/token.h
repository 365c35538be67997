// A token behind a connection: one function a command.
//
// Every function takes a transaction of its own, selects the PIV application when that is needed (first use, after a
// reset by another program), and throws TokenError or transport::TransportError. A reset by another program is
// recovered from inside: the application is selected again and the command is sent once more, unless the caller holds a
// Token::Transaction, whose verified PIN may be lost: then TransportError card_reset. No secret is ever sent twice.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/secret.h"
#include "protocol/key.h"
#include "protocol/piv.h"
#include "token/apdu.h"
#include "token/block_cipher.h"
#include "token/certificate_object.h"
#include "token/codes.h"
#include "token/error.h"
#include "token/scp03.h"
#include "token/status.h"
#include "transport/transport.h"

namespace sealkey::token {

struct PublicKey {
    protocol::Algorithm algorithm = protocol::Algorithm::none;
    ByteVector modulus;   // RSA, big-endian, no leading zero
    ByteVector exponent;  // RSA
    ByteVector point;     // EC, uncompressed: 04 || x || y
};

// RSA 81 82 or EC 86, as 7F49 wraps them. TokenError malformed_answer, with `action` said first.
[[nodiscard]] PublicKey parse_public_key(Bytes data, protocol::Algorithm algorithm, const std::string& action);

// GET METADATA of a key.
struct KeyMetadata {
    protocol::Algorithm algorithm = protocol::Algorithm::none;
    protocol::PinPolicy pin_policy = protocol::PinPolicy::standard;
    protocol::TouchPolicy touch_policy = protocol::TouchPolicy::standard;
    protocol::Origin origin = protocol::Origin::none;
    PublicKey public_key;               // empty for 9B
    std::optional<bool> default_value;  // 9B
};

struct RsaPrivateKey {
    ByteView p, q, dp, dq, qinv;
};

// Birth (protocol/key.h, initialise).
struct InitialValues {
    std::string serial;  // 12 characters
    protocol::Profile profile = protocol::Profile::shipping;
    std::uint32_t numeric_serial = 0;  // below 2^31
    std::uint8_t key_version = 1;
    ByteView unlock_key;  // 32; shipping profile only
    protocol::Algorithm management_algorithm = protocol::Algorithm::aes256;
    ByteView management_key;  // shipping profile only
    std::array<std::uint8_t, 16> guid{};
    std::array<std::uint8_t, protocol::kKddSize> kdd{};  // shipping profile only
};

using ResetProof = std::array<std::uint8_t, 16>;
// Called with bytes done and bytes in all while something long is read.
using Progress = std::function<void(std::size_t, std::size_t)>;

class Token {
public:
    explicit Token(std::unique_ptr<transport::Connection> connection) : connection_(std::move(connection)) {}
    Token(const Token&) = delete;
    Token& operator=(const Token&) = delete;
    virtual ~Token() = default;

    [[nodiscard]] transport::Connection& connection() { return *connection_; }

    // Exclusive use of the card across several calls: VERIFY with the PIN-always operation it is for.
    class Transaction {
    public:
        explicit Transaction(Token& token);
        ~Transaction();
        Transaction(const Transaction&) = delete;
        Transaction& operator=(const Transaction&) = delete;

    private:
        Token& token_;
    };

    // Whether this is a sealkey, and its status if so: SELECT and TOKEN STATUS, 2 APDUs at most (1 on a card without
    // PIV). Throws only TransportError.
    [[nodiscard]] std::optional<TokenStatus> recognise();
    // SELECT of the PIV application; not_a_sealkey if there is none. Called by the others when needed.
    void select();
    // Times the card's session was lost (reset by another program) since the start.
    [[nodiscard]] unsigned sessions_lost() const { return sessions_lost_; }

    // --- reading, no PIN ---
    [[nodiscard]] TokenStatus token_status();
    // The object's value: what stands in 53, or for the discovery object in 7E. not_found if absent or empty.
    [[nodiscard]] ByteVector read_object(std::uint32_t tag);
    [[nodiscard]] std::optional<ByteVector> find_object(std::uint32_t tag);
    // A part of the object's value; shorter at the end, empty past it.
    [[nodiscard]] ByteVector read_part(std::uint32_t tag, std::uint32_t offset, std::uint16_t length);
    // The whole value by parts, with progress; `length` from the token status.
    [[nodiscard]] ByteVector read_in_parts(std::uint32_t tag, std::uint32_t length, const Progress& progress);
    [[nodiscard]] ByteVector read_certificate(std::uint8_t slot);  // DER; not_found
    [[nodiscard]] std::optional<LockStatement> lock_statement();   // nothing unless locked
    [[nodiscard]] KeyMetadata metadata(std::uint8_t slot);         // not_found
    [[nodiscard]] std::uint32_t vendor_serial();
    [[nodiscard]] std::array<std::uint8_t, 3> vendor_version();

    // --- PIN; lengths are checked here first (bad_argument: nothing was sent, no try spent) ---
    void verify(ByteView pin);
    // VERIFY without data: tries left; locked.
    struct PinPresence {
        bool verified = false;
        bool blocked = false;
        std::optional<int> tries_left;  // when not verified
    };
    [[nodiscard]] PinPresence pin_presence();
    void logout();
    void change_pin(ByteView old_pin, ByteView new_pin);
    void change_puk(ByteView old_puk, ByteView new_puk);
    void unblock(ByteView puk, ByteView new_pin);
    // Reset or activation code with the new PIN; returns the proof for the CA.
    ResetProof redeem_code(const CodeDigits& code, ByteView new_pin);

    // --- keys ---
    // Raw private-key operation: RSA block of the modulus's size, or an ECDSA digest (answer: DER signature).
    [[nodiscard]] ByteVector sign(std::uint8_t slot, protocol::Algorithm algorithm, ByteView input);
    [[nodiscard]] ByteVector decrypt(std::uint8_t slot, protocol::Algorithm algorithm, ByteView block);
    // ECDH: x coordinate of the shared point; `point` uncompressed.
    [[nodiscard]] ByteVector derive(std::uint8_t slot, protocol::Algorithm algorithm, ByteView point);
    PublicKey generate(std::uint8_t slot, protocol::Algorithm algorithm,
                       protocol::PinPolicy pin_policy = protocol::PinPolicy::standard,
                       protocol::TouchPolicy touch_policy = protocol::TouchPolicy::standard);
    void import_rsa(std::uint8_t slot, protocol::Algorithm algorithm, const RsaPrivateKey& key,
                    protocol::PinPolicy pin_policy = protocol::PinPolicy::standard,
                    protocol::TouchPolicy touch_policy = protocol::TouchPolicy::standard);
    void import_ec(std::uint8_t slot, protocol::Algorithm algorithm, ByteView scalar,
                   protocol::PinPolicy pin_policy = protocol::PinPolicy::standard,
                   protocol::TouchPolicy touch_policy = protocol::TouchPolicy::standard);

    // The token's word on a key: a certificate by its attestation key (protocol/attestation.h), DER. As common clients
    // ask, or with the asker's nonce of kNonceSize bytes in it. not_found: no key there; not_allowed: the token says
    // nothing about it (brought, moved), or has no attestation key.
    [[nodiscard]] ByteVector attest(std::uint8_t slot);
    [[nodiscard]] ByteVector attest(std::uint8_t slot, ByteView nonce);

    // --- the secure channel ---
    // Opens one at level 33. From then on the commands that use, make, bring or write keys and objects, those that
    // carry a PIN or a code, and those of the bench below go through it; reading goes beside it. lying_token: the token
    // has other keys (or isn't one of ours); not_found: no set of this version. The crypto must outlive it.
    void open_channel(ChannelCrypto& crypto, const ChannelKeys& keys);
    // What would go through a channel that was lost (select(), a reset by another program) is refused with card_reset
    // until it is opened again or closed here: nothing secret ever goes plain instead.
    void close_channel();
    [[nodiscard]] bool channel_open() const { return channel_ != nullptr && channel_->open(); }
    [[nodiscard]] const CardIdentity& channel_identity() const { return channel_->card(); }
    // PUT KEY: through the channel that is open with `current`.
    void put_channel_keys(ChannelCrypto& crypto, const ChannelKeys& current, const ChannelKeys& next);
    // RESET: empties the token. Shipping: through the channel alone.
    void reset_applet();

    // --- the bench ---
    // Mutual authentication with the management key. lying_token if the token's own proof is wrong.
    void authenticate_management(BlockCipher& cipher);
    void set_management_key(protocol::Algorithm algorithm, ByteView key);
    void write_object(std::uint32_t tag, ByteView value);  // an empty value removes the object
    void write_certificate(std::uint8_t slot, ByteView der);
    void initialise(const InitialValues& values);
    void set_bench_pin(ByteView pin);
    void set_lifecycle(protocol::Lifecycle target);

    // Anything else: sends a command as it is, selected and in a transaction; any status word is the caller's.
    [[nodiscard]] Answer send(const Command& command);

private:
    enum class Repeat { yes, no };  // may the command be sent once more after a reset by another program?
    Answer run(const Command& command, Repeat repeat);
    Answer run_ok(const std::string& action, const Command& command, Repeat repeat = Repeat::yes,
                  Kind wrong_secret = Kind::wrong_pin);
    void present(const std::string& action, std::uint8_t ins, std::uint8_t reference, ByteView first, ByteView second,
                 Kind wrong_secret);
    ByteVector private_key_operation(const std::string& action, std::uint8_t slot, protocol::Algorithm algorithm,
                                     std::uint32_t tag, ByteView input);
    bool begin();  // true: the session was lost before
    void ensure_selected();
    void select_later();
    void session_lost();
    Answer exchange_once(const Command& command);
    void write_in_parts(std::uint32_t tag, ByteView value);

    std::unique_ptr<transport::Connection> connection_;
    bool selected_ = false;
    // SELECT has to be sent even to a card that has our ATR.
    bool select_by_name_ = false;
    std::unique_ptr<Scp03Session> channel_;
    bool channel_wanted_ = false;  // open_channel() was called, close_channel() wasn't
    int depth_ = 0;                // open Token::Transaction
    unsigned sessions_lost_ = 0;
};

}  // namespace sealkey::token
