// The renewal service at its HTTP door while a key centre takes its time: what others get meanwhile, and what a second
// question for the same renewal gets.
#include <httplib.h>

#include <condition_variable>
#include <future>
#include <set>
#include <thread>

#include "bench/renewal_server.h"
#include "unit/bench/renewal_fixture.h"

namespace sealkey::bench {
namespace {

constexpr std::chrono::seconds kLong{60};  // so that what never comes fails, and doesn't hang

// A mock that keeps everybody waiting until it is let go.
class SlowCentre final : public ca::KeyCentre {
public:
    ca::CentreKey order(const ca::CentreOrder& order) override {
        std::unique_lock lock(mutex_);
        ++orders_;
        changed_.notify_all();
        if (!changed_.wait_for(lock, kLong, [this] { return open_; })) ADD_FAILURE() << "never let go";
        if (fails_) throw ca::CaError(Fault::quality, "down");
        ca::PKey made = make_key("p256");
        ca::ByteVector envelope(64);
        ca::random_bytes(envelope);
        ca::CentreKey given{ca::spki_of(made.get()), envelope};
        made_[ca::hex(order.name)] = std::move(made);
        return given;
    }
    bool asked(int times) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, kLong, [&] { return orders_ >= times; });
    }
    void let_go(bool fails = false) {
        const std::lock_guard lock(mutex_);
        open_ = true;
        fails_ = fails;
        changed_.notify_all();
    }
    ca::PKey take(const std::string& rid) {
        const std::lock_guard lock(mutex_);
        return std::move(made_.at(rid));
    }
    int orders() {
        const std::lock_guard lock(mutex_);
        return orders_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = false;
    bool fails_ = false;
    int orders_ = 0;
    std::map<std::string, ca::PKey> made_;
};

struct Told {
    int status = 0;
    json body;
    [[nodiscard]] std::string fault() const { return body.value("fault", ""); }
};

class RenewalServiceTest : public RenewalTest {
protected:
    void SetUp() override {
        RenewalTest::SetUp();
        desk_ = std::make_unique<RenewalDesk>(*inventory_, *authority_, *keys_, "clerk", centre_);
        server_ = std::make_unique<RenewalServer>(*desk_, nullptr);
        port_ = server_->bind("127.0.0.1", 0);
    }
    void TearDown() override {
        centre_->let_go();
        if (serving_.joinable()) {
            server_->stop();
            serving_.join();
        }
    }
    // The fixture's own calls are over by now.
    void serve() {
        serving_ = std::thread([this] { server_->serve(); });
    }
    Told ask(const std::string& step, const json& message) const {
        httplib::Client client("127.0.0.1", port_);
        client.set_read_timeout(kLong);
        const auto result = client.Post("/renewal/v1/" + step, message.dump(), "application/json");
        if (!result) {
            ADD_FAILURE() << step << ": " << httplib::to_string(result.error());
            return {};
        }
        return {result->status, json::parse(result->body)};
    }
    std::future<Told> ask_meanwhile(const std::string& step, const json& message) const {
        return std::async(std::launch::async, [this, step, message] { return ask(step, message); });
    }
    // A key of its own enterprise, with its renewal approved.
    struct Renewing {
        SoftToken token;
        std::string rid;
        std::vector<std::string> slots;
    };
    Renewing renewing(const std::string& code, bool centre) {
        token_ = deliver(code, "SHILI", ca::now() + days(300));
        RenewalOrder order = wish();
        if (centre) order.decryption_key = "centre";
        const std::string rid = begin(order);
        return {std::move(token_), rid, slots_};
    }
    json request_of(Renewing& of, bool centre) {
        if (centre) of.token.new_keys["9D"] = centre_->take(of.rid);
        json message = of.token.request(of.rid, of.slots);
        if (!centre) return message;
        ca::Attested says = of.token.truth(of.rid, "9D");
        says.origin = protocol::Origin::imported;
        message["keys"][2]["attestation"] = ca::hex(soft_attestation(
            says, of.token.new_keys["9D"].get(), of.token.identity->f9.get(), of.token.identity->device.get()));
        return message;
    }
    void expect_closes(Renewing& of, bool centre) {
        const Told issued = ask("request", request_of(of, centre));
        ASSERT_EQ(issued.status, 200) << issued.body;
        const Told proven = ask("prove", of.token.proofs(of.rid, issued.body.at("nonce")));
        ASSERT_EQ(proven.status, 200) << proven.body;
        const Told closed = ask("confirm", of.token.confirmation(of.rid));
        ASSERT_EQ(closed.status, 200) << closed.body;
        EXPECT_EQ(closed.body.at("state"), "CLOSED");
    }

