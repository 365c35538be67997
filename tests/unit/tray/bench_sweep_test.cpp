// A key's making with the key pulled out at every APDU of it, and with the bench killed at every step: one more run of
// the same order completes it, with the serial number that it had, and no second certificate stays live.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>

#include "ca/error.h"
#include "ca_case.h"
#include "unit/seal/maker.h"

namespace sealkey::bench {
namespace {

using testing::TestToken;
using testing::TokenConnection;

constexpr std::size_t kSteps = static_cast<std::size_t>(Step::done) + 1;

bool read_all(int fd, std::uint8_t* out, std::size_t size) {
    while (size > 0) {
        const ssize_t n = ::read(fd, out, size);
        if (n <= 0) return false;
        out += n;
        size -= static_cast<std::size_t>(n);
    }
    return true;
}

// APDUs through a pipe: the token outlives the process that works with it.
class PipeConnection final : public transport::Connection {
public:
    explicit PipeConnection(int fd) : fd_(fd) {}
    ~PipeConnection() override { ::close(fd_); }
    transport::ByteVector transmit(transport::ByteView command) override {
        const auto size = static_cast<std::uint32_t>(command.size());
        std::uint32_t answer_size = 0;
        transport::ByteVector answer;
        if (::write(fd_, &size, sizeof size) != sizeof size ||
            ::write(fd_, command.data(), command.size()) != static_cast<ssize_t>(command.size()) ||
            !read_all(fd_, reinterpret_cast<std::uint8_t*>(&answer_size), sizeof answer_size)) {
            throw transport::TransportError(transport::Failure::no_card, "the pipe is closed");
        }
        answer.resize(answer_size);
        if (!read_all(fd_, answer.data(), answer.size())) {
            throw transport::TransportError(transport::Failure::no_card, "the pipe is closed");
        }
        return answer;
    }
    void begin_transaction() override {}
    void end_transaction() noexcept override {}
    [[nodiscard]] transport::ByteVector atr() const override { return {0x3B, 0x00}; }
    [[nodiscard]] bool extended_length() const override { return true; }

private:
    int fd_;
};

// Whoever watches it does something before the key has the command.
class WatchedConnection final : public transport::Connection {
public:
    explicit WatchedConnection(TestToken& token) : inner_(token) {}
    transport::ByteVector transmit(transport::ByteView command) override {
        before(command);
        return inner_.transmit(command);
    }
    void begin_transaction() override {}
    void end_transaction() noexcept override {}
    [[nodiscard]] transport::ByteVector atr() const override { return inner_.atr(); }
    [[nodiscard]] bool extended_length() const override { return true; }

    std::function<void(transport::ByteView)> before = [](transport::ByteView) {};

private:
    TokenConnection inner_;
};

// The other end, until nobody holds the first.
void serve(int fd, TestToken& token) {
    TokenConnection connection(token);
    std::uint32_t size = 0;
    while (read_all(fd, reinterpret_cast<std::uint8_t*>(&size), sizeof size)) {
        transport::ByteVector command(size);
        if (!read_all(fd, command.data(), command.size())) break;
        const auto answer = connection.transmit(command);
        const auto answer_size = static_cast<std::uint32_t>(answer.size());
        if (::write(fd, &answer_size, sizeof answer_size) != sizeof answer_size) break;
        if (::write(fd, answer.data(), answer.size()) != static_cast<ssize_t>(answer.size())) break;
    }
    ::close(fd);
}

class BenchSweep : public CaCase {
protected:
    static void SetUpTestSuite() { make_ca(SEALKEY_KEY_CENTRE); }
    void SetUp() override { fresh(); }

    void fresh() {
        decryption_key_ = "token";
        CaCase::fresh(++seed_);
    }

    // One run of the bench, as a process of its own would do it.
    IssueResult run(std::unique_ptr<transport::Connection> connection, const StepBegins& begins) {
        inventory_ = std::make_unique<Inventory>(path());
        token::Token client(std::move(connection));
        IssueInput input;
        input.order.decryption_key = decryption_key_;
        input.picture = seal::test::png(40, 40);
        return issue(client, std::move(input), begins);
    }
    IssueResult run() {
        return run(std::make_unique<TokenConnection>(*token_), [](Step) {});
    }

