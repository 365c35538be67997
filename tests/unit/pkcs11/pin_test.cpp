// Login, PIN flags, and the key that asks every time.
#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "module.h"
#include "test_clock.h"

namespace sealkey::test {
namespace {

using PinTest = PersonalisedModuleTest;

constexpr CK_FLAGS kPinFlags = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED;

TEST_F(PinTest, Lesson21_CertificatesAndPublicKeysNeedNoLoginAndOnePinServesAllObjects) {
    const auto session = open();
    for (const std::uint8_t id : {kLogin, kSignature, kDecryption, kFormer}) {
        const auto certificate = object(session, CKO_CERTIFICATE, id);
        ASSERT_NE(certificate, CK_INVALID_HANDLE);
        EXPECT_GT(attribute(session, certificate, CKA_VALUE)->size(), 200U);
        EXPECT_EQ(attribute(session, certificate, CKA_PRIVATE), ByteVector{CK_FALSE});
        const auto key = object(session, CKO_PUBLIC_KEY, id);
        ASSERT_NE(key, CK_INVALID_HANDLE);
        EXPECT_FALSE(attribute(session, key, CKA_PUBLIC_KEY_INFO)->empty());
    }
    EXPECT_EQ(key_.verifications(start_), 0U);
    // Private keys that need a PIN aren't there before the login.
    EXPECT_EQ(object(session, CKO_PRIVATE_KEY, kLogin), CK_INVALID_HANDLE);
    ASSERT_EQ(login(session, kPin), CKR_OK);
    for (const std::uint8_t id : {kLogin, kDecryption, kLogin, kFormer}) {
        const auto key = object(session, CKO_PRIVATE_KEY, id);
        EXPECT_TRUE(sign(session, of(id == kFormer ? CKM_ECDSA_SHA256 : CKM_SHA256_RSA_PKCS), key, kMessage));
    }
    EXPECT_EQ(key_.verifications(start_), 1U);
}

TEST_F(PinTest, Lesson21_TokenSaysThatItsCertificatesArePublic) {
    const auto session = open();
    constexpr CK_ULONG kProfileClass = 9;
    const auto profiles = find(session, std::move(Template().number(CKA_CLASS, kProfileClass)));
    std::vector<CK_ULONG> ids;
    for (const auto profile : profiles) {
        CK_ULONG id = 0;
        CK_ATTRIBUTE one{0x601, &id, sizeof(id)};
        ASSERT_EQ(p11_.C_GetAttributeValue(session, profile, &one, 1), CKR_OK);
        ids.push_back(id);
    }
    EXPECT_THAT(ids, ::testing::UnorderedElementsAre(1U, 4U));  // baseline provider, public certificates token
}

TEST_F(PinTest, Lesson22_SignatureKeyTakesThePinBetweenInitAndEachSignature) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto key = object(session, CKO_PRIVATE_KEY, kSignature);
    EXPECT_EQ(attribute(session, key, CKA_ALWAYS_AUTHENTICATE), ByteVector{CK_TRUE});
    for (int i = 0; i < 2; ++i) {
        CK_MECHANISM mechanism = of(CKM_SHA256_RSA_PKCS);
        ASSERT_EQ(p11_.C_SignInit(session, &mechanism, key), CKR_OK);
        ASSERT_EQ(login(session, kPin, CKU_CONTEXT_SPECIFIC), CKR_OK);
        ByteVector signature(256);
        CK_ULONG length = signature.size();
        ASSERT_EQ(p11_.C_Sign(session, const_cast<unsigned char*>(kMessage.data()), kMessage.size(), signature.data(),
                              &length),
                  CKR_OK);
        EXPECT_TRUE(rsa_verifies(rsa_key(), "SHA256", kMessage, signature));
    }
    // The key that asks once still signs: the login is one.
    EXPECT_TRUE(sign(session, of(CKM_SHA256_RSA_PKCS), object(session, CKO_PRIVATE_KEY, kLogin), kMessage));
}

TEST_F(PinTest, Lesson22_ProgramThatDoesNotKnowGetsUserNotLoggedInAndNoSignature) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto key = object(session, CKO_PRIVATE_KEY, kSignature);
    const std::size_t before = key_.apdus();
    CK_RV code = CKR_OK;
    EXPECT_FALSE(sign(session, of(CKM_SHA256_RSA_PKCS), key, kMessage, &code));
    EXPECT_EQ(code, CKR_USER_NOT_LOGGED_IN);
    EXPECT_EQ(key_.apdus(), before);
    // One PIN, one signature: a second without a PIN is refused too.
    CK_MECHANISM mechanism = of(CKM_SHA256_RSA_PKCS);
    ASSERT_EQ(p11_.C_SignInit(session, &mechanism, key), CKR_OK);
    ASSERT_EQ(login(session, kPin, CKU_CONTEXT_SPECIFIC), CKR_OK);
    ByteVector signature(256);
    CK_ULONG length = signature.size();
    auto* data = const_cast<unsigned char*>(kMessage.data());
    ASSERT_EQ(p11_.C_Sign(session, data, kMessage.size(), signature.data(), &length), CKR_OK);
    EXPECT_FALSE(sign(session, of(CKM_SHA256_RSA_PKCS), key, kMessage, &code));
    EXPECT_EQ(code, CKR_USER_NOT_LOGGED_IN);
}

