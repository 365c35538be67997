// Objects that the security officer makes and destroys on a token of the compatibility profile.
#pragma once

#include "card.h"
#include "mechanisms.h"

namespace sealkey::pkcs11 {

// The slot that a CKA_ID stands for. CKR_TEMPLATE_INCOMPLETE without one; CKR_ATTRIBUTE_VALUE_INVALID for another.
[[nodiscard]] std::uint8_t slot_in(std::span<const CK_ATTRIBUTE> given);

// C_CreateObject with CKA_TOKEN: an X.509 certificate, or an RSA or EC private key with its parts. The new object's
// handle. CKR_TEMPLATE_INCONSISTENT: an object of a class that the token can't keep.
[[nodiscard]] CK_OBJECT_HANDLE create_on_token(Card& card, std::span<const CK_ATTRIBUTE> given);
// CKR_ACTION_PROHIBITED: neither a certificate nor a key of a slot.
void destroy_on_token(Card& card, Object& object);

struct KeyPair {
    CK_OBJECT_HANDLE public_key;
    CK_OBJECT_HANDLE private_key;
};
// C_GenerateKeyPair.
[[nodiscard]] KeyPair generate_on_token(Card& card, const Mechanism& mechanism, std::span<const CK_ATTRIBUTE> publicly,
                                        std::span<const CK_ATTRIBUTE> privately);

}  // namespace sealkey::pkcs11
