// The CCID class (USB Chip/Smart Card Interface Devices, revision 1.1): one slot with one card that is always there,
// exchange level "short and extended APDU". It knows no USB controller, has no clock and runs no thread of its own.
//
// Two sides use one object at the same time:
//
//   the controller side   everything but run(). May be an interrupt's handler; its calls must not interrupt each other.
//                         None of them runs a command, and each takes a few microseconds.
//   the thread side       run() alone. It executes commands, which may take a minute.
//
// A controller driver: arms its bulk OUT endpoint while ready() and hands over each packet by received(); after every
// call asks next() and next_event() for packets to send, and tells by sent() and event_sent() when they have left;
// calls tick() a few times a second. After a run() that returned true it has to ask next() again, on the controller
// side. The main loop: `if (!ccid.run()) wait_for_interrupt();`, the controller side having woken it when pending().
//
// The sides hand work over by two counters, each with one writer, so that no lock and no read-modify-write is needed
// (Cortex-M0+ has none). While a command is waiting or running, its buffers belong to the thread side.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "protocol/ccid.h"
#include "protocol/limits.h"
#include "usb/descriptors.h"

namespace sealkey::usb {

using protocol::ccid::AnswerType;
using protocol::ccid::CardState;
using protocol::ccid::Command;
using protocol::ccid::Level;
using protocol::ccid::Outcome;
namespace error = protocol::ccid::error;
namespace offset = protocol::ccid::offset;

// The card behind the reader's one slot. Called by run() only.
class Slot {
public:
    // Starts a session, also where one was open: nothing of an earlier one is left. The answer to reset; empty: none
    // came, and the host is told that the card is mute.
    [[nodiscard]] virtual Bytes power_on() = 0;
    // Ends the session.
    virtual void power_off() = 0;
    // One command APDU; the length of what was written to `response`, data and status word. 0: the card is mute.
    [[nodiscard]] virtual std::size_t transmit(Bytes command, MutableBytes response) = 0;

protected:
    ~Slot() = default;  // nobody deletes one: there is no heap
};

// A control request's first stage (USB 2.0, 9.3).
struct Setup {
    std::uint8_t request_type = 0;
    std::uint8_t request = 0;
    std::uint16_t value = 0;
    std::uint16_t index = 0;
    std::uint16_t length = 0;
};

class Ccid {
public:
    static constexpr std::size_t kHeaderSize = protocol::ccid::kHeaderSize;
    // An extended APDU with the most data that a command may have: header, 00 and Lc, data, Le.
    static constexpr std::size_t kMaxCommand = 4 + 3 + protocol::kMaxCommandData + 2;
    // The longest answer in one message, status word included. What is longer is collected by GET RESPONSE (61xx).
    static constexpr std::size_t kMaxResponse = 3072 + 2;
    static_assert(kHeaderSize + kMaxCommand == kMaxMessage, "descriptors.h tells the host the longest message");

    // While a command runs, the host is told at this interval that it goes on (a card's usual waiting time is 1.6 s).
    static constexpr std::uint32_t kExtensionInterval = 500;  // milliseconds
    // A message whose rest doesn't come is forgotten: the program that sent it was ended.
    static constexpr std::uint32_t kHalfMessageTimeout = 1000;  // milliseconds
    // Likewise of an abort's control request whose message doesn't come. The class has no end for that (5.3.1), but the
    // next program would meet CMD_ABORTED for ever.
    static constexpr std::uint32_t kHalfAbortTimeout = 5000;  // milliseconds

    explicit Ccid(Slot& slot) : slot_(slot) {}
    Ccid(const Ccid&) = delete;
    Ccid& operator=(const Ccid&) = delete;

    // ---- the controller side --------------------------------------------------------------------------------------

    // SET_CONFIGURATION took effect: the endpoints are new and empty.
    void configured();
    // Bus reset, or the plug was pulled. Spans given out before aren't read any more. A running command ends by itself
    // and its answer is dropped; then the card's session is ended.
    void reset();
    // The bus sleeps, and nobody may be there: as reset(), but the configuration stays.
    void suspended();
    void resumed();

    // A class request to the interface: the data to return (static or the class's own, valid until the next call), or
    // nothing: stall it. None has data from the host.
    [[nodiscard]] std::optional<Bytes> control(const Setup& setup);

    // Whether a bulk OUT packet can be taken. While not, the controller doesn't arm the endpoint and the host waits.
    [[nodiscard]] bool ready() const { return configured_ && !held_; }
    // One bulk OUT packet, 0 to 64 bytes. Only when ready(); one that comes nevertheless is dropped.
    void received(Bytes packet);
    // The host cleared a halt of this endpoint (its data toggle is 0 again), and the controller gave up what it had
    // armed there: a message half-way in is forgotten, a packet that hasn't left is given out again.
    void halt_cleared(std::uint8_t endpoint);

    // The next bulk IN packet, at most 64 bytes, none being a zero-length packet; nothing: there is none, or the last
    // one hasn't left. The span stays valid until sent() or reset().
    [[nodiscard]] std::optional<Bytes> next();
    void sent();

    // The same for the interrupt endpoint.
    [[nodiscard]] std::optional<Bytes> next_event();
    void event_sent();

    // `now` in milliseconds, from any start; may wrap. Time extensions and timeouts come from here.
    void tick(std::uint32_t now);

