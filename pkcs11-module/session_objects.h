// Session objects: made from a program's template, copied and changed. They live here and never reach the token.
#pragma once

#include "attribute_rules.h"
#include "objects.h"

namespace sealkey::pkcs11 {

// How a secret key comes to be; the templates differ.
enum class Making { create, generate, derive, unwrap };

// C_CreateObject: data, X.509 certificates, RSA and EC public keys, AES and generic secret keys.
// CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCOMPLETE,
// CKR_TEMPLATE_INCONSISTENT.
[[nodiscard]] std::shared_ptr<Object> create_object(std::span<const CK_ATTRIBUTE> given);

// A secret key of this value, whose type `type` is unless the template has another one. A derived one is cut to the
// template's CKA_VALUE_LEN. As above, and CKR_KEY_SIZE_RANGE.
[[nodiscard]] std::shared_ptr<Object> make_secret(std::span<const CK_ATTRIBUTE> given, Making how, ByteView value,
                                                  CK_KEY_TYPE type = CKK_GENERIC_SECRET,
                                                  CK_MECHANISM_TYPE generator = CK_UNAVAILABLE_INFORMATION);
// What make_secret() would say of a template whatever the value.
void check_secret_template(std::span<const CK_ATTRIBUTE> given);
// CKA_VALUE_LEN of a template; nothing if it has none.
[[nodiscard]] std::optional<std::size_t> length_in(std::span<const CK_ATTRIBUTE> given);

// CKR_ACTION_PROHIBITED if it isn't modifiable or copyable; CKR_ATTRIBUTE_READ_ONLY and those above. Nothing is changed
// unless everything is.
void change_object(Object& object, std::span<const CK_ATTRIBUTE> given);
[[nodiscard]] std::shared_ptr<Object> copy_object(Object& object, std::span<const CK_ATTRIBUTE> given);

}  // namespace sealkey::pkcs11
