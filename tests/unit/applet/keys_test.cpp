// Keys: made, brought, moved, used; PIN policies; what stays of a key that is gone.
#include <gtest/gtest.h>

#include "crypto/ec.h"
#include "crypto/rsa.h"
#include "support/test_keys.h"
#include "support/token_fixture.h"

namespace sealkey::testing {
namespace {

ByteVector digest() { return ByteVector(32, 0x5C); }

ByteVector result(const Reply& reply) {
    const auto list = find(reply.data, 0x7C);
    return list ? find(*list, 0x82).value_or(ByteVector{}) : ByteVector{};
}

// PKCS #1 v1.5 block for a SHA-256 digest, as a host pads it.
ByteVector padded_block(std::size_t size) {
    ByteVector out(size, 0xFF);
    const ByteVector info = concat({from_hex("3031300d060960864801650304020105000420"), digest()});
    out[0] = 0;
    out[1] = 1;
    out[size - info.size() - 1] = 0;
    std::copy(info.begin(), info.end(), out.end() - static_cast<std::ptrdiff_t>(info.size()));
    return out;
}

class Keys : public ::testing::Test {
protected:
    Keys() { EXPECT_EQ(token->authenticate(), sw::ok); }
    void expect_signs(std::uint8_t slot, const ByteVector& point) {
        const Reply reply = token->use_key(slot, Algorithm::p256, digest());
        ASSERT_TRUE(reply.ok()) << std::hex << reply.sw;
        EXPECT_TRUE(crypto::ecdsa_verify(crypto::Curve::p256, point, digest(), result(reply)));
    }
    std::unique_ptr<TestToken> token = TestToken::personalised(Profile::compatibility);
};

TEST_F(Keys, GeneratedP256SignsAndVerifies) {
    const Reply made = token->generate(ref::authentication);
    ASSERT_TRUE(made.ok());
    const ByteVector point = find(find(made.data, 0x7F49).value(), 0x86).value();
    ASSERT_EQ(point.size(), 65u);
    EXPECT_EQ(token->use_key(ref::authentication, Algorithm::p256, digest()).sw, 0x6982) << "without the PIN";
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    expect_signs(ref::authentication, point);
    ASSERT_TRUE(token->power_cycle());
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    expect_signs(ref::authentication, point);
}

TEST_F(Keys, GeneratedP384SignsAndAgrees) {
    const Reply made = token->generate(ref::key_management, Algorithm::p384);
    ASSERT_TRUE(made.ok());
    const ByteVector point = find(find(made.data, 0x7F49).value(), 0x86).value();
    ASSERT_EQ(point.size(), 97u);
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    const Reply signature = token->use_key(ref::key_management, Algorithm::p384, ByteVector(48, 3));
    EXPECT_TRUE(crypto::ecdsa_verify(crypto::Curve::p384, point, ByteVector(48, 3), result(signature)));
    crypto::Drbg drbg(token->parts().entropy);
    ASSERT_TRUE(drbg.seed());
    crypto::EcPrivateKey other;
    ASSERT_TRUE(other.generate(drbg, crypto::Curve::p384));
    ByteVector other_point(97);
    ASSERT_TRUE(other.public_point(other_point));
    const auto theirs = other.ecdh(drbg, point);
    ASSERT_TRUE(theirs);
    const Reply ours = token->use_key(ref::key_management, Algorithm::p384, other_point, 0x85);
    EXPECT_TRUE(equal(result(ours), theirs->bytes()));
}

TEST_F(Keys, ImportedP256HasTheKnownPublicKey) {
    ASSERT_TRUE(token->import_p256(ref::authentication).ok());
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    expect_signs(ref::authentication, from_hex(kTestP256Point));
    const Reply metadata = token->metadata(ref::authentication);
    EXPECT_EQ(find(metadata.data, 0x03), ByteVector{2}) << "imported";
    EXPECT_EQ(find(find(metadata.data, 0x04).value(), 0x86), from_hex(kTestP256Point));
}

TEST_F(Keys, ImportedRsaSignsAndDeciphers) {
    ASSERT_TRUE(token->import_rsa2048(ref::key_management).ok());
    EXPECT_EQ(find(find(token->metadata(ref::key_management).data, 0x04).value(), 0x81), from_hex(kTestRsaModulus));
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    const ByteVector block = padded_block(256);
    const ByteVector signature = result(token->use_key(ref::key_management, Algorithm::rsa2048, block));
    ASSERT_EQ(signature.size(), 256u);
    ByteVector opened(256);
    ASSERT_TRUE(crypto::rsa_public_operation(from_hex(kTestRsaModulus), signature, opened));
    EXPECT_EQ(opened, block);
    ByteVector cipher(256);
    ASSERT_TRUE(crypto::rsa_public_operation(from_hex(kTestRsaModulus), block, cipher));
    // Also by short, chained APDUs.
    const Reply plain =
        token->chain(0x00, 0x87, 0x07, ref::key_management, tlv(0x7C, concat({tlv(0x82, {}), tlv(0x81, cipher)})));
    EXPECT_EQ(result(plain), block);
}

// A length that the token makes and then signs with, by the public key that it told.
class GeneratedRsa : public Keys, public ::testing::WithParamInterface<Algorithm> {};
INSTANTIATE_TEST_SUITE_P(Lengths, GeneratedRsa, ::testing::Values(Algorithm::rsa2048, Algorithm::rsa3072),
                         [](const auto& which) { return which.param == Algorithm::rsa2048 ? "Rsa2048" : "Rsa3072"; });
TEST_P(GeneratedRsa, Signs) {
    const std::size_t size = GetParam() == Algorithm::rsa2048 ? 256 : 384;
    const Reply made = token->generate(ref::authentication, GetParam());
    ASSERT_TRUE(made.ok());
    const ByteVector modulus = find(find(made.data, 0x7F49).value(), 0x81).value();
    EXPECT_EQ(find(find(made.data, 0x7F49).value(), 0x82), (ByteVector{1, 0, 1}));
    ASSERT_EQ(modulus.size(), size);
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    const ByteVector signature = result(token->use_key(ref::authentication, GetParam(), padded_block(size)));
    ByteVector opened(size);
    ASSERT_TRUE(crypto::rsa_public_operation(modulus, signature, opened));
    EXPECT_EQ(opened, padded_block(size));
}

TEST_F(Keys, WrongInputIsRefusedAndNamed) {
    ASSERT_TRUE(token->import_rsa2048(ref::key_management).ok());
    ASSERT_TRUE(token->import_p256(ref::authentication).ok());
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    const std::uint8_t slot = ref::key_management;
    EXPECT_EQ(token->use_key(slot, Algorithm::rsa2048, ByteVector(255, 1)).sw, 0x6A80) << "shorter than the modulus";
    EXPECT_EQ(token->use_key(slot, Algorithm::rsa2048, ByteVector(257, 1)).sw, 0x6A80);
    EXPECT_EQ(token->use_key(slot, Algorithm::rsa2048, ByteVector(256, 0xFF)).sw, 0x6A80) << "not below the modulus";
    EXPECT_EQ(token->use_key(slot, Algorithm::rsa2048, padded_block(256), 0x85).sw, 0x6A80) << "no agreement with RSA";
    EXPECT_EQ(token->use_key(slot, Algorithm::rsa3072, padded_block(384)).sw, 0x6A86) << "another algorithm";
    EXPECT_EQ(token->use_key(slot, Algorithm::p256, digest()).sw, 0x6A86);
    EXPECT_EQ(token->use_key(ref::authentication, Algorithm::p256, ByteVector(65, 1)).sw, 0x6A80) << "too long";
    EXPECT_EQ(token->use_key(ref::authentication, Algorithm::p256, ByteVector(65, 4), 0x85).sw, 0x6A80)
        << "not a point of the curve";
    EXPECT_EQ(token->use_key(ref::authentication, Algorithm::p256, ByteVector(64, 4), 0x85).sw, 0x6A80);
    EXPECT_EQ(token->use_key(ref::card_authentication, Algorithm::p256, digest()).sw, 0x6A88) << "an empty slot";
    EXPECT_EQ(token->use_key(0x96, Algorithm::p256, digest()).sw, 0x6A88) << "no slot";
    EXPECT_EQ(token->send(0, 0x87, 0x50, slot, from_hex("7C 05 82 00 81 01 00")).sw, 0x6A86) << "SM2 isn't there yet";
    for (const char* data : {"", "7C 00", "7C 02 82 00", "7C 02 81 00", "7C 05 82 01 00 81 00", "7C 03 81 05 01",
                             "7C 08 82 00 81 01 01 85 01 01", "7C 05 82 00 81 01 01 00"}) {
        EXPECT_EQ(token->send(0, 0x87, 0x11, ref::authentication, from_hex(data)).sw, 0x6A80) << data;
    }
    expect_signs(ref::authentication, from_hex(kTestP256Point));
}

TEST_F(Keys, WrongImportsAreRefusedAndTheOldKeyStays) {
    ASSERT_TRUE(token->import_p256(ref::authentication).ok());
    const auto import = [&](std::uint8_t algorithm, const ByteVector& data) {
        return token->send(0x00, 0xFE, algorithm, ref::authentication, data).sw;
    };
    EXPECT_EQ(import(0x11, tlv(0x06, ByteVector(32, 0))), 0x6A80) << "zero";
    EXPECT_EQ(import(0x11, tlv(0x06, ByteVector(32, 0xFF))), 0x6A80) << "above the order";
    EXPECT_EQ(import(0x11, tlv(0x06, ByteVector(31, 1))), 0x6A80);
    EXPECT_EQ(import(0x11, {}), 0x6A80);
    EXPECT_EQ(import(0x14, tlv(0x06, from_hex(kTestP256Scalar))), 0x6A80) << "another curve's length";
    EXPECT_EQ(import(0x03, tlv(0x06, from_hex(kTestP256Scalar))), 0x6A86) << "not an algorithm for keys";
    const ByteVector p = tlv(0x01, from_hex(kTestRsaP));
    const ByteVector q = tlv(0x02, from_hex(kTestRsaQ));
    const ByteVector dp = tlv(0x03, from_hex(kTestRsaDp));
    const ByteVector dq = tlv(0x04, from_hex(kTestRsaDq));
    EXPECT_EQ(import(0x07, concat({p, q})), 0x6A80) << "parts are missing";
    EXPECT_EQ(import(0x07, concat({p, q, dp, dq, tlv(0x05, from_hex(kTestRsaDp))})), 0x6A80) << "a wrong one";
    EXPECT_EQ(import(0x07, concat({p, p, dp, dq, tlv(0x05, from_hex(kTestRsaQinv))})), 0x6A80);
    EXPECT_EQ(import(0x05, concat({p, q, dp, dq, tlv(0x05, from_hex(kTestRsaQinv))})), 0x6A80) << "not 3072 bits";
    EXPECT_EQ(import(0x11, concat({tlv(0x06, from_hex(kTestP256Scalar)), tlv(0xAA, {9})})), 0x6A80) << "no such policy";
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    expect_signs(ref::authentication, from_hex(kTestP256Point));
}

TEST_F(Keys, MalformedGenerateIsRefused) {
    for (const char* data : {"", "AC 00", "AC 03 80 01", "AC 03 80 01 03", "AC 03 80 01 50", "AB 03 80 01 11",
                             "AC 06 80 01 11 AA 01 07", "AC 06 80 01 11 AA 02 01", "AC 03 80 01 11 00"}) {
        EXPECT_EQ(token->send(0, 0x47, 0, ref::authentication, from_hex(data)).sw, 0x6A80) << data;
    }
    EXPECT_EQ(token->send(0, 0x47, 0, 0x80, from_hex("AC 03 80 01 11")).sw, 0x6A88);
    EXPECT_EQ(token->send(0, 0x47, 1, 0x9A, from_hex("AC 03 80 01 11")).sw, 0x6A86);
    EXPECT_EQ(token->metadata(ref::authentication).sw, 0x6A88);
}

TEST_F(Keys, PinPoliciesHold) {
    ASSERT_TRUE(token->generate(0x82, Algorithm::p256, PinPolicy::never).ok());
    ASSERT_TRUE(token->generate(0x83, Algorithm::p256, PinPolicy::once).ok());
    ASSERT_TRUE(token->generate(0x84, Algorithm::p256, PinPolicy::always).ok());
    ASSERT_TRUE(token->generate(ref::card_authentication).ok());
    ASSERT_TRUE(token->generate(ref::signature).ok());
    EXPECT_TRUE(token->sign(0x82).ok());
    EXPECT_TRUE(token->sign(ref::card_authentication).ok()) << "9E needs no PIN";
    EXPECT_EQ(token->sign(0x83).sw, 0x6982);
    EXPECT_EQ(token->sign(0x84).sw, 0x6982);
    EXPECT_EQ(token->sign(ref::signature).sw, 0x6982);
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    EXPECT_TRUE(token->sign(0x83).ok());
    EXPECT_TRUE(token->sign(0x83).ok());
    EXPECT_TRUE(token->sign(0x84).ok());
    EXPECT_EQ(token->sign(0x84).sw, 0x6982) << "one VERIFY, one operation";
    EXPECT_EQ(token->sign(ref::signature).sw, 0x6982) << "of all PIN-always keys together";
    EXPECT_TRUE(token->sign(0x83).ok()) << "PIN-once goes on";
    token->log_out();
    EXPECT_EQ(token->sign(0x83).sw, 0x6982);
    EXPECT_TRUE(token->sign(0x82).ok());
}

TEST_F(Keys, Lesson07_PinAlwaysIsUsedUpByItsOwnOperationAlone) {
    ASSERT_TRUE(token->generate(ref::signature).ok());
    ASSERT_TRUE(token->generate(ref::authentication).ok());
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    // None of these is an operation with a PIN-always key.
    ASSERT_TRUE(token->sign(ref::authentication).ok());
    ASSERT_TRUE(token->get_data(object::chuid).ok());
    ASSERT_TRUE(token->generate(ref::key_management).ok()) << "key generation";
    ASSERT_TRUE(token->metadata(ref::signature).ok());
    ASSERT_TRUE(token->put_data_chained(object::cert_9a, certificate_object(ByteVector(900, 1))).ok());
    ASSERT_TRUE(token->select().ok());
    ASSERT_EQ(token->raw("00 87 11").sw, 0x6700);
    ASSERT_EQ(token->use_key(ref::signature, Algorithm::p384, digest()).sw, 0x6A86) << "another algorithm";
    EXPECT_TRUE(
        token->chain(0x00, 0x87, 0x11, ref::signature, tlv(0x7C, concat({tlv(0x82, {}), tlv(0x81, digest())})), 10)
            .ok())
        << "a chained operation is one";
    EXPECT_EQ(token->sign(ref::signature).sw, 0x6982) << "and uses it up";
}

TEST_F(Keys, PinAlwaysEndsWithACommandThatOnlyOurProgramsSend) {
    ASSERT_TRUE(token->generate(ref::signature).ok());
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    ASSERT_TRUE(token->status().ok());
    EXPECT_EQ(token->sign(ref::signature).sw, 0x6982);
}

TEST_F(Keys, Lesson07_AFailedOperationUsesItUpToo) {
    ASSERT_TRUE(token->import_rsa2048(ref::signature).ok());
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    EXPECT_EQ(token->use_key(ref::signature, Algorithm::rsa2048, ByteVector(17, 1)).sw, 0x6A80);
    EXPECT_EQ(token->use_key(ref::signature, Algorithm::rsa2048, padded_block(256)).sw, 0x6982);
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    EXPECT_TRUE(token->use_key(ref::signature, Algorithm::rsa2048, padded_block(256)).ok());
}

TEST_F(Keys, TouchPolicyAsksForThePresence) {
    ASSERT_TRUE(token->generate(ref::authentication, Algorithm::p256, PinPolicy::once, TouchPolicy::always).ok());
    ASSERT_TRUE(token->generate(0x82, Algorithm::p256, PinPolicy::once, TouchPolicy::cached).ok());
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    FakePresence& presence = token->parts().presence;
    presence.present = false;
    EXPECT_EQ(token->sign(ref::authentication).sw, 0x6982);
    EXPECT_EQ(token->sign(0x82).sw, 0x6982);
    presence.present = true;
    presence.asked = 0;
    EXPECT_TRUE(token->sign(ref::authentication).ok());
    EXPECT_TRUE(token->sign(ref::authentication).ok());
    EXPECT_EQ(presence.asked, 2) << "each time";
    EXPECT_TRUE(token->sign(0x82).ok());
    EXPECT_TRUE(token->sign(0x82).ok());
    EXPECT_EQ(presence.asked, 3) << "a touch lasts for a while";
    token->parts().clock.now += 15001;
    EXPECT_TRUE(token->sign(0x82).ok());
    EXPECT_EQ(presence.asked, 4);
    EXPECT_EQ(find(token->metadata(ref::authentication).data, 0x02), (ByteVector{2, 2}));
}

TEST_F(Keys, ANewKeyTakesThePlaceOfTheOldOneAndOfItsCertificate) {
    ASSERT_TRUE(token->generate(ref::authentication).ok());
    ASSERT_TRUE(token->put_data(object::cert_9a, certificate_object(ByteVector(300, 1))).ok());
    const auto before = find(token->metadata(ref::authentication).data, 0x04);
    ASSERT_TRUE(token->generate(ref::authentication).ok());
    EXPECT_NE(find(token->metadata(ref::authentication).data, 0x04), before);
    EXPECT_EQ(token->get_data(object::cert_9a).sw, 0x6A82)
        << "a certificate that isn't this key's is gone with its key";
    // An import keeps it: clients write key and certificate in either order.
    ASSERT_TRUE(token->put_data(object::cert_9a, certificate_object(ByteVector(300, 1))).ok());
    ASSERT_TRUE(token->import_p256(ref::authentication).ok());
    EXPECT_TRUE(token->get_data(object::cert_9a).ok());
}

TEST_F(Keys, ManyKeysAfterOneAnotherFillNothingUp) {
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(token->generate(ref::authentication).ok()) << i;
    ASSERT_TRUE(token->power_cycle());
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    EXPECT_TRUE(token->sign(ref::authentication).ok());
}

TEST_F(Keys, EverySlotHoldsAKey) {
    ByteVector slots = {0x9A, 0x9C, 0x9D, 0x9E, 0xF9};
    for (std::uint8_t slot = 0x82; slot <= 0x95; ++slot) slots.push_back(slot);
    for (const std::uint8_t slot : slots) ASSERT_TRUE(token->generate(slot).ok()) << int(slot);
    for (const std::uint8_t slot : slots) {
        ASSERT_TRUE(token->verify(kDefaultPin).ok());
        EXPECT_EQ(token->sign(slot).sw, slot == 0xF9 ? 0x6985 : 0x9000) << int(slot);
    }
    EXPECT_TRUE(token->status().ok()) << "and the status still fits";
}

TEST_F(Keys, AKeyMovesWithItsPolicyAndCanBeDeleted) {
    ASSERT_TRUE(token->import_p256(ref::key_management, PinPolicy::always).ok());
    EXPECT_EQ(token->move(0x82, 0x83).sw, 0x6A88) << "nothing there";
    EXPECT_EQ(token->move(ref::key_management, 0x80).sw, 0x6A88) << "no slot";
    ASSERT_TRUE(token->move(ref::key_management, 0x82).ok());
    EXPECT_EQ(token->metadata(ref::key_management).sw, 0x6A88);
    EXPECT_EQ(find(token->metadata(0x82).data, 0x02), (ByteVector{3, 1}));
    ASSERT_TRUE(token->generate(ref::key_management).ok());
    EXPECT_EQ(token->move(ref::key_management, 0x82).sw, 0x6985) << "the place is taken";
    ASSERT_TRUE(token->power_cycle());
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    expect_signs(0x82, from_hex(kTestP256Point));
    ASSERT_EQ(token->authenticate(), sw::ok);
    ASSERT_TRUE(token->move(0x82, 0xFF).ok());
    EXPECT_EQ(token->metadata(0x82).sw, 0x6A88);
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    EXPECT_EQ(token->sign(0x82).sw, 0x6A88);
}

TEST_F(Keys, AFailingSourceOfRandomnessMakesNoKey) {
    ASSERT_TRUE(token->import_p256(ref::authentication).ok());
    token->parts().entropy.failing = true;
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    // The generator runs on for a while from its seed; a new start needs the source.
    EXPECT_FALSE(token->power_cycle());
    EXPECT_EQ(token->status().sw, 0x6F01);
    EXPECT_EQ(token->select().sw, 0x6F01);
    token->parts().entropy.failing = false;
    ASSERT_TRUE(token->power_cycle());
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    expect_signs(ref::authentication, from_hex(kTestP256Point));
}

TEST(KeysAtRest, ASupersededPrivateKeyLeavesNoCopyInFlash) {
    auto token = TestToken::personalised(Profile::compatibility);
    ASSERT_EQ(token->authenticate(), sw::ok);
    ASSERT_TRUE(token->import_p256(ref::authentication).ok());
    const applet::KeyId key = token->token().state().slots[0].key;
    ByteVector sealed;
    {
        store::Store store(token->flash(), {2, token->flash().geometry().sector_count - 2});
        ASSERT_TRUE(store.mount());
        const auto object = static_cast<store::ObjectId>(applet::id::private_key_first + key);
        sealed.resize(*store.size(object));
        ASSERT_TRUE(store.read(object, 0, sealed));
    }
    const ByteVector secret(sealed.begin() + 13, sealed.begin() + 45);
    EXPECT_TRUE(token->flash().holds(secret));
    EXPECT_FALSE(token->flash().holds(from_hex(kTestP256Scalar))) << "never in the clear";
    ASSERT_TRUE(token->power_cycle());
    ASSERT_EQ(token->authenticate(), sw::ok);
    ASSERT_TRUE(token->generate(ref::authentication).ok());
    EXPECT_FALSE(token->flash().holds(secret));
}

// --- shipping: what the profile refuses ---

class EnterpriseKeys : public ::testing::Test {
protected:
    EnterpriseKeys() {
        token->manufacture();
        token->initialise(Profile::shipping);
        EXPECT_EQ(token->authenticate(), sw::ok);
    }
    std::unique_ptr<TestToken> token = std::make_unique<TestToken>();
};

TEST_F(EnterpriseKeys, PoliciesCanOnlyBeStrengthened) {
    EXPECT_EQ(token->generate(ref::authentication, Algorithm::p256, PinPolicy::never).sw, 0x6A80);
    EXPECT_EQ(token->generate(ref::signature, Algorithm::p256, PinPolicy::once).sw, 0x6A80);
    EXPECT_EQ(token->generate(ref::signature, Algorithm::p256, PinPolicy::never).sw, 0x6A80);
    EXPECT_EQ(token->metadata(ref::signature).sw, 0x6A88);
    EXPECT_TRUE(token->generate(ref::authentication, Algorithm::p256, PinPolicy::always).ok());
    EXPECT_TRUE(token->generate(ref::signature).ok());
    EXPECT_EQ(find(token->metadata(ref::signature).data, 0x02), (ByteVector{3, 1}));
}

// An enterprise's key in use, with keys in 9A and 9C; 82 has the policy "always" too.
class PinAlways : public ::testing::Test {
protected:
    PinAlways() {
        token->manufacture();
        token->initialise(Profile::shipping);
        EXPECT_EQ(token->authenticate(), sw::ok);
        EXPECT_TRUE(token->generate(ref::authentication).ok());
        EXPECT_TRUE(token->generate(ref::signature).ok());
        EXPECT_TRUE(token->generate(0x82, Algorithm::p256, PinPolicy::always).ok());
        token->secure();
        token->activate();
        token->reset();
    }
    // VERIFY, what is sent in between, and whether 9C still signs.
    template <class Between>
    StatusWord after(Between between) {
        EXPECT_TRUE(token->verify(kPin).ok());
        between();
        return token->sign(ref::signature).sw;
    }
    ByteVector operation() const { return tlv(0x7C, concat({tlv(0x82, {}), tlv(0x81, digest())})); }
    std::unique_ptr<TestToken> token = std::make_unique<TestToken>();
};

TEST_F(PinAlways, VerifyImmediatelyBeforeOpensOneOperation) {
    EXPECT_EQ(after([] {}), 0x9000);
    EXPECT_EQ(token->sign(ref::signature).sw, 0x6982) << "and no second";
    ASSERT_TRUE(token->verify(kPin).ok());
    const Reply chained = token->chain(0x00, 0x87, 0x11, ref::signature, operation(), 10);
    EXPECT_TRUE(chained.ok()) << "blocks of a chain are one command";
    ASSERT_TRUE(token->verify(kPin).ok());
    Reply first = token->raw(concat(
        {from_hex("00 87 11 9C"), {static_cast<std::uint8_t>(operation().size())}, operation(), from_hex("10")}));
    EXPECT_EQ(first.sw >> 8, 0x61);
    EXPECT_EQ(token->raw("00 C0 00 00 00").sw, 0x9000) << "the rest of the answer";
    EXPECT_EQ(after([&] { token->raw("00 87 11 9C"); }), 0x9000) << "one that was refused unread used nothing up";
}

TEST_F(PinAlways, AnyOtherCommandInBetweenEndsIt) {
    const auto refused = [&](const char* what, auto between) { EXPECT_EQ(after(between), 0x6982) << what; };
    refused("SELECT", [&] { token->select(); });
    refused("SELECT of something else", [&] { token->raw("00 A4 04 00 05 A0 00 00 00 01"); });
    refused("GET DATA", [&] { token->get_data(object::chuid); });
    refused("GET METADATA", [&] { token->metadata(ref::signature); });
    refused("TOKEN STATUS", [&] { token->status(); });
    refused("VERIFY without data", [&] { token->verify_status(); });
    refused("a PIN that is no PIN", [&] { token->raw("00 20 00 80 02 31 32"); });
    refused("a PIN-once key", [&] { ASSERT_TRUE(token->sign(ref::authentication).ok()); });
    refused("a PIN-once key, first block", [&] { token->raw("10 87 11 9A 01 7C"); });
    refused("an empty slot", [&] { token->sign(ref::key_management); });
    refused("the management key", [&] { token->raw("00 87 0C 9B 04 7C 02 81 00"); });
    refused("no slot at all", [&] { token->raw("00 87 11 77 04 7C 02 81 00"); });
    refused("PUT DATA, first block", [&] { token->raw("10 DB 3F FF 05 5C 03 5F C1 05"); });
    refused("GET RESPONSE of nothing", [&] { token->raw("00 C0 00 00 00"); });
    refused("an unknown command", [&] { token->raw("00 EE 00 00"); });
    refused("an unknown class", [&] { token->raw("E0 87 11 9C"); });
    refused("our class with that instruction", [&] { token->raw("80 87 11 9C"); });
    refused("no command", [&] { token->raw("00 87 11"); });
    refused("another PIN-always key", [&] { ASSERT_TRUE(token->sign(0x82).ok()); });
}

TEST_F(PinAlways, ALoginAndItsSignatureLeaveNothingForAnotherProgram) {
    ASSERT_TRUE(token->verify(kPin).ok());
    ASSERT_TRUE(token->sign(ref::authentication).ok());
    EXPECT_EQ(token->sign(ref::signature).sw, 0x6982);
    EXPECT_TRUE(token->sign(ref::authentication).ok()) << "the login itself goes on";
}

TEST_F(EnterpriseKeys, SigningKeysComeFromTheTokenAlone) {
    EXPECT_EQ(token->import_p256(ref::authentication).sw, 0x6985);
    EXPECT_EQ(token->import_p256(ref::signature).sw, 0x6985);
    token->wrap_all(false);
    EXPECT_EQ(token->import_p256(ref::key_management).sw, 0x6982) << "by the channel alone";
    EXPECT_EQ(token->import_p256(0x82).sw, 0x6982);
    token->wrap_all(true);
    EXPECT_EQ(token->import_p256(ref::key_management).sw, 0x9000);
    EXPECT_EQ(token->import_p256(0x82).sw, 0x9000);
}

TEST_F(EnterpriseKeys, TheAttestationKeyIsWrittenOnce) {
    EXPECT_TRUE(token->generate(ref::attestation).ok());
    EXPECT_EQ(token->generate(ref::attestation).sw, 0x6985);
    EXPECT_EQ(token->move(ref::attestation, 0xFF).sw, 0x6985);
    EXPECT_EQ(token->sign(ref::attestation).sw, 0x6985) << "it signs nothing from outside";
}

TEST_F(EnterpriseKeys, KeysOfTheBenchWorkForTheUser) {
    const Reply made = token->generate(ref::authentication);
    ASSERT_TRUE(made.ok());
    ASSERT_TRUE(token->set_bench_pin(kOtherPin).ok());
    ASSERT_TRUE(token->verify(kOtherPin).ok());
    EXPECT_TRUE(token->sign(ref::authentication).ok()) << "the bench's own check";
    token->secure();
    EXPECT_EQ(token->sign(ref::authentication).sw, 0x6982);
    token->activate();
    EXPECT_EQ(token->sign(ref::authentication).sw, 0x6982);
    ASSERT_TRUE(token->verify(kPin).ok());
    EXPECT_TRUE(token->sign(ref::authentication).ok());
}

}  // namespace
}  // namespace sealkey::testing
