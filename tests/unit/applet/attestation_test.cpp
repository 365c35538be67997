// Attestation through the APDU door, judged by OpenSSL.
#include <gtest/gtest.h>

#include "crypto/arena.h"
#include "protocol/attestation.h"
#include "support/device_authority.h"
#include "support/test_keys.h"
#include "support/token_fixture.h"

namespace sealkey::testing {
namespace {

std::string own(protocol::attested::Own which) {
    return std::string(protocol::attested::kOwnArc) + "." + std::to_string(static_cast<int>(which));
}
std::string known(protocol::attested::Known which) {
    return std::string(protocol::attested::kKnownArc) + "." + std::to_string(static_cast<int>(which));
}
using protocol::attested::Known;
using protocol::attested::Own;

ByteVector nonce() {
    ByteVector out(32);
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(0xC0 ^ i);
    return out;
}

class Attestation : public ::testing::Test {
protected:
    // A token with F9 and its certificate, under 9B.
    void prepare(Profile profile, Algorithm algorithm = Algorithm::p256) {
        token = std::make_unique<TestToken>();
        token->manufacture();
        token->initialise(profile);
        ASSERT_EQ(token->authenticate(), sw::ok);
        const Reply made = token->generate(ref::attestation, algorithm);
        ASSERT_TRUE(made.ok());
        f9 = spki_of_stored(find(made.data, 0x7F49).value());
        device = authority.certify(f9);
        ASSERT_EQ(token->put_data(object::cert_attestation, certificate_object(device)).sw, sw::ok);
    }
    void SetUp() override { prepare(Profile::shipping); }

    Reply ask(std::uint8_t slot) { return token->raw({0x00, 0xF9, slot, 0x00, 0x00, 0x00, 0x00}); }
    Reply ask(std::uint8_t slot, const ByteVector& with) { return token->send(0x80, 0x36, slot, 0x00, with); }
    ByteVector public_key(std::uint8_t slot) { return spki_of_stored(find(token->metadata(slot).data, 0x04).value()); }

    // What every attestation says, of any kind.
    void check(const Reply& reply, std::uint8_t slot, const ByteVector& policies,
               const ByteVector& origin = {10, 1, 1}) {
        ASSERT_TRUE(reply.ok()) << std::hex << reply.sw;
        const ByteVector& cert = reply.data;
        EXPECT_TRUE(authority.accepts(cert, device)) << "the chain";
        EXPECT_EQ(spki_of_certificate(cert), public_key(slot));
        EXPECT_EQ(subject_of(cert), "CN=sealkey attestation " + to_hex(ByteVector{slot}));
        EXPECT_EQ(issuer_of(cert), subject_of(device));
        EXPECT_EQ(validity_of(cert), validity_of(device));
        EXPECT_EQ(extension_of(cert, known(Known::firmware)), (ByteVector{0, 1, 0}));
        EXPECT_EQ(extension_of(cert, known(Known::serial)), from_hex("0203123456"));
        EXPECT_EQ(extension_of(cert, known(Known::policies)), policies);
        EXPECT_EQ(extension_of(cert, known(Known::form_factor)), ByteVector{0});
        EXPECT_EQ(extension_of(cert, own(Own::serial)), concat({{0x13, 12}, text(kSerial)}));
        EXPECT_EQ(extension_of(cert, own(Own::role)), (ByteVector{4, 1, slot}));
        EXPECT_EQ(extension_of(cert, own(Own::generation)), (ByteVector{2, 1, 0}));
        EXPECT_EQ(extension_of(cert, own(Own::origin)), origin);
        EXPECT_EQ(extension_of(cert, own(Own::rid)), std::nullopt);
    }
    // No state of the token has anything to do with a refusal, and a refusal changes nothing.
    void expect_refused(const Reply& reply, StatusWord sw, const char* what) {
        EXPECT_EQ(reply.sw, sw) << what;
        EXPECT_TRUE(reply.data.empty()) << what;
    }

