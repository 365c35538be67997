// A renewal whose decryption key a key centre makes: what the CA takes from the centre, and from a token that is to
// have that key. The centre is a mock.
#include <gtest/gtest.h>

#include "token/error.h"
#include "unit/renew/world.h"

namespace sealkey::test {
namespace {

using renew::Outcome;

CaFolder& centre_folder() {
    static CaFolder made;
    return made;
}

class FromCentre : public ::testing::Test {
protected:
    static bench::RenewalOrder order() {
        bench::RenewalOrder out;
        out.decryption_key = "centre";
        return out;
    }
    // Nothing has happened, the key works, and with the centre as it should be the same renewal is finished.
    void refused(const std::string& fault, const std::string& defect = "") {
        try {
            (void)world_.run();
            ADD_FAILURE() << "renewed";
        } catch (const renew::Refusal& refusal) {
            EXPECT_EQ(refusal.fault(), fault) << refusal.what();
            EXPECT_EQ(refusal.defect(), defect) << refusal.what();
        }
        world_.check_usable();
        EXPECT_TRUE(world_.inventory().revoked().empty());
    }
    void finishes() {
        world_.centre().before = nullptr;
        world_.centre().bend = nullptr;
        world_.bend_question = nullptr;
        world_.bend = nullptr;
        EXPECT_EQ(world_.run().outcome, Outcome::renewed);
        world_.check_finished();
    }
    World world_{centre_folder()};
};

TEST_F(FromCentre, TheCentresKeyTakesThePlaceOf9DAndTheOldOneStillDecrypts) {
    world_.approve(order());
    const auto result = world_.run();
    EXPECT_EQ(result.outcome, Outcome::renewed);
    EXPECT_EQ(result.slots, (std::vector<std::string>{"9A", "9C", "9D"}));
    EXPECT_EQ(world_.centre().orders, 1);
    EXPECT_EQ(world_.count().questions, 5U);
    EXPECT_EQ(world_.asked_for_pin, 1);
    world_.check_finished();
    // The next one too, without a word: it stays so until an operator says otherwise.
    world_.approve();
    EXPECT_EQ(world_.run().outcome, Outcome::renewed);
    EXPECT_EQ(world_.centre().orders, 2);
    world_.check_finished();
    bench::RenewalOrder own;
    own.decryption_key = "token";
    world_.approve(own);
    EXPECT_EQ(world_.run().outcome, Outcome::renewed);
    EXPECT_EQ(world_.centre().orders, 2);
    world_.check_finished();
}

TEST_F(FromCentre, TheDecryptionKeyAloneAndAnRsaKey) {
    auto alone = order();
    alone.slots = {"9D"};
    alone.algorithm = "rsa2048";
    world_.approve(alone);
    const auto result = world_.run();
    EXPECT_EQ(result.outcome, Outcome::renewed);
    EXPECT_EQ(result.slots, (std::vector<std::string>{"9D"}));
    world_.check_usable();
    const auto live = world_.inventory().live_certificate(world_.serial(), "9D");
    ASSERT_TRUE(live);
    EXPECT_EQ(live->spki, ca::sha256_hex(testing::public_key_info(world_.centre().last)));
    EXPECT_EQ(world_.inventory().revoked().size(), 1U) << "9D's alone";
}

TEST_F(FromCentre, OnlyWithACentreAndOnlyWhen9DIsRenewed) {
    auto wrong = order();
    wrong.slots = {"9A"};
    EXPECT_THROW(world_.approve(wrong), ca::CaError);
    wrong = order();
    wrong.decryption_key = "elsewhere";
    EXPECT_THROW(world_.approve(wrong), ca::CaError);
    bench::RenewalDesk without(world_.inventory(), centre_folder().authority(), centre_folder().keys(), "clerk");
    auto wish = order();
    wish.serial = world_.serial();
    wish.request = "R-1";
    EXPECT_THROW((void)without.approve(wish), ca::CaError);
    EXPECT_EQ(world_.run().outcome, Outcome::not_approved);
    world_.approve();
    EXPECT_THROW((void)world_.desk().answer(
                     "envelope", {{"rid", world_.desk().answer("look", {{"serial", world_.serial()}}).at("rid")}}),
                 ca::CaError)
        << "this one's key is made on the token";
    EXPECT_EQ(world_.centre().orders, 0);
}

TEST_F(FromCentre, ACentreThatFailsIsAskedAgain) {
    world_.approve(order());
    world_.centre().before = [](const ca::CentreOrder&) { throw ca::CaError(ca::Fault::quality, "down"); };
    refused("failed");
    world_.centre().before = nullptr;
    world_.centre().bend = [](ca::CentreKey&) { throw ca::CaError(ca::Fault::quality, "its answer is lost"); };
    refused("failed");
    EXPECT_EQ(world_.centre().orders, 1);
    finishes();
    EXPECT_EQ(world_.centre().orders, 2);
}

TEST_F(FromCentre, TheCentreIsToldWhoItIsForAndAskedOnce) {
    world_.approve(order());
    const std::string rid = world_.desk().answer("look", {{"serial", world_.serial()}}).at("rid");
    const auto old = world_.inventory().live_certificate(world_.serial(), "9D");
    ASSERT_TRUE(old);
    world_.centre().before = [&](const ca::CentreOrder& asked) {
        EXPECT_EQ(asked.serial, world_.serial());
        EXPECT_EQ(ca::hex(asked.name), rid);
        EXPECT_EQ(asked.algorithm, protocol::Algorithm::p256);
        EXPECT_EQ(ca::sha256_hex(asked.recipient), old->spki);
    };
    const auto first = world_.desk().answer("envelope", {{"rid", rid}});
    world_.restart_ca();
    EXPECT_EQ(world_.desk().answer("envelope", {{"rid", rid}}), first);
    EXPECT_EQ(world_.centre().orders, 1);
    finishes();
    EXPECT_EQ(world_.centre().orders, 1);
    EXPECT_THROW((void)world_.desk().answer("envelope", {{"rid", rid}}), ca::CaError) << "it is over";
}

// An envelope for something else: the token opens none of them, and the operator begins anew.
TEST_F(FromCentre, AnEnvelopeForSomethingElseIsRefusedByTheToken) {
    world_.approve(order());
    world_.centre().bend = [](ca::CentreKey& given) { given.envelope.back() ^= 1; };
    for (int again = 0; again < 2; ++again) {
        try {
            (void)world_.run();
            ADD_FAILURE() << "taken";
        } catch (const token::TokenError& error) {
            EXPECT_EQ(error.kind(), token::Kind::bad_data);
        }
        world_.check_usable();
    }
    EXPECT_EQ(world_.centre().orders, 1);
    (void)world_.desk().refuse(world_.serial(), "the key centre's envelope doesn't open");
    EXPECT_EQ(world_.run().outcome, Outcome::refused);
    world_.centre().bend = nullptr;
    world_.approve(order());
    finishes();
}

// The CA makes a certificate for the centre's key alone: not for one that the token made, and for no other that it says
// was brought.
TEST_F(FromCentre, AnotherKeyThanTheCentresGetsNoCertificate) {
    world_.approve(order());
    world_.centre().bend = [](ca::CentreKey& given) {
        given.public_key = testing::public_key_info(testing::new_key("P-256"));
    };
    refused("attestation", "key");
    (void)world_.desk().refuse(world_.serial(), "again");
    EXPECT_EQ(world_.run().outcome, Outcome::refused);
    // A client that stages 9D itself, as if the CA hadn't said.
    world_.centre().bend = nullptr;
    world_.approve(order());
    world_.bend = [](const std::string& step, nlohmann::json& answer) {
        if (step == "look") answer["keys"][2]["made"] = "token";
    };
    refused("attestation", "key");
    // And the other way round: an imported key where the CA wants one of the token's.
    (void)world_.desk().refuse(world_.serial(), "again");
    world_.bend = nullptr;
    EXPECT_EQ(world_.run().outcome, Outcome::refused);
    world_.approve();
    world_.bend = [](const std::string& step, nlohmann::json& answer) {
        if (step == "look") answer["keys"][2]["made"] = "centre";
    };
    refused("policy");
}

TEST_F(FromCentre, NonsenseFromTheCaIsRefused) {
    world_.approve(order());
    const auto with = [&](const std::string& at, const std::function<void(nlohmann::json&)>& bend) {
        world_.restore();
        world_.bend = [&](const std::string& step, nlohmann::json& answer) {
            if (step == at) bend(answer);
        };
        refused("malformed");
        world_.bend = nullptr;
    };
    with("look", [](auto& a) { a["keys"][2]["made"] = "somewhere"; });
    with("look", [](auto& a) { a["keys"][2]["made"] = 1; });
    with("look", [](auto& a) { a["keys"][1]["made"] = "centre"; });
    with("envelope", [](auto& a) { a.erase("envelope"); });
    with("envelope", [](auto& a) { a["envelope"] = "xyz"; });
    with("envelope", [](auto& a) { a = nlohmann::json::array(); });
    world_.restore();
    finishes();
}

}  // namespace
}  // namespace sealkey::test
