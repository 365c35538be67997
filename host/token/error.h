// What a token client reports: one exception, named by what a caller can do about it.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "protocol/status_words.h"

namespace sealkey::token {

enum class Kind {
    wrong_pin,         // 63Cx on a PIN; tries_left() says how many remain, 0: locked now
    wrong_puk,         // 63Cx on the PUK
    wrong_code,        // 63Cx on a reset or activation code; 0: this lock event is burned, there is a new request code
    locked,            // 6983: no tries left on what was presented
    not_verified,      // 6982: the PIN (or the bench's authority) isn't there
    not_allowed,       // 6985: not in this state, or not in this profile
    bad_data,          // 6A80, 6A86, 6A88, 6700: the token refuses the data or the new PIN's choice
    bad_argument,      // refused here, before anything was sent: nothing was spent
    not_found,         // 6A82: no such object, key or certificate
    no_space,          // 6A84
    unsupported,       // 6A81, 6D00, 6E00
    not_a_sealkey,     // the card has no PIV application or doesn't know the token status
    lying_token,       // the token's proof of knowing a key is wrong, or its answer was changed on the way
    malformed_answer,  // an answer that breaks its format
    token_failure,     // 6F00, 6F01, 6581 and any other status word
};

class TokenError : public std::runtime_error {
public:
    TokenError(Kind kind, const std::string& what, protocol::StatusWord status_word = 0,
               std::optional<int> tries_left = std::nullopt)
        : std::runtime_error(what), kind_(kind), status_word_(status_word), tries_left_(tries_left) {}
    [[nodiscard]] Kind kind() const { return kind_; }
    [[nodiscard]] protocol::StatusWord status_word() const { return status_word_; }  // 0: none was received
    [[nodiscard]] std::optional<int> tries_left() const { return tries_left_; }

private:
    Kind kind_;
    protocol::StatusWord status_word_;
    std::optional<int> tries_left_;
};

// What a status word means for something that isn't a presentation of a secret.
[[nodiscard]] Kind kind_of(protocol::StatusWord status_word);
// The exception for a status word other than 9000; `action` is said first ("GET DATA 5FC105").
// `wrong_secret` is the kind that 63Cx stands for.
[[noreturn]] void throw_status(const std::string& action, protocol::StatusWord status_word,
                               Kind wrong_secret = Kind::wrong_pin);

}  // namespace sealkey::token
