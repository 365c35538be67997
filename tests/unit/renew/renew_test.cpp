// The client's procedure on a whole token, against the CA's desk.
#include <gtest/gtest.h>

#include "token/error.h"
#include "unit/renew/world.h"

namespace sealkey::test {
namespace {

using renew::Outcome;
using renew::Step;

CaFolder& folder() {
    static CaFolder made;
    return made;
}

std::string fault_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const renew::Refusal& refusal) {
        return refusal.fault();
    } catch (const std::exception& error) {
        return error.what();
    }
    return "nothing";
}

token::Rid as_rid(const std::string& text) {
    const auto bytes = ca::unhex(text);
    token::Rid rid{};
    std::copy(bytes.begin(), bytes.end(), rid.begin());
    return rid;
}

TEST(Renew, N14_OneCommandRenewsTheKey) {
    World world(folder());
    world.approve();
    const auto before = world.inventory().token(world.serial());
    const auto result = world.run();
    EXPECT_EQ(result.outcome, Outcome::renewed);
    EXPECT_FALSE(result.resumed);
    EXPECT_EQ(result.slots, (std::vector<std::string>{"9A", "9C", "9D"}));
    EXPECT_EQ(world.asked_for_pin, 1);
    std::printf("one renewal: %zu APDUs, %zu questions to the CA, %llu flash operations\n", world.count().apdus,
                world.count().questions, static_cast<unsigned long long>(world.count().flash));
    world.check_finished();
    const auto after = world.inventory().token(world.serial());
    EXPECT_NE(after.guid, before.guid);
    EXPECT_NE(after.seal, before.seal);
    EXPECT_EQ(world.run().outcome, Outcome::already_renewed);
    EXPECT_EQ(world.asked_for_pin, 0) << "nothing to do needs no PIN";
    world.check_finished();
}

TEST(Renew, WithoutApprovalNothingHappensAndNoPinIsAsked) {
    World world(folder());
    EXPECT_EQ(world.run().outcome, Outcome::not_approved);
    EXPECT_EQ(world.asked_for_pin, 0);
    world.check_usable();
    EXPECT_TRUE(world.inventory().revoked().empty());
}

TEST(Renew, N17_ARefusalDropsWhatWasStaged) {
    World world(folder());
    world.approve();
    EXPECT_THROW((void)world.run({Cut::At::answer, 1}), std::runtime_error);  // the certificates don't arrive
    (void)world.desk().refuse(world.serial(), "licence unreadable");
    const auto result = world.run();
    EXPECT_EQ(result.outcome, Outcome::refused);
    EXPECT_EQ(result.remark, "licence unreadable");
    world.check_usable();
    bench::RenewalOrder again;
    again.enterprise_name = "示例国际贸易有限公司";
    world.approve(again);
    EXPECT_EQ(world.run().outcome, Outcome::renewed);
    world.check_finished();
}

TEST(Renew, ASetStagedForARenewalThatIsOverMakesRoomForTheNext) {
    World world(folder());
    world.approve();
    EXPECT_THROW((void)world.run({Cut::At::question, 1}), std::runtime_error);
    (void)world.desk().refuse(world.serial(), "a mistake");
    world.approve();
    const auto result = world.run();
    EXPECT_EQ(result.outcome, Outcome::renewed);
    EXPECT_FALSE(result.resumed);
    world.check_finished();
}

TEST(Renew, AResumedRunSaysWhereItGoesOn) {
    World world(folder());
    world.approve();
    const struct {
        std::size_t question;
        Step from;
    } cases[] = {{1, Step::request}, {2, Step::prove}, {3, Step::confirm}};
    for (const auto& one : cases) {
        world.restore();
        EXPECT_THROW((void)world.run({Cut::At::answer, one.question}), std::runtime_error);
        const auto result = world.run();
        if (one.question == 3) {  // the CA had heard it
            EXPECT_EQ(result.outcome, Outcome::already_renewed);
        } else {
            EXPECT_TRUE(result.resumed);
            EXPECT_EQ(result.from, one.from) << renew::name_of(result.from);
        }
        world.check_finished();
    }
}

TEST(Renew, TwoRenewalsKeepTheFirstDecryptionKey) {
    World world(folder());
    world.approve();
    (void)world.run();
    world.check_finished();
    world.approve();
    EXPECT_EQ(world.run().outcome, Outcome::renewed);
    world.check_finished();
}

TEST(Renew, ChangeOfAlgorithm) {
    World world(folder());
    bench::RenewalOrder order;
    order.slots = {"9A"};
    order.algorithm = "p384";
    world.approve(order);
    const auto result = world.run();
    EXPECT_EQ(result.outcome, Outcome::renewed);
    EXPECT_EQ(result.slots, std::vector<std::string>{"9A"});
    const auto live = world.inventory().live_certificate(world.serial(), "9A");
    ASSERT_TRUE(live);
    const ca::Cert cert = ca::certificate_of_der(ca::unhex(live->der));
    const ca::PKey key(X509_get_pubkey(cert.get()));
    EXPECT_EQ(EVP_PKEY_get_bits(key.get()), 384);
}

