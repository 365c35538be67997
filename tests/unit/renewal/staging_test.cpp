// What is staged: keys, requests, values in parts. Nothing in use changes by any of it.
#include "unit/renewal/renewal_fixture.h"

namespace sealkey::testing {
namespace {

using Staging = RenewalTest;
constexpr std::uint8_t kP256 = 0x11;

TEST_F(Staging, NothingIsStagedAtFirst) {
    const ByteVector expected = from_hex("800101 87020000 880100 8A0114");
    EXPECT_EQ(status(), expected);
    EXPECT_EQ(key().get_data(object::renewal_status).data, tlv(0x53, expected));
    EXPECT_EQ(key().read_part(object::renewal_status, 3, 4).data, from_hex("87020000"));
    EXPECT_EQ(own(0x41, 0x9A, 0).sw, 0x6A88);
    EXPECT_EQ(own(0x41, 0x9E, 0).sw, 0x6A88);
    EXPECT_EQ(own(0x41, 0, 1).sw, 0x6A86);
    EXPECT_EQ(own(0x41, 0, 0, {1}).sw, 0x6700);
}

TEST_F(Staging, N14_BeginMakesOneKeyACallAndLeavesWhatIsInUse) {
    const auto before = in_use();
    const ByteVector algorithms(3, kP256);
    for (const std::uint8_t missing : {2, 1, 0, 0}) {
        const Reply reply = begin(1, 0x07, algorithms);
        ASSERT_TRUE(reply.ok());
        EXPECT_EQ(reply.data, ByteVector{missing});
        EXPECT_EQ(in_use(), before);
    }
    const auto told = token::stage_status(client());
    ASSERT_EQ(told.staged.size(), 3U);
    EXPECT_EQ(told.roles, 7);
    EXPECT_FALSE(told.ready);
    for (const auto& role : told.staged) {
        EXPECT_TRUE(role.has_key);
        EXPECT_FALSE(role.csr_signed || role.has_certificate || role.proven);
        EXPECT_NE(EVP_PKEY_eq(staged_key(role.reference).get(), key_in(role.reference).get()), 1);
    }
    EXPECT_TRUE(usable(ref::authentication));
    EXPECT_TRUE(usable(ref::signature));
}

TEST_F(Staging, BeginStopsAtAnyKeyAndGoesOnAfterAPowerCut) {
    ASSERT_EQ(begin(1, 0x07, ByteVector(3, kP256)).data, ByteVector{2});
    ASSERT_TRUE(key().power_cycle());
    EXPECT_EQ(begin(1, 0x07, ByteVector(3, kP256)).sw, 0x6982) << "the PIN is gone with the power";
    ASSERT_TRUE(key().verify(issued_.pin).ok());
    EXPECT_EQ(begin(1, 0x07, ByteVector(3, kP256)).data, ByteVector{1});
}

TEST_F(Staging, BeginRefusesWhatItCanNotMean) {
    struct Row {
        const char* what;
        std::uint8_t roles;
        ByteVector algorithms;
        StatusWord sw;
    };
    for (const Row& row : std::vector<Row>{{"no role", 0x00, {kP256}, 0x6A80},
                                           {"a role that there isn't", 0x08, {kP256}, 0x6A80},
                                           {"bit 6", 0x41, {kP256}, 0x6A80},
                                           {"an envelope for nothing", 0x81, {kP256}, 0x6A80},
                                           {"an algorithm too few", 0x03, {kP256}, 0x6A80},
                                           {"an algorithm too many", 0x01, {kP256, kP256}, 0x6A80},
                                           {"no algorithm", 0x01, {}, 0x6700},
                                           {"four algorithms", 0x07, ByteVector(4, kP256), 0x6700},
                                           {"AES", 0x01, {0x0C}, 0x6A80},
                                           {"SM2, which isn't there", 0x01, {0x50}, 0x6A80},
                                           {"algorithm 0", 0x01, {0x00}, 0x6A80}}) {
        EXPECT_EQ(begin(1, row.roles, row.algorithms).sw, row.sw) << row.what;
    }
    EXPECT_EQ(own(0x40, 0, 1, concat({rid(1), {0x01, kP256}})).sw, 0x6A86);
    EXPECT_EQ(own(0x40, 0, 0, rid(1)).sw, 0x6700);
    key().log_out();
    EXPECT_EQ(begin(1, 0x01, {kP256}).sw, 0x6982);
    EXPECT_FALSE(token::stage_status(client()).rid);
}

TEST_F(Staging, OneRenewalAtATime) {
    ASSERT_TRUE(begin(1, 0x03, {kP256, kP256}).ok());
    const ByteVector before = status();
    EXPECT_EQ(begin(2, 0x03, {kP256, kP256}).sw, 0x6985);
    EXPECT_EQ(begin(1, 0x01, {kP256}).sw, 0x6A80);
    EXPECT_EQ(begin(1, 0x03, {kP256, 0x14}).sw, 0x6A80);
    EXPECT_EQ(begin(1, 0x05, {kP256, kP256}).sw, 0x6A80);
    EXPECT_EQ(abort(2).sw, 0x6985);
    EXPECT_EQ(status(), before);
}

TEST_F(Staging, WithoutARetiredSlotForTheOldDecryptionKeyNothingIsBegun) {
    ASSERT_EQ(key().authenticate(), sw::ok);
    // A key or a certificate alone takes a slot.
    for (std::uint8_t slot = ref::retired_first; slot <= ref::retired_last; ++slot) {
        const bool odd = slot % 2 != 0;
        ASSERT_TRUE(odd ? key().generate(slot).ok()
                        : key().put_data(token::certificate_tag(slot), certificate_object({1, 2})).ok());
    }
    EXPECT_EQ(token::stage_status(client()).free_retired_slots, 0);
    EXPECT_EQ(begin(1, 0x07, ByteVector(3, kP256)).sw, 0x6A84);
    EXPECT_FALSE(token::stage_status(client()).rid);
    EXPECT_TRUE(begin(1, 0x03, ByteVector(2, kP256)).ok()) << "the other two need none";
}

TEST_F(Staging, AnEnvelopedKeyIsNotMade) {
    EXPECT_EQ(begin(1, 0x85, {kP256, kP256}).data, ByteVector{0});
    const auto told = token::stage_status(client());
    EXPECT_EQ(told.roles, 0x85);
    EXPECT_TRUE(told.role(ref::authentication)->has_key);
    EXPECT_FALSE(told.role(ref::key_management)->has_key);
    EXPECT_EQ(load(0x45, ref::key_management, {1, 2, 3}).sw, 0x6985);
    ASSERT_TRUE(abort(1).ok());
    EXPECT_EQ(begin(2, 0x84, {kP256}).data, ByteVector{0});
    EXPECT_TRUE(token::stage_status(client()).rid);
}

TEST_F(Staging, TheRequestIsSignedByTheNewKeyAndConsentedToByTheOld) {
    begin_all(1, {{ref::authentication, Algorithm::p256}, {ref::signature, Algorithm::p384}});
    token::Rid name{};
    name.fill(1);
    for (const std::uint8_t role : {ref::authentication, ref::signature}) {
        const PKey fresh = staged_key(role);
        const ByteVector info = request_info(fresh);
        const char* const hash = role == ref::signature ? "SHA384" : "SHA256";
        EXPECT_TRUE(verifies(fresh, info, token::stage_csr(client(), role, info), hash));
        const ByteVector consent = token::stage_csr_consent(client(), role, info);
        EXPECT_TRUE(verifies(key_in(role), token::request_statement(name, digest_of(info)), consent));
        EXPECT_TRUE(token::stage_status(client()).role(role)->csr_signed);
    }
    // 9C signed though it wants the PIN every time: what is signed is the token's own statement. It left nothing open.
    EXPECT_EQ(key().sign(ref::signature).sw, 0x6982);
}

TEST_F(Staging, RequestsForOtherKeysAreRefused) {
    begin_all(1);
    const ByteVector good = request_info(staged_key(ref::authentication));
    ASSERT_TRUE(csr(ref::authentication, good).ok());
    const std::vector<std::pair<const char*, ByteVector>> foreign = {
        {"a foreign key", request_info(new_key("P-256"))},
        {"a foreign RSA key", request_info(new_key("RSA-2048"))},
        {"a key of another curve", request_info(new_key("P-384"))},
        {"the key in use", request_info(key_in(ref::authentication))},
        {"another role's staged key", request_info(staged_key(ref::signature))},
    };
    for (const auto& [what, info] : foreign) {
        EXPECT_EQ(csr(ref::authentication, info).sw, 0x6A80) << what;
        EXPECT_EQ(csr(ref::authentication, info, 1).sw, 0x6A80) << what << ", consent";
    }
    // Something else than a request: a certificate's signed part, a digest, a statement of ours, nothing.
    for (const ByteVector& other :
         {some_bytes(32, 1), ca().certificate(), text("SEALKEY-PROVE"), ByteVector{0x30, 0x00}}) {
        EXPECT_EQ(csr(ref::authentication, other).sw, 0x6A80);
    }
    EXPECT_EQ(csr(ref::authentication, {}).sw, 0x6700);
    EXPECT_EQ(csr(0x9E, good).sw, 0x6A88);
    EXPECT_EQ(csr(ref::authentication, good, 2).sw, 0x6A86);
    key().log_out();
    EXPECT_EQ(csr(ref::authentication, good).sw, 0x6982);
    EXPECT_EQ(csr(ref::authentication, good, 1).sw, 0x6982);
}

TEST_F(Staging, NoByteOfARequestMayBeAnythingElse) {
    begin_all(1, {{ref::authentication, Algorithm::p256}});
    const ByteVector good = request_info(staged_key(ref::authentication));
    for (std::size_t n = 1; n < good.size(); ++n) {
        ByteVector cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n));
        EXPECT_EQ(csr(ref::authentication, cut).sw, 0x6A80) << "cut at " << n;
    }
    EXPECT_EQ(csr(ref::authentication, concat({good, {0x00}})).sw, 0x6A80) << "a byte behind it";
    // Outside the subject's text every bit matters.
    const ByteVector name = text("renewed");
    const auto subject = std::search(good.begin(), good.end(), name.begin(), name.end()) - good.begin();
    unsigned refused = 0;
    for (std::size_t i = 0; i < good.size() * 8; ++i) {
        const auto byte = static_cast<std::ptrdiff_t>(i / 8);
        ByteVector bad = good;
        bad[i / 8] = static_cast<std::uint8_t>(bad[i / 8] ^ (1U << i % 8));
        // OID and string type of the name are nobody's matter here.
        if (byte >= subject - 11 && byte < subject + static_cast<std::ptrdiff_t>(name.size())) continue;
        EXPECT_EQ(csr(ref::authentication, bad).sw, 0x6A80) << "bit " << i;
        ++refused;
    }
    EXPECT_GT(refused, 700U);
}

