// Session objects: made from templates, seen, copied, changed and gone; and what a template may not say.
#include <gmock/gmock.h>

#include <array>

#include "module.h"

namespace sealkey::test {
namespace {

constexpr CK_ATTRIBUTE_TYPE kUniqueId = 4;

class ObjectTest : public PersonalisedModuleTest {
protected:
    CK_RV create(Template wanted, CK_OBJECT_HANDLE* made = nullptr) {
        CK_OBJECT_HANDLE local = 0;
        return p11_.C_CreateObject(session_, wanted.data(), wanted.size(), made != nullptr ? made : &local);
    }
    CK_OBJECT_HANDLE created(Template wanted) {
        CK_OBJECT_HANDLE made = CK_INVALID_HANDLE;
        EXPECT_EQ(create(std::move(wanted), &made), CKR_OK);
        return made;
    }
    CK_RV change(CK_OBJECT_HANDLE object, Template wanted) {
        return p11_.C_SetAttributeValue(session_, object, wanted.data(), wanted.size());
    }
    CK_RV copy(CK_OBJECT_HANDLE object, Template wanted, CK_OBJECT_HANDLE* made) {
        return p11_.C_CopyObject(session_, object, wanted.data(), wanted.size(), made);
    }
    static Template aes() {
        Template wanted;
        wanted.number(CKA_CLASS, CKO_SECRET_KEY).number(CKA_KEY_TYPE, CKK_AES).bytes(CKA_VALUE, ByteVector(16, 7));
        return wanted;
    }
    static Template data() {
        Template wanted;
        wanted.number(CKA_CLASS, CKO_DATA).bytes(CKA_LABEL, text("note")).bytes(CKA_VALUE, kMessage);
        return wanted;
    }
    // The token's own public key as a session object.
    Template public_half(std::uint8_t id) {
        const auto key = object(session_, CKO_PUBLIC_KEY, id);
        Template wanted;
        const bool rsa = id != kFormer;
        wanted.number(CKA_CLASS, CKO_PUBLIC_KEY).number(CKA_KEY_TYPE, rsa ? CKK_RSA : CKK_EC);
        for (const CK_ATTRIBUTE_TYPE type :
             rsa ? std::array{CKA_MODULUS, CKA_PUBLIC_EXPONENT} : std::array{CKA_EC_PARAMS, CKA_EC_POINT}) {
            wanted.bytes(type, *attribute(session_, key, type));
        }
        return wanted;
    }
    bool verifies(CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key, ByteVector signature) {
        CK_MECHANISM mechanism = of(type);
        EXPECT_EQ(p11_.C_VerifyInit(session_, &mechanism, key), CKR_OK);
        return p11_.C_Verify(session_, const_cast<unsigned char*>(kMessage.data()), kMessage.size(), signature.data(),
                             signature.size()) == CKR_OK;
    }
    CK_SESSION_HANDLE session_ = open();
};

TEST_F(ObjectTest, DataObjectLivesAsLongAsItsSession) {
    const auto other = open();
    const auto made = created(data());
    EXPECT_EQ(attribute(other, made, CKA_VALUE), ByteVector(kMessage.begin(), kMessage.end()));
    EXPECT_EQ(find(other, std::move(Template().bytes(CKA_LABEL, text("note")))), std::vector{made});
    CK_ULONG size = 0;
    EXPECT_EQ(p11_.C_GetObjectSize(session_, made, &size), CKR_OK);
    EXPECT_GE(size, kMessage.size());
    EXPECT_EQ(p11_.C_GetObjectSize(session_, made, nullptr), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_GetObjectSize(session_, 123456, &size), CKR_OBJECT_HANDLE_INVALID);
    ASSERT_EQ(p11_.C_CloseSession(session_), CKR_OK);
    EXPECT_EQ(attribute_code(other, made, CKA_VALUE), CKR_OBJECT_HANDLE_INVALID);
    EXPECT_TRUE(find(other, std::move(Template().bytes(CKA_LABEL, text("note")))).empty());
}

TEST_F(ObjectTest, EachObjectHasAnIdOfItsOwn) {
    std::vector<ByteVector> seen;
    static_cast<void>(created(data()));
    static_cast<void>(created(data()));
    for (const auto one : find(session_)) {
        const auto id = attribute(session_, one, kUniqueId);
        ASSERT_TRUE(id && !id->empty());
        EXPECT_THAT(seen, ::testing::Not(::testing::Contains(*id)));
        seen.push_back(*id);
    }
    EXPECT_GT(seen.size(), 12U);
    EXPECT_EQ(create(std::move(data().bytes(kUniqueId, text("mine")))), CKR_ATTRIBUTE_READ_ONLY);
}

TEST_F(ObjectTest, PublicKeysVerifyWhatTheTokenSigns) {
    ASSERT_EQ(login(session_, kPin), CKR_OK);
    const auto rsa = created(public_half(kLogin));
    const auto ec = created(public_half(kFormer));
    auto signature = *sign(session_, of(CKM_SHA256_RSA_PKCS), object(session_, CKO_PRIVATE_KEY, kLogin), kMessage);
    EXPECT_TRUE(verifies(CKM_SHA256_RSA_PKCS, rsa, signature));
    signature[9] ^= 1;
    EXPECT_FALSE(verifies(CKM_SHA256_RSA_PKCS, rsa, signature));
    signature = *sign(session_, of(CKM_ECDSA_SHA256), object(session_, CKO_PRIVATE_KEY, kFormer), kMessage);
    EXPECT_TRUE(verifies(CKM_ECDSA_SHA256, ec, signature));
    EXPECT_EQ(attribute(session_, rsa, CKA_PUBLIC_KEY_INFO),
              attribute(session_, object(session_, CKO_PUBLIC_KEY, kLogin), CKA_PUBLIC_KEY_INFO));
    EXPECT_EQ(attribute(session_, rsa, CKA_MODULUS_BITS)->at(1), 8);  // 2048
}

TEST_F(ObjectTest, Lesson31_EcPointIsTakenBareToo) {
    const auto key = object(session_, CKO_PUBLIC_KEY, kFormer);
    const auto point = *attribute(session_, key, CKA_EC_POINT);
    Template wanted;
    wanted.number(CKA_CLASS, CKO_PUBLIC_KEY).number(CKA_KEY_TYPE, CKK_EC);
    wanted.bytes(CKA_EC_PARAMS, *attribute(session_, key, CKA_EC_PARAMS))
        .bytes(CKA_EC_POINT, ByteView(point).subspan(2));
    EXPECT_EQ(attribute(session_, created(std::move(wanted)), CKA_EC_POINT), point);
}

TEST_F(ObjectTest, CertificateIsKeptWithItsCheckValue) {
    const auto token = object(session_, CKO_CERTIFICATE, kLogin);
    const auto wanted = [&] {
        Template made;
        made.number(CKA_CLASS, CKO_CERTIFICATE).number(CKA_CERTIFICATE_TYPE, CKC_X_509);
        made.bytes(CKA_SUBJECT, *attribute(session_, token, CKA_SUBJECT))
            .bytes(CKA_VALUE, *attribute(session_, token, CKA_VALUE));
        return made;
    };
    const auto made = created(wanted());
    EXPECT_EQ(attribute(session_, made, CKA_CHECK_VALUE), attribute(session_, token, CKA_CHECK_VALUE));
    EXPECT_EQ(create(std::move(wanted().bytes(CKA_CHECK_VALUE, text("abc")))), CKR_ATTRIBUTE_VALUE_INVALID);
    EXPECT_EQ(create(std::move(wanted().flag(CKA_TRUSTED, true))), CKR_ATTRIBUTE_READ_ONLY);
    EXPECT_EQ(create(std::move(wanted().bytes(CKA_MODULUS, kMessage))), CKR_ATTRIBUTE_TYPE_INVALID);
}

TEST_F(ObjectTest, TemplatesThatCannotBe) {
    const auto kinds = {std::pair{CKO_DATA, CKR_OK},
                        std::pair{CKO_PRIVATE_KEY, CKR_TEMPLATE_INCONSISTENT},
                        std::pair{CKO_HW_FEATURE, CKR_ATTRIBUTE_VALUE_INVALID},
                        std::pair{0x777UL, CKR_ATTRIBUTE_VALUE_INVALID},
                        std::pair{CKO_SECRET_KEY, CKR_TEMPLATE_INCOMPLETE},
                        std::pair{CKO_CERTIFICATE, CKR_TEMPLATE_INCOMPLETE}};
    for (const auto& [kind, code] : kinds)
        EXPECT_EQ(create(std::move(Template().number(CKA_CLASS, kind))), code) << kind;
    EXPECT_EQ(create(std::move(Template().bytes(CKA_LABEL, text("x")))), CKR_TEMPLATE_INCOMPLETE);
    EXPECT_EQ(create(std::move(data().number(CKA_CLASS, CKO_CERTIFICATE))), CKR_TEMPLATE_INCONSISTENT);
    EXPECT_EQ(create(std::move(data().bytes(CKA_LABEL, text("another")))), CKR_TEMPLATE_INCONSISTENT);
    EXPECT_EQ(create(std::move(data().flag(CKA_ENCRYPT, true))), CKR_ATTRIBUTE_TYPE_INVALID);
    EXPECT_EQ(create(std::move(data().bytes(CKA_COPYABLE, text("yes")))), CKR_ATTRIBUTE_VALUE_INVALID);
    EXPECT_EQ(create(std::move(data().flag(CKA_TOKEN, true))), CKR_SESSION_READ_ONLY);
    EXPECT_EQ(create(std::move(data().flag(CKA_PRIVATE, true))), CKR_USER_NOT_LOGGED_IN);
    Template odd = aes();
    odd.data()[2].ulValueLen = 15;
    EXPECT_EQ(create(std::move(odd)), CKR_ATTRIBUTE_VALUE_INVALID);
    EXPECT_EQ(create(std::move(aes().number(CKA_VALUE_LEN, 16))), CKR_ATTRIBUTE_READ_ONLY);
    EXPECT_EQ(create(std::move(aes().flag(CKA_LOCAL, true))), CKR_ATTRIBUTE_READ_ONLY);
    EXPECT_EQ(create(std::move(aes().bytes(CKA_START_DATE, text("soon")))), CKR_ATTRIBUTE_VALUE_INVALID);
    EXPECT_EQ(create(std::move(public_half(kFormer).bytes(CKA_EC_PARAMS, text("curve")))), CKR_TEMPLATE_INCONSISTENT);
    Template short_modulus;
    short_modulus.number(CKA_CLASS, CKO_PUBLIC_KEY).number(CKA_KEY_TYPE, CKK_RSA);
    short_modulus.bytes(CKA_MODULUS, ByteVector(128, 0xFF)).bytes(CKA_PUBLIC_EXPONENT, ByteVector{1, 0, 1});
    EXPECT_EQ(create(std::move(short_modulus)), CKR_ATTRIBUTE_VALUE_INVALID);
    Template curve;
    curve.number(CKA_CLASS, CKO_PUBLIC_KEY).number(CKA_KEY_TYPE, CKK_EC);
    curve.bytes(CKA_EC_PARAMS, ByteVector{6, 1, 1}).bytes(CKA_EC_POINT, ByteVector(65, 4));
    EXPECT_EQ(create(std::move(curve)), CKR_CURVE_NOT_SUPPORTED);
    CK_ATTRIBUTE endless{CKA_LABEL, curve.data(), ~0UL};
    CK_OBJECT_HANDLE made = 0;
    EXPECT_NE(p11_.C_CreateObject(session_, &endless, 1, &made), CKR_OK);
    EXPECT_EQ(p11_.C_CreateObject(session_, nullptr, 1, &made), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_CreateObject(session_, aes().data(), 3, nullptr), CKR_ARGUMENTS_BAD);
}

TEST_F(ObjectTest, WhatTheModuleDoesNotHaveIsRefusedByItsOwnCode) {
    const auto key = created(aes());
    for (const CK_ATTRIBUTE_TYPE type : {CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE, CKA_DERIVE_TEMPLATE}) {
        Template inner;
        inner.flag(CKA_EXTRACTABLE, false);
        const auto bytes = inner.size() * sizeof(CK_ATTRIBUTE);
        EXPECT_EQ(create(std::move(aes().bytes(type, inner.data(), bytes))), CKR_ATTRIBUTE_TYPE_INVALID) << type;
        EXPECT_EQ(change(key, std::move(Template().bytes(type, inner.data(), bytes))), CKR_ATTRIBUTE_TYPE_INVALID);
        EXPECT_EQ(attribute_code(session_, key, type), CKR_ATTRIBUTE_TYPE_INVALID);
    }
    CK_ULONG length = 10;
    for (const CK_MECHANISM_TYPE type : {CKM_SHA256_HMAC_GENERAL, CKM_SHA_1_HMAC_GENERAL, CKM_AES_CMAC_GENERAL}) {
        CK_MECHANISM mechanism{type, &length, sizeof(length)};
        EXPECT_EQ(p11_.C_SignInit(session_, &mechanism, key), CKR_MECHANISM_INVALID) << type;
        EXPECT_EQ(p11_.C_VerifyInit(session_, &mechanism, key), CKR_MECHANISM_INVALID) << type;
    }
    EXPECT_TRUE(find(session_, std::move(Template().number(CKA_CLASS, CKO_MECHANISM))).empty());
    for (const CK_OBJECT_CLASS none : {CKO_MECHANISM, CKO_HW_FEATURE, CKO_DOMAIN_PARAMETERS, CKO_OTP_KEY}) {
        EXPECT_EQ(create(std::move(Template().number(CKA_CLASS, none))), CKR_ATTRIBUTE_VALUE_INVALID) << none;
    }
}

TEST_F(ObjectTest, SecretIsHiddenOnceItIsSensitiveAndNeverShownAgain) {
    const auto key = created(aes());
    EXPECT_EQ(attribute(session_, key, CKA_VALUE), ByteVector(16, 7));
    ASSERT_EQ(change(key, std::move(Template().flag(CKA_SENSITIVE, true))), CKR_OK);
    EXPECT_EQ(attribute_code(session_, key, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    EXPECT_EQ(change(key, std::move(Template().flag(CKA_SENSITIVE, false))), CKR_ATTRIBUTE_READ_ONLY);
    ASSERT_EQ(change(key, std::move(Template().flag(CKA_EXTRACTABLE, false))), CKR_OK);
    EXPECT_EQ(change(key, std::move(Template().flag(CKA_EXTRACTABLE, true))), CKR_ATTRIBUTE_READ_ONLY);
    CK_OBJECT_HANDLE copied = 0;
    EXPECT_EQ(copy(key, std::move(Template().flag(CKA_SENSITIVE, false)), &copied), CKR_ATTRIBUTE_READ_ONLY);
    ASSERT_EQ(copy(key, std::move(Template().bytes(CKA_LABEL, text("copy"))), &copied), CKR_OK);
    EXPECT_EQ(attribute_code(session_, copied, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    // Not by a search either.
    EXPECT_TRUE(find(session_, std::move(Template().bytes(CKA_VALUE, ByteVector(16, 7)))).empty());
}

TEST_F(ObjectTest, ChangesAreWholeOrNotAtAll) {
    const auto made = created(data());
    EXPECT_EQ(change(made, std::move(Template().bytes(CKA_LABEL, text("new")).number(CKA_CLASS, CKO_DATA))),
              CKR_ATTRIBUTE_READ_ONLY);
    EXPECT_EQ(change(made, std::move(Template().bytes(CKA_LABEL, text("new")).flag(CKA_SIGN, true))),
              CKR_ATTRIBUTE_TYPE_INVALID);
    EXPECT_EQ(attribute(session_, made, CKA_LABEL), ByteVector({'n', 'o', 't', 'e'}));
    ASSERT_EQ(change(made, std::move(Template().bytes(CKA_LABEL, text("new")))), CKR_OK);
    EXPECT_EQ(attribute(session_, made, CKA_LABEL), ByteVector({'n', 'e', 'w'}));
    EXPECT_EQ(change(object(session_, CKO_CERTIFICATE, kLogin), std::move(Template().bytes(CKA_LABEL, text("x")))),
              CKR_ACTION_PROHIBITED);
    EXPECT_EQ(change(123456, Template()), CKR_OBJECT_HANDLE_INVALID);
    EXPECT_EQ(p11_.C_SetAttributeValue(session_, made, nullptr, 1), CKR_ARGUMENTS_BAD);
}

TEST_F(ObjectTest, FixedUncopyableAndLastingObjects) {
    CK_OBJECT_HANDLE copied = 0;
    const auto fixed = created(std::move(data().flag(CKA_MODIFIABLE, false)));
    EXPECT_EQ(change(fixed, std::move(Template().bytes(CKA_LABEL, text("x")))), CKR_ACTION_PROHIBITED);
    ASSERT_EQ(copy(fixed, std::move(Template().flag(CKA_MODIFIABLE, true)), &copied), CKR_OK);
    EXPECT_EQ(change(copied, std::move(Template().flag(CKA_COPYABLE, false))), CKR_OK);
    EXPECT_EQ(change(copied, std::move(Template().flag(CKA_COPYABLE, true))), CKR_ATTRIBUTE_READ_ONLY);
    EXPECT_EQ(copy(copied, Template(), &copied), CKR_ACTION_PROHIBITED);
    const auto lasting = created(std::move(data().flag(CKA_DESTROYABLE, false)));
    EXPECT_EQ(p11_.C_DestroyObject(session_, lasting), CKR_ACTION_PROHIBITED);
    EXPECT_EQ(copy(object(session_, CKO_CERTIFICATE, kLogin), Template(), &copied), CKR_ACTION_PROHIBITED);
    EXPECT_EQ(copy(123456, Template(), &copied), CKR_OBJECT_HANDLE_INVALID);
    EXPECT_EQ(p11_.C_CopyObject(session_, fixed, nullptr, 0, nullptr), CKR_ARGUMENTS_BAD);
}

TEST_F(ObjectTest, PrivateObjectsGoWithTheLogin) {
    ASSERT_EQ(login(session_, kPin), CKR_OK);
    const auto made = created(std::move(data().flag(CKA_PRIVATE, true)));
    CK_OBJECT_HANDLE copied = 0;
    EXPECT_EQ(copy(made, std::move(Template().flag(CKA_PRIVATE, false)), &copied), CKR_TEMPLATE_INCONSISTENT);
    EXPECT_EQ(attribute_code(session_, made, CKA_VALUE), CKR_OK);
    ASSERT_EQ(p11_.C_Logout(session_), CKR_OK);
    EXPECT_EQ(attribute_code(session_, made, CKA_VALUE), CKR_OBJECT_HANDLE_INVALID);
    ASSERT_EQ(login(session_, kPin), CKR_OK);
    EXPECT_EQ(attribute_code(session_, made, CKA_VALUE), CKR_OBJECT_HANDLE_INVALID);
}

TEST_F(ObjectTest, HardwareFeatureIsToldToWhoAsksForIt) {
    for (const auto one : find(session_)) EXPECT_NE(attribute(session_, one, CKA_CLASS)->at(0), CKO_HW_FEATURE);
    const auto features = find(session_, std::move(Template().number(CKA_CLASS, CKO_HW_FEATURE)));
    ASSERT_EQ(features.size(), 1U);
    EXPECT_EQ(attribute(session_, features[0], CKA_HW_FEATURE_TYPE)->at(0), CKH_USER_INTERFACE);
    EXPECT_EQ(attribute(session_, features[0], CKA_CHAR_ROWS)->at(0), 0);
}

}  // namespace
}  // namespace sealkey::test