    // The key passes, and the inventory has one key with one live certificate a slot.
    void expect_whole(const std::string& serial_before) {
        const auto rows = inventory_->tokens();
        ASSERT_EQ(rows.size(), 1U);
        EXPECT_EQ(rows[0].step, "done");
        EXPECT_EQ(rows[0].state, TokenState::personalised);
        EXPECT_TRUE(serial_before.empty() || rows[0].serial == serial_before);
        std::multiset<std::string> live;
        for (const auto& one : inventory_->certificates_of(rows[0].serial)) {
            if (one.revoked_at.empty()) live.insert(one.slot);
        }
        EXPECT_EQ(live, (std::multiset<std::string>{"9A", "9C", "9D", kDeviceSlot}));
        EXPECT_NO_THROW(inventory_->check_audit_chain());
        token::Token client(std::make_unique<TokenConnection>(*token_));
        ASSERT_TRUE(client.recognise());
        EXPECT_NO_THROW(
            check_contents(client, expected_of(*inventory_, *authority_, rows[0]), *authority_, [](const auto&) {}));
        EXPECT_EQ(client.token_status().lifecycle, protocol::Lifecycle::secured);
    }
    std::string serial_now() {
        inventory_ = std::make_unique<Inventory>(path());
        const auto rows = inventory_->tokens();
        return rows.empty() ? "" : rows[0].serial;
    }

    // Pulled out at each APDU from the first to the last.
    void pull_out(bool answer_lost, const char* decryption_key = "token", std::size_t first = 0,
                  std::size_t last = SIZE_MAX) {
        std::size_t runs = 0;
        std::size_t completed = 0;
        for (std::size_t at = first; at <= last; ++at, ++runs) {
            SCOPED_TRACE("pulled out at APDU " + std::to_string(at + 1));
            fresh();
            decryption_key_ = decryption_key;
            auto connection = std::make_unique<TokenConnection>(*token_);
            TokenConnection& wire = *connection;
            wire.cut = TokenConnection::Cut{at, answer_lost};
            bool broke = false;
            try {
                (void)run(std::move(connection), [](Step) {});
            } catch (const std::exception&) {
                broke = true;
            }
            if (!broke) break;
            ASSERT_TRUE(token_->power_cycle());
            const std::string serial = serial_now();
            ASSERT_NO_THROW((void)run());
            expect_whole(serial);
            if (HasFatalFailure()) return;
            ++completed;
        }
        std::printf(
            "pull-outs at every APDU of a personalisation, decryption key of the %s, %s: %zu runs, %zu completed\n",
            decryption_key, answer_lost ? "answers lost" : "commands lost", runs, completed);
        EXPECT_GT(runs, first == 0 ? 50U : 5U);
        EXPECT_EQ(completed, runs);
    }

