#include "token_objects.h"

#include <algorithm>

#include "attribute_rules.h"
#include "base/bytes.h"

namespace sealkey::pkcs11 {

namespace {

CK_ULONG needed_number(std::span<const CK_ATTRIBUTE> given, CK_ATTRIBUTE_TYPE type) {
    const CK_ATTRIBUTE* found = find_in(given, type);
    require(found != nullptr, CKR_TEMPLATE_INCOMPLETE);
    return number_in(*found);
}

ByteView needed(std::span<const CK_ATTRIBUTE> given, CK_ATTRIBUTE_TYPE type) {
    const CK_ATTRIBUTE* found = find_in(given, type);
    require(found != nullptr, CKR_TEMPLATE_INCOMPLETE);
    return bytes_in(*found);
}

// A number of fixed width, from one with leading zeros or without.
ByteVector fixed(ByteView number, std::size_t size) {
    while (number.size() > size && number[0] == 0) number = number.subspan(1);
    require(number.size() <= size && !number.empty(), CKR_ATTRIBUTE_VALUE_INVALID);
    ByteVector out(size, 0);
    std::copy(number.begin(), number.end(), out.end() - static_cast<std::ptrdiff_t>(number.size()));
    return out;
}

struct WipedParts {
    ~WipedParts() {
        for (ByteVector& part : parts) wipe(part);
    }
    std::array<ByteVector, 5> parts;
};

// What would make the key another one than the token's: refused, not passed over.
void require_private(std::span<const CK_ATTRIBUTE> given) {
    const CK_ATTRIBUTE* sensitive = find_in(given, CKA_SENSITIVE);
    const CK_ATTRIBUTE* extractable = find_in(given, CKA_EXTRACTABLE);
    require(sensitive == nullptr || flag_in(*sensitive), CKR_TEMPLATE_INCONSISTENT);
    require(extractable == nullptr || !flag_in(*extractable), CKR_TEMPLATE_INCONSISTENT);
}

CK_OBJECT_HANDLE handle_of(const Card& card, CK_OBJECT_CLASS object_class, std::uint8_t slot) {
    for (const auto& [handle, object] : card.objects()) {
        if (object->object_class() == object_class && object->slot() == slot) return handle;
    }
    refuse(CKR_DEVICE_ERROR);
}

void import_rsa(Card& card, std::uint8_t slot, std::span<const CK_ATTRIBUTE> given) {
    ByteView modulus = needed(given, CKA_MODULUS);
    while (!modulus.empty() && modulus[0] == 0) modulus = modulus.subspan(1);
    const KeyAlgorithm* algorithm = rsa_algorithm(modulus.size() * 8);
    require(algorithm != nullptr, CKR_ATTRIBUTE_VALUE_INVALID);
    static constexpr std::array<CK_ATTRIBUTE_TYPE, 5> kTypes = {CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1,
                                                                CKA_EXPONENT_2, CKA_COEFFICIENT};
    WipedParts wiped;
    auto& parts = wiped.parts;
    for (std::size_t i = 0; i < kTypes.size(); ++i) parts[i] = fixed(needed(given, kTypes[i]), algorithm->bytes() / 2);
    card.import_rsa(slot, *algorithm, {parts[0], parts[1], parts[2], parts[3], parts[4]});
}

void import_ec(Card& card, std::uint8_t slot, std::span<const CK_ATTRIBUTE> given) {
    const KeyAlgorithm* algorithm = ec_algorithm(needed(given, CKA_EC_PARAMS));
    require(algorithm != nullptr, CKR_CURVE_NOT_SUPPORTED);
    WipedParts wiped;
    wiped.parts[0] = fixed(needed(given, CKA_VALUE), algorithm->bytes());
    card.import_ec(slot, *algorithm, wiped.parts[0]);
}

const KeyAlgorithm& algorithm_in(const Mechanism& mechanism, std::span<const CK_ATTRIBUTE> given) {
    if (mechanism.family == Family::ec) {
        const KeyAlgorithm* curve = ec_algorithm(needed(given, CKA_EC_PARAMS));
        require(curve != nullptr, CKR_CURVE_NOT_SUPPORTED);
        return *curve;
    }
    const KeyAlgorithm* rsa = rsa_algorithm(needed_number(given, CKA_MODULUS_BITS));
    require(rsa != nullptr, CKR_KEY_SIZE_RANGE);
    static constexpr std::array<std::uint8_t, 3> kF4 = {1, 0, 1};
    const CK_ATTRIBUTE* exponent = find_in(given, CKA_PUBLIC_EXPONENT);
    require(exponent == nullptr || equal(fixed(bytes_in(*exponent), 3), kF4), CKR_ATTRIBUTE_VALUE_INVALID);
    return *rsa;
}

}  // namespace

std::uint8_t slot_in(std::span<const CK_ATTRIBUTE> given) {
    const ByteView id = needed(given, CKA_ID);
    const auto slot = id.size() == 1 ? slot_of_id(id[0]) : std::nullopt;
    require(slot.has_value(), CKR_ATTRIBUTE_VALUE_INVALID);
    return *slot;
}

CK_OBJECT_HANDLE create_on_token(Card& card, std::span<const CK_ATTRIBUTE> given) {
    const CK_OBJECT_CLASS object_class = needed_number(given, CKA_CLASS);
    require(object_class == CKO_CERTIFICATE || object_class == CKO_PRIVATE_KEY, CKR_TEMPLATE_INCONSISTENT);
    card.require_managed();
    const std::uint8_t slot = slot_in(given);
    if (object_class == CKO_CERTIFICATE) {
        require(needed_number(given, CKA_CERTIFICATE_TYPE) == CKC_X_509, CKR_ATTRIBUTE_VALUE_INVALID);
        const ByteView der = needed(given, CKA_VALUE);
        require(parse_certificate(der).has_value(), CKR_ATTRIBUTE_VALUE_INVALID);
        card.write_certificate(slot, der);
        return handle_of(card, object_class, slot);
    }
    require_private(given);
    const CK_KEY_TYPE type = needed_number(given, CKA_KEY_TYPE);
    require(type == CKK_RSA || type == CKK_EC, CKR_ATTRIBUTE_VALUE_INVALID);
    if (type == CKK_RSA) {
        import_rsa(card, slot, given);
    } else {
        import_ec(card, slot, given);
    }
    return handle_of(card, object_class, slot);
}

void destroy_on_token(Card& card, Object& object) {
    require(object.slot() != 0, CKR_ACTION_PROHIBITED);
    card.require_managed();
    if (object.object_class() == CKO_CERTIFICATE) {
        card.remove_certificate(object.slot());
    } else {
        card.remove_key(object.slot());
    }
}

KeyPair generate_on_token(Card& card, const Mechanism& mechanism, std::span<const CK_ATTRIBUTE> publicly,
                          std::span<const CK_ATTRIBUTE> privately) {
    const CK_ATTRIBUTE* token = find_in(privately, CKA_TOKEN);
    require(token != nullptr && flag_in(*token), CKR_TEMPLATE_INCONSISTENT);
    require_private(privately);
    const KeyAlgorithm& algorithm = algorithm_in(mechanism, publicly);
    const std::uint8_t slot = slot_in(find_in(privately, CKA_ID) != nullptr ? privately : publicly);
    if (find_in(publicly, CKA_ID) != nullptr) require(slot_in(publicly) == slot, CKR_TEMPLATE_INCONSISTENT);
    card.require_managed();
    card.generate(slot, algorithm);
    return {handle_of(card, CKO_PUBLIC_KEY, slot), handle_of(card, CKO_PRIVATE_KEY, slot)};
}

}  // namespace sealkey::pkcs11
