// SCP03, the token's side, as a protocol object that knows neither store nor commands: keys in, session out
// (GlobalPlatform Amendment D 1.2, S8 mode).
//
// A life: begin() makes the session keys and the card's cryptogram; authenticate() checks the host's and opens the
// channel; then unwrap() and wrap() for each command, in turn. Whatever breaks the secure messaging closes it, and all
// of its keys are wiped.
#pragma once

#include <array>

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "iso7816/apdu.h"
#include "protocol/scp03.h"
#include "protocol/status_words.h"

namespace sealkey::channel {

using protocol::SecurityLevel;
using protocol::StatusWord;

// The three static keys, all of 16, 24 or 32 bytes.
struct Keys {
    Secret<32> enc;
    Secret<32> mac;
    Secret<32> dek;

    [[nodiscard]] bool valid() const {
        const std::size_t size = enc.size();
        return (size == 16 || size == 24 || size == 32) && mac.size() == size && dek.size() == size;
    }
    void clear() {
        enc.clear();
        mac.clear();
        dek.clear();
    }
};

using Challenge = std::array<std::uint8_t, protocol::kChallengeSize>;
using Cryptogram = std::array<std::uint8_t, protocol::kCryptogramSize>;

// Amendment D, 4.1.5: CMAC counter mode; `out` of at most 32 bytes. invalid: a length.
[[nodiscard]] Status derive(Bytes key, std::uint8_t constant, Bytes context, MutableBytes out);

// The pseudo-random card challenge (4.2.2.1) for a sequence counter(3) and the application's name.
[[nodiscard]] Result<Challenge> card_challenge(const Keys& keys, Bytes sequence_counter, Bytes aid);

// Key check value (6.2.4 of the same): the first 3 bytes of AES(key) over 16 times 01.
[[nodiscard]] Result<std::array<std::uint8_t, protocol::kKcvSize>> key_check_value(Bytes key);

class Scp03 {
public:
    Scp03() = default;
    Scp03(const Scp03&) = delete;
    Scp03& operator=(const Scp03&) = delete;

    // INITIALIZE UPDATE: a new session, whatever there was. invalid: the keys, or the host challenge's length.
    [[nodiscard]] Result<Cryptogram> begin(const Keys& keys, Bytes host_challenge, const Challenge& card_challenge);

    // EXTERNAL AUTHENTICATE, good for one attempt: 9000 and the channel is open; 6985 without begin(); 6A86 P1 P2; 6700
    // a length; 6300 the cryptogram or the MAC is wrong. Anything but 9000 closes.
    [[nodiscard]] StatusWord authenticate(const iso7816::Header& header, Bytes data);

    // A wrapped command: checks and takes off the MAC, deciphers in place. `header` is the command's own without the
    // chaining bit, `data` what came with it. Returns the length of the plain data at the start of `data`.
    // 6982: no channel, or a wrong MAC · 6988: too short for a MAC, not whole blocks, wrong padding. Both close.
    [[nodiscard]] Result<std::size_t, StatusWord> unwrap(const iso7816::Header& header, MutableBytes data);

    // Bytes that wrap() may add.
    static constexpr std::size_t kWrapRoom = 16 + protocol::kChannelMacSize;
    // The answer to the command last unwrapped: `size` bytes at the start of `buffer`, enciphered in place and followed
    // by the MAC as the level asks. Returns the length; 0 after an error, which goes bare. too_large: kWrapRoom isn't
    // there. A failure closes.
    [[nodiscard]] Result<std::size_t> wrap(StatusWord status, MutableBytes buffer, std::size_t size);

    void close();
    [[nodiscard]] bool open() const { return state_ == State::open; }
    [[nodiscard]] bool challenged() const { return state_ == State::challenged; }
    // none unless open
    [[nodiscard]] SecurityLevel level() const { return open() ? level_ : SecurityLevel::none; }

private:
    enum class State : std::uint8_t { closed, challenged, open };

    [[nodiscard]] Status make_session(const Keys& keys, Bytes context);
    [[nodiscard]] bool has(std::uint8_t bit) const { return (static_cast<std::uint8_t>(level_) & bit) != 0; }
    [[nodiscard]] bool mac_is_right(const iso7816::Header& header, Bytes data, Bytes mac);
    [[nodiscard]] Status initial_vector(bool response, std::array<std::uint8_t, 16>& out) const;
    [[nodiscard]] Result<std::size_t, StatusWord> decipher(MutableBytes data) const;
    [[nodiscard]] Result<std::size_t> encipher(MutableBytes buffer, std::size_t size) const;

    State state_ = State::closed;
    SecurityLevel level_ = SecurityLevel::none;
    Secret<32> encryption_;
    Secret<32> mac_;
    Secret<32> response_mac_;
    Secret<protocol::kCryptogramSize> host_cryptogram_;
    std::array<std::uint8_t, 16> chaining_{};  // the last command's whole MAC
    std::uint32_t counter_ = 0;                // of commands, for the initial vectors
};

}  // namespace sealkey::channel