TEST_F(Staging, RequestsComeOnlyWhenTheirKeyIsThere) {
    const ByteVector info = request_info(new_key("P-256"));
    EXPECT_EQ(csr(ref::authentication, info).sw, 0x6985) << "nothing is staged";
    EXPECT_EQ(prove(ref::authentication).sw, 0x6985);
    ASSERT_EQ(begin(1, 0x03, {kP256, kP256}).data, ByteVector{1});
    EXPECT_EQ(csr(ref::signature, info).sw, 0x6985) << "its key isn't made yet";
    EXPECT_EQ(csr(ref::key_management, info).sw, 0x6A88) << "not in this renewal";
    EXPECT_EQ(prove(ref::key_management).sw, 0x6A88);
    EXPECT_EQ(load(0x45, ref::signature, {1}).sw, 0x6985);
    EXPECT_EQ(load(0x45, ref::key_management, {1}).sw, 0x6A88);
}

TEST_F(Staging, TheStagedKeySignsNothingElse) {
    begin_all(1, {{ref::authentication, Algorithm::p256}});
    const PKey fresh = staged_key(ref::authentication);
    ASSERT_EQ(key().authenticate(), sw::ok);
    const ByteVector digest = some_bytes(32, 1);
    const ByteVector list = tlv(0x7C, concat({tlv(0x82, {}), tlv(0x81, digest)}));
    unsigned answered = 0;
    for (unsigned reference = 0; reference < 256; ++reference) {
        ASSERT_TRUE(key().verify(issued_.pin).ok());
        const Reply reply = key().send(0, 0x87, kP256, static_cast<std::uint8_t>(reference), list);
        if (!reply.ok()) continue;
        ++answered;
        const ByteVector signature = find(*find(reply.data, 0x7C), 0x82).value();
        std::shared_ptr<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new(fresh.get(), nullptr), EVP_PKEY_CTX_free);
        ASSERT_EQ(EVP_PKEY_verify_init(context.get()), 1);
        EXPECT_NE(EVP_PKEY_verify(context.get(), signature.data(), signature.size(), digest.data(), digest.size()), 1)
            << "the staged key answers as " << reference;
    }
    EXPECT_EQ(answered, 3U) << "9A, 9C and 9D are there to be used";
}

