// Attestations of staged keys, and of keys that a renewal put in their place.
#include "protocol/attestation.h"
#include "support/device_authority.h"
#include "unit/renewal/renewal_fixture.h"

namespace sealkey::testing {
namespace {

using protocol::attested::Own;

std::string own_oid(Own which) {
    return std::string(protocol::attested::kOwnArc) + "." + std::to_string(static_cast<int>(which));
}

class StagedAttestation : public RenewalTest {
protected:
    StagedAttestation() {
        EXPECT_EQ(key().authenticate(), sw::ok);
        const Reply made = key().generate(ref::attestation);
        device_ = authority_.certify(spki_of_stored(find(made.data, 0x7F49).value_or(ByteVector{0})));
        EXPECT_TRUE(key().put_data(object::cert_attestation, certificate_object(device_)).ok());
        nonce_.fill(0x5A);
    }
    Reply attest(std::uint8_t role, std::size_t size = 32) { return own(0x42, role, 0, ByteVector(size, 0x5A)); }
    Reply attest_slot(std::uint8_t slot) { return own(0x36, slot, 0, ByteVector(32, 0x5A)); }

    DeviceAuthority authority_;
    ByteVector device_;
    token::StageNonce nonce_{};
};

TEST_F(StagedAttestation, SaysWhichRenewalTheKeyIsOf) {
    begin_all(3);
    for (const std::uint8_t role : protocol::kRoles) {
        const ByteVector said = token::stage_attest(client(), role, nonce_);
        EXPECT_TRUE(authority_.accepts(said, device_));
        EXPECT_EQ(spki_of_certificate(said), public_key_info(staged_key(role)));
        EXPECT_NE(spki_of_certificate(said), public_key_info(key_in(role)));
        EXPECT_EQ(extension_of(said, own_oid(Own::rid)), concat({{4, 16}, rid(3)}));
        EXPECT_EQ(extension_of(said, own_oid(Own::nonce)), concat({{4, 32}, ByteVector(32, 0x5A)}));
        EXPECT_EQ(extension_of(said, own_oid(Own::role)), (ByteVector{4, 1, role}));
        EXPECT_EQ(extension_of(said, own_oid(Own::origin)), (ByteVector{10, 1, 1}));
        EXPECT_EQ(extension_of(said, own_oid(Own::generation)), (ByteVector{2, 1, 0}));
        const ByteVector policies = {static_cast<std::uint8_t>(role == ref::signature ? 3 : 2), 1};
        EXPECT_EQ(extension_of(said, "1.3.6.1.4.1.41482.3.8"), policies);
    }
}

TEST_F(StagedAttestation, RefusesWhatIsNotThere) {
    EXPECT_EQ(attest(ref::authentication).sw, 0x6985) << "nothing is staged";
    ASSERT_TRUE(begin(1, 0x03, {0x11, 0x11}).ok());
    EXPECT_TRUE(attest(ref::authentication).ok());
    EXPECT_EQ(attest(ref::signature).sw, 0x6985) << "not made yet";
    EXPECT_EQ(attest(ref::key_management).sw, 0x6A88) << "not in this renewal";
    EXPECT_EQ(attest(ref::card_authentication).sw, 0x6A88) << "no role";
    EXPECT_EQ(attest(ref::attestation).sw, 0x6A88);
    EXPECT_EQ(own(0x42, ref::authentication, 1, ByteVector(32, 1)).sw, 0x6A86);
    for (const std::size_t size : {0, 16, 31, 33}) EXPECT_EQ(attest(ref::authentication, size).sw, 0x6700) << size;
    key().log_out();
    EXPECT_EQ(attest(ref::authentication).sw, 0x6982) << "no PIN";
}

TEST_F(StagedAttestation, AfterTheCommitTheSlotsAreAttestedButNotTheFormerKey) {
    TestCa& authority = ca();
    const token::Manifest manifest = stage_all(1, authority);
    const ByteVector staged = spki_of_certificate(token::stage_attest(client(), ref::key_management, nonce_));
    token::stage_commit(client(), authority.manifest(manifest));
    EXPECT_EQ(attest(ref::key_management).sw, 0x6985) << "nothing is staged any more";
    for (const std::uint8_t slot : protocol::kRoles) {
        const Reply reply = attest_slot(slot);
        ASSERT_TRUE(reply.ok()) << std::hex << reply.sw;
        EXPECT_TRUE(authority_.accepts(reply.data, device_));
        EXPECT_EQ(spki_of_certificate(reply.data), public_key_info(key_in(slot)));
        EXPECT_EQ(extension_of(reply.data, own_oid(Own::generation)), (ByteVector{2, 1, 1}));
        EXPECT_EQ(extension_of(reply.data, own_oid(Own::rid)), std::nullopt);
    }
    EXPECT_EQ(spki_of_certificate(attest_slot(ref::key_management).data), staged);
    EXPECT_EQ(attest_slot(ref::retired_first).sw, 0x6985) << "the former decryption key was moved there";
}

// A key moved to its slot before (the compatibility profile allows it) says nothing about the key that replaces it.
TEST_F(StagedAttestation, WhatReplacesAMovedKeyIsAttested) {
    ASSERT_TRUE(key().move(ref::authentication, 0x90).ok());
    ASSERT_TRUE(key().move(0x90, ref::authentication).ok());
    EXPECT_EQ(attest_slot(ref::authentication).sw, 0x6985);
    TestCa& authority = ca();
    const std::vector<token::StageRole> login = {{ref::authentication, Algorithm::p256}};
    token::stage_commit(client(), authority.manifest(stage_all(1, authority, login)));
    EXPECT_TRUE(attest_slot(ref::authentication).ok());
}

}  // namespace
}  // namespace sealkey::testing
