// The management key: lesson 1 above all. Every case runs for every algorithm that the profile takes.
#include <gtest/gtest.h>

#include "support/token_fixture.h"

namespace sealkey::testing {
namespace {

struct Kind {
    const char* name;
    Algorithm algorithm;
    std::size_t key_size;
    std::size_t block;
};

class Management : public ::testing::TestWithParam<Kind> {
protected:
    Management() {
        const Kind& kind = GetParam();
        for (std::size_t i = 0; i < kind.key_size; ++i) key.push_back(static_cast<std::uint8_t>(0x21 + 2 * i));
        EXPECT_EQ(token->authenticate(), sw::ok);
        EXPECT_TRUE(token->set_management_key(kind.algorithm, key).ok());
        token->reset();
    }
    Reply step(const ByteVector& list) {
        return token->send(0x00, 0x87, static_cast<std::uint8_t>(GetParam().algorithm), ref::management,
                           tlv(0x7C, list));
    }
    ByteVector ask(std::uint32_t tag) {
        const Reply reply = step(tlv(tag, {}));
        EXPECT_TRUE(reply.ok());
        return find(find(reply.data, 0x7C).value(), tag).value();
    }
    ByteVector enciphered(const ByteVector& block) { return block_encrypt(GetParam().algorithm, key, block); }
    ByteVector deciphered(const ByteVector& block) { return block_decrypt(GetParam().algorithm, key, block); }
    ByteVector zeros() { return ByteVector(GetParam().block, 0); }
    // Whether the session may do what 9B alone allows.
    bool allowed() { return token->put_data(0x5FFF11, {0x01}).ok(); }