TEST_F(Staging, TheProofIsForALoadedCertificateOfTheKey) {
    begin_all(1, {{ref::authentication, Algorithm::p256}});
    EXPECT_EQ(prove(ref::authentication).sw, 0x6985) << "no certificate is loaded";
    const PKey fresh = staged_key(ref::authentication);
    token::stage_certificate(client(), ref::authentication, certificate_object(ca().issue(new_key("P-256"), "x")));
    EXPECT_EQ(prove(ref::authentication).sw, 0x6A80) << "another key's certificate";
    token::stage_certificate(client(), ref::authentication, some_bytes(500, 1));
    EXPECT_EQ(prove(ref::authentication).sw, 0x6A80) << "no certificate at all";
    token::stage_certificate(client(), ref::authentication, certificate_object(ca().issue(fresh, "x")));
    EXPECT_EQ(own(0x44, ref::authentication, 0, ByteVector(31, 7)).sw, 0x6700);
    EXPECT_EQ(own(0x44, ref::authentication, 1, ByteVector(32, 7)).sw, 0x6A86);
    token::Rid name{};
    name.fill(1);
    token::StageNonce nonce{};
    nonce.fill(9);
    const ByteVector proof = token::stage_prove(client(), ref::authentication, nonce);
    EXPECT_TRUE(verifies(fresh, token::prove_statement(name, ref::authentication, nonce), proof));
    EXPECT_TRUE(token::stage_status(client()).role(ref::authentication)->proven);
    token::stage_certificate(client(), ref::authentication, certificate_object(ca().issue(fresh, "y")));
    EXPECT_FALSE(token::stage_status(client()).role(ref::authentication)->proven) << "that was for the other one";
    key().log_out();
    EXPECT_EQ(prove(ref::authentication).sw, 0x6982);
}

