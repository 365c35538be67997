// The manifest that publishes a renewal (protocol/renewal.h): read strictly, each value in its place and of its length.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/result.h"
#include "protocol/key.h"
#include "protocol/renewal.h"

namespace sealkey::applet {

struct Manifest {
    Bytes serial;
    Bytes rid;
    std::uint8_t roles = 0;  // role_bit, without `enveloped`
    Bytes certificates;      // 32 bytes for each role, in order
    std::optional<Bytes> seal, record, issuer;
    Bytes guid;
    Bytes signed_part;  // everything before the signature
    Bytes signature;
};

// Views `data`. invalid: anything but exactly this list.
[[nodiscard]] Result<Manifest> parse_manifest(Bytes data);

}  // namespace sealkey::applet
