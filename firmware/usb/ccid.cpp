#include "usb/ccid.h"

#include <algorithm>
#include <limits>

namespace sealkey::usb {

namespace {

// Messages from the host (CCID 6.1).
namespace from_host {
constexpr std::uint8_t set_parameters = 0x61;
constexpr std::uint8_t icc_power_on = 0x62;
constexpr std::uint8_t icc_power_off = 0x63;
constexpr std::uint8_t get_slot_status = 0x65;
constexpr std::uint8_t secure = 0x69;
constexpr std::uint8_t t0_apdu = 0x6A;
constexpr std::uint8_t escape = 0x6B;
constexpr std::uint8_t get_parameters = 0x6C;
constexpr std::uint8_t reset_parameters = 0x6D;
constexpr std::uint8_t icc_clock = 0x6E;
constexpr std::uint8_t xfr_block = 0x6F;
constexpr std::uint8_t mechanical = 0x71;
constexpr std::uint8_t abort = 0x72;
constexpr std::uint8_t set_rate = 0x73;
}  // namespace from_host

// Messages to the host (6.2, 6.3).
namespace to_host {
constexpr std::uint8_t data_block = 0x80;
constexpr std::uint8_t slot_status = 0x81;
constexpr std::uint8_t parameters = 0x82;
constexpr std::uint8_t escape = 0x83;
constexpr std::uint8_t rate = 0x84;
constexpr std::uint8_t slot_change = 0x50;
}  // namespace to_host

// bError: an offset in the message whose field is wrong, or one of the names of table 6.2-2.
namespace error {
constexpr std::uint8_t not_supported = 0;
constexpr std::uint8_t length = 1;
constexpr std::uint8_t slot = 5;
constexpr std::uint8_t parameter = 7;  // bPowerSelect, bProtocolNum
constexpr std::uint8_t level = 8;
constexpr std::uint8_t data = 10;  // where the message's data begins
constexpr std::uint8_t slot_busy = 0xE0;
constexpr std::uint8_t icc_mute = 0xFE;
constexpr std::uint8_t aborted = 0xFF;
}  // namespace error

// bStatus: the card's state in the low bits, what became of the command in the high ones.
constexpr std::uint8_t kCardActive = 0;
constexpr std::uint8_t kCardInactive = 1;
constexpr std::uint8_t kNoCard = 2;
constexpr std::uint8_t kFailed = 0x40;
constexpr std::uint8_t kTimeExtension = 0x80;
constexpr std::uint8_t kOneMoreTime = 1;  // with it: the waiting time, times this

constexpr std::uint8_t kClockRunning = 0;
constexpr std::uint8_t kClockStoppedLow = 1;
constexpr std::uint8_t kProtocolT1 = 1;
constexpr std::uint8_t kLastPowerSelect = 3;  // by itself, 5 V, 3 V, 1.8 V
constexpr std::uint8_t kGoOn = 0x10;          // bChainParameter: the rest of the APDU is expected
constexpr std::uint8_t kPresentAndChanged = 0x03;

// wLevelParameter of an APDU (6.1.4).
namespace level {
constexpr std::uint16_t whole = 0;
constexpr std::uint16_t first = 1;
constexpr std::uint16_t last = 2;
constexpr std::uint16_t middle = 3;
}  // namespace level

// What each message must look like, and what answers it.
struct Rule {
    std::uint8_t type;
    std::uint8_t answer;
    bool supported;
    std::uint32_t longest;  // of its data
};
constexpr std::uint32_t kAny = std::numeric_limits<std::uint32_t>::max();
constexpr Rule kRules[] = {
    {from_host::icc_power_on, to_host::data_block, true, 0},
    {from_host::icc_power_off, to_host::slot_status, true, 0},
    {from_host::get_slot_status, to_host::slot_status, true, 0},
    {from_host::xfr_block, to_host::data_block, true, Ccid::kMaxCommand},
    {from_host::get_parameters, to_host::parameters, true, 0},
    {from_host::reset_parameters, to_host::parameters, true, 0},
    {from_host::set_parameters, to_host::parameters, true, 7},
    {from_host::abort, to_host::slot_status, true, 0},
    {from_host::escape, to_host::escape, false, kAny},
    {from_host::icc_clock, to_host::slot_status, false, kAny},
    {from_host::t0_apdu, to_host::slot_status, false, kAny},
    {from_host::secure, to_host::data_block, false, kAny},
    {from_host::mechanical, to_host::slot_status, false, kAny},
    {from_host::set_rate, to_host::rate, false, kAny},
};
constexpr Rule kUnknown{0, to_host::slot_status, false, kAny};

const Rule& rule_of(std::uint8_t type) {
    for (const Rule& rule : kRules) {
        if (rule.type == type) return rule;
    }
    return kUnknown;
}

constexpr std::size_t kSequenceOffset = 6;

constexpr std::uint32_t load_le32(const std::uint8_t* p) {
    return std::uint32_t{p[0]} | (std::uint32_t{p[1]} << 8) | (std::uint32_t{p[2]} << 16) | (std::uint32_t{p[3]} << 24);
}
constexpr void store_le32(std::uint8_t* p, std::uint32_t v) {
    for (int i = 0; i < 4; ++i) p[i] = static_cast<std::uint8_t>(v >> (8 * i));
}
constexpr std::array<std::uint8_t, 4> le32(std::uint32_t value) {
    std::array<std::uint8_t, 4> out{};
    store_le32(out.data(), value);
    return out;
}
constexpr auto kClock = le32(kClockKilohertz);
constexpr auto kRate = le32(kBitsPerSecond);
constexpr std::array<std::uint8_t, 8> kClockAndRate{kClock[0], kClock[1], kClock[2], kClock[3],
                                                    kRate[0],  kRate[1],  kRate[2],  kRate[3]};

// Class requests (5.3).
constexpr std::uint8_t kClassOut = 0x21;
constexpr std::uint8_t kClassIn = 0xA1;
constexpr std::uint8_t kRequestAbort = 0x01;
constexpr std::uint8_t kRequestClocks = 0x02;
constexpr std::uint8_t kRequestRates = 0x03;

constexpr std::uint8_t kTooLong[] = {0x67, 0x00};

}  // namespace

// ---- the bus --------------------------------------------------------------------------------------------------------

void Ccid::configured() {
    flight_ = Flight::nothing;
    end_session();
    event_in_flight_ = false;
    event_due_ = true;
    configured_ = true;
    settle();
}

void Ccid::reset() {
    flight_ = Flight::nothing;
    end_session();
    event_in_flight_ = false;
    event_due_ = false;
    configured_ = false;
    settle();
}

// A packet that lies in the controller may still leave after the resumption, so it stays in flight.
void Ccid::suspended() {
    end_session();
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

void Ccid::drop_reply() {
    if (flight_ != Flight::reply) wipe_reply();
    reply_sending_ = {};
    end_due_ = false;
}

void Ccid::wipe_reply() {
    if (awaited_ && work_ != Work::power_off) return;  // the thread has it, and it holds no answer
    wipe(MutableBytes(reply_).first(reply_used_));
    reply_used_ = 0;
}

std::optional<Bytes> Ccid::control(const Setup& setup) {
    if (!configured_ || setup.index != kInterface) return std::nullopt;
    if (setup.request_type == kClassIn && setup.request == kRequestClocks) return kClock;
    if (setup.request_type == kClassIn && setup.request == kRequestRates) return kRate;
    const bool abort = setup.request_type == kClassOut && setup.request == kRequestAbort && setup.length == 0;
    if (!abort || (setup.value & 0xFF) != 0) return std::nullopt;

    const auto sequence = static_cast<std::uint8_t>(setup.value >> 8);
    const bool pair = bulk_abort_ && bulk_abort_->sequence == sequence;
    drop_traffic();
    if (pair) {
        abort_answer_ = bulk_abort_;
        control_abort_.reset();
    } else {
        control_abort_ = sequence;
    }
    bulk_abort_.reset();
    settle();
    return Bytes{};
}

void Ccid::halt_cleared(std::uint8_t endpoint) {
    if (endpoint == kBulkOut && receiving_ != Receiving::nothing) drop_message();
    if (endpoint == kBulkIn && flight_ != Flight::nothing) {
        const bool dropped = flight_ == Flight::reply && reply_sending_.size == 0;
        if (dropped) wipe_reply();
        if (flight_ == Flight::reply && !dropped) reply_sending_.at -= flight_size_;
        flight_ = Flight::nothing;
        settle();
    }
    if (endpoint == kInterruptIn && event_in_flight_) {
        event_in_flight_ = false;
        event_due_ = true;
    }
}

// ---- messages come in -----------------------------------------------------------------------------------------------

void Ccid::received(Bytes packet) {
    settle();
    if (!ready() || packet.size() > kBulkPacket) return;
    heard_ = true;
    switch (receiving_) {
        case Receiving::nothing:
            begin_message(packet);
            break;
        case Receiving::message:
            // Its sender has gone, and this is another's: the rest of the old message would be longer.
            if (packet.size() < header_.length - taken_ && is_whole_message(packet)) {
                drop_message();
                begin_message(packet);
            } else {
                continue_message(packet, packet);
            }
            break;
        case Receiving::surplus:
            if (packet.size() < kBulkPacket) message_done();
            break;
    }
    settle();
}

Ccid::Header Ccid::parse(Bytes packet) {
    std::array<std::uint8_t, kHeaderSize> raw{};
    std::copy_n(packet.begin(), std::min(packet.size(), raw.size()), raw.begin());
    return {raw[0], load_le32(&raw[1]), raw[5], raw[kSequenceOffset], {raw[7], raw[8], raw[9]}};
}

bool Ccid::is_whole_message(Bytes packet) {
    if (packet.size() < kHeaderSize || packet.size() == kBulkPacket) return false;
    const Header header = parse(packet);
    return rule_of(header.type).type == header.type && header.slot == 0 && header.length == packet.size() - kHeaderSize;
}

// An empty packet ends the message before. Without a sequence number there is nothing to answer.
void Ccid::begin_message(Bytes packet) {
    if (packet.size() <= kSequenceOffset) return;
    header_ = parse(packet);
    taken_ = 0;
    fault_ = 0;
    choose_place();
    if (packet.size() < kHeaderSize) {
        fault_ = error::length;
        message_done();
        return;
    }
    receiving_ = Receiving::message;
    continue_message(packet, packet.subspan(kHeaderSize));
}

// Data goes to command_ only while that is this side's, and only where it can be used.
void Ccid::choose_place() {
    const Rule& rule = rule_of(header_.type);
    stored_ = false;
    if (!chaining_) chain_too_long_ = false;
    if (header_.length > rule.longest) fault_ = error::length;
    if (header_.type != from_host::xfr_block || fault_ != 0 || awaited_ || !active_) return;
    const std::uint16_t level = header_.level();
    if (level == level::whole || level == level::first) {
        if (command_used_ > 0) end_chain();
        chaining_ = false;
        chain_too_long_ = false;
        stored_ = true;
    } else if (chaining_) {
        chain_too_long_ = chain_too_long_ || header_.length > kMaxCommand - chained_;
        stored_ = !chain_too_long_;
    }
}

// `data` is what the packet brings for the message's data.
void Ccid::continue_message(Bytes packet, Bytes data) {
    const std::size_t n = std::min<std::size_t>(data.size(), header_.length - taken_);
    if (stored_ && n > 0) {
        std::memcpy(command_.data() + chained_ + taken_, data.data(), n);
        command_used_ = std::max<std::size_t>(command_used_, chained_ + taken_ + n);
    }
    if (header_.type == from_host::set_parameters && fault_ == 0 && n > 0) {
        std::memcpy(wanted_parameters_.data() + taken_, data.data(), n);
    }
    taken_ += static_cast<std::uint32_t>(n);
    const bool full_packet = packet.size() == kBulkPacket;
    if (n < data.size()) {
        fault_ = error::length;
        receiving_ = Receiving::surplus;
        if (!full_packet) message_done();
    } else if (taken_ == header_.length) {
        message_done();
    } else if (!full_packet) {
        fault_ = error::length;
        message_done();
    }
}

void Ccid::message_done() {
    receiving_ = Receiving::nothing;
    held_ = true;
}

void Ccid::forget_stalled_message(std::uint32_t now) {
    if (receiving_ == Receiving::nothing || heard_) {
        heard_ = false;
        last_packet_ = now;
    } else if (now - last_packet_ >= kHalfMessageTimeout) {
        drop_message();
    }
}

// ---- messages are dealt with ----------------------------------------------------------------------------------------

void Ccid::settle() {
    if (awaited_ && finished_.load(std::memory_order_acquire) == posted_.load(std::memory_order_relaxed)) take_result();
    if (!awaited_ && power_off_due_) {
        power_off_due_ = false;
        post(Work::power_off);
        dropped_ = true;
    }
    if (!awaited_ && abort_answer_ && notice_free()) {
        queue_notice(*abort_answer_, {}, {});
        abort_answer_.reset();
    }
    if (held_) process();
}

// Whatever needs neither the thread nor the reply's buffer is answered at once; the rest waits for its turn, except
// that a second command while one runs is an error.
void Ccid::process() {
    const std::uint8_t fault = fault_of_header();
    if (header_.type == from_host::abort && fault == 0) return take_abort();
    if (!notice_free()) return;
    if (header_.type != from_host::abort) bulk_abort_.reset();
    if (control_abort_) return refuse(error::aborted);
    if (awaited_ && !dropped_) return refuse(error::slot_busy);
    if (reply_sending_.size > 0 || flight_ != Flight::nothing) return;
    if (!rule_of(header_.type).supported) return refuse(error::not_supported);
    if (fault != 0) {
        // An APDU of which a part was lost can't go on.
        if (header_.type == from_host::xfr_block) end_chain();
        return refuse(fault);
    }
    dispatch();
}

std::uint8_t Ccid::fault_of_header() const { return header_.slot != 0 ? error::slot : fault_; }

void Ccid::dispatch() {
    switch (header_.type) {
        case from_host::get_slot_status:
            return answer({}, {});
        case from_host::get_parameters:
            return answer(parameters_, {});
        case from_host::reset_parameters:
            parameters_ = kDefaultParameters;
            return answer(parameters_, {});
        case from_host::set_parameters:
            return set_parameters();
        case from_host::xfr_block:
            return transfer();
        case from_host::icc_power_on:
            if (header_.parameters[0] > kLastPowerSelect) return refuse(error::parameter);
            break;
        default:
            break;
    }
    if (awaited_) return;  // what was dropped hasn't ended
    end_chain();
    held_ = false;
    running_ = header_;
    post(header_.type == from_host::icc_power_on ? Work::power_on : Work::power_off);
}

// A pair of requests, one at the control endpoint and this one, in either order (5.3.1, 6.1.13).
void Ccid::take_abort() {
    if (control_abort_ && *control_abort_ != header_.sequence) {
        if (notice_free()) refuse(error::aborted);
        return;
    }
    held_ = false;
    if (control_abort_) {
        control_abort_.reset();
        abort_answer_ = header_;
        settle();
    } else {
        bulk_abort_ = header_;
    }
}

// Data that came while the thread had the buffer was not kept.
void Ccid::transfer() {
    if (!active_) return refuse(error::icc_mute);
    const std::uint16_t level = header_.level();
    const bool begins = level == level::whole || level == level::first;
    const bool goes_on = chaining_ && (level == level::middle || level == level::last);
    if (!begins && !goes_on) {
        end_chain();
        return refuse(error::level);
    }
    if (!stored_ && !chain_too_long_) return refuse(error::slot_busy);
    if (!chain_too_long_) chained_ += taken_;
    if (level == level::first || level == level::middle) {
        chaining_ = true;
        return answer({}, {0, 0, kGoOn});
    }
    // Longer than any command: it is answered as the card would answer, once it has come in whole.
    if (chain_too_long_) {
        end_chain();
        return answer(kTooLong, {});
    }
    chaining_ = false;
    command_size_ = chained_;
    held_ = false;
    running_ = header_;
    post(Work::transmit);
}

// There is no wire to the card, so that they change nothing; but what a host set it reads back.
void Ccid::set_parameters() {
    if (header_.parameters[0] != kProtocolT1) return refuse(error::parameter);
    if (header_.length != wanted_parameters_.size()) return refuse(error::length);
    const auto& wanted = wanted_parameters_;
    if ((wanted[1] & 0xFC) != 0x10) return refuse(error::data + 1);
    if (wanted[4] > 3) return refuse(error::data + 4);
    if (wanted[5] == 0 || wanted[5] == 0xFF) return refuse(error::data + 5);
    parameters_ = wanted;
    answer(parameters_, {});
}

// ---- the thread -----------------------------------------------------------------------------------------------------

void Ccid::post(Work work) {
    work_ = work;
    awaited_ = true;
    dropped_ = false;
    timing_ = false;
    posted_.store(static_cast<std::uint8_t>(posted_.load(std::memory_order_relaxed) + 1), std::memory_order_release);
}

bool Ccid::run() {
    const std::uint8_t posted = posted_.load(std::memory_order_acquire);
    if (posted == finished_.load(std::memory_order_relaxed)) return false;
    const MutableBytes out = MutableBytes(reply_).subspan(kHeaderSize);
    response_size_ = 0;
    switch (work_) {
        case Work::power_on: {
            const Bytes atr = slot_.power_on();
            response_size_ = std::min(atr.size(), out.size());
            std::copy_n(atr.begin(), response_size_, out.begin());
            break;
        }
        case Work::power_off:
            slot_.power_off();
            break;
        case Work::transmit:
            response_size_ = slot_.transmit(Bytes(command_).first(command_size_), out);
            wipe(MutableBytes(command_).first(command_used_));
            break;
    }
    finished_.store(posted, std::memory_order_release);
    return true;
}

void Ccid::take_result() {
    awaited_ = false;
    timing_ = false;
    if (work_ == Work::transmit) {
        chained_ = 0;
        command_used_ = 0;
    }
    if (work_ != Work::power_off) reply_used_ = kHeaderSize + response_size_;
    if (work_ == Work::power_on) active_ = response_size_ > 0 && !power_off_due_;
    if (work_ == Work::power_off) active_ = false;
    if (dropped_) {
        dropped_ = false;
        if (work_ != Work::power_off) wipe_reply();
        return;
    }
    const bool mute = response_size_ == 0 && work_ != Work::power_off;
    const Outcome outcome = mute ? Outcome{kFailed, error::icc_mute, 0} : Outcome{};
    reply_sending_ = {write_answer(reply_, running_, response_size_, outcome), 0};
}

// ---- answers --------------------------------------------------------------------------------------------------------

void Ccid::refuse(std::uint8_t error) { answer({}, {kFailed, error, 0}); }

// To the message in hand, which is done then.
void Ccid::answer(Bytes data, Outcome outcome) {
    held_ = false;
    queue_notice(header_, data, outcome);
}

// The header of an answer with `length` bytes of data; the whole message's size.
std::size_t Ccid::write_answer(MutableBytes out, const Header& to, std::size_t length, Outcome outcome) const {
    const std::uint8_t type = rule_of(to.type).answer;
    const std::uint8_t card = to.slot != 0 ? kNoCard : active_ ? kCardActive : kCardInactive;
    if (type == to_host::slot_status) outcome.last = active_ ? kClockRunning : kClockStoppedLow;
    if (type == to_host::parameters) outcome.last = kProtocolT1;
    out[0] = type;
    store_le32(&out[1], static_cast<std::uint32_t>(length));
    out[5] = to.slot;
    out[kSequenceOffset] = to.sequence;
    out[7] = static_cast<std::uint8_t>(outcome.status | card);
    out[8] = outcome.error;
    out[9] = outcome.last;
    return kHeaderSize + length;
}

void Ccid::queue_notice(const Header& to, Bytes data, Outcome outcome) {
    if (rule_of(to.type).answer == to_host::rate) data = kClockAndRate;  // always there (6.2.5)
    std::copy(data.begin(), data.end(), notice_.begin() + kHeaderSize);
    notice_sending_ = {write_answer(notice_, to, data.size(), outcome), 0};
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
                end_due_ = reply_sending_.size > 0 && reply_sending_.size % kBulkPacket == 0;
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
    event_ = {to_host::slot_change, kPresentAndChanged};
    event_due_ = false;
    event_in_flight_ = true;
    return event_;
}

void Ccid::event_sent() { event_in_flight_ = false; }

// ---- time -----------------------------------------------------------------------------------------------------------

void Ccid::tick(std::uint32_t now) {
    settle();
    forget_stalled_message(now);
    extend_time(now);
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
        queue_notice(*message, {}, {kTimeExtension, kOneMoreTime, 0});
        last_extension_ = now;
    }
}

}  // namespace sealkey::usb
