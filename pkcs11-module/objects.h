// Objects and their attributes. What the token status tells is set when an object is made; what must be read from the
// token (certificate, public key, data) is read at the first question for it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "cryptoki.h"
#include "key.h"
#include "token/status.h"

namespace sealkey::pkcs11 {

class AttributeMap {
public:
    AttributeMap& set(CK_ATTRIBUTE_TYPE type, ByteView value) {
        values_[type].assign(value.begin(), value.end());
        return *this;
    }
    AttributeMap& set_number(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
        return set(type, {reinterpret_cast<const std::uint8_t*>(&value), sizeof(value)});
    }
    AttributeMap& set_flag(CK_ATTRIBUTE_TYPE type, bool value) {
        const CK_BBOOL byte = value ? CK_TRUE : CK_FALSE;
        return set(type, {&byte, 1});
    }
    AttributeMap& set_text(CK_ATTRIBUTE_TYPE type, std::string_view text) {
        return set(type, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    }
    AttributeMap& set_date(CK_ATTRIBUTE_TYPE type, const std::optional<CK_DATE>& date) {
        if (!date) return set(type, {});
        return set(type, {reinterpret_cast<const std::uint8_t*>(&*date), sizeof(CK_DATE)});
    }
    [[nodiscard]] const std::map<CK_ATTRIBUTE_TYPE, ByteVector>& all() const { return values_; }
    [[nodiscard]] const ByteVector* find(CK_ATTRIBUTE_TYPE type) const {
        const auto entry = values_.find(type);
        return entry == values_.end() ? nullptr : &entry->second;
    }

private:
    std::map<CK_ATTRIBUTE_TYPE, ByteVector> values_;
};

class Object {
public:
    // Reads what the attributes in `lazy` need, and sets them.
    using Loader = std::function<void(AttributeMap&)>;

    Object(CK_OBJECT_CLASS object_class, bool is_private) : class_(object_class), private_(is_private) {
        attributes_.set_number(CKA_CLASS, object_class).set_flag(CKA_PRIVATE, is_private);
    }

    AttributeMap& attributes() { return attributes_; }
    void read_later(std::set<CK_ATTRIBUTE_TYPE> lazy, Loader loader) {
        lazy_ = std::move(lazy);
        loader_ = std::move(loader);
    }
    // The value that a lazy attribute has unless reading shows otherwise: a search for another one reads nothing.
    void expect(CK_ATTRIBUTE_TYPE type, ByteView value) { expected_.set(type, value); }
    void hide(std::set<CK_ATTRIBUTE_TYPE> sensitive) { sensitive_ = std::move(sensitive); }
    // The slot of the token that it stands in; 0: none.
    void set_slot(std::uint8_t slot) { slot_ = slot; }
    [[nodiscard]] std::uint8_t slot() const { return slot_; }
    void set_key(Key key) { key_ = std::move(key); }

    [[nodiscard]] CK_OBJECT_CLASS object_class() const { return class_; }
    [[nodiscard]] bool is_private() const { return private_; }
    [[nodiscard]] const std::optional<Key>& key() const { return key_; }
    [[nodiscard]] bool is_sensitive(CK_ATTRIBUTE_TYPE type) const { return sensitive_.contains(type); }

    // nullptr: the object has no such attribute. May read from the token.
    [[nodiscard]] const ByteVector* attribute(CK_ATTRIBUTE_TYPE type);
    [[nodiscard]] bool matches(std::span<const CK_ATTRIBUTE> wanted);
    // Every attribute, read from the token where that is needed.
    [[nodiscard]] const AttributeMap& whole();

private:
    CK_OBJECT_CLASS class_;
    bool private_;
    std::uint8_t slot_ = 0;
    AttributeMap attributes_;
    AttributeMap expected_;
    std::set<CK_ATTRIBUTE_TYPE> lazy_;
    std::set<CK_ATTRIBUTE_TYPE> sensitive_;
    Loader loader_;
    std::optional<Key> key_;
};

// Whether the certificate is of the key that stands in the slot; false if the slot has none.
[[nodiscard]] bool is_of_key(const Certificate& certificate, const token::SlotInfo& slot);

// What objects read from the token; each answer is remembered by the implementation.
class Material {
public:
    virtual ~Material() = default;
    // The slot's certificate; nothing if there is none that can be read.
    [[nodiscard]] virtual std::shared_ptr<const Certificate> certificate(const token::SlotInfo& slot) = 0;
    [[nodiscard]] virtual PublicKeyParts public_key(const token::SlotInfo& slot) = 0;
    [[nodiscard]] virtual ByteVector data(const token::ObjectInfo& object) = 0;
};

// An object with the name under which it is the same one after a change elsewhere on the token.
struct NamedObject {
    std::string identity;
    std::shared_ptr<Object> object;
};

// The slot whose objects have this CKA_ID.
[[nodiscard]] std::optional<std::uint8_t> slot_of_id(std::uint8_t id);

// All objects of a token with this status. `material` outlives them.
[[nodiscard]] std::vector<NamedObject> objects_of(const token::TokenStatus& status, Material& material);

}  // namespace sealkey::pkcs11
