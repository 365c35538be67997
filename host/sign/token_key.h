// A signing key on the token.
#pragma once

#include <functional>
#include <optional>

#include "base/secret.h"
#include "sign/key.h"
#include "token/token.h"

namespace sealkey::sign {

// Asked when a signature is made, before the card is taken: presents the PIN by the returned function, which is called
// inside the transaction that signs.
using PinEntry = std::function<std::function<void(token::Token&)>()>;

class TokenKey : public SigningKey {
public:
    // Reads the slot's certificate, and the issuer's if it is on the key. Throws SignError no_certificate, TokenError.
    TokenKey(token::Token& token, std::uint8_t slot, PinEntry enter_pin);
    [[nodiscard]] const ByteVector& certificate() const override { return certificate_; }
    [[nodiscard]] const std::vector<ByteVector>& chain() const override { return chain_; }
    // One PIN, one signature, in one transaction; checked against the certificate before it is given away.
    // Throws TokenError, and SignError wrong_key, unsupported_key.
    [[nodiscard]] ByteVector sign(Bytes digest) override;

private:
    token::Token& token_;
    std::uint8_t slot_;
    PinEntry enter_pin_;
    ByteVector certificate_;
    std::vector<ByteVector> chain_;
};

// The seal on the key, if there is one. Throws SealError for one that can't be read, TokenError.
[[nodiscard]] std::optional<ByteVector> read_seal(
    token::Token& token, const token::Progress& progress = [](std::size_t, std::size_t) {});

}  // namespace sealkey::sign