    ByteVector key;
    std::unique_ptr<TestToken> token = TestToken::personalised(Profile::compatibility);
};
INSTANTIATE_TEST_SUITE_P(Algorithms, Management,
                         ::testing::Values(Kind{"tdes", Algorithm::tdes, 24, 8},
                                           Kind{"aes128", Algorithm::aes128, 16, 16},
                                           Kind{"aes192", Algorithm::aes192, 24, 16},
                                           Kind{"aes256", Algorithm::aes256, 32, 16}),
                         [](const auto& kind) { return kind.param.name; });

TEST_P(Management, MutualOpens) {
    EXPECT_FALSE(allowed());
    EXPECT_EQ(token->authenticate(GetParam().algorithm, key), sw::ok);
    EXPECT_TRUE(allowed());
    token->reset();
    EXPECT_FALSE(allowed()) << "until the card is reset";
}

TEST_P(Management, SingleOpens) {
    const ByteVector challenge = ask(0x81);
    ASSERT_EQ(challenge.size(), GetParam().block);
    EXPECT_EQ(step(tlv(0x82, enciphered(challenge))).sw, 0x9000);
    EXPECT_TRUE(allowed());
}

TEST_P(Management, Lesson01_SingleRefusesEveryWrongResponse) {
    const auto refused = [&](const ByteVector& response, const char* what) {
        (void)ask(0x81);
        EXPECT_NE(step(tlv(0x82, response)).sw, 0x9000) << what;
        EXPECT_FALSE(allowed()) << what;
    };
    refused(zeros(), "zeros");
    refused(ByteVector(GetParam().block, 0xFF), "ones");
    refused({}, "empty");
    refused({0x00}, "one byte");
    ByteVector challenge = ask(0x81);
    EXPECT_NE(step(tlv(0x82, challenge)).sw, 0x9000) << "the challenge itself";
    EXPECT_FALSE(allowed());
    challenge = ask(0x81);
    ByteVector response = enciphered(challenge);
    response.pop_back();
    EXPECT_NE(step(tlv(0x82, response)).sw, 0x9000) << "truncated";
    EXPECT_FALSE(allowed());
    challenge = ask(0x81);
    response = enciphered(challenge);
    response.push_back(0);
    EXPECT_NE(step(tlv(0x82, response)).sw, 0x9000) << "too long";
    EXPECT_FALSE(allowed());
    challenge = ask(0x81);
    EXPECT_NE(step(tlv(0x82, deciphered(challenge))).sw, 0x9000) << "deciphered instead";
    EXPECT_FALSE(allowed());
    for (std::size_t bit = 0; bit < GetParam().block * 8; bit += 5) {
        response = enciphered(ask(0x81));
        response[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        EXPECT_EQ(step(tlv(0x82, response)).sw, 0x6982) << "bit " << bit;
        EXPECT_FALSE(allowed()) << "bit " << bit;
    }
}

TEST_P(Management, Lesson01_AResponseIsGoodOnce) {
    const ByteVector response = enciphered(ask(0x81));
    ASSERT_TRUE(step(tlv(0x82, response)).ok());
    token->reset();
    EXPECT_EQ(step(tlv(0x82, response)).sw, 0x6982) << "replayed with no challenge";
    EXPECT_FALSE(allowed());
    (void)ask(0x81);
    EXPECT_EQ(step(tlv(0x82, response)).sw, 0x6982) << "replayed against another challenge";
    EXPECT_FALSE(allowed());
    // A wrong attempt uses the challenge up.
    const ByteVector right = enciphered(ask(0x81));
    EXPECT_EQ(step(tlv(0x82, zeros())).sw, 0x6982);
    EXPECT_EQ(step(tlv(0x82, right)).sw, 0x6982);
    EXPECT_FALSE(allowed());
}

TEST_P(Management, Lesson01_NoResponseWithoutAChallenge) {
    EXPECT_EQ(step(tlv(0x82, enciphered(zeros()))).sw, 0x6982);
    EXPECT_EQ(step(tlv(0x82, zeros())).sw, 0x6982);
    EXPECT_EQ(step(concat({tlv(0x80, zeros()), tlv(0x81, zeros())})).sw, 0x6982);
    EXPECT_FALSE(allowed());
}

TEST_P(Management, Lesson01_MutualRefusesEveryWrongWitness) {
    const ByteVector mine(GetParam().block, 0x5A);
    const auto refused = [&](const ByteVector& witness, const char* what) {
        const Reply reply = step(concat({tlv(0x80, witness), tlv(0x81, mine)}));
        EXPECT_NE(reply.sw, 0x9000) << what;
        EXPECT_TRUE(reply.data.empty()) << what << ": nothing is enciphered for it";
        EXPECT_FALSE(allowed()) << what;
    };
    ByteVector witness = ask(0x80);
    refused(witness, "the witness itself");
    (void)ask(0x80);
    refused(zeros(), "zeros");
    (void)ask(0x80);
    refused({}, "empty");
    witness = deciphered(ask(0x80));
    witness.pop_back();
    refused(witness, "truncated");
    witness = deciphered(ask(0x80));
    witness.back() ^= 1;
    refused(witness, "one bit");
    witness = deciphered(ask(0x80));
    refused(zeros(), "a wrong one uses it up");
    refused(witness, "then the right one is late");
    const ByteVector old = deciphered(ask(0x80));
    (void)ask(0x80);
    refused(old, "of the one before");
}

TEST_P(Management, Lesson01_MutualNeedsAWholeChallengeOfTheHost) {
    const ByteVector witness = deciphered(ask(0x80));
    EXPECT_NE(step(concat({tlv(0x80, witness), tlv(0x81, {1, 2, 3})})).sw, 0x9000);
    EXPECT_FALSE(allowed());
    const ByteVector again = deciphered(ask(0x80));
    EXPECT_NE(step(tlv(0x80, again)).sw, 0x9000) << "no challenge at all";
    EXPECT_FALSE(allowed());
}

TEST_P(Management, Lesson01_TheTwoWaysDontMix) {
    // A single challenge can't be answered as a witness, and the other way round.
    const ByteVector challenge = ask(0x81);
    EXPECT_NE(step(concat({tlv(0x80, challenge), tlv(0x81, zeros())})).sw, 0x9000);
    EXPECT_FALSE(allowed());
    const ByteVector expected = enciphered(ask(0x81));
    EXPECT_NE(step(concat({tlv(0x80, expected), tlv(0x81, zeros())})).sw, 0x9000);
    EXPECT_FALSE(allowed());
    const ByteVector witness = deciphered(ask(0x80));
    EXPECT_NE(step(tlv(0x82, witness)).sw, 0x9000);
    EXPECT_FALSE(allowed());
}

TEST_P(Management, Lesson01_TheTokenEnciphersForNobodyUnproven) {
    // INTERNAL AUTHENTICATE with 9B would answer its own challenge.
    const ByteVector challenge = ask(0x81);
    const Reply oracle = step(concat({tlv(0x82, {}), tlv(0x81, challenge)}));
    EXPECT_NE(oracle.sw, 0x9000);
    EXPECT_TRUE(oracle.data.empty());
    EXPECT_FALSE(allowed());
}

TEST_P(Management, WrongKeyIsRefused) {
    ByteVector wrong = key;
    wrong[5] ^= 0x10;
    const ByteVector challenge = ask(0x81);
    EXPECT_EQ(step(tlv(0x82, block_encrypt(GetParam().algorithm, wrong, challenge))).sw, 0x6982);
    EXPECT_FALSE(allowed());
}

TEST_P(Management, AFailedAttemptEndsTheAuthorityThereWas) {
    ASSERT_EQ(token->authenticate(GetParam().algorithm, key), sw::ok);
    ASSERT_TRUE(allowed());
    (void)ask(0x81);
    EXPECT_EQ(step(tlv(0x82, zeros())).sw, 0x6982);
    EXPECT_FALSE(allowed());
}

TEST_P(Management, AnotherAlgorithmIsRefused) {
    const auto other = GetParam().algorithm == Algorithm::aes256 ? Algorithm::aes128 : Algorithm::aes256;
    EXPECT_EQ(token->send(0x00, 0x87, static_cast<std::uint8_t>(other), ref::management, from_hex("7C 02 81 00")).sw,
              0x6A86);
    EXPECT_EQ(token->send(0x00, 0x87, 0x11, ref::management, from_hex("7C 02 81 00")).sw, 0x6A86);
}

TEST_P(Management, MalformedTemplatesAreRefused) {
    const std::uint8_t p1 = static_cast<std::uint8_t>(GetParam().algorithm);
    for (const char* data : {"", "7C", "7C 00", "7C 02 81", "7C 03 81 00", "7C 02 80 00 00", "7D 02 80 00",
                             "7C 04 80 00 81 00", "7C 02 82 00", "7C 04 80 05 01 02"}) {
        EXPECT_NE(token->send(0x00, 0x87, p1, ref::management, from_hex(data)).sw, 0x9000) << data;
    }
    EXPECT_FALSE(allowed());
}

TEST_P(Management, SetNeedsTheOldKey) {
    EXPECT_EQ(token->set_management_key(GetParam().algorithm, key).sw, 0x6982);
    ASSERT_EQ(token->authenticate(GetParam().algorithm, key), sw::ok);
    ByteVector next = key;
    next[0] ^= 0xF0;
    ByteVector wrong_size = next;
    wrong_size.pop_back();
    EXPECT_EQ(token->set_management_key(GetParam().algorithm, wrong_size).sw, 0x6700);
    EXPECT_TRUE(token->set_management_key(GetParam().algorithm, next).ok());
    token->reset();
    EXPECT_NE(token->authenticate(GetParam().algorithm, key), sw::ok);
    EXPECT_EQ(token->authenticate(GetParam().algorithm, next), sw::ok);
}

TEST(ManagementKey, WeakTripleDesKeysAreRefused) {
    auto token = TestToken::personalised(Profile::compatibility);
    ASSERT_EQ(token->authenticate(), sw::ok);
    EXPECT_EQ(token->set_management_key(Algorithm::tdes, ByteVector(24, 0x01)).sw, 0x6A80);
    token->reset();
    EXPECT_EQ(token->authenticate(), sw::ok) << "the old one stays";
}

TEST(ManagementKey, AlgorithmZeroMeansTheKeysOwn) {
    for (const Profile profile : {Profile::compatibility, Profile::shipping}) {
        auto token = TestToken::personalised(profile);
        const Reply challenge = token->send(0x00, 0x87, 0x00, ref::management, from_hex("7C 02 81 00"));
        ASSERT_TRUE(challenge.ok());
        const ByteVector block = find(find(challenge.data, 0x7C).value(), 0x81).value();
        EXPECT_EQ(block.size(), profile == Profile::compatibility ? 8u : 16u);
        EXPECT_EQ(token->send(0x00, 0x87, 0x00, ref::management, tlv(0x7C, tlv(0x82, block))).sw, 0x6982)
            << "and proves nothing by itself";
        EXPECT_EQ(token->put_data(0x5FFF11, {1}).sw, 0x6982);
    }
}

TEST(ManagementKey, TheShippingProfileTakesAes256Alone) {
    auto token = TestToken::personalised(Profile::shipping);
    EXPECT_EQ(token->send(0x00, 0x87, 0x03, ref::management, from_hex("7C 02 81 00")).sw, 0x6A86);
    EXPECT_EQ(token->authenticate(), sw::ok);
    EXPECT_EQ(token->set_management_key(Algorithm::aes256, ByteVector(32, 7)).sw, 0x6982)
        << "a secret doesn't travel in the clear";
    token->reset();
    EXPECT_EQ(token->authenticate(), sw::ok);
}

}  // namespace
}  // namespace sealkey::testing