TEST_F(Staging, Lesson11_AValueIsThereWithItsLastPart) {
    begin_all(1, {{ref::authentication, Algorithm::p256}});
    const auto before = in_use();
    const ByteVector seal = some_bytes(20000, 3);
    const auto slice = [&](std::size_t at, std::size_t n) {
        return ByteVector(seal.begin() + static_cast<std::ptrdiff_t>(at),
                          seal.begin() + static_cast<std::ptrdiff_t>(at + n));
    };
    ASSERT_TRUE(own(0x46, 0, 0, part(20000, 0, slice(0, 4000))).ok());
    ASSERT_TRUE(own(0x46, 0, 0, part(20000, 4000, slice(4000, 4000))).ok());
    auto told = token::stage_status(client());
    EXPECT_EQ(told.seal->loaded, 8000U);
    EXPECT_EQ(told.seal->total, 20000U);
    EXPECT_FALSE(told.seal->complete());
    for (std::size_t at = 8000; at < 20000; at += 4000) {
        ASSERT_TRUE(own(0x46, 0, 0, part(20000, at, slice(at, 4000))).ok());
    }
    told = token::stage_status(client());
    EXPECT_TRUE(told.seal->complete());
    EXPECT_TRUE(std::equal(told.seal->fingerprint.begin(), told.seal->fingerprint.end(), digest_of(seal).begin()));
    EXPECT_EQ(in_use(), before);
}

TEST_F(Staging, PartsOutOfOrderAreRefusedAndTheLoadingDropped) {
    begin_all(1, {{ref::authentication, Algorithm::p256}});
    const ByteVector piece = some_bytes(1000, 3);
    const auto first = [&] { ASSERT_TRUE(own(0x46, 0, 0, part(5000, 0, piece)).ok()); };
    const auto dropped = [&] {
        EXPECT_FALSE(token::stage_status(client()).seal);
        EXPECT_EQ(own(0x46, 0, 0, part(5000, 1000, piece)).sw, 0x6985) << "it doesn't go on";
    };
    EXPECT_EQ(own(0x46, 0, 0, part(5000, 1000, piece)).sw, 0x6985) << "not the first";
    first();
    EXPECT_EQ(own(0x46, 0, 0, part(5000, 2000, piece)).sw, 0x6985) << "one left out";
    dropped();
    first();
    EXPECT_EQ(own(0x46, 0, 0, part(6000, 1000, piece)).sw, 0x6985) << "another length";
    dropped();
    first();
    EXPECT_EQ(own(0x47, 0, 0, part(4000, 1000, piece)).sw, 0x6985) << "another value";
    dropped();
    first();
    key().reset();
    ASSERT_TRUE(key().verify(issued_.pin).ok());
    dropped();
    first();
    ASSERT_TRUE(key().power_cycle());
    ASSERT_TRUE(key().verify(issued_.pin).ok());
    dropped();
    first();
    ASSERT_EQ(key().authenticate(), sw::ok);
    ASSERT_TRUE(key().put_data_chained(object::piv_admin_data, some_bytes(3000, 9)).ok());
    dropped();
    first();
    key().log_out();
    EXPECT_EQ(own(0x46, 0, 0, part(5000, 1000, piece)).sw, 0x6982);
    ASSERT_TRUE(key().verify(issued_.pin).ok());
    EXPECT_TRUE(own(0x46, 0, 0, part(5000, 1000, piece)).ok()) << "the PIN was missing, and is back";
}

