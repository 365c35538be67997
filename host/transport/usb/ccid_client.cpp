#include "transport/usb/ccid_client.h"

#include <algorithm>

#include "base/bytes.h"

namespace sealkey::transport::usb {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr int kAttempts = 3;
// What may lie in the pipe from before: more than any device has room for.
constexpr int kMostForeignAnswers = 64;
// An answer that goes on for ever isn't an APDU's.
constexpr std::size_t kLongestResponse = 65536 + 2;
// Transfers are collected in whole packets, whatever the speed.
constexpr std::size_t kPacketMultiple = 512;
constexpr std::size_t kLongestShortCommand = 261;
constexpr milliseconds kControlWait{1000};

// Bytes that may be secret: none stay behind, neither on the way nor where something fails.
class Collected {
public:
    Collected() = default;
    explicit Collected(ByteVector bytes) : bytes_(std::move(bytes)) {}
    ~Collected() { wipe(bytes_); }
    Collected(const Collected&) = delete;
    Collected& operator=(const Collected&) = delete;
    void append(ByteView more) {
        ByteVector longer(bytes_.size() + more.size());
        std::copy(bytes_.begin(), bytes_.end(), longer.begin());
        std::copy(more.begin(), more.end(), longer.begin() + static_cast<std::ptrdiff_t>(bytes_.size()));
        wipe(bytes_);
        bytes_ = std::move(longer);
    }
    [[nodiscard]] ByteView view() const { return bytes_; }
    [[nodiscard]] std::size_t size() const { return bytes_.size(); }
    [[nodiscard]] ByteVector take() { return std::move(bytes_); }

private:
    ByteVector bytes_;
};

[[noreturn]] void throw_gone() { throw TransportError(Failure::no_reader, "the key was taken out"); }

}  // namespace

CcidClient::CcidClient(Pipe& pipe, ReaderTraits traits, Patience patience)
    : pipe_(pipe),
      traits_(traits),
      patience_(patience),
      buffer_((traits.max_message + kPacketMultiple) / kPacketMultiple * kPacketMultiple) {}

CcidClient::~CcidClient() { wipe(MutableBytes(buffer_).first(filled_)); }

// ---- what a program does --------------------------------------------------------------------------------------------

void CcidClient::synchronise() {
    recover();
    if (busy_) throw TransportError(Failure::timeout, "the key is busy with a command that a program gave up");
    if (broken_) throw TransportError(Failure::communication, "the key doesn't answer over USB");
}

ByteVector CcidClient::power_on() {
    const Answer answer = exchange(Command::power_on);
    require_success(answer, "switching the card on");
    return {answer.data.begin(), answer.data.end()};
}

void CcidClient::power_off() {
    if (!broken_) require_success(exchange(Command::power_off), "switching the card off");
}

ByteVector CcidClient::transmit(ByteView command) {
    check_fitting(command);
    Answer answer = send_command(command);
    if (answer.outcome == Outcome::failed && answer.card == CardState::inactive) {
        (void)power_on();
        throw TransportError(Failure::card_reset, "the key had lost its power");
    }
    require_success(answer, "sending a command");
    Collected response;
    for (bool first = true;; first = false) {
        const bool opening = answer.chain == Chain::whole || answer.chain == Chain::begins;
        if (answer.chain == Chain::command_goes_on || opening != first) {
            give_up(Failure::communication, "an answer's parts are out of order");
        }
        if (answer.data.size() > kLongestResponse - response.size()) {
            give_up(Failure::communication, "an answer without an end");
        }
        // A part without anything would let a device answer for ever.
        if (answer.chain != Chain::whole && answer.chain != Chain::ends && answer.data.empty()) {
            give_up(Failure::communication, "an empty part of an answer");
        }
        response.append(answer.data);
        if (answer.chain == Chain::whole || answer.chain == Chain::ends) break;
        answer = exchange(Command::transfer, {}, Level::goes_on);
        require_success(answer, "collecting an answer");
    }
    if (response.size() < 2) throw TransportError(Failure::communication, "an answer without a status word");
    return response.take();
}

void CcidClient::check_fitting(ByteView command) const {
    if (command.size() < 4) throw TransportError(Failure::communication, "a command APDU has four bytes at least");
    if (!traits_.extended && command.size() > kLongestShortCommand) {
        throw TransportError(Failure::communication, "the reader takes short APDUs only");
    }
}

// What doesn't fit into one message goes in several, each acknowledged.
Answer CcidClient::send_command(ByteView command) {
    const std::size_t room = traits_.max_message - kHeaderSize;
    if (command.size() <= room) return exchange(Command::transfer, command);
    for (Level level = Level::first; command.size() > room; level = Level::middle) {
        const Answer answer = exchange(Command::transfer, command.first(room), level);
        // It was told before its end, as a card that lost its power is.
        if (answer.outcome == Outcome::failed) return answer;
        if (answer.chain != Chain::command_goes_on || !answer.data.empty()) {
            give_up(Failure::communication, "a part of a command was answered as the whole");
        }
        command = command.subspan(room);
    }
    return exchange(Command::transfer, command, Level::last);
}

void CcidClient::require_success(const Answer& answer, const char* action) const {
    if (answer.card == CardState::absent) throw TransportError(Failure::no_card, "there is no card");
    if (answer.outcome == Outcome::done) return;
    throw TransportError(Failure::communication, std::string(action) + ": " + text_of_error(answer.error));
}

