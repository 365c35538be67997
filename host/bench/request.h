// Certificate requests signed by a key on the token.
#pragma once

#include "ca/request_builder.h"
#include "token/token.h"

namespace sealkey::bench {

using ca::public_key_of;

// PKCS#10 for the key in `slot`, with an empty subject (the CA takes the subject from the order), signed by the token
// with SHA-256. The caller has verified the PIN in the transaction that is open.
[[nodiscard]] ca::ByteVector make_request(token::Token& token, std::uint8_t slot, const token::PublicKey& key);

// A SHA-256 as the token wants it for the bare RSA operation: EMSA-PKCS1-v1_5 (RFC 8017 9.2), `size` bytes.
[[nodiscard]] ca::ByteVector padded_for_rsa(Bytes hash, std::size_t size);

}  // namespace sealkey::bench
