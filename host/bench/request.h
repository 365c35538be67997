// Certificate requests signed by a key on the token.
#pragma once

#include "ca/openssl.h"
#include "token/token.h"

namespace sealkey::bench {

// The token's public key as OpenSSL has it. Throws CaError crypto for one that makes no sense.
[[nodiscard]] ca::PKey public_key_of(const token::PublicKey& key);

// PKCS#10 for the key in `slot`, with an empty subject (the CA takes the subject from the order), signed by the token
// with SHA-256. The caller has verified the PIN in the transaction that is open.
[[nodiscard]] ca::ByteVector make_request(token::Token& token, std::uint8_t slot, const token::PublicKey& key);

}  // namespace sealkey::bench
