// SELECT, version, serial, metadata and the token status.
#include <gtest/gtest.h>

#include "support/token_fixture.h"

namespace sealkey::testing {
namespace {

namespace st = protocol::status_tag;

class About : public ::testing::Test {
protected:
    std::unique_ptr<TestToken> token = TestToken::personalised(Profile::compatibility);
};

TEST_F(About, SelectTakesWholeAndPartialNames) {
    const Reply whole = token->raw("00 A4 04 00 0B A0 00 00 03 08 00 00 10 00 01 00 00");
    EXPECT_EQ(to_hex(whole.data),
              "611a4f0600001000010079074f05a000000308500773"
              "65616c6b6579");
    for (const char* name : {"00 A4 04 00 05 A0 00 00 03 08", "00 A4 04 00 09 A0 00 00 03 08 00 00 10 00",
                             "00 A4 04 0C 05 A0 00 00 03 08 00"}) {
        EXPECT_EQ(token->raw(name).sw, 0x9000) << name;
    }
    for (const char* name :
         {"00 A4 04 00", "00 A4 04 00 04 A0 00 00 03", "00 A4 04 00 05 A0 00 00 03 09",
          "00 A4 04 00 0C A0 00 00 03 08 00 00 10 00 01 00 00", "00 A4 04 00 07 D2 76 00 00 85 01 01"}) {
        EXPECT_EQ(token->raw(name).sw, 0x6A82) << name;
    }
    EXPECT_EQ(token->raw("00 A4 00 00 02 3F 00").sw, 0x6A81) << "no files";
    EXPECT_EQ(token->raw("00 A4 04 02 05 A0 00 00 03 08").sw, 0x6A81) << "no next occurrence";
}

TEST_F(About, VersionAndSerialAreWhatCommonClientsExpect) {
    EXPECT_EQ(to_hex(token->raw("00 FD 00 00 00").data), "050403");
    EXPECT_EQ(to_hex(token->raw("00 F8 00 00 00").data), "00123456");
    EXPECT_EQ(token->raw("00 FD 01 00 00").sw, 0x6A86);
    EXPECT_EQ(token->raw("00 F8 00 01 00").sw, 0x6A86);
    EXPECT_EQ(token->raw("00 01 00 00 00").sw, 0x6D00);
    EXPECT_EQ(token->raw("80 CB 3F FF 05 5C 03 5F C1 02").sw, 0x6D00) << "PIV's commands have class 00";
    EXPECT_EQ(token->raw("00 10 00 00 00").sw, 0x6D00) << "and ours 80";
}

TEST_F(About, MetadataOfPinPukAndManagementKey) {
    EXPECT_EQ(to_hex(token->metadata(ref::pin).data), "0101ff05010106020606");
    EXPECT_EQ(to_hex(token->metadata(ref::puk).data), "0101ff05010106020606");
    EXPECT_EQ(to_hex(token->metadata(ref::management).data), "01010302020001050101");
    (void)token->verify(kWrongPin);
    ASSERT_TRUE(token->change(ref::puk, kDefaultPuk, "87654321").ok());
    ASSERT_EQ(token->authenticate(), sw::ok);
    ASSERT_TRUE(token->set_management_key(Algorithm::aes192, ByteVector(24, 9)).ok());
    EXPECT_EQ(to_hex(token->metadata(ref::pin).data), "0101ff05010106020605");
    EXPECT_EQ(to_hex(token->metadata(ref::puk).data), "0101ff05010006020606");
    EXPECT_EQ(to_hex(token->metadata(ref::management).data), "01010a02020001050100");
    EXPECT_EQ(token->metadata(ref::authentication).sw, 0x6A88) << "no key";
    EXPECT_EQ(token->metadata(0x96).sw, 0x6A88) << "no slot";
    EXPECT_EQ(token->raw("00 F7 01 9A 00").sw, 0x6A86);
}

TEST_F(About, StatusTellsEverythingInOneRead) {
    ASSERT_EQ(token->authenticate(), sw::ok);
    ASSERT_TRUE(token->generate(ref::signature).ok());
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    const Reply reply = token->raw("80 10 00 00 00");
    ASSERT_EQ(reply.sw, 0x9000) << "one short APDU";
    EXPECT_EQ(to_hex(token->status_value(st::version)), "01");
    EXPECT_EQ(token->status_value(st::serial), text(kSerial));
    EXPECT_EQ(to_hex(token->status_value(st::profile)), "02");
    EXPECT_EQ(to_hex(token->status_value(st::lifecycle)), "01");
    EXPECT_EQ(to_hex(token->status_value(st::pin)), "06060a") << "verified, and the published value";
    EXPECT_EQ(to_hex(token->status_value(st::puk)), "060600");
    EXPECT_EQ(to_hex(token->status_value(st::lock)), "000000000000000000");
    EXPECT_EQ(to_hex(token->status_value(st::numeric_serial)), "00123456");
    const auto digest = crypto::sha256(*find(token->metadata(ref::signature).data, 0x04));
    const std::string key_check = to_hex(Bytes(digest).first(protocol::kKeyCheckSize));
    EXPECT_EQ(to_hex(token->status_value(st::slot)), "9c11030101" + std::string(40, '0') + key_check);
    EXPECT_TRUE(token->status_value(st::reset_done).empty());
    EXPECT_EQ(token->raw("80 10 01 00 00").sw, 0x6A86);
    EXPECT_EQ(token->raw("80 10 00 00 01 00").sw, 0x6700);
}

TEST_F(About, StatusOfAnIssuedKeyFitsOneShortApdu) {
    auto key = std::make_unique<TestToken>();
    key->manufacture();
    key->initialise(Profile::shipping);
    ASSERT_EQ(key->authenticate(), sw::ok);
    for (const std::uint8_t slot : {0x9A, 0x9C, 0x9D, 0x9E}) ASSERT_TRUE(key->generate(slot).ok());
    for (const std::uint32_t tag : {object::cert_9a, object::cert_9c, object::cert_9d, object::cert_9e, object::seal,
                                    object::enterprise_record, object::issuer_certificate}) {
        ASSERT_TRUE(key->put_data(tag, ByteVector(1000, 1)).ok());
    }
    key->secure();
    key->activate();
    const Reply reply = key->raw("80 10 00 00 00");
    EXPECT_EQ(reply.sw, 0x9000);
    EXPECT_LE(reply.data.size(), 256u);
}

TEST_F(About, ChangeCounterRisesWithEveryChangeAndOnlyThen) {
    ASSERT_EQ(token->authenticate(), sw::ok);
    std::uint32_t last = token->change_counter();
    const auto rises = [&](bool expected, const char* what) {
        const std::uint32_t now = token->change_counter();
        EXPECT_EQ(now > last, expected) << what;
        last = now;
    };
    ASSERT_TRUE(token->generate(ref::authentication).ok());
    rises(true, "a key");
    ASSERT_TRUE(token->put_data(object::cert_9a, certificate_object({1})).ok());
    rises(true, "a certificate");
    ASSERT_TRUE(token->put_data(0x5FFF11, {1}).ok());
    rises(true, "an object");
    ASSERT_TRUE(token->change(ref::pin, kDefaultPin, kOtherPin).ok());
    rises(true, "a PIN");
    ASSERT_TRUE(token->verify(kOtherPin).ok());
    rises(false, "verifying");
    ASSERT_TRUE(token->sign(ref::authentication).ok());
    rises(false, "signing");
    EXPECT_EQ(token->put_data(object::lock_statement, {1}).sw, 0x6985);
    rises(false, "a refusal");
    ASSERT_TRUE(token->power_cycle());
    rises(false, "a power cycle");
}

}  // namespace
}  // namespace sealkey::testing