TEST_F(Staging, PartsThatDoNotFitAreRefused) {
    EXPECT_EQ(load(0x46, 0, {1}).sw, 0x6985) << "nothing is staged";
    begin_all(1, {{ref::authentication, Algorithm::p256}});
    EXPECT_EQ(own(0x46, 0, 0, part(0, 0, {})).sw, 0x6700);
    EXPECT_EQ(own(0x46, 0, 0, part(0, 0, {1})).sw, 0x6A80);
    EXPECT_EQ(own(0x46, 0, 0, part(1, 0, {1, 2})).sw, 0x6A80);
    EXPECT_EQ(own(0x46, 0, 0, part(0xFFFFFFFF, 0xFFFFFFFF, {1})).sw, 0x6A80);
    EXPECT_EQ(own(0x46, 0, 0, part(32769, 0, {1})).sw, 0x6A84);
    EXPECT_EQ(own(0x47, 0, 0, part(4097, 0, {1})).sw, 0x6A84);
    EXPECT_EQ(own(0x47, 1, 0, part(8193, 0, {1})).sw, 0x6A84);
    EXPECT_EQ(own(0x45, ref::authentication, 0, part(8193, 0, {1})).sw, 0x6A84);
    EXPECT_EQ(load(0x45, 0x9E, {1}).sw, 0x6A88);
    EXPECT_EQ(load(0x46, 1, {1}).sw, 0x6A86);
    EXPECT_EQ(load(0x47, 2, {1}).sw, 0x6A86);
    EXPECT_EQ(own(0x46, 0, 1, part(1, 0, {1})).sw, 0x6A86);
    EXPECT_FALSE(token::stage_status(client()).seal || token::stage_status(client()).record);
}

TEST_F(Staging, N15_TheSealMayBeLoadedAndLoadedAgain) {
    begin_all(1, {{ref::authentication, Algorithm::p256}});
    token::stage_seal(client(), some_bytes(32768, 1));
    token::stage_seal(client(), some_bytes(700, 2));
    EXPECT_EQ(token::stage_status(client()).seal->total, 700U);
    token::stage_record(client(), some_bytes(4096, 3));
    token::stage_next_issuer(client(), some_bytes(900, 4));
    const auto told = token::stage_status(client());
    EXPECT_TRUE(told.record->complete() && told.issuer->complete());
}

TEST_F(Staging, AbortLeavesNothingBehind) {
    const auto before = in_use();
    const std::uint64_t bytes = key().flash().operations();
    (void)stage_all(1, ca());
    token::stage_seal(client(), some_bytes(9000, 1));
    token::stage_record(client(), some_bytes(300, 3));
    ASSERT_TRUE(own(0x46, 0, 0, part(5000, 0, {1, 2})).ok()) << "and one is coming in";
    ASSERT_GT(key().flash().operations(), bytes);
    EXPECT_EQ(abort(1).sw, sw::ok);
    EXPECT_EQ(status(), from_hex("800101 87020000 880100 8A0114"));
    EXPECT_EQ(in_use(), before);
    EXPECT_EQ(own(0x41, 0x9A, 0).sw, 0x6A88);
    EXPECT_EQ(abort(1).sw, sw::ok) << "again";
    EXPECT_EQ(abort(2).sw, sw::ok) << "and of one that never was";
    EXPECT_EQ(own(0x4A, 0, 0, {1}).sw, 0x6700);
    key().log_out();
    EXPECT_EQ(abort(1).sw, 0x6982);
}

TEST_F(Staging, BegunAndDroppedAgainAndAgain) {
    for (int i = 0; i < 40; ++i) {
        ASSERT_TRUE(begin(static_cast<std::uint8_t>(i + 1), 0x01, {kP256}).ok()) << i;
        ASSERT_TRUE(load(0x46, 0, some_bytes(3000, static_cast<std::uint8_t>(i))).ok()) << i;
        ASSERT_TRUE(abort(static_cast<std::uint8_t>(i + 1)).ok()) << i;
    }
    EXPECT_TRUE(usable(ref::authentication));
}

}  // namespace
}  // namespace sealkey::testing
