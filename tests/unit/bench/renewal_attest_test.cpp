// The CA believes no new key that the token itself doesn't attest, with the CA's challenge and for this renewal.
#include "unit/bench/renewal_fixture.h"

namespace sealkey::bench {
namespace {

using ca::Defect;
using protocol::Origin;
using protocol::PinPolicy;

class RenewalAttestationTest : public RenewalTest {
protected:
    void SetUp() override {
        RenewalTest::SetUp();
        rid_ = begin();
        good_ = token_.request(rid_, slots_);
    }
    // The request with another attestation of 9C.
    json with(const ca::Attested& says, EVP_PKEY* key, const SoftIdentity& by) {
        json bad = good_;
        bad["keys"][1]["attestation"] = ca::hex(soft_attestation(says, key, by.f9.get(), by.device.get()));
        return bad;
    }
    json saying(const std::function<void(ca::Attested&)>& lie) {
        ca::Attested says = token_.truth(rid_, "9C");
        lie(says);
        return with(says, signing(), *token_.identity);
    }
    EVP_PKEY* signing() { return token_.new_keys.at("9C").get(); }
    // By name, and nothing is changed.
    void refused_for(Defect defect, const json& message) {
        const auto before = snapshot();
        try {
            (void)desk_->answer("request", message);
            ADD_FAILURE() << "taken, and not refused for " << ca::name_of(defect);
        } catch (const ca::CaError& error) {
            const json told = refusal_of(error);
            EXPECT_EQ(told.at("fault"), "attestation") << error.what();
            EXPECT_EQ(told.value("defect", ""), ca::name_of(defect)) << error.what();
        }
        EXPECT_EQ(snapshot(), before);
        EXPECT_EQ(state(rid_), RenewalState::approved);
    }
    std::string rid_;
    json good_;
};

TEST_F(RenewalAttestationTest, TheEvidenceIsInTheAuditTrailBeforeTheCertificates) {
    EXPECT_EQ(desk_->answer("request", good_).at("state"), "ISSUED");
    std::vector<std::string> slots;
    for (const AuditRow& row : inventory_->audit_rows()) {
        if (row.action != "attestation") continue;
        const json detail = json::parse(row.detail);
        EXPECT_EQ(detail.at("nonce"), ca::hex(token_.challenge));
        slots.push_back(detail.at("slot"));
    }
    EXPECT_EQ(slots, slots_);
    (void)desk_->answer("request", good_);  // asked again: the evidence is there already
    const auto rows = inventory_->audit_rows();
    EXPECT_EQ(std::count_if(rows.begin(), rows.end(), [](const auto& row) { return row.action == "attestation"; }), 3);
}

TEST_F(RenewalAttestationTest, EachDefectIsRefusedByItsName) {
    refused_for(Defect::nonce, saying([](auto& says) { (*says.nonce)[31] ^= 1; }));
    refused_for(Defect::nonce, saying([](auto& says) { says.nonce.reset(); }));
    refused_for(Defect::renewal, saying([](auto& says) { (*says.rid)[0] ^= 1; }));
    refused_for(Defect::renewal, saying([](auto& says) { says.rid.reset(); }));
    refused_for(Defect::role, saying([](auto& says) { says.role = protocol::ref::authentication; }));
    refused_for(Defect::imported, saying([](auto& says) { says.origin = Origin::imported; }));
    refused_for(Defect::policy, saying([](auto& says) { says.pin_policy = PinPolicy::once; }));
    refused_for(Defect::firmware, saying([](auto& says) { says.firmware = {0, 0, 9}; }));
    refused_for(Defect::profile, saying([](auto& says) { says.profile = protocol::Profile::compatibility; }));
    refused_for(Defect::serial, saying([](auto& says) { says.serial = "SK0000000000"; }));
    refused_for(Defect::serial, saying([](auto& says) { ++says.numeric_serial; }));
    const ca::PKey other = make_key("p256");
    refused_for(Defect::key, with(token_.truth(rid_, "9C"), other.get(), *token_.identity));
    json swapped = good_;
    std::swap(swapped["keys"][0]["attestation"], swapped["keys"][1]["attestation"]);
    refused_for(Defect::role, swapped);
    json garbage = good_;
    garbage["keys"][1]["attestation"] = "3003020100";
    refused_for(Defect::malformed, garbage);
    // Every key must be attested, not only the first.
    json last = good_;
    last["keys"][2]["attestation"] = good_["keys"][0]["attestation"];
    refused_for(Defect::role, last);
    EXPECT_EQ(desk_->answer("request", good_).at("state"), "ISSUED");
}

TEST_F(RenewalAttestationTest, AnAnswerToAnEarlierRenewalIsRefused) {
    const json old = good_;
    (void)desk_->refuse(token_.serial, "a mistake");
    std::map<std::string, ca::PKey> keys = std::move(token_.new_keys);
    rid_ = begin();
    token_.new_keys = std::move(keys);  // the very same keys
    good_ = token_.request(rid_, slots_);
    json replayed = good_;
    replayed["keys"][1]["attestation"] = old["keys"][1]["attestation"];
    refused_for(Defect::nonce, replayed);
    EXPECT_EQ(desk_->answer("request", good_).at("state"), "ISSUED");
}

TEST_F(RenewalAttestationTest, NobodyElsesF9Counts) {
    // Another key's of the same enterprise, with a device certificate of this CA.
    const SoftToken other = deliver(kCode, "ZWEITE", ca::now() + days(300), "additional");
    const auto by = [&](const SoftIdentity& identity) {
        json bad = good_;
        bad["device"] = ca::hex(ca::der_of(identity.device.get()));
        for (std::size_t i = 0; i < slots_.size(); ++i) {
            EVP_PKEY* key = token_.new_keys.at(slots_[i]).get();
            const auto says = token_.truth(rid_, slots_[i]);
            bad["keys"][i]["attestation"] =
                ca::hex(soft_attestation(says, key, identity.f9.get(), identity.device.get()));
        }
        return bad;
    };
    refused_for(Defect::chain, by(*other.identity));
    // Right names, but the device root never signed it.
    SoftIdentity own;
    own.f9 = make_key("p256");
    const ca::PKey root = make_key("p256");
    own.device =
        ca::issue_device_certificate(authority_->device_root(), root.get(), token_.serial, own.f9.get(), ca::now());
    refused_for(Defect::chain, by(own));
    // The right device certificate, and another key's signature.
    refused_for(
        Defect::chain,
        with(token_.truth(rid_, "9C"), signing(),
             {make_key("p256"), [&] { return ca::certificate_of_der(ca::der_of(token_.identity->device.get())); }()}));
    // The CA's own: a certificate of another purpose is no device certificate.
    json login = good_;
    login["device"] = inventory_->live_certificate(token_.serial, "9A")->der;
    refused_for(Defect::chain, login);
}

TEST_F(RenewalAttestationTest, ARevokedF9AttestsNothing) {
    {
        Inventory::Work work(*inventory_, "clerk");
        work.revoke_certificate(ca::serial_of(token_.identity->device.get()), "keyCompromise", ca::now());
        work.commit();
    }
    refused_for(Defect::revoked, good_);
}

TEST_F(RenewalAttestationTest, TheChallengeDoesntTellTheNonceOfTheProof) {
    const std::string challenge = desk_->answer("look", {{"serial", token_.serial}}).at("challenge");
    const std::string nonce = desk_->answer("request", good_).at("nonce");
    EXPECT_NE(challenge, nonce);
    EXPECT_EQ(challenge.size(), 64U);
    EXPECT_EQ(desk_->answer("look", {{"serial", token_.serial}}).at("challenge"), challenge) << "the same again";
}

}  // namespace
}  // namespace sealkey::bench
