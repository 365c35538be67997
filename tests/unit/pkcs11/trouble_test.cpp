// A token that fails once: what it failed at is right again the next time, without being taken out.
#include <algorithm>

#include "go_between.h"
#include "module.h"
#include "support/hex.h"
#include "test_clock.h"

namespace sealkey::test {
namespace {

class TroubleTest : public ModuleTest {
protected:
    TroubleTest() {
        key_.personalise();
        ::setenv("SEALKEY_SIM_SOCKETS", reader_.path().c_str(), 1);
    }
    // Before the reader's end waits for it.
    ~TroubleTest() override { p11_.C_Finalize(nullptr); }

    // The next commands that are meant get this answer: as many as it says.
    template <class Meant>
    void fail(int times, Meant meant, ByteVector answer) {
        reader_.set_fault([=](ByteView command) mutable -> std::optional<ByteVector> {
            if (times == 0 || !meant(command)) return std::nullopt;
            --times;
            return answer;
        });
    }
    static bool asks_status(ByteView command) {
        return command[0] == protocol::kClaOwn &&
               command[1] == static_cast<std::uint8_t>(protocol::OwnIns::token_status);
    }
    static bool reads_login_certificate(ByteView command) {
        constexpr std::uint8_t kTag[] = {0x5F, 0xC1, 0x05};
        return command[1] == static_cast<std::uint8_t>(protocol::Ins::get_data) &&
               std::search(command.begin(), command.end(), std::begin(kTag), std::end(kTag)) != command.end();
    }
    CK_RV recognised() {
        CK_TOKEN_INFO info{};
        return p11_.C_GetTokenInfo(0, &info);
    }
    GoBetween reader_{key_.socket_path()};
};

constexpr std::chrono::milliseconds kPatience{2000};
const ByteVector kNonsense[] = {{0x6F, 0x00}, {0x65, 0x81}, {0x69, 0x82}, {0x6D, 0x00}, {0x90, 0x00}, {1, 2, 0x90, 0}};

TEST_F(TroubleTest, OurKeyThatAnswersNonsenseOnceIsAskedAgainAfterTwoSeconds) {
    for (const ByteVector& nonsense : kNonsense) {
        SCOPED_TRACE(sealkey::testing::to_hex(nonsense));
        ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
        fail(1, asks_status, nonsense);
        EXPECT_EQ(recognised(), CKR_TOKEN_NOT_RECOGNIZED);
        EXPECT_EQ(reader_.answered(), 1);
        move_clock(kPatience + std::chrono::milliseconds(1));
        EXPECT_EQ(recognised(), CKR_OK);
        EXPECT_EQ(p11_.C_Finalize(nullptr), CKR_OK);
    }
}

TEST_F(TroubleTest, OurKeyThatGoesOnWithNonsenseIsAskedOnceInTwoSeconds) {
    ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
    fail(100, asks_status, {0x6F, 0x00});
    for (int round = 1; round <= 3; ++round) {
        for (int i = 0; i < 5; ++i) EXPECT_EQ(recognised(), CKR_TOKEN_NOT_RECOGNIZED);
        EXPECT_EQ(reader_.answered(), round);
        move_clock(kPatience + std::chrono::milliseconds(1));
    }
}

TEST_F(TroubleTest, CertificateThatCouldNotBeReadOnceIsReadAtTheNextQuestion) {
    ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
    const auto session = open();
    const auto found =
        find(session, std::move(Template().number(CKA_CLASS, CKO_CERTIFICATE).bytes(CKA_LABEL, text("Login"))));
    ASSERT_EQ(found.size(), 1U);
    for (const CK_ATTRIBUTE_TYPE type : {CKA_VALUE, CKA_ID}) {
        fail(1, reads_login_certificate, {0x65, 0x81});
        EXPECT_EQ(attribute_code(session, found[0], type), CKR_DEVICE_ERROR);
    }
    EXPECT_FALSE(attribute(session, found[0], CKA_VALUE)->empty());
    EXPECT_EQ(attribute(session, found[0], CKA_ID), ByteVector{kLogin});
}

TEST_F(TroubleTest, SearchLeavesOutWhatCouldNotBeReadAndFindsItTheNextTime) {
    ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
    const auto session = open();
    const auto subject = *attribute(session, object(session, CKO_CERTIFICATE, kSignature), CKA_SUBJECT);
    fail(1, reads_login_certificate, {0x6F, 0x00});
    EXPECT_EQ(
        find(session, std::move(Template().number(CKA_CLASS, CKO_CERTIFICATE).bytes(CKA_SUBJECT, subject))).size(), 1U);
    EXPECT_EQ(reader_.answered(), 1);
    fail(1, reads_login_certificate, {0x6F, 0x00});
    EXPECT_EQ(object(session, CKO_CERTIFICATE, kLogin), CK_INVALID_HANDLE);
    EXPECT_NE(object(session, CKO_CERTIFICATE, kLogin), CK_INVALID_HANDLE);
}

TEST_F(TroubleTest, KeyIsToldWithoutItsCertificate) {
    ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
    const auto session = open();
    const auto key = object(session, CKO_PUBLIC_KEY, kLogin);
    fail(100, reads_login_certificate, {0x65, 0x81});
    EXPECT_EQ(attribute(session, key, CKA_MODULUS)->size(), 256U);
    EXPECT_EQ(attribute_code(session, key, CKA_SUBJECT), CKR_DEVICE_ERROR);
    ASSERT_EQ(login(session, kPin), CKR_OK);
    EXPECT_TRUE(sign(session, of(CKM_SHA256_RSA_PKCS), object(session, CKO_PRIVATE_KEY, kLogin), kMessage));
    fail(0, reads_login_certificate, {});
    EXPECT_FALSE(attribute(session, key, CKA_SUBJECT)->empty());
}

TEST_F(TroubleTest, Lesson12_SlotWithoutAReadableCertificateIsPairedWithNone) {
    ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
    const auto session = open();
    fail(100, reads_login_certificate, {0x6A, 0x82});
    EXPECT_EQ(object(session, CKO_CERTIFICATE, kLogin), CK_INVALID_HANDLE);
}

}  // namespace
}  // namespace sealkey::test
