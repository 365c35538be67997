#include "session_objects.h"

#include <algorithm>
#include <string>

#include "base/bytes.h"
#include "symmetric.h"

namespace sealkey::pkcs11 {

namespace {

constexpr std::size_t kLongestSecret = 4096;

// --- kinds ---

unsigned kind_of_key(CK_OBJECT_CLASS object_class, CK_KEY_TYPE type) {
    if (object_class == CKO_SECRET_KEY && (type == CKK_AES || type == CKK_GENERIC_SECRET)) return kind::secret;
    if (object_class == CKO_PUBLIC_KEY && type == CKK_RSA) return kind::rsa_public;
    if (object_class == CKO_PUBLIC_KEY && type == CKK_EC) return kind::ec_public;
    refuse(CKR_ATTRIBUTE_VALUE_INVALID);
}

CK_ULONG needed_number(std::span<const CK_ATTRIBUTE> given, CK_ATTRIBUTE_TYPE type) {
    const CK_ATTRIBUTE* found = find_in(given, type);
    require(found != nullptr, CKR_TEMPLATE_INCOMPLETE);
    return number_in(*found);
}

unsigned kind_of_template(std::span<const CK_ATTRIBUTE> given) {
    const CK_OBJECT_CLASS object_class = needed_number(given, CKA_CLASS);
    switch (object_class) {
        case CKO_DATA:
            return kind::data;
        case CKO_CERTIFICATE:
            require(needed_number(given, CKA_CERTIFICATE_TYPE) == CKC_X_509, CKR_ATTRIBUTE_VALUE_INVALID);
            return kind::certificate;
        case CKO_PRIVATE_KEY:
            // Private keys live on the token.
            refuse(CKR_TEMPLATE_INCONSISTENT);
        case CKO_PUBLIC_KEY:
        case CKO_SECRET_KEY:
            return kind_of_key(object_class, needed_number(given, CKA_KEY_TYPE));
        default:
            refuse(CKR_ATTRIBUTE_VALUE_INVALID);
    }
}

unsigned kind_of_object(Object& object) {
    switch (object.object_class()) {
        case CKO_DATA:
            return kind::data;
        case CKO_CERTIFICATE:
            return kind::certificate;
        default:
            return kind_of_key(object.object_class(), object.key() ? object.key()->type : CKK_GENERIC_SECRET);
    }
}

// --- templates ---

bool flag_of(const AttributeMap& attributes, CK_ATTRIBUTE_TYPE type) {
    const ByteVector* value = attributes.find(type);
    return value != nullptr && *value == ByteVector{CK_TRUE};
}

// What every template must be; `moment` is the bit of `when` that it comes at.
void check_template(std::span<const CK_ATTRIBUTE> given, unsigned kinds, unsigned moment) {
    for (const CK_ATTRIBUTE& one : given) {
        const AttributeRule* rule = attribute_rule(one.type, kinds);
        require(rule != nullptr, CKR_ATTRIBUTE_TYPE_INVALID);
        // A value where it is computed contradicts the call; the rest is the module's own to set.
        const bool value = one.type == CKA_VALUE && moment == when::make;
        require((rule->when & moment) != 0, value ? CKR_TEMPLATE_INCONSISTENT : CKR_ATTRIBUTE_READ_ONLY);
        require_form(*rule, one);
        static_cast<void>(find_in(given, one.type));
        // Trust is the security officer's to give, who has no part in session objects.
        if (one.type == CKA_TRUSTED) require(!flag_in(one), CKR_ATTRIBUTE_READ_ONLY);
        if (one.type == CKA_TOKEN) require(!flag_in(one), CKR_TEMPLATE_INCONSISTENT);
    }
    if (moment != when::create) return;
    for (const AttributeRule& rule : attribute_rules()) {
        if ((rule.kinds & kinds) == 0 || (rule.when & when::needed) == 0) continue;
        require(find_in(given, rule.type) != nullptr, CKR_TEMPLATE_INCOMPLETE);
    }
}

void set_default(AttributeMap& attributes, const AttributeRule& rule) {
    switch (rule.otherwise) {
        case Default::absent:
            return;
        case Default::empty:
            attributes.set(rule.type, {});
            return;
        case Default::no:
        case Default::yes:
            attributes.set_flag(rule.type, rule.otherwise == Default::yes);
            return;
        case Default::zero:
        case Default::unavailable:
            attributes.set_number(rule.type, rule.otherwise == Default::zero ? 0 : CK_UNAVAILABLE_INFORMATION);
            return;
    }
}

std::string new_unique_id() {
    // Random: the same process may load the module twice, and no two processes share these objects.
    std::array<std::uint8_t, 16> bytes{};
    random_bytes(bytes);
    return hex_text(bytes);
}

std::shared_ptr<Object> new_object(CK_OBJECT_CLASS object_class, unsigned kinds, std::span<const CK_ATTRIBUTE> given) {
    const CK_ATTRIBUTE* wish = find_in(given, CKA_PRIVATE);
    auto object = std::make_shared<Object>(object_class, wish != nullptr && flag_in(*wish));
    AttributeMap& attributes = object->attributes();
    for (const AttributeRule& rule : attribute_rules()) {
        const bool ours = (rule.kinds & kinds) != 0 && rule.type != CKA_CLASS && rule.type != CKA_PRIVATE;
        if (ours) set_default(attributes, rule);
    }
    for (const CK_ATTRIBUTE& one : given) attributes.set(one.type, bytes_in(one));
    attributes.set_text(CKA_UNIQUE_ID, new_unique_id());
    return object;
}

// --- kinds of their own ---

void complete_certificate(Object& object) {
    AttributeMap& attributes = object.attributes();
    const ByteVector check = digest(Hash::sha1, *attributes.find(CKA_VALUE));
    const ByteView first = ByteView(check).first(3);
    const ByteVector* given = attributes.find(CKA_CHECK_VALUE);
    require(given == nullptr || given->empty() || equal(*given, first), CKR_ATTRIBUTE_VALUE_INVALID);
    attributes.set(CKA_CHECK_VALUE, first);
}

ByteView without_zeros(ByteView number) {
    while (number.size() > 1 && number[0] == 0) number = number.subspan(1);
    return number;
}

void complete_public_key(Object& object, bool rsa) {
    AttributeMap& attributes = object.attributes();
    auto host = std::make_shared<HostKey>();
    Key key;
    if (rsa) {
        const ByteView modulus = without_zeros(*attributes.find(CKA_MODULUS));
        const ByteView exponent = without_zeros(*attributes.find(CKA_PUBLIC_EXPONENT));
        key.algorithm = rsa_algorithm(modulus.size() * 8);
        const bool odd = !modulus.empty() && (modulus.back() & 1) != 0 && (modulus[0] & 0x80) != 0;
        const bool sound = key.algorithm != nullptr && odd && !exponent.empty() && (exponent.back() & 1) != 0;
        require(sound && exponent.size() <= 8, CKR_ATTRIBUTE_VALUE_INVALID);
        host->parts.modulus.assign(modulus.begin(), modulus.end());
        host->parts.exponent.assign(exponent.begin(), exponent.end());
        attributes.set_number(CKA_MODULUS_BITS, key.algorithm->bits);
    } else {
        key.algorithm = ec_algorithm(*attributes.find(CKA_EC_PARAMS));
        require(key.algorithm != nullptr, CKR_CURVE_NOT_SUPPORTED);
        // Bare, or wrapped in an OCTET STRING as the standard has it: kept so.
        const ByteView point = unwrap_point(*attributes.find(CKA_EC_POINT));
        const bool sound = point.size() == 2 * key.algorithm->bytes() + 1 && point[0] == 0x04;
        require(sound, CKR_ATTRIBUTE_VALUE_INVALID);
        host->parts.point.assign(point.begin(), point.end());
        attributes.set(CKA_EC_POINT, octet_string(host->parts.point));
    }
    host->parts.info = public_key_info(host->parts, key.algorithm->ec_params);
    attributes.set(CKA_PUBLIC_KEY_INFO, host->parts.info);
    key.type = key.algorithm->type;
    key.host = std::move(host);
    object.set_key(std::move(key));
}

// PKCS#11 2.40, 4.10.2: of an AES key, a block of zeros encrypted; of a generic secret, its SHA-1.
ByteVector secret_check_value(CK_KEY_TYPE type, ByteView value) {
    ByteVector whole;
    if (type == CKK_AES) {
        BlockStream ecb(find_mechanism(CKM_AES_ECB, CKF_ENCRYPT), {CKM_AES_ECB, nullptr, 0}, value, true);
        whole = ecb.update(ByteVector(kAesBlock, 0));
    } else {
        whole = digest(Hash::sha1, value);
    }
    whole.resize(3);
    return whole;
}

void hide_secret(Object& object) {
    const AttributeMap& attributes = object.attributes();
    const bool shown = !flag_of(attributes, CKA_SENSITIVE) && flag_of(attributes, CKA_EXTRACTABLE);
    object.hide(shown ? std::set<CK_ATTRIBUTE_TYPE>{} : std::set<CK_ATTRIBUTE_TYPE>{CKA_VALUE});
}

void complete_secret(Object& object, CK_KEY_TYPE type, ByteView value) {
    AttributeMap& attributes = object.attributes();
    const ByteVector check = secret_check_value(type, value);
    const ByteVector* given = attributes.find(CKA_CHECK_VALUE);
    require(given == nullptr || given->empty() || *given == check, CKR_ATTRIBUTE_VALUE_INVALID);
    attributes.set(CKA_CHECK_VALUE, check).set_number(CKA_VALUE_LEN, value.size()).set(CKA_VALUE, value);
    attributes.set_number(CKA_KEY_TYPE, type).set_number(CKA_CLASS, CKO_SECRET_KEY);
    auto host = std::make_shared<HostKey>();
    host->secret.assign(value.begin(), value.end());
    Key key;
    key.type = type;
    key.host = std::move(host);
    object.set_key(std::move(key));
    hide_secret(object);
}

bool size_fits(CK_KEY_TYPE type, std::size_t size) {
    if (type == CKK_AES) return size == 16 || size == 24 || size == 32;
    return size > 0 && size <= kLongestSecret;
}

}  // namespace

std::shared_ptr<Object> create_object(std::span<const CK_ATTRIBUTE> given) {
    const unsigned kinds = kind_of_template(given);
    check_template(given, kinds, when::create);
    auto object = new_object(needed_number(given, CKA_CLASS), kinds, given);
    if (kinds == kind::certificate) complete_certificate(*object);
    if ((kinds & kind::public_keys) != 0) complete_public_key(*object, kinds == kind::rsa_public);
    if (kinds == kind::secret) {
        const CK_KEY_TYPE type = needed_number(given, CKA_KEY_TYPE);
        const ByteView value = bytes_in(*find_in(given, CKA_VALUE));
        require(size_fits(type, value.size()), CKR_ATTRIBUTE_VALUE_INVALID);
        complete_secret(*object, type, value);
    }
    return object;
}

std::optional<std::size_t> length_in(std::span<const CK_ATTRIBUTE> given) {
    const CK_ATTRIBUTE* found = find_in(given, CKA_VALUE_LEN);
    if (found == nullptr) return std::nullopt;
    return number_in(*found);
}

void check_secret_template(std::span<const CK_ATTRIBUTE> given) {
    const CK_ATTRIBUTE* object_class = find_in(given, CKA_CLASS);
    require(object_class == nullptr || number_in(*object_class) == CKO_SECRET_KEY, CKR_TEMPLATE_INCONSISTENT);
    const CK_ATTRIBUTE* type = find_in(given, CKA_KEY_TYPE);
    const bool known = type == nullptr || number_in(*type) == CKK_GENERIC_SECRET || number_in(*type) == CKK_AES;
    require(known, CKR_TEMPLATE_INCONSISTENT);
    check_template(given, kind::secret, when::make);
}

std::shared_ptr<Object> make_secret(std::span<const CK_ATTRIBUTE> given, Making how, ByteView value, CK_KEY_TYPE type,
                                    CK_MECHANISM_TYPE generator) {
    check_secret_template(given);
    const CK_ATTRIBUTE* named = find_in(given, CKA_KEY_TYPE);
    const bool generated = how == Making::generate;
    if (named != nullptr && generated) require(number_in(*named) == type, CKR_TEMPLATE_INCONSISTENT);
    if (named != nullptr) type = number_in(*named);
    const std::size_t length = length_in(given).value_or(value.size());
    if (how == Making::unwrap) require(length == value.size(), CKR_TEMPLATE_INCONSISTENT);
    require(length <= value.size() && size_fits(type, length), CKR_KEY_SIZE_RANGE);

    auto object = new_object(CKO_SECRET_KEY, kind::secret, given);
    // PKCS#11 2.40 mechanisms, 2.3.8: a shorter key is cut from the leading end.
    complete_secret(*object, type, value.last(length));
    AttributeMap& attributes = object->attributes();
    attributes.set_flag(CKA_LOCAL, generated).set_number(CKA_KEY_GEN_MECHANISM, generator);
    attributes.set_flag(CKA_ALWAYS_SENSITIVE, generated && flag_of(attributes, CKA_SENSITIVE));
    attributes.set_flag(CKA_NEVER_EXTRACTABLE, generated && !flag_of(attributes, CKA_EXTRACTABLE));
    return object;
}

// --- changes ---

namespace {

void check_changes(Object& object, std::span<const CK_ATTRIBUTE> given, unsigned moments) {
    const unsigned kinds = kind_of_object(object);
    for (const CK_ATTRIBUTE& one : given) {
        const AttributeRule* rule = attribute_rule(one.type, kinds);
        require(rule != nullptr, CKR_ATTRIBUTE_TYPE_INVALID);
        require((rule->when & moments) != 0, CKR_ATTRIBUTE_READ_ONLY);
        require_form(*rule, one);
        static_cast<void>(find_in(given, one.type));
        if (one.type == CKA_TOKEN) require(!flag_in(one), CKR_TEMPLATE_INCONSISTENT);
        if (rule->form != Form::flag) continue;
        const bool now = flag_of(object.attributes(), one.type);
        if ((rule->when & when::raise) != 0) require(flag_in(one) || !now, CKR_ATTRIBUTE_READ_ONLY);
        if ((rule->when & when::lower) != 0) require(!flag_in(one) || now, CKR_ATTRIBUTE_READ_ONLY);
    }
}

}  // namespace

void change_object(Object& object, std::span<const CK_ATTRIBUTE> given) {
    require(flag_of(object.attributes(), CKA_MODIFIABLE), CKR_ACTION_PROHIBITED);
    check_changes(object, given, when::change);
    for (const CK_ATTRIBUTE& one : given) object.attributes().set(one.type, bytes_in(one));
    if (object.object_class() == CKO_SECRET_KEY) hide_secret(object);
}

std::shared_ptr<Object> copy_object(Object& object, std::span<const CK_ATTRIBUTE> given) {
    require(flag_of(object.attributes(), CKA_COPYABLE), CKR_ACTION_PROHIBITED);
    check_changes(object, given, when::change | when::copy);
    const CK_ATTRIBUTE* wish = find_in(given, CKA_PRIVATE);
    const bool is_private = wish != nullptr ? flag_in(*wish) : object.is_private();
    require(is_private || !object.is_private(), CKR_TEMPLATE_INCONSISTENT);
    auto copy = std::make_shared<Object>(object.object_class(), is_private);
    copy->attributes() = object.attributes();
    for (const CK_ATTRIBUTE& one : given) copy->attributes().set(one.type, bytes_in(one));
    copy->attributes().set_flag(CKA_PRIVATE, is_private).set_text(CKA_UNIQUE_ID, new_unique_id());
    if (object.key()) copy->set_key(*object.key());
    if (object.object_class() == CKO_SECRET_KEY) hide_secret(*copy);
    return copy;
}

}  // namespace sealkey::pkcs11