    DeviceAuthority authority;
    std::unique_ptr<TestToken> token;
    ByteVector f9, device;
};

TEST_F(Attestation, AsCommonClientsAskForIt) {
    ASSERT_TRUE(token->generate(ref::authentication).ok());
    const Reply reply = ask(ref::authentication);
    check(reply, ref::authentication, {2, 1});
    EXPECT_EQ(extension_of(reply.data, own(Own::profile)), (ByteVector{10, 1, 1}));
    EXPECT_EQ(extension_of(reply.data, own(Own::nonce)), std::nullopt) << "none was given";
    EXPECT_EQ(extensions_of(reply.data), 9);
    EXPECT_EQ(serial_number_of(reply.data).size(), 32u);
    EXPECT_NE(serial_number_of(reply.data), serial_number_of(ask(ref::authentication).data)) << "random";
}

TEST_F(Attestation, WithANonceOfWhoAsks) {
    ASSERT_TRUE(token->generate(ref::signature, Algorithm::p384, PinPolicy::always, TouchPolicy::cached).ok());
    const Reply reply = ask(ref::signature, nonce());
    check(reply, ref::signature, {3, 3});
    EXPECT_EQ(extension_of(reply.data, own(Own::nonce)), concat({{4, 32}, nonce()}));
    EXPECT_EQ(extensions_of(reply.data), 10);
}

TEST_F(Attestation, OfAnRsaKeyInShortApdus) {
    ASSERT_TRUE(token->generate(ref::key_management, Algorithm::rsa2048).ok());
    check(ask(ref::key_management), ref::key_management, {2, 1});
    Reply reply = token->raw({0x00, 0xF9, ref::key_management, 0x00, 0x00});
    ByteVector whole = reply.data;
    while (reply.sw >> 8 == 0x61) {
        reply = token->raw("00 C0 00 00 00");
        whole.insert(whole.end(), reply.data.begin(), reply.data.end());
    }
    EXPECT_EQ(reply.sw, sw::ok);
    EXPECT_TRUE(authority.accepts(whole, device));
}

TEST_F(Attestation, EverythingAtItsLongestFits) {
    // F9 of the compatibility profile may be any key, as its clients make it.
    prepare(Profile::compatibility);
    ASSERT_TRUE(token->generate(ref::attestation, Algorithm::rsa4096).ok());
    ASSERT_TRUE(token->generate(ref::key_management, Algorithm::rsa4096).ok());
    f9 = public_key(ref::attestation);
    device = authority.certify(f9, {.name = std::string(64, 'n')});
    ASSERT_TRUE(token->put_data(object::cert_attestation, certificate_object(device)).ok());
    crypto::reset_arena_peak();
    const Reply reply = ask(ref::key_management, nonce());
    check(reply, ref::key_management, {2, 1});
    EXPECT_GT(reply.data.size(), 1500u);
    std::printf("attestation of RSA-4096 by RSA-4096: %zu bytes, arena peak %zu\n", reply.data.size(),
                crypto::arena_peak());
    EXPECT_LE(crypto::arena_peak(), std::size_t{24} * 1024);
}

TEST_F(Attestation, ByAnRsaOrP384Key) {
    for (const Algorithm algorithm : {Algorithm::rsa2048, Algorithm::p384}) {
        prepare(Profile::shipping, algorithm);
        ASSERT_TRUE(token->generate(ref::authentication).ok());
        check(ask(ref::authentication, nonce()), ref::authentication, {2, 1});
    }
}

TEST_F(Attestation, IsFreeInUseAndNeedsNoPin) {
    ASSERT_TRUE(token->generate(ref::authentication).ok());
    ASSERT_TRUE(token->generate(ref::signature).ok());
    token->secure();
    check(ask(ref::signature, nonce()), ref::signature, {3, 1});
    token->activate();
    ASSERT_TRUE(token->power_cycle());
    check(ask(ref::authentication), ref::authentication, {2, 1});
    ASSERT_TRUE(token->verify(kPin).ok());
    check(ask(ref::signature, nonce()), ref::signature, {3, 1});
    EXPECT_TRUE(token->sign(ref::authentication).ok()) << "the login goes on";
}

TEST_F(Attestation, ChangesNothing) {
    ASSERT_TRUE(token->generate(ref::authentication).ok());
    const auto before = token->flash().operations();
    ASSERT_TRUE(ask(ref::authentication, nonce()).ok());
    EXPECT_EQ(token->flash().operations(), before);
}

// ---- refusals ----

TEST_F(Attestation, AnImportedKeyIsntAttested) {
    prepare(Profile::compatibility);
    for (const std::uint8_t slot : {ref::authentication, ref::signature, ref::retired_first}) {
        ASSERT_TRUE(token->import_p256(slot).ok());
        expect_refused(ask(slot), 0x6985, "imported");
        expect_refused(ask(slot, nonce()), 0x6985, "imported, with a nonce");
    }
}

TEST_F(Attestation, AnImportedDecryptionKeyIsCalledSo) {
    prepare(Profile::compatibility);
    ASSERT_TRUE(token->import_p256(ref::key_management).ok());
    expect_refused(ask(ref::key_management), 0x6985, "common clients take any attestation for one of a made key");
    check(ask(ref::key_management, nonce()), ref::key_management, {2, 1}, {10, 1, 2});
    ASSERT_TRUE(token->generate(ref::key_management).ok());
    check(ask(ref::key_management, nonce()), ref::key_management, {2, 1});
}

TEST_F(Attestation, AMovedKeyIsntAttested) {
    prepare(Profile::compatibility);
    ASSERT_TRUE(token->generate(ref::card_authentication).ok());
    ASSERT_TRUE(token->move(ref::card_authentication, ref::authentication).ok());
    expect_refused(ask(ref::authentication), 0x6985, "moved");
    expect_refused(ask(ref::authentication, nonce()), 0x6985, "moved");
    ASSERT_TRUE(token->power_cycle());
    expect_refused(ask(ref::authentication), 0x6985, "and after a start");
    ASSERT_EQ(token->authenticate(), sw::ok);
    EXPECT_EQ(find(token->metadata(ref::authentication).data, 0x03), ByteVector{1}) << "its origin stays known";
    ASSERT_TRUE(token->move(ref::authentication, ref::card_authentication).ok());
    expect_refused(ask(ref::card_authentication), 0x6985, "moved back");
    ASSERT_TRUE(token->generate(ref::card_authentication).ok());
    check(ask(ref::card_authentication), ref::card_authentication, {1, 1});
    ASSERT_TRUE(token->import_p256(ref::key_management).ok());
    ASSERT_TRUE(token->move(ref::key_management, 0x82).ok());
    ASSERT_TRUE(token->move(0x82, ref::key_management).ok());
    expect_refused(ask(ref::key_management, nonce()), 0x6985, "imported and moved");
    ASSERT_TRUE(token->generate(ref::authentication).ok());
    check(ask(ref::authentication), ref::authentication, {2, 1});
}

TEST_F(Attestation, NothingIsSaidWithoutF9OrItsCertificate) {
    token = TestToken::personalised(Profile::compatibility);
    ASSERT_EQ(token->authenticate(), sw::ok);
    ASSERT_TRUE(token->generate(ref::authentication).ok());
    expect_refused(ask(ref::authentication), 0x6985, "no F9");
    ASSERT_TRUE(token->generate(ref::attestation).ok());
    expect_refused(ask(ref::authentication), 0x6985, "no certificate");
    device = authority.certify(public_key(ref::attestation));
    ASSERT_TRUE(token->put_data(object::cert_attestation, certificate_object(device)).ok());
    check(ask(ref::authentication), ref::authentication, {2, 1});
    ASSERT_TRUE(token->generate(ref::attestation).ok());
    expect_refused(ask(ref::authentication), 0x6985, "another F9");
}

TEST_F(Attestation, SlotsAndLengthsAreChecked) {
    ASSERT_TRUE(token->generate(ref::authentication).ok());
    expect_refused(ask(ref::signature), 0x6A88, "an empty slot");
    expect_refused(ask(ref::signature, nonce()), 0x6A88, "an empty slot");
    for (const std::uint8_t slot : {0x00, 0x80, 0x81, 0x96, 0x9B, 0xF9, 0xFF}) {
        expect_refused(ask(slot), 0x6A88, "no slot, or F9 itself");
        expect_refused(ask(slot, nonce()), 0x6A88, "no slot, or F9 itself");
    }
    for (const std::size_t size : {0, 1, 31, 33, 64, 300}) {
        expect_refused(ask(ref::authentication, ByteVector(size, 1)), 0x6700, "a nonce of another length");
    }
    expect_refused(token->raw({0x00, 0xF9, 0x9A, 0x01, 0x00}), 0x6A86, "P2");
    expect_refused(token->send(0x80, 0x36, 0x9A, 0x01, nonce()), 0x6A86, "P2");
}

TEST_F(Attestation, F9SignsNothingElse) {
    ASSERT_TRUE(token->set_bench_pin(kPin).ok());
    ASSERT_TRUE(token->verify(kPin).ok());
    expect_refused(token->sign(ref::attestation), 0x6985, "a digest");
    expect_refused(token->use_key(ref::attestation, Algorithm::p256, ByteVector(65, 4), 0x85), 0x6985, "agreement");
    prepare(Profile::compatibility);
    ASSERT_TRUE(token->verify(kDefaultPin).ok());
    expect_refused(token->sign(ref::attestation), 0x6985, "a digest, in the compatibility profile");
}

TEST_F(Attestation, ATokenAtItsEndOrBeforeItsBirthSaysNothing) {
    ASSERT_TRUE(token->generate(ref::authentication).ok());
    ASSERT_TRUE(token->set_lifecycle(Lifecycle::terminated).ok());
    expect_refused(ask(ref::authentication), 0x6985, "terminated");
    expect_refused(ask(ref::authentication, nonce()), 0x6985, "terminated");
    token = std::make_unique<TestToken>();
    token->manufacture();
    expect_refused(ask(ref::authentication), 0x6985, "blank");
}

// ---- F9 and its certificate are written once ----

class DeviceCertificates : public Attestation {
protected:
    void SetUp() override {
        token->manufacture();
        token->initialise(Profile::shipping);
        ASSERT_EQ(token->authenticate(), sw::ok);
    }
    Reply put(const ByteVector& certificate) {
        return token->put_data(object::cert_attestation, certificate_object(certificate));
    }
    DeviceCertificates() { token = std::make_unique<TestToken>(); }
};

TEST_F(DeviceCertificates, OneThatAttestationsCantBeMadeUnderIsRefused) {
    const ByteVector other = spki_of_stored(tlv(0x86, from_hex(kTestP256Point)));
    EXPECT_EQ(put(authority.certify(other)).sw, 0x6985) << "there is no F9";
    const Reply made = token->generate(ref::attestation);
    ASSERT_TRUE(made.ok());
    f9 = spki_of_stored(find(made.data, 0x7F49).value());
    const ByteVector good = authority.certify(f9);
    const auto refused = [&](const ByteVector& value, const char* what) {
        EXPECT_EQ(token->put_data(object::cert_attestation, value).sw, 0x6A80) << what;
        EXPECT_EQ(token->get_data(object::cert_attestation).sw, 0x6A82) << what;
    };
    refused(certificate_object(authority.certify(other)), "of another key");
    refused(certificate_object(authority.certify(f9, {.version = 1})), "version 1");
    refused(certificate_object(authority.certify(f9, {.version = 2})), "version 2");
    refused(certificate_object({}), "empty");
    refused(good, "not wrapped");
    refused(concat({tlv(0x70, good), tlv(0x71, {1})}), "said to be compressed");
    refused(concat({tlv(0x70, good), tlv(0x70, good)}), "two of them");
    refused(concat({tlv(0x70, good), {0x71}}), "cut short");
    ByteVector longer = good;
    longer.push_back(0);
    refused(certificate_object(longer), "bytes behind it");
    for (std::size_t size = 0; size < good.size(); size += 7) {
        refused(certificate_object(ByteVector(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size))),
                "a part");
    }
    EXPECT_EQ(put(authority.certify(f9, {.name = "long", .padding = 2048})).sw, 0x6A84) << "too long";
    EXPECT_EQ(token->put_data(object::cert_attestation, {}).sw, 0x6A80) << "nothing to remove";
    EXPECT_TRUE(put(good).ok());
}

TEST_F(DeviceCertificates, TheOneThatStandsStays) {
    const Reply made = token->generate(ref::attestation);
    f9 = spki_of_stored(find(made.data, 0x7F49).value());
    ASSERT_TRUE(put(authority.certify(f9)).ok());
    const ByteVector before = token->status().data;
    EXPECT_EQ(put(authority.certify(f9, {.name = "another name"})).sw, 0x6985);
    EXPECT_EQ(put(authority.certify(f9)).sw, 0x6985) << "the same one again, too";
    EXPECT_EQ(token->put_data(object::cert_attestation, {}).sw, 0x6985) << "it isn't removed either";
    EXPECT_EQ(token->put_data_chained(object::cert_attestation, ByteVector(900, 1)).sw, 0x6985);
    EXPECT_EQ(token->raw("10 DB 3F FF 0B 5C 03 5F FF 01 53 82 03 84 70 00").sw, 0x6982) << "beside the channel";
    EXPECT_EQ(token->generate(ref::attestation).sw, 0x6985) << "nor its key";
    EXPECT_EQ(token->status().data, before);
    token->secure();
    ASSERT_EQ(token->authenticate(), sw::ok);
    EXPECT_EQ(put(authority.certify(f9)).sw, 0x6985) << "once secured, by nobody";
    EXPECT_EQ(token->generate(ref::attestation).sw, 0x6985);
}

TEST_F(DeviceCertificates, AKeyWithoutACertificateGetsOneAfterAnInterruption) {
    const Reply made = token->generate(ref::attestation);
    ASSERT_TRUE(token->power_cycle());
    ASSERT_EQ(token->authenticate(), sw::ok);
    EXPECT_EQ(token->generate(ref::attestation).sw, 0x6985) << "the key is there";
    EXPECT_EQ(find(token->metadata(ref::attestation).data, 0x04), find(made.data, 0x7F49));
    EXPECT_TRUE(put(authority.certify(public_key(ref::attestation))).ok());
}

TEST_F(DeviceCertificates, OfTheCompatibilityProfileAreAsItsClientsWriteThem) {
    prepare(Profile::compatibility);
    ASSERT_TRUE(token->generate(ref::authentication).ok());
    for (const ByteVector& value :
         {ByteVector{1}, certificate_object({0x30, 0x00}), certificate_object(authority.root())}) {
        ASSERT_TRUE(token->put_data(object::cert_attestation, value).ok());
        expect_refused(ask(ref::authentication), 0x6985, "nothing is attested under it");
    }
    ASSERT_TRUE(token->put_data(object::cert_attestation, certificate_object(device)).ok());
    check(ask(ref::authentication), ref::authentication, {2, 1});
    device = authority.certify(f9, {.name = "another"});
    ASSERT_TRUE(token->put_data(object::cert_attestation, certificate_object(device)).ok());
    check(ask(ref::authentication), ref::authentication, {2, 1});
}

}  // namespace
}  // namespace sealkey::testing