TEST_F(PinTest, Lesson22_WrongPinForOneSignatureIsSaidAtOnceAndSignsNothing) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    CK_MECHANISM mechanism = of(CKM_SHA256_RSA_PKCS);
    ASSERT_EQ(p11_.C_SignInit(session, &mechanism, object(session, CKO_PRIVATE_KEY, kSignature)), CKR_OK);
    EXPECT_EQ(login(session, "999999", CKU_CONTEXT_SPECIFIC), CKR_PIN_INCORRECT);
    unsigned char out[256];
    CK_ULONG length = sizeof(out);
    auto* data = const_cast<unsigned char*>(kMessage.data());
    EXPECT_EQ(p11_.C_Sign(session, data, kMessage.size(), out, &length), CKR_USER_NOT_LOGGED_IN);
}

class UnusedPinTest : public PinTest {
protected:
    UnusedPinTest() {
        session_ = open();
        EXPECT_EQ(login(session_, kPin), CKR_OK);
        signature_key_ = object(session_, CKO_PRIVATE_KEY, kSignature);
    }
    // The user's PIN for one signature by 9C, which the test doesn't let come.
    void allow_one(CK_SESSION_HANDLE session) {
        CK_MECHANISM mechanism = of(CKM_RSA_PKCS);
        ASSERT_EQ(p11_.C_SignInit(session, &mechanism, signature_key_), CKR_OK);
        ASSERT_EQ(login(session, kPin, CKU_CONTEXT_SPECIFIC), CKR_OK);
    }
    CK_SESSION_HANDLE session_ = 0;
    CK_OBJECT_HANDLE signature_key_ = 0;
    ByteVector out_ = ByteVector(256);
    CK_ULONG length_ = 256;
};

TEST_F(UnusedPinTest, Lesson22_CancelledItIsNobodyElses) {
    allow_one(session_);
    ASSERT_EQ(p11_.C_SignInit(session_, nullptr, signature_key_), CKR_OK);
    EXPECT_FALSE(key_.signs_without_pin());
}

TEST_F(UnusedPinTest, Lesson22_RefusedForItsInputItIsNobodyElses) {
    ByteVector too_long(246);
    allow_one(session_);
    EXPECT_EQ(p11_.C_Sign(session_, too_long.data(), too_long.size(), out_.data(), &length_), CKR_DATA_LEN_RANGE);
    EXPECT_FALSE(key_.signs_without_pin());
    too_long.resize(513);
    allow_one(session_);
    EXPECT_EQ(p11_.C_SignUpdate(session_, too_long.data(), too_long.size()), CKR_DATA_LEN_RANGE);
    EXPECT_FALSE(key_.signs_without_pin());
    allow_one(session_);
    EXPECT_EQ(p11_.C_Sign(session_, nullptr, 20, out_.data(), &length_), CKR_ARGUMENTS_BAD);
    EXPECT_FALSE(key_.signs_without_pin());
}

TEST_F(UnusedPinTest, Lesson22_ItEndsWithItsSession) {
    const auto second = open();
    allow_one(second);
    ASSERT_EQ(p11_.C_CloseSession(second), CKR_OK);
    EXPECT_FALSE(key_.signs_without_pin());
    allow_one(session_);
    ASSERT_EQ(p11_.C_CloseAllSessions(0), CKR_OK);
    EXPECT_FALSE(key_.signs_without_pin());
}