// What a program between the key and the CA may try; docs/apdu.md, section 14. Planted attestations: test_renewal_desk.
TEST(Renew, ARenewalWhoseKeysArentAttestedIsRefusedByName) {
    World world(folder());
    world.approve();
    const auto with = [&](const std::function<void(nlohmann::json&)>& bend) {
        world.restore();
        world.bend_question = [&](const std::string& step, nlohmann::json& question) {
            if (step == "request") bend(question);
        };
        std::string defect = "nothing";
        try {
            (void)world.run();
        } catch (const renew::Refusal& refusal) {
            EXPECT_EQ(refusal.fault(), "attestation") << refusal.what();
            defect = refusal.defect();
        }
        world.bend_question = nullptr;
        world.check_usable();
        EXPECT_TRUE(world.inventory().revoked().empty());
        EXPECT_EQ(world.run().outcome, Outcome::renewed);
        world.check_finished();
        return defect;
    };
    EXPECT_EQ(with([](auto& q) { q["keys"][0]["attestation"] = q["keys"][1]["attestation"]; }), "role");
    EXPECT_EQ(with([](auto& q) { q["device"] = q["keys"][0]["attestation"]; }), "chain");
    EXPECT_EQ(with([](auto& q) { q["keys"][2]["attestation"] = q["device"]; }), "chain");
    EXPECT_EQ(with([](auto& q) { q["keys"][2]["attestation"] = "00"; }), "malformed");
    // What the token says to another question, as an earlier run might have recorded it.
    EXPECT_EQ(with([&](auto& q) {
                  const auto told = world.ask_token_to_attest(protocol::ref::signature, 0x77);
                  q["keys"][1]["attestation"] = ca::hex(told);
              }),
              "nonce");
}

TEST(Renew, AKeyWithoutADeviceCertificateSaysSoItself) {
    World world(folder(), false);
    world.approve();
    try {
        (void)world.run();
        ADD_FAILURE() << "renewed";
    } catch (const renew::Refusal& refusal) {
        EXPECT_EQ(refusal.fault(), "attestation");
        EXPECT_EQ(refusal.defect(), "chain");
    }
    world.check_usable();
}

// The CA is read as carefully as a stranger: what it answers changes nothing unless it is right.
TEST(Renew, NonsenseFromTheCaIsRefusedAndChangesNothing) {
    World world(folder());
    world.approve();
    const auto with = [&](const std::string& bent, const std::function<void(nlohmann::json&)>& bend) {
        world.restore();
        world.bend = [&, bent](const std::string& step, nlohmann::json& answer) {
            if (step == bent) bend(answer);
        };
        const std::string fault = fault_of([&] { (void)world.run(); });
        world.bend = nullptr;
        world.check_usable();
        EXPECT_TRUE(world.inventory().revoked().empty());
        EXPECT_EQ(world.run().outcome, Outcome::renewed);
        world.check_finished();
        return fault;
    };
    EXPECT_EQ(with("look", [](auto& a) { a = nlohmann::json::array(); }), "malformed");
    EXPECT_EQ(with("look", [](auto& a) { a.erase("rid"); }), "malformed");
    EXPECT_EQ(with("look", [](auto& a) { a["rid"] = "00"; }), "malformed");
    EXPECT_EQ(with("look", [](auto& a) { a["keys"][0]["algorithm"] = "rot13"; }), "malformed");
    EXPECT_EQ(with("look", [](auto& a) { a["keys"][0]["slot"] = "9E"; }), "malformed");
    EXPECT_EQ(with("look", [](auto& a) { a["state"] = "CLOSED"; }), "policy");
    EXPECT_EQ(with("look", [](auto& a) { a.erase("challenge"); }), "malformed");
    EXPECT_EQ(with("look", [](auto& a) { a["challenge"] = "00"; }), "malformed");
    EXPECT_EQ(with("look", [](auto& a) { a["challenge"] = std::string(64, '0'); }), "attestation");
    EXPECT_EQ(with("request", [](auto& a) { a["certificates"].erase(0); }), "malformed");
    EXPECT_EQ(with("request", [](auto& a) { a["nonce"] = "zz"; }), "malformed");
    EXPECT_NE(with("request", [](auto& a) { std::swap(a["certificates"][0]["slot"], a["certificates"][1]["slot"]); }),
              "nothing");
    EXPECT_NE(with("request", [](auto& a) { a["record"] = "8001018112"; }), "nothing");
    EXPECT_NE(with("request",
                   [](auto& a) {
                       std::string text = a["seal"];
                       text[40] = text[40] == '0' ? '1' : '0';
                       a["seal"] = text;
                   }),
              "nothing");
    EXPECT_NE(with("prove",
                   [](auto& a) {
                       std::string text = a["manifest"];
                       text[20] = text[20] == '0' ? '1' : '0';
                       a["manifest"] = text;
                   }),
              "nothing");
    EXPECT_EQ(with("prove", [](auto& a) { a.erase("manifest"); }), "malformed");
}

