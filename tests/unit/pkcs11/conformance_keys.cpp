// Keys made, wrapped, unwrapped and derived.
#include "conformance.h"
#include "support/hex.h"

namespace sealkey::test::conformance {

namespace {

const ByteVector kWrapped(24, 7);

Template sized(CK_ULONG size = 16) { return std::move(Template().number(CKA_VALUE_LEN, size)); }
Template curve(const char* der = "06082A8648CE3D030107") {
    return std::move(Template().bytes(CKA_EC_PARAMS, sealkey::testing::from_hex(der)));
}
Template on_token(std::uint8_t id = kFormer + 3) {
    return std::move(Template().flag(CKA_TOKEN, true).bytes(CKA_ID, &id, 1));
}

std::vector<Row> generation_rows() {
    return {
        SEALKEY_ROW(C_GenerateKey, OK, open, return c.generate(CKM_AES_KEY_GEN, sized());),
            SEALKEY_ROW(C_GenerateKey, ARGUMENTS_BAD, open,
                        return c.f.C_GenerateKey(c.s, nullptr, nullptr, 0, &c.made);),
            SEALKEY_ROW(C_GenerateKey, ATTRIBUTE_READ_ONLY, open,
                        return c.generate(CKM_AES_KEY_GEN, std::move(sized().bytes(CKA_UNIQUE_ID, kMessage)));),
            SEALKEY_ROW(C_GenerateKey, ATTRIBUTE_TYPE_INVALID, open,
                        return c.generate(CKM_AES_KEY_GEN, std::move(sized().bytes(CKA_MODULUS, kMessage)));),
            SEALKEY_ROW(C_GenerateKey, ATTRIBUTE_VALUE_INVALID, open,
                        return c.generate(CKM_AES_KEY_GEN, std::move(sized().bytes(CKA_SIGN, kMessage)));),
            SEALKEY_ROW(C_GenerateKey, MECHANISM_INVALID, open, return c.generate(CKM_DES3_KEY_GEN, sized());),
            SEALKEY_ROW(C_GenerateKey, MECHANISM_PARAM_INVALID, open, CK_MECHANISM m{CKM_AES_KEY_GEN, c.b, 1};
                        return c.f.C_GenerateKey(c.s, &m, nullptr, 0, &c.made);),
            SEALKEY_ROW(C_GenerateKey, TEMPLATE_INCOMPLETE, open, return c.generate(CKM_AES_KEY_GEN, {});),
            SEALKEY_ROW(C_GenerateKey, TEMPLATE_INCONSISTENT, open,
                        return c.generate(CKM_AES_KEY_GEN, std::move(sized().number(CKA_CLASS, CKO_DATA)));),
            SEALKEY_ROW(C_GenerateKey, USER_NOT_LOGGED_IN, open,
                        return c.generate(CKM_AES_KEY_GEN, std::move(sized().flag(CKA_PRIVATE, true)));),
            SEALKEY_ROW(C_GenerateKey, KEY_SIZE_RANGE, open, return c.generate(CKM_AES_KEY_GEN, sized(17));),
            SEALKEY_ROW(C_GenerateKeyPair, OK, officer, return c.generate_pair(curve(), on_token());),
            SEALKEY_ROW(C_GenerateKeyPair, ARGUMENTS_BAD, officer,
                        return c.f.C_GenerateKeyPair(c.s, nullptr, nullptr, 0, nullptr, 0, &c.made, &c.made);),
            SEALKEY_ROW(C_GenerateKeyPair, ATTRIBUTE_VALUE_INVALID, officer,
                        return c.generate_pair(curve(), on_token(99));),
            SEALKEY_ROW(C_GenerateKeyPair, CURVE_NOT_SUPPORTED, officer,
                        return c.generate_pair(curve("06052B8104000A"), on_token());),
            SEALKEY_ROW(C_GenerateKeyPair, MECHANISM_INVALID, officer,
                        return c.generate_pair(curve(), on_token(), CKM_DSA_KEY_PAIR_GEN);),
            SEALKEY_ROW(C_GenerateKeyPair, MECHANISM_PARAM_INVALID, officer,
                        CK_MECHANISM m{CKM_EC_KEY_PAIR_GEN, c.b, 1};
                        return c.f.C_GenerateKeyPair(c.s, &m, nullptr, 0, nullptr, 0, &c.made, &c.made);),
            SEALKEY_ROW(C_GenerateKeyPair, SESSION_READ_ONLY, open, c.s = c.open();
                        return c.generate_pair(curve(), on_token());),
            SEALKEY_ROW(C_GenerateKeyPair, TEMPLATE_INCOMPLETE, officer, return c.generate_pair({}, on_token());),
            SEALKEY_ROW(C_GenerateKeyPair, TEMPLATE_INCONSISTENT, officer, return c.generate_pair(curve(), {});),
            SEALKEY_ROW(C_GenerateKeyPair, USER_NOT_LOGGED_IN, user, return c.generate_pair(curve(), on_token());),
            SEALKEY_ROW(C_GenerateKeyPair, KEY_SIZE_RANGE, officer,
                        return c.generate_pair(std::move(Template().number(CKA_MODULUS_BITS, 1024)), on_token(),
                                               CKM_RSA_PKCS_KEY_PAIR_GEN);),
            SEALKEY_ROW(C_GenerateKeyPair, DEVICE_REMOVED, officer,
                        return c.without_token([&] { return c.generate_pair(curve(), on_token()); });),
    };
}

std::vector<Row> wrapping_rows() {
    return {
        SEALKEY_ROW(C_WrapKey, OK, open, return c.wrap(CKM_AES_KEY_WRAP, c.aes(), c.aes());),
            SEALKEY_ROW(C_WrapKey, ARGUMENTS_BAD, open,
                        return c.f.C_WrapKey(c.s, nullptr, c.aes(), c.aes(), c.b, &c.length);),
            SEALKEY_ROW(C_WrapKey, BUFFER_TOO_SMALL, open, c.length = 23;
                        return c.wrap(CKM_AES_KEY_WRAP, c.aes(), c.aes());),
            SEALKEY_ROW(C_WrapKey, KEY_HANDLE_INVALID, open, return c.wrap(CKM_AES_KEY_WRAP, c.aes(), 123456);),
            SEALKEY_ROW(C_WrapKey, KEY_NOT_WRAPPABLE, open,
                        return c.wrap(CKM_AES_KEY_WRAP, c.aes(), c.public_key(kLogin));),
            SEALKEY_ROW(C_WrapKey, KEY_SIZE_RANGE, open, return c.wrap(CKM_AES_KEY_WRAP, c.aes(), c.generic(20));),
            SEALKEY_ROW(C_WrapKey, KEY_UNEXTRACTABLE, open,
                        return c.wrap(CKM_AES_KEY_WRAP, c.aes(), c.aes(CKA_EXTRACTABLE));),
            SEALKEY_ROW(C_WrapKey, KEY_UNEXTRACTABLE, user,
                        return c.wrap(CKM_AES_KEY_WRAP, c.aes(), c.private_key(kLogin));),
            SEALKEY_ROW(C_WrapKey, MECHANISM_INVALID, open, return c.wrap(CKM_AES_ECB, c.aes(), c.aes());),
            SEALKEY_ROW(C_WrapKey, MECHANISM_PARAM_INVALID, open, return c.wrap(CKM_AES_CBC_PAD, c.aes(), c.aes());),
            SEALKEY_ROW(C_WrapKey, WRAPPING_KEY_HANDLE_INVALID, open,
                        return c.wrap(CKM_AES_KEY_WRAP, 123456, c.aes());),
            SEALKEY_ROW(C_WrapKey, WRAPPING_KEY_TYPE_INCONSISTENT, open,
                        return c.wrap(CKM_AES_KEY_WRAP, c.generic(), c.aes());),
            SEALKEY_ROW(C_WrapKey, KEY_FUNCTION_NOT_PERMITTED, open,
                        return c.wrap(CKM_AES_KEY_WRAP, c.aes(CKA_WRAP), c.aes());),
            SEALKEY_ROW(C_WrapKey, DEVICE_REMOVED, open, const auto with = c.public_key(kLogin);
                        const auto key = c.aes();
                        return c.without_token([&] { return c.wrap(CKM_RSA_PKCS, with, key); });),
            SEALKEY_ROW(C_UnwrapKey, OK, open, const auto with = c.aes();
                        EXPECT_EQ(c.wrap(CKM_AES_KEY_WRAP, with, c.aes()), CKR_OK);
                        return c.unwrap(CKM_AES_KEY_WRAP, with, {c.b, c.length}, {});),
            SEALKEY_ROW(C_UnwrapKey, ARGUMENTS_BAD, open,
                        return c.f.C_UnwrapKey(c.s, nullptr, c.aes(), c.b, 24, nullptr, 0, &c.made);),
            SEALKEY_ROW(C_UnwrapKey, ATTRIBUTE_READ_ONLY, open,
                        return c.unwrap(CKM_AES_KEY_WRAP, c.aes(), kWrapped,
                                        std::move(Template().bytes(CKA_UNIQUE_ID, kMessage)));),
            SEALKEY_ROW(C_UnwrapKey, ATTRIBUTE_TYPE_INVALID, open,
                        return c.unwrap(CKM_AES_KEY_WRAP, c.aes(), kWrapped,
                                        std::move(Template().bytes(CKA_MODULUS, kMessage)));),
            SEALKEY_ROW(
                C_UnwrapKey, ATTRIBUTE_VALUE_INVALID, open,
                return c.unwrap(CKM_AES_KEY_WRAP, c.aes(), kWrapped, std::move(Template().bytes(CKA_SIGN, kMessage)));),
            SEALKEY_ROW(C_UnwrapKey, TEMPLATE_INCONSISTENT, open,
                        return c.unwrap(CKM_AES_KEY_WRAP, c.aes(), kWrapped,
                                        std::move(Template().number(CKA_CLASS, CKO_PRIVATE_KEY)));),
            SEALKEY_ROW(C_UnwrapKey, USER_NOT_LOGGED_IN, open, const auto with = c.aes();
                        EXPECT_EQ(c.wrap(CKM_AES_KEY_WRAP, with, c.aes()), CKR_OK); return c.unwrap(
                            CKM_AES_KEY_WRAP, with, {c.b, c.length}, std::move(Template().flag(CKA_PRIVATE, true)));),
            SEALKEY_ROW(C_UnwrapKey, MECHANISM_INVALID, open, return c.unwrap(CKM_AES_ECB, c.aes(), kWrapped, {});),
            SEALKEY_ROW(C_UnwrapKey, MECHANISM_PARAM_INVALID, open,
                        return c.unwrap(CKM_AES_CBC_PAD, c.aes(), kWrapped, {});),
            SEALKEY_ROW(C_UnwrapKey, UNWRAPPING_KEY_HANDLE_INVALID, open,
                        return c.unwrap(CKM_AES_KEY_WRAP, 123456, kWrapped, {});),
            SEALKEY_ROW(C_UnwrapKey, UNWRAPPING_KEY_TYPE_INCONSISTENT, open,
                        return c.unwrap(CKM_AES_KEY_WRAP, c.generic(), kWrapped, {});),
            SEALKEY_ROW(C_UnwrapKey, WRAPPED_KEY_INVALID, open,
                        return c.unwrap(CKM_AES_KEY_WRAP, c.aes(), kWrapped, {});),
            SEALKEY_ROW(C_UnwrapKey, WRAPPED_KEY_LEN_RANGE, open,
                        return c.unwrap(CKM_AES_KEY_WRAP, c.aes(), ByteVector(23), {});),
            SEALKEY_ROW(C_UnwrapKey, KEY_FUNCTION_NOT_PERMITTED, open,
                        return c.unwrap(CKM_AES_KEY_WRAP, c.aes(CKA_UNWRAP), kWrapped, {});),
            SEALKEY_ROW(C_UnwrapKey, DEVICE_REMOVED, user, const auto with = c.private_key(kDecryption);
                        return c.without_token([&] { return c.unwrap(CKM_RSA_PKCS, with, ByteVector(256, 1), {}); });),
    };
}

std::vector<Row> derivation_rows() {
    return {
        SEALKEY_ROW(C_DeriveKey, OK, user, return c.derive(c.private_key(kFormer), {});),
            SEALKEY_ROW(C_DeriveKey, ARGUMENTS_BAD, user,
                        return c.f.C_DeriveKey(c.s, nullptr, c.private_key(kFormer), nullptr, 0, &c.made);),
            SEALKEY_ROW(C_DeriveKey, ATTRIBUTE_READ_ONLY, user,
                        return c.derive(c.private_key(kFormer), std::move(Template().bytes(CKA_UNIQUE_ID, kMessage)));),
            SEALKEY_ROW(C_DeriveKey, ATTRIBUTE_TYPE_INVALID, user,
                        return c.derive(c.private_key(kFormer), std::move(Template().bytes(CKA_MODULUS, kMessage)));),
            SEALKEY_ROW(C_DeriveKey, ATTRIBUTE_VALUE_INVALID, user,
                        return c.derive(c.private_key(kFormer), std::move(Template().bytes(CKA_SIGN, kMessage)));),
            SEALKEY_ROW(C_DeriveKey, KEY_HANDLE_INVALID, user, return c.derive(123456, {});),
            SEALKEY_ROW(C_DeriveKey, KEY_SIZE_RANGE, user, return c.derive(c.private_key(kFormer), sized(33));),
            SEALKEY_ROW(C_DeriveKey, KEY_TYPE_INCONSISTENT, user, return c.derive(c.private_key(kLogin), {});),
            SEALKEY_ROW(C_DeriveKey, MECHANISM_INVALID, user,
                        return c.derive(c.private_key(kFormer), {}, CKM_DH_PKCS_DERIVE);),
            SEALKEY_ROW(C_DeriveKey, MECHANISM_PARAM_INVALID, user, CK_MECHANISM m = of(CKM_ECDH1_DERIVE);
                        return c.f.C_DeriveKey(c.s, &m, c.private_key(kFormer), nullptr, 0, &c.made);),
            SEALKEY_ROW(C_DeriveKey, TEMPLATE_INCONSISTENT, user,
                        return c.derive(c.private_key(kFormer), std::move(Template().bytes(CKA_VALUE, kMessage)));),
            SEALKEY_ROW(C_DeriveKey, USER_NOT_LOGGED_IN, user, const auto key = c.private_key(kFormer);
                        c.token.reset_card(); return c.derive(key, {});),
            SEALKEY_ROW(C_DeriveKey, KEY_FUNCTION_NOT_PERMITTED, user, return c.derive(c.private_key(kDevice), {});),
            SEALKEY_ROW(C_DeriveKey, DEVICE_REMOVED, user, const auto key = c.private_key(kFormer);
                        static_cast<void>(c.attribute(c.s, c.public_key(kFormer), CKA_EC_POINT));
                        return c.without_token([&] { return c.derive(key, {}); });),
    };
}

}  // namespace

std::vector<Row> key_rows() {
    auto all = generation_rows();
    for (auto&& some : {wrapping_rows(), derivation_rows()}) all.insert(all.end(), some.begin(), some.end());
    return all;
}

}  // namespace sealkey::test::conformance