    // ---- the thread side, or either -------------------------------------------------------------------------------

    // Something waits for run(), or runs.
    [[nodiscard]] bool pending() const {
        return posted_.load(std::memory_order_acquire) != finished_.load(std::memory_order_acquire);
    }
    // Executes what is waiting. True: something was done, and the controller side must be asked for packets.
    bool run();

private:
    enum class Work : std::uint8_t { power_on, power_off, transmit };
    enum class Receiving : std::uint8_t { nothing, message, surplus };
    enum class Flight : std::uint8_t { nothing, notice, reply, end };

    // A message from the host, its data apart.
    struct Header {
        Command type{};  // what the host sent: maybe none
        std::uint32_t length = 0;
        std::uint8_t slot = 0;
        std::uint8_t sequence = 0;
        std::array<std::uint8_t, 3> parameters{};

        [[nodiscard]] Level level() const { return Level(parameters[1] | parameters[2] << 8); }
    };
    struct Sending {
        std::size_t size = 0;  // 0: nothing to send
        std::size_t at = 0;    // bytes that were given out
    };
    // The last bytes of an answer's header.
    struct Tail {
        Outcome outcome;
        std::uint8_t error;
        std::uint8_t last;
    };

    // What the bus or an abort ends.
    void end_session();
    void drop_traffic();
    void drop_message();
    void end_chain();
    void drop_reply();
    void wipe_reply();

    // Goes on with whatever can go on.
    void settle();
    void take_result();
    void post(Work work);

    [[nodiscard]] static Header parse(Bytes packet);
    [[nodiscard]] static bool is_whole_message(Bytes packet);
    void begin_message(Bytes packet);
    void continue_message(Bytes packet, Bytes data);
    void choose_place();
    void message_done();

    void process();
    [[nodiscard]] std::uint8_t fault_of_header() const;
    void dispatch();
    void take_abort();
    void transfer();
    void set_parameters();

    void refuse(std::uint8_t error);
    void answer(Bytes data, Tail tail);
    [[nodiscard]] std::size_t write_answer(MutableBytes out, const Header& to, std::size_t length, Tail tail) const;
    void queue_notice(const Header& to, Bytes data, Tail tail);
    [[nodiscard]] bool notice_free() const { return notice_sending_.size == 0 && flight_ != Flight::notice; }
    [[nodiscard]] const Header* waiting() const;
    void extend_time(std::uint32_t now);
    void forget_stalled_message(std::uint32_t now);

    Slot& slot_;

    // Equal: no work. Only the controller side writes posted_, only the thread side finished_.
    std::atomic<std::uint8_t> posted_{0};
    std::atomic<std::uint8_t> finished_{0};
    // Written before it is posted.
    Work work_ = Work::power_off;
    std::size_t command_size_ = 0;
    std::array<std::uint8_t, kMaxCommand> command_{};
    // Written before it is finished.
    std::size_t response_size_ = 0;
    std::array<std::uint8_t, kHeaderSize + kMaxResponse> reply_{};

    // All below is the controller side's own.
    bool configured_ = false;
    bool active_ = false;         // the card has power
    bool awaited_ = false;        // the thread has work whose end wasn't seen yet
    bool dropped_ = false;        // its answer isn't wanted any more
    bool power_off_due_ = false;  // the session is to be ended as soon as the thread is free
    Header running_{};            // the message whose command the thread has

    Receiving receiving_ = Receiving::nothing;
    Header header_{};          // the message that comes in, or that waits for its turn
    std::uint32_t taken_ = 0;  // bytes of its data
    bool stored_ = false;      // they are kept in command_
    std::uint8_t fault_ = 0;   // where it is wrong: an offset in the message
    bool held_ = false;        // it is whole
    bool heard_ = false;       // a packet came since the last tick
    std::uint32_t last_packet_ = 0;

    bool chaining_ = false;  // an APDU comes in several messages
    bool chain_too_long_ = false;
    std::size_t chained_ = 0;       // bytes of it that are in command_
    std::size_t command_used_ = 0;  // bytes of command_ that were written since it was wiped
    std::size_t reply_used_ = 0;    // likewise of reply_

    std::array<std::uint8_t, 7> parameters_ = kDefaultParameters;
    std::array<std::uint8_t, 7> wanted_parameters_{};

    std::optional<std::uint8_t> control_abort_;  // its sequence number; every message but its pair is refused
    std::uint32_t control_abort_since_ = 0;
    std::optional<Header> bulk_abort_;    // the last message was this one, and its pair hasn't come
    std::optional<Header> abort_answer_;  // the pair is complete; answered when the thread is free

    std::array<std::uint8_t, kHeaderSize + 8> notice_{};  // an answer that needs no thread
    Sending notice_sending_{};
    Sending reply_sending_{};
    Flight flight_ = Flight::nothing;  // the packet that was given out
    std::size_t flight_size_ = 0;      // where it is the reply's
    bool end_due_ = false;             // a message of whole packets ends by an empty one

    std::array<std::uint8_t, 2> event_{};
    bool event_due_ = false;
    bool event_in_flight_ = false;

    std::uint32_t last_tick_ = 0;
    bool timing_ = false;
    std::uint32_t last_extension_ = 0;
};

}  // namespace sealkey::usb
