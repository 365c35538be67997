// What the module sends to the card, counted by the simulator; and long answers over short APDUs.
#include "module.h"

namespace sealkey::test {
namespace {

// The same token over short and over extended APDUs.
class BudgetTest : public ModuleTest, public ::testing::WithParamInterface<bool> {
protected:
    BudgetTest() {
        key_.personalise();
        ::setenv("SEALKEY_APDU", extended() ? "extended" : "short", 1);
        start_ = key_.apdus();
    }
    ~BudgetTest() override {
        p11_.C_Finalize(nullptr);
        ::unsetenv("SEALKEY_APDU");
    }
    [[nodiscard]] static bool extended() { return GetParam(); }
    // Commands since the last time.
    std::size_t sent() {
        const std::size_t now = key_.apdus();
        const std::size_t difference = now - start_;
        start_ = now;
        return difference;
    }
    std::size_t start_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Apdus, BudgetTest, ::testing::Bool(),
                         [](const auto& which) { return which.param ? "Extended" : "Short"; });

TEST_P(BudgetTest, Lesson30_InitialiseSendsNothingAndTheFirstSlotListAtMostThree) {
    ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
    EXPECT_EQ(sent(), 0U);
    CK_ULONG count = 0;
    ASSERT_EQ(p11_.C_GetSlotList(CK_TRUE, nullptr, &count), CKR_OK);
    ASSERT_EQ(count, 1U);
    EXPECT_NE(token_flags() & CKF_TOKEN_INITIALIZED, 0U);
    EXPECT_LE(sent(), 3U);
}

TEST_P(BudgetTest, Lesson30_ListingReadsEachCertificateOnceAndWhatIsAbsentNever) {
    ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
    const auto session = open();
    sent();
    const auto list = [&] {
        for (const auto handle : find(session)) {
            for (const CK_ATTRIBUTE_TYPE type : {CKA_LABEL, CKA_VALUE, CKA_SUBJECT, CKA_MODULUS, CKA_EC_POINT}) {
                static_cast<void>(attribute(session, handle, type));
            }
        }
    };
    list();
    const std::size_t first = sent();
    // Four certificates, and the metadata of the one key that has none. Short: as many answers of 256 bytes as it
    // takes.
    std::size_t expected = 5;
    if (!extended()) expected += 4;  // each certificate has 257 to 512 bytes
    EXPECT_LE(first, expected + 1);
    EXPECT_GE(first, 5U);
    list();
    EXPECT_EQ(sent(), 0U);
}

TEST_P(BudgetTest, Lesson30_PollingAndSearchesOfBrowsersSendNothing) {
    ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
    const auto session = open();
    static_cast<void>(attribute(session, object(session, CKO_CERTIFICATE, kLogin), CKA_VALUE));
    for (const std::uint8_t id : {kSignature, kDecryption, kFormer}) {
        static_cast<void>(attribute(session, object(session, CKO_CERTIFICATE, id), CKA_VALUE));
    }
    sent();
    constexpr CK_OBJECT_CLASS kNssTrust = 0xCE534353;
    for (int i = 0; i < 20; ++i) {
        CK_SESSION_INFO info{};
        EXPECT_EQ(p11_.C_GetSessionInfo(session, &info), CKR_OK);
        static_cast<void>(token_flags());
        CK_SLOT_INFO slot{};
        EXPECT_EQ(p11_.C_GetSlotInfo(0, &slot), CKR_OK);
        for (const CK_OBJECT_CLASS one : {CK_OBJECT_CLASS{CKO_CERTIFICATE}, kNssTrust}) {
            EXPECT_TRUE(
                find(session, std::move(Template().number(CKA_CLASS, one).bytes(CKA_ISSUER, text("none")))).empty());
        }
        CK_MECHANISM_INFO mechanism{};
        EXPECT_EQ(p11_.C_GetMechanismInfo(0, CKM_ECDSA, &mechanism), CKR_OK);
    }
    EXPECT_EQ(sent(), 0U);
}

TEST_P(BudgetTest, LoginAndFirstSignatureCold) {
    ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
    CK_ULONG count = 0;
    ASSERT_EQ(p11_.C_GetSlotList(CK_TRUE, nullptr, &count), CKR_OK);
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto key = object(session, CKO_PRIVATE_KEY, kLogin);
    // As a TLS client does: the certificate goes out before the signature.
    EXPECT_FALSE(attribute(session, object(session, CKO_CERTIFICATE, kLogin), CKA_VALUE)->empty());
    const auto signature = sign(session, of(CKM_SHA256_RSA_PKCS), key, kMessage);
    ASSERT_TRUE(signature);
    const std::size_t cold = sent();
    RecordProperty("apdus", static_cast<int>(cold));
    std::printf("login and first signature, cold, certificate included: %zu APDUs\n", cold);
    EXPECT_LE(cold, extended() ? 6U : 10U);
    // The next one.
    ASSERT_TRUE(sign(session, of(CKM_SHA256_RSA_PKCS), key, kMessage));
    EXPECT_LE(sent(), extended() ? 1U : 3U);
}

TEST_P(BudgetTest, LoginAndSignatureAfterListing) {
    ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
    const auto session = open();
    static_cast<void>(attribute(session, object(session, CKO_CERTIFICATE, kLogin), CKA_VALUE));
    sent();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    ASSERT_TRUE(sign(session, of(CKM_SHA256_RSA_PKCS), object(session, CKO_PRIVATE_KEY, kLogin), kMessage));
    EXPECT_LE(sent(), extended() ? 2U : 4U);
}

TEST_P(BudgetTest, Lesson24_PinAlwaysSignatureIsOneVerifyAndOneOperation) {
    ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
    const auto session = open();
    ASSERT_EQ(login(session, kPin), CKR_OK);
    const auto key = object(session, CKO_PRIVATE_KEY, kSignature);
    sent();
    CK_MECHANISM mechanism = of(CKM_SHA256_RSA_PKCS);
    ASSERT_EQ(p11_.C_SignInit(session, &mechanism, key), CKR_OK);
    ASSERT_EQ(login(session, kPin, CKU_CONTEXT_SPECIFIC), CKR_OK);
    unsigned char out[256];
    CK_ULONG length = sizeof(out);
    ASSERT_EQ(p11_.C_Sign(session, const_cast<unsigned char*>(kMessage.data()), kMessage.size(), out, &length), CKR_OK);
    EXPECT_LE(sent(), extended() ? 2U : 4U);
}

TEST_P(BudgetTest, Lesson32_CertificateOverThreeKilobytesAndSealOfThirtyTwo) {
    const ByteVector certificate = certificate_for(rsa_key(), "Company with a long story", 3000);
    ByteVector seal(32 * 1024);
    for (std::size_t i = 0; i < seal.size(); ++i) seal[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
    {
        const auto bench = key_.client();
        key_.authenticate(*bench);
        bench->write_certificate(0x9A, certificate);
        bench->write_object(protocol::object::seal, seal);
        bench->write_object(protocol::object::enterprise_record, text("a record"));
    }
    ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
    const auto session = open();
    EXPECT_EQ(attribute(session, object(session, CKO_CERTIFICATE, kLogin), CKA_VALUE), certificate);
    const auto data = [&](const char* label) {
        const auto found =
            find(session, std::move(Template().number(CKA_CLASS, CKO_DATA).bytes(CKA_LABEL, text(label))));
        return found.size() == 1 ? attribute(session, found[0], CKA_VALUE) : std::nullopt;
    };
    EXPECT_EQ(data("Seal"), seal);
    EXPECT_EQ(data("Enterprise record"), ByteVector(text("a record").begin(), text("a record").end()));
}

TEST_P(BudgetTest, Lesson12_CertificateChangedByAnotherProgramIsSeenByItsFingerprint) {
    ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
    const auto first = open();
    const auto old = attribute(first, object(first, CKO_CERTIFICATE, kLogin), CKA_VALUE);
    const ByteVector renewed = certificate_for(rsa_key(), "Login of another clerk");
    {
        const auto bench = key_.client();
        key_.authenticate(*bench);
        bench->write_certificate(0x9A, renewed);
    }
    ASSERT_EQ(p11_.C_Finalize(nullptr), CKR_OK);
    ASSERT_EQ(p11_.C_Initialize(nullptr), CKR_OK);
    const auto second = open();
    EXPECT_EQ(attribute(second, object(second, CKO_CERTIFICATE, kLogin), CKA_VALUE), renewed);
    EXPECT_NE(old, renewed);
}

}  // namespace
}  // namespace sealkey::test
