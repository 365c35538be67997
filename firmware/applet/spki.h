// A key's SubjectPublicKeyInfo (RFC 5280 4.1.2.7; RFC 3279, RFC 5480), from the form in which public keys are stored.
#pragma once

#include "applet/key_store.h"
#include "base/der.h"

namespace sealkey::applet {

// Of RSA-4096.
inline constexpr std::size_t kMaxSpki = 550;

// Writes it in front of what stands in the writer. invalid: `public_key` isn't one of this algorithm as stored.
[[nodiscard]] Status put_spki(DerWriter& writer, Algorithm algorithm, Bytes public_key);

// Whether `spki` is exactly that of this key: the only form of it that is taken.
[[nodiscard]] bool is_spki_of(Bytes spki, Algorithm algorithm, Bytes public_key);

}  // namespace sealkey::applet
