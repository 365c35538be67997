// Certificate requests signed by a key on the token.
#pragma once

#include "ca/request_builder.h"
#include "token/token.h"

namespace sealkey::bench {

using ca::public_key_of;

// PKCS#10 for the key in `slot`, with an empty subject (the CA takes the subject from the order), signed by the token
// with SHA-256. The caller has verified the PIN in the transaction that is open.
[[nodiscard]] ca::ByteVector make_request(token::Token& token, std::uint8_t slot, const token::PublicKey& key);

}  // namespace sealkey::bench
