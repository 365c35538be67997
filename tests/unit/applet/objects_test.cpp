// Data objects: GET DATA, PUT DATA in one piece and chained, parts, Key History.
#include <gtest/gtest.h>

#include "crypto/hash.h"
#include "support/token_fixture.h"

namespace sealkey::testing {
namespace {

namespace st = protocol::status_tag;

ByteVector pattern(std::size_t size, unsigned seed = 1) {
    std::mt19937 numbers(seed);
    ByteVector out(size);
    for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(numbers());
    return out;
}

ByteVector value_of(const Reply& reply) {
    return reply.ok() ? find(reply.data, 0x53).value_or(ByteVector{}) : ByteVector{};
}

class Objects : public ::testing::Test {
protected:
    Objects() { EXPECT_EQ(token->authenticate(), sw::ok); }
    std::unique_ptr<TestToken> token = TestToken::personalised(Profile::compatibility);
};

TEST_F(Objects, WrittenBytesComeBackAsTheyWere) {
    for (const std::size_t size : {1u, 100u, 255u, 2048u, 2049u, 3000u, 4000u}) {
        const ByteVector value = pattern(size);
        ASSERT_TRUE(token->put_data(0x5FFF11, value).ok()) << size;
        EXPECT_EQ(value_of(token->get_data(0x5FFF11)), value) << size;
        ASSERT_TRUE(token->power_cycle());
        EXPECT_EQ(value_of(token->get_data(0x5FFF11)), value) << size;
        ASSERT_EQ(token->authenticate(), sw::ok);
    }
}

TEST_F(Objects, Lesson16_AbsentIs6A82AndCertificatesStayAsWritten) {
    EXPECT_EQ(token->get_data(object::cert_9a).sw, 0x6A82);
    EXPECT_EQ(token->get_data(object::biometric_group).sw, 0x6A82);
    EXPECT_EQ(token->get_data(0x5FFF99).sw, 0x6A82);
    EXPECT_EQ(token->get_data(0x5FC199).sw, 0x6A82);
    EXPECT_EQ(token->get_data(0x123456).sw, 0x6A82) << "no object of ours";
    EXPECT_EQ(token->get_data(0x7F).sw, 0x6A82);
    const ByteVector gzip = concat({tlv(0x70, pattern(500)), tlv(0x71, {0x01}), tlv(0xFE, {})});
    ASSERT_TRUE(token->put_data(object::cert_9a, gzip).ok());
    EXPECT_EQ(value_of(token->get_data(object::cert_9a)), gzip);
}

TEST_F(Objects, AnEmptyValueRemoves) {
    ASSERT_TRUE(token->put_data(object::cert_9a, certificate_object(pattern(300))).ok());
    ASSERT_TRUE(token->put_data(object::cert_9a, {}).ok());
    EXPECT_EQ(token->get_data(object::cert_9a).sw, 0x6A82);
    EXPECT_TRUE(token->put_data(object::cert_9a, {}).ok()) << "removing an absent one is no error";
}

TEST_F(Objects, ChainedWritesArrive) {
    for (const std::size_t block : {255u, 254u, 100u, 16u}) {
        const ByteVector value = pattern(1500, static_cast<unsigned>(block));
        ASSERT_TRUE(token->put_data_chained(object::cert_9a, value, block).ok());
        EXPECT_EQ(value_of(token->get_data(object::cert_9a)), value);
    }
}

TEST_F(Objects, ASealOf32KibArrivesAndIsReadWholeAndByParts) {
    const ByteVector seal = pattern(protocol::kMaxSeal);
    ASSERT_TRUE(token->put_data_chained(object::seal, seal).ok());
    EXPECT_EQ(value_of(token->get_data(object::seal)), seal);
    ByteVector parts;
    for (std::uint32_t offset = 0; offset < seal.size(); offset += 5000) {
        const Reply part = token->read_part(object::seal, offset, 5000);
        ASSERT_TRUE(part.ok());
        parts.insert(parts.end(), part.data.begin(), part.data.end());
    }
    EXPECT_EQ(parts, seal);
    EXPECT_EQ(token->read_part(object::seal, protocol::kMaxSeal, 10).data, ByteVector{});
    EXPECT_EQ(token->read_part(object::seal, protocol::kMaxSeal - 3, 10).data, ByteVector(seal.end() - 3, seal.end()));
    EXPECT_EQ(token->read_part(object::seal, 0xFFFFFFFF, 10).data, ByteVector{});
    EXPECT_EQ(token->read_part(object::issuer_certificate, 0, 10).sw, 0x6A82);
    // Another one in its place, in extended blocks.
    const ByteVector next = pattern(protocol::kMaxSeal, 9);
    ASSERT_TRUE(token->put_data_chained(object::seal, next, 255).ok());
    EXPECT_EQ(value_of(token->get_data(object::seal)), next);
}

TEST_F(Objects, LimitsAreHeldBeforeAnythingIsWritten) {
    ASSERT_TRUE(token->put_data(object::seal, pattern(1000)).ok());
    EXPECT_EQ(token->put_data_chained(object::seal, pattern(protocol::kMaxSeal + 1)).sw, 0x6A84);
    EXPECT_EQ(token->put_data_chained(object::cert_9a, pattern(protocol::kMaxCertificateObject + 1)).sw, 0x6A84);
    EXPECT_EQ(token->put_data_chained(0x5FFF11, pattern(protocol::kMaxObject + 1)).sw, 0x6A84);
    EXPECT_TRUE(token->put_data_chained(object::cert_9a, pattern(protocol::kMaxCertificateObject)).ok());
    EXPECT_TRUE(token->put_data_chained(0x5FFF11, pattern(protocol::kMaxObject)).ok());
    EXPECT_EQ(value_of(token->get_data(object::seal)), pattern(1000));
}

TEST_F(Objects, Lesson11_TheOldCertificateReadsUntilTheLastBlock) {
    const ByteVector old = certificate_object(pattern(1200, 1));
    const ByteVector fresh = certificate_object(pattern(6000, 2));
    ASSERT_TRUE(token->put_data(object::cert_9a, old).ok());
    const ByteVector data = concat({from_hex("5C 03 5F C1 05"), tlv(0x53, fresh)});
    // The first blocks, then the host goes away.
    for (std::size_t at = 0; at + 200 < data.size(); at += 200) {
        ByteVector apdu = {0x10, 0xDB, 0x3F, 0xFF, 200};
        apdu.insert(apdu.end(), data.begin() + static_cast<std::ptrdiff_t>(at),
                    data.begin() + static_cast<std::ptrdiff_t>(at + 200));
        ASSERT_EQ(token->raw(apdu).sw, 0x9000);
    }
    EXPECT_EQ(value_of(token->get_data(object::cert_9a)), old);
    ASSERT_TRUE(token->power_cycle());
    EXPECT_EQ(value_of(token->get_data(object::cert_9a)), old);
}

TEST_F(Objects, Lesson19_AnAbortedChainLeavesACleanState) {
    const ByteVector value = certificate_object(pattern(3000));
    const auto half = [&] {
        const ByteVector data = concat({from_hex("5C 03 5F C1 05"), tlv(0x53, value)});
        ByteVector apdu = {0x10, 0xDB, 0x3F, 0xFF, 250};
        apdu.insert(apdu.end(), data.begin(), data.begin() + 250);
        EXPECT_EQ(token->raw(apdu).sw, 0x9000);
    };
    half();
    EXPECT_TRUE(token->get_data(object::chuid).ok()) << "another command in between";
    EXPECT_TRUE(token->put_data(object::cert_9a, value).ok());
    half();
    token->reset();
    EXPECT_EQ(token->raw("00 DB 3F FF 04 01 02 03 04").sw, 0x6A80) << "the rest of a chain that is no more";
    ASSERT_EQ(token->authenticate(), sw::ok);
    // A second writer that begins with no other command in between can't be told from the first one going on: what is
    // mixed up is refused, and the next attempt works.
    half();
    EXPECT_EQ(token->put_data_chained(object::cert_9c, value).sw, 0x6A80);
    EXPECT_EQ(token->get_data(object::cert_9c).sw, 0x6A82);
    EXPECT_EQ(value_of(token->get_data(object::cert_9a)), value);
    EXPECT_TRUE(token->put_data_chained(object::cert_9c, value).ok());
    EXPECT_EQ(value_of(token->get_data(object::cert_9c)), value);
    EXPECT_EQ(value_of(token->get_data(object::cert_9a)), value);
}

TEST_F(Objects, AChainMustHoldExactlyWhatItsHeadSays) {
    EXPECT_EQ(token->raw("00 DB 3F FF 09 5C 03 5F FF 11 53 03 01 02").sw, 0x6A80) << "one byte short";
    EXPECT_EQ(token->raw("00 DB 3F FF 0B 5C 03 5F FF 11 53 03 01 02 03 04").sw, 0x6A80) << "one too many";
    EXPECT_EQ(token->raw("00 DB 3F FF 05 5C 03 5F FF 11").sw, 0x6A80) << "no value";
    EXPECT_EQ(token->raw("00 DB 3F FF 00").sw, 0x6A80);
    EXPECT_EQ(token->raw("00 DB 00 00 08 5C 03 5F FF 11 53 01 01").sw, 0x6A86);
    EXPECT_EQ(token->raw("00 DB 3F FF 08 5C 03 5F FF 11 54 01 01").sw, 0x6A80) << "another tag than 53";
    EXPECT_EQ(token->raw("00 DB 3F FF 08 5C 03 12 34 56 53 01 01").sw, 0x6A82) << "no object of ours";
    EXPECT_EQ(token->get_data(0x5FFF11).sw, 0x6A82);
}

TEST_F(Objects, MalformedGetDataIsRefused) {
    for (const char* apdu :
         {"00 CB 3F FF", "00 CB 3F FF 02 5C 00", "00 CB 3F FF 03 5C 04 5F", "00 CB 3F FF 05 5D 03 5F C1 05",
          "00 CB 3F FF 06 5C 03 5F C1 05 00", "00 CB 3F FF 06 5C 04 5F C1 05 01"}) {
        EXPECT_EQ(token->raw(apdu).sw, 0x6A80) << apdu;
    }
    EXPECT_EQ(token->raw("00 CB 00 00 05 5C 03 5F C1 05").sw, 0x6A86);
}

TEST_F(Objects, ComputedObjectsArentWritten) {
    for (const std::uint32_t tag :
         {object::discovery, object::biometric_group, object::renewal_status, object::lock_statement}) {
        EXPECT_EQ(token->put_data(tag, {0x01}).sw, 0x6985) << std::hex << tag;
    }
}

TEST_F(Objects, Lesson13_KeyHistoryFollowsTheRetiredCertificates) {
    const auto count = [&] {
        return find(value_of(token->get_data(object::key_history)), 0xC1).value_or(ByteVector{});
    };
    EXPECT_EQ(count(), ByteVector{0});
    ASSERT_TRUE(token->put_data(object::cert_retired_first, certificate_object(pattern(200))).ok());
    EXPECT_EQ(count(), ByteVector{1});
    ASSERT_TRUE(token->put_data(object::cert_retired_first + 4, certificate_object(pattern(200))).ok());
    EXPECT_EQ(count(), ByteVector{5}) << "a reader that goes up to there finds it";
    ASSERT_TRUE(token->put_data(object::cert_retired_first + 4, {}).ok());
    EXPECT_EQ(count(), ByteVector{1});
    ASSERT_TRUE(token->put_data(object::cert_retired_last, certificate_object(pattern(200))).ok());
    EXPECT_EQ(count(), ByteVector{20});
}

TEST_F(Objects, Lesson15_EveryTokenHasItsOwnGuid) {
    EXPECT_EQ(find(value_of(token->get_data(object::chuid)), 0x34), guid());
    // A reset of the applet gives a new one: it is another card to its hosts.
    token->lock_pin();
    for (int i = 0; i < 6; ++i) (void)token->unblock("87654321", kOtherPin);
    ASSERT_TRUE(token->reset_applet().ok());
    const auto fresh = find(value_of(token->get_data(object::chuid)), 0x34);
    ASSERT_TRUE(fresh.has_value());
    EXPECT_EQ(fresh->size(), 16u);
    EXPECT_NE(*fresh, guid());
    EXPECT_NE(*fresh, ByteVector(16, 0));
}

TEST_F(Objects, ChuidCccAndDiscoveryAreWellFormed) {
    const ByteVector chuid = value_of(token->get_data(object::chuid));
    EXPECT_EQ(chuid.size(), 59u);
    EXPECT_EQ(find(chuid, 0x30).value_or(ByteVector{}).size(), 25u);
    EXPECT_EQ(find(chuid, 0x35).value_or(ByteVector{}).size(), 8u);
    const ByteVector ccc = value_of(token->get_data(object::ccc));
    EXPECT_EQ(ccc.size(), 51u);
    EXPECT_EQ(find(ccc, 0xF0).value_or(ByteVector{}).size(), 21u);
    EXPECT_EQ(to_hex(token->get_data(object::discovery).data), "7e124f0ba0000003080000100001005f2f024000");
}

TEST_F(Objects, ShortApdusCollectALongReplyByGetResponse) {
    const ByteVector value = pattern(1000);
    ASSERT_TRUE(token->put_data(0x5FFF11, value).ok());
    Reply reply = token->raw("00 CB 3F FF 05 5C 03 5F FF 11 00");
    EXPECT_EQ(reply.data.size(), 256u);
    EXPECT_EQ(reply.sw, 0x6100);
    ByteVector whole = reply.data;
    while (reply.sw >> 8 == 0x61) {
        reply = token->raw("00 C0 00 00 00");
        whole.insert(whole.end(), reply.data.begin(), reply.data.end());
    }
    EXPECT_EQ(reply.sw, 0x9000);
    EXPECT_EQ(find(whole, 0x53), value);
    EXPECT_EQ(token->raw("00 C0 00 00 00").sw, 0x6985) << "nothing is left";
    (void)token->raw("00 CB 3F FF 05 5C 03 5F FF 11 00");
    EXPECT_TRUE(token->select().ok());
    EXPECT_EQ(token->raw("00 C0 00 00 00").sw, 0x6985) << "another command drops the rest";
}

TEST_F(Objects, TokenStatusTellsLengthFingerprintAndChangeOfEachCertificate) {
    const ByteVector value = certificate_object(pattern(700));
    ASSERT_TRUE(token->put_data(object::cert_9c, value).ok());
    ByteVector slot = token->status_value(st::slot);
    ASSERT_EQ(slot.size(), protocol::kSlotStatusSize);
    EXPECT_EQ(slot[0], ref::signature);
    EXPECT_EQ(slot[1], 0) << "no key";
    EXPECT_EQ(load_be16(&slot[5]), value.size());
    EXPECT_EQ(load_be16(&slot[7]), 1);
    const auto digest = crypto::sha256(value);
    EXPECT_EQ(ByteVector(slot.begin() + 9, slot.begin() + 25), ByteVector(digest.begin(), digest.begin() + 16));
    const std::uint32_t counter = token->change_counter();
    ASSERT_TRUE(token->put_data(object::cert_9c, certificate_object(pattern(700, 5))).ok());
    slot = token->status_value(st::slot);
    EXPECT_EQ(load_be16(&slot[7]), 2);
    EXPECT_NE(ByteVector(slot.begin() + 9, slot.begin() + 25), ByteVector(digest.begin(), digest.begin() + 16));
    EXPECT_GT(token->change_counter(), counter);
}

TEST_F(Objects, TokenStatusTellsTheKeyInASlotWhateverItsCertificate) {
    const auto check = [this] {
        const ByteVector slot = token->status_value(st::slot);
        return ByteVector(slot.end() - protocol::kKeyCheckSize, slot.end());
    };
    ASSERT_TRUE(token->put_data(object::cert_9a, certificate_object(pattern(700))).ok());
    EXPECT_EQ(check(), ByteVector(protocol::kKeyCheckSize)) << "no key";
    ASSERT_TRUE(token->generate(ref::authentication).ok());
    const ByteVector first = check();
    const auto key = find(token->metadata(ref::authentication).data, 0x04);
    ASSERT_TRUE(key);
    const auto digest = crypto::sha256(*key);
    EXPECT_EQ(first, ByteVector(digest.begin(), digest.begin() + protocol::kKeyCheckSize));
    ASSERT_TRUE(token->put_data(object::cert_9a, certificate_object(pattern(700))).ok());
    EXPECT_EQ(check(), first);
    ASSERT_TRUE(token->import_p256(ref::authentication).ok());
    EXPECT_NE(check(), first) << "another key under the same certificate";
}

TEST_F(Objects, TokenStatusTellsTheVendorObjects) {
    const ByteVector seal = pattern(5000);
    ASSERT_TRUE(token->put_data_chained(object::seal, seal).ok());
    ByteVector seen = token->status_value(st::object);
    ASSERT_EQ(seen.size(), protocol::kObjectStatusSize);
    EXPECT_EQ(seen[0], 0x40);
    EXPECT_EQ(load_be32(&seen[1]), seal.size());
    const auto digest = crypto::sha256(seal);
    EXPECT_EQ(ByteVector(seen.begin() + 5, seen.end()), ByteVector(digest.begin(), digest.begin() + 8));
    ASSERT_TRUE(token->put_data(object::seal, {}).ok());
    EXPECT_TRUE(token->status_value(st::object).empty());
}

TEST_F(Objects, AFullTokenSaysSoAndLosesNothing) {
    const ByteVector first = pattern(8000);
    ASSERT_TRUE(token->put_data_chained(object::cert_9a, first).ok());
    Reply reply{{}, sw::ok};
    for (std::uint32_t i = 0; i < 256 && reply.ok(); ++i) {
        const std::uint32_t tag = 0x5FFF50 + i;
        if (tag > 0x5FFFFF) break;
        reply = token->put_data_chained(tag, pattern(4096, i));
    }
    EXPECT_EQ(reply.sw, 0x6A84);
    EXPECT_EQ(value_of(token->get_data(object::cert_9a)), first);
    EXPECT_TRUE(token->verify(kDefaultPin).ok()) << "a full token still verifies";
    EXPECT_TRUE(token->put_data(0x5FFF50, {}).ok());
    EXPECT_TRUE(token->put_data_chained(0x5FFF50, pattern(4096, 3)).ok()) << "room again";
}

}  // namespace
}  // namespace sealkey::testing
