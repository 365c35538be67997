// How a token is reached: one interface for PC/SC, the simulator's socket and (later) CCID over libusb.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace sealkey::transport {

using ByteVector = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

// Named by what a caller can do about it.
enum class Failure {
    no_service,     // the smart-card service isn't running or may not be used
    no_reader,      // the reader has gone
    no_card,        // the reader is empty, or the card was taken out
    card_reset,     // another program reset the card: connected again, session state is lost
    in_use,         // another program holds the reader exclusively
    timeout,        // no answer in time
    communication,  // the card or reader didn't answer as it must
};

class TransportError : public std::runtime_error {
public:
    TransportError(Failure failure, const std::string& what) : std::runtime_error(what), failure_(failure) {}
    [[nodiscard]] Failure failure() const { return failure_; }

private:
    Failure failure_;
};

// One card in one reader. Not for several threads at once.
class Connection {
public:
    virtual ~Connection() = default;

    // Sends one command APDU, returns the whole response APDU (data and status word). No GET RESPONSE, no chaining: the
    // token client above does that. Throws TransportError.
    [[nodiscard]] virtual ByteVector transmit(ByteView command) = 0;

    // Exclusive use among programs for the time between; nested calls count. Throws card_reset if another program reset
    // the card since the last transaction: the card is then connected again and no transaction is held, so that the
    // caller notes the loss of its session and begins anew. in_use after a bounded wait for another program.
    virtual void begin_transaction() = 0;
    virtual void end_transaction() noexcept = 0;

    [[nodiscard]] virtual ByteVector atr() const = 0;
    // True when the reader carries extended-length APDUs.
    [[nodiscard]] virtual bool extended_length() const = 0;
};

// A short exclusive use of the card.
class CardTransaction {
public:
    explicit CardTransaction(Connection& connection) : connection_(connection) { connection_.begin_transaction(); }
    ~CardTransaction() { connection_.end_transaction(); }
    CardTransaction(const CardTransaction&) = delete;
    CardTransaction& operator=(const CardTransaction&) = delete;

private:
    Connection& connection_;
};

struct ReaderState {
    std::string name;
    bool card_present = false;
    ByteVector atr;                 // of the card, if present
    std::uint32_t event_count = 0;  // changes with every insertion and removal
};

// Readers of one kind.
class Provider {
public:
    virtual ~Provider() = default;
    [[nodiscard]] virtual std::vector<ReaderState> readers() = 0;
    // Waits until the list of readers or the state of one differs from `known`, or for `timeout`; true: something
    // changed. cancel() from another thread ends the wait.
    [[nodiscard]] virtual bool wait_for_change(const std::vector<ReaderState>& known,
                                               std::chrono::milliseconds timeout) = 0;
    virtual void cancel() noexcept = 0;
    [[nodiscard]] virtual std::unique_ptr<Connection> connect(const std::string& reader) = 0;
};

// Links to the PC/SC service: each connection its own, so that threads work with several cards at once; or one for the
// provider's looks and all its connections, which is opened once and serves one thread at a time (a wait for a change
// has its own in both).
enum class Links { each_its_own, one_for_all };

// PC/SC; shared access always, disconnecting leaves the card as it is. The service is contacted at the first use.
[[nodiscard]] std::unique_ptr<Provider> make_pcsc_provider(Links links = Links::each_its_own);

// The same with its waiting time for a reader that another program holds.
[[nodiscard]] std::unique_ptr<Provider> make_pcsc_provider(std::chrono::milliseconds patience,
                                                           Links links = Links::each_its_own);

// Simulators started with `sealkey-sim --socket PATH`; each path is one reader named by it. The socket carries vpcd's
// framing: 2-byte big-endian length and body; one-byte bodies 00, 01, 02, 04 mean power off, power on, reset, ATR.
[[nodiscard]] std::unique_ptr<Provider> make_simulator_provider(std::vector<std::string> socket_paths);

// The provider named by the environment: SEALKEY_SIM_SOCKETS (paths separated by ':') if set, otherwise PC/SC.
[[nodiscard]] std::unique_ptr<Provider> make_default_provider(Links links = Links::each_its_own);

}  // namespace sealkey::transport
