// Each command's bytes on the wire, and each refusal's name.
#include <cstring>

#include "fake_connection.h"

namespace sealkey::token {
namespace {

using test::FakeCard;
using test::FakeConnection;

// A token whose application is selected already.
class TokenTest : public ::testing::Test {
protected:
    TokenTest() {
        card_.answers(test::kSelected);
        token_.select();
        card_.sent.clear();
    }
    const std::string& only() {
        EXPECT_EQ(card_.sent.size(), 1U);
        return card_.sent.front();
    }
    FakeCard card_;
    Token token_{std::make_unique<FakeConnection>(card_)};
};

ByteView text(const char* s) { return {reinterpret_cast<const std::uint8_t*>(s), std::strlen(s)}; }

TEST_F(TokenTest, N10_PinCommandsCarryPaddedPins) {
    card_.answers("9000").answers("9000").answers("9000").answers("9000");
    token_.verify(text("135792"));
    token_.change_pin(text("135792"), text("24680135"));
    token_.unblock(text("12345678"), text("1357924"));
    token_.change_puk(text("12345678"), text("87654321"));
    EXPECT_EQ(card_.sent, (std::vector<std::string>{
                              "0020008008"
                              "313335373932FFFF",
                              "0024008010"
                              "313335373932FFFF"
                              "3234363830313335",
                              "002C008010"
                              "3132333435363738"
                              "31333537393234FF",
                              "0024008110"
                              "3132333435363738"
                              "3837363534333231",
                          }));
}

TEST_F(TokenTest, Lesson06_WrongLengthIsRefusedHereAndSpendsNothing) {
    const auto code = parse_code("1691-4157-9270-3943");
    for (const char* pin : {"", "12345", "123456789"}) {
        EXPECT_EQ(test::token_error_of([&] { token_.verify(text(pin)); }).kind(), Kind::bad_argument);
        EXPECT_EQ(test::token_error_of([&] { token_.change_pin(text("123456"), text(pin)); }).kind(),
                  Kind::bad_argument);
        EXPECT_EQ(test::token_error_of([&] { token_.unblock(text(pin), text("123456")); }).kind(), Kind::bad_argument);
        EXPECT_EQ(test::token_error_of([&] { token_.redeem_code(code, text(pin)); }).kind(), Kind::bad_argument);
    }
    EXPECT_TRUE(card_.sent.empty());
}

TEST_F(TokenTest, RefusalsAreNamed) {
    struct Row {
        const char* answer;
        Kind kind;
        std::optional<int> tries;
    };
    const Row rows[] = {
        {"63C5", Kind::wrong_pin, 5},      {"63C0", Kind::wrong_pin, 0},      {"6983", Kind::locked, 0},
        {"6982", Kind::not_verified, {}},  {"6985", Kind::not_allowed, {}},   {"6A80", Kind::bad_data, {}},
        {"6700", Kind::bad_data, {}},      {"6A82", Kind::not_found, {}},     {"6A84", Kind::no_space, {}},
        {"6A81", Kind::unsupported, {}},   {"6D00", Kind::unsupported, {}},   {"6F01", Kind::token_failure, {}},
        {"6581", Kind::token_failure, {}}, {"1234", Kind::token_failure, {}},
    };
    for (const auto& row : rows) {
        card_.answers(row.answer);
        const auto error = test::token_error_of([&] { token_.verify(text("135792")); });
        EXPECT_EQ(error.kind(), row.kind) << row.answer;
        EXPECT_EQ(error.tries_left(), row.tries) << row.answer;
    }
    card_.answers("63C2").answers("63C4");
    EXPECT_EQ(test::token_error_of([&] { token_.unblock(text("12345678"), text("135792")); }).kind(), Kind::wrong_puk);
    EXPECT_EQ(test::token_error_of([&] { token_.redeem_code(parse_code("1691415792703943"), text("135792")); }).kind(),
              Kind::wrong_code);
}

TEST_F(TokenTest, N11_CodeAndNewPinGoInOneCommandAndTheProofComesBack) {
    card_.answers("000102030405060708090A0B0C0D0E0F9000");
    const auto proof = token_.redeem_code(parse_code("1691-4157-9270-3943"), text("135792"));
    EXPECT_EQ(proof[15], 0x0F);
    EXPECT_EQ(only(),
              "8020008017"
              "313639313431353739323730333934"
              "313335373932FFFF"
              "00");
}

TEST_F(TokenTest, AttestationsAreAskedWithAndWithoutANonce) {
    card_.answers("3003020100 9000").answers("3003020101 9000").answers("6A88").answers("6985");
    EXPECT_EQ(token_.attest(0x9A), (ByteVector{0x30, 3, 2, 1, 0}));
    EXPECT_EQ(token_.attest(0x9C, ByteVector(32, 0x55)), (ByteVector{0x30, 3, 2, 1, 1}));
    EXPECT_EQ(card_.sent[0], "00F99A0000");
    std::string nonce;
    for (int i = 0; i < 32; ++i) nonce += "55";
    EXPECT_EQ(card_.sent[1], "80369C0020" + nonce + "00");
    EXPECT_EQ(test::token_error_of([&] { (void)token_.attest(0x9D); }).kind(), Kind::not_found);
    EXPECT_EQ(test::token_error_of([&] { (void)token_.attest(0x9D); }).kind(), Kind::not_allowed);
    for (const std::size_t size : {0, 31, 33}) {
        const auto wrong = [&] { (void)token_.attest(0x9A, ByteVector(size, 1)); };
        EXPECT_EQ(test::token_error_of(wrong).kind(), Kind::bad_argument);
    }
    EXPECT_EQ(card_.sent.size(), 4U) << "a nonce of another length isn't sent";
}

TEST_F(TokenTest, Lesson04_PinPresenceSendsNoPin) {
    card_.answers("63C4").answers("9000").answers("6983");
    auto presence = token_.pin_presence();
    EXPECT_FALSE(presence.verified);
    EXPECT_EQ(presence.tries_left, 4);
    EXPECT_EQ(only(), "00200080");
    EXPECT_TRUE(token_.pin_presence().verified);
    EXPECT_TRUE(token_.pin_presence().blocked);
}

TEST_F(TokenTest, ObjectsAreUnwrapped) {
    card_.answers("5303 010203 9000").answers("7E02 0102 9000").answers("5300 9000").answers("6A82");
    EXPECT_EQ(token_.read_object(0x5FC102), (ByteVector{1, 2, 3}));
    EXPECT_EQ(card_.sent[0], "00CB3FFF055C035FC10200");
    EXPECT_EQ(token_.read_object(0x7E), (ByteVector{1, 2}));
    EXPECT_EQ(card_.sent[1], "00CB3FFF035C017E00");
    EXPECT_EQ(token_.find_object(0x5FC105), std::nullopt);
    EXPECT_EQ(token_.find_object(0x5FC105), std::nullopt);
}

TEST_F(TokenTest, ObjectsThatBreakTheirFormatAreRefused) {
    for (const char* answer :
         {"9000", "53 9000", "5305 0102 9000", "5402 0102 9000", "5301 01 00 9000", "7E01 01 9000"}) {
        card_.answers(answer);
        EXPECT_EQ(test::token_error_of([&] { (void)token_.read_object(0x5FC102); }).kind(), Kind::malformed_answer)
            << answer;
    }
}

TEST_F(TokenTest, Lesson32_SealIsReadByPartsWithProgress) {
    std::string part;
    for (int i = 0; i < 2048; ++i) part += "11";
    card_.answers(part + "9000").answers("2222 9000");
    std::size_t last = 0;
    const auto seal =
        token_.read_in_parts(protocol::object::seal, 2050, [&](std::size_t done, std::size_t) { last = done; });
    EXPECT_EQ(seal.size(), 2050U);
    EXPECT_EQ(last, 2050U);
    EXPECT_EQ(card_.sent[0], "80120000095FFF4000000000080000");
    EXPECT_EQ(card_.sent[1], "80120000095FFF4000000800000200");
}

TEST_F(TokenTest, Lesson32_SealThatEndsEarlyOrAnswersMoreIsRefused) {
    card_.answers("11 9000").answers("9000");
    EXPECT_EQ(test::token_error_of([&] { (void)token_.read_in_parts(protocol::object::seal, 5, {}); }).kind(),
              Kind::malformed_answer);
    card_.answers("112233 9000");
    EXPECT_EQ(test::token_error_of([&] { (void)token_.read_part(protocol::object::seal, 0, 2); }).kind(),
              Kind::malformed_answer);
}

TEST_F(TokenTest, PrivateKeyOperations) {
    card_.answers("7C06 8204 A1A2A3A4 9000").answers("7C04 8202 B1B2 9000").answers("7C03 8201 C1 9000");
    EXPECT_EQ(token_.sign(0x9A, protocol::Algorithm::p256, test::bytes("0102")), test::bytes("A1A2A3A4"));
    EXPECT_EQ(card_.sent[0],
              "0087119A087C068200810201"
              "0200");
    EXPECT_EQ(token_.decrypt(0x9D, protocol::Algorithm::rsa2048, test::bytes("0102")), test::bytes("B1B2"));
    EXPECT_EQ(token_.derive(0x9D, protocol::Algorithm::p256, test::bytes("04")), test::bytes("C1"));
    EXPECT_EQ(card_.sent[2], "0087119D077C05820085010400");
    for (const char* answer : {"9000", "7C00 9000", "7C02 8200 9000", "7C05 8204 A1 9000", "8204 A1A2A3A4 9000"}) {
        card_.answers(answer);
        EXPECT_EQ(
            test::token_error_of([&] { (void)token_.sign(0x9A, protocol::Algorithm::p256, test::bytes("01")); }).kind(),
            Kind::malformed_answer)
            << answer;
    }
}

TEST_F(TokenTest, GenerateSendsPoliciesOnlyWhenAsked) {
    card_.answers("7F4904 8602 0405 9000").answers("7F4909 8103 00A1A2 8202 0003 9000");
    EXPECT_EQ(token_.generate(0x9A, protocol::Algorithm::p256).point, test::bytes("0405"));
    EXPECT_EQ(card_.sent[0], "0047009A05AC0380011100");
    const auto rsa = token_.generate(0x9C, protocol::Algorithm::rsa2048, protocol::PinPolicy::always);
    EXPECT_EQ(rsa.modulus, test::bytes("A1A2"));
    EXPECT_EQ(card_.sent[1], "0047009C08AC06800107AA010300");
}

// A cipher that only adds: enough to follow the protocol.
class Adding final : public BlockCipher {
public:
    protocol::Algorithm algorithm() const override { return protocol::Algorithm::aes256; }
    void encrypt(Bytes in, MutableBytes out) override {
        for (std::size_t i = 0; i < in.size(); ++i) out[i] = static_cast<std::uint8_t>(in[i] + 1);
    }
    void decrypt(Bytes in, MutableBytes out) override {
        for (std::size_t i = 0; i < in.size(); ++i) out[i] = static_cast<std::uint8_t>(in[i] - 1);
    }
    void random(MutableBytes out) override { std::fill(out.begin(), out.end(), 0x70); }
};

const std::string kMetadata9B = "01010C 02020001 050101 9000";
std::string repeated(const char* byte, int n) {
    std::string out;
    for (int i = 0; i < n; ++i) out += byte;
    return out;
}

TEST_F(TokenTest, Lesson09_ManagementAuthenticationIsMutual) {
    card_.answers(kMetadata9B).answers("7C12 8010" + repeated("21", 16) + "9000");
    card_.answers("7C12 8210" + repeated("71", 16) + "9000");
    Adding cipher;
    token_.authenticate_management(cipher);
    ASSERT_EQ(card_.sent.size(), 3U);
    EXPECT_EQ(card_.sent[1], "00870C9B047C02800000");
    EXPECT_EQ(card_.sent[2],
              "00870C9B26"
              "7C24"
              "8010" +
                  repeated("20", 16) + "8110" + repeated("70", 16) + "00");
}

TEST_F(TokenTest, Lesson09_TokenThatLiesIsFoundOut) {
    for (const std::string& response : {"8210" + repeated("71", 15) + "70", "8210" + repeated("00", 16)}) {
        card_.answers(kMetadata9B)
            .answers("7C12 8010" + repeated("21", 16) + "9000")
            .answers("7C12" + response + "9000");
        Adding cipher;
        EXPECT_EQ(test::token_error_of([&] { token_.authenticate_management(cipher); }).kind(), Kind::lying_token);
    }
    for (const std::string& response :
         {std::string("9000"), "7C12 8110" + repeated("71", 16) + "9000", "7C11 820F" + repeated("71", 15) + "9000"}) {
        card_.answers(kMetadata9B).answers("7C12 8010" + repeated("21", 16) + "9000").answers(response);
        Adding cipher;
        EXPECT_EQ(test::token_error_of([&] { token_.authenticate_management(cipher); }).kind(), Kind::malformed_answer);
    }
}

TEST_F(TokenTest, Lesson01_WrongManagementKeyIsRefusedByTheToken) {
    card_.answers(kMetadata9B).answers("7C12 8010" + repeated("21", 16) + "9000").answers("6982");
    Adding cipher;
    EXPECT_EQ(test::token_error_of([&] { token_.authenticate_management(cipher); }).kind(), Kind::not_verified);
}

TEST_F(TokenTest, ManagementKeyOfAnotherAlgorithmStopsBeforeAnythingIsSent) {
    card_.answers("010103 9000");
    Adding cipher;
    EXPECT_EQ(test::token_error_of([&] { token_.authenticate_management(cipher); }).kind(), Kind::bad_argument);
    EXPECT_EQ(card_.sent.size(), 1U);
}

TEST_F(TokenTest, LifecycleAsTheContractHasIt) {
    card_.answers("9000").answers("9000");
    token_.set_bench_pin(text("135792"));
    EXPECT_EQ(card_.sent[0], "8032000008313335373932FFFF");
    token_.set_lifecycle(protocol::Lifecycle::secured);
    EXPECT_EQ(card_.sent[1], "80340200");
}

TEST_F(TokenTest, BirthNeverGoesInPlain) {
    InitialValues values;
    values.serial = "0123456789AB";
    const ByteVector key(32, 0x55);
    values.unlock_key = key;
    values.management_key = key;
    EXPECT_EQ(test::token_error_of([&] { token_.initialise(values); }).kind(), Kind::bad_argument);
    values.serial = "short";
    EXPECT_EQ(test::token_error_of([&] { token_.initialise(values); }).kind(), Kind::bad_argument);
    EXPECT_TRUE(card_.sent.empty());
}

TEST_F(TokenTest, ForeignAnswersToMetadataAreRefused) {
    for (const char* answer : {"9000", "0102 0707 9000", "010107 020101 9000", "010107 04028100 9000"}) {
        card_.answers(answer);
        EXPECT_EQ(test::token_error_of([&] { (void)token_.metadata(0x9A); }).kind(), Kind::malformed_answer) << answer;
    }
}

}  // namespace
}  // namespace sealkey::token
