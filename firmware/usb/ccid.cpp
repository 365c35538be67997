#include "usb/ccid.h"

namespace sealkey::usb {

namespace {

namespace request = protocol::ccid::request;

constexpr std::uint8_t kClassOut = 0x21;  // to the interface, from the host
constexpr std::uint8_t kClassIn = 0xA1;
constexpr std::uint8_t kOneMoreTime = 1;  // the waiting time, times this

}  // namespace

// ---- the bus --------------------------------------------------------------------------------------------------------

void Ccid::configured() {
    flight_ = Flight::nothing;
    end_session();
    end_due_ = false;
    event_in_flight_ = false;
    event_due_ = true;
    configured_ = true;
    settle();
}

void Ccid::reset() {
    flight_ = Flight::nothing;
    end_session();
    end_due_ = false;
    event_in_flight_ = false;
    event_due_ = false;
    configured_ = false;
    settle();
}

// A packet that lies in the controller may still leave after the resumption, so it stays in flight, and is ended then
// if it was a part of an answer.
void Ccid::suspended() {
    end_session();
    if (flight_ != Flight::reply) end_due_ = false;
    settle();
}

void Ccid::resumed() { event_due_ = configured_; }

void Ccid::end_session() {
    drop_traffic();
    control_abort_.reset();
    bulk_abort_.reset();
    abort_answer_.reset();
    parameters_ = kDefaultParameters;
    power_off_due_ = power_off_due_ || active_ || awaited_;
    active_ = false;
}

void Ccid::drop_traffic() {
    drop_message();
    drop_reply();
    notice_sending_ = {};
    if (awaited_) dropped_ = true;
}

// What came of it may be a PIN.
void Ccid::drop_message() {
    receiving_ = Receiving::nothing;
    held_ = false;
    end_chain();
}

void Ccid::end_chain() {
    chaining_ = false;
    chained_ = 0;
    if (awaited_) return;  // the thread wipes it
    wipe(MutableBytes(command_).first(command_used_));
    command_used_ = 0;
}

// A host that has a part of it, all whole packets, is still in that transfer: an empty packet ends it. Otherwise it
// would take the next message for the rest.
void Ccid::drop_reply() {
    if (flight_ != Flight::reply) wipe_reply();
    if (reply_sending_.at > 0) end_due_ = reply_sending_.at % kBulkPacket == 0;
    reply_sending_ = {};
}

void Ccid::wipe_reply() {
    if (awaited_ && work_ != Work::power_off) return;  // the thread has it, and it holds no answer
    wipe(MutableBytes(reply_).first(reply_used_));
    reply_used_ = 0;
}

std::optional<Bytes> Ccid::control(const Setup& setup) {
    if (!configured_ || setup.index != kInterface) return std::nullopt;
    if (setup.request_type == kClassIn && setup.request == request::clock_frequencies)
        return Bytes(kClockAndRate).first(4);
    if (setup.request_type == kClassIn && setup.request == request::data_rates) return Bytes(kClockAndRate).subspan(4);
    const bool abort = setup.request_type == kClassOut && setup.request == request::abort && setup.length == 0;
    if (!abort || (setup.value & 0xFF) != 0) return std::nullopt;

    const auto sequence = static_cast<std::uint8_t>(setup.value >> 8);
    const bool pair = bulk_abort_ && bulk_abort_->sequence == sequence;
    drop_traffic();
    if (pair) {
        abort_answer_ = bulk_abort_;
        control_abort_.reset();
    } else {
        control_abort_ = sequence;
        control_abort_since_ = last_tick_;
    }
    bulk_abort_.reset();
    settle();
    return Bytes{};
}

void Ccid::halt_cleared(std::uint8_t endpoint) {
    if (endpoint == kBulkOut && receiving_ != Receiving::nothing) drop_message();
    if (endpoint == kBulkIn && flight_ != Flight::nothing) {
        const bool dropped = flight_ == Flight::reply && reply_sending_.size == 0;
        if (dropped) {
            wipe_reply();
            end_due_ = false;  // whoever clears a halt is in no transfer
        }
        if (flight_ == Flight::reply && !dropped) reply_sending_.at -= flight_size_;
        flight_ = Flight::nothing;
        settle();
    }
    if (endpoint == kInterruptIn && event_in_flight_) {
        event_in_flight_ = false;
        event_due_ = true;
    }
}

// ---- time -----------------------------------------------------------------------------------------------------------

void Ccid::tick(std::uint32_t now) {
    last_tick_ = now;
    settle();
    forget_stalled_message(now);
    extend_time(now);
    // A program that was killed between the two would leave a key that refuses everything until it is pulled out.
    if (now - control_abort_since_ >= kHalfAbortTimeout) control_abort_.reset();
}

// The message that the host waits for an answer to, as long as the thread has to end something first.
const Ccid::Header* Ccid::waiting() const {
    if (!awaited_) return nullptr;
    if (!dropped_) return &running_;
    if (abort_answer_) return &*abort_answer_;
    return held_ ? &header_ : nullptr;
}

void Ccid::extend_time(std::uint32_t now) {
    const Header* message = waiting();
    if (message == nullptr) {
        timing_ = false;
    } else if (!timing_) {
        timing_ = true;
        last_extension_ = now;
    } else if (now - last_extension_ >= kExtensionInterval && notice_free()) {
        queue_notice(*message, {}, {Outcome::more_time, kOneMoreTime, 0});
        last_extension_ = now;
    }
}

}  // namespace sealkey::usb