// ---- one message and its answer -------------------------------------------------------------------------------------

Answer CcidClient::exchange(Command command, ByteView data, Level level) {
    if (broken_) synchronise();
    send(command, data, level);
    return receive(command);
}

void CcidClient::send(Command command, ByteView data, Level level) {
    const Collected message(make_message(command, ++sequence_, data, level));
    const Moved moved = pipe_.out(message.view(), patience_.answer);
    switch (moved.fault) {
        case PipeFault::none:
            if (moved.size == message.size()) return;
            give_up(Failure::communication, "the key took only a part of a message");
        case PipeFault::gone:
            throw_gone();
        case PipeFault::timeout:
            give_up(Failure::timeout, "the key doesn't take a message");
        default:
            give_up(Failure::communication, "the key refuses a message");
    }
}

Answer CcidClient::receive(Command command) {
    const auto deadline = Clock::now() + patience_.command;
    milliseconds wait = patience_.answer;
    for (;;) {
        const Answer answer = collect(wait);
        if (answer.sequence != sequence_) {
            give_up(Failure::communication, "the key answered another message (sequence number)");
        }
        if (answer.type != answer_to(command)) {
            give_up(Failure::communication, "the key answered another kind of message");
        }
        if (answer.outcome != Outcome::more_time) return answer;
        if (Clock::now() >= deadline) give_up(Failure::timeout, "the key asks for more and more time");
        // bError times the waiting time, 0 counting as once.
        wait = std::min(patience_.command, patience_.answer * std::max<int>(answer.error, 1));
        wait = std::max(wait, patience_.answer);
    }
}

// The next answer; empty transfers, which only end one of whole packets, don't count.
Answer CcidClient::collect(milliseconds wait) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
        wipe(MutableBytes(buffer_).first(filled_));
        const Moved moved = pipe_.in(buffer_, wait);
        filled_ = std::min(moved.size, buffer_.size());
        if (moved.fault == PipeFault::gone) throw_gone();
        if (moved.fault == PipeFault::timeout) {
            give_up(Failure::timeout, filled_ == 0 ? "the key doesn't answer" : "the key answered half-way");
        }
        if (moved.fault != PipeFault::none) give_up(Failure::communication, "the key's answer couldn't be collected");
        if (filled_ == 0) continue;
        const Parsed parsed = parse_answer(ByteView(buffer_).first(filled_));
        if (parsed.fault == MessageFault::none) return parsed.answer;
        give_up(Failure::communication, std::string("a malformed answer (") + text_of(parsed.fault) + ")");
    }
    give_up(Failure::communication, "the key answers with nothing");
}

// ---- after something went wrong -------------------------------------------------------------------------------------

// The failure is told once the device can be used again, or is known not to.
void CcidClient::give_up(Failure failure, const std::string& why) {
    recover();
    throw TransportError(failure, why);
}

void CcidClient::recover() {
    broken_ = true;
    busy_ = false;
    // A key that answers, and asks for time, isn't helped by another abort.
    for (int attempt = 0; attempt < kAttempts && broken_ && !busy_; ++attempt) {
        const Abort ended = abort();
        broken_ = ended != Abort::done;
        busy_ = ended == Abort::busy;
    }
}

// Control request and message with one sequence number (5.3.1): the device forgets a half message, drops an answer that
// waits, and ends its command where it can.
CcidClient::Abort CcidClient::abort() {
    ++sequence_;
    const auto value = static_cast<std::uint16_t>(sequence_ << 8);  // slot 0
    const Moved asked = pipe_.control(protocol::ccid::request::abort, value, kControlWait);
    if (asked.fault == PipeFault::gone) throw_gone();
    const Moved sent = pipe_.out(make_message(Command::abort, sequence_), kControlWait);
    if (sent.fault == PipeFault::gone) throw_gone();
    if (sent.fault == PipeFault::stalled) pipe_.clear_halts();
    if (sent.fault != PipeFault::none) return Abort::failed;
    return await_abort();
}

// Answers to earlier messages, whole or not, are thrown away. A command that can't be interrupted asks for time.
CcidClient::Abort CcidClient::await_abort() {
    const auto deadline = Clock::now() + patience_.abort;
    milliseconds wait = std::min(patience_.answer, kControlWait);
    for (int foreign = 0; foreign < kMostForeignAnswers;) {
        wipe(MutableBytes(buffer_).first(filled_));
        const Moved moved = pipe_.in(buffer_, wait);
        filled_ = std::min(moved.size, buffer_.size());
        if (moved.fault == PipeFault::gone) throw_gone();
        if (moved.fault == PipeFault::stalled) pipe_.clear_halts();
        if (moved.fault != PipeFault::none) return Abort::failed;
        const Parsed parsed = parse_answer(ByteView(buffer_).first(filled_));
        const Answer& answer = parsed.answer;
        if (parsed.fault != MessageFault::none || answer.sequence != sequence_ ||
            answer.type != AnswerType::slot_status) {
            ++foreign;
            continue;
        }
        if (answer.outcome == Outcome::done) return Abort::done;
        if (answer.outcome == Outcome::failed) return Abort::failed;
        if (Clock::now() >= deadline) return Abort::busy;
        wait = patience_.answer;
    }
    return Abort::failed;
}

}  // namespace sealkey::transport::usb