    std::uint64_t seed_ = 0;
    const char* decryption_key_ = "token";
};
TEST_F(BenchSweep, Lesson36_PulledOutAtEveryApduItGoesOn) { pull_out(false); }

TEST_F(BenchSweep, Lesson36_WithTheAnswerLostAtEveryApduItGoesOn) { pull_out(true); }

// The key centre's key takes the place of the one that its envelope is for, before there is a certificate. What comes
// before and after is as with a key that the token makes.
TEST_F(BenchSweep, Lesson36_PulledOutWhileTheKeyCentresKeyIsBroughtItGoesOn) {
    decryption_key_ = "centre";
    auto connection = std::make_unique<WatchedConnection>(*token_);
    std::size_t sent = 0;
    std::size_t first = 0;
    std::size_t last = 0;
    connection->before = [&](transport::ByteView command) {
        const bool generates = command[1] == static_cast<std::uint8_t>(protocol::Ins::generate_key_pair);
        const bool attests = command[1] == static_cast<std::uint8_t>(protocol::OwnIns::attest);
        if (generates && command[3] == protocol::ref::key_management) first = sent;
        if (first != 0 && last == 0 && attests) last = sent + 2;  // its certificate
        ++sent;
    };
    ASSERT_NO_THROW((void)run(std::move(connection), [](Step) {}));
    ASSERT_GT(first, 0U);
    ASSERT_GT(last, first + 5);
    for (const bool answer_lost : {false, true}) pull_out(answer_lost, "centre", first, last);
}

// Another bench revokes the key between two steps of its making.
TEST_F(BenchSweep, N13_RevokedWhileItIsMadeItIsNeverFinishedAndKeepsNoCertificate) {
    const auto revoke = [] {
        Inventory other(path());
        const std::string serial = other.tokens().at(0).serial;
        Inventory::Work work(other, "another bench");
        (void)work.revoke_certificates(serial, "keyCompromise", ca::now());
        work.set_state(serial, TokenState::revoked, "stolen from the tray");
        work.commit();
    };
    const auto expect_ended = [&] {
        const TokenRow row = inventory_->tokens().at(0);
        EXPECT_EQ(row.state, TokenState::revoked);
        EXPECT_NE(row.step, "done");
        for (const auto& one : inventory_->certificates_of(row.serial))
            EXPECT_FALSE(one.revoked_at.empty()) << one.slot;
    };
    for (std::size_t step = static_cast<std::size_t>(Step::birth); step < kSteps; ++step) {
        SCOPED_TRACE(name_of(static_cast<Step>(step)));
        fresh();
        EXPECT_THROW((void)run(std::make_unique<TokenConnection>(*token_),
                               [&](Step now) {
                                   if (static_cast<std::size_t>(now) == step) revoke();
                               }),
                     ca::CaError);
        expect_ended();
    }
}

// With its device certificate still good: what is looked at is the key itself, when its certificate is written.
TEST_F(BenchSweep, N13_RevokedWhileItAttestsItGetsNoCertificate) {
    for (int attested = 1; attested <= 3; ++attested) {
        SCOPED_TRACE("attestation " + std::to_string(attested));
        fresh();
        auto connection = std::make_unique<WatchedConnection>(*token_);
        int seen = 0;
        connection->before = [&](transport::ByteView command) {
            if (command[1] != static_cast<std::uint8_t>(protocol::OwnIns::attest) || ++seen != attested) return;
            Inventory other(path());
            Inventory::Work work(other, "another bench");
            work.set_state(other.tokens().at(0).serial, TokenState::revoked, "stolen from the tray");
            work.commit();
        };
        try {
            (void)run(std::move(connection), [](Step) {});
            ADD_FAILURE() << "the key was finished";
        } catch (const ca::CaError& error) {
            EXPECT_EQ(error.fault(), ca::Fault::policy) << error.what();
        }
        const TokenRow row = inventory_->tokens().at(0);
        EXPECT_EQ(row.state, TokenState::revoked);
        EXPECT_EQ(inventory_->certificates_of(row.serial).size(), static_cast<std::size_t>(attested));  // F9's too
    }
}

TEST_F(BenchSweep, Lesson36_KilledAtEveryStepItGoesOn) {
    std::size_t completed = 0;
    for (std::size_t step = 0; step < kSteps; ++step) {
        SCOPED_TRACE(name_of(static_cast<Step>(step)));
        fresh();
        int pair[2];
        ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            ::close(pair[0]);
            try {
                (void)run(std::make_unique<PipeConnection>(pair[1]), [&](Step now) {
                    if (static_cast<std::size_t>(now) == step) ::raise(SIGKILL);
                });
            } catch (const std::exception& error) {
                std::fprintf(stderr, "%s\n", error.what());
            }
            ::_exit(1);
        }
        ::close(pair[1]);
        serve(pair[0], *token_);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        ASSERT_TRUE(token_->power_cycle());
        const std::string serial = serial_now();
        ASSERT_NO_THROW((void)run());
        expect_whole(serial);
        ++completed;
    }
    std::printf("bench killed at every step: %zu runs, %zu completed\n", kSteps, completed);
    EXPECT_EQ(completed, kSteps);
}

}  // namespace
}  // namespace sealkey::bench