TEST_F(UnusedPinTest, Lesson22_ItEndsWithTheLogin) {
    allow_one(session_);
    const std::size_t before = key_.apdus();
    ASSERT_EQ(p11_.C_Logout(session_), CKR_OK);
    EXPECT_EQ(key_.commands(before), (std::vector<std::string>{"VERIFY"})) << "the logout says it";
    EXPECT_FALSE(key_.signs_without_pin());
}

TEST_F(UnusedPinTest, Lesson22_ItEndsWithTheLibrary) {
    allow_one(session_);
    ASSERT_EQ(p11_.C_Finalize(nullptr), CKR_OK);
    EXPECT_FALSE(key_.signs_without_pin());
    ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
}

TEST_F(UnusedPinTest, Lesson22_GivenAgainByAnotherSessionItIsThatOnesAlone) {
    const auto second = open();
    allow_one(session_);
    allow_one(second);
    auto* data = const_cast<unsigned char*>(kMessage.data());
    EXPECT_EQ(p11_.C_Sign(session_, data, kMessage.size(), out_.data(), &length_), CKR_USER_NOT_LOGGED_IN);
    length_ = out_.size();
    EXPECT_EQ(p11_.C_Sign(second, data, kMessage.size(), out_.data(), &length_), CKR_OK);
    EXPECT_FALSE(key_.signs_without_pin());
}

TEST_F(UnusedPinTest, Lesson22_AskingForTheLengthEndsNothingAndTheSignatureSendsNothingMore) {
    allow_one(session_);
    auto* data = const_cast<unsigned char*>(kMessage.data());
    ASSERT_EQ(p11_.C_Sign(session_, data, kMessage.size(), nullptr, &length_), CKR_OK);
    const std::size_t before = key_.apdus();
    ASSERT_EQ(p11_.C_Sign(session_, data, kMessage.size(), out_.data(), &length_), CKR_OK);
    for (const std::string& name : key_.commands(before)) EXPECT_NE(name, "TOKEN STATUS");
    EXPECT_FALSE(key_.signs_without_pin()) << "used up";
}

TEST_F(UnusedPinTest, Lesson22_AMinuteLaterTheNextCallLetsTheCardGo) {
    const std::string log = key_.socket_path() + ".log";
    ::setenv("SEALKEY_LOG", log.c_str(), 1);
    allow_one(session_);
    move_clock(std::chrono::seconds(61));
    const std::size_t before = key_.apdus();
    CK_INFO info{};
    ASSERT_EQ(p11_.C_GetInfo(&info), CKR_OK);  // of the application's other threads, say
    ::unsetenv("SEALKEY_LOG");
    EXPECT_EQ(key_.commands(before), (std::vector<std::string>{"TOKEN STATUS"}));
    EXPECT_FALSE(key_.signs_without_pin());
    std::stringstream said;
    said << std::ifstream(log).rdbuf();
    EXPECT_NE(said.str().find("its login for one operation is over 60 s old"), std::string::npos) << said.str();
    auto* data = const_cast<unsigned char*>(kMessage.data());
    EXPECT_EQ(p11_.C_Sign(session_, data, 20, out_.data(), &length_), CKR_USER_NOT_LOGGED_IN);
    // The login itself goes on, and the next PIN is for the next signature.
    allow_one(session_);
    EXPECT_EQ(p11_.C_Sign(session_, data, 20, out_.data(), &length_), CKR_OK);
}

TEST_F(UnusedPinTest, Lesson22_TheLateSignatureItselfIsRefusedAndAskedAgainForItsPin) {
    allow_one(session_);
    move_clock(std::chrono::seconds(61));
    auto* data = const_cast<unsigned char*>(kMessage.data());
    EXPECT_EQ(p11_.C_Sign(session_, data, 20, nullptr, &length_), CKR_OK);
    EXPECT_EQ(login(session_, kPin, CKU_CONTEXT_SPECIFIC), CKR_OK);
    move_clock(std::chrono::seconds(59));
    EXPECT_EQ(p11_.C_Sign(session_, data, 20, out_.data(), &length_), CKR_OK);
    allow_one(session_);
    move_clock(std::chrono::seconds(61));
    EXPECT_EQ(p11_.C_Sign(session_, data, 20, out_.data(), &length_), CKR_USER_NOT_LOGGED_IN);
    EXPECT_FALSE(key_.signs_without_pin());
}

