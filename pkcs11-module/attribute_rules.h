// Which attributes each kind of session object has, who may set them and when, and what they are if nobody does: one
// table. Objects on the token are described by what is on it (objects.cpp).
#pragma once

#include <span>

#include "cryptoki.h"

namespace sealkey::pkcs11 {

// Kinds of objects, as bits: a rule may be for several.
namespace kind {
inline constexpr unsigned data = 1;
inline constexpr unsigned certificate = 2;  // X.509
inline constexpr unsigned rsa_public = 4;
inline constexpr unsigned ec_public = 8;
inline constexpr unsigned secret = 16;  // AES, generic
inline constexpr unsigned public_keys = rsa_public | ec_public;
inline constexpr unsigned keys = public_keys | secret;
inline constexpr unsigned all = data | certificate | keys;
}  // namespace kind

// When a template may have it.
namespace when {
inline constexpr unsigned create = 1;  // C_CreateObject
inline constexpr unsigned needed = 2;  // C_CreateObject must have it
inline constexpr unsigned make = 4;    // C_GenerateKey, C_DeriveKey, C_UnwrapKey
inline constexpr unsigned change = 8;  // C_SetAttributeValue and C_CopyObject
inline constexpr unsigned copy = 16;   // C_CopyObject
inline constexpr unsigned raise = 32;  // once true, it stays
inline constexpr unsigned lower = 64;  // once false, it stays
}  // namespace when

enum class Form : unsigned char { flag, number, bytes, date, mechanisms };
enum class Default : unsigned char { absent, empty, no, yes, zero, unavailable };

struct AttributeRule {
    CK_ATTRIBUTE_TYPE type;
    const char* name;  // without CKA_
    unsigned kinds;
    Form form;
    unsigned when;
    Default otherwise;
};

[[nodiscard]] std::span<const AttributeRule> attribute_rules();
// nullptr: objects of that kind have no such attribute.
[[nodiscard]] const AttributeRule* attribute_rule(CK_ATTRIBUTE_TYPE type, unsigned kinds);
// CKR_ATTRIBUTE_VALUE_INVALID unless the value has the rule's form.
void require_form(const AttributeRule& rule, const CK_ATTRIBUTE& given);

// A template's values, checked: CKR_ATTRIBUTE_VALUE_INVALID.
[[nodiscard]] CK_ULONG number_in(const CK_ATTRIBUTE& attribute);
[[nodiscard]] bool flag_in(const CK_ATTRIBUTE& attribute);
[[nodiscard]] ByteView bytes_in(const CK_ATTRIBUTE& attribute);
// nullptr: not there. CKR_TEMPLATE_INCONSISTENT if it is there twice with two values.
[[nodiscard]] const CK_ATTRIBUTE* find_in(std::span<const CK_ATTRIBUTE> given, CK_ATTRIBUTE_TYPE type);

}  // namespace sealkey::pkcs11
