// A decryption key that a key centre made comes to 9D in an envelope. The centre is a mock on OpenSSL.
#include "protocol/attestation.h"
#include "support/device_authority.h"
#include "support/key_centre.h"
#include "unit/renewal/renewal_fixture.h"

namespace sealkey::testing {
namespace {

constexpr std::uint8_t kAll = 0x87;     // 9A 9C 9D, 9D in an envelope
constexpr std::uint8_t kOnly9D = 0x84;  // 9D alone

class Envelope : public RenewalTest {
protected:
    Reply bring(const ByteVector& envelope, std::uint8_t role = ref::key_management) {
        return own(0x48, role, 0, envelope);
    }
    EnvelopeFor here(std::uint8_t number, Algorithm algorithm = Algorithm::p256) {
        return {std::string(kSerial), rid(number), algorithm};
    }
    PKey recipient() { return key_in(ref::key_management); }
    void begin_only(std::uint8_t number, std::uint8_t algorithm = 0x11) {
        const Reply reply = begin(number, kOnly9D, {algorithm});
        ASSERT_TRUE(reply.ok()) << std::hex << reply.sw;
        ASSERT_EQ(reply.data, ByteVector{0}) << "nothing is to be made here";
    }
    void refused(const ByteVector& envelope, const std::string& what, StatusWord word = 0x6A80) {
        const ByteVector before = status();
        EXPECT_EQ(bring(envelope).sw, word) << what;
        EXPECT_EQ(status(), before) << what;
    }
    const PKey centre_ = new_key("P-256");
};

TEST_F(Envelope, TheKeyOfTheCentreTakesThePlaceOf9D) {
    DeviceAuthority authority;
    ASSERT_EQ(key().authenticate(), sw::ok);
    const Reply made = key().generate(ref::attestation);
    const ByteVector device = authority.certify(spki_of_stored(find(made.data, 0x7F49).value_or(ByteVector{0})));
    ASSERT_TRUE(key().put_data(object::cert_attestation, certificate_object(device)).ok());
    const PKey before = recipient();
    token::Rid name{};
    name.fill(1);
    token::BeginAnswer answer{1, false};
    while (answer.missing > 0) answer = token::stage_begin(client(), name, all_roles(), true);
    TestCa& authority_of_keys = ca();
    token::Manifest manifest = manifest_of(1, all_roles());
    EXPECT_EQ(load(0x45, ref::key_management, ByteVector(40, 1)).sw, 0x6985) << "no certificate before the key";
    token::stage_key(client(), make_envelope(centre_, recipient(), here(1)));
    EXPECT_EQ(EVP_PKEY_eq(staged_key(ref::key_management).get(), centre_.get()), 1);
    // The token's word: brought, in this renewal.
    const auto said = token::stage_attest(client(), ref::key_management, token::StageNonce{});
    const std::string arc = std::string(protocol::attested::kOwnArc) + ".";
    EXPECT_TRUE(authority.accepts(said, device));
    EXPECT_EQ(spki_of_certificate(said), public_key_info(centre_));
    EXPECT_EQ(extension_of(said, arc + "6"), (ByteVector{10, 1, 2}));
    EXPECT_EQ(extension_of(said, arc + "4"), concat({{4, 16}, rid(1)}));
    const auto own_made = token::stage_attest(client(), ref::signature, token::StageNonce{});
    EXPECT_EQ(extension_of(own_made, arc + "6"), (ByteVector{10, 1, 1})) << "the others were made here";
    for (const std::uint8_t role : protocol::kRoles) {
        const ByteVector object_of = certificate_object(authority_of_keys.issue(staged_key(role), "renewed"));
        token::stage_certificate(client(), role, object_of);
        manifest.certificates.push_back(digest_of(object_of));
    }
    token::stage_commit(client(), authority_of_keys.manifest(manifest));
    EXPECT_TRUE(decrypts(ref::key_management, centre_));
    EXPECT_TRUE(decrypts(ref::retired_first, before)) << "files of before";
    EXPECT_TRUE(usable(ref::authentication) && usable(ref::signature));
    const Reply later = own(0x36, ref::key_management, 0, ByteVector(32, 1));
    ASSERT_TRUE(later.ok());
    EXPECT_EQ(extension_of(later.data, arc + "6"), (ByteVector{10, 1, 2})) << "imported, for good";
}

TEST_F(Envelope, EveryKindOfKeyToEveryKindOfKey) {
    std::uint8_t number = 0;
    for (const auto& [here_is, kind] :
         {std::pair{Algorithm::p256, "P-256"}, {Algorithm::rsa2048, "RSA-2048"}, {Algorithm::p384, "P-384"}}) {
        ASSERT_EQ(key().authenticate(), sw::ok);
        ASSERT_TRUE(key().generate(ref::key_management, here_is).ok());
        for (const auto& [brought, name] :
             {std::pair{Algorithm::p256, "P-256"}, {Algorithm::p384, "P-384"}, {Algorithm::rsa2048, "RSA-2048"}}) {
            SCOPED_TRACE(std::string(name) + " to " + kind);
            begin_only(++number, static_cast<std::uint8_t>(brought));
            const PKey centre = new_key(name);
            EXPECT_TRUE(bring(make_envelope(centre, recipient(), here(number, brought))).ok());
            EXPECT_EQ(EVP_PKEY_eq(staged_key(ref::key_management).get(), centre.get()), 1);
            EXPECT_TRUE(abort(number).ok());
        }
    }
}

TEST_F(Envelope, WrongOnesAreRefusedAndChangeNothing) {
    begin_only(1);
    const PKey to = recipient();
    const ByteVector good = make_envelope(centre_, to, here(1));
    refused(make_envelope(centre_, to, here(2)), "for another renewal");
    EnvelopeFor other = here(1);
    other.serial = "SK2600000099";
    refused(make_envelope(centre_, to, other), "for another token");
    refused(make_envelope(centre_, to, here(1, Algorithm::p384)), "said to be of another algorithm");
    refused(make_envelope(centre_, new_key("P-256"), here(1)), "for another key");
    refused(make_envelope(centre_, new_key("P-384"), here(1)), "for a key of another curve");
    refused(make_envelope(centre_, new_key("RSA-2048"), here(1)), "for an RSA key");
    refused(make_envelope(new_key("P-384"), to, here(1)), "another algorithm's key");
    refused(make_envelope(ByteVector(32, 0), to, here(1)), "no key: zero");
    refused(make_envelope(ByteVector(32, 0xFF), to, here(1)), "no key: beyond the order");
    for (std::size_t i = 0; i < good.size(); i += 3) {
        ByteVector bad = good;
        bad[i] ^= 1;
        refused(bad, "changed at " + std::to_string(i));
    }
    ByteVector shorter = good, longer = good;
    shorter.pop_back();
    longer.push_back(0);
    refused(shorter, "cut off");
    refused(longer, "more behind it");
    refused(ByteVector(1, 4), "one byte");
    refused(concat({ByteVector(65, 0), ByteVector(good.begin() + 65, good.end())}), "no point");
    EXPECT_TRUE(bring(good).ok()) << "and the right one is still taken";
}

TEST_F(Envelope, AWrongRsaKeyInItIsRefused) {
    begin_only(1, 0x07);
    ByteVector parts = private_parts(new_key("RSA-2048"));
    parts[10] ^= 2;
    refused(make_envelope(parts, recipient(), here(1, Algorithm::rsa2048)), "p isn't the modulus' factor");
    refused(make_envelope(private_parts(new_key("RSA-4096")), recipient(), here(1, Algorithm::rsa2048)), "longer");
}

TEST_F(Envelope, ReplaysGainNothing) {
    begin_only(1);
    const ByteVector first = make_envelope(centre_, recipient(), here(1));
    ASSERT_TRUE(bring(first).ok());
    const ByteVector staged = status();
    EXPECT_TRUE(bring(first).ok()) << "the same key again: an interrupted client";
    EXPECT_EQ(status(), staged);
    refused(make_envelope(new_key("P-256"), recipient(), here(1)), "another key in the same renewal", 0x6985);
    ASSERT_TRUE(abort(1).ok());
    EXPECT_EQ(bring(first).sw, 0x6985) << "nothing is staged";
    begin_only(2);
    refused(first, "an envelope of an earlier renewal");
    // Another token: its 9D is another, and its serial would be too.
    const IssuedKey other = issued_key(ca(), Profile::shipping);
    ASSERT_TRUE(other.token->verify(other.pin).ok());
    ASSERT_TRUE(other.token->send(0x80, 0x40, 0, 0, concat({rid(1), {kOnly9D, 0x11}})).ok());
    EXPECT_EQ(other.token->send(0x80, 0x48, ref::key_management, 0, first).sw, 0x6A80);
}

TEST_F(Envelope, OnlyWhereItIsAskedFor) {
    EXPECT_EQ(bring(ByteVector(100, 1)).sw, 0x6985) << "nothing is staged";
    ASSERT_TRUE(begin(1, 0x03, {0x11, 0x11}).ok());
    EXPECT_EQ(bring(make_envelope(centre_, recipient(), here(1))).sw, 0x6A88) << "9D isn't in this renewal";
    EXPECT_EQ(bring(make_envelope(centre_, recipient(), here(1)), ref::signature).sw, 0x6985) << "only 9D comes so";
    EXPECT_EQ(bring(ByteVector(100, 1), ref::card_authentication).sw, 0x6A88);
    ASSERT_TRUE(abort(1).ok());
    ASSERT_TRUE(begin(2, 0x04, {0x11}).ok());
    EXPECT_EQ(bring(make_envelope(centre_, recipient(), here(2))).sw, 0x6985) << "this 9D is made here";
    ASSERT_TRUE(abort(2).ok());
    ASSERT_TRUE(begin(3, kAll, {0x11, 0x11, 0x11}).ok());
    const ByteVector good = make_envelope(centre_, recipient(), here(3));
    EXPECT_EQ(own(0x48, ref::key_management, 2, good).sw, 0x6A86);
    EXPECT_EQ(own(0x48, ref::key_management, 0).sw, 0x6700);
    key().log_out();
    EXPECT_EQ(bring(good).sw, 0x6982) << "no PIN";
    ASSERT_TRUE(key().verify(issued_.pin).ok());
    EXPECT_TRUE(bring(good).ok());
}

}  // namespace
}  // namespace sealkey::testing