TEST_F(PinTest, Lesson22_ContextLoginWithoutSuchAnOperationIsRefusedAndSendsNothing) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const std::size_t before = key_.apdus();
    EXPECT_EQ(login(session, kPin, CKU_CONTEXT_SPECIFIC), CKR_OPERATION_NOT_INITIALIZED);
    CK_MECHANISM mechanism = of(CKM_SHA256_RSA_PKCS);
    ASSERT_EQ(p11_.C_SignInit(session, &mechanism, object(session, CKO_PRIVATE_KEY, kLogin)), CKR_OK);
    EXPECT_EQ(login(session, kPin, CKU_CONTEXT_SPECIFIC), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_EQ(key_.apdus(), before);
}

TEST_F(PinTest, Lesson22_HashedPssIsRefusedAtInitForTheKeyThatAsksEveryTime) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    CK_RSA_PKCS_PSS_PARAMS pss{CKM_SHA256, CKG_MGF1_SHA256, 32};
    CK_MECHANISM hashed{CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof(pss)};
    const auto always = object(session, CKO_PRIVATE_KEY, kSignature);
    EXPECT_EQ(p11_.C_SignInit(session, &hashed, always), CKR_MECHANISM_INVALID);
    CK_MECHANISM bare{CKM_RSA_PKCS_PSS, &pss, sizeof(pss)};
    EXPECT_EQ(p11_.C_SignInit(session, &bare, always), CKR_OK);
    const auto other = open();
    EXPECT_EQ(p11_.C_SignInit(other, &hashed, object(other, CKO_PRIVATE_KEY, kLogin)), CKR_OK);
}

TEST_F(PinTest, Lesson23_FlagsFollowEveryWrongPinUntilItLocks_N10) {
    const auto session = open();
    EXPECT_EQ(token_flags() & kPinFlags, 0U);
    for (int left = 5; left >= 1; --left) {
        EXPECT_EQ(login(session, "999999"), CKR_PIN_INCORRECT);
        EXPECT_EQ(token_flags() & kPinFlags, CKF_USER_PIN_COUNT_LOW | (left == 1 ? CKF_USER_PIN_FINAL_TRY : 0)) << left;
    }
    EXPECT_EQ(login(session, "999999"), CKR_PIN_LOCKED);
    EXPECT_EQ(token_flags() & kPinFlags, CKF_USER_PIN_LOCKED);
    EXPECT_EQ(login(session, kPin), CKR_PIN_LOCKED);
    EXPECT_EQ(key_.verifications(start_), 7U);
    // What is public stays readable.
    EXPECT_NE(object(session, CKO_CERTIFICATE, kLogin), CK_INVALID_HANDLE);
}

TEST_F(PinTest, Lesson23_RightPinClearsTheFlags) {
    const auto session = open();
    EXPECT_EQ(login(session, "999999"), CKR_PIN_INCORRECT);
    EXPECT_EQ(login(session, kPin), CKR_OK);
    EXPECT_EQ(token_flags() & kPinFlags, 0U);
}

TEST_F(PinTest, Lesson23_DefaultPinIsSaidToBeChangedUntilItIs) {
    EXPECT_NE(token_flags() & CKF_USER_PIN_TO_BE_CHANGED, 0U);
    const auto session = open(CKF_SERIAL_SESSION | CKF_RW_SESSION);
    auto set = [&](std::string from, std::string to) {
        return p11_.C_SetPIN(session, reinterpret_cast<unsigned char*>(from.data()), from.size(),
                             reinterpret_cast<unsigned char*>(to.data()), to.size());
    };
    EXPECT_EQ(set(kPin, "12345"), CKR_PIN_LEN_RANGE);
    EXPECT_EQ(set(kPin, "123456789"), CKR_PIN_LEN_RANGE);
    EXPECT_EQ(token_flags() & CKF_USER_PIN_COUNT_LOW, 0U);
    EXPECT_EQ(set("999999", "654987"), CKR_PIN_INCORRECT);
    EXPECT_NE(token_flags() & CKF_USER_PIN_COUNT_LOW, 0U);
    EXPECT_EQ(set(kPin, "654987"), CKR_OK);
    EXPECT_EQ(token_flags() & (CKF_USER_PIN_TO_BE_CHANGED | kPinFlags), 0U);
    EXPECT_EQ(login(session, kPin), CKR_PIN_INCORRECT);
    EXPECT_EQ(login(session, "654987"), CKR_OK);
}