    std::shared_ptr<SlowCentre> centre_ = std::make_shared<SlowCentre>();
    std::unique_ptr<RenewalServer> server_;
    std::thread serving_;
    int port_ = 0;
};

constexpr char kThirdCode[] = "91110108551385082Q";

TEST_F(RenewalServiceTest, ASlowKeyCentreHoldsUpNobodyElse) {
    Renewing slow = renewing(kCode, true);
    Renewing other = renewing(kOtherCode, false);
    serve();
    auto waiting = ask_meanwhile("envelope", {{"rid", slow.rid}});
    ASSERT_TRUE(centre_->asked(1));
    const Told second = ask("envelope", {{"rid", slow.rid}});
    EXPECT_EQ(second.status, 503);
    EXPECT_EQ(second.fault(), "busy");
    expect_closes(other, false);
    EXPECT_EQ(ask("look", {{"serial", slow.token.serial}}).body.at("state"), "APPROVED");
    EXPECT_EQ(waiting.wait_for(std::chrono::seconds(0)), std::future_status::timeout) << "nobody let the centre go";
    centre_->let_go();
    const Told first = waiting.get();
    ASSERT_EQ(first.status, 200) << first.body;
    EXPECT_EQ(ask("envelope", {{"rid", slow.rid}}).body, first.body);
    EXPECT_EQ(centre_->orders(), 1);
    expect_closes(slow, true);
}

TEST_F(RenewalServiceTest, TheSameRequestFromManyAtOnceGivesOneCertificate) {
    Renewing mine = renewing(kCode, false);
    const json message = request_of(mine, false);
    serve();
    std::vector<std::future<Told>> asked;
    for (int i = 0; i < 6; ++i) asked.push_back(ask_meanwhile("request", message));
    std::set<std::string> answers;
    for (auto& one : asked) {
        const Told told = one.get();
        EXPECT_EQ(told.status, 200) << told.body;
        answers.insert(told.body.dump());
    }
    EXPECT_EQ(answers.size(), 1U);
    server_->stop();
    serving_.join();
    token_ = std::move(mine.token);
    for (const char* slot : {"9A.next", "9C.next", "9D.next"}) EXPECT_EQ(live(slot).size(), 1U) << slot;
}

TEST_F(RenewalServiceTest, KeyCentresCantTakeAllOfTheService) {
    std::vector<Renewing> all;
    for (const char* code : {kCode, kOtherCode, kThirdCode}) all.push_back(renewing(code, true));
    serve();
    auto first = ask_meanwhile("envelope", {{"rid", all[0].rid}});
    auto second = ask_meanwhile("envelope", {{"rid", all[1].rid}});
    ASSERT_TRUE(centre_->asked(2));
    EXPECT_EQ(ask("envelope", {{"rid", all[2].rid}}).fault(), "busy");
    EXPECT_EQ(ask("look", {{"serial", all[2].token.serial}}).status, 200);
    centre_->let_go();
    EXPECT_EQ(first.get().status, 200);
    EXPECT_EQ(second.get().status, 200);
    EXPECT_EQ(ask("envelope", {{"rid", all[2].rid}}).status, 200);
    EXPECT_EQ(centre_->orders(), 3);
}

TEST_F(RenewalServiceTest, ACentreThatFailedCanBeAskedAgain) {
    Renewing mine = renewing(kCode, true);
    serve();
    centre_->let_go(true);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("envelope", {{"rid", mine.rid}}).fault(), "failed");
    EXPECT_EQ(centre_->orders(), 3);
    centre_->let_go();
    EXPECT_EQ(ask("envelope", {{"rid", mine.rid}}).status, 200);
    expect_closes(mine, true);
}

// At the operator's own command line, while the centre was being asked.
TEST_F(RenewalServiceTest, ARenewalThatWasRefusedMeanwhileKeepsNoEnvelope) {
    Renewing mine = renewing(kCode, true);
    serve();
    auto waiting = ask_meanwhile("envelope", {{"rid", mine.rid}});
    ASSERT_TRUE(centre_->asked(1));
    {
        Inventory second(path());
        RenewalDesk operators(second, *authority_, *keys_, "clerk");
        (void)operators.refuse(mine.token.serial, "by mistake");
    }
    centre_->let_go();
    const Told told = waiting.get();
    EXPECT_EQ(told.status, 409) << told.body;
    EXPECT_EQ(told.fault(), "policy");
    server_->stop();
    serving_.join();
    for (const auto& key : RenewalBook(*inventory_).renewal(mine.rid).keys) EXPECT_TRUE(key.envelope.empty());
}

}  // namespace
}  // namespace sealkey::bench
