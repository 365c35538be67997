// COMMIT: everything at once, by the CA's manifest alone.
#include "unit/renewal/renewal_fixture.h"

namespace sealkey::testing {
namespace {

using Commit = RenewalTest;

TEST_F(Commit, N14_Lesson12_EverythingIsNewAtOnce) {
    const PKey old_login = key_in(ref::authentication);
    const PKey old_decryption = key_in(ref::key_management);
    const ByteVector old_certificate = issued_.certificates.at(ref::key_management);
    const ByteVector old_chuid = key().get_data(object::chuid).data;
    RenewalDesk desk(ca());
    RenewalPlan plan = plan_of(1, all_roles());
    plan.seal = some_bytes(30000, 5);
    plan.record = some_bytes(220, 6);
    run_renewal(client(), issued_.pin, desk, plan);

    EXPECT_TRUE(desk.confirmed(plan.rid));
    for (const std::uint8_t role : {ref::authentication, ref::signature}) {
        EXPECT_TRUE(usable(role));
        EXPECT_EQ(client().read_object(token::certificate_tag(role)), desk.issued(plan.rid, role));
    }
    EXPECT_NE(EVP_PKEY_eq(key_in(ref::authentication).get(), old_login.get()), 1);
    EXPECT_TRUE(decrypts(ref::key_management, key_in(ref::key_management)));
    EXPECT_TRUE(decrypts(ref::retired_first, old_decryption)) << "files of before are lost";
    EXPECT_EQ(client().read_object(object::cert_retired_first), old_certificate);
    EXPECT_EQ(client().read_object(object::seal), *plan.seal);
    EXPECT_EQ(client().read_in_parts(object::seal, 30000, {}), *plan.seal);
    EXPECT_EQ(client().read_object(object::enterprise_record), *plan.record);
    const ByteVector chuid = key().get_data(object::chuid).data;
    EXPECT_NE(chuid, old_chuid) << "hosts would show the old certificate from their cache";
    EXPECT_EQ(find(*find(chuid, 0x53), 0x34), ByteVector(plan.guid.begin(), plan.guid.end()));

    const auto told = token::stage_status(client());
    EXPECT_FALSE(told.rid);
    EXPECT_EQ(told.committed, plan.rid);
    EXPECT_EQ(told.generation, 1);
    EXPECT_EQ(told.free_retired_slots, 19);
    // What a client's cache goes by.
    const auto status = client().token_status();
    EXPECT_EQ(status.object(object::seal)->length, 30000U);
    EXPECT_TRUE(std::equal(status.slot(0x9A)->fingerprint.begin(), status.slot(0x9A)->fingerprint.end(),
                           digest_of(desk.issued(plan.rid, 0x9A)).begin()));
    EXPECT_EQ(status.slot(0x9A)->certificate_length, desk.issued(plan.rid, 0x9A).size());
    EXPECT_TRUE(std::equal(status.slot(0x82)->fingerprint.begin(), status.slot(0x82)->fingerprint.end(),
                           digest_of(old_certificate).begin()));
    // The same at the next start.
    const auto before = in_use();
    ASSERT_TRUE(key().power_cycle());
    EXPECT_EQ(in_use(), before);
}

TEST_F(Commit, Lesson13_TheFormerKeyIsInTheKeyHistory) {
    EXPECT_EQ(key().get_data(object::key_history).data, from_hex("53 08 C10100 C20100 FE00"));
    for (std::uint8_t number = 1; number <= 3; ++number) {
        ASSERT_TRUE(commit(ca().manifest(stage_all(number, ca(), {{ref::key_management, Algorithm::p256}}))).ok());
        EXPECT_EQ(key().get_data(object::key_history).data,
                  concat({from_hex("53 08 C101"), {number}, from_hex("C20100 FE00")}));
        EXPECT_FALSE(client().read_certificate(static_cast<std::uint8_t>(0x81 + number)).empty());
    }
}

TEST_F(Commit, TheChangeOfAlgorithmIsARenewal) {
    const std::vector<token::StageRole> roles = {{ref::authentication, Algorithm::rsa2048},
                                                 {ref::signature, Algorithm::p384},
                                                 {ref::key_management, Algorithm::rsa2048}};
    RenewalDesk desk(ca());
    run_renewal(client(), issued_.pin, desk, plan_of(1, roles));
    EXPECT_TRUE(usable(ref::authentication));
    EXPECT_EQ(client().metadata(ref::signature).algorithm, Algorithm::p384);
    run_renewal(client(), issued_.pin, desk, plan_of(2, all_roles()));
    EXPECT_TRUE(usable(ref::authentication));
    EXPECT_EQ(client().metadata(ref::retired_first + 1).algorithm, Algorithm::rsa2048);
}

TEST_F(Commit, PoliciesGoOver) {
    ASSERT_EQ(key().authenticate(), sw::ok);
    ASSERT_TRUE(key().generate(ref::authentication, Algorithm::p256, PinPolicy::always, TouchPolicy::always).ok());
    ASSERT_TRUE(commit(ca().manifest(stage_all(1, ca()))).ok());
    const auto login = client().metadata(ref::authentication);
    EXPECT_EQ(login.pin_policy, PinPolicy::always);
    EXPECT_EQ(login.touch_policy, TouchPolicy::always);
    EXPECT_EQ(login.origin, protocol::Origin::generated);
    EXPECT_EQ(client().metadata(ref::signature).pin_policy, PinPolicy::always);
}

TEST_F(Commit, ATouchIsAskedForWhereTheKeyWantsOne) {
    ASSERT_EQ(key().authenticate(), sw::ok);
    ASSERT_TRUE(key().generate(ref::authentication, Algorithm::p256, PinPolicy::once, TouchPolicy::always).ok());
    begin_all(1, {{ref::authentication, Algorithm::p256}});
    const ByteVector info = request_info(staged_key(ref::authentication));
    key().parts().presence.present = false;
    EXPECT_EQ(csr(ref::authentication, info).sw, 0x6982);
    EXPECT_EQ(csr(ref::authentication, info, 1).sw, 0x6982);
    EXPECT_FALSE(token::stage_status(client()).staged[0].csr_signed);
    key().parts().presence.present = true;
    EXPECT_TRUE(csr(ref::authentication, info).ok());
}

TEST_F(Commit, ARepeatedManifestChangesNothing) {
    const ByteVector first = ca().manifest(stage_all(1, ca()));
    ASSERT_TRUE(commit(first).ok());
    const auto after = in_use();
    const auto operations = key().flash().operations();
    EXPECT_TRUE(commit(first).ok()) << "it is committed";
    EXPECT_EQ(begin(1, 0x07, ByteVector(3, 0x11)).data, ByteVector{0xFF});
    EXPECT_EQ(abort(1).sw, 0x6985) << "what is committed can't be dropped";
    EXPECT_EQ(in_use(), after);
    EXPECT_EQ(key().flash().operations(), operations) << "nothing was written";

    // While the next one is staged, the old manifest publishes nothing of it; after it, it is nobody's.
    const ByteVector second = ca().manifest(stage_all(2, ca()));
    EXPECT_TRUE(commit(first).ok());
    EXPECT_EQ(in_use(), after);
    ASSERT_TRUE(commit(second).ok());
    EXPECT_EQ(commit(first).sw, 0x6985);
    // Even when the renewal of that name is begun once more: its keys are others.
    begin_all(1);
    for (const std::uint8_t role : protocol::kRoles) {
        ASSERT_TRUE(load(0x45, role, certificate_object(ca().issue(staged_key(role), "renewed"))).ok());
    }
    EXPECT_EQ(commit(first).sw, 0x6A80);
}

TEST_F(Commit, NoBitOfTheManifestMayBeAnother) {
    token::Manifest manifest = stage_all(1, ca());
    const ByteVector seal = some_bytes(100, 1);
    token::stage_seal(client(), seal);
    manifest.seal = digest_of(seal);
    const ByteVector good = ca().manifest(manifest);
    const auto before = in_use();
    const ByteVector staged = status();
    for (std::size_t i = 0; i < good.size(); ++i) {
        ByteVector bad = good;
        bad[i] = static_cast<std::uint8_t>(bad[i] ^ (1U << (i * 5) % 8));
        const StatusWord sw = commit(bad).sw;
        EXPECT_TRUE(sw == 0x6A80 || sw == 0x6985) << "byte " << i << " answers " << std::hex << sw;
    }
    for (std::size_t n = 1; n < good.size(); n += 7) {
        EXPECT_EQ(commit(ByteVector(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n))).sw, 0x6A80) << n;
    }
    EXPECT_EQ(commit(concat({good, {0x00}})).sw, 0x6A80);
    EXPECT_EQ(commit({}).sw, 0x6700);
    EXPECT_EQ(in_use(), before);
    EXPECT_EQ(status(), staged);
    EXPECT_TRUE(commit(good).ok()) << "and the good one is still good";
}

// Each field wrong, under a signature that is right.
TEST_F(Commit, EachFieldIsHeldAgainstTheTokenAndWhatIsStaged) {
    token::Manifest good = stage_all(1, ca());
    const ByteVector seal = some_bytes(100, 1);
    const ByteVector record = some_bytes(50, 2);
    token::stage_seal(client(), seal);
    token::stage_record(client(), record);
    good.seal = digest_of(seal);
    good.record = digest_of(record);
    const auto before = in_use();
    const auto refused = [&](const char* what, StatusWord sw, auto change) {
        token::Manifest bad = good;
        change(bad);
        EXPECT_EQ(commit(ca().manifest(bad)).sw, sw) << what;
        EXPECT_EQ(in_use(), before) << what;
    };
    refused("serial", 0x6A80, [](token::Manifest& m) { m.serial = "0123456789AC"; });
    refused("RID", 0x6985, [](token::Manifest& m) { m.rid[15] ^= 1; });
    refused("roles", 0x6A80, [](token::Manifest& m) {
        m.roles = 0x03;
        m.certificates.pop_back();
    });
    refused("two certificates swapped", 0x6A80,
            [](token::Manifest& m) { std::swap(m.certificates[0], m.certificates[1]); });
    for (std::size_t i = 0; i < 3; ++i) {
        refused("certificate", 0x6A80, [i](token::Manifest& m) { m.certificates[i][31] ^= 1; });
    }
    refused("seal", 0x6A80, [](token::Manifest& m) { (*m.seal)[0] ^= 0x80; });
    refused("record", 0x6A80, [](token::Manifest& m) { (*m.record)[5] ^= 1; });
    refused("an issuer that isn't loaded", 0x6985, [](token::Manifest& m) { m.issuer = token::Digest{}; });
    refused("the GUID that the CHUID has", 0x6A80, [](token::Manifest& m) {
        const ByteVector now = guid();
        std::copy(now.begin(), now.end(), m.guid.begin());
    });
    EXPECT_TRUE(commit(ca().manifest(good)).ok());
}

// Lists that are signed and aren't a manifest.
TEST_F(Commit, TheListHasOneForm) {
    const ByteVector good = token::manifest_body(stage_all(1, ca()));
    const auto refused = [&](const char* what, const ByteVector& body) {
        EXPECT_EQ(commit(token::signed_manifest(body, sign_message(ca().key(), body))).sw, 0x6A80) << what;
    };
    const auto replaced = [&](const char* from, const char* to) {
        ByteVector out = good;
        const ByteVector a = from_hex(from);
        const ByteVector b = from_hex(to);
        const auto at = std::search(out.begin(), out.end(), a.begin(), a.end());
        EXPECT_NE(at, out.end());
        const auto index = at - out.begin();
        out.erase(at, at + static_cast<std::ptrdiff_t>(a.size()));
        out.insert(out.begin() + index, b.begin(), b.end());
        return out;
    };
    refused("another version", replaced("800101", "800102"));
    refused("no version", replaced("800101", ""));
    refused("the version twice", replaced("800101", "800101800101"));
    refused("a length with a byte too many", replaced("800101", "80810101"));
    refused("no roles", replaced("830107", ""));
    refused("roles with the envelope's bit", replaced("830107", "830187"));
    refused("no role", replaced("830107", "830100"));
    refused("a tag that there isn't", replaced("830107", "8301078A00"));
    refused("nothing", {});
    const ByteVector head = from_hex("800101");
    refused("version alone", head);
    refused("a seal's hash of another length", replaced("8810",
                                                        "851F"
                                                        "00000000000000000000000000000000000000000000000000000000000000"
                                                        "8810"));
    refused("fields in another order", [&] {
        ByteVector out = good;
        std::rotate(out.begin(), out.begin() + 3, out.begin() + 3 + 14);
        return out;
    }());
    EXPECT_EQ(commit(good).sw, 0x6A80) << "no signature";
    EXPECT_EQ(commit(token::signed_manifest(good, {})).sw, 0x6A80) << "an empty signature";
    EXPECT_TRUE(commit(token::signed_manifest(good, sign_message(ca().key(), good))).ok());
}

TEST_F(Commit, OnlyTheIssuersKeySigns) {
    const token::Manifest manifest = stage_all(1, ca());
    const ByteVector body = token::manifest_body(manifest);
    TestCa other;
    TestCa rsa("RSA-2048");
    EXPECT_EQ(commit(other.manifest(manifest)).sw, 0x6A80);
    EXPECT_EQ(commit(rsa.manifest(manifest)).sw, 0x6A80);
    EXPECT_EQ(commit(ca().manifest(manifest, "SHA384")).sw, 0x6A80) << "by SHA-256 alone";
    EXPECT_EQ(commit(token::signed_manifest(body, client().sign(0x9A, Algorithm::p256, some_bytes(32, 1)))).sw, 0x6A80);
    EXPECT_EQ(commit(token::signed_manifest(body, ByteVector(72, 0))).sw, 0x6A80);
    EXPECT_EQ(commit(token::signed_manifest(body, from_hex("3006020100020100"))).sw, 0x6A80) << "r = s = 0";
    key().log_out();
    EXPECT_EQ(commit(ca().manifest(manifest)).sw, 0x6982);
    ASSERT_TRUE(key().verify(issued_.pin).ok());
    ASSERT_EQ(key().authenticate(), sw::ok);
    ASSERT_TRUE(key().put_data(object::issuer_certificate, {}).ok());
    EXPECT_EQ(commit(ca().manifest(manifest)).sw, 0x6985) << "no issuer";
    ASSERT_TRUE(key().put_data(object::issuer_certificate, some_bytes(300, 1)).ok());
    EXPECT_EQ(commit(ca().manifest(manifest)).sw, 0x6A80) << "no certificate";
    ASSERT_TRUE(key().put_data(object::issuer_certificate, ca().certificate()).ok());
    EXPECT_TRUE(commit(ca().manifest(manifest)).ok()) << "without its wrapping";
}

TEST_F(Commit, IssuersOfEveryAlgorithm) {
    std::uint8_t number = 1;
    for (const char* kind : {"P-384", "RSA-2048"}) {
        for (const char* hash : {"SHA256", "SHA384", "SHA512"}) {
            TestCa other(kind);
            ASSERT_EQ(key().authenticate(), sw::ok);
            ASSERT_TRUE(key().put_data(object::issuer_certificate, certificate_object(other.certificate())).ok());
            begin_all(number, {{ref::authentication, Algorithm::p256}});
            token::Manifest manifest = manifest_of(number, {{ref::authentication, Algorithm::p256}});
            const ByteVector object_of = certificate_object(other.issue(staged_key(ref::authentication), "x", hash));
            token::stage_certificate(client(), ref::authentication, object_of);
            manifest.certificates.push_back(digest_of(object_of));
            EXPECT_TRUE(commit(other.manifest(manifest)).ok()) << kind << " " << hash;
            ++number;
        }
    }
}

// Named by a manifest that is right, and still refused: the manifest isn't enough.
TEST_F(Commit, EachCertificateIsHeldAgainstItsKeyAndTheIssuer) {
    begin_all(1, {{ref::authentication, Algorithm::p256}, {ref::signature, Algorithm::p256}});
    const PKey fresh = staged_key(ref::authentication);
    const ByteVector other = certificate_object(ca().issue(staged_key(ref::signature), "good"));
    token::stage_certificate(client(), ref::signature, other);
    const auto before = in_use();
    const auto commit_with = [&](const ByteVector& object_of) {
        token::stage_certificate(client(), ref::authentication, object_of);
        token::Manifest manifest =
            manifest_of(1, {{ref::authentication, Algorithm::p256}, {ref::signature, Algorithm::p256}});
        manifest.certificates = {digest_of(object_of), digest_of(other)};
        return commit(ca().manifest(manifest)).sw;
    };
    TestCa foreign;
    TestCa rsa("RSA-2048");
    const ByteVector good = ca().issue(fresh, "good");
    ByteVector broken = good;
    broken[broken.size() - 5] ^= 1;
    ByteVector altered = good;
    const ByteVector name = text("good");
    std::search(altered.begin(), altered.end(), name.begin(), name.end())[0] = 'h';
    ByteVector unsigned_inside = good;
    // The algorithm inside the signed part says another thing than the one outside.
    const ByteVector oid = from_hex("2A8648CE3D040302");
    auto outer = std::find_end(unsigned_inside.begin(), unsigned_inside.end(), oid.begin(), oid.end());
    outer[7] = 0x03;
    const std::vector<std::pair<const char*, ByteVector>> bad = {
        {"another key", certificate_object(ca().issue(new_key("P-256"), "x"))},
        {"the other role's key", other},
        {"the key that is in use", issued_.certificates.at(ref::authentication)},
        {"another CA", certificate_object(foreign.issue(fresh, "x"))},
        {"another CA of another kind", certificate_object(rsa.issue(fresh, "x"))},
        {"its own signature", certificate_object(broken)},
        {"an altered name", certificate_object(altered)},
        {"two algorithms", certificate_object(unsigned_inside)},
        {"SHA-1", certificate_object(ca().issue(fresh, "x", "SHA1"))},
        {"the issuer's own certificate", certificate_object(ca().certificate())},
        {"compressed", concat({tlv(0x70, good), tlv(0x71, {0x01}), tlv(0xFE, {})})},
        {"bare", good},
        {"without 71", concat({tlv(0x70, good), tlv(0xFE, {})})},
        {"two certificates", concat({tlv(0x70, good), tlv(0x70, good), tlv(0x71, {0x00}), tlv(0xFE, {})})},
        {"a byte after it", concat({certificate_object(good), {0x00}})},
        {"a byte after the DER", certificate_object(concat({good, {0x00}}))},
        {"nothing in it", certificate_object({})},
        {"not a certificate", some_bytes(400, 1)},
    };
    for (const auto& [what, object_of] : bad) {
        EXPECT_EQ(commit_with(object_of), 0x6A80) << what;
        EXPECT_EQ(in_use(), before) << what;
    }
    EXPECT_EQ(commit_with(certificate_object(good)), sw::ok);
    EXPECT_TRUE(usable(ref::authentication));
}

TEST_F(Commit, WhatIsMissingIsNotPublished) {
    token::Manifest manifest = manifest_of(1, all_roles());
    EXPECT_EQ(commit(ca().manifest([&] {
                  token::Manifest m = manifest;
                  m.certificates.resize(3);
                  return m;
              }()))
                  .sw,
              0x6985)
        << "nothing is staged";
    manifest = stage_all(1, ca());
    const auto before = in_use();
    manifest.seal = digest_of(some_bytes(100, 1));
    EXPECT_EQ(commit(ca().manifest(manifest)).sw, 0x6985) << "the seal isn't loaded";
    ASSERT_TRUE(own(0x46, 0, 0, part(100, 0, some_bytes(50, 1))).ok());
    EXPECT_EQ(commit(ca().manifest(manifest)).sw, 0x6985) << "half of it";
    EXPECT_EQ(in_use(), before);
    manifest.seal.reset();
    ASSERT_TRUE(abort(1).ok());
    begin_all(1);
    EXPECT_EQ(commit(ca().manifest(manifest)).sw, 0x6985) << "no certificates";
    EXPECT_EQ(in_use(), before);
}

TEST_F(Commit, ASealThatTheManifestDoesNotNameIsDropped) {
    const token::Manifest manifest = stage_all(1, ca());
    const ByteVector seal = client().read_object(object::seal);
    token::stage_seal(client(), some_bytes(5000, 9));
    token::stage_record(client(), some_bytes(100, 9));
    token::stage_next_issuer(client(), certificate_object(TestCa().certificate()));
    ASSERT_TRUE(commit(ca().manifest(manifest)).ok());
    EXPECT_EQ(client().read_object(object::seal), seal);
    EXPECT_EQ(client().read_object(object::issuer_certificate), certificate_object(ca().certificate()));
    EXPECT_EQ(status(), concat({from_hex("800101"), tlv(0x86, rid(1)), from_hex("87020001 880100 8A0113")}));
}

TEST_F(Commit, TheNextIssuerComesByTheOldOnesManifest) {
    TestCa next("RSA-2048", "Next CA");
    const ByteVector next_object = certificate_object(next.certificate());
    RenewalDesk desk(ca());
    // A foreign CA's certificates with the issuer not named: refused.
    token::Manifest manifest = stage_all(1, next);
    token::stage_next_issuer(client(), next_object);
    EXPECT_EQ(commit(ca().manifest(manifest)).sw, 0x6A80);
    // Named, but by its own signature: refused.
    manifest.issuer = digest_of(next_object);
    EXPECT_EQ(commit(next.manifest(manifest)).sw, 0x6A80);
    // An issuer that isn't the one named, or isn't a certificate.
    token::stage_next_issuer(client(), certificate_object(TestCa().certificate()));
    EXPECT_EQ(commit(ca().manifest(manifest)).sw, 0x6A80);
    token::stage_next_issuer(client(), some_bytes(300, 1));
    token::Manifest nonsense = manifest;
    nonsense.issuer = digest_of(some_bytes(300, 1));
    EXPECT_EQ(commit(ca().manifest(nonsense)).sw, 0x6A80);
    token::stage_next_issuer(client(), next_object);
    ASSERT_TRUE(commit(ca().manifest(manifest)).ok());
    EXPECT_EQ(client().read_object(object::issuer_certificate), next_object);
    EXPECT_TRUE(usable(ref::authentication));
    // From now on the old one's word is nothing.
    EXPECT_EQ(commit(ca().manifest(stage_all(2, ca()))).sw, 0x6A80);
    ASSERT_TRUE(abort(2).ok());
    EXPECT_TRUE(commit(next.manifest(stage_all(3, next))).ok());
}

TEST_F(Commit, ARetiredSlotMustStillBeFree) {
    const ByteVector manifest = ca().manifest(stage_all(1, ca()));
    ASSERT_EQ(key().authenticate(), sw::ok);
    for (std::uint8_t slot = ref::retired_first; slot <= ref::retired_last; ++slot) {
        ASSERT_TRUE(key().put_data(token::certificate_tag(slot), certificate_object({1, 2})).ok());
    }
    const auto before = in_use();
    EXPECT_EQ(commit(manifest).sw, 0x6A84);
    EXPECT_EQ(in_use(), before);
    ASSERT_TRUE(key().put_data(token::certificate_tag(0x90), {}).ok());
    EXPECT_TRUE(commit(manifest).ok());
    EXPECT_TRUE(client().metadata(0x90).algorithm == Algorithm::p256);
}

TEST_F(Commit, N14_TwentyRenewalsKeepTwentyDecryptionKeys) {
    std::vector<PKey> keys;
    const std::vector<token::StageRole> roles = {{ref::key_management, Algorithm::p256}};
    for (std::uint8_t number = 1; number <= 20; ++number) {
        keys.push_back(key_in(ref::key_management));
        ASSERT_TRUE(commit(ca().manifest(stage_all(number, ca(), roles))).ok()) << int{number};
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const auto slot = static_cast<std::uint8_t>(ref::retired_first + i);
        EXPECT_TRUE(decrypts(slot, keys[i])) << i;
        EXPECT_EQ(EVP_PKEY_eq(key_of_certificate(client().read_certificate(slot)).get(), keys[i].get()), 1) << i;
    }
    EXPECT_EQ(begin(21, 0x04, {0x11}).sw, 0x6A84);
    // The holder gives one up, and no other.
    EXPECT_EQ(own(0x4B, 0x85, 0, rid(19)).sw, 0x6985) << "not the renewal that was last";
    ASSERT_TRUE(own(0x4B, 0x85, 0, rid(20)).ok());
    EXPECT_EQ(key().metadata(0x85).sw, 0x6A88);
    EXPECT_EQ(key().get_data(token::certificate_tag(0x85)).sw, 0x6A82);
    EXPECT_TRUE(own(0x4B, 0x85, 0, rid(20)).ok()) << "again";
    keys[3] = key_in(ref::key_management);
    ASSERT_TRUE(commit(ca().manifest(stage_all(21, ca(), roles))).ok());
    for (std::size_t i = 0; i < keys.size(); ++i) {
        EXPECT_TRUE(decrypts(static_cast<std::uint8_t>(ref::retired_first + i), keys[i])) << i;
    }
}

TEST_F(Commit, PurgeIsForFormerKeysAlone) {
    ASSERT_TRUE(commit(ca().manifest(stage_all(1, ca()))).ok());
    for (const std::uint8_t slot : {0x9A, 0x9C, 0x9D, 0x9E, 0xF9, 0x81, 0x96, 0x00}) {
        EXPECT_EQ(own(0x4B, slot, 0, rid(1)).sw, 0x6A88) << int{slot};
    }
    EXPECT_EQ(own(0x4B, 0x82, 1, rid(1)).sw, 0x6A86);
    EXPECT_EQ(own(0x4B, 0x82, 0, {}).sw, 0x6700);
    key().log_out();
    EXPECT_EQ(own(0x4B, 0x82, 0, rid(1)).sw, 0x6982);
    EXPECT_EQ(key().metadata(0x82).sw, sw::ok);
}

TEST_F(Commit, TheConfirmationIsTheNewKeys) {
    EXPECT_EQ(own(0x4C, 0x9A, 0, rid(1)).sw, 0x6985) << "nothing was committed";
    const PKey before = key_in(ref::authentication);
    ASSERT_TRUE(commit(ca().manifest(stage_all(1, ca()))).ok());
    token::Rid name{};
    name.fill(1);
    const ByteVector proof = token::confirm_proof(client(), ref::authentication, name);
    EXPECT_TRUE(verifies(key_in(ref::authentication), token::committed_statement(name), proof));
    EXPECT_FALSE(verifies(before, token::committed_statement(name), proof));
    EXPECT_EQ(own(0x4C, 0x9A, 0, rid(2)).sw, 0x6985);
    EXPECT_EQ(own(0x4C, 0x9D, 0, rid(1)).sw, 0x6A88);
    EXPECT_EQ(own(0x4C, 0x9A, 1, rid(1)).sw, 0x6A86);
    EXPECT_EQ(own(0x4C, 0x9A, 0, {1}).sw, 0x6700);
    key().log_out();
    EXPECT_EQ(own(0x4C, 0x9A, 0, rid(1)).sw, 0x6982);
}

class ShippingCommit : public RenewalTest {
protected:
    ShippingCommit() : RenewalTest(Profile::shipping) {}
};

TEST_F(ShippingCommit, N14_N16_UnderThePinAloneOnASecuredKey) {
    RenewalDesk desk(ca());
    RenewalPlan plan = plan_of(1, all_roles());
    plan.record = some_bytes(220, 6);
    run_renewal(client(), issued_.pin, desk, plan);
    EXPECT_TRUE(desk.confirmed(plan.rid));
    EXPECT_TRUE(usable(ref::authentication));
    EXPECT_TRUE(usable(ref::signature));
    EXPECT_EQ(client().read_object(object::enterprise_record), *plan.record);
    // 9B takes no part in it.
    key().reset();
    ASSERT_EQ(key().authenticate(), sw::ok);
    EXPECT_EQ(begin(2, 0x01, {0x11}).sw, 0x6982);
    EXPECT_EQ(own(0x4B, 0x82, 0, rid(1)).sw, 0x6982);
}

}  // namespace
}  // namespace sealkey::testing