// A PROVEN renewal whose staged set is gone can be finished by nobody, so nothing unsigned makes the client drop one.
class ReadySet : public ::testing::Test {
protected:
    ReadySet() : world_(folder()) { world_.approve(); }
    // The manifest has left the CA, or (`heard` false) the proofs never got there.
    std::string make_ready(bool heard = true) {
        EXPECT_THROW((void)world_.run({heard ? Cut::At::answer : Cut::At::question, 2}), std::runtime_error);
        return staged();
    }
    std::string staged() {
        const auto found = world_.staging().rid;
        return found ? ca::hex(*found) : "";
    }
    renew::Result with_look(const std::function<void(nlohmann::json&)>& change) {
        world_.bend = [&](const std::string& step, nlohmann::json& answer) {
            if (step == "look") change(answer);
        };
        const Clearing clearing{world_};
        return world_.run();
    }
    struct Clearing {
        World& world;
        ~Clearing() { world.bend = nullptr; }
    };
    World world_;
};

TEST_F(ReadySet, StaysWhereSomebodyInBetweenSaysThatItIsRefused) {
    const std::string rid = make_ready();
    const auto said = with_look([](auto& a) { a["state"] = "REFUSED"; });
    EXPECT_EQ(said.outcome, Outcome::refused);
    EXPECT_EQ(staged(), rid);
    const auto forged = with_look([](auto& a) {
        a["state"] = "REFUSED";
        a["over"] = "3006020101020101";
    });
    EXPECT_EQ(forged.outcome, Outcome::refused);
    EXPECT_EQ(staged(), rid);
    EXPECT_EQ(world_.asked_for_pin, 0);
    EXPECT_EQ(world_.run().outcome, Outcome::renewed);
    world_.check_finished();
}

TEST_F(ReadySet, StaysWhereSomebodyInBetweenNamesAnotherRenewal) {
    const std::string rid = make_ready();
    const std::string other(32, '1');
    // What the CA signs about another renewal of this key, and about this renewal of another key.
    const auto over = [&](const std::string& serial, const std::string& of) {
        return ca::hex(
            ca::make_over(serial, as_rid(of), folder().authority().issuing(), folder().keys().issuing.get()));
    };
    const std::string words[] = {over(world_.serial(), other), over("SK0000000000", rid), std::string(140, '0')};
    for (const std::string& word : words) {
        EXPECT_EQ(fault_of([&] {
                      (void)with_look([&](auto& a) {
                          a["rid"] = other;
                          a["over"] = word;
                      });
                  }),
                  "over");
        EXPECT_EQ(staged(), rid);
    }
    EXPECT_EQ(fault_of([&] { (void)with_look([&](auto& a) { a["rid"] = other; }); }), "over");
    EXPECT_EQ(staged(), rid);
    EXPECT_EQ(world_.run().outcome, Outcome::renewed);
    world_.check_finished();
}

TEST_F(ReadySet, GoesByTheCasSignedWord) {
    for (const bool approved_again : {false, true}) {
        world_.restore();
        EXPECT_EQ(make_ready(false).size(), 32U);
        (void)world_.desk().refuse(world_.serial(), "a mistake");
        if (approved_again) {
            world_.approve();
            EXPECT_EQ(world_.run().outcome, Outcome::renewed);
            world_.check_finished();
        } else {
            EXPECT_EQ(world_.run().outcome, Outcome::refused);
            EXPECT_EQ(staged(), "");
            world_.check_usable();
        }
    }
}

TEST_F(ReadySet, OfTheOpenRenewalTheCaNeverSaysThatItIsOver) {
    const std::string rid = make_ready();
    const auto look = [&](const nlohmann::json& staged) {
        return world_.desk().answer("look", {{"serial", world_.serial()}, {"staged", staged}});
    };
    EXPECT_EQ(look(rid).at("over"), "");
    std::string upper = rid;
    std::transform(upper.begin(), upper.end(), upper.begin(), ::toupper);
    EXPECT_EQ(look(upper).at("over"), "");
    EXPECT_NE(look(std::string(32, '1')).at("over"), "");
    for (const nlohmann::json& wrong : {nlohmann::json(""), nlohmann::json(rid + "00"), nlohmann::json(5),
                                        nlohmann::json(std::string(32, 'g')), nlohmann::json::array()}) {
        EXPECT_THROW((void)look(wrong), ca::CaError) << wrong;
    }
}

}  // namespace
}  // namespace sealkey::test
