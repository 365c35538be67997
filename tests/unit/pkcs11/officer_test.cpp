// The security officer of the compatibility profile: keys and certificates made and destroyed on the token, and
// everything that isn't allowed without that login, or at all.
#include <array>

#include "module.h"
#include "support/hex.h"
#include "support/test_keys.h"

namespace sealkey::test {
namespace {

constexpr CK_FLAGS kReadWrite = CKF_SERIAL_SESSION | CKF_RW_SESSION;
constexpr char kManagement[] = "010203040506070801020304050607080102030405060708";

ByteVector bytes_from(std::string_view text) { return sealkey::testing::from_hex(text); }

class OfficerTest : public PersonalisedModuleTest {
protected:
    CK_RV officer(const char* pin = kManagement) { return login(session_, pin, CKU_SO); }
    CK_STATE state() {
        CK_SESSION_INFO info{};
        EXPECT_EQ(p11_.C_GetSessionInfo(session_, &info), CKR_OK);
        return info.state;
    }
    static Template certificate(const ByteVector& der, std::uint8_t id) {
        Template wanted;
        wanted.number(CKA_CLASS, CKO_CERTIFICATE).number(CKA_CERTIFICATE_TYPE, CKC_X_509).flag(CKA_TOKEN, true);
        wanted.bytes(CKA_VALUE, der).bytes(CKA_ID, &id, 1);
        return wanted;
    }
    static Template ec_private(std::uint8_t id) {
        Template wanted;
        wanted.number(CKA_CLASS, CKO_PRIVATE_KEY).number(CKA_KEY_TYPE, CKK_EC).flag(CKA_TOKEN, true);
        wanted.bytes(CKA_EC_PARAMS, bytes_from("06082A8648CE3D030107"));
        wanted.bytes(CKA_VALUE, bytes_from(sealkey::testing::kTestP256Scalar)).bytes(CKA_ID, &id, 1);
        return wanted;
    }
    CK_RV create(Template wanted, CK_OBJECT_HANDLE* made = nullptr) {
        CK_OBJECT_HANDLE local = 0;
        return p11_.C_CreateObject(session_, wanted.data(), wanted.size(), made != nullptr ? made : &local);
    }
    CK_RV generate(CK_MECHANISM_TYPE type, Template publicly, Template privately) {
        CK_MECHANISM mechanism = of(type);
        return p11_.C_GenerateKeyPair(session_, &mechanism, publicly.data(), publicly.size(), privately.data(),
                                      privately.size(), &public_, &private_);
    }
    static Template curve() { return std::move(Template().bytes(CKA_EC_PARAMS, bytes_from("06082A8648CE3D030107"))); }
    static Template on_token(std::uint8_t id) {
        return std::move(Template().flag(CKA_TOKEN, true).bytes(CKA_ID, &id, 1));
    }
    CK_SESSION_HANDLE session_ = open(kReadWrite);
    CK_OBJECT_HANDLE public_ = 0;
    CK_OBJECT_HANDLE private_ = 0;
};

TEST_F(OfficerTest, LoginTakesTheManagementKeyAsBytesOrDigits) {
    for (const char* wrong : {"", "1234", "010203040506070801020304050607080102030405060718",
                              "01020304050607080102030405060708010203040506070x"}) {
        EXPECT_EQ(officer(wrong), CKR_PIN_INCORRECT) << wrong;
        EXPECT_EQ(state(), CKS_RW_PUBLIC_SESSION);
    }
    ASSERT_EQ(officer(), CKR_OK);
    EXPECT_EQ(state(), CKS_RW_SO_FUNCTIONS);
    EXPECT_EQ(officer(), CKR_USER_ALREADY_LOGGED_IN);
    EXPECT_EQ(login(session_, kPin), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    ASSERT_EQ(p11_.C_Logout(session_), CKR_OK);
    EXPECT_EQ(state(), CKS_RW_PUBLIC_SESSION);
    auto raw = bytes_from(kManagement);
    EXPECT_EQ(p11_.C_Login(session_, CKU_SO, raw.data(), raw.size()), CKR_OK);
    ASSERT_EQ(p11_.C_Logout(session_), CKR_OK);
    ASSERT_EQ(login(session_, kPin), CKR_OK);
    EXPECT_EQ(officer(), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    EXPECT_EQ(key_.verifications(start_), 1U);
}

TEST_F(OfficerTest, NoReadOnlySessionBesideTheOfficer) {
    const auto reader = open();
    EXPECT_EQ(officer(), CKR_SESSION_READ_ONLY_EXISTS);
    ASSERT_EQ(p11_.C_CloseSession(reader), CKR_OK);
    ASSERT_EQ(officer(), CKR_OK);
    CK_SESSION_HANDLE other = 0;
    EXPECT_EQ(p11_.C_OpenSession(0, CKF_SERIAL_SESSION, nullptr, nullptr, &other), CKR_SESSION_READ_WRITE_SO_EXISTS);
    EXPECT_EQ(p11_.C_OpenSession(0, kReadWrite, nullptr, nullptr, &other), CKR_OK);
}

TEST_F(OfficerTest, NothingIsWrittenWithoutTheOfficer) {
    const auto der = certificate_for(ec_key(), "another");
    const auto before = attribute(session_, object(session_, CKO_CERTIFICATE, kLogin), CKA_VALUE);
    const auto refused_everywhere = [&](CK_RV code) {
        EXPECT_EQ(create(certificate(der, kLogin)), code);
        EXPECT_EQ(create(ec_private(kLogin)), code);
        EXPECT_EQ(generate(CKM_EC_KEY_PAIR_GEN, curve(), on_token(kLogin)), code);
        EXPECT_EQ(p11_.C_DestroyObject(session_, object(session_, CKO_CERTIFICATE, kLogin)), code);
    };
    refused_everywhere(CKR_USER_NOT_LOGGED_IN);
    ASSERT_EQ(login(session_, kPin), CKR_OK);
    refused_everywhere(CKR_USER_NOT_LOGGED_IN);
    session_ = open();
    refused_everywhere(CKR_SESSION_READ_ONLY);
    EXPECT_EQ(attribute(session_, object(session_, CKO_CERTIFICATE, kLogin), CKA_VALUE), before);
}

TEST_F(OfficerTest, CertificateIsWrittenAndTakenAway) {
    ASSERT_EQ(officer(), CKR_OK);
    const auto der = certificate_for(ec_key(), "the device");
    CK_OBJECT_HANDLE made = 0;
    ASSERT_EQ(create(certificate(der, kDevice), &made), CKR_OK);
    EXPECT_EQ(attribute(session_, made, CKA_VALUE), der);
    EXPECT_EQ(object(session_, CKO_CERTIFICATE, kDevice), made);
    EXPECT_EQ(key_.client()->read_certificate(0x9E), der);
    ASSERT_EQ(p11_.C_DestroyObject(session_, made), CKR_OK);
    EXPECT_EQ(object(session_, CKO_CERTIFICATE, kDevice), CK_INVALID_HANDLE);
    EXPECT_EQ(p11_.C_DestroyObject(session_, made), CKR_OBJECT_HANDLE_INVALID);
}

TEST_F(OfficerTest, KeysAreMadeBroughtAndTakenAway) {
    ASSERT_EQ(officer(), CKR_OK);
    ASSERT_EQ(generate(CKM_EC_KEY_PAIR_GEN, curve(), on_token(6)), CKR_OK);
    EXPECT_EQ(attribute(session_, public_, CKA_LOCAL), ByteVector{CK_TRUE});
    EXPECT_EQ(attribute(session_, public_, CKA_EC_POINT)->size(), 67U);
    CK_OBJECT_HANDLE brought = 0;
    ASSERT_EQ(create(ec_private(7), &brought), CKR_OK);
    ASSERT_EQ(p11_.C_Logout(session_), CKR_OK);
    ASSERT_EQ(login(session_, kPin), CKR_OK);
    const auto made = sign(session_, of(CKM_ECDSA_SHA256), private_, kMessage);
    ASSERT_TRUE(made);
    CK_MECHANISM mechanism = of(CKM_ECDSA_SHA256);
    ASSERT_EQ(p11_.C_VerifyInit(session_, &mechanism, public_), CKR_OK);
    EXPECT_EQ(p11_.C_Verify(session_, const_cast<unsigned char*>(kMessage.data()), kMessage.size(),
                            const_cast<unsigned char*>(made->data()), made->size()),
              CKR_OK);
    const auto signature = sign(session_, of(CKM_ECDSA_SHA256), brought, kMessage);
    ASSERT_TRUE(signature);
    EXPECT_TRUE(ecdsa_verifies(ec_key(), "SHA256", kMessage, *signature));
    ASSERT_EQ(p11_.C_Logout(session_), CKR_OK);
    ASSERT_EQ(officer(), CKR_OK);
    EXPECT_EQ(p11_.C_DestroyObject(session_, public_), CKR_OK);
    EXPECT_EQ(object(session_, CKO_PUBLIC_KEY, 6), CK_INVALID_HANDLE);
}

TEST_F(OfficerTest, RsaKeyIsBroughtWithItsParts) {
    namespace keys = sealkey::testing;
    ASSERT_EQ(officer(), CKR_OK);
    const std::uint8_t id = 8;
    const auto rsa = [&] {
        Template wanted;
        wanted.number(CKA_CLASS, CKO_PRIVATE_KEY).number(CKA_KEY_TYPE, CKK_RSA).flag(CKA_TOKEN, true);
        wanted.bytes(CKA_ID, &id, 1).bytes(CKA_MODULUS, bytes_from(keys::kTestRsaModulus));
        wanted.bytes(CKA_PRIME_1, bytes_from(keys::kTestRsaP)).bytes(CKA_PRIME_2, bytes_from(keys::kTestRsaQ));
        wanted.bytes(CKA_EXPONENT_1, bytes_from(keys::kTestRsaDp)).bytes(CKA_EXPONENT_2, bytes_from(keys::kTestRsaDq));
        return wanted;
    };
    EXPECT_EQ(create(rsa()), CKR_TEMPLATE_INCOMPLETE);
    EXPECT_EQ(create(std::move(rsa().bytes(CKA_COEFFICIENT, ByteVector(129, 1)))), CKR_ATTRIBUTE_VALUE_INVALID);
    const auto coefficient = bytes_from(keys::kTestRsaQinv);
    EXPECT_EQ(create(std::move(rsa().bytes(CKA_COEFFICIENT, coefficient).flag(CKA_EXTRACTABLE, true))),
              CKR_TEMPLATE_INCONSISTENT);
    CK_OBJECT_HANDLE made = 0;
    ASSERT_EQ(create(std::move(rsa().bytes(CKA_COEFFICIENT, coefficient)), &made), CKR_OK);
    ASSERT_EQ(p11_.C_Logout(session_), CKR_OK);
    ASSERT_EQ(login(session_, kPin), CKR_OK);
    const auto signature = sign(session_, of(CKM_SHA256_RSA_PKCS), made, kMessage);
    ASSERT_TRUE(signature);
    EXPECT_TRUE(rsa_verifies(rsa_key(), "SHA256", kMessage, *signature));
}

TEST_F(OfficerTest, TemplatesThatNoSlotCanHold) {
    ASSERT_EQ(officer(), CKR_OK);
    const auto der = certificate_for(ec_key(), "x");
    EXPECT_EQ(create(certificate(der, 0)), CKR_ATTRIBUTE_VALUE_INVALID);
    EXPECT_EQ(create(certificate(der, 25)), CKR_ATTRIBUTE_VALUE_INVALID);
    EXPECT_EQ(create(certificate(ByteVector(40, 1), kDevice)), CKR_ATTRIBUTE_VALUE_INVALID);
    EXPECT_EQ(create(std::move(Template().number(CKA_CLASS, CKO_DATA).flag(CKA_TOKEN, true))),
              CKR_TEMPLATE_INCONSISTENT);
    EXPECT_EQ(create(std::move(Template().number(CKA_CLASS, CKO_SECRET_KEY).flag(CKA_TOKEN, true))),
              CKR_TEMPLATE_INCONSISTENT);
    EXPECT_EQ(generate(CKM_EC_KEY_PAIR_GEN, curve(), std::move(Template().flag(CKA_TOKEN, true))),
              CKR_TEMPLATE_INCOMPLETE);
    const std::uint8_t id = 6;
    EXPECT_EQ(generate(CKM_EC_KEY_PAIR_GEN, curve(), std::move(Template().bytes(CKA_ID, &id, 1))),
              CKR_TEMPLATE_INCONSISTENT);
    EXPECT_EQ(generate(CKM_EC_KEY_PAIR_GEN, std::move(curve().bytes(CKA_ID, &id, 1)), on_token(7)),
              CKR_TEMPLATE_INCONSISTENT);
    EXPECT_EQ(generate(CKM_EC_KEY_PAIR_GEN, Template(), on_token(6)), CKR_TEMPLATE_INCOMPLETE);
    EXPECT_EQ(generate(CKM_EC_KEY_PAIR_GEN, std::move(Template().bytes(CKA_EC_PARAMS, text("x"))), on_token(6)),
              CKR_CURVE_NOT_SUPPORTED);
    EXPECT_EQ(generate(CKM_RSA_PKCS_KEY_PAIR_GEN, std::move(Template().number(CKA_MODULUS_BITS, 1024)), on_token(6)),
              CKR_KEY_SIZE_RANGE);
    EXPECT_EQ(generate(CKM_ECDSA, curve(), on_token(6)), CKR_MECHANISM_INVALID);
    EXPECT_EQ(object(session_, CKO_PUBLIC_KEY, 6), CK_INVALID_HANDLE);
}

TEST_F(OfficerTest, LoginGoesWithTheCardsSession) {
    ASSERT_EQ(officer(), CKR_OK);
    key_.reset_card();
    EXPECT_EQ(create(certificate(certificate_for(ec_key(), "x"), kDevice)), CKR_USER_NOT_LOGGED_IN);
    EXPECT_EQ(state(), CKS_RW_PUBLIC_SESSION);
    EXPECT_EQ(object(session_, CKO_CERTIFICATE, kDevice), CK_INVALID_HANDLE);
}

TEST_F(OfficerTest, ManagementKeyIsChangedByWhoKnowsIt) {
    ASSERT_EQ(officer(), CKR_OK);
    std::string old_pin = kManagement;
    std::string new_pin = "110203040506070811020304050607082102030405060708";
    auto* const o = reinterpret_cast<unsigned char*>(old_pin.data());
    auto* const n = reinterpret_cast<unsigned char*>(new_pin.data());
    EXPECT_EQ(p11_.C_SetPIN(session_, o, 48, n, 47), CKR_PIN_LEN_RANGE);
    EXPECT_EQ(p11_.C_SetPIN(session_, n, 48, n, 48), CKR_PIN_INCORRECT);
    ASSERT_EQ(officer() == CKR_OK || state() == CKS_RW_SO_FUNCTIONS, true);
    ASSERT_EQ(p11_.C_SetPIN(session_, o, 48, n, 48), CKR_OK);
    ASSERT_EQ(p11_.C_Logout(session_), CKR_OK);
    EXPECT_EQ(officer(), CKR_PIN_INCORRECT);
    EXPECT_EQ(officer(new_pin.c_str()), CKR_OK);
}

TEST_F(OfficerTest, InitPinIsForATokenThatIsNotInUseYet) {
    unsigned char pin[8] = {'8', '2', '6', '4', '9', '1', '7', '3'};
    EXPECT_EQ(p11_.C_InitPIN(session_, pin, 8), CKR_USER_NOT_LOGGED_IN);
    EXPECT_EQ(p11_.C_InitPIN(session_, nullptr, 8), CKR_ARGUMENTS_BAD);
    ASSERT_EQ(officer(), CKR_OK);
    EXPECT_EQ(p11_.C_InitPIN(session_, pin, 3), CKR_PIN_LEN_RANGE);
    EXPECT_EQ(key_.client()->token_status().lifecycle, protocol::Lifecycle::initialised);
    EXPECT_EQ(p11_.C_InitPIN(session_, pin, 8), CKR_OK);
    session_ = open(kReadWrite);
    EXPECT_EQ(login(session_, "82649173"), CKR_OK);
}

TEST_F(OfficerTest, InitPinOfATokenInUseIsRefusedAndThePinStays) {
    {
        const auto other = key_.client();
        key_.authenticate(*other);
        other->set_lifecycle(protocol::Lifecycle::secured);
    }
    unsigned char pin[8] = {'8', '2', '6', '4', '9', '1', '7', '3'};
    for (int i = 0; i < 2; ++i) {  // met by the token, and known by then
        ASSERT_EQ(officer(), CKR_OK);
        EXPECT_EQ(p11_.C_InitPIN(session_, pin, 8), CKR_TOKEN_WRITE_PROTECTED);
        ASSERT_EQ(p11_.C_Logout(session_), CKR_OK);
        ASSERT_EQ(login(session_, kPin), CKR_OK);
        std::string same = kPin;
        auto* const p = reinterpret_cast<unsigned char*>(same.data());
        ASSERT_EQ(p11_.C_SetPIN(session_, p, 6, p, 6), CKR_OK);  // the status is read again
        ASSERT_EQ(p11_.C_Logout(session_), CKR_OK);
    }
}

TEST_F(OfficerTest, WhatTheKeyOpenedEndsOnTheTokenWithTheLogin) {
    // A program that hasn't the key, in a retired slot.
    const auto makes_keys = [&] {
        try {
            static_cast<void>(key_.client()->generate(protocol::ref::retired_first + 4, protocol::Algorithm::p256));
            return true;
        } catch (const token::TokenError&) {
            return false;
        }
    };
    key_.reset_card();  // whoever made the token had proved it
    EXPECT_FALSE(makes_keys());
    ASSERT_EQ(officer(), CKR_OK);
    EXPECT_TRUE(makes_keys());
    ASSERT_EQ(p11_.C_Logout(session_), CKR_OK);
    EXPECT_FALSE(makes_keys());
    ASSERT_EQ(officer(), CKR_OK);
    ASSERT_EQ(p11_.C_CloseAllSessions(0), CKR_OK);
    EXPECT_FALSE(makes_keys());
    session_ = open(kReadWrite);
    ASSERT_EQ(officer(), CKR_OK);
    // A wrong proof ends an earlier one on the token, and here too.
    std::string wrong(48, '7');
    std::string next = kManagement;
    EXPECT_EQ(p11_.C_SetPIN(session_, reinterpret_cast<unsigned char*>(wrong.data()), 48,
                            reinterpret_cast<unsigned char*>(next.data()), 48),
              CKR_PIN_INCORRECT);
    EXPECT_EQ(state(), CKS_RW_PUBLIC_SESSION);
    ASSERT_EQ(officer(), CKR_OK);
    ASSERT_EQ(p11_.C_Finalize(nullptr), CKR_OK);
    EXPECT_FALSE(makes_keys());
    ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
}

TEST_F(OfficerTest, InitTokenIsRefusedWhateverIsKnown) {
    std::string pin = kManagement;
    unsigned char label[32] = {};
    auto* const p = reinterpret_cast<unsigned char*>(pin.data());
    EXPECT_EQ(p11_.C_InitToken(0, p, 48, label), CKR_SESSION_EXISTS);
    EXPECT_EQ(p11_.C_InitToken(0, p, 48, nullptr), CKR_ARGUMENTS_BAD);
    EXPECT_EQ(p11_.C_InitToken(99, p, 48, label), CKR_SLOT_ID_INVALID);
    ASSERT_EQ(p11_.C_CloseAllSessions(0), CKR_OK);
    EXPECT_EQ(p11_.C_InitToken(0, p, 48, label), CKR_FUNCTION_NOT_SUPPORTED);
    session_ = open(kReadWrite);
    EXPECT_NE(object(session_, CKO_CERTIFICATE, kLogin), CK_INVALID_HANDLE);
}

}  // namespace
}  // namespace sealkey::test
