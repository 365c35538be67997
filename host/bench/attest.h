// The bench's part of attestation: it gives a token its attestation key and device certificate, and believes no key
// that the token doesn't attest in answer to a question of now.
#pragma once

#include <string>

#include "bench/inventory.h"
#include "ca/attestation.h"
#include "ca/authority.h"
#include "ca/certificate.h"
#include "token/token.h"

namespace sealkey::bench {

// Makes F9 and its certificate where they aren't there yet, and puts right what an interruption left half done. The
// caller has the bench's authority in the transaction that is open. Throws CaError quality for a token whose F9 is
// certified by somebody else, policy for one whose device certificate is revoked.
void ensure_device_identity(token::Token& token, Inventory& inventory, const ca::Authority& authority,
                            EVP_PKEY* device_root_key, const TokenRow& row, const std::string& operator_name);

// What the bench asks of the key in a role, apart from whose it is.
[[nodiscard]] ca::AttestationOrder attestation_order(const ca::Authority& authority, const TokenRow& row, ca::Role role,
                                                     ca::ByteVector spki);

// Trust in the CA's device roots, but for what the inventory has revoked.
[[nodiscard]] ca::DeviceTrust device_trust(const ca::Authority& authority, Inventory& inventory);

// Asks the token for an attestation of the role's key, with a nonce of its own, and judges it. Throws
// AttestationRefused; the token not attesting it at all is Defect::imported. The evidence goes into the audit trail by
// note_attestation().
struct AttestedKey {
    ca::ByteVector nonce;
    ca::ByteVector attestation;  // DER
};
[[nodiscard]] AttestedKey require_attested(token::Token& token, const ca::DeviceTrust& trust,
                                           ca::AttestationOrder order);
void note_attestation(Inventory::Work& work, const TokenRow& row, ca::Role role, const AttestedKey& evidence);

}  // namespace sealkey::bench
