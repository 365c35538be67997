// Answers, and what leaves packet by packet.
#include <algorithm>

#include "usb/ccid.h"
#include "usb/rules.h"

namespace sealkey::usb {

namespace {

constexpr std::uint8_t kClockRunning = 0;
constexpr std::uint8_t kClockStoppedLow = 1;
constexpr std::uint8_t kPresentAndChanged = 0x03;

}  // namespace

void Ccid::refuse(std::uint8_t error) { answer({}, {Outcome::failed, error, 0}); }

// To the message in hand, which is done then.
void Ccid::answer(Bytes data, Tail tail) {
    held_ = false;
    queue_notice(header_, data, tail);
}

// The header of an answer with `length` bytes of data; the whole message's size.
std::size_t Ccid::write_answer(MutableBytes out, const Header& to, std::size_t length, Tail tail) const {
    const AnswerType type = rule_of(to.type).answer;
    const CardState card = to.slot != 0 ? CardState::absent : active_ ? CardState::active : CardState::inactive;
    if (type == AnswerType::slot_status) tail.last = active_ ? kClockRunning : kClockStoppedLow;
    if (type == AnswerType::parameters) tail.last = protocol::ccid::kProtocolT1;
    out[0] = static_cast<std::uint8_t>(type);
    protocol::ccid::store_le32(&out[offset::length], static_cast<std::uint32_t>(length));
    out[offset::slot] = to.slot;
    out[offset::sequence] = to.sequence;
    out[offset::status] = protocol::ccid::status_byte(tail.outcome, card);
    out[offset::error] = tail.error;
    out[offset::last] = tail.last;
    return kHeaderSize + length;
}

void Ccid::queue_notice(const Header& to, Bytes data, Tail tail) {
    if (rule_of(to.type).answer == AnswerType::rate) data = kClockAndRate;  // always there (6.2.5)
    std::copy(data.begin(), data.end(), notice_.begin() + kHeaderSize);
    notice_sending_ = {write_answer(notice_, to, data.size(), tail), 0};
}

std::optional<Bytes> Ccid::next() {
    settle();
    if (!configured_ || flight_ != Flight::nothing) return std::nullopt;
    if (end_due_) {
        flight_ = Flight::end;
        return Bytes{};
    }
    if (notice_sending_.size > 0 && reply_sending_.at == 0) {
        flight_ = Flight::notice;
        return Bytes(notice_).first(notice_sending_.size);
    }
    if (reply_sending_.size == 0) return std::nullopt;
    const std::size_t n = std::min(kBulkPacket, reply_sending_.size - reply_sending_.at);
    const Bytes packet = Bytes(reply_).subspan(reply_sending_.at, n);
    reply_sending_.at += n;
    flight_size_ = n;
    flight_ = Flight::reply;
    return packet;
}

void Ccid::sent() {
    switch (flight_) {
        case Flight::nothing:
            return;
        case Flight::notice:
            notice_sending_ = {};
            break;
        case Flight::end:
            end_due_ = false;
            break;
        case Flight::reply:
            if (reply_sending_.at == reply_sending_.size) {
                if (reply_sending_.size > 0)
                    end_due_ = reply_sending_.size % kBulkPacket == 0;  // otherwise it was dropped
                reply_sending_ = {};
                wipe_reply();
            }
            break;
    }
    flight_ = Flight::nothing;
    settle();
}

std::optional<Bytes> Ccid::next_event() {
    if (!configured_ || !event_due_ || event_in_flight_) return std::nullopt;
    event_ = {protocol::ccid::kSlotChange, kPresentAndChanged};
    event_due_ = false;
    event_in_flight_ = true;
    return event_;
}

void Ccid::event_sent() { event_in_flight_ = false; }

}  // namespace sealkey::usb