TEST_F(PinTest, Lesson24_EachLoginSendsItsPinOnce) {
    const auto session = open();
    EXPECT_EQ(login(session, "999999"), CKR_PIN_INCORRECT);
    EXPECT_EQ(key_.verifications(start_), 1U);
    CK_RV code = CKR_OK;
    EXPECT_FALSE(sign(session, of(CKM_SHA256_RSA_PKCS), object(session, CKO_PRIVATE_KEY, kLogin), kMessage, &code));
    EXPECT_EQ(key_.verifications(start_), 1U);
    EXPECT_EQ(login(session, kPin), CKR_OK);
    EXPECT_EQ(login(session, kPin), CKR_USER_ALREADY_LOGGED_IN);
    EXPECT_EQ(key_.verifications(start_), 2U);
}

TEST_F(PinTest, Lesson24_PinOfNoPossibleLengthIsWrongAndSpendsNothing) {
    const auto session = open();
    for (const char* pin : {"1", "12345", "123456789"}) EXPECT_EQ(login(session, pin), CKR_PIN_INCORRECT);
    EXPECT_EQ(key_.verifications(start_), 0U);
    EXPECT_EQ(token_flags() & kPinFlags, 0U);
}

TEST_F(PinTest, Lesson20_CardResetByAnotherProgramIsToldOnceAndAsksForThePinOnce) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto key = object(session, CKO_PRIVATE_KEY, kLogin);
    key_.reset_card();
    CK_RV code = CKR_OK;
    EXPECT_FALSE(sign(session, of(CKM_SHA256_RSA_PKCS), key, kMessage, &code));
    EXPECT_EQ(code, CKR_USER_NOT_LOGGED_IN);
    CK_SESSION_INFO info{};
    ASSERT_EQ(p11_.C_GetSessionInfo(session, &info), CKR_OK);
    EXPECT_EQ(info.state, CKS_RO_PUBLIC_SESSION);
    EXPECT_EQ(key_.verifications(start_), 1U);
    ASSERT_EQ(login(session, kPin), CKR_OK);
    EXPECT_TRUE(sign(session, of(CKM_SHA256_RSA_PKCS), key, kMessage));
}

TEST_F(PinTest, LogoutEndsTheLoginOnTheCardAndWhatWasBegun) {
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto key = object(session, CKO_PRIVATE_KEY, kLogin);
    CK_MECHANISM mechanism = of(CKM_SHA256_RSA_PKCS);
    ASSERT_EQ(p11_.C_SignInit(session, &mechanism, key), CKR_OK);
    EXPECT_EQ(p11_.C_Logout(session), CKR_OK);
    EXPECT_EQ(p11_.C_Logout(session), CKR_USER_NOT_LOGGED_IN);
    unsigned char out[256];
    CK_ULONG length = sizeof(out);
    EXPECT_EQ(p11_.C_SignFinal(session, out, &length), CKR_OPERATION_NOT_INITIALIZED);
    EXPECT_EQ(p11_.C_SignInit(session, &mechanism, key), CKR_USER_NOT_LOGGED_IN);
    EXPECT_FALSE(attribute(session, key, CKA_LABEL));
}

TEST_F(PinTest, ClosingTheLastSessionLogsTheApplicationOut) {
    const auto session = open();
    const auto second = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    ASSERT_EQ(p11_.C_CloseSession(session), CKR_OK);
    EXPECT_EQ(login(second, kPin), CKR_USER_ALREADY_LOGGED_IN);
    ASSERT_EQ(p11_.C_CloseAllSessions(0), CKR_OK);
    EXPECT_EQ(p11_.C_CloseSession(second), CKR_SESSION_HANDLE_INVALID);
    const auto third = open();
    EXPECT_EQ(object(third, CKO_PRIVATE_KEY, kLogin), CK_INVALID_HANDLE);
    EXPECT_EQ(login(third, kPin), CKR_OK);
}

TEST_F(PinTest, KeyWithoutPinNeedsNoLogin) {
    const auto session = open();
    const auto key = object(session, CKO_PRIVATE_KEY, kDevice);
    ASSERT_NE(key, CK_INVALID_HANDLE);
    const auto signature = sign(session, of(CKM_ECDSA_SHA256), key, kMessage);
    ASSERT_TRUE(signature);
    EXPECT_TRUE(ecdsa_verifies(ec_key(), "SHA256", kMessage, *signature));
    EXPECT_EQ(key_.verifications(start_), 0U);
}

}  // namespace
}  // namespace sealkey::test
