#include "attribute_rules.h"

#include <cstring>

#include "base/bytes.h"

namespace sealkey::pkcs11 {

namespace {

constexpr unsigned kAlways = when::create | when::make | when::change;
constexpr unsigned kAtBirth = when::create | when::make | when::copy;
constexpr unsigned kGiven = when::create | when::needed;
constexpr unsigned kOurs = 0;  // computed here, in no template

#define SEALKEY_ATTRIBUTE(name) CKA_##name, #name
constexpr AttributeRule kRules[] = {
    {SEALKEY_ATTRIBUTE(CLASS), kind::all, Form::number, kGiven | when::make, Default::absent},
    {SEALKEY_ATTRIBUTE(TOKEN), kind::all, Form::flag, kAtBirth, Default::no},
    {SEALKEY_ATTRIBUTE(PRIVATE), kind::all, Form::flag, kAtBirth, Default::no},
    {SEALKEY_ATTRIBUTE(MODIFIABLE), kind::all, Form::flag, kAtBirth, Default::yes},
    {SEALKEY_ATTRIBUTE(COPYABLE), kind::all, Form::flag, kAlways | when::lower, Default::yes},
    {SEALKEY_ATTRIBUTE(DESTROYABLE), kind::all, Form::flag, kAtBirth, Default::yes},
    {SEALKEY_ATTRIBUTE(LABEL), kind::all, Form::bytes, kAlways, Default::empty},
    {SEALKEY_ATTRIBUTE(UNIQUE_ID), kind::all, Form::bytes, kOurs, Default::absent},

    {SEALKEY_ATTRIBUTE(APPLICATION), kind::data, Form::bytes, when::create | when::change, Default::empty},
    {SEALKEY_ATTRIBUTE(OBJECT_ID), kind::data, Form::bytes, when::create | when::change, Default::empty},
    {SEALKEY_ATTRIBUTE(VALUE), kind::data, Form::bytes, when::create | when::change, Default::empty},

    {SEALKEY_ATTRIBUTE(CERTIFICATE_TYPE), kind::certificate, Form::number, kGiven, Default::absent},
    {SEALKEY_ATTRIBUTE(SUBJECT), kind::certificate, Form::bytes, kGiven, Default::absent},
    {SEALKEY_ATTRIBUTE(VALUE), kind::certificate, Form::bytes, kGiven, Default::absent},
    {SEALKEY_ATTRIBUTE(ID), kind::certificate, Form::bytes, when::create | when::change, Default::empty},
    {SEALKEY_ATTRIBUTE(ISSUER), kind::certificate, Form::bytes, when::create | when::change, Default::empty},
    {SEALKEY_ATTRIBUTE(SERIAL_NUMBER), kind::certificate, Form::bytes, when::create | when::change, Default::empty},
    {SEALKEY_ATTRIBUTE(CERTIFICATE_CATEGORY), kind::certificate, Form::number, when::create, Default::zero},
    {SEALKEY_ATTRIBUTE(CHECK_VALUE), kind::certificate, Form::bytes, when::create, Default::absent},
    {SEALKEY_ATTRIBUTE(START_DATE), kind::certificate, Form::date, when::create, Default::empty},
    {SEALKEY_ATTRIBUTE(END_DATE), kind::certificate, Form::date, when::create, Default::empty},
    {SEALKEY_ATTRIBUTE(PUBLIC_KEY_INFO), kind::certificate, Form::bytes, when::create, Default::empty},
    {SEALKEY_ATTRIBUTE(URL), kind::certificate, Form::bytes, when::create, Default::empty},
    {SEALKEY_ATTRIBUTE(HASH_OF_SUBJECT_PUBLIC_KEY), kind::certificate, Form::bytes, when::create, Default::empty},
    {SEALKEY_ATTRIBUTE(HASH_OF_ISSUER_PUBLIC_KEY), kind::certificate, Form::bytes, when::create, Default::empty},
    {SEALKEY_ATTRIBUTE(JAVA_MIDP_SECURITY_DOMAIN), kind::certificate, Form::number, when::create, Default::zero},

    {SEALKEY_ATTRIBUTE(KEY_TYPE), kind::keys, Form::number, kGiven | when::make, Default::absent},
    {SEALKEY_ATTRIBUTE(ID), kind::keys, Form::bytes, kAlways, Default::empty},
    {SEALKEY_ATTRIBUTE(START_DATE), kind::keys, Form::date, kAlways, Default::empty},
    {SEALKEY_ATTRIBUTE(END_DATE), kind::keys, Form::date, kAlways, Default::empty},
    {SEALKEY_ATTRIBUTE(DERIVE), kind::keys, Form::flag, kAlways, Default::no},
    {SEALKEY_ATTRIBUTE(LOCAL), kind::keys, Form::flag, kOurs, Default::no},
    {SEALKEY_ATTRIBUTE(KEY_GEN_MECHANISM), kind::keys, Form::number, kOurs, Default::unavailable},
    {SEALKEY_ATTRIBUTE(ALLOWED_MECHANISMS), kind::keys, Form::mechanisms, when::create | when::make, Default::absent},
    {SEALKEY_ATTRIBUTE(TRUSTED), kind::keys | kind::certificate, Form::flag, when::create | when::make, Default::no},

    {SEALKEY_ATTRIBUTE(SUBJECT), kind::public_keys, Form::bytes, when::create | when::change, Default::empty},
    {SEALKEY_ATTRIBUTE(VERIFY), kind::public_keys, Form::flag, when::create | when::change, Default::yes},
    {SEALKEY_ATTRIBUTE(VERIFY_RECOVER), kind::rsa_public, Form::flag, when::create | when::change, Default::yes},
    {SEALKEY_ATTRIBUTE(ENCRYPT), kind::rsa_public, Form::flag, when::create | when::change, Default::yes},
    {SEALKEY_ATTRIBUTE(WRAP), kind::rsa_public, Form::flag, when::create | when::change, Default::yes},
    {SEALKEY_ATTRIBUTE(VERIFY_RECOVER), kind::ec_public, Form::flag, when::create | when::change, Default::no},
    {SEALKEY_ATTRIBUTE(ENCRYPT), kind::ec_public, Form::flag, when::create | when::change, Default::no},
    {SEALKEY_ATTRIBUTE(WRAP), kind::ec_public, Form::flag, when::create | when::change, Default::no},
    {SEALKEY_ATTRIBUTE(PUBLIC_KEY_INFO), kind::public_keys, Form::bytes, kOurs, Default::absent},
    {SEALKEY_ATTRIBUTE(MODULUS), kind::rsa_public, Form::bytes, kGiven, Default::absent},
    {SEALKEY_ATTRIBUTE(PUBLIC_EXPONENT), kind::rsa_public, Form::bytes, kGiven, Default::absent},
    {SEALKEY_ATTRIBUTE(MODULUS_BITS), kind::rsa_public, Form::number, kOurs, Default::absent},
    {SEALKEY_ATTRIBUTE(EC_PARAMS), kind::ec_public, Form::bytes, kGiven, Default::absent},
    {SEALKEY_ATTRIBUTE(EC_POINT), kind::ec_public, Form::bytes, kGiven, Default::absent},

    {SEALKEY_ATTRIBUTE(SENSITIVE), kind::secret, Form::flag, kAlways | when::raise, Default::no},
    {SEALKEY_ATTRIBUTE(EXTRACTABLE), kind::secret, Form::flag, kAlways | when::lower, Default::yes},
    {SEALKEY_ATTRIBUTE(ENCRYPT), kind::secret, Form::flag, kAlways, Default::yes},
    {SEALKEY_ATTRIBUTE(DECRYPT), kind::secret, Form::flag, kAlways, Default::yes},
    {SEALKEY_ATTRIBUTE(SIGN), kind::secret, Form::flag, kAlways, Default::yes},
    {SEALKEY_ATTRIBUTE(VERIFY), kind::secret, Form::flag, kAlways, Default::yes},
    {SEALKEY_ATTRIBUTE(WRAP), kind::secret, Form::flag, kAlways, Default::yes},
    {SEALKEY_ATTRIBUTE(UNWRAP), kind::secret, Form::flag, kAlways, Default::yes},
    {SEALKEY_ATTRIBUTE(WRAP_WITH_TRUSTED), kind::secret, Form::flag, kAlways | when::raise, Default::no},
    {SEALKEY_ATTRIBUTE(ALWAYS_SENSITIVE), kind::secret, Form::flag, kOurs, Default::no},
    {SEALKEY_ATTRIBUTE(NEVER_EXTRACTABLE), kind::secret, Form::flag, kOurs, Default::no},
    {SEALKEY_ATTRIBUTE(CHECK_VALUE), kind::secret, Form::bytes, when::create | when::make, Default::absent},
    {SEALKEY_ATTRIBUTE(VALUE), kind::secret, Form::bytes, kGiven, Default::absent},
    {SEALKEY_ATTRIBUTE(VALUE_LEN), kind::secret, Form::number, when::make, Default::absent},
};

}  // namespace

std::span<const AttributeRule> attribute_rules() { return kRules; }

const AttributeRule* attribute_rule(CK_ATTRIBUTE_TYPE type, unsigned kinds) {
    for (const AttributeRule& rule : kRules) {
        if (rule.type == type && (rule.kinds & kinds) != 0) return &rule;
    }
    return nullptr;
}

void require_form(const AttributeRule& rule, const CK_ATTRIBUTE& given) {
    const ByteView value = bytes_in(given);
    bool sound = true;
    switch (rule.form) {
        case Form::flag:
            sound = value.size() == sizeof(CK_BBOOL) && value[0] <= CK_TRUE;
            break;
        case Form::number:
            sound = value.size() == sizeof(CK_ULONG);
            break;
        case Form::date:
            sound = value.empty() || value.size() == sizeof(CK_DATE);
            break;
        case Form::mechanisms:
            sound = value.size() % sizeof(CK_MECHANISM_TYPE) == 0;
            break;
        case Form::bytes:
            break;
    }
    require(sound, CKR_ATTRIBUTE_VALUE_INVALID);
}

CK_ULONG number_in(const CK_ATTRIBUTE& attribute) {
    require(attribute.pValue != nullptr && attribute.ulValueLen == sizeof(CK_ULONG), CKR_ATTRIBUTE_VALUE_INVALID);
    CK_ULONG value = 0;
    std::memcpy(&value, attribute.pValue, sizeof(value));
    return value;
}

bool flag_in(const CK_ATTRIBUTE& attribute) {
    require(attribute.pValue != nullptr && attribute.ulValueLen == sizeof(CK_BBOOL), CKR_ATTRIBUTE_VALUE_INVALID);
    return *static_cast<const CK_BBOOL*>(attribute.pValue) != CK_FALSE;
}

ByteView bytes_in(const CK_ATTRIBUTE& attribute) {
    // No value of ours is longer than a seal; a length of ~0 is CK_UNAVAILABLE_INFORMATION.
    constexpr CK_ULONG kLongest = 1UL << 24;
    const bool there = attribute.pValue != nullptr || attribute.ulValueLen == 0;
    require(there && attribute.ulValueLen <= kLongest, CKR_ATTRIBUTE_VALUE_INVALID);
    return {static_cast<const std::uint8_t*>(attribute.pValue), attribute.ulValueLen};
}

const CK_ATTRIBUTE* find_in(std::span<const CK_ATTRIBUTE> given, CK_ATTRIBUTE_TYPE type) {
    const CK_ATTRIBUTE* found = nullptr;
    for (const CK_ATTRIBUTE& one : given) {
        if (one.type != type) continue;
        const bool same = found == nullptr || equal(bytes_in(*found), bytes_in(one));
        require(same, CKR_TEMPLATE_INCONSISTENT);
        found = &one;
    }
    return found;
}

}  // namespace sealkey::pkcs11
