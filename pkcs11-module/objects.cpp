#include "objects.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#include "base/bytes.h"
#include "hash.h"
#include "mechanisms.h"
#include "protocol/piv.h"
#include "token/certificate_object.h"
#include "token/error.h"

namespace sealkey::pkcs11 {

namespace {

using protocol::PinPolicy;
namespace ref = protocol::ref;

struct Role {
    std::uint8_t slot;
    std::uint8_t id;  // CKA_ID, as other PIV modules number them
    const char* label;
};
constexpr Role kRoles[] = {
    {ref::authentication, 1, "Login"},
    {ref::signature, 2, "Signature"},
    {ref::key_management, 3, "Decryption"},
    {ref::card_authentication, 4, "Device"},
};
constexpr std::uint8_t kFirstRetiredId = 5;
constexpr std::uint8_t kIssuerId = 0x40;

std::string label_of(std::uint8_t slot) {
    for (const Role& role : kRoles) {
        if (role.slot == slot) return role.label;
    }
    return "Former decryption " + std::to_string(slot - ref::retired_first + 1);
}

std::uint8_t id_of(std::uint8_t slot) {
    for (const Role& role : kRoles) {
        if (role.slot == slot) return role.id;
    }
    return static_cast<std::uint8_t>(kFirstRetiredId + (slot - ref::retired_first));
}

// F9 is the bench's matter, 9B no key of PKCS#11's kind.
bool is_shown(std::uint8_t slot) {
    const bool retired = slot >= ref::retired_first && slot <= ref::retired_last;
    return retired || std::any_of(std::begin(kRoles), std::end(kRoles), [&](const Role& r) { return r.slot == slot; });
}

Key key_of(const token::SlotInfo& slot) {
    Key key;
    key.slot = slot.slot;
    key.check = slot.key_check;
    key.algorithm = key_algorithm(slot.algorithm);
    if (key.algorithm != nullptr) key.type = key.algorithm->type;
    PinPolicy policy = slot.pin_policy;
    if (policy == PinPolicy::standard) {
        policy = slot.slot == ref::signature             ? PinPolicy::always
                 : slot.slot == ref::card_authentication ? PinPolicy::never
                                                         : PinPolicy::once;
    }
    key.pin_always = policy == PinPolicy::always;
    key.pin_never = policy == PinPolicy::never;
    return key;
}

std::string identity_of(const char* kind, std::uint32_t number, ByteView fingerprint) {
    std::string identity = kind;
    identity += std::to_string(number) + ":";
    identity.append(fingerprint.begin(), fingerprint.end());
    return identity;
}

void set_common(AttributeMap& attributes, const std::string& label) {
    attributes.set_flag(CKA_TOKEN, true).set_text(CKA_LABEL, label);
    attributes.set_flag(CKA_MODIFIABLE, false).set_flag(CKA_COPYABLE, false).set_flag(CKA_DESTROYABLE, false);
}

// --- certificates ---

void set_certificate(AttributeMap& attributes, const Certificate* certificate) {
    if (certificate == nullptr) return;
    attributes.set(CKA_VALUE, certificate->der).set(CKA_SUBJECT, certificate->subject);
    attributes.set(CKA_ISSUER, certificate->issuer).set(CKA_SERIAL_NUMBER, certificate->serial_number);
    attributes.set_date(CKA_START_DATE, certificate->start_date).set_date(CKA_END_DATE, certificate->end_date);
    attributes.set(CKA_PUBLIC_KEY_INFO, certificate->key.info);
    attributes.set(CKA_CHECK_VALUE, ByteView(digest(Hash::sha1, certificate->der)).first(3));
}

std::shared_ptr<Object> new_certificate(const std::string& label, CK_ULONG category) {
    auto object = std::make_shared<Object>(CKO_CERTIFICATE, false);
    AttributeMap& attributes = object->attributes();
    set_common(attributes, label);
    attributes.set_number(CKA_CERTIFICATE_TYPE, CKC_X_509);
    attributes.set_number(CKA_CERTIFICATE_CATEGORY, category).set_flag(CKA_TRUSTED, false).set_text(CKA_URL, "");
    attributes.set(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, {}).set(CKA_HASH_OF_ISSUER_PUBLIC_KEY, {});
    attributes.set_number(CKA_JAVA_MIDP_SECURITY_DOMAIN, 0);
    return object;
}

const std::set<CK_ATTRIBUTE_TYPE>& certificate_types() {
    // Never destroyed: nothing of this module runs at exit.
    static const auto* types =
        new std::set<CK_ATTRIBUTE_TYPE>{CKA_VALUE,      CKA_SUBJECT,  CKA_ISSUER,          CKA_SERIAL_NUMBER,
                                        CKA_START_DATE, CKA_END_DATE, CKA_PUBLIC_KEY_INFO, CKA_CHECK_VALUE};
    return *types;
}

std::shared_ptr<Object> certificate_object(const token::SlotInfo& slot, Material& material) {
    constexpr CK_ULONG kTokenUser = 1;
    auto object = new_certificate(label_of(slot.slot), kTokenUser);
    const std::uint8_t id = id_of(slot.slot);
    // CKA_ID pairs it with the private key, and programs (NSS) sign by that alone. The certificate of another key, left
    // by an import, has none: it can be seen, and nobody signs in its name. Nor has one that no certificate is in.
    auto types = certificate_types();
    types.insert(CKA_ID);
    object->expect(CKA_ID, {&id, 1});
    object->read_later(types, [slot, id, &material](AttributeMap& attributes) {
        const auto certificate = material.certificate(slot);
        set_certificate(attributes, certificate.get());
        const bool paired = certificate != nullptr && (!slot.has_key() || is_of_key(*certificate, slot));
        attributes.set(CKA_ID, {&id, paired ? 1U : 0U});
    });
    return object;
}

std::shared_ptr<Object> issuer_object(const token::ObjectInfo& info, Material& material) {
    constexpr CK_ULONG kAuthority = 2;
    auto object = new_certificate("Issuer", kAuthority);
    object->attributes().set(CKA_ID, {&kIssuerId, 1});
    object->read_later(certificate_types(), [info, &material](AttributeMap& attributes) {
        ByteVector der = material.data(info);
        constexpr std::uint8_t kSequence = 0x30;
        if (!der.empty() && der[0] != kSequence) der = token::certificate_of_object(der);
        const auto certificate = parse_certificate(der);
        set_certificate(attributes, certificate ? &*certificate : nullptr);
    });
    return object;
}

// --- keys ---

void set_allowed_mechanisms(AttributeMap& attributes, const Key& key, bool sign, bool decrypt) {
    std::vector<CK_MECHANISM_TYPE> allowed;
    for (const Mechanism& row : mechanisms()) {
        if (row.generates() || !row.fits(key.type)) continue;
        if (key.pin_always && row.scheme == Scheme::rsa_pss && row.hash != Hash::none) continue;
        const bool useful = (sign && row.allows(CKF_SIGN)) || (decrypt && row.allows(CKF_DECRYPT)) ||
                            (decrypt && row.allows(CKF_DERIVE));
        if (useful) allowed.push_back(row.type);
    }
    attributes.set(CKA_ALLOWED_MECHANISMS,
                   {reinterpret_cast<const std::uint8_t*>(allowed.data()), allowed.size() * sizeof(CK_MECHANISM_TYPE)});
}

void set_key_common(AttributeMap& attributes, const token::SlotInfo& slot, const Key& key) {
    set_common(attributes, label_of(slot.slot));
    const std::uint8_t id = id_of(slot.slot);
    const bool rsa = key.algorithm->is_rsa();
    const bool made_here = slot.origin == protocol::Origin::generated;
    attributes.set(CKA_ID, {&id, 1}).set_number(CKA_KEY_TYPE, key.algorithm->type);
    attributes.set_flag(CKA_LOCAL, made_here);
    const CK_MECHANISM_TYPE generator = rsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN;
    attributes.set_number(CKA_KEY_GEN_MECHANISM, made_here ? generator : CK_UNAVAILABLE_INFORMATION);
    attributes.set(CKA_START_DATE, {}).set(CKA_END_DATE, {});
    if (!rsa) attributes.set(CKA_EC_PARAMS, key.algorithm->ec_params);
}

void read_key_later(Object& object, const token::SlotInfo& slot, Material& material, bool is_rsa) {
    std::set<CK_ATTRIBUTE_TYPE> types = {CKA_SUBJECT, CKA_PUBLIC_KEY_INFO};
    if (is_rsa) {
        types.insert({CKA_MODULUS, CKA_PUBLIC_EXPONENT});
    } else {
        types.insert(CKA_EC_POINT);
    }
    object.read_later(types, [slot, &material, is_rsa](AttributeMap& attributes) {
        const PublicKeyParts key = material.public_key(slot);
        attributes.set(CKA_PUBLIC_KEY_INFO, key.info);
        if (is_rsa) {
            attributes.set(CKA_MODULUS, key.modulus).set(CKA_PUBLIC_EXPONENT, key.exponent);
        } else {
            attributes.set(CKA_EC_POINT, octet_string(key.point));
        }
        const auto certificate = slot.has_certificate() ? material.certificate(slot) : nullptr;
        const bool own = certificate && is_of_key(*certificate, slot);
        attributes.set(CKA_SUBJECT, own ? ByteView(certificate->subject) : ByteView());
    });
}

// What a key is meant for; the card itself makes no difference between signing and decrypting with RSA.
struct Use {
    bool sign;
    bool decrypt;  // or derive
};
Use use_of(std::uint8_t slot) {
    if (slot == ref::signature || slot == ref::card_authentication) return {true, false};
    return {true, true};  // 9D and former ones sign their own requests
}

std::shared_ptr<Object> public_key_object(const token::SlotInfo& slot, Material& material) {
    const Key key = key_of(slot);
    const bool rsa = key.algorithm->is_rsa();
    const Use use = use_of(slot.slot);
    auto object = std::make_shared<Object>(CKO_PUBLIC_KEY, false);
    AttributeMap& attributes = object->attributes();
    set_key_common(attributes, slot, key);
    if (rsa) attributes.set_number(CKA_MODULUS_BITS, key.algorithm->bits);
    attributes.set_flag(CKA_VERIFY, use.sign).set_flag(CKA_ENCRYPT, rsa && use.decrypt);
    attributes.set_flag(CKA_WRAP, rsa && use.decrypt);
    attributes.set_flag(CKA_VERIFY_RECOVER, rsa && use.sign).set_flag(CKA_DERIVE, !rsa && use.decrypt);
    attributes.set_flag(CKA_TRUSTED, false);
    set_allowed_mechanisms(attributes, key, use.sign, use.decrypt);
    read_key_later(*object, slot, material, rsa);
    object->set_key(key);
    return object;
}

std::shared_ptr<Object> private_key_object(const token::SlotInfo& slot, Material& material) {
    const Key key = key_of(slot);
    const bool rsa = key.algorithm->is_rsa();
    const Use use = use_of(slot.slot);
    auto object = std::make_shared<Object>(CKO_PRIVATE_KEY, !key.pin_never);
    AttributeMap& attributes = object->attributes();
    set_key_common(attributes, slot, key);
    const bool made_here = slot.origin == protocol::Origin::generated;
    attributes.set_flag(CKA_SENSITIVE, true).set_flag(CKA_EXTRACTABLE, false);
    attributes.set_flag(CKA_ALWAYS_SENSITIVE, made_here).set_flag(CKA_NEVER_EXTRACTABLE, made_here);
    attributes.set_flag(CKA_SIGN, use.sign).set_flag(CKA_DECRYPT, rsa && use.decrypt);
    attributes.set_flag(CKA_DERIVE, !rsa && use.decrypt).set_flag(CKA_SIGN_RECOVER, rsa && use.sign);
    attributes.set_flag(CKA_UNWRAP, rsa && use.decrypt).set_flag(CKA_WRAP_WITH_TRUSTED, false);
    attributes.set_flag(CKA_ALWAYS_AUTHENTICATE, key.pin_always);
    if (rsa) attributes.set_number(CKA_MODULUS_BITS, key.algorithm->bits);
    set_allowed_mechanisms(attributes, key, use.sign, use.decrypt);
    if (rsa) {
        object->hide({CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT});
    } else {
        object->hide({CKA_VALUE});
    }
    read_key_later(*object, slot, material, rsa);
    object->set_key(key);
    return object;
}

// --- data and profile ---

std::shared_ptr<Object> data_object(const token::ObjectInfo& info, const char* label, Material& material) {
    // 2.16.840.1.101.3.7... names NIST's objects only; these are ours and go by label and application.
    auto object = std::make_shared<Object>(CKO_DATA, false);
    AttributeMap& attributes = object->attributes();
    set_common(attributes, label);
    attributes.set_text(CKA_APPLICATION, "sealkey").set(CKA_OBJECT_ID, {});
    object->read_later({CKA_VALUE}, [info, &material](AttributeMap& out) { out.set(CKA_VALUE, material.data(info)); });
    return object;
}

std::shared_ptr<Object> profile_object(const char* label, CK_ULONG profile) {
    auto object = std::make_shared<Object>(CKO_PROFILE, false);
    set_common(object->attributes(), label);
    object->attributes().set_number(CKA_PROFILE_ID, profile);
    return object;
}

// What the token can show to a person itself: nothing, it has a light. Programs that would put a text on it learn so.
std::shared_ptr<Object> user_interface_object() {
    auto object = std::make_shared<Object>(CKO_HW_FEATURE, false);
    AttributeMap& attributes = object->attributes();
    attributes.set_text(CKA_LABEL, "Light");
    attributes.set_number(CKA_HW_FEATURE_TYPE, CKH_USER_INTERFACE);
    for (const CK_ATTRIBUTE_TYPE none :
         {CKA_PIXEL_X, CKA_PIXEL_Y, CKA_RESOLUTION, CKA_CHAR_ROWS, CKA_CHAR_COLUMNS, CKA_BITS_PER_PIXEL}) {
        attributes.set_number(none, 0);
    }
    attributes.set_flag(CKA_COLOR, false).set_text(CKA_CHAR_SETS, "").set_text(CKA_ENCODING_METHODS, "");
    attributes.set_text(CKA_MIME_TYPES, "");
    return object;
}

}  // namespace

std::optional<std::uint8_t> slot_of_id(std::uint8_t id) {
    for (const Role& role : kRoles) {
        if (role.id == id) return role.slot;
    }
    const unsigned retired = ref::retired_first + static_cast<unsigned>(id) - kFirstRetiredId;
    if (id < kFirstRetiredId || retired > ref::retired_last) return std::nullopt;
    return static_cast<std::uint8_t>(retired);
}

bool is_of_key(const Certificate& certificate, const token::SlotInfo& slot) {
    const KeyAlgorithm* algorithm = slot.has_key() ? key_algorithm(slot.algorithm) : nullptr;
    if (algorithm == nullptr) return false;
    const PublicKeyParts& key = certificate.key;
    const bool fits =
        algorithm->is_rsa() ? key.modulus.size() == algorithm->bytes() : key.point.size() == 2 * algorithm->bytes() + 1;
    if (!fits) return false;
    const ByteVector whole = digest(Hash::sha256, public_key_fields(key));
    return equal(ByteView(whole).first(slot.key_check.size()), slot.key_check);
}

const ByteVector* Object::attribute(CK_ATTRIBUTE_TYPE type) {
    if (is_sensitive(type)) return nullptr;
    if (lazy_.contains(type) && loader_) {
        try {
            loader_(attributes_);
            loader_ = nullptr;  // once; an exception leaves it for the next time
        } catch (const token::TokenError&) {
            if (attributes_.find(type) == nullptr) throw;  // what has been read by then is told
        }
    }
    return attributes_.find(type);
}

const AttributeMap& Object::whole() {
    if (!lazy_.empty()) static_cast<void>(attribute(*lazy_.begin()));
    return attributes_;
}

bool Object::matches(std::span<const CK_ATTRIBUTE> wanted) {
    // Features of the device are told to who asks for them and to nobody else (PKCS#11 2.40, 4.3).
    const bool asked =
        std::any_of(wanted.begin(), wanted.end(), [](const CK_ATTRIBUTE& a) { return a.type == CKA_CLASS; });
    if (class_ == CKO_HW_FEATURE && !asked) return false;
    const auto agrees = [this](const CK_ATTRIBUTE& one) {
        const ByteVector* value = attribute(one.type);
        return value != nullptr && equal(*value, {static_cast<const std::uint8_t*>(one.pValue), one.ulValueLen});
    };
    // What costs nothing first: an object of another class or CKA_ID is never read from the token.
    for (const CK_ATTRIBUTE& one : wanted) {
        if (!lazy_.contains(one.type) && !agrees(one)) return false;
        const ByteVector* expected = expected_.find(one.type);
        const ByteView given{static_cast<const std::uint8_t*>(one.pValue), one.ulValueLen};
        if (expected != nullptr && !given.empty() && !equal(*expected, given)) return false;
    }
    return std::all_of(wanted.begin(), wanted.end(), agrees);
}

std::vector<NamedObject> objects_of(const token::TokenStatus& status, Material& material) {
    std::vector<NamedObject> all;
    // The holder of the management key may destroy what is in a slot, where the profile knows one.
    const bool destroyable = status.profile == protocol::Profile::compatibility;
    const auto add = [&](std::string identity, std::shared_ptr<Object> object, std::uint8_t slot) {
        object->set_slot(slot);
        object->attributes().set_flag(CKA_DESTROYABLE, destroyable);
        all.push_back({std::move(identity), std::move(object)});
    };
    for (const token::SlotInfo& slot : status.slots) {
        if (!is_shown(slot.slot)) continue;
        if (slot.has_certificate()) {
            add(identity_of("certificate", slot.slot, slot.fingerprint), certificate_object(slot, material), slot.slot);
        }
        if (!slot.has_key() || key_algorithm(slot.algorithm) == nullptr) continue;
        const auto variant = static_cast<std::uint8_t>(slot.algorithm);
        ByteVector mark(slot.fingerprint.begin(), slot.fingerprint.end());
        mark.push_back(variant);
        mark.insert(mark.end(), slot.key_check.begin(), slot.key_check.end());
        add(identity_of("public", slot.slot, mark), public_key_object(slot, material), slot.slot);
        add(identity_of("private", slot.slot, mark), private_key_object(slot, material), slot.slot);
    }
    for (const token::ObjectInfo& info : status.objects) {
        const std::string identity = identity_of("object", info.tag, info.fingerprint);
        if (info.tag == protocol::object::seal) all.push_back({identity, data_object(info, "Seal", material)});
        if (info.tag == protocol::object::enterprise_record) {
            all.push_back({identity, data_object(info, "Enterprise record", material)});
        }
        if (info.tag == protocol::object::issuer_certificate) all.push_back({identity, issuer_object(info, material)});
    }
    all.push_back({"profile", profile_object("Public certificates", CKP_PUBLIC_CERTIFICATES_TOKEN)});
    all.push_back({"baseline", profile_object("Baseline provider", CKP_BASELINE_PROVIDER)});
    all.push_back({"interface", user_interface_object()});
    for (const NamedObject& one : all) {
        const std::string name = status.serial + one.identity;
        const ByteVector mark = digest(Hash::sha256, {reinterpret_cast<const std::uint8_t*>(name.data()), name.size()});
        one.object->attributes().set_text(CKA_UNIQUE_ID, hex_text(ByteView(mark).first(16)));
    }
    return all;
}

}  // namespace sealkey::pkcs11
