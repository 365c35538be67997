// Renewal's commands on the wire, its status and its manifest.
#include "token/staging.h"

#include "fake_connection.h"

namespace sealkey::token {
namespace {

using protocol::Algorithm;
using test::FakeCard;
using test::FakeConnection;

class StagingTest : public ::testing::Test {
protected:
    StagingTest() {
        card_.answers(test::kSelected);
        token_.select();
        card_.sent.clear();
        for (std::size_t i = 0; i < rid_.size(); ++i) rid_[i] = static_cast<std::uint8_t>(0x10 + i);
    }
    FakeCard card_;
    Token token_{std::make_unique<FakeConnection>(card_)};
    Rid rid_{};
    const std::string rid_hex_ = "101112131415161718191A1B1C1D1E1F";
};

Kind kind_for(const std::string& hex_text) {
    return test::token_error_of([&] { (void)parse_staging_status(test::bytes(hex_text)); }).kind();
}

const std::string kFull =
    "800101 8110 101112131415161718191A1B1C1D1E1F 820105"
    "830D 9A 11 0F 0123 0102030405060708 830D 9D 07 01 0000 0000000000000000"
    "8410 00000F00 00008000 0000000000000000 8510 00000020 00000020 1112131415161718"
    "8610 202122232425262728292A2B2C2D2E2F 87020003 880100 8A0114";

TEST_F(StagingTest, BeginSendsTheAlgorithmsInTheRolesOrder) {
    card_.answers("029000").answers("FF9000").answers("009000");
    const std::vector<StageRole> roles = {{0x9D, Algorithm::rsa2048}, {0x9A, Algorithm::p256}};
    const BeginAnswer first = stage_begin(token_, rid_, roles);
    EXPECT_EQ(first.missing, 2);
    EXPECT_FALSE(first.committed);
    EXPECT_TRUE(stage_begin(token_, rid_, roles).committed);
    EXPECT_EQ(stage_begin(token_, rid_, roles, true).missing, 0);
    EXPECT_EQ(card_.sent,
              (std::vector<std::string>{"8040000013" + rid_hex_ + "05110700", "8040000013" + rid_hex_ + "05110700",
                                        "8040000013" + rid_hex_ + "85110700"}));
}

TEST_F(StagingTest, RolesThatMakeNoSenseAreRefusedHere) {
    const auto kind = [&](const std::vector<StageRole>& roles) {
        return test::token_error_of([&] { (void)stage_begin(token_, rid_, roles); }).kind();
    };
    EXPECT_EQ(kind({}), Kind::bad_argument);
    EXPECT_EQ(kind({{0x9E, Algorithm::p256}}), Kind::bad_argument);
    EXPECT_EQ(kind({{0x9A, Algorithm::p256}, {0x9A, Algorithm::p384}}), Kind::bad_argument);
    EXPECT_TRUE(card_.sent.empty());
}

TEST_F(StagingTest, SigningCommands) {
    card_.answers("AA9000").answers("BB9000").answers("CC9000").answers("DD9000");
    const ByteVector info = {0x30, 0x00};
    EXPECT_EQ(stage_csr(token_, 0x9A, info), ByteVector{0xAA});
    EXPECT_EQ(stage_csr_consent(token_, 0x9C, info), ByteVector{0xBB});
    EXPECT_EQ(stage_prove(token_, 0x9D, StageNonce{}), ByteVector{0xCC});
    EXPECT_EQ(confirm_proof(token_, 0x9A, rid_), ByteVector{0xDD});
    EXPECT_EQ(card_.sent,
              (std::vector<std::string>{"80439A0002300000", "80439C0102300000",
                                        "80449D0020" + std::string(64, '0') + "00", "804C9A0010" + rid_hex_ + "00"}));
    card_.answers("9000");
    EXPECT_EQ(test::token_error_of([&] { (void)stage_csr(token_, 0x9A, info); }).kind(), Kind::malformed_answer);
}

TEST_F(StagingTest, Lesson32_LongValuesGoInPartsWithProgress) {
    card_.extended = true;
    for (int i = 0; i < 3; ++i) card_.answers("9000");
    std::vector<std::size_t> seen;
    stage_seal(token_, ByteVector(8000, 0x5E), [&](std::size_t done, std::size_t) { seen.push_back(done); });
    EXPECT_EQ(seen, (std::vector<std::size_t>{3840, 7680, 8000}));
    ASSERT_EQ(card_.sent.size(), 3U);
    EXPECT_EQ(card_.sent[0].substr(0, 8), "80460000");
    EXPECT_EQ(card_.sent[1].substr(14, 16), "00001F4000000F00");
    EXPECT_EQ(test::token_error_of([&] { stage_seal(token_, {}); }).kind(), Kind::bad_argument);
}

TEST_F(StagingTest, ThePublicKeyIsReadByRole) {
    card_.answers("7F4904860204119000").answers("7F49009000").answers("6A88");
    const StagedRole role{.reference = 0x9A, .algorithm = Algorithm::p256};
    EXPECT_EQ(stage_public_key(token_, role).point, (ByteVector{0x04, 0x11}));
    EXPECT_EQ(card_.sent[0], "80419A0000");
    EXPECT_EQ(test::token_error_of([&] { (void)stage_public_key(token_, role); }).kind(), Kind::malformed_answer);
    EXPECT_EQ(test::token_error_of([&] { (void)stage_public_key(token_, role); }).kind(), Kind::not_found);
}

TEST_F(StagingTest, RefusalsKeepTheirMeaning) {
    for (const auto& [word, kind] : std::vector<std::pair<std::string, Kind>>{{"6982", Kind::not_verified},
                                                                              {"6985", Kind::not_allowed},
                                                                              {"6A80", Kind::bad_data},
                                                                              {"6A84", Kind::no_space},
                                                                              {"6D00", Kind::unsupported}}) {
        card_.answers(word);
        EXPECT_EQ(test::token_error_of([&] { stage_commit(token_, ByteVector(10)); }).kind(), kind) << word;
    }
}

TEST(StagingStatusTest, EveryFieldIsRead) {
    const StagingStatus status = parse_staging_status(test::bytes(kFull));
    ASSERT_TRUE(status.rid);
    EXPECT_EQ((*status.rid)[15], 0x1F);
    ASSERT_EQ(status.staged.size(), 2U);
    ASSERT_NE(status.role(0x9A), nullptr);
    EXPECT_TRUE(status.role(0x9A)->has_key && status.role(0x9A)->csr_signed);
    EXPECT_TRUE(status.role(0x9A)->has_certificate && status.role(0x9A)->proven);
    EXPECT_EQ(status.role(0x9A)->certificate_length, 0x123U);
    EXPECT_FALSE(status.role(0x9D)->csr_signed);
    EXPECT_EQ(status.role(0x9C), nullptr);
    ASSERT_TRUE(status.seal && status.record);
    EXPECT_FALSE(status.seal->complete());
    EXPECT_TRUE(status.record->complete());
    EXPECT_FALSE(status.issuer);
    ASSERT_TRUE(status.committed);
    EXPECT_EQ(status.generation, 3);
    EXPECT_FALSE(status.ready);
    EXPECT_EQ(status.free_retired_slots, 20);
    EXPECT_FALSE(parse_staging_status(test::bytes("800101 87020000 880100 8A0114 9F7F0101")).rid);
}

TEST(StagingStatusTest, MalformedAnswersAreRefused) {
    for (const char* bad :
         {"", "800102", "87020000", "800101 8102", "800101 81020102", "800101 820105 830101",
          "800101 8110 101112131415161718191A1B1C1D1E1F 820105", "800101 870103",
          "800101 830D 9A 11 0F 0123 0102030405060708", "800101 8410 00000021 00000020 1112131415161718"}) {
        EXPECT_EQ(kind_for(bad), Kind::malformed_answer) << bad;
    }
}

TEST(ManifestTest, BytesAreTheContracts) {
    Manifest manifest;
    manifest.serial = "0123456789AB";
    manifest.rid.fill(0x11);
    manifest.roles = 0x03;
    manifest.certificates = {Digest{}, Digest{}};
    manifest.record = Digest{};
    manifest.guid.fill(0x22);
    const std::string zeros(64, '0');
    const ByteVector body = manifest_body(manifest);
    EXPECT_EQ(test::hex_of(body), "800101810C3031323334353637383941428210" + std::string(32, '1') + "8301038440" +
                                      zeros + zeros + "8620" + zeros + "8810" + std::string(32, '2'));
    EXPECT_EQ(test::hex_of(signed_manifest(body, ByteVector{0xAB})), test::hex_of(body) + "9E01AB");
    manifest.certificates.pop_back();
    EXPECT_EQ(test::token_error_of([&] { (void)manifest_body(manifest); }).kind(), Kind::bad_argument);
    manifest.certificates.push_back({});
    manifest.serial = "short";
    EXPECT_EQ(test::token_error_of([&] { (void)manifest_body(manifest); }).kind(), Kind::bad_argument);
}

TEST(StatementTest, BytesAreTheContracts) {
    Rid rid{};
    EXPECT_EQ(test::hex_of(committed_statement(rid)), "5345414C4B45592D434F4D4D4954544544" + std::string(32, '0'));
    EXPECT_EQ(prove_statement(rid, 0x9C, {}).size(), 13U + 16 + 1 + 32);
    EXPECT_EQ(prove_statement(rid, 0x9C, {})[29], 0x9C);
    EXPECT_EQ(request_statement(rid, {}).size(), 15U + 16 + 32);
}

}  // namespace
}  // namespace sealkey::token
