// Attestation: the token's own word, signed by F9, on a key that it holds. An X.509 certificate, in the layout that
// common PIV clients know; docs/apdu.md, section 14.
#pragma once

#include "applet/commands.h"
#include "applet/state.h"
#include "iso7816/response.h"

namespace sealkey::applet {

// What is said about a key. Who the token is, is added.
struct Statement {
    std::uint8_t role;  // the slot it stands in, or is made for
    Algorithm algorithm;
    PinPolicy pin_policy;
    TouchPolicy touch_policy;
    Origin origin;
    Bytes public_key;              // as stored: what 7F49 wraps
    Bytes nonce;                   // of who asks; empty: none
    Bytes rid;                     // of the renewal that made the key; empty: none
    std::uint32_t generation = 0;  // renewals committed so far
};

// ATTEST, as common clients send it and as our own with a nonce.
[[nodiscard]] StatusWord run_attest(Core& core, const Attest& command, iso7816::Response& response);

// Signs the statement and answers the certificate. conditions_not_satisfied: there is no F9, or no certificate of it.
[[nodiscard]] StatusWord answer_attestation(Core& core, const Statement& statement, iso7816::Response& response);

// Whether this is a value for 5FFF01 that attestations can be made under: a certificate of F9's own key, uncompressed.
// 6985: there is no F9; 6A80: it isn't.
[[nodiscard]] StatusWord check_device_certificate(const Core& core, Bytes object_value);

}  // namespace sealkey::applet
